//! The guest's side of the agent protocol, as a state machine: bytes in, bytes out.
//!
//! [`Agent`] is one conversation. Its caller moves the bytes: what came from the host goes into [`Agent::receive`], what [`Agent::outgoing`] holds is to be
//! sent, in order. Output of the application is not copied through here: [`Agent::room`] says how much of it may be sent, [`Agent::output`] makes the header
//! that goes before it. What the host may ask of the kernel is the trait [`Kernel`].
//!
//! Neighbours: `pith-abi` defines the messages; `virtio-console` carries them; the image joins the two and implements [`Kernel`].
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use pith_abi::agent::{
    FrameReader, HEADER_BYTES, Header, INPUT_WINDOW, MAX_PAYLOAD, Message, OUTPUT_WINDOW, Operation, Stats, Status, Stream, kind,
};

/// What the host may ask of the kernel.
pub trait Kernel {
    /// Sends the application a signal (1 to 64); `false` when it cannot be sent.
    fn signal(&self, number: u8) -> bool;
    /// The terminal has this size now; `false` when there is none.
    fn resize(&self, rows: u16, columns: u16) -> bool;
    /// Counters of the machine.
    fn stats(&self) -> Stats;
}

/// How much of an output stream was sent, and how much may be.
#[derive(Clone, Copy)]
struct Window {
    sent: u64,
    granted: u64,
}

/// Standard input.
#[derive(Default)]
struct Input {
    bytes: VecDeque<u8>,
    /// Bytes that came in all.
    received: u64,
    /// Bytes that the host may send in all, as far as it knows.
    granted: u64,
    has_ended: bool,
}

/// One conversation with the host.
pub struct Agent {
    reader: FrameReader,
    input: Input,
    windows: [Window; 2],
    outgoing: Vec<u8>,
    /// The host does not keep to the protocol.
    is_broken: bool,
}

impl Agent {
    /// Begins with a greeting.
    #[must_use]
    pub fn new() -> Self {
        let mut agent = Self {
            reader: FrameReader::default(),
            input: Input { granted: INPUT_WINDOW, ..Input::default() },
            windows: [Window { sent: 0, granted: OUTPUT_WINDOW }; 2],
            outgoing: Vec::new(),
            is_broken: false,
        };
        agent.say(&Message::HELLO);
        agent
    }

    /// Takes bytes from the host. Frames that make no sense to this version are passed over; a host that breaks the protocol (a frame too long, more input
    /// than was granted) is not listened to any more, and standard input ends.
    pub fn receive(&mut self, mut bytes: &[u8], kernel: &dyn Kernel) {
        let mut reader = core::mem::take(&mut self.reader);
        while !self.is_broken {
            match reader.next(&mut bytes) {
                Ok(Some(frame)) => {
                    if let Some(message) = Message::parse(frame) {
                        self.take(message, kernel);
                    }
                }
                Ok(None) => break,
                Err(_) => self.is_broken = true,
            }
        }
        self.reader = reader;
        self.input.has_ended |= self.is_broken;
    }

    fn take(&mut self, message: Message<'_>, kernel: &dyn Kernel) {
        match message {
            Message::Input(bytes) => {
                self.input.received += bytes.len() as u64;
                self.is_broken |= self.input.received > self.input.granted || self.input.has_ended;
                if !self.is_broken {
                    self.input.bytes.extend(bytes);
                }
            }
            Message::InputEnd => self.input.has_ended = true,
            Message::Window { stream: Some(stream), total } => {
                let window = self.window(stream);
                window.granted = window.granted.max(total);
            }
            Message::Request { id, operation, payload } => {
                let mut result = Vec::new();
                let done = |done| if done { Status::Done } else { Status::Failed };
                let status = match (Operation::from_code(operation), payload) {
                    (Some(Operation::Signal), [number @ 1..=64, ..]) => done(kernel.signal(*number)),
                    (Some(Operation::Resize), [r0, r1, c0, c1, ..]) => {
                        done(kernel.resize(u16::from_le_bytes([*r0, *r1]), u16::from_le_bytes([*c0, *c1])))
                    }
                    (Some(Operation::Signal | Operation::Resize), _) => Status::Invalid,
                    (Some(Operation::Stats), _) => {
                        kernel.stats().encode(&mut result);
                        Status::Done
                    }
                    (None, _) => Status::Unsupported,
                };
                result.truncate(MAX_PAYLOAD);
                self.say(&Message::Response { id, status, payload: &result });
            }
            // A greeting needs no answer: this side speaks one version. The rest are words that only the guest says.
            _ => {}
        }
    }

    fn say(&mut self, message: &Message<'_>) {
        message.encode(&mut self.outgoing);
    }

    /// Bytes that are to be sent before any output. The caller takes off what it has sent.
    pub fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.outgoing
    }

    /// Says how the machine ends, or anything else that could stand on the debug console: one line.
    pub fn record(&mut self, line: &str) {
        self.say(&Message::Record(line));
    }

    fn window(&mut self, stream: Stream) -> &mut Window {
        &mut self.windows[usize::from(stream == Stream::Error)]
    }

    /// How many bytes of a stream may be sent now.
    pub fn room(&mut self, stream: Stream) -> u64 {
        let window = self.window(stream);
        window.granted.saturating_sub(window.sent)
    }

    /// The header that goes before `len` bytes of output, at most [`room`](Self::room); they count as sent.
    pub fn output(&mut self, stream: Stream, len: u32) -> [u8; HEADER_BYTES] {
        self.window(stream).sent += u64::from(len);
        Header { kind: kind::OUTPUT, code: stream as u8, id: 0, len }.to_bytes()
    }

    /// Moves standard input to the front of `buf`; `None` when there is none yet, 0 bytes at its end.
    pub fn read(&mut self, buf: &mut [u8]) -> Option<usize> {
        let count = buf.len().min(self.input.bytes.len());
        for (slot, byte) in buf.iter_mut().zip(self.input.bytes.drain(..count)) {
            *slot = byte;
        }
        if count == 0 {
            return (self.input.has_ended || buf.is_empty()).then_some(0);
        }
        // Granted in large steps, so that a frame pays for many small reads.
        let total = self.input.received - self.input.bytes.len() as u64 + INPUT_WINDOW;
        if !self.input.has_ended && total >= self.input.granted + INPUT_WINDOW / 2 {
            self.input.granted = total;
            self.say(&Message::Window { stream: None, total });
        }
        Some(count)
    }

    /// Bytes of standard input that wait to be read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.input.bytes.len()
    }

    /// Whether standard input has ended behind what waits.
    #[must_use]
    pub fn has_input_ended(&self) -> bool {
        self.input.has_ended
    }
}

impl Default for Agent {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
