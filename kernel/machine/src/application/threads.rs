//! Threads of the application: tasks whose contexts begin in the kernel.

use crate::pc::KernelContext;
use crate::space::kernel_space;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use arch_x86_64::cpu;
use sched::{Scheduler, Task, Wakeup};
use spin::Once;
use uapi::Result;
use wait::{Events, Registration, Share, WaitQueue};

static SCHEDULER: Once<Arc<Scheduler>> = Once::new();

pub(super) fn start(scheduler: &Arc<Scheduler>) {
    SCHEDULER.call_once(|| scheduler.clone());
}

/// The scheduler, once threads may run.
#[inline]
pub fn scheduler() -> &'static Arc<Scheduler> {
    match SCHEDULER.get() {
        Some(scheduler) => scheduler,
        None => panic!("threads before there is a scheduler"),
    }
}

/// What a thread begins with.
type Body = Box<dyn FnOnce() + Send>;

extern "C" fn first(body: usize) -> ! {
    scheduler().finish_switch();
    // SAFETY: `spawn` made it for this thread alone.
    let body = unsafe { Box::from_raw(body as *mut Body) };
    body();
    exit_thread()
}

/// Starts a thread with `stack_bytes` of stack and an unmapped page below. ENOMEM.
pub fn spawn(stack_bytes: u64, body: Body) -> Result<Arc<Task>> {
    let stack = kernel_space().alloc_stack(stack_bytes)?;
    let context = KernelContext::call(stack, first, Box::into_raw(Box::new(body)) as usize);
    let task = scheduler().create(Box::new(context));
    scheduler().start(&task);
    Ok(task)
}

/// Ends the running thread. Nothing on its stack is dropped.
pub fn exit_thread() -> ! {
    scheduler().exit_current()
}

/// Lets interrupts in, and gives way when the thread's turn is over.
#[inline]
pub fn breathe() {
    cpu::poll_interrupts();
    if scheduler().need_resched() {
        scheduler().preempt();
    }
}

/// Lets interrupts in, and gives way to every other thread that is ready.
pub fn next_slice() {
    cpu::poll_interrupts();
    scheduler().yield_now();
}

/// Waits until `ready` is true, looking again whenever one of `queues` reports its events; `false` when `deadline_ns` (on the monotonic clock) came first.
pub fn wait_on(queues: &[(&WaitQueue, Events)], deadline_ns: Option<u64>, ready: &mut dyn FnMut() -> bool) -> bool {
    breathe();
    if ready() {
        return true;
    }
    let Some(task) = scheduler().current() else { panic!("no thread runs that could wait") };
    task.clear_wake();
    let register = |(queue, events): &(&WaitQueue, Events)| queue.register(*events, Share::All, task.waker());
    let _registrations: Vec<Registration> = queues.iter().map(register).collect();
    let mut last = Wakeup::Woken;
    loop {
        if ready() {
            return true;
        }
        if last == Wakeup::TimedOut {
            return false;
        }
        last = scheduler().block(deadline_ns);
    }
}
