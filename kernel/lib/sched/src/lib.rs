//! Tasks, run queues, blocking and preemption.
//!
//! A [`Task`] is a flow of control with its own kernel stack (a [`Context`], made by the machine). A [`Scheduler`] decides which task
//! each CPU runs: per-CPU run queues ordered by virtual run time (weighted by nice value), slices of [`SLICE_NS`], no periodic tick (a
//! deadline is programmed only when another task is runnable or a timer is armed). It owns no globals and never touches hardware: the
//! [`Machine`] switches stacks, tells time and sleeps.
//!
//! The kernel is not preemptible: every method here is called with interrupts off, so a spin lock is never found held on its own CPU.
//!
//! **Blocking loses no wake-up**: a task has a wake token. [`Scheduler::block`] returns at once when a wake came since
//! [`Task::clear_wake`]; so: `clear_wake`, register the waker, look again, `block`.
//!
//! **Idle CPUs have no task of their own**: a task that blocks with nothing else to run waits for the next interrupt on its own stack, so
//! that a server with one thread blocks and wakes without any switch.
//!
//! Neighbours: `time` (timer queue), `wait` (wakers), `process` (threads own tasks), `image` (implements [`Machine`]).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
// What only several tasks use stands beside what one does.
#![cfg_attr(not(any(test, feature = "threads")), allow(dead_code))]

extern crate alloc;

mod dispatch;
mod machine;
#[cfg(any(test, feature = "threads"))]
mod queue;
mod scheduler;
#[cfg(any(test, not(feature = "threads")))]
#[cfg_attr(test, expect(dead_code, reason = "the tests of the scheduler have several tasks"))]
mod single;
mod task;

pub use machine::{Context, Machine};
pub use scheduler::{Scheduler, Wakeup};
pub use task::{Task, TaskStats};

/// How long a task runs while others wait for the CPU, in nanoseconds.
pub const SLICE_NS: u64 = 4_000_000;

#[cfg(test)]
mod tests;
