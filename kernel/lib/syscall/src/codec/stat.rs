//! Inode metadata as stat(2), statx(2) return it.

use file::Stat;
use uapi::types::{StatAarch64, StatX64, Statx, StatxTime, Timespec};

/// STATX_BASIC_STATS | STATX_BTIME: what is always filled in.
const STATX_FILLED: u32 = 0xfff;

/// The kernel's 64-bit device number split as `MAJOR()`/`MINOR()` split it.
pub fn split_device(dev: u64) -> (u32, u32) {
    let major = ((dev >> 8) & 0xfff) | ((dev >> 32) & !0xfff);
    let minor = (dev & 0xff) | ((dev >> 12) & !0xff);
    (major as u32, minor as u32)
}

fn mode(stat: &Stat) -> u32 {
    stat.kind.mode_bits() | stat.mode & 0o7777
}

/// `struct stat` of x86_64.
pub fn x86_64(stat: &Stat) -> StatX64 {
    StatX64 {
        dev: stat.dev,
        ino: stat.ino,
        nlink: stat.nlink.into(),
        mode: mode(stat),
        uid: stat.uid,
        gid: stat.gid,
        rdev: stat.rdev,
        size: stat.size.cast_signed(),
        blksize: stat.block_size.into(),
        blocks: stat.blocks.cast_signed(),
        atime: stat.atime,
        mtime: stat.mtime,
        ctime: stat.ctime,
        ..StatX64::default()
    }
}

/// `struct stat` of arm64.
pub fn aarch64(stat: &Stat) -> StatAarch64 {
    StatAarch64 {
        dev: stat.dev,
        ino: stat.ino,
        nlink: stat.nlink,
        mode: mode(stat),
        uid: stat.uid,
        gid: stat.gid,
        rdev: stat.rdev,
        size: stat.size.cast_signed(),
        blksize: stat.block_size.cast_signed(),
        blocks: stat.blocks.cast_signed(),
        atime: stat.atime,
        mtime: stat.mtime,
        ctime: stat.ctime,
        ..StatAarch64::default()
    }
}

/// `struct statx`; everything but the mount id and the direct-I/O alignments is filled in, whatever was asked for.
pub fn statx(stat: &Stat) -> Statx {
    let time = |t: Timespec| StatxTime { sec: t.sec, nsec: t.nsec as u32, pad: 0 };
    let (dev_major, dev_minor) = split_device(stat.dev);
    let (rdev_major, rdev_minor) = split_device(stat.rdev);
    Statx {
        mask: STATX_FILLED,
        blksize: stat.block_size,
        nlink: stat.nlink,
        uid: stat.uid,
        gid: stat.gid,
        mode: mode(stat) as u16,
        ino: stat.ino,
        size: stat.size,
        blocks: stat.blocks,
        atime: time(stat.atime),
        btime: time(stat.btime),
        ctime: time(stat.ctime),
        mtime: time(stat.mtime),
        dev_major,
        dev_minor,
        rdev_major,
        rdev_minor,
        ..Statx::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use file::FileType;

    #[test]
    fn device_numbers_split_as_glibc_splits_them() {
        assert_eq!(split_device(0x0103), (1, 3));
        assert_eq!(split_device((0x12 << 20) | 0xabc34), (0xabc & 0xfff, 0x34 | (0x12 << 8)));
    }

    #[test]
    fn the_type_and_the_permissions_share_the_mode() {
        let stat = Stat { kind: FileType::Directory, mode: 0o1777, size: 9, nlink: 2, ..Stat::default() };
        assert_eq!(x86_64(&stat).mode, 0o041777);
        assert_eq!(aarch64(&stat).nlink, 2);
        let long = statx(&stat);
        assert_eq!((long.mode, long.size, long.mask), (0o041777, 9, 0xfff));
    }
}
