//! Kernels without an agent: standard input on COM1, control bytes on COM2.

use super::input::Input;
use pith_abi::control::{end_of_input, signal_byte};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

/// What goes to the two serial lines.
#[derive(Default)]
pub(super) struct Serial {
    control: VecDeque<u8>,
    input_ended: bool,
    /// The guest was seen to use its lines.
    is_certain: bool,
    /// Bytes at the front of the input that were sent before that was certain: they are kept, because a kernel that only starts slowly has an agent.
    uncertain: usize,
}

impl Serial {
    /// The guest uses its lines.
    pub(super) fn confirm(&mut self, input: &mut Input<'_>) {
        self.is_certain = true;
        input.sent(std::mem::take(&mut self.uncertain));
    }

    /// Whether the guest was seen to use its lines.
    pub(super) fn is_certain(&self) -> bool {
        self.is_certain
    }

    /// Asks for a signal; `false` when there is no way to ask for that one.
    pub(super) fn signal(&mut self, number: u8) -> bool {
        let byte = signal_byte(number);
        self.control.extend(byte);
        byte.is_some()
    }

    pub(super) fn has_control(&self) -> bool {
        !self.control.is_empty()
    }

    pub(super) fn has_data(&self, input: &Input<'_>) -> bool {
        input.front().len() > self.uncertain
    }

    /// Sends what the lines take.
    pub(super) fn send(&mut self, input: &mut Input<'_>, console: BorrowedFd<'_>, stderr: BorrowedFd<'_>) {
        if let Some(piece) = input.front().get(self.uncertain..).filter(|piece| !piece.is_empty()) {
            let sent = write(console, piece);
            match self.is_certain {
                true => input.sent(sent),
                false => self.uncertain += sent,
            }
        }
        if let (false, false, Some(total)) = (self.input_ended, input.has_data(), input.end()) {
            self.input_ended = true;
            self.control.extend(end_of_input(total).bytes());
        }
        let (piece, _) = self.control.as_slices();
        if !piece.is_empty() {
            let sent = write(stderr, piece);
            drop(self.control.drain(..sent));
        }
    }
}

/// Bytes that are on their way. When the monitor is gone all are; its process will say so.
fn write(to: BorrowedFd<'_>, piece: &[u8]) -> usize {
    match rustix::io::write(to, piece) {
        Ok(written) => written,
        Err(Errno::AGAIN | Errno::INTR) => 0,
        Err(_) => piece.len(),
    }
}
