//! Payloads for a finished kernel image.
//!
//! They go into one more loadable segment behind the image, the *area*; the kernel's note says where (`pith_abi::attached`). The kernel keeps its bytes, so a
//! cached one serves any number of applications, and every payload is used where the loader put it: nothing is copied at boot.

use crate::image::{Elf, PAGE, PAGE_BYTES, page_up};
use crate::layout::LaidOut;
use object::LittleEndian;
use object::elf::{self, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use pith_abi::attached::{ATTACHED_BYTES, Attached, NOTE_NAME, NOTE_NAME_BYTES, NOTE_TYPE, Range};
use pith_abi::cmdline::{GuestConfig, ParseError};

/// Where the area must end: x86 machines have devices from 3 GiB on.
const AREA_LIMIT: u64 = 0xc000_0000;

/// What an image is to carry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attachment<'a> {
    /// The root file system, a cpio archive or EROFS image. Used in place; one given at boot (`-initrd`) takes its place.
    pub initrd: Option<&'a [u8]>,
    /// A guest command line: its parameters come before those given at boot, and its arguments count when none are given there.
    pub command_line: &'a str,
    /// The program that is the application. Needs a kernel with the feature `embedded-app`.
    pub program: Option<&'a LaidOut>,
}

/// Why nothing could be attached.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AttachError {
    /// The kernel is no ELF file that we read.
    #[error("the kernel is {0}")]
    NoElf(String),
    /// It is another kernel.
    #[error(
        "the kernel has no note that says what is attached, or no program header left for it: expected an image of Pith's own core (built by `pith build`), found another"
    )]
    NoNote,
    /// Somebody did that before.
    #[error("the kernel carries a root file system, command line or program already: attach to the image as it was built")]
    Twice,
    /// Too large for 32-bit machines addresses.
    #[error(
        "kernel and payload end at {end:#x} in memory; the limit is {AREA_LIMIT:#x}. Hand the root file system over at boot instead (`-initrd`)"
    )]
    TooLarge {
        /// The physical address behind the last byte.
        end: u64,
    },
    /// A command line that the kernel would refuse.
    #[error("the command line to be carried by the image is damaged: {0}")]
    CommandLine(ParseError),
}

/// Appends `payload` to the area at a multiple of `align`; `None` when it has grown out of 32 bits.
fn add(area: &mut Vec<u8>, payload: &[u8], align: usize) -> Option<Range> {
    if payload.is_empty() {
        return Some(Range::default());
    }
    area.resize(area.len().next_multiple_of(align), 0);
    let range = Range { start: u32::try_from(area.len()).ok()?, bytes: u32::try_from(payload.len()).ok()? };
    area.extend_from_slice(payload);
    Some(range)
}

/// Puts everything into the area.
fn fill(area: &mut Vec<u8>, attachment: &Attachment<'_>) -> Option<Attached> {
    let mut table = Vec::new();
    if let Some(program) = attachment.program {
        let pages = add(area, &program.pages, PAGE_BYTES)?;
        table = program.table(pages.start.into());
    }
    Some(Attached {
        initrd: add(area, attachment.initrd.unwrap_or_default(), PAGE_BYTES)?,
        program: add(area, &table, 8)?,
        command_line: add(area, attachment.command_line.as_bytes(), 1)?,
        area: Range::default(),
    })
}

/// The image `kernel` with what `attachment` says. `kernel` is a whole ELF file, with or without section headers and debug information.
///
/// # Errors
/// See [`AttachError`].
pub fn attach(kernel: &[u8], attachment: &Attachment<'_>) -> Result<Vec<u8>, AttachError> {
    GuestConfig::parse(attachment.command_line).map_err(AttachError::CommandLine)?;
    let elf = Elf::read(kernel).map_err(AttachError::NoElf)?;
    let name = NOTE_NAME.get(..NOTE_NAME_BYTES as usize - 1).unwrap_or_default();
    let note = elf.note(name, NOTE_TYPE, ATTACHED_BYTES).ok_or(AttachError::NoNote)?;
    let header = spare_header(&elf, note, kernel)?;
    let memory_end = |segment: &ProgramHeader64<LittleEndian>| segment.p_paddr(LittleEndian).checked_add(segment.p_memsz(LittleEndian));
    let start = elf.loads().filter_map(memory_end).max().and_then(page_up).ok_or(AttachError::NoNote)?;

    let mut area = Vec::new();
    let filled = fill(&mut area, attachment);
    let end = start.saturating_add(u64::try_from(area.len()).unwrap_or(u64::MAX));
    let too_large = |_| AttachError::TooLarge { end };
    let Some(mut attached) = filled.filter(|_| end <= AREA_LIMIT) else {
        return Err(AttachError::TooLarge { end });
    };
    attached.area = Range { start: u32::try_from(start).map_err(too_large)?, bytes: u32::try_from(area.len()).map_err(too_large)? };
    if area.is_empty() {
        return Ok(kernel.to_vec());
    }

    let mut image = Vec::with_capacity(kernel.len() + PAGE_BYTES + area.len());
    image.extend_from_slice(kernel);
    // In pages, as loaders that map files want it.
    image.resize(image.len().next_multiple_of(PAGE_BYTES), 0);
    let file_offset = u64::try_from(image.len()).unwrap_or(u64::MAX);
    put(&mut image, note, &attached.to_bytes());
    put(&mut image, header, &load_header(file_offset, start, attached.area.bytes.into()));
    image.append(&mut area);
    Ok(image)
}

/// File offset of the program header that the image keeps for us.
fn spare_header(elf: &Elf<'_>, note: usize, kernel: &[u8]) -> Result<usize, AttachError> {
    if kernel.get(note..note + ATTACHED_BYTES) != Some(&[0; ATTACHED_BYTES]) {
        return Err(AttachError::Twice);
    }
    let index = elf.segments.iter().position(|segment| segment.p_type(LittleEndian) == elf::PT_NULL).ok_or(AttachError::NoNote)?;
    let table = usize::try_from(elf.header.e_phoff(LittleEndian)).map_err(|_| AttachError::NoNote)?;
    Ok(table + index * size_of::<ProgramHeader64<LittleEndian>>())
}

/// A program header for `bytes` at `file_offset`, to be loaded at the physical address `start`.
fn load_header(file_offset: u64, start: u64, bytes: u64) -> Vec<u8> {
    let kind = [elf::PT_LOAD, elf::PF_R].into_iter().flat_map(u32::to_le_bytes);
    kind.chain([file_offset, start, start, bytes, bytes, PAGE].into_iter().flat_map(u64::to_le_bytes)).collect()
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = image.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests;
