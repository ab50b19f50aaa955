//! read(2), write(2) and their positional and vectored relatives, lseek(2).

use crate::Cx;
use crate::wait::{self, Wait};
use file::{File, FileType, OpenFlags, SeekFrom, Sink, Source};
use process::Description;
use uapi::{Errno, Result};
use usermem::UserBuf;

bitflags::bitflags! {
    /// RWF_* flags of preadv2(2), pwritev2(2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct RwFlags: u32 {
        /// RWF_HIPRI: a hint.
        const HIPRI = 0x1;
        /// RWF_DSYNC.
        const DSYNC = 0x2;
        /// RWF_SYNC.
        const SYNC = 0x4;
        /// RWF_NOWAIT.
        const NOWAIT = 0x8;
        /// RWF_APPEND.
        const APPEND = 0x10;
    }
}

pub fn read(cx: &mut Cx<'_>, fd: i32, buf: u64, count: u64) -> Result<u64> {
    let open = cx.readable(fd)?;
    reachable(buf, count)?;
    read_into(cx, &open, &mut UserBuf::single(cx.user(), buf, count), open.flags())
}

pub fn readv(cx: &mut Cx<'_>, fd: i32, iov: u64, count: u64) -> Result<u64> {
    let open = cx.readable(fd)?;
    read_into(cx, &open, &mut UserBuf::vectored(cx.user(), iov, count)?, open.flags())
}

pub fn write(cx: &mut Cx<'_>, fd: i32, buf: u64, count: u64) -> Result<u64> {
    let open = cx.writable(fd)?;
    reachable(buf, count)?;
    write_from(cx, &open, &mut UserBuf::single(cx.user(), buf, count), open.flags())
}

pub fn writev(cx: &mut Cx<'_>, fd: i32, iov: u64, count: u64) -> Result<u64> {
    let open = cx.writable(fd)?;
    write_from(cx, &open, &mut UserBuf::vectored(cx.user(), iov, count)?, open.flags())
}

pub fn pread64(cx: &mut Cx<'_>, fd: i32, buf: u64, count: u64, offset: i64) -> Result<u64> {
    let offset = position(offset)?;
    let open = cx.readable(fd)?;
    read_at(cx, &open, &mut single(cx, buf, count)?, offset)
}

pub fn pwrite64(cx: &mut Cx<'_>, fd: i32, buf: u64, count: u64, offset: i64) -> Result<u64> {
    let offset = position(offset)?;
    let open = cx.writable(fd)?;
    let mut source = single(cx, buf, count)?;
    write_at(cx, &open, &mut source, offset, open.flags())
}

pub fn preadv(cx: &mut Cx<'_>, fd: i32, iov: u64, count: u64, offset: i64) -> Result<u64> {
    let offset = position(offset)?;
    let open = cx.readable(fd)?;
    read_at(cx, &open, &mut UserBuf::vectored(cx.user(), iov, count)?, offset)
}

pub fn pwritev(cx: &mut Cx<'_>, fd: i32, iov: u64, count: u64, offset: i64) -> Result<u64> {
    let offset = position(offset)?;
    let open = cx.writable(fd)?;
    let mut source = UserBuf::vectored(cx.user(), iov, count)?;
    write_at(cx, &open, &mut source, offset, open.flags())
}

pub fn preadv2(cx: &mut Cx<'_>, fd: i32, iov: u64, count: u64, offset: i64, _high: u64, flags: u32) -> Result<u64> {
    let flags = RwFlags::from_bits(flags).ok_or(Errno::EOPNOTSUPP)?;
    if flags.contains(RwFlags::APPEND) {
        return Err(Errno::EOPNOTSUPP);
    }
    if offset != -1 {
        return preadv(cx, fd, iov, count, offset);
    }
    let open = cx.readable(fd)?;
    let mut file_flags = open.flags();
    file_flags.set(OpenFlags::NONBLOCK, file_flags.contains(OpenFlags::NONBLOCK) || flags.contains(RwFlags::NOWAIT));
    read_into(cx, &open, &mut UserBuf::vectored(cx.user(), iov, count)?, file_flags)
}

pub fn pwritev2(cx: &mut Cx<'_>, fd: i32, iov: u64, count: u64, offset: i64, _high: u64, flags: u32) -> Result<u64> {
    let flags = RwFlags::from_bits(flags).ok_or(Errno::EOPNOTSUPP)?;
    let open = cx.writable(fd)?;
    let mut file_flags = open.flags();
    for (asked, flag) in [
        (RwFlags::NOWAIT, OpenFlags::NONBLOCK),
        (RwFlags::APPEND, OpenFlags::APPEND),
        (RwFlags::DSYNC, OpenFlags::DSYNC),
        (RwFlags::SYNC, OpenFlags::DSYNC),
    ] {
        if flags.contains(asked) {
            file_flags |= flag;
        }
    }
    let mut source = UserBuf::vectored(cx.user(), iov, count)?;
    if offset != -1 && !flags.contains(RwFlags::APPEND) {
        return write_at(cx, &open, &mut source, position(offset)?, file_flags);
    }
    write_from(cx, &open, &mut source, file_flags)
}

pub fn lseek(cx: &mut Cx<'_>, fd: i32, offset: i64, whence: i32) -> Result<u64> {
    let to = match whence {
        0 => SeekFrom::Start(offset),
        1 => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        3 => SeekFrom::Data(offset),
        4 => SeekFrom::Hole(offset),
        _ => return Err(Errno::EINVAL),
    };
    cx.file(fd)?.file.seek(to)
}

/// EFAULT unless all of a buffer lies in the application's half, however much of it will be used.
fn reachable(buf: u64, count: u64) -> Result<()> {
    if buf.checked_add(count).is_none_or(|end| end > mm::USER_END) { Err(Errno::EFAULT) } else { Ok(()) }
}

/// One application buffer; EFAULT unless it is [`reachable`].
pub fn single(cx: &Cx<'_>, buf: u64, count: u64) -> Result<UserBuf<'static>> {
    reachable(buf, count)?;
    Ok(UserBuf::single(cx.user(), buf, count))
}

fn position(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_| Errno::EINVAL)
}

/// Reads at the description's offset, waiting unless `flags` say otherwise.
pub fn read_into(cx: &Cx<'_>, open: &Description, dst: &mut dyn Sink, flags: OpenFlags) -> Result<u64> {
    let result = read_waiting(cx, &*open.file, dst, flags);
    cx.system.files.read(&result);
    result
}

fn read_at(cx: &Cx<'_>, open: &Description, dst: &mut dyn Sink, offset: u64) -> Result<u64> {
    let result = open.file.read_at(dst, offset).map(|n| n as u64);
    cx.system.files.read(&result);
    result
}

fn read_waiting(cx: &Cx<'_>, file: &dyn File, dst: &mut dyn Sink, flags: OpenFlags) -> Result<u64> {
    match file.read(dst, flags) {
        // Reading nothing from a socket never waits.
        Err(Errno::EAGAIN) if dst.remaining() == 0 && file.as_socket().is_some() => Ok(0),
        Err(Errno::EAGAIN) if !flags.contains(OpenFlags::NONBLOCK) => {
            let wait = match file.as_socket() {
                Some(socket) => Wait::READABLE.at_most(cx, socket.timeouts_ns().0),
                None => Wait::READABLE,
            };
            wait::until(cx, file, wait, &mut || file.read(dst, flags).map(|n| n as u64))
        }
        other => other.map(|n| n as u64),
    }
}

/// Writes at the description's offset. A blocking write to a pipe, stream socket or terminal goes on until all is written (pipe(7)); what
/// was written before an error or a signal is the result.
pub fn write_from(cx: &Cx<'_>, open: &Description, src: &mut dyn Source, flags: OpenFlags) -> Result<u64> {
    let result = write_waiting(cx, open, src, flags);
    cx.system.files.written(&result);
    result
}

fn write_waiting(cx: &Cx<'_>, open: &Description, src: &mut dyn Source, flags: OpenFlags) -> Result<u64> {
    let file = &*open.file;
    let mut limited;
    let src: &mut dyn Source = match cx.write_limit(open, src, None)? {
        None => src,
        Some(left) => {
            limited = Limited { inner: src, left };
            &mut limited
        }
    };
    let first = file.write(src, flags);
    match first {
        Ok(n) if src.remaining() == 0 => return Ok(n as u64),
        Ok(_) | Err(Errno::EAGAIN) if !flags.contains(OpenFlags::NONBLOCK) => {}
        Ok(n) => return Ok(n as u64),
        Err(error) => return Err(write_error(cx, open, error)),
    }
    let mut total = first.unwrap_or(0) as u64;
    if total > 0 && !writes_all(open) {
        return Ok(total);
    }
    let timeout = file.as_socket().and_then(|socket| socket.timeouts_ns().1);
    let result = wait::until(cx, file, Wait::WRITABLE.at_most(cx, timeout), &mut || {
        let written = file.write(src, flags)? as u64;
        total += written;
        // Zero bytes taken with bytes left means that the file will take no more.
        if src.remaining() > 0 && written > 0 && writes_all(open) { Err(Errno::EAGAIN) } else { Ok(total) }
    });
    match result {
        Err(_) if total > 0 => Ok(total),
        other => other.map_err(|error| write_error(cx, open, error)),
    }
}

/// The error of a write. EPIPE signals as well, but not on sockets that are no streams (send(2)).
fn write_error(cx: &Cx<'_>, open: &Description, error: Errno) -> Errno {
    const STREAM: u32 = 1;
    match open.file.as_socket() {
        Some(socket) if socket.identity().1 != STREAM => error,
        _ => cx.broken_pipe(error),
    }
}

/// Whether a write that took only a part goes on with the rest: byte streams do, files that are always ready and message-like ones do not.
fn writes_all(open: &Description) -> bool {
    open.file.wait_queue().is_some() && open.file.stat().is_ok_and(|stat| stat.kind != FileType::Anonymous)
}

fn write_at(cx: &Cx<'_>, open: &Description, src: &mut dyn Source, offset: u64, flags: OpenFlags) -> Result<u64> {
    let result = write_at_offset(cx, open, src, offset, flags);
    cx.system.files.written(&result);
    result
}

fn write_at_offset(cx: &Cx<'_>, open: &Description, src: &mut dyn Source, offset: u64, flags: OpenFlags) -> Result<u64> {
    // Linux appends whatever the offset says (pwrite(2), BUGS).
    if flags.contains(OpenFlags::APPEND) && open.file.seek(SeekFrom::Current(0)).is_ok() {
        return Ok(open.file.write(src, flags)? as u64);
    }
    let written = match cx.write_limit(open, src, Some(offset))? {
        None => open.file.write_at(src, offset)?,
        Some(left) => open.file.write_at(&mut Limited { inner: src, left }, offset)?,
    };
    Ok(written as u64)
}

/// The front of another source: what RLIMIT_FSIZE leaves of it.
struct Limited<'a> {
    inner: &'a mut dyn Source,
    left: usize,
}

impl Source for Limited<'_> {
    fn take(&mut self, buf: &mut [u8]) -> Result<usize> {
        let len = buf.len().min(self.left);
        let taken = self.inner.take(&mut buf[..len])?;
        self.left -= taken;
        Ok(taken)
    }
    fn peek(&self, buf: &mut [u8]) -> Result<usize> {
        let len = buf.len().min(self.left);
        self.inner.peek(&mut buf[..len])
    }
    fn skip(&mut self, count: usize) {
        let count = count.min(self.left);
        self.left -= count;
        self.inner.skip(count);
    }
    fn remaining(&self) -> usize {
        self.inner.remaining().min(self.left)
    }
}
