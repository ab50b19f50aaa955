//! Packed root file systems, kept so that nothing is packed twice.
//!
//! ```text
//! KEY/made.json              what it comes to, and digests of files whose times cannot be trusted; its time is when it was last used
//! KEY/root.cpio, root.erofs  the result
//! new-*/                     what is being made
//! ```
//! An entry is made beside its place and renamed there, so one that has its name is complete. Machines get it as a hard link where that works: an entry can be removed while they run,
//! and nobody may write to what has other names.

mod fingerprint;

pub use fingerprint::Fingerprint;

use crate::error::RootfsError;
use crate::sink::{Format, Packed};
use crate::source::cannot_read;
use pith_image::{Algorithm, Digest};
use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Entries together take at most this many bytes, plus the newest.
const LIMIT_BYTES: u64 = 4 << 30;
/// An entry that nobody used for so long goes.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);
/// What somebody began to make so long ago is not being made any more.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

const RECORD: &str = "made.json";
const NEW: &str = "new-";

/// What is written down about an entry.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    format: String,
    bytes: u64,
    entries: u64,
    notes: Vec<String>,
    /// Contents of files that were changed just before, by path.
    recent: Vec<(PathBuf, Digest)>,
}

/// A packed root file system in the cache. It is held open: whoever has one can use it, whatever others make or remove meanwhile.
#[derive(Debug)]
pub struct Entry {
    file: File,
    /// What it is.
    pub format: Format,
    /// Its length in bytes.
    pub bytes: u64,
    /// Names in it.
    pub entries: u64,
    /// What the user was told when it was made.
    pub notes: Vec<String>,
}

impl Entry {
    /// Gives a machine the file under a path where nothing is yet: the same bytes on the disk where the file system can do that, else a copy.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn place(&self, at: &Path) -> io::Result<()> {
        let held = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        // Refused across file systems, for files of other users, and for a file that has lost its last name.
        match rustix::fs::linkat(CWD, &held, CWD, at, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(Errno::EXIST.into()),
            Err(_) => fs::copy(&held, at).map(drop),
        }
    }
}

/// What a cache takes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many entries there are.
    pub total: usize,
    /// How many of them machines have too.
    pub shared: usize,
    /// Size of all in bytes.
    pub bytes: u64,
    /// Size of the shared ones in bytes: removing them frees nothing before the machines go.
    pub shared_bytes: u64,
}

/// A cache directory.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Cpio => "root.cpio",
        Format::Erofs => "root.erofs",
    }
}

fn digest(path: &Path) -> io::Result<Digest> {
    Digest::of_reader(Algorithm::Sha256, File::open(path)?).map(|(digest, _)| digest)
}

impl Cache {
    /// A directory, which need not be there yet.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn record(directory: &Path) -> Option<Record> {
        serde_json::from_slice(&fs::read(directory.join(RECORD)).ok()?).ok()
    }

    /// What was made from the same before. An entry that cannot be read, or is not whole, is none.
    #[must_use]
    pub fn find(&self, fingerprint: &Fingerprint) -> Option<Entry> {
        let directory = self.root.join(fingerprint.key.hex());
        let record = Self::record(&directory)?;
        let format = record.format.parse().ok()?;
        let path = directory.join(name(format));
        let file = File::open(path).ok()?;
        if file.metadata().ok()?.len() != record.bytes {
            return None;
        }
        for (file, contents) in &record.recent {
            if digest(file).ok()? != *contents {
                return None;
            }
        }
        // Who may only read it cannot keep it from being removed some day.
        let used = File::options().append(true).open(directory.join(RECORD)).and_then(|file| file.set_modified(SystemTime::now()));
        drop(used);
        Some(Entry { file, format, bytes: record.bytes, entries: record.entries, notes: record.notes })
    }

    /// Keeps what `write` writes, which must come to what `packed` says. `own` is told of everything that is made, to give it to its owner.
    ///
    /// # Errors
    /// Those of `write` and of the file system.
    pub fn make<E: From<RootfsError>>(
        &self,
        fingerprint: &Fingerprint,
        (format, packed): (Format, Packed),
        own: &dyn Fn(&Path),
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Entry, E> {
        let failed = |source| RootfsError::Read { path: self.root.clone(), source };
        // Contents are noted before they are packed: what changes in between is then found out.
        let mut recent = Vec::new();
        for path in &fingerprint.recent {
            recent.push((path.clone(), digest(path).map_err(cannot_read(path))?));
        }
        fs::create_dir_all(&self.root).map_err(failed)?;
        own(&self.root);
        self.evict();
        let new = tempfile::Builder::new().prefix(NEW).tempdir_in(&self.root).map_err(failed)?;
        let path = new.path().join(name(format));
        let mut out = BufWriter::with_capacity(1 << 18, File::create(&path).map_err(failed)?);
        write(&mut out)?;
        out.into_inner().map_err(|error| failed(error.into_error()))?;
        let file = File::open(&path).map_err(failed)?;
        let Packed { bytes, entries, notes, .. } = packed;
        let record = Record { format: format.to_string(), bytes, entries, notes, recent };
        let text = serde_json::to_vec(&record).map_err(|error| failed(error.into()))?;
        fs::write(new.path().join(RECORD), text).map_err(failed)?;
        [new.path(), &path, &new.path().join(RECORD)].into_iter().for_each(own);
        let place = self.root.join(fingerprint.key.hex());
        // What is in the way is of no use any more, or was made by somebody else just now.
        remove(&place).map_err(failed)?;
        match fs::rename(new.path(), &place) {
            // Somebody was faster; what stands there may be gone again by now, and what was made here is held open.
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {}
            other => other.map_err(failed)?,
        }
        let Record { notes, .. } = record;
        Ok(Entry { file, format, bytes, entries, notes })
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Removes every entry that nobody is making just now. Machines keep what they were given.
    ///
    /// # Errors
    /// Those of the file system; what could be removed is.
    pub fn clear(&self) -> io::Result<()> {
        self.entries().into_iter().filter(|(used, _, path)| !is_being_made(*used, path)).try_for_each(|(.., path)| remove(&path))
    }

    /// What it takes up.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for (_, size, path) in self.entries() {
            let file = [Format::Cpio, Format::Erofs].into_iter().find_map(|format| fs::metadata(path.join(name(format))).ok());
            let is_shared = file.is_some_and(|file| file.nlink() > 1);
            usage.total += 1;
            usage.bytes += size;
            usage.shared += usize::from(is_shared);
            usage.shared_bytes += if is_shared { size } else { 0 };
        }
        usage
    }

    /// All entries with the time of their last use and their size in bytes, the least recently used first.
    fn entries(&self) -> Vec<(SystemTime, u64, PathBuf)> {
        let mut all = Vec::new();
        for item in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let path = item.path();
            let size = Self::record(&path).map_or(0, |record| record.bytes);
            let used = fs::metadata(path.join(RECORD)).or_else(|_| item.metadata()).and_then(|found| found.modified());
            all.push((used.unwrap_or(SystemTime::UNIX_EPOCH), size, path));
        }
        all.sort();
        all
    }

    /// Removes what has not been used for long, and what is too much. Whatever cannot be removed stays.
    fn evict(&self) {
        let entries = self.entries();
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        for (used, size, path) in entries {
            let is_too_much = used.elapsed().unwrap_or_default() > UNUSED || total > LIMIT_BYTES;
            if is_too_much && !is_being_made(used, &path) && remove(&path).is_ok() {
                total = total.saturating_sub(size);
            }
        }
    }
}

/// Whether somebody may still be at it.
fn is_being_made(since: SystemTime, path: &Path) -> bool {
    let is_new = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(NEW.as_bytes()));
    is_new && since.elapsed().unwrap_or_default() < ABANDONED
}

/// Removes an entry at once: nobody finds half of it.
fn remove(path: &Path) -> io::Result<()> {
    let Some(root) = path.parent() else { return Ok(()) };
    let gone = tempfile::Builder::new().prefix(NEW).tempdir_in(root)?;
    match fs::rename(path, gone.path().join("gone")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
