//! What the application wrote, with the time of every line.
//!
//! Two files. `output.log` holds the bytes of both streams, exactly as they were written and in the order in which they came: `cat` shows what a terminal
//! would have shown. `output.index` says whose they are and when they came: entries of 16 bytes, each an offset into `output.log` and a stamp (both u64,
//! little-endian), for the bytes from there to the next entry's offset. A stamp is microseconds since 1970 times 256, plus the number of the stream.
//!
//! An entry is written before its bytes, so that no byte is ever without one, wherever the writer is killed. Bytes of one stream that come within a
//! millisecond share an entry. [`LogWriter`] belongs to the supervisor; [`LogReader`] reads, also while the machine runs.

mod reader;
mod writer;

pub use pith_abi::agent::Stream;
pub use reader::{LogReader, Piece, Selection};
pub use writer::LogWriter;

use std::io;

/// Name of the file with the bytes.
pub const DATA: &str = "output.log";
/// Name of the file with the stamps.
pub const INDEX: &str = "output.index";

/// Bytes of an index entry.
const ENTRY: usize = 16;

/// Whether to stay until the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// What is there now.
    No,
    /// Until the machine ends.
    Yes,
}

/// One entry of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    offset: u64,
    micros: u64,
    stream: Stream,
}

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY] {
        let stamp = self.micros << 8 | u64::from(self.stream as u8);
        let mut bytes = [0; ENTRY];
        let values = self.offset.to_le_bytes().into_iter().chain(stamp.to_le_bytes());
        bytes.iter_mut().zip(values).for_each(|(slot, byte)| *slot = byte);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the log's index is damaged");
        let (offset, stamp) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let [stream, micros @ ..] = *stamp.first_chunk::<8>().ok_or_else(damaged)?;
        let mut wide = [0; 8];
        wide.iter_mut().zip(micros).for_each(|(slot, byte)| *slot = byte);
        let stream = Stream::from_code(stream).ok_or_else(damaged)?;
        Ok(Self { offset: u64::from_le_bytes(*offset), micros: u64::from_le_bytes(wide), stream })
    }
}
