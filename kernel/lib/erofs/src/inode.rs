//! Inodes, where their contents are, their extended attributes.

use crate::{BLOCK, Image, u16_at, u32_at, u64_at};
use alloc::vec::Vec;
use file::FileType;
use ramfs::{Contents, Meta, Stored};
use uapi::{Errno, Result};
use vfs::make_dev;

/// Unit of inode numbers in bytes.
const SLOT: u64 = 32;
const PATH_MAX: usize = 4095;
/// Contents in blocks, one after the other; or the last part of them behind the inode.
const PLAIN: u16 = 0;
const INLINE: u16 = 2;

/// An inode as far as it is the same for all types.
pub(crate) struct Inode {
    mode: u16,
    pub(crate) size: u64,
    /// Number of the first block, or of a device.
    place: u32,
    has_inline: bool,
    /// Where what follows the inode and its attributes is.
    inline_at: u64,
    xattrs: &'static [u8],
    meta: Meta,
}

/// Seconds and nanoseconds at `at`.
pub(crate) fn time_ns(bytes: &[u8], at: usize) -> Result<i64> {
    let seconds = u64_at(bytes, at)?.cast_signed();
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(u32_at(bytes, at + 8)?.into()))
}

impl Image {
    pub(crate) fn read_inode(&self, number: u64) -> Result<Inode> {
        let at = number.checked_mul(SLOT).and_then(|at| at.checked_add(self.inodes_at)).ok_or(Errno::EUCLEAN)?;
        let format = u16_at(self.get(at, SLOT)?, 0)?;
        let is_extended = format & 1 == 1;
        let len = if is_extended { 2 * SLOT } else { SLOT };
        let bytes = self.get(at, len)?;
        let layout = format >> 1;
        if layout != PLAIN && layout != INLINE {
            return Err(Errno::EUCLEAN);
        }
        let mode = u16_at(bytes, 4)?;
        let (size, nlink, uid, gid, mtime_ns) = if is_extended {
            (u64_at(bytes, 8)?, u32_at(bytes, 44)?, u32_at(bytes, 24)?, u32_at(bytes, 28)?, time_ns(bytes, 32)?)
        } else {
            let small = |at| u16_at(bytes, at).map(u32::from);
            (u32_at(bytes, 8)?.into(), small(6)?, small(24)?, small(26)?, self.time_ns)
        };
        let xattr_count = u64::from(u16_at(bytes, 2)?);
        let xattr_len = if xattr_count == 0 { 0 } else { 12 + 4 * (xattr_count - 1) };
        Ok(Inode {
            mode,
            size,
            place: u32_at(bytes, 16)?,
            has_inline: layout == INLINE,
            inline_at: at + len + xattr_len,
            xattrs: self.get(at + len, xattr_len)?,
            meta: Meta { mode: mode.into(), uid, gid, mtime_ns, nlink },
        })
    }

    /// `from .. to` of an inode's contents; both in one part of them.
    pub(crate) fn slice(&self, inode: &Inode, from: u64, to: u64) -> Result<&'static [u8]> {
        let len = to.checked_sub(from).ok_or(Errno::EUCLEAN)?;
        if len == 0 {
            // Nothing is nowhere: the block's number means nothing then.
            return Ok(&[]);
        }
        if from < inode.inline_from() {
            return self.get((u64::from(inode.place) * BLOCK).checked_add(from).ok_or(Errno::EUCLEAN)?, len);
        }
        if inode.inline_at % BLOCK + len > BLOCK {
            return Err(Errno::EUCLEAN);
        }
        self.get(inode.inline_at, len)
    }

    pub(crate) fn stored(&self, number: u64) -> Result<Stored> {
        let inode = self.read_inode(number)?;
        let whole = |inode: &Inode| {
            let split = inode.inline_from().min(inode.size);
            Ok::<_, Errno>((self.slice(inode, 0, split)?, self.slice(inode, split, inode.size)?))
        };
        let rdev = || {
            // `new_encode_dev` of Linux.
            let place = inode.place;
            make_dev(place >> 8 & 0xfff, place & 0xff | place >> 12 & 0xf_ff00)
        };
        let contents = match FileType::from_mode(inode.mode.into()) {
            Some(FileType::Regular) => match whole(&inode)? {
                (head, []) => Contents::File(head),
                ([], tail) => Contents::File(tail),
                (head, tail) => Contents::Split(head, tail),
            },
            Some(FileType::Symlink) => match whole(&inode)? {
                (target, []) | ([], target) if !target.is_empty() && target.len() <= PATH_MAX && !target.contains(&0) => {
                    Contents::Symlink(target)
                }
                _ => return Err(Errno::EUCLEAN),
            },
            Some(FileType::Directory) => Contents::Stored(number),
            Some(kind @ (FileType::CharDevice | FileType::BlockDevice)) => Contents::Node(kind, rdev()),
            Some(kind @ (FileType::Fifo | FileType::Socket)) => Contents::Node(kind, 0),
            Some(FileType::Anonymous) | None => return Err(Errno::EUCLEAN),
        };
        Ok(Stored { meta: inode.meta, contents, xattrs: self.xattrs(inode.xattrs)? })
    }

    /// Attributes behind an inode: numbers of shared ones, then its own.
    fn xattrs(&self, bytes: &'static [u8]) -> Result<Vec<(Vec<u8>, &'static [u8])>> {
        let mut out = Vec::new();
        let Some(count) = bytes.get(4) else { return Ok(out) };
        let shared = bytes.get(12..12 + 4 * usize::from(*count)).ok_or(Errno::EUCLEAN)?;
        for number in shared.chunks_exact(4) {
            let at = self.shared_xattrs_at + 4 * u64::from(u32_at(number, 0)?);
            let head = self.get(at, 4)?;
            let len = 4 + u64::from(head[0]) + u64::from(u16_at(head, 2)?);
            self.xattr(self.get(at, len)?, &mut out)?;
        }
        let mut rest = &bytes[12 + shared.len()..];
        while rest.len() >= 4 {
            let len = 4 + usize::from(rest[0]) + usize::from(u16_at(rest, 2)?);
            self.xattr(rest.get(..len).ok_or(Errno::EUCLEAN)?, &mut out)?;
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        }
        Ok(out)
    }

    fn xattr(&self, entry: &'static [u8], out: &mut Vec<(Vec<u8>, &'static [u8])>) -> Result<()> {
        let prefix: &[u8] = match entry[1] {
            1 => b"user.",
            4 => b"trusted.",
            6 => b"security.",
            // Access control lists are not kept here.
            _ => return Ok(()),
        };
        let (name, value) = entry[4..].split_at_checked(usize::from(entry[0])).ok_or(Errno::EUCLEAN)?;
        out.push(([prefix, name].concat(), value));
        Ok(())
    }
}

impl Inode {
    pub(crate) fn is_directory(&self) -> bool {
        FileType::from_mode(self.mode.into()) == Some(FileType::Directory)
    }

    /// Offset from which on the contents are behind the inode; past their end where none are.
    fn inline_from(&self) -> u64 {
        if self.has_inline && self.size > 0 { (self.size - 1) / BLOCK * BLOCK } else { u64::MAX }
    }
}
