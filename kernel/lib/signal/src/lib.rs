//! Signals: sets, queues, actions, delivery (signal(7)).
//!
//! A [`SignalGroup`] is a process's share: actions, the process-wide queue and the threads to choose from. A [`ThreadSignals`] is a
//! thread's: its mask, its own queue, its alternate stack. [`SignalGroup::send`] queues a signal and wakes whoever is to take it;
//! [`SignalGroup::next`], called on the way back to the application, says what to do. How a handler's frame looks is the
//! architecture's business (`arch/*/sigframe`); who ends the process is `process`'s.
//!
//! Built on top: [`SignalFd`] (signalfd(2)), [`PosixTimers`] (timer_create(2)) and [`IntervalTimers`] (setitimer(2)).
//!
//! Neighbours: `process` (owns groups, delivers), `syscall` (rt_sig*, kill, timers), `time` (timer queue), `futex`-like waits
//! (interrupted through the thread's waker).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod action;
#[cfg(any(test, not(feature = "queue")))]
#[cfg_attr(all(test, feature = "queue"), expect(dead_code, reason = "the tests of signals have queues"))]
mod bits;
mod delivery;
mod group;
mod info;
#[cfg(feature = "interval-timers")]
mod itimer;
#[cfg(feature = "queue")]
mod pending;
#[cfg(feature = "posix-timers")]
mod posix_timer;
mod set;
mod signalfd;
mod thread;
mod timer_spec;

#[cfg(not(feature = "queue"))]
use bits as pending;

pub use action::{Action, DefaultAction, KernelSigaction, SaFlags};
pub use delivery::Delivery;
pub use group::{Force, Sent, SignalGroup, Target};
pub use info::{SigInfo, code};
#[cfg(feature = "interval-timers")]
pub use itimer::{IntervalTimers, ItimerKind, ItimerValue};
#[cfg(feature = "posix-timers")]
pub use posix_timer::{Notify, PosixTimers, Start, TimerClock};
pub use set::{Signal, SignalSet};
pub use signalfd::{CurrentThread, SignalFd, SignalfdSiginfo};
pub use thread::{AltStack, MIN_STACK_BYTES, SsFlags, StackT, ThreadSignals};
pub use timer_spec::TimerSpec;

use uapi::Errno;

/// What becomes of a system call that a signal interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Run it again with the same arguments.
    Again,
    /// It returns EINTR.
    Interrupted,
}

/// The rule for a call that ended with `error` (signal(7), "Interruption of system calls"): `None` when the error is an ordinary one.
/// `handler` is the flags of the handler that runs before the call returns, if one does.
pub fn restart_rule(error: Errno, handler: Option<SaFlags>) -> Option<Restart> {
    match (error, handler) {
        (Errno::ERESTARTSYS | Errno::ERESTARTNOHAND, None) => Some(Restart::Again),
        (Errno::ERESTARTSYS, Some(flags)) if flags.contains(SaFlags::RESTART) => Some(Restart::Again),
        (Errno::ERESTARTSYS | Errno::ERESTARTNOHAND, Some(_)) => Some(Restart::Interrupted),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
