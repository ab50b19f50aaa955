//! From what the linker made to what a user keeps: the number of vector registers written in, symbols beside it, the image without them.

mod symbols;
mod vectors;

pub use symbols::demangled;
pub(crate) use symbols::functions;

use crate::error::{BuildError, Result};
use object::Endianness;
use object::elf::{FileHeader64, PT_LOAD, PT_NOTE};
use object::read::elf::{FileHeader, ProgramHeader};
use std::path::Path;

type Header = FileHeader64<Endianness>;

/// The most vector registers with which entry code keeps few of the application's.
pub const FEW_VECTORS: u8 = 6;

/// A finished kernel.
#[derive(Debug)]
pub struct Finished {
    /// What boots.
    pub image: Vec<u8>,
    /// The same with symbols and line numbers.
    pub debug: Vec<u8>,
    /// Lines of an address in hexadecimal and a name, sorted.
    pub symbols: String,
    /// How many vector registers its code uses.
    pub vectors: u8,
}

/// Finishes the kernel in `linked`; `path` is for complaints.
///
/// # Errors
/// It is no kernel.
pub fn finish(linked: Vec<u8>, path: &Path) -> Result<Finished> {
    let wrong = |problem: String| BuildError::BadImage { path: path.to_owned(), problem };
    let mut debug = linked;
    let vectors = vectors::count(&debug).map_err(wrong)?;
    vectors::write(&mut debug, vectors).map_err(wrong)?;
    let symbols = symbols::listing(&debug).map_err(wrong)?;
    let image = stripped(&debug).map_err(wrong)?;
    Ok(Finished { image, debug, symbols, vectors })
}

/// What a machine boots by, the program headers and what they name; without section headers, which come last.
pub(crate) fn stripped(elf: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let bad = |error: object::Error| format!("damaged ELF file: {error}");
    let header = Header::parse(elf).map_err(bad)?;
    let endian = header.endian().map_err(bad)?;
    let segments = header.program_headers(endian, elf).map_err(bad)?;
    let table = header.e_phoff(endian) + u64::from(header.e_phentsize(endian)) * u64::from(header.e_phnum(endian));
    let in_file = segments.iter().filter(|segment| matches!(segment.p_type(endian), PT_LOAD | PT_NOTE));
    let end = in_file.map(|segment| segment.p_offset(endian).saturating_add(segment.p_filesz(endian))).chain([table]).max();
    let end =
        end.and_then(|end| usize::try_from(end).ok()).filter(|end| *end <= elf.len()).ok_or("a segment reaches behind the file's end")?;
    let mut image = elf[..end].to_vec();
    // e_shoff; e_shentsize, e_shnum, e_shstrndx.
    for field in [40..48, 58..64] {
        image[field].fill(0);
    }
    Ok(image)
}
