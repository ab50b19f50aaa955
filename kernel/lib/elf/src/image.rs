//! ELF headers, checked.

use crate::{PAGE, PROGRAM_HEADER_BYTES, ReadAt};
use alloc::vec;
use alloc::vec::Vec;
use uapi::Errno;

/// The CPU a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// EM_X86_64.
    X86_64,
    /// EM_AARCH64.
    Aarch64,
}

impl Machine {
    fn number(self) -> u16 {
        match self {
            Machine::X86_64 => 62,
            Machine::Aarch64 => 183,
        }
    }
}

/// Why a file is no program for this machine: what execve(2) returns, and a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// ENOEXEC, or what reading the file returned.
    pub errno: Errno,
    /// What is wrong.
    pub reason: &'static str,
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Error { errno, reason: if cfg!(feature = "messages") { "cannot be read" } else { "" } }
    }
}

#[inline(always)]
fn bad(reason: &'static str) -> Error {
    Error { errno: Errno::ENOEXEC, reason: if cfg!(feature = "messages") { reason } else { "" } }
}

/// Where a program may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ET_EXEC: at its own addresses.
    Fixed,
    /// ET_DYN: anywhere; add a bias (a multiple of [`Elf::align`]) to every address.
    Relocatable,
}

/// Whether the stack may be executed (PT_GNU_STACK).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackKind {
    /// It may not: the header says so.
    Plain,
    /// It may: the header says so.
    Executable,
    /// There is no header; Linux makes the stack plain on 64-bit CPUs.
    Unspecified,
}

/// What a segment allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRights {
    /// PF_R.
    pub read: bool,
    /// PF_W.
    pub write: bool,
    /// PF_X.
    pub execute: bool,
}

/// One loadable segment. All addresses without bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address.
    pub addr: u64,
    /// Bytes in memory; those behind the file's are zero.
    pub mem_size: u64,
    /// First byte's offset in the file; equals `addr` modulo [`PAGE`].
    pub offset: u64,
    /// Bytes in the file, at most `mem_size`.
    pub file_size: u64,
    /// Rights.
    pub rights: SegmentRights,
}

impl Segment {
    /// First page: where its mapping starts.
    pub fn page_start(&self) -> u64 {
        self.addr & !(PAGE - 1)
    }

    /// Behind its last page.
    pub fn page_end(&self) -> u64 {
        page_up(self.addr + self.mem_size)
    }

    /// The file mapping: `(address, offset, bytes)` in whole pages; `None` when nothing comes from the file.
    pub fn file_pages(&self) -> Option<(u64, u64, u64)> {
        let end = page_up(self.addr + self.file_size);
        let start = self.page_start();
        (self.file_size > 0).then(|| (start, self.offset & !(PAGE - 1), end - start))
    }

    /// Bytes to clear in the last file page: what the file holds behind the segment must not be seen as zero-initialised data.
    pub fn tail(&self) -> Option<(u64, u64)> {
        let from = self.addr + self.file_size;
        let to = page_up(from).min(self.page_end());
        (self.file_size > 0 && self.mem_size > self.file_size && from < to).then(|| (from, to - from))
    }

    /// Zero pages behind the file mapping: `(address, bytes)`.
    pub fn zero_pages(&self) -> Option<(u64, u64)> {
        let start = if self.file_size > 0 { page_up(self.addr + self.file_size) } else { self.page_start() };
        let end = self.page_end();
        (start < end).then(|| (start, end - start))
    }
}

fn page_up(addr: u64) -> u64 {
    // Addresses were checked to be far below the end of the address space.
    addr.saturating_add(PAGE - 1) & !(PAGE - 1)
}

/// One raw program header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ProgramHeader {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub vaddr: u64,
    pub file_size: u64,
    pub mem_size: u64,
    pub align: u64,
}

const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_PHDR: u32 = 6;
const PT_GNU_STACK: u32 = 0x6474_e551;

/// The little-endian number of `len` bytes at `at`.
#[inline(never)]
fn number_at(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes[at..at + len].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    number_at(bytes, at, 2) as u16
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    number_at(bytes, at, 4) as u32
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    number_at(bytes, at, 8)
}

impl ProgramHeader {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            kind: u32_at(bytes, 0),
            flags: u32_at(bytes, 4),
            offset: u64_at(bytes, 8),
            vaddr: u64_at(bytes, 16),
            file_size: u64_at(bytes, 32),
            mem_size: u64_at(bytes, 40),
            align: u64_at(bytes, 48),
        }
    }
}

/// A program, ready to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// Where it may lie.
    pub kind: Kind,
    /// Where it begins, without bias.
    pub entry: u64,
    /// Its loadable segments in the order of the file; at least one.
    pub segments: Vec<Segment>,
    /// Path of the dynamic loader it asks for (PT_INTERP).
    pub interpreter: Option<Vec<u8>>,
    /// Whether it wants an executable stack.
    pub stack: StackKind,
    /// Address of its program headers in memory, without bias; `None` when they are not loaded.
    pub headers: Option<u64>,
    /// Number of program headers.
    pub header_count: u16,
    /// What a bias must be a multiple of: the strictest alignment of its segments, at least a page.
    pub align: u64,
}

impl Elf {
    /// Reads a program for `machine` whose addresses must lie below `limit`. The file may be anything.
    pub fn parse(file: &(impl ReadAt + ?Sized), machine: Machine, limit: u64) -> Result<Elf, Error> {
        let mut header = [0; 64];
        if file.read_at(0, &mut header)? < header.len() {
            return Err(bad("is too short for an ELF header"));
        }
        if header[..4] != *b"\x7fELF" {
            return Err(bad("is no ELF file"));
        }
        if header[4] != 2 || header[5] != 1 {
            return Err(bad("is no 64-bit little-endian ELF file"));
        }
        let kind = match u16_at(&header, 16) {
            2 => Kind::Fixed,
            3 => Kind::Relocatable,
            _ => return Err(bad("is an ELF file, but no executable")),
        };
        if u16_at(&header, 18) != machine.number() {
            return Err(bad("is for another CPU"));
        }
        let headers = read_headers(file, &header)?;
        let mut elf = Elf {
            kind,
            entry: u64_at(&header, 24),
            segments: Vec::new(),
            interpreter: None,
            stack: StackKind::Unspecified,
            headers: None,
            header_count: u16_at(&header, 56),
            align: PAGE,
        };
        for ph in &headers {
            match ph.kind {
                PT_LOAD if ph.mem_size > 0 => elf.add_segment(file, ph, limit)?,
                PT_INTERP if elf.interpreter.is_none() => elf.interpreter = Some(read_interpreter(file, ph)?),
                PT_GNU_STACK => elf.stack = if ph.flags & 1 != 0 { StackKind::Executable } else { StackKind::Plain },
                PT_PHDR => elf.headers = Some(ph.vaddr),
                _ => {}
            }
        }
        if elf.segments.is_empty() {
            return Err(bad("has nothing to load"));
        }
        if elf.entry >= limit {
            return Err(bad("begins outside the address space"));
        }
        let table = u64_at(&header, 32);
        if elf.headers.is_none_or(|addr| addr >= limit) {
            let holds = |s: &&Segment| s.offset <= table && table - s.offset < s.file_size;
            elf.headers = elf.segments.iter().find(holds).map(|s| s.addr + (table - s.offset));
        }
        Ok(elf)
    }

    fn add_segment(&mut self, file: &(impl ReadAt + ?Sized), ph: &ProgramHeader, limit: u64) -> Result<(), Error> {
        if ph.file_size > ph.mem_size {
            return Err(bad("has a segment that is larger in the file than in memory"));
        }
        let end = ph.vaddr.checked_add(ph.mem_size).filter(|end| *end <= limit - PAGE);
        if end.is_none() {
            return Err(bad("has a segment outside the address space"));
        }
        if self.kind == Kind::Fixed && ph.vaddr < PAGE {
            return Err(bad("has a segment at address 0"));
        }
        if ph.file_size > 0 {
            if ph.offset % PAGE != ph.vaddr % PAGE {
                return Err(bad("has a segment that is not aligned to pages"));
            }
            let file_end = ph.offset.checked_add(ph.file_size);
            if file_end.is_none_or(|end| end > file.size()) {
                return Err(bad("is truncated: a segment ends behind the file"));
            }
        }
        if ph.align > PAGE && ph.align.is_power_of_two() && ph.align <= 1 << 30 {
            self.align = self.align.max(ph.align);
        }
        self.segments.push(Segment {
            addr: ph.vaddr,
            mem_size: ph.mem_size,
            offset: ph.offset,
            file_size: ph.file_size,
            rights: SegmentRights { read: ph.flags & 4 != 0, write: ph.flags & 2 != 0, execute: ph.flags & 1 != 0 },
        });
        Ok(())
    }

    /// First and behind the last page of all segments, without bias.
    pub fn span(&self) -> (u64, u64) {
        let start = self.segments.iter().map(Segment::page_start).min();
        let end = self.segments.iter().map(Segment::page_end).max();
        (start.unwrap_or(0), end.unwrap_or(0))
    }

    /// Where its zero-initialised data end: brk(2) starts behind it. Without bias.
    pub fn data_end(&self) -> u64 {
        self.segments.iter().map(|s| s.addr + s.mem_size).max().unwrap_or(0)
    }

    /// First byte of code and behind the last, without bias.
    pub fn code(&self) -> (u64, u64) {
        let code = self.segments.iter().filter(|s| s.rights.execute);
        let start = code.clone().map(|s| s.addr).min().unwrap_or(0);
        (start, code.map(|s| s.addr + s.file_size).max().unwrap_or(0))
    }
}

fn read_headers(file: &(impl ReadAt + ?Sized), header: &[u8; 64]) -> Result<Vec<ProgramHeader>, Error> {
    let (offset, size, count) = (u64_at(header, 32), u16_at(header, 54), u16_at(header, 56));
    if u64::from(size) != PROGRAM_HEADER_BYTES || count == 0 {
        return Err(bad("has no program headers"));
    }
    let len = usize::from(count) * PROGRAM_HEADER_BYTES as usize;
    // Linux's bound, and it keeps a hostile file from costing memory.
    if len > 65536 {
        return Err(bad("has too many program headers"));
    }
    if offset.checked_add(len as u64).is_none_or(|end| end > file.size()) {
        return Err(bad("is truncated: program headers lie behind the file"));
    }
    let mut table = vec![0; len];
    if file.read_at(offset, &mut table)? < len {
        return Err(bad("is truncated: program headers lie behind the file"));
    }
    Ok(table.chunks_exact(PROGRAM_HEADER_BYTES as usize).map(ProgramHeader::parse).collect())
}

/// That there is one is all that matters.
#[cfg(not(feature = "dynamic"))]
fn read_interpreter(_file: &(impl ReadAt + ?Sized), _ph: &ProgramHeader) -> Result<Vec<u8>, Error> {
    Ok(Vec::new())
}

#[cfg(feature = "dynamic")]
fn read_interpreter(file: &(impl ReadAt + ?Sized), ph: &ProgramHeader) -> Result<Vec<u8>, Error> {
    if !(2..=4096).contains(&ph.file_size) {
        return Err(bad("names a dynamic loader of impossible length"));
    }
    let mut path = vec![0; ph.file_size as usize];
    if file.read_at(ph.offset, &mut path)? < path.len() || path.pop() != Some(0) {
        return Err(bad("names no dynamic loader where it says it does"));
    }
    // The name ends at its first NUL, as for Linux.
    if let Some(nul) = path.iter().position(|b| *b == 0) {
        path.truncate(nul);
    }
    if path.is_empty() {
        return Err(bad("names an empty dynamic loader"));
    }
    Ok(path)
}
