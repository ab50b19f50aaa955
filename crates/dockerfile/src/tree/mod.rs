//! A root file system as a list of what is in it: made from layers or from a directory, without unpacking anything and without privileges.
//!
//! [`Tree`] knows each file's owner, mode, time and extended attributes, and where its bytes are. [`layer`] writes and reads layer archives.

pub mod context;
pub mod glob;
pub mod ignore;
pub mod layer;
pub mod path;
mod resolve;

pub use resolve::Last;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a file's bytes are.
#[derive(Clone, Debug)]
pub enum Data {
    /// In an uncompressed archive.
    Archive {
        /// The archive.
        path: Arc<PathBuf>,
        /// First byte.
        offset: u64,
    },
    /// A file of the host.
    Host(Arc<PathBuf>),
    /// Here.
    Bytes(Arc<[u8]>),
}

/// What an entry is.
#[derive(Clone, Debug)]
pub enum Node {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Its bytes.
        data: Data,
        /// Their number.
        size: u64,
        /// Names of one file share this number within a tree.
        inode: u64,
    },
    /// A symbolic link to this text.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A character device.
    Character(u32, u32),
    /// A block device.
    Block(u32, u32),
}

/// One name in a root file system.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub node: Node,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time in seconds since 1970.
    pub mtime_s: u64,
    /// Extended attributes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Entry {
    /// A directory of root's.
    #[must_use]
    pub fn directory(mode: u32, mtime_s: u64) -> Self {
        Self { node: Node::Directory, mode, uid: 0, gid: 0, mtime_s, xattrs: BTreeMap::new() }
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        matches!(self.node, Node::Directory)
    }

    /// A file's bytes; nothing for what is no file.
    ///
    /// # Errors
    /// The archive or host file cannot be read.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        let Node::File { data, size, .. } = &self.node else { return Ok(Box::new(io::empty())) };
        Ok(match data {
            Data::Archive { path, offset } => {
                let mut file = File::open(&**path)?;
                file.seek(SeekFrom::Start(*offset))?;
                Box::new(file.take(*size))
            }
            Data::Host(path) => Box::new(File::open(&**path)?.take(*size)),
            Data::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
        })
    }
}

/// A root file system. Names are relative to the root, without a leading or trailing slash; the root itself is the empty name.
#[derive(Clone, Debug)]
pub struct Tree {
    entries: BTreeMap<Vec<u8>, Entry>,
    next_inode: u64,
}

impl Default for Tree {
    fn default() -> Self {
        Self { entries: BTreeMap::from([(Vec::new(), Entry::directory(0o755, 0))]), next_inode: 1 }
    }
}

impl Tree {
    /// What has this name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// A number for a file that has no other name yet.
    pub fn new_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode
    }

    /// Everything below a directory, in order of names; parents come before what is in them.
    pub fn below<'t>(&'t self, name: &[u8]) -> impl Iterator<Item = (&'t [u8], &'t Entry)> + use<'t> {
        let prefix = if name.is_empty() { Vec::new() } else { [name, b"/"].concat() };
        let length = prefix.len();
        self.entries
            .range(prefix.clone()..)
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .filter(move |(key, _)| key.len() > length)
            .map(|(key, entry)| (key.as_slice(), entry))
    }

    /// Names directly in a directory.
    pub fn children<'t>(&'t self, name: &'t [u8]) -> impl Iterator<Item = (&'t [u8], &'t Entry)> + 't {
        let skip = if name.is_empty() { 0 } else { name.len() + 1 };
        self.below(name).filter(move |(key, _)| !key.get(skip..).unwrap_or_default().contains(&b'/'))
    }

    /// Takes away a name and what is below it.
    pub fn remove(&mut self, name: &[u8]) {
        self.remove_below(name);
        if !name.is_empty() {
            self.entries.remove(name);
        }
    }

    /// Takes away what is below a name.
    pub fn remove_below(&mut self, name: &[u8]) {
        let names: Vec<Vec<u8>> = self.below(name).map(|(key, _)| key.to_vec()).collect();
        for key in names {
            self.entries.remove(&key);
        }
    }

    /// Puts an entry in place of what had the name. A directory keeps what is in it.
    pub fn insert(&mut self, name: &[u8], entry: Entry) {
        if !entry.is_directory() {
            self.remove_below(name);
        }
        for (at, _) in name.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let parent = name.get(..at).unwrap_or_default();
            match self.entries.get(parent) {
                Some(entry) if entry.is_directory() => {}
                _ => {
                    self.remove(parent);
                    self.entries.insert(parent.to_vec(), Entry::directory(0o755, 0));
                }
            }
        }
        self.entries.insert(name.to_vec(), entry);
    }
}
