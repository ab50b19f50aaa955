//! Moving bytes from one file to another without a stop in between (sendfile(2), copy_file_range(2), splice(2)).

use crate::opened;
use alloc::sync::Arc;
use file::{File, OpenFlags, SeekFrom, Sink};
use uapi::{Errno, Result};

/// Bytes moved at a time between two descriptions of the same file.
const BOUNCE: usize = 4096;

/// One end of a transfer.
#[derive(Clone, Copy)]
pub struct End<'a> {
    /// The file.
    pub file: &'a dyn File,
    /// At this offset, leaving the description's own alone; `None` is the description's own, which moves.
    pub offset: Option<u64>,
    /// The description's status flags.
    pub flags: OpenFlags,
}

/// Writes what is put into it straight to a file.
struct FileSink<'a> {
    to: End<'a>,
    remaining: usize,
    done: usize,
}

impl Sink for FileSink<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut source = &bytes[..bytes.len().min(self.remaining)];
        let n = match self.to.offset {
            Some(offset) => self.to.file.write_at(&mut source, offset + self.done as u64)?,
            None => self.to.file.write(&mut source, self.to.flags)?,
        };
        self.remaining -= n;
        self.done += n;
        Ok(n)
    }
    fn remaining(&self) -> usize {
        self.remaining
    }
}

/// Moves up to `len` bytes; returns how many, 0 at the end of `from`. Page-cache pages go straight into `to` (a socket, a pipe, another file). EAGAIN of
/// either side comes through when nothing was moved; wait on that side's queue. EINVAL when both are the same bytes of the same file.
pub fn copy_between(from: End<'_>, to: End<'_>, len: usize) -> Result<usize> {
    // A file that can seek is read by offset: its own position must not be locked while the other file is written.
    let (start, own) = match from.offset {
        Some(offset) => (Some(offset), false),
        None => match from.file.seek(SeekFrom::Current(0)) {
            Ok(at) => (Some(at), true),
            Err(Errno::ESPIPE) => (None, false),
            Err(e) => return Err(e),
        },
    };
    let n = match start {
        Some(start) if same_inode(from.file, to.file) => copy_within(from.file, start, to, len)?,
        Some(start) => from.file.read_at(&mut FileSink { to, remaining: len, done: 0 }, start)?,
        None => from.file.read(&mut FileSink { to, remaining: len, done: 0 }, from.flags)?,
    };
    if let (true, Some(start)) = (own, start) {
        let end = i64::try_from(start + n as u64).map_err(|_| Errno::EOVERFLOW)?;
        from.file.seek(SeekFrom::Start(end))?;
    }
    Ok(n)
}

fn same_inode(a: &dyn File, b: &dyn File) -> bool {
    matches!((opened(a), opened(b)), (Some(a), Some(b)) if Arc::ptr_eq(a.inode(), b.inode()))
}

fn copy_within(file: &dyn File, start: u64, to: End<'_>, len: usize) -> Result<usize> {
    let target = match to.offset {
        Some(offset) => offset,
        None => to.file.seek(SeekFrom::Current(0))?,
    };
    if start < target.saturating_add(len as u64) && target < start.saturating_add(len as u64) {
        return Err(Errno::EINVAL);
    }
    let mut buf = alloc::vec![0; len.min(BOUNCE)];
    let mut done = 0;
    while done < len {
        let mut into = file::SliceSink::new(&mut buf);
        file.read_at(&mut into, start + done as u64)?;
        let got = into.filled().min(len - done);
        let mut sink = FileSink { to, remaining: got, done };
        let n = match sink.put(&buf[..got]) {
            Ok(n) => n,
            Err(e) if done == 0 => return Err(e),
            Err(_) => break,
        };
        done += n;
        if n < BOUNCE.min(len) || n < got {
            break;
        }
    }
    Ok(done)
}
