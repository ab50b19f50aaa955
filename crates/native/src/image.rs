//! ELF files as both sides of this crate see them.

use object::LittleEndian;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

/// What this crate reads.
pub type Endian = LittleEndian;
type Header = FileHeader64<Endian>;

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// [`PAGE`] as a length.
pub const PAGE_BYTES: usize = 4096;

/// The headers of a 64-bit ELF file for x86_64.
pub struct Elf<'a> {
    /// The file's.
    pub header: &'a Header,
    /// Its segments'.
    pub segments: &'a [ProgramHeader64<Endian>],
    data: &'a [u8],
}

impl<'a> Elf<'a> {
    /// Reads the headers of `data`; what is wrong, in words that go behind the file's name.
    pub fn read(data: &'a [u8]) -> Result<Self, String> {
        if !data.starts_with(&elf::ELFMAG) {
            return Err("no ELF file".into());
        }
        let damaged = |error: object::read::Error| format!("damaged ELF file: {error}");
        if data.get(4) != Some(&elf::ELFCLASS64) || data.get(5) != Some(&elf::ELFDATA2LSB) {
            return Err("an ELF file of another word size or byte order; expected 64 bits, little-endian".into());
        }
        let header = Header::parse(data).map_err(damaged)?;
        let machine = header.e_machine(LittleEndian);
        if machine != elf::EM_X86_64 {
            return Err(format!("an ELF file for machine type {machine}; expected {} (x86_64)", elf::EM_X86_64));
        }
        let segments = header.program_headers(LittleEndian, data).map_err(damaged)?;
        Ok(Self { header, segments, data })
    }

    /// The loadable segments.
    pub fn loads(&self) -> impl Iterator<Item = &'a ProgramHeader64<Endian>> + use<'a> {
        self.segments.iter().filter(|segment| segment.p_type(LittleEndian) == elf::PT_LOAD)
    }

    /// The bytes that the file has for a segment.
    pub fn contents(&self, segment: &ProgramHeader64<Endian>) -> Result<&'a [u8], String> {
        let whole = segment.data(LittleEndian, self.data);
        whole.map_err(|()| format!("truncated: a segment at file offset {:#x} ends behind the file", segment.p_offset(LittleEndian)))
    }

    /// File offset of the descriptor of the note with this name (without its NUL) and type, which must be `bytes` long.
    pub fn note(&self, name: &[u8], kind: u32, bytes: usize) -> Option<usize> {
        for segment in self.segments {
            let Ok(Some(mut notes)) = segment.notes(LittleEndian, self.data) else { continue };
            while let Ok(Some(note)) = notes.next() {
                if note.name() == name && note.n_type(LittleEndian) == kind && note.desc().len() == bytes {
                    return note.desc().as_ptr().addr().checked_sub(self.data.as_ptr().addr());
                }
            }
        }
        None
    }
}

/// The next page boundary at or behind `address`.
pub fn page_up(address: u64) -> Option<u64> {
    address.checked_next_multiple_of(PAGE)
}

#[cfg(test)]
pub mod testing {
    //! ELF files for tests.

    use super::{PAGE, elf};

    /// One program header.
    pub struct Header {
        pub kind: u32,
        pub flags: u32,
        pub address: u64,
        pub contents: Vec<u8>,
        pub memory: u64,
    }

    impl Header {
        /// A loadable segment.
        pub fn load(address: u64, flags: u32, contents: &[u8], memory: u64) -> Self {
            Self { kind: elf::PT_LOAD, flags, address, contents: contents.to_vec(), memory }
        }
    }

    /// A file of this type with these segments. Each one's contents lie as far into a page as its address.
    pub fn file(kind: u16, entry: u64, headers: &[Header]) -> Vec<u8> {
        let mut table = Vec::new();
        let mut file = vec![0; 64 + 56 * headers.len()];
        let length = |bytes: usize| u64::try_from(bytes).unwrap();
        for header in headers {
            let end = length(file.len());
            let gap = (header.address % PAGE + PAGE - end % PAGE) % PAGE;
            file.resize(file.len() + usize::try_from(gap).unwrap(), 0);
            let stored = length(header.contents.len());
            table.extend([header.kind, header.flags].into_iter().flat_map(u32::to_le_bytes));
            let align = if header.kind == elf::PT_NOTE { 4 } else { PAGE };
            let numbers = [end + gap, header.address, header.address & 0x7fff_ffff, stored, header.memory, align];
            table.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
            file.extend_from_slice(&header.contents);
        }
        file[64..64 + table.len()].copy_from_slice(&table);
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        for (at, value) in [(16, kind), (18, elf::EM_X86_64), (52, 64), (54, 56), (56, u16::try_from(headers.len()).unwrap())] {
            file[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        file[24..32].copy_from_slice(&entry.to_le_bytes());
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file
    }
}
