//! Memory: mmap(2) and its family. The rules are `mm`'s; here descriptors become objects to map.

use crate::Cx;
use crate::cx::location_of;
use mm::{FileMapping, MapFlags, MapRequest, Prot, Shown};
use process::MappedPlace;
use uapi::{Errno, Result};
use vfs::{MountFlags, Seals, opened};

pub fn mmap(cx: &mut Cx<'_>, addr: u64, len: u64, prot: u32, flags: u32, fd: i32, offset: u64) -> Result<u64> {
    let prot = Prot::from_mmap(prot);
    let flags = MapFlags::from_mmap(flags)?;
    if !offset.is_multiple_of(4096) {
        return Err(Errno::EINVAL);
    }
    let file = if flags.contains(MapFlags::ANONYMOUS) { None } else { Some(file_mapping(cx, fd, prot, flags, offset)?) };
    cx.space().mmap(MapRequest { addr, len, prot, flags, file })
}

/// EACCES: not open for reading, or a shared writable mapping of a file that is not open for writing. EPERM: sealed against that.
fn file_mapping(cx: &Cx<'_>, fd: i32, prot: Prot, flags: MapFlags, offset: u64) -> Result<FileMapping> {
    let open = cx.file(fd)?;
    let shared = flags.contains(MapFlags::SHARED);
    let writable = open.access().writable();
    if !open.access().readable() || (shared && prot.contains(Prot::WRITE) && !writable) {
        return Err(Errno::EACCES);
    }
    let object = open.file.map_object()?;
    let stat = open.file.stat()?;
    let mut may = Prot::all();
    if shared && !writable {
        may -= Prot::WRITE;
    }
    let seals = opened(&*open.file).and_then(|file| file.seals().ok()).unwrap_or_default();
    if shared && seals.intersects(Seals::WRITE | Seals::FUTURE_WRITE) {
        if prot.contains(Prot::WRITE) {
            return Err(Errno::EPERM);
        }
        may -= Prot::WRITE;
    }
    let shown = match location_of(&open) {
        Ok(location) => {
            if location.mount.flags().contains(MountFlags::NOEXEC) {
                may -= Prot::EXEC;
            }
            Shown::new(|| MappedPlace { location, root: cx.process.fs().root.clone() }, stat.dev, stat.ino)
        }
        Err(_) => Shown::new(|| b"anon_inode:[file]".to_vec(), stat.dev, stat.ino),
    };
    Ok(FileMapping { object, offset, may, shown })
}

pub fn munmap(cx: &mut Cx<'_>, addr: u64, len: u64) -> Result<u64> {
    cx.space().munmap(addr, len)?;
    Ok(0)
}

pub fn mprotect(cx: &mut Cx<'_>, addr: u64, len: u64, prot: u32) -> Result<u64> {
    cx.space().mprotect(addr, len, prot)?;
    Ok(0)
}

pub fn pkey_mprotect(cx: &mut Cx<'_>, addr: u64, len: u64, prot: u32, key: i32) -> Result<u64> {
    if key == -1 { mprotect(cx, addr, len, prot) } else { Err(Errno::EINVAL) }
}

pub fn mremap(cx: &mut Cx<'_>, old: u64, old_len: u64, new_len: u64, flags: u32, new: u64) -> Result<u64> {
    cx.space().mremap(old, old_len, new_len, flags, new)
}

pub fn brk(cx: &mut Cx<'_>, addr: u64) -> Result<u64> {
    Ok(cx.space().brk(addr))
}

pub fn msync(cx: &mut Cx<'_>, addr: u64, len: u64, flags: u32) -> Result<u64> {
    cx.space().msync(addr, len, flags)?;
    Ok(0)
}

pub fn madvise(cx: &mut Cx<'_>, addr: u64, len: u64, advice: i32) -> Result<u64> {
    let advice = u32::try_from(advice).map_err(|_| Errno::EINVAL)?;
    cx.space().madvise(addr, len, advice)?;
    Ok(0)
}

pub fn mincore(cx: &mut Cx<'_>, addr: u64, len: u64, vec: u64) -> Result<u64> {
    let mut at = vec;
    let user = cx.user();
    cx.space().mincore(addr, len, &mut |bytes| {
        user.write_bytes(at, bytes)?;
        at += bytes.len() as u64;
        Ok(())
    })?;
    Ok(0)
}

pub fn mlock(cx: &mut Cx<'_>, addr: u64, len: u64) -> Result<u64> {
    mlock2(cx, addr, len, 0)
}

pub fn mlock2(cx: &mut Cx<'_>, addr: u64, len: u64, flags: u32) -> Result<u64> {
    cx.space().mlock(addr, len, flags)?;
    Ok(0)
}

pub fn munlock(cx: &mut Cx<'_>, addr: u64, len: u64) -> Result<u64> {
    cx.space().munlock(addr, len)?;
    Ok(0)
}

pub fn mlockall(cx: &mut Cx<'_>, flags: u32) -> Result<u64> {
    cx.space().mlockall(flags)?;
    Ok(0)
}

pub fn munlockall(cx: &mut Cx<'_>) -> Result<u64> {
    cx.space().munlockall();
    Ok(0)
}
