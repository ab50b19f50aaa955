//! How threads and processes end.

use crate::{End, Process, Thread};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use futex::{FutexKey, MATCH_ANY};
use uapi::Result;

/// exit(2): the calling thread ends at its next kernel exit; with the last one the process ends, with that one's `status`.
pub fn exit_thread(thread: &Thread, status: i32) {
    thread.exit_code.store(status, Ordering::Relaxed);
    thread.leave();
}

/// exit_group(2), or the end by a signal: every thread of the process ends. Does not return when the machine ends with the process.
pub fn exit_group(thread: &Thread, end: End) {
    let process = thread.process();
    let end = process.decide_end(end);
    if process.is_init() {
        thread.services().platform.end_machine(end);
    }
    for other in process.threads() {
        other.leave();
    }
}

impl Process {
    /// The key of a futex word in private memory (FUTEX_PRIVATE_FLAG): every operation on the word must use the same.
    #[cfg(feature = "threads")]
    #[inline]
    pub fn private_futex_key(&self, addr: u64) -> FutexKey {
        // No object lies where the process does, and no other space of its has a sleeper: execve(2) ends the other threads first.
        FutexKey { space_or_object: core::ptr::from_ref(self).expose_provenance() as u64, offset: addr }
    }

    /// The key of a futex word wherever it lies: of its object when the mapping is shared. EFAULT.
    #[cfg(feature = "threads")]
    pub fn futex_key(&self, addr: u64) -> Result<FutexKey> {
        Ok(match self.mm().futex_key(addr)? {
            mm::FutexKey::Private(addr) => self.private_futex_key(addr),
            mm::FutexKey::Shared { object, offset } => FutexKey { space_or_object: object, offset },
        })
    }
}

/// Marks the locks that a thread holds as their owner's death, and tells whoever joins it.
#[cfg(feature = "threads")]
pub(crate) fn release_futexes(thread: &Thread) {
    let services = thread.services();
    let process = thread.process();
    let user = thread.user();
    let head = thread.robust_list();
    thread.set_robust_list(0);
    if head != 0 {
        let tid = thread.tid().unsigned_abs();
        futex::robust_list_exit(user, head, tid, &services.futexes, &|addr| process.futex_key(addr));
    }
    let clear = thread.take_clear_child_tid();
    // Without another thread nobody looks.
    if clear != 0
        && process.thread_count() > 1
        && user.write(clear, &0u32).is_ok()
        && let Ok(key) = process.futex_key(clear)
    {
        services.futexes.wake(key, 1, MATCH_ANY);
    }
}

/// One thread alone has nobody to tell.
#[cfg(not(feature = "threads"))]
pub(crate) fn release_futexes(_thread: &Thread) {}

/// The last thing a thread does, on its way out.
///
/// The one thread of an image without others ends the machine.
#[cfg(not(feature = "threads"))]
pub(crate) fn finish(thread: &Arc<Thread>) -> ! {
    let code = thread.exit_code.load(Ordering::Relaxed);
    let end = thread.process().decide_end(End::Exit((code & 0xff) as u8));
    thread.services().platform.end_machine(end);
}

/// The last thing a thread does, on its way out. Only its task is left afterwards.
#[cfg(feature = "threads")]
pub(crate) fn finish(thread: &Arc<Thread>) {
    let services = thread.services().clone();
    let process = thread.process().clone();
    release_futexes(thread);
    process.signals().remove_thread(thread.signals());
    services.unregister(thread.tid());
    let code = thread.exit_code.load(Ordering::Relaxed);
    if process.remove_thread(thread) > 0 {
        return;
    }
    let end = process.decide_end(End::Exit((code & 0xff) as u8));
    #[cfg(feature = "posix-timers")]
    process.signals().timers().delete_all();
    if process.is_init() {
        services.platform.end_machine(end);
    }
    drop(process.files().close_range(0, u32::MAX));
}
