//! One poll(2) over descriptors that come and go.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// What is waited for.
#[derive(Default)]
pub(super) struct PollSet<'a> {
    fds: Vec<PollFd<'a>>,
}

/// A descriptor's place in the set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot(Option<usize>);

impl Slot {
    /// Never ready.
    pub(super) const NONE: Self = Self(None);
}

impl<'a> PollSet<'a> {
    /// Adds a descriptor to wait for reading, writing, both or neither (its end is noticed all the same).
    pub(super) fn add(&mut self, fd: &'a impl AsFd, read: bool, write: bool) -> Slot {
        self.add_fd(fd.as_fd(), read, write)
    }

    pub(super) fn add_fd(&mut self, fd: BorrowedFd<'a>, read: bool, write: bool) -> Slot {
        let flag = |wanted, flag| if wanted { flag } else { PollFlags::empty() };
        self.fds.push(PollFd::from_borrowed_fd(fd, flag(read, PollFlags::IN) | flag(write, PollFlags::OUT)));
        Slot(Some(self.fds.len() - 1))
    }

    /// Waits until something is ready or `until` comes.
    pub(super) fn wait(mut self, until: Option<Instant>) -> io::Result<Ready> {
        let timeout = until.map(|at| {
            let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() }
        });
        match poll(&mut self.fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Ready { slots: self.fds.iter().map(|fd| !fd.revents().is_empty()).collect() })
    }
}

/// What has become ready.
pub(super) struct Ready {
    slots: Vec<bool>,
}

impl Ready {
    pub(super) fn is(&self, slot: Slot) -> bool {
        slot.0.and_then(|at| self.slots.get(at)).copied().unwrap_or(false)
    }
}
