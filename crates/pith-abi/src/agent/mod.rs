//! The agent channel: framed messages between the host and the kernel, over port 1 of a virtio-serial device.
//!
//! Every frame is an 8-byte header and a payload, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | kind |
//! | 1 | code, whose meaning the kind says; else 0 |
//! | 2..4 | id of the request that is asked or answered; else 0 |
//! | 4..8 | length of the payload in bytes, at most [`MAX_PAYLOAD`] |
//!
//! [`FrameReader`] cuts a byte stream into frames, [`Message`] gives them their meaning. A frame of unknown kind, or one whose payload is too short, is
//! passed over; a payload may be longer than what is known of it. So either side survives a newer one. A frame that claims more than [`MAX_PAYLOAD`] ends
//! the conversation, because nothing behind it can be trusted.
//!
//! Data never holds up control: of standard input and of output only as many bytes may be under way as the receiver has granted ([`Message::Window`]), so
//! whoever waits for a slow reader still takes requests and answers.

mod frame;
mod message;
mod stats;

pub use frame::{Frame, FrameReader, HEADER_BYTES, Header, MAX_PAYLOAD, Oversize};
pub use message::{Message, Operation, Status, Stream, kind};
pub use stats::{InterfaceStats, Stat, Stats};

/// Version of the protocol that this crate speaks. The lower one of both sides' counts.
pub const VERSION: u16 = 1;

/// The virtio-serial port that belongs to the agent. Port 0 is the device's console, which monitors do not hold back when its reader is slow.
pub const PORT: u32 = 1;

/// What the port is called.
pub const PORT_NAME: &str = "pith.agent";

/// Bytes of standard input that the host may send before the guest has granted any.
pub const INPUT_WINDOW: u64 = 32 * 1024;

/// Bytes of each output stream that the guest may send before the host has granted any.
pub const OUTPUT_WINDOW: u64 = 256 * 1024;
