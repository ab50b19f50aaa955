//! The runtime image inside this binary.

use crate::error::{Error, Result};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/runtime.rs"));

/// A kernel to boot and, when known, its symbols.
#[derive(Debug)]
pub struct Kernel {
    /// The image.
    pub path: PathBuf,
    /// Size of the image in bytes.
    pub size: u64,
    symbols: Option<PathBuf>,
}

/// Name of the built-in image in the cache.
pub fn cached_name() -> Option<String> {
    IMAGE.map(|_| format!("runtime-x86_64-{FINGERPRINT:016x}"))
}

/// The built-in image in a few words.
pub fn description() -> String {
    match IMAGE {
        Some(image) => format!("x86_64, {} KiB, {FINGERPRINT:016x}", image.len().div_ceil(1024)),
        None => "none built in".to_owned(),
    }
}

/// The kernel named by the user, else the embedded one, which is put into `cache` once.
///
/// # Errors
/// No such file; nothing embedded; a cache that cannot be written.
pub fn kernel(named: Option<&Path>, cache: &Path) -> Result<Kernel> {
    if let Some(path) = named {
        let metadata = fs::metadata(path).map_err(|error| Error::new(format!("kernel {}: {error}", path.display())))?;
        let mut symbols = path.as_os_str().to_owned();
        symbols.push(".sym");
        let size = metadata.len();
        return Ok(Kernel { path: path.to_owned(), size, symbols: Some(PathBuf::from(symbols)) });
    }
    let (Some(image), Some(name)) = (IMAGE, cached_name()) else {
        return Err(Error::new("built without a runtime image").with_help("run `make build` in Pith's sources"));
    };
    let path = cache.join(name);
    let size = image.len() as u64;
    if !fs::metadata(&path).is_ok_and(|metadata| metadata.len() == size) {
        let failed = |error: std::io::Error| Error::new(format!("{}: {error}", cache.display()));
        let mut file = tempfile::NamedTempFile::new_in(cache).map_err(failed)?;
        file.write_all(image).map_err(failed)?;
        pith_machine::paths::give_to_user(file.path());
        file.persist(&path).map_err(|error| failed(error.error))?;
    }
    Ok(Kernel { path, size, symbols: None })
}

/// Whether a kernel knows this parameter of its command line: a kernel that reads one has its name in it. The built-in kernel knows all.
///
/// # Errors
/// A file that cannot be read.
pub fn knows(named: Option<&Path>, parameter: &str) -> Result<bool> {
    let Some(path) = named else { return Ok(true) };
    let image = fs::read(path).map_err(|error| Error::new(format!("kernel {}: {error}", path.display())))?;
    Ok(image.windows(parameter.len()).any(|part| part == parameter.as_bytes()))
}

impl Kernel {
    /// Names for addresses, one line each.
    #[must_use]
    pub fn symbolise(&self, addresses: &[u64]) -> Vec<String> {
        let text = match &self.symbols {
            Some(path) => fs::read(path).unwrap_or_default(),
            None => SYMBOLS.unwrap_or_default().to_vec(),
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
