//! The newc format: a 110-byte header of hexadecimal fields, the name, padding to 4, the data, padding to 4.

/// Length of a header in bytes.
pub const HEADER_LEN: u64 = 110;

/// Longest name field that Linux reads, padding and NUL included.
pub const NAME_FIELD_MAX: u64 = 4096;

/// Name of the last entry.
pub const TRAILER: &[u8] = b"TRAILER!!!";

/// File type bits of a mode.
pub const TYPE_MASK: u32 = 0o170_000;
/// Regular file.
pub const REGULAR: u32 = 0o100_000;
/// Directory.
pub const DIRECTORY: u32 = 0o040_000;
/// Symbolic link; the data is its target.
pub const SYMLINK: u32 = 0o120_000;
/// Character device.
pub const CHAR_DEVICE: u32 = 0o020_000;
/// Block device.
pub const BLOCK_DEVICE: u32 = 0o060_000;
/// FIFO.
pub const FIFO: u32 = 0o010_000;
/// Socket.
pub const SOCKET: u32 = 0o140_000;

/// The fields of a header in their order in the archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Inode number; entries that share one are hard links.
    pub ino: u32,
    /// Type and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names of this inode.
    pub nlink: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// Length of the data in bytes.
    pub size: u32,
    /// Device number of the file system it came from.
    pub dev: (u32, u32),
    /// Device number, for devices.
    pub rdev: (u32, u32),
    /// Length of the name field, with its NUL and padding.
    pub name_size: u32,
    /// Sum of the data bytes in the `070702` variant, else 0.
    pub check: u32,
}

/// A header that cannot be read.
#[derive(Debug)]
pub enum HeaderError {
    /// Not `070701` or `070702`.
    Magic([u8; 6]),
    /// This field is no hexadecimal number.
    Field(&'static str),
}

impl Header {
    /// The header's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { ino, mode, uid, gid, nlink, mtime, size, dev, rdev, name_size, check } = *self;
        let mut out = b"070701".to_vec();
        for field in [ino, mode, uid, gid, nlink, mtime, size, dev.0, dev.1, rdev.0, rdev.1, name_size, check] {
            out.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        out
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`HeaderError`] when the magic or a field is wrong.
    pub fn parse(bytes: &[u8; 110]) -> Result<Self, HeaderError> {
        let (magic, fields) = bytes.split_at(6);
        if magic != b"070701" && magic != b"070702" {
            return Err(HeaderError::Magic([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]]));
        }
        let mut fields = fields.chunks_exact(8);
        let mut next = |name| {
            let digits = fields.next().filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
            digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(HeaderError::Field(name))
        };
        Ok(Self {
            ino: next("ino")?,
            mode: next("mode")?,
            uid: next("uid")?,
            gid: next("gid")?,
            nlink: next("nlink")?,
            mtime: next("mtime")?,
            size: next("filesize")?,
            dev: (next("devmajor")?, next("devminor")?),
            rdev: (next("rdevmajor")?, next("rdevminor")?),
            name_size: next("namesize")?,
            check: next("check")?,
        })
    }
}

/// `value` rounded up to a multiple of 4.
#[must_use]
pub const fn align4(value: u64) -> u64 {
    value.next_multiple_of(4)
}

/// The size of the name field that puts the data of an entry at `offset` on a page boundary, if the format allows it.
#[must_use]
pub fn page_aligning_name_size(offset: u64, name_len: u64) -> Option<u64> {
    let unpadded = offset + HEADER_LEN + name_len + 1;
    let padded = name_len + 1 + (unpadded.next_multiple_of(crate::PAGE) - unpadded);
    (padded <= NAME_FIELD_MAX).then_some(padded)
}
