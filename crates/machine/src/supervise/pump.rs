//! Bytes from one descriptor to another, without ever blocking on either.

use rustix::io::Errno;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::fd::BorrowedFd;

/// Bytes held for a user who does not read before the guest is held back.
const HELD_LIMIT: usize = 1 << 20;
/// Bytes per read.
const CHUNK: usize = 64 * 1024;
/// Bytes per write: a pipe that polls as writable takes this much without blocking (`PIPE_BUF`).
const WRITE: usize = 4096;

/// A machine's output stream: to a log file, and to the user if there is one.
pub(super) struct Sink<'a> {
    user: Option<BorrowedFd<'a>>,
    log: File,
    held: VecDeque<u8>,
    is_broken: bool,
    total: u64,
}

impl<'a> Sink<'a> {
    pub(super) fn new(user: Option<BorrowedFd<'a>>, log: File) -> Self {
        Self { user, log, held: VecDeque::new(), is_broken: false, total: 0 }
    }

    /// Whether more may be read from the machine.
    pub(super) fn has_room(&self) -> bool {
        self.held.len() < HELD_LIMIT
    }

    /// The user closed the other end.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Bytes taken so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The descriptor to poll for writing, when something waits to be written.
    pub(super) fn wanted(&self) -> Option<BorrowedFd<'a>> {
        self.user.filter(|_| !self.held.is_empty())
    }

    /// Takes one chunk from the machine. `None` when there is nothing (more).
    pub(super) fn fill(&mut self, from: BorrowedFd<'_>) -> Option<Vec<u8>> {
        let mut buffer = vec![0; CHUNK];
        let got = loop {
            match rustix::io::read(from, &mut buffer) {
                Ok(0) | Err(Errno::AGAIN) => return None,
                Ok(got) => break got,
                Err(Errno::INTR) => {}
                // The monitor is gone; its process will say so.
                Err(_) => return None,
            }
        };
        buffer.truncate(got);
        self.total += got as u64;
        // A full disk must not stop the machine: the log ends, the stream goes on.
        let _ = self.log.write_all(&buffer);
        if self.user.is_some() {
            self.held.extend(&buffer);
            self.drain_ready();
        }
        Some(buffer)
    }

    /// Writes at once what the user's end takes, saving a round through poll.
    fn drain_ready(&mut self) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        while let Some(user) = self.wanted() {
            let mut fds = [PollFd::from_borrowed_fd(user, PollFlags::OUT)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            match poll(&mut fds, Some(&now)) {
                Ok(1..) => self.drain(),
                _ => return,
            }
        }
    }

    /// Writes one piece to the user.
    pub(super) fn drain(&mut self) {
        let Some(user) = self.user else { return };
        let (first, _) = self.held.as_slices();
        let piece = first.get(..WRITE).unwrap_or(first);
        match rustix::io::write(user, piece) {
            Ok(written) => drop(self.held.drain(..written)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => {
                self.is_broken = true;
                self.user = None;
                self.held.clear();
            }
        }
    }

    /// Writes everything, waiting for the user as long as it takes.
    pub(super) fn drain_all(&mut self) {
        use rustix::event::{PollFd, PollFlags, poll};
        while let Some(user) = self.wanted() {
            let mut fds = [PollFd::from_borrowed_fd(user, PollFlags::OUT)];
            // An interrupted wait is repeated; any other error shows in the write.
            let _ = poll(&mut fds, None);
            self.drain();
        }
    }
}

/// The machine's input: the user's standard input on COM1, control bytes on COM2.
pub(super) struct Feed<'a> {
    input: Option<BorrowedFd<'a>>,
    data: VecDeque<u8>,
    control: VecDeque<u8>,
    total: u64,
}

impl<'a> Feed<'a> {
    pub(super) fn new(input: Option<BorrowedFd<'a>>) -> Self {
        let mut feed = Self { input, data: VecDeque::new(), control: VecDeque::new(), total: 0 };
        if input.is_none() {
            feed.end();
        }
        feed
    }

    fn end(&mut self) {
        self.input = None;
        let message = pith_abi::control::end_of_input(self.total);
        self.push_control(message.as_bytes());
    }

    pub(super) fn push_control(&mut self, bytes: &[u8]) {
        self.control.extend(bytes);
    }

    pub(super) fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    pub(super) fn has_control(&self) -> bool {
        !self.control.is_empty()
    }

    /// The descriptor to poll for reading, when there is room.
    pub(super) fn wanted(&self) -> Option<BorrowedFd<'a>> {
        self.input.filter(|_| self.data.is_empty())
    }

    /// Takes one chunk from the user.
    pub(super) fn fill(&mut self) {
        let Some(input) = self.input else { return };
        let mut buffer = vec![0; CHUNK];
        match rustix::io::read(input, &mut buffer) {
            Ok(got @ 1..) => {
                self.total += got as u64;
                self.data.extend(buffer.iter().take(got));
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // End of input, or an input that cannot be read: the same to the application.
            Ok(_) | Err(_) => self.end(),
        }
    }

    /// Sends what the machine takes.
    pub(super) fn send(&mut self, console: BorrowedFd<'_>, stderr: BorrowedFd<'_>) {
        for (queue, to) in [(&mut self.data, console), (&mut self.control, stderr)] {
            let (piece, _) = queue.as_slices();
            if piece.is_empty() {
                continue;
            }
            match rustix::io::write(to, piece) {
                Ok(written) => drop(queue.drain(..written)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                // The monitor is gone; its process will say so.
                Err(_) => queue.clear(),
            }
        }
    }
}
