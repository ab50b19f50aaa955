//! Reading a log, piece by piece, also one that still grows.

use super::{DATA, ENTRY, Entry, INDEX, Stream};
use crate::store::{Machine, StoreError};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// Which lines are wanted. A line belongs where it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only the last lines that there are now (and those that come later).
    pub tail: Option<u64>,
    /// Only lines that started at this time or later, in microseconds since 1970.
    pub since_micros: Option<u64>,
}

/// A line of one stream, or a part of one: the end of a line may not have come yet, and the other stream may have come in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Whose it is.
    pub stream: Stream,
    /// When it came, in microseconds since 1970.
    pub micros: u64,
    /// It begins a line of its stream.
    pub starts_line: bool,
    /// What was written; a line feed can only be the last byte.
    pub bytes: &'a [u8],
}

/// Reads from the start of a log to its present end, and on from there when asked again.
#[derive(Debug)]
pub struct LogReader {
    data: Option<File>,
    index: Option<File>,
    /// Bytes of the data that lie in `buffer` from `at` on begin at this offset.
    offset: u64,
    buffer: Vec<u8>,
    at: usize,
    entry: Option<Entry>,
    /// Entries behind it.
    coming: VecDeque<Entry>,
    /// Offset of the next entry to be read.
    index_at: u64,
    /// The index may have more than was read.
    index_grows: bool,
    output: Line,
    error: Line,
    /// Lines that have begun so far.
    lines: u64,
    /// Lines to pass over.
    skip: u64,
    since_micros: u64,
}

/// Where a stream stands.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// In the middle of a line.
    is_open: bool,
    is_wanted: bool,
}

impl LogReader {
    /// Opens a machine's log. One that was never written is empty.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(machine: &Machine, selection: Selection) -> Result<Self, StoreError> {
        let open = |path: PathBuf| match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io { path, source }),
        };
        let start = || -> Result<Self, StoreError> { Ok(Self::new(open(machine.path(DATA))?, open(machine.path(INDEX))?)) };
        let mut reader = start()?;
        if let Some(tail) = selection.tail {
            let mut counter = start()?;
            counter.each(&mut |_| Ok(())).map_err(|source| StoreError::Io { path: machine.path(DATA), source })?;
            reader.skip = counter.lines.saturating_sub(tail);
        }
        reader.since_micros = selection.since_micros.unwrap_or(0);
        Ok(reader)
    }

    fn new(data: Option<File>, index: Option<File>) -> Self {
        Self {
            data,
            index,
            offset: 0,
            buffer: Vec::new(),
            at: 0,
            entry: None,
            coming: VecDeque::new(),
            index_at: 0,
            index_grows: true,
            output: Line::default(),
            error: Line::default(),
            lines: 0,
            skip: 0,
            since_micros: 0,
        }
    }

    /// Hands out every piece up to the present end.
    ///
    /// # Errors
    /// Those of the files and those of `take`, which end it.
    pub fn each(&mut self, take: &mut dyn FnMut(Piece<'_>) -> io::Result<()>) -> io::Result<()> {
        while let Some(piece) = self.next()? {
            take(piece)?;
        }
        Ok(())
    }

    /// The next wanted piece; `None` when there is no more now.
    ///
    /// # Errors
    /// Those of the files; an index that makes no sense.
    #[expect(clippy::should_implement_trait, reason = "pieces are borrowed from the reader")]
    pub fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        loop {
            if self.at == self.buffer.len() && !self.refill()? {
                return Ok(None);
            }
            while let Some(next) = self.following()?
                && next.offset <= self.offset
            {
                self.entry = Some(next);
                self.coming.pop_front();
            }
            let Some(entry) = self.entry else {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the log's index does not begin at its start"));
            };
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let until = self.coming.front().map_or(u64::MAX, |next| next.offset - self.offset);
            let rest = rest.get(..usize::try_from(until).unwrap_or(usize::MAX)).unwrap_or(rest);
            let len = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
            let from = self.at;
            self.at += len;
            self.offset += len as u64;
            let starts_line = self.advance(entry, self.buffer.get(self.at.wrapping_sub(1)) == Some(&b'\n'));
            if self.line(entry.stream).is_wanted {
                let bytes = self.buffer.get(from..self.at).unwrap_or_default();
                return Ok(Some(Piece { stream: entry.stream, micros: entry.micros, starts_line, bytes }));
            }
        }
    }

    fn line(&mut self, stream: Stream) -> &mut Line {
        match stream {
            Stream::Output => &mut self.output,
            Stream::Error => &mut self.error,
        }
    }

    /// Counts a piece; whether it starts a line.
    fn advance(&mut self, entry: Entry, ends_line: bool) -> bool {
        let starts_line = !self.line(entry.stream).is_open;
        if starts_line {
            self.lines += 1;
            self.line(entry.stream).is_wanted = self.lines > self.skip && entry.micros >= self.since_micros;
        }
        self.line(entry.stream).is_open = !ends_line;
        starts_line
    }

    /// Reads the next bytes; `false` when there are none.
    fn refill(&mut self) -> io::Result<bool> {
        let Some(data) = &self.data else { return Ok(false) };
        self.buffer.resize(CHUNK, 0);
        let got = data.read_at(&mut self.buffer, self.offset);
        self.at = 0;
        self.index_grows = true;
        self.buffer.truncate(*got.as_ref().unwrap_or(&0));
        got.map(|got| got > 0)
    }

    /// The entry behind the present one. Asked for after the bytes were read, whose entries were written before them.
    fn following(&mut self) -> io::Result<Option<Entry>> {
        if let (true, Some(index)) = (self.coming.is_empty() && self.index_grows, &self.index) {
            let mut bytes = [0; ENTRY * 256];
            let got = index.read_at(&mut bytes, self.index_at)?;
            self.index_grows = got == bytes.len();
            // The last one may be incomplete.
            for entry in bytes.get(..got).unwrap_or_default().chunks_exact(ENTRY) {
                self.coming.push_back(Entry::from_bytes(entry)?);
                self.index_at += ENTRY as u64;
            }
        }
        Ok(self.coming.front().copied())
    }
}
