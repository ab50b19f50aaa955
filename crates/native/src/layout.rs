//! Static programs laid out as their pages go into memory.
//!
//! The kernel maps them from where the loader put them: code and constants as they are, data copied when written. What a loader would do at every start is
//! done here once: headers are read and checked, contents are put at page boundaries, the part of a data page that is not in the file is zero.

use crate::image::{Elf, PAGE, PAGE_BYTES, page_up};
use object::LittleEndian;
use object::elf::{self, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use pith_abi::attached::{Program, Segment, rights};

/// Linux's `mmap_min_addr`: nothing may be mapped below.
const LOWEST: u64 = 0x10000;
/// Where the lower half of the address space ends, less one page.
const HIGHEST: u64 = 0x7fff_ffff_f000;

/// A program as it goes into an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaidOut {
    /// What it is called: its first argument.
    pub name: String,
    /// Its pages.
    pub pages: Vec<u8>,
    program: Program,
    /// With `start` counted from the first of `pages`.
    segments: Vec<Segment>,
}

impl LaidOut {
    /// Its table, when its pages begin `at` bytes into the area.
    pub(crate) fn table(&self, at: u64) -> Vec<u8> {
        let moved: Vec<_> = self.segments.iter().map(|segment| Segment { start: segment.start + at, ..*segment }).collect();
        self.program.table(&moved, self.name.as_bytes())
    }
}

/// Why a program cannot be laid out.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LayoutError {
    /// Nothing that we read.
    #[error("{name} is {problem}")]
    NoElf {
        /// The program.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It was linked another way.
    #[error("{name} is {found}; expected a static program at fixed addresses: link it with -static -no-pie")]
    WrongKind {
        /// The program.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// Its segments make no sense.
    #[error("{name}: the segment at {address:#x} {problem}")]
    Segment {
        /// The program.
        name: String,
        /// The segment's address.
        address: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// Its start-up code would not find them.
    #[error(
        "{name}: its program headers are in no loaded segment, where its start-up code looks for them: link it with the tool chain's own linker script"
    )]
    NoHeaders {
        /// The program.
        name: String,
    },
}

/// Lays out the static program `data`, to be called `name`.
///
/// # Errors
/// See [`LayoutError`].
pub fn lay_out(data: &[u8], name: &str) -> Result<LaidOut, LayoutError> {
    let name = name.to_owned();
    let no_elf = |problem| LayoutError::NoElf { name: name.clone(), problem };
    let elf = Elf::read(data).map_err(no_elf)?;
    let wrong = |found| LayoutError::WrongKind { name: name.clone(), found };
    let kinds: Vec<_> = elf.segments.iter().map(|segment| segment.p_type(LittleEndian)).collect();
    match elf.header.e_type(LittleEndian) {
        elf::ET_EXEC if kinds.contains(&elf::PT_INTERP) => return Err(wrong("dynamically linked")),
        elf::ET_EXEC => {}
        elf::ET_DYN => return Err(wrong("a position-independent program or a library")),
        elf::ET_REL => return Err(wrong("an object file that has not been linked")),
        _ => return Err(wrong("no program")),
    }
    let mut pages = Vec::new();
    let mut segments: Vec<Segment> = Vec::new();
    let mut program = Program {
        entry: elf.header.e_entry(LittleEndian),
        headers: headers(&elf).ok_or_else(|| LayoutError::NoHeaders { name: name.clone() })?,
        header_count: elf.header.e_phnum(LittleEndian).into(),
        code_start: u64::MAX,
        ..Program::default()
    };
    for load in elf.loads().filter(|load| load.p_memsz(LittleEndian) > 0) {
        let address = load.p_vaddr(LittleEndian);
        let failed = |problem: String| LayoutError::Segment { name: name.clone(), address, problem };
        let contents = elf.contents(load).map_err(no_elf)?;
        let segment = place(load, contents, &mut pages).map_err(failed)?;
        if let Some(before) = segments.iter().find(|s| s.addr < segment.addr + segment.bytes && segment.addr < s.addr + s.bytes) {
            let problem = format!("shares a page with the one at {:#x}: link with -z separate-code, or without -N and -n", before.addr);
            return Err(failed(problem));
        }
        let end = address + load.p_memsz(LittleEndian);
        program.data_end = program.data_end.max(end);
        if segment.rights & rights::EXECUTE != 0 {
            program.code_start = program.code_start.min(address);
            program.code_end = program.code_end.max(end);
        }
        segments.push(segment);
    }
    if program.code_start > program.entry || program.entry >= program.code_end {
        return Err(wrong("an ELF file that begins outside its code"));
    }
    Ok(LaidOut { name, pages, program, segments })
}

/// Appends a segment's pages to `pages`.
fn place(load: &ProgramHeader64<LittleEndian>, contents: &[u8], pages: &mut Vec<u8>) -> Result<Segment, String> {
    let address = load.p_vaddr(LittleEndian);
    let memory = load.p_memsz(LittleEndian);
    let (Ok(stored), Ok(start)) = (u64::try_from(contents.len()), u64::try_from(pages.len())) else {
        return Err("is too large".into());
    };
    if stored > memory {
        return Err("is larger in the file than in memory".into());
    }
    let end = address.checked_add(memory).filter(|end| *end <= HIGHEST);
    let (Some(end), LOWEST..) = (end.and_then(page_up), address) else {
        return Err(format!("lies outside the addresses that programs may have ({LOWEST:#x} to {HIGHEST:#x})"));
    };
    let first = address & !(PAGE - 1);
    let inside = usize::try_from(address - first).unwrap_or(usize::MAX);
    if !contents.is_empty() {
        pages.resize(pages.len() + inside, 0);
        pages.extend_from_slice(contents);
        pages.resize(pages.len().next_multiple_of(PAGE_BYTES), 0);
    }
    let stored = u64::try_from(pages.len()).unwrap_or(u64::MAX) - start;
    Ok(Segment { addr: first, bytes: end - first, start, stored, rights: u64::from(load.p_flags(LittleEndian) & 7) })
}

/// The address of the program headers in memory.
fn headers(elf: &Elf<'_>) -> Option<u64> {
    let said = elf.segments.iter().find(|segment| segment.p_type(LittleEndian) == elf::PT_PHDR);
    let table = elf.header.e_phoff(LittleEndian);
    let loaded = || {
        elf.loads().find_map(|load| {
            let inside = table.checked_sub(load.p_offset(LittleEndian))?;
            (inside < load.p_filesz(LittleEndian)).then(|| load.p_vaddr(LittleEndian) + inside)
        })
    };
    said.map(|segment| segment.p_vaddr(LittleEndian)).or_else(loaded)
}

#[cfg(test)]
mod tests;
