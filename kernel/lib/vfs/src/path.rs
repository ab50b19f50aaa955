//! Names: hashing, limits, cutting paths into components.

/// Longest file name in bytes (NAME_MAX).
pub(crate) const NAME_MAX: usize = 255;
/// Longest path in bytes without its NUL.
pub(crate) const PATH_MAX: usize = 4095;

/// A 64-bit hash of a name (FNV-1a, with a final mix because directories use the top bits). The same on every boot: directory offsets
/// are made from it.
pub fn name_hash(name: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in name {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^ (hash >> 32)
}

/// Cuts the first component off `path`, slashes before it skipped: `(component, rest)`. `rest` begins with the slash that ended the
/// component or is empty. `None` when only slashes are left.
pub(crate) fn split_first(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = path.iter().position(|b| *b != b'/')?;
    let path = &path[start..];
    let end = path.iter().position(|b| *b == b'/').unwrap_or(path.len());
    Some(path.split_at(end))
}

/// Whether nothing but slashes is left.
pub(crate) fn only_slashes(path: &[u8]) -> bool {
    path.iter().all(|b| *b == b'/')
}

/// The name that Linux shows for a file made by O_TMPFILE: `#` and its inode number.
pub(crate) fn unnamed_name(ino: u64) -> alloc::vec::Vec<u8> {
    let mut name = alloc::vec![b'#'];
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut left = ino;
    while left > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    name.extend_from_slice(&digits[at..]);
    name
}
