//! What earlier builds made: layers by digest, steps by key.
//!
//! ```text
//! layers/HEX.tar       an uncompressed layer; the name is its digest
//! steps/HEX            what a step made: a layer's digest and size, or "empty"
//! unpacked/KIND/HEX/   layers as directories, for commands that run on them (see the worker)
//! mounts/HEX/          directories of RUN --mount=type=cache
//! lock                 shared by builds, had alone by who clears the cache
//! tmp/ID/, tmp/ID.lock what builds are working on; the lock is held as long as the build lives
//! ```
//! Everything is written under `tmp/` and renamed, so a name that exists is complete, whoever was killed when; and two builds that make the
//! same thing overwrite one with the other.

mod key;

pub use key::Key;

use pith_image::{Compression, Digest, Layer};
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the build cache {}: {source}", path.display())]
pub struct CacheError {
    /// The file or directory.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// A cache directory.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
}

/// A directory for one build, removed with it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: File,
    /// Nobody clears the cache meanwhile.
    _use: File,
}

impl Scratch {
    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What other users' files are in it, the next build's sweep removes with their rights.
        if fs::remove_dir_all(&self.path).is_ok() {
            let _ = fs::remove_file(&self.lock_path);
        }
    }
}

impl Cache {
    /// Opens a cache directory, making it if it is not there.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn open(root: &Path) -> Result<Self, CacheError> {
        for name in ["layers", "steps", "unpacked", "mounts", "tmp"] {
            let path = root.join(name);
            fs::create_dir_all(&path).map_err(|source| CacheError { path, source })?;
        }
        let root = fs::canonicalize(root).map_err(|source| CacheError { path: root.to_owned(), source })?;
        Ok(Self { root })
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a layer is, or would be.
    #[must_use]
    pub fn layer_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("layers").join(format!("{}.tar", digest.hex()))
    }

    fn step_path(&self, key: &Digest) -> PathBuf {
        self.root.join("steps").join(key.hex())
    }

    fn layer(&self, digest: Digest, size: u64) -> Layer {
        Layer { blob: self.layer_path(&digest), digest: digest.clone(), diff_id: digest, compression: Compression::Plain, size }
    }

    /// What a step made last time: `Some(None)` is nothing.
    #[must_use]
    pub fn lookup(&self, key: &Digest) -> Option<Option<Layer>> {
        let text = fs::read_to_string(self.step_path(key)).ok()?;
        if text == "empty\n" {
            return Some(None);
        }
        let (digest, size) = text.trim_end().split_once(' ')?;
        let layer = self.layer(digest.parse().ok()?, size.parse().ok()?);
        // A layer that somebody took away or cut short is no layer.
        let found = fs::metadata(&layer.blob).ok()?;
        (found.len() == layer.size).then_some(Some(layer))
    }

    /// Takes a finished archive over and remembers it as what a step made.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn record(&self, key: &Digest, made: Option<(&Path, Digest, u64)>, scratch: &Scratch) -> Result<Option<Layer>, CacheError> {
        let text = match &made {
            None => "empty\n".to_owned(),
            Some((_, digest, size)) => format!("{digest} {size}\n"),
        };
        let layer = match made {
            None => None,
            Some((from, digest, size)) => {
                let layer = self.layer(digest, size);
                fs::rename(from, &layer.blob).map_err(|source| CacheError { path: layer.blob.clone(), source })?;
                Some(layer)
            }
        };
        let path = self.step_path(key);
        let failed = |source| CacheError { path: path.clone(), source };
        let temporary = scratch.path().join(format!("step-{}", key.hex()));
        let mut file = File::create(&temporary).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&temporary, &path).map_err(failed)?;
        Ok(layer)
    }

    /// The uncompressed archive of a layer; a compressed one is uncompressed once.
    ///
    /// # Errors
    /// [`CacheError`]; also when the layer is not what its image says.
    pub fn plain(&self, layer: &Layer, scratch: &Scratch) -> Result<PathBuf, CacheError> {
        if layer.compression == Compression::Plain {
            return Ok(layer.blob.clone());
        }
        let path = self.layer_path(&layer.diff_id);
        if path.exists() {
            return Ok(path);
        }
        let failed = |source| CacheError { path: layer.blob.clone(), source };
        let temporary = tempfile::NamedTempFile::new_in(scratch.path()).map_err(failed)?;
        let mut reader = layer.open().map_err(failed)?;
        io::copy(&mut reader, &mut temporary.as_file()).map_err(failed)?;
        temporary.as_file().sync_all().map_err(failed)?;
        temporary.persist(&path).map_err(|error| failed(error.error))?;
        Ok(path)
    }

    /// A fresh directory under `tmp/`.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn scratch(&self) -> Result<Scratch, CacheError> {
        let tmp = self.root.join("tmp");
        let in_use = self.lock(FlockOperation::LockShared)?;
        loop {
            let failed = |source| CacheError { path: tmp.clone(), source };
            let (lock, lock_path) =
                tempfile::Builder::new().suffix(".lock").tempfile_in(&tmp).map_err(failed)?.keep().map_err(|error| failed(error.error))?;
            flock(&lock, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
            // A sweep may have taken the file for an old one before it was locked.
            let ours = lock.metadata().map_err(failed)?.ino();
            if fs::metadata(&lock_path).is_ok_and(|found| found.ino() == ours) {
                let path = lock_path.with_extension("");
                fs::create_dir(&path).map_err(failed)?;
                return Ok(Scratch { path, lock_path, _lock: lock, _use: in_use });
            }
        }
    }

    fn lock(&self, operation: FlockOperation) -> Result<File, CacheError> {
        let path = self.root.join("lock");
        let taken = OpenOptions::new().create(true).append(true).open(&path).and_then(|file| {
            flock(&file, operation)?;
            Ok(file)
        });
        taken.map_err(|source| CacheError { path, source })
    }

    /// Removes everything, unless a build is going on: then `false`. `remove` takes a directory away, with whatever rights that needs.
    ///
    /// # Errors
    /// [`CacheError`], also when something could not be removed.
    pub fn clear(&self, remove: &dyn Fn(&Path)) -> Result<bool, CacheError> {
        let _alone = match self.lock(FlockOperation::NonBlockingLockExclusive) {
            Ok(lock) => lock,
            Err(error) if error.source.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        // Steps first: one without its layer is made again.
        for name in ["steps", "layers", "unpacked", "mounts", "tmp"] {
            let path = self.root.join(name);
            let mut removed = fs::remove_dir_all(&path);
            if removed.is_err() {
                remove(&path);
                removed = if path.exists() { removed } else { Ok(()) };
            }
            removed.map_err(|source| CacheError { path, source })?;
        }
        Ok(true)
    }

    /// Removes what builds left that did not end by themselves. `remove` takes a directory away, with whatever rights that needs.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn sweep(&self, remove: &dyn Fn(&Path)) -> Result<(), CacheError> {
        let tmp = self.root.join("tmp");
        let failed = |source| CacheError { path: tmp.clone(), source };
        for item in fs::read_dir(&tmp).map_err(failed)? {
            let lock_path = item.map_err(failed)?.path();
            if lock_path.extension() != Some(OsStr::new("lock")) {
                continue;
            }
            let Ok(lock) = OpenOptions::new().read(true).write(true).open(&lock_path) else { continue };
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            let path = lock_path.with_extension("");
            if path.exists() && fs::remove_dir_all(&path).is_err() {
                remove(&path);
            }
            if !path.exists() {
                let _ = fs::remove_file(&lock_path);
            }
        }
        Ok(())
    }
}
