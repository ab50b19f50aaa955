//! Urgent data (RFC 9293 §3.8.5, tcp(7)): one byte out of band, and the mark where it was, as Linux and BSD have it.

use super::Connection;
use super::segment::{Segment, flags};
use super::seq::Seq;
use crate::output::Net;
use file::Events;
use uapi::{Errno, Result};

/// What has become of the urgent byte that the peer has announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Byte {
    /// There is none, or reading has passed it.
    None,
    /// Announced, at this sequence number.
    Expected(Seq),
    /// In the receive queue.
    Here(u8),
    /// Given to the application by MSG_OOB; its place in the stream is still marked.
    Taken,
}

/// Both directions' urgent state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Urgent {
    /// The sequence number behind the last urgent byte that we send.
    end: Option<Seq>,
    byte: Byte,
    /// Bytes to be read before the urgent one, once it is in the queue.
    ahead: usize,
    /// SO_OOBINLINE: the byte is read like any other.
    pub inline: bool,
}

impl Urgent {
    /// Without any.
    pub const NONE: Urgent = Urgent { end: None, byte: Byte::None, ahead: 0, inline: false };

    /// Nothing urgent, with the same setting of SO_OOBINLINE.
    pub fn forgotten(&self) -> Urgent {
        Urgent { inline: self.inline, ..Urgent::NONE }
    }

    /// The urgent pointer of a segment that begins at `seq`.
    pub fn pointer(&self, seq: Seq) -> Option<u16> {
        let end = self.end.filter(|end| seq.before(*end))?;
        u16::try_from(end.since(seq)).ok()
    }

    /// Whether segments may need pointers.
    pub fn sending(&self) -> bool {
        self.end.is_some()
    }

    /// Everything before `una` has arrived.
    pub fn acknowledged(&mut self, una: Seq) {
        if self.end.is_some_and(|end| !una.before(end)) {
            self.end = None;
        }
    }

    /// Whether poll(2) says POLLPRI.
    pub fn is_here(&self) -> bool {
        matches!(self.byte, Byte::Here(_))
    }

    fn is_marked(&self) -> bool {
        matches!(self.byte, Byte::Here(_) | Byte::Taken)
    }

    /// SIOCATMARK.
    pub fn at_mark(&self) -> bool {
        self.is_marked() && self.ahead == 0
    }

    /// The bytes among `queued` that reading can take before it must stop.
    pub fn readable(&self, queued: usize) -> usize {
        if self.is_marked() && !self.inline && self.ahead < queued { self.ahead } else { queued }
    }

    /// `used` bytes have been read.
    pub fn read(&mut self, used: usize) {
        if !self.is_marked() {
            return;
        }
        match self.ahead.checked_sub(used) {
            Some(ahead) => self.ahead = ahead,
            // Read past, which takes the chance to ask for it by MSG_OOB away.
            None => (self.byte, self.ahead) = (Byte::None, 0),
        }
    }

    /// recv(2) with MSG_OOB: the byte. EINVAL: there is none, or it is in the stream; EAGAIN: it has not arrived yet.
    pub fn take(&mut self, peek: Peek) -> Result<u8> {
        match self.byte {
            _ if self.inline => Err(Errno::EINVAL),
            Byte::None | Byte::Taken => Err(Errno::EINVAL),
            Byte::Expected(_) => Err(Errno::EAGAIN),
            Byte::Here(byte) => {
                if peek == Peek::No {
                    self.byte = Byte::Taken;
                }
                Ok(byte)
            }
        }
    }
}

/// Whether what is received stays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Peek {
    No,
    /// MSG_PEEK
    Yes,
}

impl Connection {
    /// The last byte queued is urgent.
    pub(super) fn mark_urgent(&mut self) {
        self.urgent.end = Some(self.data_end());
    }

    /// Takes a segment's urgent pointer, before its data.
    pub(super) fn note_urgent(&mut self, segment: &Segment<'_>) {
        if !segment.has(flags::URG) {
            return;
        }
        // The pointer is taken to point behind the byte, as all systems do (RFC 6093 §3.1).
        let seq = segment.seq.plus(usize::from(segment.urgent.saturating_sub(1)));
        let known = matches!(self.urgent.byte, Byte::Expected(old) if !seq.after(old));
        if !seq.before(self.rcv_nxt) && !known {
            self.urgent.byte = Byte::Expected(seq);
        }
    }

    /// In-order data is in the queue: the urgent byte may be among it.
    pub(super) fn find_urgent(&mut self, net: &mut Net) {
        let Byte::Expected(seq) = self.urgent.byte else { return };
        if !seq.before(self.rcv_nxt) {
            return;
        }
        let behind = self.rcv_nxt.since(seq);
        let Some(offset) = self.rx.len().checked_sub(behind) else { return };
        let mut byte = [0];
        self.rx.copy(offset, &mut byte);
        self.urgent.byte = Byte::Here(byte[0]);
        self.urgent.ahead = self.reading + offset;
        self.wake(net, Events::PRI | Events::READABLE);
    }

    /// Before reading: an urgent byte at the front, not wanted in the stream, is passed over. Returns how many bytes may be read.
    pub(super) fn pass_urgent(&mut self, net: &mut Net) -> usize {
        if !self.urgent.at_mark() || self.rx.is_empty() {
            return self.urgent.readable(self.rx.len());
        }
        if self.urgent.inline {
            return self.rx.len();
        }
        self.rx.consume(1);
        net.buffered = net.buffered.saturating_sub(1);
        self.urgent.read(1);
        self.publish();
        self.rx.len()
    }
}
