//! Waiting for a machine's end, without polling while it runs.

use crate::state::{Process, Status};
use crate::store::{Machine, Store, StoreError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags};
use std::thread;
use std::time::{Duration, Instant};

/// How often a machine is looked at whose supervisor changes or cannot be watched.
const STEP: Duration = Duration::from_millis(5);

/// Waits until nobody supervises the machine any more, at most until `deadline`. Returns it as it was last seen, and
/// whether it has ended. A machine that is gone has ended too, and is returned as it was.
///
/// # Errors
/// A record that became unreadable.
pub fn until_end(store: &Store, mut machine: Machine, deadline: Option<Instant>) -> Result<(Machine, bool), StoreError> {
    loop {
        // Asked before reading: what is read then is at least as new.
        let status = machine.status();
        if !is_in_use(&machine, status) {
            return match store.get(&machine.record.id) {
                Ok(last) => Ok((last, true)),
                Err(StoreError::NotFound(_) | StoreError::Io { .. }) => Ok((machine, true)),
                Err(error) => Err(error),
            };
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Ok((machine, false));
        }
        if !machine.record.supervisor.is_some_and(|process| watch(process, left)) {
            thread::sleep(left.map_or(STEP, |left| left.min(STEP)));
        }
        match store.get(&machine.record.id) {
            Ok(now) => machine = now,
            Err(StoreError::NotFound(_) | StoreError::Io { .. }) => return Ok((machine, true)),
            Err(error) => return Err(error),
        }
    }
}

/// Running, or on its way to it.
#[must_use]
pub fn is_in_use(machine: &Machine, status: Status) -> bool {
    status.is_live() || (status == Status::Created && machine.record.supervisor.is_some_and(|process| process.is_alive()))
}

/// Sleeps until the process has ended; `false` when it cannot be watched.
fn watch(process: Process, limit: Option<Duration>) -> bool {
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { return false };
    let Ok(descriptor) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { return false };
    if !process.is_alive() {
        return false;
    }
    // More than can be said is for ever.
    let timeout = limit.and_then(|limit| Timespec::try_from(limit).ok());
    // Interrupted or not, the caller looks again.
    let _ = poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], timeout.as_ref());
    true
}
