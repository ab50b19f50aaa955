//! What the scheduler needs from the machine below it.

/// A saved flow of control: a kernel stack and the registers on it. Dropping it frees the stack; the scheduler drops it only when the
/// flow has left that stack for good.
pub trait Context: Send + Sync {
    /// A number by which the machine finds the context again in [`Machine::switch`] (the address of its saved stack pointer, say).
    fn raw(&self) -> usize;
}

/// The CPU side of scheduling. Every method is called with interrupts off.
pub trait Machine: Send + Sync {
    /// Nanoseconds on the monotonic clock.
    fn now_ns(&self) -> u64;
    /// The CPU that executes the call, below [`cpu_count`](Self::cpu_count).
    fn cpu_id(&self) -> usize;
    /// CPUs that take part in scheduling.
    fn cpu_count(&self) -> usize;
    /// Saves the running flow into the context whose [`Context::raw`] is `prev` and goes on with `next`. Returns when something switches
    /// back to `prev`, possibly on another CPU. A context that runs for the first time calls [`Scheduler::finish_switch`](crate::Scheduler::finish_switch)
    /// before anything else.
    fn switch(&self, prev: usize, next: usize);
    /// Turns interrupts on, waits for at least one, turns them off again. An interrupt that is already pending ends it at once.
    fn idle(&self);
    /// Asks this CPU for a timer interrupt at `deadline` (monotonic nanoseconds; a past one means at once), instead of any asked for before.
    fn set_deadline(&self, deadline: Option<u64>);
    /// Interrupts another CPU so that it looks at its run queue.
    fn kick(&self, cpu: usize);
}
