//! The application's output: to the log, and to the user if there is one, without ever blocking on either.

use super::poll_set::{PollSet, Ready, Slot};
use crate::logs::LogWriter;
use pith_abi::agent::{OUTPUT_WINDOW, Stream};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

/// Bytes of a stream that are held for a user who does not read before the guest is held back.
const HELD_LIMIT: usize = 1 << 20;
/// Bytes per write: a pipe that polls as writable takes this much without blocking (`PIPE_BUF`).
const WRITE: usize = 4096;

/// One stream's way to the user.
struct Sink<'a> {
    user: Option<BorrowedFd<'a>>,
    /// What each line begins with.
    prefix: Vec<u8>,
    is_in_line: bool,
    held: VecDeque<u8>,
    is_broken: bool,
    /// Bytes taken from the guest.
    total: u64,
    /// Bytes that the guest may send in total.
    granted: u64,
}

impl<'a> Sink<'a> {
    fn new(user: Option<BorrowedFd<'a>>, prefix: Vec<u8>) -> Self {
        Self { user, prefix, is_in_line: false, held: VecDeque::new(), is_broken: false, total: 0, granted: OUTPUT_WINDOW }
    }

    /// The descriptor to poll for writing, when something waits to be written.
    fn wanted(&self) -> Option<BorrowedFd<'a>> {
        self.user.filter(|_| !self.held.is_empty())
    }

    fn take(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if self.user.is_none() {
            return;
        }
        if self.prefix.is_empty() {
            self.held.extend(bytes);
            return;
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.is_in_line {
                self.held.extend(&self.prefix);
            }
            self.held.extend(line);
            self.is_in_line = !line.ends_with(b"\n");
        }
    }

    /// Writes at once what the user's end takes, saving a round through the big poll.
    fn drain_ready(&mut self) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        while let Some(user) = self.wanted() {
            let mut fds = [PollFd::from_borrowed_fd(user, PollFlags::OUT)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            match poll(&mut fds, Some(&now)) {
                Ok(1..) => self.drain(user),
                _ => return,
            }
        }
    }

    /// Writes one piece to the user.
    fn drain(&mut self, user: BorrowedFd<'_>) {
        let (first, _) = self.held.as_slices();
        let piece = first.get(..WRITE).unwrap_or(first);
        match rustix::io::write(user, piece) {
            Ok(written) => drop(self.held.drain(..written)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => {
                self.is_broken = true;
                self.abandon();
            }
        }
    }

    fn abandon(&mut self) {
        self.user = None;
        self.held.clear();
    }

    /// A new total for the guest, once a worthwhile part of the old one is used up.
    fn grant(&mut self) -> Option<u64> {
        let held = self.held.len() as u64;
        let possible = self.total + (HELD_LIMIT as u64).saturating_sub(held);
        if possible < self.granted + OUTPUT_WINDOW / 2 {
            return None;
        }
        self.granted = possible;
        Some(possible)
    }
}

/// Both streams and their log.
pub(super) struct Output<'a> {
    log: LogWriter,
    output: Sink<'a>,
    error: Sink<'a>,
}

/// Where the users' ends are in the poll set.
pub(super) struct Slots {
    output: Slot,
    error: Slot,
}

impl<'a> Output<'a> {
    pub(super) fn new(output: Option<BorrowedFd<'a>>, error: Option<BorrowedFd<'a>>, prefix: Vec<u8>, log: LogWriter) -> Self {
        Self { log, output: Sink::new(output, prefix.clone()), error: Sink::new(error, prefix) }
    }

    fn sink(&mut self, stream: Stream) -> &mut Sink<'a> {
        match stream {
            Stream::Output => &mut self.output,
            Stream::Error => &mut self.error,
        }
    }

    /// Whether more of a stream may be read from a serial line, which has no windows.
    pub(super) fn has_room(&self, stream: Stream) -> bool {
        let sink = if stream == Stream::Output { &self.output } else { &self.error };
        sink.held.len() < HELD_LIMIT
    }

    /// Whether the agent channel may be read. Windows keep it so; this holds back a guest that does not care for them.
    pub(super) fn has_any_room(&self) -> bool {
        self.output.held.len().max(self.error.held.len()) < 2 * HELD_LIMIT
    }

    /// The user closed the other end of the standard output.
    pub(super) fn is_broken(&self) -> bool {
        self.output.is_broken
    }

    /// Bytes taken so far.
    pub(super) fn total(&self) -> u64 {
        self.output.total + self.error.total
    }

    /// Takes what the application wrote.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        self.log.write(stream, bytes);
        self.sink(stream).take(bytes);
    }

    /// Writes what the users' ends take at once.
    pub(super) fn drain_ready(&mut self) {
        self.output.drain_ready();
        self.error.drain_ready();
    }

    /// New totals for the guest.
    pub(super) fn grants(&mut self) -> impl Iterator<Item = (Stream, u64)> {
        let (output, error) = (self.output.grant(), self.error.grant());
        [(Stream::Output, output), (Stream::Error, error)].into_iter().filter_map(|(stream, total)| Some((stream, total?)))
    }

    /// Everything has reached the users.
    pub(super) fn is_drained(&self) -> bool {
        self.output.held.is_empty() && self.error.held.is_empty()
    }

    /// Gives up on users who do not read. The log has it all.
    pub(super) fn abandon(&mut self) {
        self.output.abandon();
        self.error.abandon();
    }

    pub(super) fn add_to(&self, set: &mut PollSet<'a>) -> Slots {
        let mut add = |sink: &Sink<'a>| sink.wanted().map_or(Slot::NONE, |fd| set.add_fd(fd, false, true));
        Slots { output: add(&self.output), error: add(&self.error) }
    }

    /// Writes to those users who are ready.
    pub(super) fn turn(&mut self, ready: &Ready, slots: &Slots) {
        for (sink, slot) in [(&mut self.output, slots.output), (&mut self.error, slots.error)] {
            if let (true, Some(user)) = (ready.is(slot), sink.wanted()) {
                sink.drain(user);
            }
        }
    }
}
