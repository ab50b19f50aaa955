//! Where fetched sources are, and what is noted about them.

use crate::address::{Address, Way};
use crate::error::{Error, Result};
use crate::{archive, git};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path};

/// The note's name, inside the directory that it is about.
const NOTE: &str = ".pith-source.json";

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// From where.
    pub address: String,
    /// Which version was asked for.
    pub version: Option<String>,
    /// The commit that it is, of a repository.
    pub commit: Option<String>,
    /// SHA-256 of the archive.
    pub sha256: Option<String>,
}

/// Whether what is there will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It will, if it is what is asked for.
    Fetched,
    /// It is fetched anew.
    Nothing,
}

/// Where sources came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// They were there.
    Before,
    /// They were fetched now.
    Now,
}

/// What is noted about `place`, if it was fetched from `address`.
#[must_use]
pub fn noted(place: &Path, address: &Address) -> Option<Note> {
    let note: Note = serde_json::from_slice(&fs::read(place.join(NOTE)).ok()?).ok()?;
    let is_digest = address.sha256.is_none() || address.sha256 == note.sha256;
    (note.address == address.location && note.version == address.version && is_digest).then_some(note)
}

/// Fetches what is at `address` to the directory `into`/`name`, as a whole. Relative paths of archives begin at `base`.
///
/// # Errors
/// [`Error`]; then what was there before is there still.
pub fn fetch(address: &Address, base: &Path, into: &Path, name: &str, reuse: Reuse) -> Result<(Note, Made)> {
    let mut parts = Path::new(name).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) || name.starts_with('.') {
        return Err(Error::Malformed { text: name.to_owned(), problem: "this is no name for a directory" });
    }
    let place = into.join(name);
    let found = || noted(&place, address).filter(|_| reuse == Reuse::Fetched);
    if let Some(note) = found() {
        return Ok((note, Made::Before));
    }
    let _held = lock(into)?;
    // Whoever held it may have fetched just this.
    if let Some(note) = found() {
        return Ok((note, Made::Before));
    }
    let work = tempfile::Builder::new().prefix(FETCHING).tempdir_in(into).map_err(Error::at(into))?;
    let tree = work.path().join("tree");
    fs::create_dir(&tree).map_err(Error::at(&tree))?;
    let (commit, sha256) = match address.way {
        Way::Git => (Some(git::check_out(address, &tree)?), None),
        Way::Archive => (None, Some(archive::unpack(address, base, &tree)?)),
    };
    let note = Note { address: address.location.clone(), version: address.version.clone(), commit, sha256 };
    leave(&note, &tree.join(NOTE))?;
    exchange(&tree, &place)?;
    Ok((note, Made::Now))
}

/// Writes a note into what was unpacked, where a file of that name, or a link to one elsewhere, is not meant.
pub(crate) fn leave(note: &impl Serialize, path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::at(path)(error)),
        _ => {}
    }
    let text = serde_json::to_vec_pretty(note).unwrap_or_default();
    let written = File::create_new(path).and_then(|mut file| file.write_all(&text));
    written.map_err(Error::at(path))
}

/// Puts the directory `tree` in the place of `place`, in one step; what was there is then where `tree` was, and goes with the directory that `tree` was made in.
pub(crate) fn exchange(tree: &Path, place: &Path) -> Result<()> {
    match renameat_with(CWD, tree, CWD, place, RenameFlags::EXCHANGE) {
        Err(error) if error.kind() == ErrorKind::NotFound => fs::rename(tree, place).map_err(Error::at(place)),
        outcome => outcome.map_err(|error| Error::at(place)(error.into())),
    }
}

/// Prefix of directories in which something is fetched.
pub(crate) const FETCHING: &str = ".fetching-";

/// Whoever changes what is in `into` holds this until it is dropped. What an interrupted fetch left is then removed.
pub(crate) fn lock(into: &Path) -> Result<File> {
    fs::create_dir_all(into).map_err(Error::at(into))?;
    let path = into.join(".lock");
    let held = File::create(&path).map_err(Error::at(&path))?;
    held.lock().map_err(Error::at(&path))?;
    tidy(into);
    Ok(held)
}

/// Removes what an interrupted fetch left; for whoever holds the lock.
fn tidy(into: &Path) {
    for entry in fs::read_dir(into).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(FETCHING.as_bytes()) {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
