//! What a root file system is made from, in short.
//!
//! An image is its layers' digests. A file or directory is what the host says about it: device, inode number, size, times and all the metadata that is packed. A file
//! whose last change is too recent could change again without any of that changing, since clocks of file systems are coarse; such files are noted, and an entry made from them
//! holds digests of their contents too (git's index has the same problem and the same way out).

use crate::content::{Content, CopyError};
use crate::error::RootfsError;
use crate::sink::{self, Format};
use crate::source::{Owners, Request, SourceKind, cannot_read};
use crate::tree::{Kind, Meta, NodeId, Timestamp, Tree};
use pith_image::{Algorithm, Digest, Hasher, Image};
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The coarsest clock of a file system in use, in seconds: FAT's.
const COARSEST_S: i64 = 2;

/// What a root file system is made from, and what it becomes.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    pub(super) key: Digest,
    /// Files of the host that were changed so recently that their contents count.
    pub(super) recent: Vec<PathBuf>,
}

/// A key in the making. Every piece has its length in front, so that no two lists of pieces look alike.
struct Key {
    hasher: Hasher,
    recent: Vec<PathBuf>,
    now_s: i64,
}

impl Key {
    fn new(kind: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut key = Self { hasher: Hasher::new(Algorithm::Sha256), recent: Vec::new(), now_s: i64::try_from(now).unwrap_or(i64::MAX) };
        key.number(sink::VERSION.into());
        key.bytes(kind.as_bytes());
        key
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.hasher.update(bytes);
    }

    fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    fn numbers<const N: usize>(&mut self, numbers: [u64; N]) {
        numbers.into_iter().for_each(|number| self.number(number));
    }

    fn time(&mut self, time: Timestamp) {
        self.hasher.update(&time.seconds.to_le_bytes());
        self.hasher.update(&time.nanos.to_le_bytes());
    }

    fn request(&mut self, request: &Request) {
        self.format(request.format);
        self.number(u64::from(request.owners == Owners::Keep));
        self.number(u64::from(request.epoch.is_some()));
        self.time(request.epoch.unwrap_or_default());
    }

    fn format(&mut self, format: Option<Format>) {
        self.number(match format {
            None => 0,
            Some(Format::Cpio) => 1,
            Some(Format::Erofs) => 2,
        });
    }

    fn meta(&mut self, meta: &Meta) {
        self.numbers([meta.mode.into(), meta.uid.into(), meta.gid.into(), meta.xattrs.len() as u64]);
        self.time(meta.mtime);
        for (name, value) in &meta.xattrs {
            self.bytes(name);
            self.bytes(value);
        }
    }

    /// A file of the host.
    fn host(&mut self, path: &Path, found: &fs::Metadata) {
        self.numbers([found.dev(), found.ino(), found.size()]);
        for part in [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()] {
            self.hasher.update(&part.to_le_bytes());
        }
        if found.ctime().max(found.mtime()).saturating_add(COARSEST_S) >= self.now_s {
            self.recent.push(path.to_owned());
        }
    }

    fn kind(&mut self, kind: &Kind) -> Result<(), RootfsError> {
        match kind {
            Kind::Directory(_) => self.number(0),
            Kind::Symlink(target) => {
                self.number(1);
                self.bytes(target);
            }
            Kind::Fifo => self.number(2),
            Kind::CharDevice(device) => self.numbers([3, device.major.into(), device.minor.into()]),
            Kind::BlockDevice(device) => self.numbers([4, device.major.into(), device.minor.into()]),
            Kind::File(Content::Bytes(bytes)) => {
                self.number(5);
                self.bytes(bytes);
            }
            Kind::File(Content::Host { path, size }) => {
                self.number(6);
                self.number(*size);
                self.host(path, &fs::symlink_metadata(path).map_err(cannot_read(path))?);
            }
            // Nothing tells when an archive's part changed: its contents count.
            Kind::File(content @ Content::Extents { size, .. }) => {
                self.number(7);
                self.number(*size);
                content.copy_to(self).map_err(|error| match error {
                    CopyError::Input(error) | CopyError::Output(error) => RootfsError::Write(error),
                    CopyError::Shrank => RootfsError::Write(io::ErrorKind::UnexpectedEof.into()),
                })?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Fingerprint {
        Fingerprint { key: self.hasher.finish(), recent: self.recent }
    }
}

impl Write for Key {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Fingerprint {
    /// Of an image's files.
    #[must_use]
    pub fn of_image(image: &Image, request: &Request) -> Self {
        let mut key = Key::new("image");
        key.request(request);
        key.number(image.layers.len() as u64);
        image.layers.iter().for_each(|layer| key.bytes(layer.diff_id.to_string().as_bytes()));
        key.finish()
    }

    /// Of an archive or image file.
    ///
    /// # Errors
    /// A file that cannot be looked at.
    pub fn of_file(path: &Path, kind: SourceKind, request: &Request) -> Result<Self, RootfsError> {
        let mut key = Key::new(kind.name());
        key.request(request);
        key.host(path, &fs::metadata(path).map_err(cannot_read(path))?);
        Ok(key.finish())
    }

    /// Of a tree of the host's files.
    ///
    /// # Errors
    /// A file that cannot be looked at.
    pub fn of_tree(tree: &Tree, format: Format) -> Result<Self, RootfsError> {
        let mut key = Key::new("tree");
        key.format(Some(format));
        let mut seen: HashMap<NodeId, u64> = HashMap::new();
        for (number, visit) in (0..).zip(tree.walk()) {
            key.bytes(&visit.path);
            // Another name of a file that has been met.
            if let Some(first) = seen.insert(visit.id, number) {
                key.number(u64::MAX);
                key.number(first);
                seen.insert(visit.id, first);
                continue;
            }
            let node = tree.node(visit.id);
            key.meta(&node.meta);
            key.kind(&node.kind)?;
        }
        Ok(key.finish())
    }
}
