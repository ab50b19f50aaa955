//! The rest of a command line that is too long for its monitor, behind the initrd: its text, its length as a 32-bit little-endian
//! number, and [`MAGIC`]. The guest reads it as if it followed the command line after a space, and the initrd as if it were not there.

use alloc::vec::Vec;

/// The last bytes of an initrd that has the rest of a command line behind it.
pub const MAGIC: [u8; 8] = *b"PITHLINE";

/// What to append to an initrd. `None` for a text of 4 GiB.
#[must_use]
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let length = u32::try_from(text.len()).ok()?;
    Some([text.as_bytes(), &length.to_le_bytes(), &MAGIC].concat())
}

/// The initrd itself, and the text behind it (empty when there is none).
#[must_use]
pub fn split(initrd: &[u8]) -> (&[u8], &[u8]) {
    let text = || {
        let rest = initrd.strip_suffix(&MAGIC)?;
        let (rest, length) = rest.split_last_chunk()?;
        rest.split_at_checked(rest.len().checked_sub(usize::try_from(u32::from_le_bytes(*length)).ok()?)?)
    };
    text().unwrap_or((initrd, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_comes_back_and_nothing_else_is_one() {
        for text in ["", "-- /app", "x"] {
            let initrd = [b"archive".as_slice(), &bytes(text).unwrap()].concat();
            assert_eq!(split(&initrd), (b"archive".as_slice(), text.as_bytes()));
        }
        for initrd in [b"".as_slice(), b"PITHLINE", b"abcPITHLINE", b"\xff\xff\xff\xffPITHLINE", b"archive"] {
            assert_eq!(split(initrd), (initrd, b"".as_slice()));
        }
    }
}
