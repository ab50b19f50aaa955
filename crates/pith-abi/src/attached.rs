//! What a finished kernel image has attached: a root file system, a command line, a program that is laid out in memory already.
//!
//! The image holds an ELF note ([`NOTE_NAME`], [`NOTE_TYPE`]) whose descriptor is an [`Attached`]: all zero in an image as it was linked. Who attaches something
//! adds one loadable segment behind the image, the *area*, and writes into the note where it lies and what is where in it. The kernel finds the note
//! by its symbol, keeps the area from its frame allocator, and uses it where it lies.
//!
//! All numbers are little-endian, all offsets count from the area's first byte.

use alloc::vec::Vec;

/// The note's name, with its NUL and padding.
pub const NOTE_NAME: [u8; 8] = *b"Pith\0\0\0\0";
/// Bytes of the name that count (`n_namesz`).
pub const NOTE_NAME_BYTES: u32 = 5;
/// The note's type.
pub const NOTE_TYPE: u32 = 1;

/// Some bytes of the area; none when `bytes` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Offset of the first one.
    pub start: u32,
    /// How many.
    pub bytes: u32,
}

impl Range {
    /// The bytes themselves, out of the whole `area`; empty when there are none or they lie outside.
    #[must_use]
    pub fn of<'a>(&self, area: &'a [u8]) -> &'a [u8] {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(self.bytes).unwrap_or(usize::MAX));
        area.get(start..end).unwrap_or_default()
    }
}

/// The note's descriptor.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The area: here `start` is its physical address, a multiple of 4096.
    pub area: Range,
    /// The root file system (cpio or EROFS), at a multiple of 4096. One that the monitor hands over at boot takes its place.
    pub initrd: Range,
    /// A guest command line (see [`crate::cmdline`]) that the one given at boot adds to.
    pub command_line: Range,
    /// The table of the laid-out program: see [`Program`].
    pub program: Range,
}

/// Bytes of an [`Attached`].
pub const ATTACHED_BYTES: usize = 32;

impl Attached {
    /// As it stands in the note.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ATTACHED_BYTES] {
        let mut bytes = [0; ATTACHED_BYTES];
        let ranges = [self.area, self.initrd, self.command_line, self.program];
        let words = ranges.iter().flat_map(|range| [range.start, range.bytes]);
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// What a segment of a laid-out program allows: any of these bits (ELF's `PF_*`).
pub mod rights {
    /// Its code may run.
    pub const EXECUTE: u64 = 1;
    /// It may be written.
    pub const WRITE: u64 = 2;
    /// It may be read.
    pub const READ: u64 = 4;
}

/// One segment of a laid-out program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Its address in the program's address space, a multiple of 4096.
    pub addr: u64,
    /// Bytes in memory, whole pages; those without contents are zero.
    pub bytes: u64,
    /// Where its contents begin, a multiple of 4096.
    pub start: u64,
    /// Bytes of contents, whole pages, at most `bytes`.
    pub stored: u64,
    /// What it allows: see [`rights`].
    pub rights: u64,
}

/// A program whose pages lie in the area as they go into its address space: nothing to be parsed, relocated or copied.
///
/// Its table is these numbers in this order, 64 bits each, then the number of segments, then five numbers for each segment, then the name to the table's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Where it begins.
    pub entry: u64,
    /// Its ELF program headers (AT_PHDR), for its start-up code.
    pub headers: u64,
    /// How many there are (AT_PHNUM).
    pub header_count: u64,
    /// Where its data end: the heap begins behind.
    pub data_end: u64,
    /// First byte of its code.
    pub code_start: u64,
    /// Behind the last byte of its code.
    pub code_end: u64,
}

const WORD: usize = 8;
const PROGRAM_WORDS: usize = 7;
const SEGMENT_WORDS: usize = 5;

fn word(table: &[u8], index: usize) -> Option<u64> {
    let bytes = table.get(index.checked_mul(WORD)?..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

impl Program {
    /// Reads a table: the program, its segments, its name. `None` for what is no table.
    #[must_use]
    pub fn read(table: &[u8]) -> Option<(Program, Segments<'_>, &[u8])> {
        let at = |index| word(table, index);
        let program =
            Program { entry: at(0)?, headers: at(1)?, header_count: at(2)?, data_end: at(3)?, code_start: at(4)?, code_end: at(5)? };
        let segments = table.get(PROGRAM_WORDS * WORD..)?;
        let bytes = usize::try_from(at(6)?).ok()?.checked_mul(SEGMENT_WORDS * WORD)?;
        let (segments, name) = segments.split_at_checked(bytes)?;
        Some((program, Segments { rest: segments }, name))
    }

    /// The table of this program with these segments under this name.
    #[must_use]
    pub fn table(&self, segments: &[Segment], name: &[u8]) -> Vec<u8> {
        let count = u64::try_from(segments.len()).unwrap_or(u64::MAX);
        let head = [self.entry, self.headers, self.header_count, self.data_end, self.code_start, self.code_end, count];
        let segments = segments.iter().flat_map(|s| [s.addr, s.bytes, s.start, s.stored, s.rights]);
        head.into_iter().chain(segments).flat_map(u64::to_le_bytes).chain(name.iter().copied()).collect()
    }
}

/// The segments of a table, in order.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    rest: &'a [u8],
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        let at = |index| word(self.rest, index);
        let segment = Segment { addr: at(0)?, bytes: at(1)?, start: at(2)?, stored: at(3)?, rights: at(4)? };
        self.rest = self.rest.get(SEGMENT_WORDS * WORD..)?;
        Some(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_back_and_a_cut_one_is_none() {
        let program = Program { entry: 1, headers: 2, header_count: 3, data_end: 4, code_start: 5, code_end: 6 };
        let segments = [1, 2].map(|n| Segment { addr: n << 12, bytes: 8192, start: 4096 * n, stored: 4096, rights: rights::READ });
        let table = program.table(&segments, b"app");
        let (read, list, name) = Program::read(&table).unwrap();
        assert_eq!((read, list.collect::<Vec<_>>(), name), (program, segments.to_vec(), b"app".as_slice()));
        for cut in 0..table.len() - name.len() {
            assert!(Program::read(&table[..cut]).is_none(), "{cut} bytes");
        }
    }

    #[test]
    fn ranges_outside_the_area_are_empty() {
        let area = [7; 10];
        assert_eq!(Range { start: 2, bytes: 3 }.of(&area), [7; 3]);
        for (start, bytes) in [(8, 3), (u32::MAX, u32::MAX), (11, 0), (0, 11)] {
            assert!(Range { start, bytes }.of(&area).is_empty());
        }
    }

    #[test]
    fn a_descriptor_is_what_the_kernel_reads() {
        let range = |n| Range { start: n, bytes: n + 1 };
        let attached = Attached { area: range(1), initrd: range(3), command_line: range(5), program: range(7) };
        let words: Vec<u8> = (1..=8_u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(attached.to_bytes().as_slice(), words);
        assert_eq!(size_of::<Attached>(), ATTACHED_BYTES);
    }
}
