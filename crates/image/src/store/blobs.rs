//! Blobs on their way into the store.

use super::{Store, adopt};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::{Error, Result};
use crate::image::Compression;
use rustix::fs::FlockOperation;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A blob that is being fetched, by nobody else meanwhile. Dropped unfinished, it stays for the next attempt to go on from.
#[derive(Debug)]
pub(crate) struct Ingest<'a> {
    store: &'a Store,
    digest: Digest,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    size: u64,
}

impl Store {
    /// Starts to fetch a blob, or goes on where somebody was interrupted; `None` when it is here. While another process fetches the
    /// same blob, waits for that.
    pub(crate) fn ingest(&self, digest: &Digest) -> Result<Option<Ingest<'_>>> {
        let path = self.root().join(".pith/partial").join(format!("{}-{}", digest.algorithm().name(), digest.hex()));
        loop {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(Error::io(&path))?;
            rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|error| Error::io(&path)(error.into()))?;
            // Whoever had the lock may have finished (the file has another name now) or given up (it is gone).
            let current = fs::metadata(&path).is_ok_and(|now| file.metadata().is_ok_and(|mine| mine.ino() == now.ino()));
            if self.has(digest) {
                if current {
                    fs::remove_file(&path).map_err(Error::io(&path))?;
                }
                return Ok(None);
            }
            if !current {
                continue;
            }
            adopt(&path, self.root())?;
            let mut hasher = Hasher::new(digest.algorithm());
            let size = hash_into(&mut hasher, &mut file).map_err(Error::io(&path))?;
            return Ok(Some(Ingest { store: self, digest: digest.clone(), path, file, hasher, size }));
        }
    }

    /// Whether a blob is here.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.blob(digest).is_file()
    }

    /// Stores bytes.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        if !self.has(&digest) {
            let mut file = self.temporary()?;
            file.write_all(bytes).and_then(|()| file.as_file().sync_data()).map_err(Error::io(self.root()))?;
            self.persist_blob(file, &digest)?;
        }
        Ok(digest)
    }

    /// Stores bytes under a digest that they were already compared with.
    pub(crate) fn put_as(&self, bytes: &[u8], digest: &Digest) -> Result<()> {
        if !self.has(digest) {
            let mut file = self.temporary()?;
            file.write_all(bytes).and_then(|()| file.as_file().sync_data()).map_err(Error::io(self.root()))?;
            self.persist_blob(file, digest)?;
        }
        Ok(())
    }

    /// Stores everything that `reader` gives. With `expected`, it has to be that.
    ///
    /// # Errors
    /// Those of reader and file system; [`Error::DigestMismatch`].
    pub fn copy_in(&self, what: &str, reader: &mut dyn Read, expected: Option<&Digest>) -> Result<Copied> {
        let mut file = self.temporary()?;
        let mut hasher = Hasher::new(expected.map_or(Algorithm::Sha256, Digest::algorithm));
        let (mut size, mut first) = (0_u64, Vec::new());
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::malformed(what, error)),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            if first.len() < 4 {
                first.extend(bytes.iter().take(4 - first.len()));
            }
            hasher.update(bytes);
            file.write_all(bytes).map_err(Error::io(self.root()))?;
            size += count as u64;
        }
        let digest = hasher.finish();
        if let Some(expected) = expected
            && digest != *expected
        {
            return Err(Error::DigestMismatch { what: what.to_owned(), expected: expected.clone(), found: digest });
        }
        if !self.has(&digest) {
            file.as_file().sync_data().map_err(Error::io(self.root()))?;
            self.persist_blob(file, &digest)?;
        }
        Ok(Copied { digest, size, compression: Compression::of_magic(&first) })
    }

    /// Stores a file of this machine, which may be one of the store's own.
    pub(crate) fn add_file(&self, path: &Path, digest: &Digest, size: u64) -> Result<()> {
        if self.has(digest) {
            return Ok(());
        }
        let mut file = File::open(path).map_err(Error::io(path))?;
        let copied = self.copy_in(&path.display().to_string(), &mut file, Some(digest))?;
        if copied.size != size {
            return Err(Error::SizeMismatch { what: path.display().to_string(), expected: size, found: copied.size });
        }
        Ok(())
    }

    pub(super) fn temporary(&self) -> Result<NamedTempFile> {
        let directory = self.root().join(".pith/partial");
        tempfile::Builder::new()
            .prefix("tmp-")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(&directory)
            .map_err(Error::io(&directory))
    }

    pub(super) fn persist(&self, file: NamedTempFile, path: &Path) -> Result<()> {
        adopt(file.path(), self.root())?;
        file.persist(path).map_err(|error| Error::io(path)(error.error))?;
        Ok(())
    }

    fn persist_blob(&self, file: NamedTempFile, digest: &Digest) -> Result<()> {
        let path = self.blob(digest);
        self.make_directory(&path)?;
        self.persist(file, &path)
    }

    /// The directory of an algorithm that is used for the first time.
    fn make_directory(&self, blob: &Path) -> Result<()> {
        let Some(directory) = blob.parent().filter(|directory| !directory.is_dir()) else { return Ok(()) };
        fs::create_dir_all(directory).map_err(Error::io(directory))?;
        adopt(directory, self.root())
    }
}

/// What [`Store::copy_in`] has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What its first bytes say about its compression.
    pub compression: Compression,
}

impl Ingest<'_> {
    /// Bytes that are there.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Takes in the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what is there, to start anew.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(Error::io(&self.path))?;
        self.hasher = Hasher::new(self.digest.algorithm());
        self.size = 0;
        Ok(())
    }

    /// The blob is complete: it gets its name, if it is what it should be; else it is thrown away.
    pub(crate) fn finish(&mut self, what: &str) -> Result<()> {
        let found = std::mem::replace(&mut self.hasher, Hasher::new(Algorithm::Sha256)).finish();
        if found != self.digest {
            self.restart()?;
            return Err(Error::DigestMismatch { what: what.to_owned(), expected: self.digest.clone(), found });
        }
        self.file.sync_data().map_err(Error::io(&self.path))?;
        let blob = self.store.blob(&self.digest);
        self.store.make_directory(&blob)?;
        fs::rename(&self.path, &blob).map_err(Error::io(&blob))
    }
}

fn hash_into(hasher: &mut Hasher, file: &mut File) -> io::Result<u64> {
    file.rewind()?;
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(size);
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        size += count as u64;
    }
}
