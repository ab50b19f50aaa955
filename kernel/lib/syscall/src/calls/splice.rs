//! splice(2), tee(2), vmsplice(2): bytes are copied, pages are not moved.

use super::fcntl::pipe_end;
use super::rw::{read_into, write_from};
use super::transfer::OffsetArg;
use crate::Cx;
use crate::wait::{self, Wait};
use file::{Events, FileType, OpenFlags};
use process::Description;
use uapi::{Errno, Result};
use usermem::{MAX_TRANSFER, UserBuf};
use vfs::{End, copy_between};

bitflags::bitflags! {
    /// SPLICE_F_*.
    struct SpliceFlags: u32 {
        const MOVE = 1;
        const NONBLOCK = 2;
        const MORE = 4;
        const GIFT = 8;
    }
}

fn is_pipe(open: &Description) -> Result<bool> {
    Ok(open.file.stat()?.kind == FileType::Fifo)
}

pub fn splice(cx: &mut Cx<'_>, input: i32, input_offset: u64, out: i32, out_offset: u64, len: u64, flags: u32) -> Result<u64> {
    let flags = SpliceFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    if len == 0 {
        return Ok(0);
    }
    let from = cx.readable(input)?;
    let to = cx.writable(out)?;
    let pipes = (is_pipe(&from)?, is_pipe(&to)?);
    if pipes == (false, false) || to.flags().contains(OpenFlags::APPEND) {
        return Err(Errno::EINVAL);
    }
    if (pipes.0 && input_offset != 0) || (pipes.1 && out_offset != 0) {
        return Err(Errno::ESPIPE);
    }
    if pipes == (true, true) && pipe_end(&from)?.same_pipe(pipe_end(&to)?) {
        return Err(Errno::EINVAL);
    }
    let start = OffsetArg::read(cx, &from, input_offset)?;
    let target = OffsetArg::read(cx, &to, out_offset)?;
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(MAX_TRANSFER);
    let attempt = || {
        let source = End { file: &*from.file, offset: start.at, flags: from.flags() };
        let sink = End { file: &*to.file, offset: target.at, flags: to.flags() };
        copy_between(source, sink, len).map(|moved| moved as u64)
    };
    let moved = moving(cx, (&from, &to), flags, attempt)?;
    start.store(cx, moved)?;
    target.store(cx, moved)?;
    Ok(moved)
}

/// Repeats `attempt` between two files until it moves something, waiting for the side that is not ready.
fn moving(
    cx: &Cx<'_>,
    (from, to): (&Description, &Description),
    flags: SpliceFlags,
    mut attempt: impl FnMut() -> Result<u64>,
) -> Result<u64> {
    loop {
        match attempt() {
            Err(Errno::EAGAIN) if !flags.contains(SpliceFlags::NONBLOCK) => {}
            other => return other.map_err(|error| cx.broken_pipe(error)),
        }
        // Either side may be the one that is not ready; only a side in blocking mode is waited for.
        let empty = !from.file.poll().intersects(Events::IN | Events::ALWAYS);
        let (side, wait) = if empty { (from, Wait::READABLE) } else { (to, Wait::WRITABLE) };
        if side.flags().contains(OpenFlags::NONBLOCK) {
            return Err(Errno::EAGAIN);
        }
        let file = &*side.file;
        wait::until(cx, file, wait, &mut || {
            if file.poll().intersects(wait.interest | Events::ALWAYS) { Ok(0) } else { Err(Errno::EAGAIN) }
        })?;
    }
}

pub fn tee(cx: &mut Cx<'_>, input: i32, out: i32, len: u64, flags: u32) -> Result<u64> {
    let flags = SpliceFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    if len == 0 {
        return Ok(0);
    }
    let (from, to) = (cx.readable(input)?, cx.writable(out)?);
    let not_a_pipe = |_| Errno::EINVAL;
    let (source, target) = (pipe_end(&from).map_err(not_a_pipe)?, pipe_end(&to).map_err(not_a_pipe)?);
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(MAX_TRANSFER);
    moving(cx, (&from, &to), flags, || source.tee(target, len).map(|copied| copied as u64))
}

pub fn vmsplice(cx: &mut Cx<'_>, fd: i32, iov: u64, count: u64, flags: u32) -> Result<u64> {
    let flags = SpliceFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let open = cx.file(fd)?;
    if !is_pipe(&open)? {
        return Err(Errno::EBADF);
    }
    let mut buf = UserBuf::vectored(cx.user(), iov, count)?;
    let mut status = open.flags();
    if flags.contains(SpliceFlags::NONBLOCK) {
        status |= OpenFlags::NONBLOCK;
    }
    if open.access().writable() { write_from(cx, &open, &mut buf, status) } else { read_into(cx, &open, &mut buf, status) }
}
