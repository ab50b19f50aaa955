//! Which thread of the application runs on this CPU: every context that runs application code is bound to its thread.

use alloc::sync::Arc;
use core::mem::ManuallyDrop;
use machine::pc::{self, KernelContext};
use process::Thread;

/// Says which thread runs on `context`. The thread outlives its context.
pub fn bind(context: &KernelContext, thread: &Arc<Thread>) {
    context.bind(Arc::as_ptr(thread).cast());
}

/// The running application thread; `None` on the boot stack.
#[inline(always)]
pub fn current() -> Option<ManuallyDrop<Arc<Thread>>> {
    let thread = pc::current_owner().cast::<Thread>();
    // SAFETY: only `bind` says what a context belongs to; the thread, once bound, lives longer. The count is not touched, hence `ManuallyDrop`.
    unsafe { (!thread.is_null()).then(|| ManuallyDrop::new(Arc::from_raw(thread))) }
}

/// The thread that made the system call being served: no questions asked.
///
/// # Safety
/// Only while a system call is served, which no context without a thread can make.
#[inline(always)]
pub unsafe fn caller() -> ManuallyDrop<Arc<Thread>> {
    // SAFETY: as in `current`; the caller says that context and thread are there.
    unsafe { ManuallyDrop::new(Arc::from_raw(pc::running_owner().cast::<Thread>())) }
}
