//! One entry's header, name and contents as a checked view.

use crate::Reason;

const HEADER: usize = 110;
/// A path with its NUL, and up to a page of padding behind it.
const MAX_NAME: usize = 4096 + 4096;

/// An entry of the archive.
pub(crate) struct Entry {
    pub(crate) ino: u32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) nlink: u32,
    pub(crate) mtime: u32,
    pub(crate) dev: (u32, u32),
    pub(crate) rdev: (u32, u32),
    /// Up to the first NUL.
    pub(crate) name: &'static [u8],
    pub(crate) data: &'static [u8],
    /// Offset behind the entry and its padding.
    pub(crate) end: usize,
}

fn hex(digits: &[u8]) -> Result<u32, Reason> {
    let mut value = 0u32;
    for digit in digits {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return Err(Reason::BadNumber),
        };
        value = value << 4 | u32::from(nibble);
    }
    Ok(value)
}

/// What the bytes are when they are no newc header.
fn other_format(bytes: &[u8]) -> Reason {
    const FORMATS: [(&[u8], &str); 6] = [
        (b"\x1f\x8b", "gzip"),
        (b"\xfd7zXZ", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"\x5d\x00\x00", "lzma"),
    ];
    if let Some((_, name)) = FORMATS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Reason::Compressed(name);
    }
    if bytes.starts_with(b"070707") || bytes.starts_with(b"\xc7\x71") || bytes.starts_with(b"\x71\xc7") {
        return Reason::OtherCpio;
    }
    // Less than a magic number, but the beginning of one.
    if bytes.len() < 6 && b"070701".starts_with(bytes) { Reason::Truncated } else { Reason::BadMagic }
}

impl Entry {
    /// The entry whose header is at `offset`, a multiple of four.
    pub(crate) fn parse(archive: &'static [u8], offset: usize) -> Result<Entry, Reason> {
        let bytes = archive.get(offset..).unwrap_or(&[]);
        if !(bytes.starts_with(b"070701") || bytes.starts_with(b"070702")) {
            return Err(other_format(bytes));
        }
        let header = bytes.get(..HEADER).ok_or(Reason::Truncated)?;
        let mut fields = [0u32; 13];
        for (field, digits) in fields.iter_mut().zip(header[6..].chunks_exact(8)) {
            *field = hex(digits)?;
        }
        let [ino, mode, uid, gid, nlink, mtime, size, dev_major, dev_minor, rdev_major, rdev_minor, name_size, _] = fields;
        let (size, name_size) = (size as usize, name_size as usize);
        if name_size == 0 || name_size > MAX_NAME {
            return Err(Reason::BadName);
        }
        let name_start = offset + HEADER;
        let name_field = archive.get(name_start..name_start + name_size).ok_or(Reason::Truncated)?;
        if name_field[name_size - 1] != 0 {
            return Err(Reason::BadName);
        }
        let length = name_field.iter().position(|b| *b == 0).unwrap_or(0);
        // Padding counts from the start of the archive, which is what both GNU cpio and Linux do.
        let data_start = (name_start + name_size).next_multiple_of(4);
        let data_end = data_start.checked_add(size).ok_or(Reason::Truncated)?;
        let data = if size == 0 { &[] } else { archive.get(data_start..data_end).ok_or(Reason::Truncated)? };
        Ok(Entry {
            ino,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            dev: (dev_major, dev_minor),
            rdev: (rdev_major, rdev_minor),
            name: &name_field[..length],
            data,
            end: data_end.next_multiple_of(4),
        })
    }
}
