//! What builds leave behind: how much it is, and getting rid of it.

use crate::error::{BuildError, Result};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Finished kernels.
    pub kernels: usize,
    /// What all of it takes up on the disk, in bytes.
    pub bytes: u64,
}

/// Looks at what is kept in a cache.
#[must_use]
pub fn usage(cache: &Path) -> Usage {
    let kernels = fs::read_dir(cache.join("kernels")).into_iter().flatten().flatten();
    let is_finished = |name: &std::ffi::OsStr| !name.to_string_lossy().starts_with('.');
    Usage { kernels: kernels.filter(|entry| is_finished(&entry.file_name())).count(), bytes: disk_bytes(cache) }
}

fn disk_bytes(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    let inside =
        if metadata.is_dir() { fs::read_dir(path).into_iter().flatten().flatten().map(|entry| disk_bytes(&entry.path())).sum() } else { 0 };
    metadata.blocks() * 512 + inside
}

/// Removes finished kernels, unpacked sources and what the compiler left, save where a build is at work.
///
/// # Errors
/// What cannot be removed.
pub fn prune(cache: &Path) -> Result<()> {
    retire(cache, None)?;
    remove(&cache.join("kernels"))
}

/// Removes unpacked sources, with what was compiled from them, save those of `place` and where a build is at work.
pub(crate) fn retire(cache: &Path, place: Option<&str>) -> Result<()> {
    for directory in [cache.join("core"), cache.join("compile")] {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_place = entry.file_type().is_ok_and(|kind| kind.is_dir()) && !name.to_string_lossy().starts_with('.');
            // A checkout's place stays while others come and go.
            let is_kept = place.is_some_and(|place| name == place || name.to_string_lossy().starts_with("checkout-"));
            if is_place && !is_kept {
                retire_one(cache, Path::new(&name))?;
            }
        }
    }
    Ok(())
}

fn retire_one(cache: &Path, place: &Path) -> Result<()> {
    let compile = cache.join("compile").join(place);
    let lock = File::options().write(true).open(compile.join("lock"));
    // Whoever builds there has the lock.
    if lock.as_ref().is_ok_and(|lock| lock.try_lock().is_err()) {
        return Ok(());
    }
    remove(&cache.join("core").join(place))?;
    remove(&compile)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BuildError::at(path)(error)),
        _ => Ok(()),
    }
}
