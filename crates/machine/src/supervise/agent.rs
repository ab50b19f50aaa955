//! Our end of the agent channel.

use super::input::Input;
use super::server::ClientId;
use pith_abi::agent::{FrameReader, INPUT_WINDOW, Message, Operation, Status};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;

/// Bytes per read, and per frame of input.
const CHUNK: usize = 32 * 1024;
/// No new input is put behind this many bytes that wait to be sent.
const OUTGOING_LIMIT: usize = 64 * 1024;
/// The id of requests whose answer nobody waits for.
const NOBODY: u16 = 0;

/// A question of a client that the guest has not answered.
struct Pending {
    id: u16,
    client: ClientId,
    operation: Operation,
}

/// One conversation with the guest's kernel.
pub(super) struct Agent {
    reader: FrameReader,
    buffer: Vec<u8>,
    outgoing: Vec<u8>,
    /// What the guest speaks, once it has said so.
    version: Option<u16>,
    input_sent: u64,
    input_window: u64,
    input_ended: bool,
    pending: Vec<Pending>,
    last_id: u16,
    /// The guest sends what is no frame.
    is_broken: bool,
}

impl Agent {
    pub(super) fn new() -> Self {
        Self {
            reader: FrameReader::default(),
            buffer: vec![0; CHUNK],
            outgoing: Vec::new(),
            version: None,
            input_sent: 0,
            input_window: INPUT_WINDOW,
            input_ended: false,
            pending: Vec::new(),
            last_id: NOBODY,
            is_broken: false,
        }
    }

    /// Whether the guest has an agent.
    pub(super) fn is_up(&self) -> bool {
        self.version.is_some()
    }

    pub(super) fn wants_to_read(&self) -> bool {
        !self.is_broken
    }

    pub(super) fn has_output(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Takes one chunk from the channel and hands out what it says, but for the little that is dealt with here. Whether there was any.
    pub(super) fn receive(&mut self, channel: BorrowedFd<'_>, take: &mut dyn FnMut(Message<'_>)) -> bool {
        let got = loop {
            match rustix::io::read(channel, &mut self.buffer) {
                Err(Errno::INTR) => {}
                // Nothing now, or the monitor is gone; its process will say so.
                Ok(0) | Err(_) => return false,
                Ok(got) => break got,
            }
        };
        let mut rest = self.buffer.get(..got).unwrap_or_default();
        loop {
            match self.reader.next(&mut rest) {
                Ok(Some(frame)) => match Message::parse(frame) {
                    Some(Message::Hello { version }) => {
                        self.version = Some(version);
                        Message::HELLO.encode(&mut self.outgoing);
                    }
                    Some(Message::Window { stream: None, total }) => self.input_window = self.input_window.max(total),
                    Some(message) => take(message),
                    None => {}
                },
                Ok(None) => return true,
                Err(_) => {
                    self.is_broken = true;
                    return true;
                }
            }
        }
    }

    /// Who asked the question that has this id, and what it was.
    pub(super) fn take_pending(&mut self, id: u16) -> Option<(ClientId, Operation)> {
        let at = self.pending.iter().position(|pending| pending.id == id)?;
        let pending = self.pending.swap_remove(at);
        Some((pending.client, pending.operation))
    }

    /// Puts a message into the queue.
    pub(super) fn say(&mut self, message: &Message<'_>) {
        message.encode(&mut self.outgoing);
    }

    /// Asks the guest for something, on behalf of a client if there is one.
    pub(super) fn ask(&mut self, client: Option<ClientId>, operation: Operation, payload: &[u8]) {
        let mut id = NOBODY;
        if let Some(client) = client {
            // Sixty-five thousand questions at a time are more than there can be clients.
            self.last_id = self.last_id.wrapping_add(1).max(NOBODY + 1);
            id = self.last_id;
            self.pending.push(Pending { id, client, operation });
        }
        self.say(&Message::Request { id, operation: operation as u8, payload });
    }

    /// Sends as much input as the guest has granted.
    pub(super) fn feed(&mut self, input: &mut Input<'_>) {
        while input.has_data() && self.outgoing.len() < OUTGOING_LIMIT {
            let room = usize::try_from(self.input_window - self.input_sent).unwrap_or(usize::MAX).min(CHUNK);
            let front = input.front();
            let piece = front.get(..room).unwrap_or(front);
            if piece.is_empty() {
                return;
            }
            Message::Input(piece).encode(&mut self.outgoing);
            let count = piece.len();
            self.input_sent += count as u64;
            input.sent(count);
        }
        if !self.input_ended && !input.has_data() && input.end().is_some() {
            self.input_ended = true;
            self.say(&Message::InputEnd);
        }
    }

    /// Writes what the channel takes.
    pub(super) fn send(&mut self, channel: BorrowedFd<'_>) {
        if self.outgoing.is_empty() {
            return;
        }
        match rustix::io::write(channel, &self.outgoing) {
            Ok(written) => drop(self.outgoing.drain(..written)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            // The monitor is gone; its process will say so.
            Err(_) => self.outgoing.clear(),
        }
    }
}

/// Why the guest did not do it, for people.
pub(super) fn refusal(status: Status) -> &'static str {
    match status {
        Status::Done => "done",
        Status::Unsupported => "the machine's kernel does not know how",
        Status::Invalid => "the machine's kernel finds no sense in it",
        Status::Failed => "the machine's kernel could not do it",
    }
}
