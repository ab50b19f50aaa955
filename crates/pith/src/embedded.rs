//! The runtime images inside this binary: the usual one, and the one for machines with volumes, which is larger.

use crate::error::{Error, Result};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// An image that was built with this binary.
struct Image {
    /// The preset that it was built from.
    name: &'static str,
    /// Its bytes, where it was there to be built in.
    bytes: Option<&'static [u8]>,
    /// Its symbols: lines of an address in hexadecimal and a name, sorted.
    symbols: Option<&'static [u8]>,
    /// Tells images apart.
    fingerprint: u64,
}

include!(concat!(env!("OUT_DIR"), "/runtime.rs"));

/// A kernel to boot and, when known, its symbols.
#[derive(Debug)]
pub struct Kernel {
    /// The image.
    pub path: PathBuf,
    /// Size of the image in bytes.
    pub size: u64,
    symbols: Symbols,
}

/// Where a kernel's symbols are: lines of an address in hexadecimal and a name, sorted.
#[derive(Debug)]
enum Symbols {
    /// In a file, if it is there.
    Beside(PathBuf),
    /// In this program.
    Built(&'static [u8]),
}

/// What a built-in image has to be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// What every machine needs.
    Usual,
    /// Directories of the host besides.
    Volumes,
}

impl Needs {
    /// What a machine with these volumes needs.
    pub fn of(volumes: &[pith_monitor::Volume]) -> Self {
        if volumes.is_empty() { Self::Usual } else { Self::Volumes }
    }

    const fn image(self) -> &'static Image {
        match self {
            Self::Usual => &RUNTIME,
            Self::Volumes => &RUNTIME_VOLUMES,
        }
    }
}

impl Image {
    fn cached_name(&self) -> Option<String> {
        self.bytes.map(|_| format!("{}-x86_64-{:016x}", self.name, self.fingerprint))
    }
}

/// Whether a file of this name in the cache is a built-in image.
pub fn is_cached_name(name: &str) -> bool {
    [&RUNTIME, &RUNTIME_VOLUMES].iter().any(|image| image.cached_name().as_deref() == Some(name))
}

/// Whether there is an image for every need.
pub fn is_complete() -> bool {
    RUNTIME.bytes.is_some() && RUNTIME_VOLUMES.bytes.is_some()
}

/// The built-in image in a few words.
pub fn description() -> String {
    match RUNTIME.bytes {
        Some(image) => format!("x86_64, {} KiB, {:016x}", image.len().div_ceil(1024), RUNTIME.fingerprint),
        None => "none built in".to_owned(),
    }
}

/// The kernel named by the user, else the embedded one for these needs, which is put into `cache` once.
///
/// # Errors
/// No such file; nothing embedded; a cache that cannot be written.
pub fn kernel(named: Option<&Path>, needs: Needs, cache: &Path) -> Result<Kernel> {
    if let Some(path) = named {
        let metadata = fs::metadata(path).map_err(|error| Error::new(format!("kernel {}: {error}", path.display())))?;
        let mut symbols = path.as_os_str().to_owned();
        symbols.push(".sym");
        let size = metadata.len();
        return Ok(Kernel { path: path.to_owned(), size, symbols: Symbols::Beside(PathBuf::from(symbols)) });
    }
    let image = needs.image();
    let (Some(bytes), Some(name)) = (image.bytes, image.cached_name()) else {
        return Err(Error::new(format!("built without the image {}", image.name)).with_help("run `make build` in Pith's sources"));
    };
    let path = cache.join(name);
    let size = bytes.len() as u64;
    if !fs::metadata(&path).is_ok_and(|metadata| metadata.len() == size) {
        let failed = |error: std::io::Error| Error::new(format!("{}: {error}", cache.display()));
        let mut file = tempfile::NamedTempFile::new_in(cache).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        pith_machine::paths::give_to_user(file.path());
        file.persist(&path).map_err(|error| failed(error.error))?;
    }
    Ok(Kernel { path, size, symbols: Symbols::Built(image.symbols.unwrap_or_default()) })
}

impl Kernel {
    /// Names for addresses, one line each.
    #[must_use]
    pub fn symbolise(&self, addresses: &[u64]) -> Vec<String> {
        let text = match &self.symbols {
            Symbols::Beside(path) => fs::read(path).unwrap_or_default(),
            Symbols::Built(text) => text.to_vec(),
        };
        let symbols = parse_symbols(&String::from_utf8_lossy(&text));
        addresses.iter().map(|address| describe(&symbols, *address)).collect()
    }
}

fn parse_symbols(text: &str) -> Vec<(u64, String)> {
    let mut symbols: Vec<(u64, String)> = text
        .lines()
        .filter_map(|line| {
            let (address, name) = line.trim().split_once(' ')?;
            Some((u64::from_str_radix(address, 16).ok()?, name.trim().to_owned()))
        })
        .collect();
    symbols.sort_by_key(|(address, _)| *address);
    symbols
}

fn describe(symbols: &[(u64, String)], address: u64) -> String {
    // A return address may be the first byte behind its function.
    let at = symbols.partition_point(|(start, _)| *start < address);
    match at.checked_sub(1).and_then(|index| symbols.get(index)) {
        Some((start, name)) if address - start < 1 << 20 => format!("{address:#018x}  {name}+{:#x}", address - start),
        _ => format!("{address:#018x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_the_name_of_the_function_they_return_into() {
        let symbols = parse_symbols("ffffffff80001000 boot::start\nffffffff80001100 <T as core::fmt::Display>::fmt\nbad\n");
        assert_eq!(describe(&symbols, 0xffff_ffff_8000_1010), "0xffffffff80001010  boot::start+0x10");
        assert_eq!(describe(&symbols, 0xffff_ffff_8000_1100), "0xffffffff80001100  boot::start+0x100");
        assert!(describe(&symbols, 0xffff_ffff_8000_1101).ends_with("fmt+0x1"));
        assert_eq!(describe(&symbols, 0x10), "0x0000000000000010");
    }
}
