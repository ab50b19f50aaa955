//! The application's standard input, as it is read from the user.

use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

/// Bytes per read.
const CHUNK: usize = 64 * 1024;

/// The user's standard input on its way to the guest.
pub(super) struct Input<'a> {
    user: Option<BorrowedFd<'a>>,
    data: VecDeque<u8>,
    /// Bytes read from the user.
    total: u64,
}

impl<'a> Input<'a> {
    /// `None` is an empty input.
    pub(super) fn new(user: Option<BorrowedFd<'a>>) -> Self {
        Self { user, data: VecDeque::new(), total: 0 }
    }

    /// The descriptor to poll for reading, when there is room.
    pub(super) fn wanted(&self) -> Option<BorrowedFd<'a>> {
        self.user.filter(|_| self.data.is_empty())
    }

    /// Bytes wait to be sent.
    pub(super) fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    /// The number of all bytes, once it is known.
    pub(super) fn end(&self) -> Option<u64> {
        self.user.is_none().then_some(self.total)
    }

    /// Takes one chunk from the user.
    pub(super) fn fill(&mut self) {
        let Some(user) = self.user else { return };
        let mut buffer = vec![0; CHUNK];
        match rustix::io::read(user, &mut buffer) {
            Ok(got @ 1..) => {
                self.total += got as u64;
                self.data.extend(buffer.iter().take(got));
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // End of input, or an input that cannot be read: the same to the application.
            Ok(_) | Err(_) => self.user = None,
        }
    }

    /// What is to be sent next.
    pub(super) fn front(&self) -> &[u8] {
        self.data.as_slices().0
    }

    /// The first `count` bytes are on their way.
    pub(super) fn sent(&mut self, count: usize) {
        drop(self.data.drain(..count.min(self.data.len())));
    }
}
