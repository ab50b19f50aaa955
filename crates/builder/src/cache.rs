//! Finished kernels by what they were made from.

use crate::error::{BuildError, Result};
use crate::finish::Finished;
use crate::library::Library;
use crate::tree;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// A finished kernel's files.
const IMAGE: &str = "kernel";
const DEBUG: &str = "kernel.dbg";
const SYMBOLS: &str = "kernel.sym";
const RECORD: &str = "built.json";

/// How a kernel was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Digest of the core's sources.
    pub core: String,
    /// Features of the crate `image`, sorted.
    pub features: Vec<String>,
    /// Flags that say what code is made.
    pub flags: Vec<String>,
    /// The compiler's version.
    pub compiler: String,
    /// The linker's version.
    pub linker: String,
    /// How many vector registers its code uses.
    pub vectors: u8,
    /// What it was put together from.
    pub libraries: Vec<Library>,
    /// SHA-256 of the image: what is damaged is built again.
    image: String,
}

/// A kernel in the cache.
#[derive(Clone, Debug)]
pub struct Kernel {
    directory: PathBuf,
    /// How it was made.
    pub record: Record,
}

impl Kernel {
    /// What boots.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.directory.join(IMAGE)
    }

    /// The same with symbols and line numbers.
    #[must_use]
    pub fn debug(&self) -> PathBuf {
        self.directory.join(DEBUG)
    }

    /// Lines of an address in hexadecimal and a name, sorted.
    #[must_use]
    pub fn symbols(&self) -> PathBuf {
        self.directory.join(SYMBOLS)
    }
}

/// Finished kernels.
pub(crate) struct Kernels {
    directory: PathBuf,
}

impl Kernels {
    pub fn open(cache: &Path) -> Self {
        Self { directory: cache.join("kernels") }
    }

    /// The kernel that was made from this, unless there is none or it is damaged.
    pub fn get(&self, key: &str) -> Option<Kernel> {
        let directory = self.directory.join(key);
        let record: Record = serde_json::from_slice(&fs::read(directory.join(RECORD)).ok()?).ok()?;
        let image = fs::read(directory.join(IMAGE)).ok()?;
        let is_whole = tree::hash(&image) == record.image && directory.join(DEBUG).is_file() && directory.join(SYMBOLS).is_file();
        is_whole.then_some(Kernel { directory, record })
    }

    /// Keeps a kernel. Its files come to be in one step, so that nobody finds half of them.
    pub fn put(&self, key: &str, finished: &Finished, mut record: Record) -> Result<Kernel> {
        fs::create_dir_all(&self.directory).map_err(BuildError::at(&self.directory))?;
        let temporary =
            tempfile::Builder::new().prefix(".finishing-").tempdir_in(&self.directory).map_err(BuildError::at(&self.directory))?;
        record.image = tree::hash(&finished.image);
        let described = serde_json::to_vec_pretty(&record).unwrap_or_default();
        let files: [(&str, &[u8]); 4] =
            [(IMAGE, &finished.image), (DEBUG, &finished.debug), (SYMBOLS, finished.symbols.as_bytes()), (RECORD, &described)];
        for (name, content) in files {
            let path = temporary.path().join(name);
            fs::write(&path, content).map_err(BuildError::at(&path))?;
        }
        let directory = self.directory.join(key);
        // What is there is damaged: it would have been found.
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(BuildError::at(&directory)(error)),
            _ => {}
        }
        fs::rename(temporary.path(), &directory).map_err(BuildError::at(&directory))?;
        // What it named is elsewhere now.
        let _ = temporary.keep();
        Ok(Kernel { directory, record })
    }

    /// Removes what interrupted builds left; nobody else is finishing one.
    pub fn tidy(&self) {
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".finishing-") {
                // What cannot be removed is in nobody's way.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl Record {
    pub(crate) fn new(core: &str, features: Vec<String>, flags: Vec<String>, compiler: String, linker: String) -> Self {
        Self { core: core.to_owned(), features, flags, compiler, linker, vectors: 0, libraries: Vec::new(), image: String::new() }
    }
}
