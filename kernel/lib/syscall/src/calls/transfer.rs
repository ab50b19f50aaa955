//! Contents of files without the application's memory: sendfile(2), copy_file_range(2), fsync(2), fallocate(2), hints.

use crate::Cx;
use crate::wait::{self, Wait};
use file::{FileType, OpenFlags, SeekFrom};
use process::Description;
use uapi::general::FALLOC_FL_KEEP_SIZE;
use uapi::{Errno, Result};
use usermem::MAX_TRANSFER;
use vfs::{End, copy_between};

/// Bytes moved between two looks at signals.
const STEP: usize = 1 << 20;

/// An offset argument by address: where to start, and where to write how far it went; `None` is the description's own.
pub struct OffsetArg {
    addr: u64,
    /// Start in bytes.
    pub at: Option<u64>,
}

impl OffsetArg {
    /// Reads it; EINVAL for a negative one, ESPIPE for a file without offsets.
    pub fn read(cx: &Cx<'_>, open: &Description, addr: u64) -> Result<Self> {
        let raw = cx.user().read_optional::<i64>(addr)?;
        if raw.is_some() && open.file.seek(SeekFrom::Current(0)).is_err() {
            return Err(Errno::ESPIPE);
        }
        let at = raw.map(u64::try_from).transpose().map_err(|_| Errno::EINVAL)?;
        Ok(Self { addr, at })
    }

    /// Where the transfer goes on after `done` bytes.
    pub fn after(&self, done: u64) -> Option<u64> {
        self.at.map(|at| at + done)
    }

    /// Writes back how far it went.
    pub fn store(&self, cx: &Cx<'_>, done: u64) -> Result<()> {
        match self.after(done) {
            Some(offset) => cx.user().write(self.addr, &offset),
            None => Ok(()),
        }
    }
}

pub fn sendfile(cx: &mut Cx<'_>, out: i32, input: i32, offset: u64, count: u64) -> Result<u64> {
    let from = cx.readable(input)?;
    let start = OffsetArg::read(cx, &from, offset)?;
    let to = cx.writable(out)?;
    if to.flags().contains(OpenFlags::APPEND) || from.file.seek(SeekFrom::Current(0)).is_err() {
        return Err(Errno::EINVAL);
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(MAX_TRANSFER);
    let mut total = 0u64;
    let mut attempt = || {
        while (total as usize) < count {
            let len = (count - total as usize).min(STEP);
            let source = End { file: &*from.file, offset: start.after(total), flags: from.flags() };
            let target = End { file: &*to.file, offset: None, flags: to.flags() };
            match copy_between(source, target, len)? {
                0 => break,
                moved => total += moved as u64,
            }
        }
        Ok(total)
    };
    let mut result = attempt();
    if result == Err(Errno::EAGAIN) && !to.flags().contains(OpenFlags::NONBLOCK) {
        let timeout = to.file.as_socket().and_then(|socket| socket.timeouts_ns().1);
        result = wait::until(cx, &*to.file, Wait::WRITABLE.at_most(cx, timeout), &mut attempt);
    }
    match result {
        Err(error) if total == 0 => return Err(cx.broken_pipe(error)),
        _ => {}
    }
    start.store(cx, total)?;
    Ok(total)
}

pub fn copy_file_range(cx: &mut Cx<'_>, input: i32, input_offset: u64, out: i32, out_offset: u64, len: u64, flags: u32) -> Result<u64> {
    let from = cx.readable(input)?;
    let to = cx.writable(out)?;
    for open in [&from, &to] {
        match open.file.stat()?.kind {
            FileType::Regular => {}
            FileType::Directory => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    }
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    if to.flags().contains(OpenFlags::APPEND) {
        return Err(Errno::EBADF);
    }
    let start = OffsetArg::read(cx, &from, input_offset)?;
    let target = OffsetArg::read(cx, &to, out_offset)?;
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(MAX_TRANSFER);
    let mut total = 0u64;
    while (total as usize) < len {
        let source = End { file: &*from.file, offset: start.after(total), flags: from.flags() };
        let sink = End { file: &*to.file, offset: target.after(total), flags: to.flags() };
        match copy_between(source, sink, (len - total as usize).min(STEP)) {
            Ok(0) => break,
            Ok(moved) => total += moved as u64,
            Err(error) if total == 0 => return Err(error),
            Err(_) => break,
        }
        if cx.interrupted() {
            break;
        }
    }
    start.store(cx, total)?;
    target.store(cx, total)?;
    Ok(total)
}

/// fsync(2) and fdatasync(2).
pub fn fsync(cx: &mut Cx<'_>, fd: i32) -> Result<u64> {
    cx.file(fd)?.file.sync()?;
    Ok(0)
}

/// Memory is as durable as it gets: there is nothing to write back.
pub fn sync(_cx: &mut Cx<'_>) -> Result<u64> {
    Ok(0)
}

/// As [`sync`]; EBADF.
pub fn syncfs(cx: &mut Cx<'_>, fd: i32) -> Result<u64> {
    cx.file(fd)?;
    Ok(0)
}

pub fn sync_file_range(cx: &mut Cx<'_>, fd: i32, offset: i64, len: i64, flags: u32) -> Result<u64> {
    const WAIT_BEFORE_WRITE_WAIT_AFTER: u32 = 7;
    let end = offset.checked_add(len);
    if flags & !WAIT_BEFORE_WRITE_WAIT_AFTER != 0 || offset < 0 || len < 0 || end.is_none() {
        return Err(Errno::EINVAL);
    }
    let open = cx.file(fd)?;
    match open.file.stat()?.kind {
        FileType::Regular | FileType::Directory | FileType::BlockDevice | FileType::Symlink => {}
        _ => return Err(Errno::ESPIPE),
    }
    open.file.sync()?;
    Ok(0)
}

pub fn ftruncate(cx: &mut Cx<'_>, fd: i32, length: i64) -> Result<u64> {
    let size = u64::try_from(length).map_err(|_| Errno::EINVAL)?;
    let open = cx.file(fd)?;
    // Not open for writing is EINVAL here, not EBADF (ftruncate(2)).
    if !open.access().writable() {
        return Err(Errno::EINVAL);
    }
    cx.check_size(size, || open.file.stat())?;
    open.file.truncate(size)?;
    Ok(0)
}

pub fn fallocate(cx: &mut Cx<'_>, fd: i32, mode: u32, offset: i64, len: i64) -> Result<u64> {
    let start = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    let len = u64::try_from(len).ok().filter(|len| *len > 0).ok_or(Errno::EINVAL)?;
    let open = cx.writable(fd)?;
    if start.checked_add(len).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(Errno::EFBIG);
    }
    match open.file.stat()?.kind {
        FileType::Fifo => return Err(Errno::ESPIPE),
        FileType::Directory => return Err(Errno::EISDIR),
        _ => {}
    }
    if mode & FALLOC_FL_KEEP_SIZE == 0 {
        cx.check_size(start + len, || open.file.stat())?;
    }
    open.file.allocate(mode, start, len)?;
    Ok(0)
}

/// The advice is taken and nothing needs to follow from it: file data is in memory (posix_fadvise(2)).
pub fn fadvise64(cx: &mut Cx<'_>, fd: i32, _offset: i64, len: i64, advice: i32) -> Result<u64> {
    let open = cx.file(fd)?;
    if open.file.stat()?.kind == FileType::Fifo {
        return Err(Errno::ESPIPE);
    }
    if len < 0 || !(0..=5).contains(&advice) {
        return Err(Errno::EINVAL);
    }
    Ok(0)
}

/// As [`fadvise64`]: the data is there already.
pub fn readahead(cx: &mut Cx<'_>, fd: i32, _offset: i64, _count: u64) -> Result<u64> {
    match cx.readable(fd)?.file.stat()?.kind {
        FileType::Regular | FileType::BlockDevice => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}
