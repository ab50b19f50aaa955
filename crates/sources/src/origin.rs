//! What a `Makefile.uk` builds from: archives that it fetches and unpacks, and patches for what is in them.
//!
//! As in Unikraft's build system, archives are kept in the build directory of the library, beside the directory `origin` in which they are unpacked. That comes to be there
//! unpacked and patched as a whole, with a note of what it was made from.

use crate::archive;
use crate::digest::{Checksum, hexadecimal};
use crate::error::{Error, Result};
use crate::patch;
use crate::store::{FETCHING, Made, exchange, leave, lock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// Where archives are unpacked, in a library's build directory.
pub const TREE: &str = "origin";
/// The note, inside that directory.
const NOTE: &str = ".pith-origin.json";
/// Beside it: where the archives there were fetched from, by their names.
const ADDRESSES: &str = ".pith-archives.json";

/// What may be done about what is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It is fetched.
    Missing,
    /// All is fetched anew.
    Again,
    /// It is an error.
    Never,
}

/// One archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Archive {
    /// One that is fetched.
    Fetched {
        /// Its file's name in the library's build directory. An archive that is there is not fetched.
        name: String,
        /// Where it is had from: one after the other, until somebody has it.
        addresses: Vec<String>,
        /// What it has to be.
        checksums: Vec<Checksum>,
    },
    /// One that is a file of the project's.
    File(PathBuf),
}

/// Patches for what was unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patches {
    /// The directory that they are in.
    pub directory: PathBuf,
    /// Where they are applied, from the directory in which the archives are unpacked.
    pub within: String,
}

/// Archives, and patches for what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The library's build directory.
    pub directory: PathBuf,
    /// Relative paths begin here.
    pub base: PathBuf,
    /// What is unpacked, in order.
    pub archives: Vec<Archive>,
    /// What is applied, in order.
    pub patches: Vec<Patches>,
}

/// What a tree was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    archives: Vec<Noted>,
    /// SHA-256 of each patch, with the directory that it is for.
    patches: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    /// What was asked for: path or addresses, and digests.
    asked: Vec<String>,
    /// Size in bytes and time of change in seconds and nanoseconds; none when the archive is no longer there, which does no harm.
    file: Option<(u64, i64, i64)>,
}

impl Note {
    /// Whether a tree with this note is what `wanted` says.
    fn covers(&self, wanted: &Self) -> bool {
        let same = |(here, wanted): (&Noted, &Noted)| here.asked == wanted.asked && (wanted.file.is_none() || here.file == wanted.file);
        self.patches == wanted.patches
            && self.archives.len() == wanted.archives.len()
            && self.archives.iter().zip(&wanted.archives).all(same)
    }
}

impl Origin {
    /// Sees to it that everything is unpacked and patched. `told` hears of what is fetched, before.
    ///
    /// # Errors
    /// [`Error`]; then what was there before is there still.
    pub fn prepare(&self, network: Network, told: &dyn Fn(&str)) -> Result<Made> {
        for name in self.archives.iter().filter_map(Archive::name) {
            let is_name = matches!(Path::new(name).components().collect::<Vec<_>>().as_slice(), [Component::Normal(only)] if *only == name);
            if !is_name || name.starts_with('.') || name == TREE {
                return Err(Error::Malformed { text: name.to_owned(), problem: "this is no name for an archive" });
            }
        }
        let _held = lock(&self.directory)?;
        let is_done = || -> Result<bool> {
            let noted = fs::read(self.tree().join(NOTE)).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
            Ok(network != Network::Again && noted.is_some_and(|noted| self.note().is_ok_and(|wanted| noted.covers(&wanted))))
        };
        if is_done()? {
            return Ok(Made::Before);
        }
        let work = tempfile::Builder::new().prefix(FETCHING).tempdir_in(&self.directory).map_err(Error::at(&self.directory))?;
        let tree = work.path().join(TREE);
        fs::create_dir(&tree).map_err(Error::at(&tree))?;
        for archive in &self.archives {
            let had = self.have(archive, network, work.path(), told)?;
            archive::extract(&had.name, had.file, &tree)?;
            if let Some(new) = had.new {
                // What is no archive is not kept.
                self.keep(new, &self.path(archive), work.path())?;
            }
        }
        for (patch, within) in self.patches()? {
            self.apply(&patch, &within, &tree)?;
        }
        leave(&self.note()?, &tree.join(NOTE))?;
        exchange(&tree, &self.tree())?;
        Ok(Made::Now)
    }

    fn tree(&self) -> PathBuf {
        self.directory.join(TREE)
    }

    fn path(&self, archive: &Archive) -> PathBuf {
        match archive {
            Archive::Fetched { name, .. } => self.directory.join(name),
            Archive::File(path) => self.base.join(path),
        }
    }

    /// What the tree is to be made from, as things are.
    fn note(&self) -> Result<Note> {
        let archives = self.archives.iter().map(|archive| {
            let file = fs::metadata(self.path(archive)).ok();
            Noted { asked: archive.asked(), file: file.map(|file| (file.len(), file.mtime(), file.mtime_nsec())) }
        });
        let digest = |(patch, within): (PathBuf, String)| {
            let text = fs::read(&patch).map_err(Error::at(&patch))?;
            Ok((hexadecimal(&Sha256::digest(text)), within))
        };
        let patches = self.patches()?.into_iter().map(digest).collect::<Result<_>>()?;
        Ok(Note { archives: archives.collect(), patches })
    }

    /// Every patch, in order, and where it is applied.
    fn patches(&self) -> Result<Vec<(PathBuf, String)>> {
        let mut all = Vec::new();
        for patches in &self.patches {
            let listed = patch::list(&self.base.join(&patches.directory))?;
            all.extend(listed.into_iter().map(|patch| (patch, patches.within.clone())));
        }
        Ok(all)
    }

    fn apply(&self, patch: &Path, within: &str, tree: &Path) -> Result<()> {
        let place = tree.join(within);
        // Neither `..` nor a link in the archive may lead out of it.
        let tree = fs::canonicalize(tree).map_err(Error::at(tree))?;
        if !fs::canonicalize(&place).is_ok_and(|place| place.is_dir() && place.starts_with(&tree)) {
            let entries = fs::read_dir(&tree).map_err(Error::at(&tree))?.flatten();
            let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            let found = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            return Err(Error::NoDirectory { patches: patch.to_owned(), wanted: within.to_owned(), found });
        }
        patch::apply(patch, &place)
    }

    /// An archive that is what it has to be: the one in place, or it is fetched. Downloads are made in `work`.
    fn have(&self, archive: &Archive, network: Network, work: &Path, told: &dyn Fn(&str)) -> Result<Had> {
        let path = self.path(archive);
        let shown = path.display().to_string();
        let Archive::Fetched { name, addresses, checksums } = archive else {
            let file = File::open(&path).map_err(Error::at(&path))?;
            return Ok(Had { name: shown, file, new: None });
        };
        // One that somebody put there, perhaps by hand, will do; one from another address is another one.
        let is_other = self.addresses().get(name).is_some_and(|from| !addresses.contains(from));
        if network != Network::Again && !is_other && path.is_file() {
            let mut file = File::open(&path).map_err(Error::at(&path))?;
            match check(checksums, &shown, &mut file) {
                Ok(()) => return Ok(Had { name: shown, file, new: None }),
                Err(error) if network == Network::Never => return Err(error),
                Err(_) => {}
            }
        }
        if network == Network::Never {
            return Err(Error::NotFetched { address: addresses.first().cloned().unwrap_or_default() });
        }
        let new = self.download(addresses, checksums, work, told)?;
        let file = new.file.reopen().map_err(Error::at(work))?;
        Ok(Had { name: new.from.clone(), file, new: Some(new) })
    }

    /// Puts what was fetched in its place.
    fn keep(&self, new: Download, path: &Path, work: &Path) -> Result<()> {
        new.file.as_file().sync_data().map_err(Error::at(path))?;
        new.file.persist(path).map_err(|error| Error::at(path)(error.error))?;
        let mut known = self.addresses();
        known.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), new.from);
        let (made, path) = (work.join(ADDRESSES), self.directory.join(ADDRESSES));
        leave(&known, &made)?;
        fs::rename(&made, &path).map_err(Error::at(&path))
    }

    /// What is at the first address that has it.
    fn download(&self, addresses: &[String], checksums: &[Checksum], work: &Path, told: &dyn Fn(&str)) -> Result<Download> {
        let mut failure = None;
        for address in addresses {
            told(address);
            let mode = fs::Permissions::from_mode(0o644);
            let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(work).map_err(Error::at(work))?;
            let got = archive::receive(address, &self.base, file.as_file_mut());
            match got.and_then(|_| check(checksums, address, file.as_file_mut())) {
                Ok(()) => return Ok(Download { file, from: address.clone() }),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or(Error::Malformed { text: String::new(), problem: "this is no address" }))
    }

    fn addresses(&self) -> BTreeMap<String, String> {
        let text = fs::read(self.directory.join(ADDRESSES)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

/// An archive to unpack.
struct Had {
    /// Its name for messages.
    name: String,
    file: File,
    /// The same, when it was fetched now.
    new: Option<Download>,
}

struct Download {
    file: tempfile::NamedTempFile,
    /// The address that had it.
    from: String,
}

impl Archive {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Fetched { name, .. } => Some(name),
            Self::File(_) => None,
        }
    }

    /// What makes one another one.
    fn asked(&self) -> Vec<String> {
        match self {
            Self::Fetched { name, addresses, checksums } => {
                let sums = checksums.iter().map(|sum| format!("{:?} {}", sum.algorithm, sum.expected));
                std::iter::once(name.clone()).chain(addresses.iter().cloned()).chain(sums).collect()
            }
            Self::File(path) => vec![path.display().to_string()],
        }
    }
}

fn check(checksums: &[Checksum], name: &str, file: &mut File) -> Result<()> {
    checksums.iter().try_for_each(|checksum| checksum.check(name, file))
}
