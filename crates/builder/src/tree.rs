//! The files that make up the core, in one order, and what they come to.
//!
//! The build script reads this module too: what is embedded and what a checkout has are counted alike, so that both give the same digest.

use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the core consists of, below the root of a checkout.
pub const PARTS: [&str; 2] = ["kernel", "crates/pith-abi"];

/// Directories that no image is made of.
const SKIPPED: [&str; 4] = ["target", "tests", "benches", "examples"];

/// The core's files below `root`, sorted by path. What no image is made of is not among them: tests, documents, shell scripts, hidden files, build results.
///
/// # Errors
/// Those of the file system.
pub fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for part in PARTS {
        walk(root, Path::new(part), &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn walk(root: &Path, directory: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(directory))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = directory.join(&name);
        let name = name.to_string_lossy();
        let kind = entry.file_type()?;
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() && !SKIPPED.contains(&name.as_ref()) {
            walk(root, &path, found)?;
        } else if kind.is_file() && ![".md", ".sh", ".swp"].iter().any(|suffix| name.ends_with(suffix)) {
            found.push(path);
        }
    }
    Ok(())
}

/// The digest of the core below `root`, as lower-case hexadecimal digits: SHA-256 over each file's path and content, each with its length.
///
/// # Errors
/// Those of the file system.
pub fn digest(root: &Path, files: &[PathBuf]) -> io::Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let content = fs::read(root.join(file))?;
        let path = file.to_string_lossy();
        for part in [path.as_bytes(), &content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(hex(&hash.finalize()))
}

/// SHA-256 as lower-case hexadecimal digits.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
