//! Writing the log down as it comes.

use super::{DATA, ENTRY, Entry, INDEX, Stream};
use crate::store::{Machine, StoreError};
use std::fs::File;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of one stream that come within this time share an index entry.
const RESOLUTION_MICROS: u64 = 1000;

/// A machine's log, being written.
#[derive(Debug)]
pub struct LogWriter {
    data: File,
    index: File,
    written: u64,
    last: Option<Entry>,
    /// The disk is full, or the like: the log ends here.
    has_failed: bool,
}

impl LogWriter {
    /// The log of this machine, as far as it goes; what comes is appended. A machine that is started again keeps what it wrote before.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(machine: &Machine) -> Result<Self, StoreError> {
        let (data, index) = (machine.append_file(DATA)?, machine.append_file(INDEX)?);
        let failed = |name: &str| {
            let path = machine.path(name);
            move |source| StoreError::Io { path, source }
        };
        let written = data.metadata().map_err(failed(DATA))?.len();
        // A writer that was killed may have left half an entry.
        let entries = index.metadata().map_err(failed(INDEX))?.len() / ENTRY as u64;
        index.set_len(entries * ENTRY as u64).map_err(failed(INDEX))?;
        Ok(Self { data, index, written, last: None, has_failed: false })
    }

    /// Appends what came now. When that fails the log ends: a full disk must not stop the machine.
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.write_at(stream, bytes, u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
    }

    /// As [`write`](Self::write), with the time in microseconds since 1970.
    pub fn write_at(&mut self, stream: Stream, bytes: &[u8], micros: u64) {
        if !self.has_failed && !bytes.is_empty() {
            self.has_failed = self.append(stream, bytes, micros).is_err();
        }
    }

    fn append(&mut self, stream: Stream, bytes: &[u8], micros: u64) -> io::Result<()> {
        let same = |last: &Entry| last.stream == stream && (last.micros..last.micros + RESOLUTION_MICROS).contains(&micros);
        if !self.last.as_ref().is_some_and(same) {
            let entry = Entry { offset: self.written, micros, stream };
            self.index.write_all(&entry.to_bytes())?;
            self.last = Some(entry);
        }
        self.data.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}
