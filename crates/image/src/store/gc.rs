//! Collection of garbage: blobs that no name leads to.

use super::Store;
use crate::error::{Error, Result};
use crate::resolve::{self, Documents, Root};
use crate::spec::Descriptor;
use rustix::fs::FlockOperation;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// What [`Store::gc`] has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Number of files.
    pub files: u64,
    /// Their sizes, in bytes.
    pub bytes: u64,
}

impl Store {
    /// Removes blobs that no name leads to, and what interrupted transfers left. Images got from this store before are not spared.
    ///
    /// # Errors
    /// [`Error::InUse`] while another process has the store open: it may be about to name what it has just stored. Those of the file system.
    pub fn gc(&self) -> Result<Reclaimed> {
        // A failed attempt loses the shared lock too (flock(2)), so it is taken again either way.
        let result = self.flock(FlockOperation::NonBlockingLockExclusive).and_then(|()| self.sweep());
        self.flock(FlockOperation::LockShared)?;
        result
    }

    fn sweep(&self) -> Result<Reclaimed> {
        let mut live = HashSet::new();
        for descriptor in self.layout.index()?.manifests {
            self.mark(&descriptor, 0, &mut live);
        }
        let mut reclaimed = Reclaimed::default();
        let blobs = self.root().join("blobs");
        for algorithm in entries(&blobs)? {
            let directory = blobs.join(&algorithm);
            for hex in entries(&directory)? {
                let digest = format!("{}:{}", algorithm.display(), hex.display());
                if !live.contains(&digest) {
                    remove(&directory.join(hex), &mut reclaimed)?;
                }
            }
        }
        let partial = self.root().join(".pith/partial");
        for name in entries(&partial)? {
            remove(&partial.join(name), &mut reclaimed)?;
        }
        Ok(reclaimed)
    }

    /// Everything that a descriptor leads to. What is missing or damaged leads nowhere.
    fn mark(&self, descriptor: &Descriptor, depth: u32, live: &mut HashSet<String>) {
        if !live.insert(descriptor.digest.to_string()) || depth > 8 {
            return;
        }
        let Ok(root) = self.layout.document(descriptor).and_then(|bytes| resolve::parse_root("", &descriptor.media_type, &bytes)) else {
            return;
        };
        match root {
            Root::Index(index) => index.manifests.iter().for_each(|inner| self.mark(inner, depth + 1, live)),
            Root::Manifest(manifest) => {
                live.extend(manifest.layers.iter().chain([&manifest.config]).map(|blob| blob.digest.to_string()));
            }
        }
    }
}

fn entries(directory: &Path) -> Result<Vec<OsString>> {
    let entries = fs::read_dir(directory).map_err(Error::io(directory))?;
    entries.map(|entry| Ok(entry.map_err(Error::io(directory))?.file_name())).collect()
}

fn remove(path: &Path, reclaimed: &mut Reclaimed) -> Result<()> {
    let size = path.symlink_metadata().map_err(Error::io(path))?.len();
    fs::remove_file(path).map_err(Error::io(path))?;
    reclaimed.files += 1;
    reclaimed.bytes += size;
    Ok(())
}
