//! open(2), openat2(2), creat(2).

use super::fd::{on_exec, result};
use crate::Cx;
use crate::cx::AT_FDCWD;
use core::sync::atomic::Ordering;
use uapi::general::{O_CREAT, O_TRUNC, O_WRONLY};
use uapi::{Errno, Result};
use vfs::{OpenHow, Resolve};

/// O_TMPFILE without its O_DIRECTORY bit.
const TMPFILE_BIT: u32 = 0o20000000;
/// All flags that openat2(2) knows (VALID_OPEN_FLAGS).
const VALID_FLAGS: u64 = 0o37777703;
/// Flags that may go with O_PATH: itself, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW.
const VALID_WITH_PATH: u64 = 0o12600000;
/// O_PATH.
const PATH: u64 = 0o10000000;

pub fn open(cx: &mut Cx<'_>, path: u64, flags: u32, mode: u32) -> Result<u64> {
    openat(cx, AT_FDCWD, path, flags, mode)
}

pub fn creat(cx: &mut Cx<'_>, path: u64, mode: u32) -> Result<u64> {
    openat(cx, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode)
}

pub fn openat(cx: &mut Cx<'_>, dir: i32, path: u64, flags: u32, mode: u32) -> Result<u64> {
    open_at(cx, dir, path, &OpenHow::new(flags, mode & 0o7777))
}

pub fn openat2(cx: &mut Cx<'_>, dir: i32, path: u64, how: u64, size: u64) -> Result<u64> {
    const KNOWN: u64 = size_of::<uapi::types::OpenHow>() as u64;
    if size < KNOWN {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let raw: uapi::types::OpenHow = cx.user().read(how)?;
    // Fields of a later version must not be used.
    for at in KNOWN..size {
        if cx.user().read::<u8>(how + at)? != 0 {
            return Err(Errno::E2BIG);
        }
    }
    let makes = raw.flags & u64::from(O_CREAT | TMPFILE_BIT) != 0;
    if raw.flags & !VALID_FLAGS != 0
        || raw.mode & !0o7777 != 0
        || (raw.mode != 0 && !makes)
        || (raw.flags & PATH != 0 && raw.flags & !VALID_WITH_PATH != 0)
    {
        return Err(Errno::EINVAL);
    }
    let resolve = u32::try_from(raw.resolve).ok().and_then(Resolve::from_bits).ok_or(Errno::EINVAL)?;
    // Both were checked above to fit.
    open_at(cx, dir, path, &OpenHow { flags: raw.flags as u32, mode: raw.mode as u32, resolve })
}

fn open_at(cx: &Cx<'_>, dir: i32, path: u64, how: &OpenHow) -> Result<u64> {
    let at = if how.resolve.contains(Resolve::IN_ROOT) { cx.at_root(dir, path)? } else { cx.at(dir, path)? };
    let file = at.fs.open(at.dir(), &at.path, how)?;
    #[cfg(feature = "pipe")]
    if !how.status_flags().contains(file::OpenFlags::NONBLOCK) {
        wait_for_fifo_peer(cx, &*file)?;
    }
    let fd = cx.install(file, how.access(), how.status_flags(), on_exec(how.flags))?;
    cx.system.files.opens.fetch_add(1, Ordering::Relaxed);
    result(fd)
}

/// Opening a FIFO waits for its other side (fifo(7)).
#[cfg(feature = "pipe")]
fn wait_for_fifo_peer(cx: &Cx<'_>, file: &dyn file::File) -> Result<()> {
    use crate::wait::{self, Wait};
    use file::Events;
    let inner = vfs::opened(file).and_then(|open| open.inner());
    let Some(end) = inner.and_then(|inner| inner.as_any().downcast_ref::<pipe::PipeEnd>()) else { return Ok(()) };
    let wait = Wait { interest: Events::IN | Events::OUT, ..Wait::READABLE };
    wait::until(cx, end, wait, &mut || if end.awaits_peer() { Err(Errno::EAGAIN) } else { Ok(0) }).map(|_| ())
}
