//! Mounts an uncompressed EROFS image that lies in memory, without copying it.
//!
//! [`mount`] makes an image the [`Origin`] of a [`Ramfs`]: a name is looked for in the image, by halving, when somebody asks for it for the first time; what has been met
//! is an inode of the ramfs from then on and can be written to. Names, link targets and contents stay in the image. So neither the time to mount nor the
//! memory depend on how many files there are.
//!
//! The image may be anything: whatever is read is compared with what is there, and what is wrong is EUCLEAN, as on Linux. The format is that of Linux'
//! `fs/erofs/erofs_fs.h`; images of mkfs.erofs and of Pith's own packer are understood, without compression, chunks or several devices.
//!
//! Neighbours: `ramfs` below; the image hands in the bytes.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod directory;
mod inode;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use ramfs::{Entry, Origin, Ramfs, Stored};
use uapi::{Errno, Result};
use vfs::Vfs;

const MAGIC: u32 = 0xe0f5_e1e2;
/// Where the superblock is, and how long.
const SUPERBLOCK: core::ops::Range<usize> = 1024..1152;
const BLOCK_BITS: u8 = 12;
const BLOCK: u64 = 1 << BLOCK_BITS;
/// The one incompatible feature that changes nothing for files without compression: where compressed data is padded.
const ZERO_PADDING: u32 = 1;

/// Why an image cannot be mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountError {
    /// Shorter than a superblock, or without one.
    NoSuperblock,
    /// Blocks of another size than 4096 bytes (the power of two).
    BlockSize(u8),
    /// Features that are not supported: compression, chunks, several devices (the bits).
    Features(u32),
    /// The top directory is no directory or not there.
    Root(Errno),
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MountError::NoSuperblock => f.write_str("no EROFS superblock"),
            MountError::BlockSize(bits) => write!(f, "EROFS blocks of 2^{bits} bytes, expected 2^12"),
            MountError::Features(bits) => {
                write!(f, "EROFS features {bits:#x} are not supported: expected an image without compression and chunks")
            }
            MountError::Root(errno) => write!(f, "EROFS top directory: {errno}"),
        }
    }
}

/// Whether these bytes begin as an EROFS image does.
pub fn is_image(bytes: &[u8]) -> bool {
    u32_at(bytes, SUPERBLOCK.start) == Ok(MAGIC)
}

/// A file system that begins as `image`.
pub fn mount(vfs: &Arc<Vfs>, image: &'static [u8]) -> core::result::Result<Arc<Ramfs>, MountError> {
    let superblock = image.get(SUPERBLOCK).filter(|_| is_image(image)).ok_or(MountError::NoSuperblock)?;
    if superblock[12] != BLOCK_BITS {
        return Err(MountError::BlockSize(superblock[12]));
    }
    let root = |errno| MountError::Root(errno);
    let features = u32_at(superblock, 80).map_err(root)? & !ZERO_PADDING;
    if features != 0 {
        return Err(MountError::Features(features));
    }
    let time = inode::time_ns(superblock, 24).map_err(root)?;
    let mounted = Image {
        bytes: image,
        inodes_at: u64::from(u32_at(superblock, 40).map_err(root)?) * BLOCK,
        shared_xattrs_at: u64::from(u32_at(superblock, 44).map_err(root)?) * BLOCK,
        time_ns: time,
    };
    let top = u64::from(u16_at(superblock, 14).map_err(root)?);
    mounted.directory(top).map_err(root)?;
    Ramfs::over(vfs, Box::new(mounted), top).map_err(root)
}

/// The image and what its superblock says.
struct Image {
    bytes: &'static [u8],
    /// Where inode numbers count from, in bytes.
    inodes_at: u64,
    shared_xattrs_at: u64,
    /// Time of inodes that have none of their own.
    time_ns: i64,
}

impl Image {
    /// `len` bytes at `at`; EUCLEAN where there are not so many.
    fn get(&self, at: u64, len: u64) -> Result<&'static [u8]> {
        let end = at.checked_add(len).ok_or(Errno::EUCLEAN)?;
        let range = usize::try_from(at).ok().zip(usize::try_from(end).ok());
        range.and_then(|(at, end)| self.bytes.get(at..end)).ok_or(Errno::EUCLEAN)
    }
}

impl Origin for Image {
    fn inode(&self, number: u64) -> Result<Stored> {
        self.stored(number)
    }

    fn find(&self, directory: u64, name: &[u8]) -> Result<Option<Entry>> {
        self.directory(directory)?.find(name)
    }

    fn list(&self, directory: u64, each: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
        self.directory(directory)?.list(each)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or(Errno::EUCLEAN)?;
    Ok(u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or(Errno::EUCLEAN)?;
    Ok(u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64> {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk()).ok_or(Errno::EUCLEAN)?;
    Ok(u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
