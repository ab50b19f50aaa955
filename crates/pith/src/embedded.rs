//! The runtime images inside this binary.

use crate::error::{Error, Result};
use pith_monitor::Volume;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/runtime.rs"));

/// A runtime image and what it is good for.
pub struct Image {
    /// The preset it was built from.
    preset: &'static str,
    /// What it holds beyond what every runtime image holds: features of the kernel.
    features: &'static [&'static str],
    bytes: &'static [u8],
    /// Lines of an address in hexadecimal and a name, sorted.
    symbols: &'static [u8],
    /// Tells images apart.
    fingerprint: u64,
}

impl Image {
    /// Its name in the cache.
    fn cached_name(&self) -> String {
        format!("{}-x86_64-{:016x}", self.preset, self.fingerprint)
    }
}

/// What a machine asks of its kernel beyond what every runtime image holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// More than one processor.
    smp: bool,
    /// Directories of the host.
    volumes: bool,
}

/// A feature of the kernel, the option that selects it, and words for what takes it.
type Feature = (&'static str, &'static str, &'static str);

impl Needs {
    /// Those of a machine with so many processors (`None` is one) and these volumes.
    #[must_use]
    pub fn of(cpus: Option<u32>, volumes: &[Volume]) -> Self {
        Self { smp: cpus.is_some_and(|count| count > 1), volumes: !volumes.is_empty() }
    }

    /// The kernel's features that it takes.
    fn features(self) -> impl Iterator<Item = Feature> + Clone {
        let smp = self.smp.then_some(("smp", "CONFIG_SMP", "more than one processor"));
        let volumes = self.volumes.then_some(("ninep", "CONFIG_LIBNINEP", "volumes"));
        smp.into_iter().chain(volumes)
    }
}

/// A kernel to boot and, when known, its symbols.
#[derive(Debug)]
pub struct Kernel {
    /// The image.
    pub path: PathBuf,
    /// Size of the image in bytes.
    pub size: u64,
    symbols: Symbols,
}

#[derive(Debug)]
enum Symbols {
    File(PathBuf),
    Embedded(&'static [u8]),
}

/// Whether a file of the cache is an image that this version uses.
pub fn is_cached(name: &str) -> bool {
    IMAGES.iter().any(|image| image.cached_name() == name)
}

/// The built-in images in a few words.
pub fn description() -> String {
    let of = |image: &Image| format!("{} x86_64, {} KiB, {:016x}", image.preset, image.bytes.len().div_ceil(1024), image.fingerprint);
    match IMAGES {
        [] => "none built in".to_owned(),
        images => images.iter().map(of).collect::<Vec<_>>().join("; "),
    }
}

/// The smallest of `images` that holds all that is needed.
fn choose(images: &'static [Image], needs: Needs) -> Option<&'static Image> {
    let holds_all = |image: &&Image| needs.features().all(|(feature, ..)| image.features.contains(&feature));
    images.iter().filter(holds_all).min_by_key(|image| image.bytes.len())
}

/// The kernel named by the user, else the embedded one that fits, which is put into `cache` once.
///
/// # Errors
/// No such file; a kernel that lacks what the machine needs; nothing embedded; a cache that cannot be written.
pub fn kernel(named: Option<&Path>, needs: Needs, cache: &Path) -> Result<Kernel> {
    if let Some(path) = named {
        let metadata = fs::metadata(path).map_err(|error| Error::new(format!("kernel {}: {error}", path.display())))?;
        check(path, needs)?;
        let mut symbols = path.as_os_str().to_owned();
        symbols.push(".sym");
        let size = metadata.len();
        return Ok(Kernel { path: path.to_owned(), size, symbols: Symbols::File(PathBuf::from(symbols)) });
    }
    if IMAGES.is_empty() {
        return Err(Error::new("built without a runtime image").with_help("run `make build` in Pith's sources"));
    }
    let Some(image) = choose(IMAGES, needs) else {
        let what = needs.features().map(|(.., words)| words).collect::<Vec<_>>().join(" and ");
        return Err(Error::new(format!("built without a runtime image for {what}")).with_help("run `make build` in Pith's sources"));
    };
    let path = cache.join(image.cached_name());
    let size = image.bytes.len() as u64;
    if !fs::metadata(&path).is_ok_and(|metadata| metadata.len() == size) {
        let failed = |error: std::io::Error| Error::new(format!("{}: {error}", cache.display()));
        let mut file = tempfile::NamedTempFile::new_in(cache).map_err(failed)?;
        file.write_all(image.bytes).map_err(failed)?;
        pith_machine::paths::give_to_user(file.path());
        file.persist(&path).map_err(|error| failed(error.error))?;
    }
    Ok(Kernel { path, size, symbols: Symbols::Embedded(image.symbols) })
}

/// Refuses a kernel that says of itself what it was built with, when that is not enough.
fn check(path: &Path, needs: Needs) -> Result<()> {
    if needs == Needs::default() {
        return Ok(());
    }
    // One that says nothing, or is no kernel of ours, may know more than we do of it.
    let Ok(Some(info)) = pith_builder::info(path) else { return Ok(()) };
    let missing = needs.features().find(|(feature, ..)| !info.features.iter().any(|built| built == feature));
    match missing {
        None => Ok(()),
        Some((_, option, words)) => {
            let message = format!("the kernel {} was built without {words}", path.display());
            Err(Error::new(message).with_help(format!("build it with {option}=y")))
        }
    }
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
            Symbols::File(path) => fs::read(path).unwrap_or_default(),
            Symbols::Embedded(bytes) => bytes.to_vec(),
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
    fn the_smallest_image_that_holds_all_is_chosen() {
        const fn image(preset: &'static str, features: &'static [&'static str], bytes: &'static [u8]) -> Image {
            Image { preset, features, bytes, symbols: b"", fingerprint: 1 }
        }
        static IMAGES: [Image; 3] = [image("all", &["smp", "more"], b"123"), image("plain", &[], b"1"), image("several", &["smp"], b"12")];
        let chosen = |cpus| choose(&IMAGES, Needs::of(cpus, &[])).map(|image| image.preset);
        assert_eq!((chosen(None), chosen(Some(1)), chosen(Some(2))), (Some("plain"), Some("plain"), Some("several")));
        assert!(choose(&IMAGES[1..2], Needs::of(Some(2), &[])).is_none());
        let volume = Volume { source: "/a".into(), destination: "/b".to_owned(), is_read_only: false };
        assert!(choose(&IMAGES, Needs::of(None, &[volume])).is_none());
    }

    #[test]
    fn addresses_get_the_name_of_the_function_they_return_into() {
        let symbols = parse_symbols("ffffffff80001000 boot::start\nffffffff80001100 <T as core::fmt::Display>::fmt\nbad\n");
        assert_eq!(describe(&symbols, 0xffff_ffff_8000_1010), "0xffffffff80001010  boot::start+0x10");
        assert_eq!(describe(&symbols, 0xffff_ffff_8000_1100), "0xffffffff80001100  boot::start+0x100");
        assert!(describe(&symbols, 0xffff_ffff_8000_1101).ends_with("fmt+0x1"));
        assert_eq!(describe(&symbols, 0x10), "0x0000000000000010");
    }
}
