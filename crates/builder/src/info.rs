//! What a kernel says about itself: a section that no machine loads, at the end of the image.
//!
//! Unless it keeps its symbols, the image has no other section: its description, compressed JSON, is followed by the names of sections and the section headers. Whoever boots it reads the
//! program headers only.

use crate::error::{BuildError, Result};
use crate::library::Library;
use object::Endianness;
use object::elf::{FileHeader64, SHT_PROGBITS, SHT_STRTAB};
use object::read::elf::{FileHeader, SectionHeader};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

type Header = FileHeader64<Endianness>;

/// The section's name.
const SECTION: &[u8] = b".pith_info";

/// Names of sections of an image that has none, each with its zero: nothing, the names themselves.
const NAMES: &[u8] = b"\0.shstrtab\0";

/// Length of a section header in bytes.
const HEADER: usize = 64;

/// Longest description in bytes that is read: what claims to be longer is damaged.
const LONGEST: u64 = 1 << 20;

/// What a kernel says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// Name of the project.
    pub name: String,
    /// Platform and architecture.
    pub target: String,
    /// Version of the builder.
    pub version: String,
    /// Preset that its options began with.
    pub preset: String,
    /// Digest of the core's sources.
    pub core: String,
    /// The compiler.
    pub compiler: String,
    /// The linker.
    pub linker: String,
    /// Flags that say what code is made.
    pub flags: Vec<String>,
    /// Features of the crate `image`.
    pub features: Vec<String>,
    /// What it was put together from.
    pub libraries: Vec<Library>,
    /// Whether it carries its root file system.
    pub embeds_rootfs: bool,
    /// Whether it carries its application, which needs no file.
    pub carries_program: bool,
    /// Every option and its value, as in `.config`.
    pub configuration: BTreeMap<String, String>,
}

/// Adds a description to an image; sections that it has stay.
#[must_use]
pub fn describe(image: &[u8], info: &Info) -> Vec<u8> {
    let text = serde_json::to_vec(info).unwrap_or_default();
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing to memory does not fail.
    let packed = encoder.write_all(&text).and_then(|()| encoder.finish()).unwrap_or_default();
    let mut table = Table::of(image).unwrap_or_default();
    let mut out = image.to_vec();
    let at = out.len();
    out.extend_from_slice(&packed);
    let names = out.len();
    let name = table.names.len();
    table.names.extend_from_slice(SECTION);
    table.names.push(0);
    out.extend_from_slice(&table.names);
    table.place_names(names);
    table.headers.push(header(name, SHT_PROGBITS, at, packed.len()));
    out.resize(out.len().next_multiple_of(8), 0);
    let start = out.len();
    table.headers.iter().for_each(|header| out.extend_from_slice(header));
    // e_shoff; e_shentsize, e_shnum, e_shstrndx. There are far fewer than 0xff00 sections.
    let count = u16::try_from(table.headers.len()).unwrap_or_default();
    out[40..48].copy_from_slice(&(start as u64).to_le_bytes());
    for (at, number) in [(58, 64), (60, count), (62, table.index)] {
        out[at..at + 2].copy_from_slice(&number.to_le_bytes());
    }
    out
}

/// Section headers of an image, and the names of its sections.
struct Table {
    headers: Vec<[u8; HEADER]>,
    names: Vec<u8>,
    /// Which header is the names' own.
    index: u16,
}

impl Default for Table {
    /// No section but the names.
    fn default() -> Self {
        Self { headers: vec![[0; HEADER], header(1, SHT_STRTAB, 0, 0)], names: NAMES.to_vec(), index: 1 }
    }
}

impl Table {
    /// Those of an image that has sections.
    fn of(image: &[u8]) -> Option<Self> {
        let elf = Header::parse(image).ok()?;
        let endian = elf.endian().ok()?;
        let headers = elf.section_headers(endian, image).ok().filter(|headers| !headers.is_empty())?;
        let index = u16::try_from(elf.shstrndx(endian, image).ok()?).ok()?;
        let names = headers.get(usize::from(index))?.data(endian, image).ok()?.to_vec();
        let start = usize::try_from(elf.e_shoff(endian)).ok()?;
        let raw = image.get(start..start.checked_add(headers.len() * HEADER)?)?;
        let headers = raw.chunks_exact(HEADER).map(|chunk| chunk.try_into().unwrap_or([0; HEADER])).collect();
        Some(Self { headers, names, index })
    }

    fn place_names(&mut self, at: usize) {
        let size = self.names.len() as u64;
        if let Some(header) = self.headers.get_mut(usize::from(self.index)) {
            header[24..32].copy_from_slice(&(at as u64).to_le_bytes());
            header[32..40].copy_from_slice(&size.to_le_bytes());
        }
    }
}

fn header(name: usize, kind: u32, offset: usize, size: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[0..4].copy_from_slice(&u32::try_from(name).unwrap_or_default().to_le_bytes());
    header[4..8].copy_from_slice(&kind.to_le_bytes());
    header[24..32].copy_from_slice(&(offset as u64).to_le_bytes());
    header[32..40].copy_from_slice(&(size as u64).to_le_bytes());
    header[48..56].copy_from_slice(&1_u64.to_le_bytes());
    header
}

/// What the kernel at `path` says about itself; `None` when it is no kernel of this builder's.
///
/// # Errors
/// A file that cannot be read; a damaged description.
pub fn info(path: &Path) -> Result<Option<Info>> {
    let data = fs::read(path).map_err(BuildError::at(path))?;
    let wrong = |problem: String| BuildError::BadImage { path: path.to_owned(), problem };
    let Some(packed) = section(&data) else { return Ok(None) };
    let mut text = Vec::new();
    let read = flate2::read::ZlibDecoder::new(packed).take(LONGEST).read_to_end(&mut text);
    read.map_err(|error| wrong(format!("its description is damaged: {error}")))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| wrong(format!("its description is damaged: {error}")))
}

fn section(data: &[u8]) -> Option<&[u8]> {
    let header = Header::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let (_, section) = sections.section_by_name(endian, SECTION)?;
    section.data(endian, data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_that_are_there_stay() {
        let said = |name: &str| Info { name: name.to_owned(), ..Info::default() };
        let program = fs::read(std::env::current_exe().unwrap()).unwrap();
        let described = describe(&program, &said("web"));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kernel");
        fs::write(&path, &described).unwrap();
        assert_eq!(info(&path).unwrap(), Some(said("web")));
        use object::{Object, ObjectSymbol};
        let names = |data: &[u8]| {
            let file = object::File::parse(data).unwrap();
            let symbols: Vec<String> = file.symbols().filter_map(|symbol| Some(symbol.name().ok()?.to_owned())).collect();
            (symbols, file.sections().count())
        };
        let (before, after) = (names(&program), names(&described));
        assert_eq!((before.0, before.1 + 1), after);
    }

    #[test]
    fn a_description_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kernel");
        let mut image = vec![0; 64];
        image[..20].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0]);
        fs::write(&path, &image).unwrap();
        assert_eq!(info(&path).unwrap(), None);
        let said = Info { name: "web".to_owned(), features: vec!["net".to_owned()], ..Info::default() };
        let described = describe(&image, &said);
        fs::write(&path, &described).unwrap();
        assert_eq!(info(&path).unwrap(), Some(said));
        let mut damaged = described.clone();
        damaged[66] ^= 0xff;
        fs::write(&path, &damaged).unwrap();
        assert!(info(&path).unwrap_err().to_string().contains("its description is damaged"));
        // Every other damage is no panic.
        for at in 0..described.len() {
            let mut damaged = described.clone();
            damaged[at] ^= 0xff;
            fs::write(&path, &damaged).unwrap();
            let _ = info(&path);
        }
    }
}
