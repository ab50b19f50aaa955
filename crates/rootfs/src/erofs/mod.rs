//! The EROFS format, uncompressed (Linux `fs/erofs/erofs_fs.h`, `Documentation/filesystems/erofs.rst`).
//!
//! A superblock at byte 1024; inodes in units of 32 bytes, each followed by its extended attributes and perhaps by the last part of its contents; blocks of 4096 bytes with the
//! rest of the contents. A directory's blocks begin with fixed-size records, sorted by name, and end with the names. All numbers are little-endian.

mod read;

pub use read::{Image, Superblock, probe, read};

/// First four bytes of the superblock.
pub const MAGIC: u32 = 0xe0f5_e1e2;
/// Where the superblock is, in bytes.
pub(crate) const SUPERBLOCK_AT: u64 = 1024;
/// Its length in bytes.
pub(crate) const SUPERBLOCK_LEN: u64 = 128;
/// Bytes in a block, as a power of two and as such.
pub(crate) const BLOCK_BITS: u8 = 12;
pub(crate) const BLOCK: u64 = 1 << BLOCK_BITS;
/// Unit of inode numbers in bytes.
pub(crate) const SLOT: u64 = 32;
/// Length of an inode that has room for small numbers only, and of one that has room for all.
pub(crate) const COMPACT_LEN: u64 = 32;
pub(crate) const EXTENDED_LEN: u64 = 64;
/// Length of a directory's record.
pub(crate) const DIRENT_LEN: usize = 12;
/// Length of the header before an inode's extended attributes, and of that before each.
pub(crate) const XATTR_HEADER_LEN: usize = 12;
pub(crate) const XATTR_ENTRY_LEN: usize = 4;

/// `feature_compat`: the superblock has a checksum; times are those of the last change of contents.
pub(crate) const COMPAT_CHECKSUM: u32 = 1;
pub(crate) const COMPAT_MTIME: u32 = 2;
/// `feature_incompat`: compressed data is padded at its front, which means nothing without compressed data.
pub(crate) const INCOMPAT_ZERO_PADDING: u32 = 1;
/// `feature_incompat`: files may be in chunks.
pub(crate) const INCOMPAT_CHUNKED: u32 = 4;

/// Where an inode's contents are (`i_format`, bits 1 to 3).
pub(crate) mod layout {
    /// In blocks, one after the other.
    pub const PLAIN: u16 = 0;
    /// The last part behind the inode, the rest in blocks one after the other.
    pub const INLINE: u16 = 2;
    /// In chunks of one size, each somewhere.
    pub const CHUNKED: u16 = 4;
}

/// Prefixes of attribute names that have a number.
pub(crate) const XATTR_PREFIXES: [(u8, &[u8]); 5] =
    [(1, b"user."), (2, b"system.posix_acl_access"), (3, b"system.posix_acl_default"), (4, b"trusted."), (6, b"security.")];

/// The superblock's checksum: CRC-32C of the rest of the first block from the superblock on, not inverted at the end; the checksum's own field counts as zeros.
pub(crate) fn checksum(block_from_superblock: &[u8]) -> u32 {
    block_from_superblock.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    })
}
