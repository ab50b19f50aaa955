//! What frames mean.

use super::VERSION;
use super::frame::{Frame, Header};
use alloc::vec::Vec;

/// Kinds of frames.
pub mod kind {
    /// First frame of either side: [`MAGIC`](super::MAGIC) and the version that it speaks (u16).
    pub const HELLO: u8 = 1;
    /// Guest to host: output of the application; the code is its stream.
    pub const OUTPUT: u8 = 2;
    /// Host to guest: standard input.
    pub const INPUT: u8 = 3;
    /// Host to guest: standard input has ended.
    pub const INPUT_END: u8 = 4;
    /// How many data bytes in total the receiver of this frame may send (u64), of the stream that is the code; 0 is standard input.
    pub const WINDOW: u8 = 5;
    /// Guest to host: a record, as it would stand on the debug console, without its line feed.
    pub const RECORD: u8 = 6;
    /// Host to guest: a request; the code is its operation.
    pub const REQUEST: u8 = 7;
    /// Guest to host: the answer to the request of this id; the code is its status.
    pub const RESPONSE: u8 = 8;
}

/// The first bytes of a hello.
pub const MAGIC: [u8; 4] = *b"pith";

/// One of the application's two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stream {
    /// Standard output.
    Output = 1,
    /// Standard error.
    Error = 2,
}

impl Stream {
    /// The stream with this number.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Output),
            2 => Some(Self::Error),
            _ => None,
        }
    }
}

/// What the host can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// Send the application a signal; the payload is its Linux number (u8, 1 to 64). Nothing is returned.
    Signal = 1,
    /// Counters of the machine: [`Stats`](super::Stats).
    Stats = 2,
    /// The terminal's size has changed; the payload is rows and columns (u16 each). Nothing is returned; without a terminal it fails.
    Resize = 3,
}

impl Operation {
    /// The operation with this number.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Signal),
            2 => Some(Self::Stats),
            3 => Some(Self::Resize),
            _ => None,
        }
    }
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Done; the payload is the result.
    Done = 0,
    /// This kernel does not know the operation.
    Unsupported = 1,
    /// The payload makes no sense.
    Invalid = 2,
    /// It could not be done.
    Failed = 3,
}

impl Status {
    /// The status with this number; one from the future is a failure.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Done,
            1 => Self::Unsupported,
            2 => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

/// One frame, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// See [`kind::HELLO`].
    Hello {
        /// What the sender speaks.
        version: u16,
    },
    /// See [`kind::OUTPUT`].
    Output {
        /// Which one.
        stream: Stream,
        /// What was written.
        bytes: &'a [u8],
    },
    /// See [`kind::INPUT`].
    Input(&'a [u8]),
    /// See [`kind::INPUT_END`].
    InputEnd,
    /// See [`kind::WINDOW`].
    Window {
        /// Of which stream; `None` is standard input.
        stream: Option<Stream>,
        /// Data bytes since the start.
        total: u64,
    },
    /// See [`kind::RECORD`].
    Record(&'a str),
    /// See [`kind::REQUEST`].
    Request {
        /// Chosen by the host; the answer carries it.
        id: u16,
        /// An [`Operation`], or a number that this side does not know.
        operation: u8,
        /// By operation.
        payload: &'a [u8],
    },
    /// See [`kind::RESPONSE`].
    Response {
        /// The request's.
        id: u16,
        /// How it went.
        status: Status,
        /// By operation.
        payload: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// The hello of this version.
    pub const HELLO: Self = Self::Hello { version: VERSION };

    /// What a frame says; `None` for one to be passed over.
    #[must_use]
    pub fn parse(frame: Frame<'a>) -> Option<Self> {
        let (Header { kind, code, id, .. }, payload) = (frame.header, frame.payload);
        Some(match kind {
            kind::HELLO => {
                let version = payload.strip_prefix(&MAGIC)?.first_chunk()?;
                Self::Hello { version: u16::from_le_bytes(*version) }
            }
            kind::OUTPUT => Self::Output { stream: Stream::from_code(code)?, bytes: payload },
            kind::INPUT => Self::Input(payload),
            kind::INPUT_END => Self::InputEnd,
            kind::WINDOW => {
                let stream = if code == 0 { None } else { Some(Stream::from_code(code)?) };
                Self::Window { stream, total: u64::from_le_bytes(*payload.first_chunk()?) }
            }
            kind::RECORD => Self::Record(core::str::from_utf8(payload).ok()?),
            kind::REQUEST => Self::Request { id, operation: code, payload },
            kind::RESPONSE => Self::Response { id, status: Status::from_code(code), payload },
            _ => return None,
        })
    }

    /// Appends the frame. A payload longer than [`MAX_PAYLOAD`](super::MAX_PAYLOAD) must be cut by the caller.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (number, hello): ([u8; 8], [u8; 6]);
        let (kind, code, id, payload): (u8, u8, u16, &[u8]) = match *self {
            Self::Hello { version } => {
                let ([v0, v1], [m0, m1, m2, m3]) = (version.to_le_bytes(), MAGIC);
                hello = [m0, m1, m2, m3, v0, v1];
                (kind::HELLO, 0, 0, &hello)
            }
            Self::Output { stream, bytes } => (kind::OUTPUT, stream as u8, 0, bytes),
            Self::Input(bytes) => (kind::INPUT, 0, 0, bytes),
            Self::InputEnd => (kind::INPUT_END, 0, 0, &[]),
            Self::Window { stream, total } => {
                number = total.to_le_bytes();
                (kind::WINDOW, stream.map_or(0, |stream| stream as u8), 0, &number)
            }
            Self::Record(line) => (kind::RECORD, 0, 0, line.as_bytes()),
            Self::Request { id, operation, payload } => (kind::REQUEST, operation, id, payload),
            Self::Response { id, status, payload } => (kind::RESPONSE, status as u8, id, payload),
        };
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&Header { kind, code, id, len }.to_bytes());
        out.extend_from_slice(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::super::FrameReader;
    use super::*;

    fn read(bytes: &[u8]) -> Option<Message<'_>> {
        // The whole frame is in `bytes`, so nothing is borrowed from the reader.
        let (header, payload) = bytes.split_first_chunk()?;
        Message::parse(Frame { header: Header::from_bytes(*header), payload })
    }

    #[test]
    fn every_message_reads_back() {
        for message in [
            Message::HELLO,
            Message::Output { stream: Stream::Output, bytes: b"a\0b" },
            Message::Output { stream: Stream::Error, bytes: b"" },
            Message::Input(b"in"),
            Message::InputEnd,
            Message::Window { stream: None, total: u64::MAX - 1 },
            Message::Window { stream: Some(Stream::Error), total: 0 },
            Message::Record("@exit 3"),
            Message::Request { id: 65_535, operation: Operation::Signal as u8, payload: &[15] },
            Message::Request { id: 0, operation: 77, payload: &[] },
            Message::Response { id: 256, status: Status::Unsupported, payload: b"x" },
        ] {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            assert_eq!(read(&bytes), Some(message));
            let mut reader = FrameReader::default();
            let mut input = bytes.as_slice();
            assert_eq!(Message::parse(reader.next(&mut input).unwrap().unwrap()), Some(message));
        }
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        let frame = |kind, code, payload: &'static [u8]| Frame { header: Header { kind, code, id: 0, len: 0 }, payload };
        for frame in [
            frame(0, 0, b""),
            frame(9, 0, b"?"),
            frame(kind::HELLO, 0, b"pith"),
            frame(kind::HELLO, 0, b"smith\x01\0"),
            frame(kind::OUTPUT, 3, b"x"),
            frame(kind::WINDOW, 0, b"1234567"),
            frame(kind::WINDOW, 3, b"12345678"),
            frame(kind::RECORD, 0, b"\xff"),
        ] {
            assert_eq!(Message::parse(frame), None, "{frame:?}");
        }
        // A longer hello or window is one from the future.
        assert_eq!(Message::parse(frame(kind::HELLO, 0, b"pith\x02\0more")), Some(Message::Hello { version: 2 }));
    }
}
