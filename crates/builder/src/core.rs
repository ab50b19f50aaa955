//! Where the core's sources are: in this program, unpacked once, or in a checkout.

use crate::error::{BuildError, Result};
use crate::lock::{Lock, Waiting};
use crate::{tidy, tree};
use std::fs;
use std::path::{Path, PathBuf};

#[cfg(feature = "embedded")]
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

#[cfg(not(feature = "embedded"))]
mod embedded {
    pub static EMBEDDED: Option<(&str, &[u8])> = None;
}

/// What every core has.
const MARKS: [&str; 3] = ["kernel/Kconfig", "kernel/Cargo.lock", "crates/pith-abi/Cargo.toml"];

/// The core's sources.
#[derive(Clone, Debug)]
pub struct Core {
    root: PathBuf,
    digest: String,
    /// Names the directory that it is compiled in: the same for all states of one checkout, so that only what changed is compiled again.
    place: String,
    vendor: Option<PathBuf>,
}

impl Core {
    /// The sources in this program, unpacked below `cache` if they are not yet.
    ///
    /// # Errors
    /// None are in it; they cannot be unpacked.
    pub fn embedded(cache: &Path, waiting: Waiting<'_>) -> Result<Self> {
        let (digest, archive) = embedded::EMBEDDED.ok_or(BuildError::NotEmbedded)?;
        let place: String = digest.chars().take(16).collect();
        let directory = cache.join("core");
        let root = directory.join(&place);
        if !root.is_dir() {
            fs::create_dir_all(&directory).map_err(BuildError::at(&directory))?;
            let _lock = Lock::take(&directory.join("lock"), waiting)?;
            if !root.is_dir() {
                unpack(archive, &directory, &root)?;
                // Another version of this program left them.
                tidy::retire(cache, Some(&place))?;
            }
        }
        let vendor = Some(root.join("vendor"));
        Ok(Self { root, digest: digest.to_owned(), place, vendor })
    }

    /// A checkout: the directory that has `kernel/` in it.
    ///
    /// # Errors
    /// It has not, or cannot be read.
    pub fn checkout(root: &Path) -> Result<Self> {
        let root = fs::canonicalize(root).map_err(BuildError::at(root))?;
        if let Some(missing) = MARKS.into_iter().find(|mark| !root.join(mark).is_file()) {
            return Err(BuildError::NotACore { path: root, missing });
        }
        let read = || tree::digest(&root, &tree::files(&root)?);
        let digest = read().map_err(BuildError::at(&root))?;
        let place = format!("checkout-{:.16}", tree::hash(root.as_os_str().as_encoded_bytes()));
        let vendor = Some(root.join("vendor")).filter(|vendor| vendor.is_dir());
        Ok(Self { root, digest, place, vendor })
    }

    /// The directory that has `kernel/` in it.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// SHA-256 over the sources, as lower-case hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Where the crates are that the kernel needs from outside; `None` leaves that to cargo.
    pub(crate) fn vendor(&self) -> Option<&Path> {
        self.vendor.as_deref()
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }
}

/// Whether this program has the core's sources in it.
#[must_use]
pub fn is_embedded() -> bool {
    embedded::EMBEDDED.is_some()
}

/// Unpacks into a directory beside, which then takes its place: whoever is interrupted leaves nothing that looks complete.
fn unpack(archive: &[u8], directory: &Path, root: &Path) -> Result<()> {
    let temporary = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(directory).map_err(BuildError::at(directory))?;
    let mut archive = tar::Archive::new(lzma_rust2::XzReader::new(archive, false));
    archive.set_preserve_mtime(false);
    archive.unpack(temporary.path()).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => BuildError::BadArchive(error.to_string()),
        _ => BuildError::Io { path: temporary.path().to_owned(), source: error },
    })?;
    fs::rename(temporary.path(), root).map_err(BuildError::at(root))?;
    // What it named is elsewhere now.
    let _ = temporary.keep();
    Ok(())
}
