//! What an image is made of: bytes by library, adding up to the file.
//!
//! A function counts for the crate that it is named after, a generic one of the standard library for the kernel crate that its types come from. Sequences that the
//! optimiser made functions of (`OUTLINED_FUNCTION_n`) belong to many and stand apart.

use crate::error::{BuildError, Result};
use crate::finish::functions;
use crate::library::Library;
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, SectionFlags, SectionKind};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What an image is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Length of the image in bytes: what the parts add up to.
    pub total: u64,
    /// Largest first, what is no code behind the code.
    pub parts: Vec<Part>,
    /// The largest functions: name and bytes.
    pub functions: Vec<(String, u64)>,
}

/// A part of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// A crate, or what else it is.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// How many functions it has.
    pub functions: usize,
}

/// How many functions are listed.
const FUNCTIONS: usize = 40;

/// Words of a name that a path could begin with: `alloc`, `vfs` in `alloc::sync::Arc<vfs::inode::Inode>`.
fn roots(name: &str) -> impl Iterator<Item = &str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.split("::").enumerate().filter_map(move |(index, piece)| {
        let start = piece.rfind(|c| !word(c)).map_or(0, |at| at + 1);
        // What follows `::` without anything between is not the beginning of a path.
        (start > 0 || index == 0).then(|| &piece[start..]).filter(|root| !root.is_empty())
    })
}

fn owner<'a>(name: &'a str, kernel: &BTreeSet<String>) -> &'a str {
    if name.starts_with("OUTLINED_FUNCTION") {
        return "(outlined sequences)";
    }
    roots(name).find(|root| kernel.contains(*root)).or_else(|| roots(name).next().filter(|_| name.contains("::"))).unwrap_or("(assembly)")
}

/// Takes the image at `image` to pieces; `debug` is the same with symbols, `libraries` what it was put together from.
///
/// # Errors
/// Files that cannot be read, or are no image.
pub fn sizes(image: &Path, debug: &Path, libraries: &[Library]) -> Result<Sizes> {
    let total = fs::metadata(image).map_err(BuildError::at(image))?.len();
    let elf = fs::read(debug).map_err(BuildError::at(debug))?;
    let wrong = |problem: String| BuildError::BadImage { path: debug.to_owned(), problem };
    // The image's own crate has the name of its binary in symbols.
    let names = libraries.iter().filter(|library| library.origin != crate::Origin::Registry).map(|library| library.name.replace('-', "_"));
    let kernel: BTreeSet<String> = names.chain(["pith_kernel".to_owned()]).collect();
    let mut functions = functions(&elf).map_err(wrong)?;
    // Of several names for one place, the first.
    functions.dedup_by_key(|function| function.address);

    let mut rows: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    for function in &functions {
        let row = rows.entry(owner(&function.name, &kernel)).or_default();
        *row = (row.0 + function.size, row.1 + 1);
    }
    let named: u64 = rows.values().map(|row| row.0).sum();
    let mut parts: Vec<Part> =
        rows.into_iter().map(|(name, (bytes, functions))| Part { name: name.to_owned(), bytes, functions }).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    let (mut code, mut others) = (0, Vec::new());
    for (name, bytes, kind) in loaded(&elf).map_err(|error| wrong(format!("damaged ELF file: {error}")))? {
        if kind == SectionKind::Text { code += bytes } else { others.push((name, bytes)) }
    }
    others.insert(0, ("between functions".to_owned(), code.saturating_sub(named)));
    let known: u64 = named + others.iter().map(|(_, bytes)| bytes).sum::<u64>();
    others.push(("headers and description".to_owned(), total.saturating_sub(known)));
    parts.extend(others.into_iter().map(|(name, bytes)| Part { name, bytes, functions: 0 }));
    functions.sort_by_key(|function| std::cmp::Reverse(function.size));
    let functions = functions.into_iter().take(FUNCTIONS).map(|function| (function.name, function.size)).collect();
    Ok(Sizes { total, parts, functions })
}

/// Sections that are in the image's file: name, bytes, kind.
fn loaded(elf: &[u8]) -> std::result::Result<Vec<(String, u64, SectionKind)>, object::Error> {
    let file = ElfFile64::<Endianness>::parse(elf)?;
    let is_loaded = |flags| matches!(flags, SectionFlags::Elf { sh_flags } if sh_flags & u64::from(object::elf::SHF_ALLOC) != 0);
    let sections = file.sections().filter(|section| is_loaded(section.flags()) && section.file_range().is_some());
    sections.map(|section| Ok((section.name()?.to_owned(), section.size(), section.kind()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generic_function_counts_for_the_kernel_crate_in_its_types() {
        let kernel = BTreeSet::from(["vfs".to_owned(), "net".to_owned()]);
        for (name, expected) in [
            ("vfs::walk::Walk::walk", "vfs"),
            ("<net::udp::UdpSocket as file::Socket>::send", "net"),
            ("core::ptr::drop_in_place<alloc::sync::Arc<vfs::inode::Inode>>", "vfs"),
            ("core::fmt::write", "core"),
            ("core::net::parser::Parser::read_number", "core"),
            ("OUTLINED_FUNCTION_7", "(outlined sequences)"),
            ("arch_syscall_entry", "(assembly)"),
        ] {
            assert_eq!(owner(name, &kernel), expected, "{name}");
        }
    }
}
