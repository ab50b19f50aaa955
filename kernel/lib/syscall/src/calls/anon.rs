//! Files without names: pipe(2), eventfd(2), signalfd(2), memfd_create(2).

use super::fd::{O_CLOEXEC, on_exec, result};
use super::signal::read_set;
use crate::Cx;
use alloc::sync::Arc;
use file::{AccessMode, OpenFlags};
use signal::SignalFd;
use uapi::{Errno, Result};

/// O_NONBLOCK and the EFD_, SFD_ flags of the same value.
const NONBLOCK: u32 = 0o4000;

#[cfg(feature = "pipe")]
pub fn pipe(cx: &mut Cx<'_>, fds: u64) -> Result<u64> {
    pipe2(cx, fds, 0)
}

#[cfg(feature = "pipe")]
pub fn pipe2(cx: &mut Cx<'_>, fds: u64, flags: u32) -> Result<u64> {
    if flags & !(NONBLOCK | O_CLOEXEC | OpenFlags::DIRECT.bits()) != 0 {
        return Err(Errno::EINVAL);
    }
    let status = OpenFlags::from_bits_truncate(flags);
    let (read_end, write_end) = ::pipe::pipe(cx.anonymous_stat(file::FileType::Fifo));
    let first = cx.install(read_end, AccessMode::Read, status, on_exec(flags))?;
    let second = match cx.install(write_end, AccessMode::Write, status, on_exec(flags)) {
        Ok(fd) => fd,
        Err(full) => {
            cx.close(first)?;
            return Err(full);
        }
    };
    cx.write_pair(fds, first, second)
}

#[cfg(feature = "eventfd")]
pub fn eventfd(cx: &mut Cx<'_>, value: u32) -> Result<u64> {
    eventfd2(cx, value, 0)
}

#[cfg(feature = "eventfd")]
pub fn eventfd2(cx: &mut Cx<'_>, value: u32, flags: u32) -> Result<u64> {
    const SEMAPHORE: u32 = 1;
    if flags & !(NONBLOCK | O_CLOEXEC | SEMAPHORE) != 0 {
        return Err(Errno::EINVAL);
    }
    let mode = if flags & SEMAPHORE != 0 { eventfd::Mode::Semaphore } else { eventfd::Mode::Counter };
    let file = eventfd::EventFd::new(value, mode, cx.anonymous_stat(file::FileType::Anonymous));
    result(cx.install(file, AccessMode::ReadWrite, OpenFlags::from_bits_truncate(flags), on_exec(flags))?)
}

pub fn signalfd(cx: &mut Cx<'_>, fd: i32, mask: u64, set_size: u64) -> Result<u64> {
    signalfd4(cx, fd, mask, set_size, 0)
}

pub fn signalfd4(cx: &mut Cx<'_>, fd: i32, mask: u64, set_size: u64, flags: u32) -> Result<u64> {
    if flags & !(NONBLOCK | O_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let mask = read_set(cx, mask, set_size)?.ok_or(Errno::EFAULT)?;
    if fd != -1 {
        let open = cx.file(fd)?;
        let file = open.file.as_any().downcast_ref::<SignalFd>().ok_or(Errno::EINVAL)?;
        file.set_mask(mask);
        return result(fd);
    }
    let services = Arc::downgrade(cx.process.services());
    let current = move || Some(services.upgrade()?.current()?.signals().clone());
    let file = Arc::new(SignalFd::new(mask, cx.process.signals().clone(), alloc::boxed::Box::new(current)));
    result(cx.install(file, AccessMode::ReadWrite, OpenFlags::from_bits_truncate(flags), on_exec(flags))?)
}

#[cfg(feature = "memfd")]
pub fn memfd_create(cx: &mut Cx<'_>, name: u64, flags: u32) -> Result<u64> {
    const MFD_CLOEXEC: u32 = 1;
    const MFD_ALLOW_SEALING: u32 = 2;
    const MFD_NOEXEC_SEAL: u32 = 8;
    const MFD_EXEC: u32 = 16;
    /// NAME_MAX without the `memfd:` in front.
    const MAX_NAME: usize = 249;
    if flags & !(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC) != 0
        || flags & (MFD_NOEXEC_SEAL | MFD_EXEC) == MFD_NOEXEC_SEAL | MFD_EXEC
    {
        return Err(Errno::EINVAL);
    }
    let name = cx.user().read_cstr(name, MAX_NAME, Errno::EINVAL)?;
    // A seal against execution implies that there are seals.
    let no_exec = flags & MFD_NOEXEC_SEAL != 0;
    let sealing = if no_exec || flags & MFD_ALLOW_SEALING != 0 { ramfs::Sealing::Allowed } else { ramfs::Sealing::Refused };
    let fs = cx.process.fs();
    let owner = vfs::Owner { mode: if no_exec { 0o666 } else { 0o777 }, uid: fs.uid, gid: fs.gid };
    let files = cx.system.memory_files.as_ref().ok_or(Errno::ENOSYS)?;
    let file = files.memfd(&name, sealing, owner);
    if no_exec {
        let open = vfs::opened(&*file).ok_or(Errno::EINVAL)?;
        open.add_seals(vfs::Seals::EXEC)?;
    }
    let on_exec = on_exec(if flags & MFD_CLOEXEC != 0 { O_CLOEXEC } else { 0 });
    result(cx.install(file, AccessMode::ReadWrite, OpenFlags::empty(), on_exec)?)
}
