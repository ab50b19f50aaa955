//! What an image is made of: bytes by crate and by function, adding up to the file.
//!
//! A function counts for the crate that it is named after, a generic one of the standard library for the kernel crate that its types come from. Sequences that
//! the optimiser made functions of (`OUTLINED_FUNCTION_n`) belong to many and stand apart.

use crate::metadata::Workspace;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// How many functions are listed.
const FUNCTIONS: usize = 40;

struct Function {
    address: u64,
    size: u64,
    name: String,
}

fn output(program: &str, args: &[&str], file: &Path) -> Result<String, String> {
    let output = Command::new(program).args(args).arg(file).output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} {}: {}", file.display(), String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{program}: {error}"))
}

/// Functions in the order of their addresses; of several names for one, the first.
fn functions(nm: &str) -> Vec<Function> {
    let mut found: Vec<Function> = nm
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(4, ' ');
            let (address, size, kind, name) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let name = name.rsplit_once("::h").filter(|(_, hash)| hash.len() == 16).map_or(name, |(name, _)| name);
            let number = |text| u64::from_str_radix(text, 16).ok();
            matches!(kind, "t" | "T" | "w" | "W").then_some(Function {
                address: number(address)?,
                size: number(size)?,
                name: name.to_owned(),
            })
        })
        .collect();
    found.sort_by_key(|function| function.address);
    found.dedup_by_key(|function| function.address);
    found
}

/// Sizes of the sections that are in the file, from `size -A`.
fn sections(size: &str) -> BTreeMap<String, u64> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, bytes) = (words.next()?, words.next()?.parse().ok()?);
        name.starts_with('.').then(|| (name.to_owned(), bytes))
    };
    size.lines().filter_map(row).filter(|(name, _)| !name.contains(".bss") && !name.starts_with(".debug")).collect()
}

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

/// Prints the report on `image`, whose unstripped form lies beside it as `image.dbg`.
pub fn report(image: &Path, kernel: &Workspace) -> Result<(), String> {
    let whole = image.metadata().map_err(|error| format!("{}: {error}", image.display()))?.len();
    let unstripped = image.with_added_extension("dbg");
    let mut functions = functions(&output("nm", &["-S", "-C", "--defined-only"], &unstripped)?);
    let sections = sections(&output("size", &["-A"], &unstripped)?);
    // The image's own crate has the name of its binary in symbols.
    let names = kernel.packages.iter().map(|package| package.name.replace('-', "_"));
    let crates: BTreeSet<String> = names.chain(["pith_kernel".to_owned()]).collect();

    let mut rows: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for function in &functions {
        let row = rows.entry(owner(&function.name, &crates)).or_default();
        *row = (row.0 + function.size, row.1 + 1);
    }
    let named: u64 = rows.values().map(|row| row.0).sum();
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(_, (bytes, _))| std::cmp::Reverse(*bytes));
    println!("{:>9} bytes in {}", whole, image.display());
    for (name, (bytes, count)) in rows {
        println!("{bytes:>9} {name}, {count} functions");
    }
    let mut rest = whole - named;
    for (name, bytes) in &sections {
        // Of the code all but what lies between functions is above.
        let bytes = if name == ".text" { bytes.saturating_sub(named) } else { *bytes };
        println!("{bytes:>9} {}", if name == ".text" { "between functions" } else { name });
        rest = rest.saturating_sub(bytes);
    }
    println!("{rest:>9} headers and alignment\n\nThe largest functions:");
    functions.sort_by_key(|function| std::cmp::Reverse(function.size));
    for function in functions.iter().take(FUNCTIONS) {
        println!("{:>9} {}", function.size, function.name);
    }
    Ok(())
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

    #[test]
    fn reads_nm_and_size() {
        let found = functions(
            "0000000000000010 0000000000000004 t a::b::h0123456789abcdef\n0000000000000010 0000000000000004 t c\n0000000000000020 0000000000000002 r d\n0000000000000008 0000000000000008 T e\n",
        );
        let found: Vec<_> = found.iter().map(|f| (f.address, f.size, f.name.as_str())).collect();
        assert_eq!(found, [(8, 8, "e"), (16, 4, "a::b")]);
        let found = sections("image  :\nsection  size  addr\n.text  100  8\n.bss  50  9\n.debug_info 7 0\nTotal  157\n");
        assert_eq!(found, BTreeMap::from([(".text".to_owned(), 100)]));
    }
}
