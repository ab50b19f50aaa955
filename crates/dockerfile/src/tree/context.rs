//! A directory of the host as a tree: the build context, without what `.dockerignore` names.

use super::ignore::Ignore;
use super::{Data, Entry, Node, Tree, path};
use rustix::fs::{self as sys, major, minor};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Something on the host that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct HostError {
    /// What.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Longest value of an extended attribute (Linux's limit).
const XATTR_BYTES: usize = 64 << 10;

/// Extended attributes of a file, without those that belong to the host's own file systems and policies.
pub(crate) fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut list = vec![0_u8; XATTR_BYTES];
    let Ok(length) = sys::llistxattr(path, &mut list) else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for name in list.get(..length).unwrap_or_default().split(|byte| *byte == 0) {
        let internal: [&[u8]; 6] = [b"security.selinux", b"system.", b"trusted.", b"user.overlay.", b"security.ima", b"security.evm"];
        if name.is_empty() || internal.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let mut value = vec![0_u8; XATTR_BYTES];
        if let Ok(length) = sys::lgetxattr(path, OsStr::from_bytes(name), &mut value) {
            value.truncate(length);
            found.insert(name.to_vec(), value);
        }
    }
    found
}

/// What a file of the host is; `None` for a socket, which belongs to a process and not to a file system.
pub(crate) fn entry(path: &Path, inode: u64) -> io::Result<Option<Entry>> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    let (major, minor) = (major(metadata.rdev()), minor(metadata.rdev()));
    let node = if kind.is_dir() {
        Node::Directory
    } else if kind.is_symlink() {
        Node::Symlink(fs::read_link(path)?.into_os_string().into_vec())
    } else if kind.is_file() {
        Node::File { data: Data::Host(Arc::new(path.to_owned())), size: metadata.len(), inode }
    } else if kind.is_fifo() {
        Node::Fifo
    } else if kind.is_char_device() {
        Node::Character(major, minor)
    } else if kind.is_block_device() {
        Node::Block(major, minor)
    } else {
        return Ok(None);
    };
    let mtime_s = u64::try_from(metadata.mtime()).unwrap_or(0);
    Ok(Some(Entry { node, mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid(), mtime_s, xattrs: xattrs(path) }))
}

/// Reads a directory. Owners become root and there are no extended attributes: a context does not carry them, Docker's neither.
///
/// # Errors
/// A directory or link in it cannot be read.
pub fn read(root: &Path, ignore: &Ignore) -> Result<Tree, HostError> {
    let mut tree = Tree::default();
    let mut inodes: HashMap<(u64, u64), u64> = HashMap::new();
    let mut skipped: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
    let mut pending = vec![Vec::new()];
    while let Some(directory) = pending.pop() {
        let host = root.join(OsStr::from_bytes(&directory));
        let failed = |source| HostError { path: host.clone(), source };
        for item in fs::read_dir(&host).map_err(failed)? {
            let item = item.map_err(failed)?;
            let name = path::join(&directory, item.file_name().as_bytes());
            let host = item.path();
            let failed = |source| HostError { path: host.clone(), source };
            let ignored = ignore.ignores(&name);
            if ignored && !(ignore.has_exceptions() && item.file_type().map_err(failed)?.is_dir()) {
                continue;
            }
            let metadata = item.metadata().map_err(failed)?;
            let inode = if metadata.nlink() > 1 && metadata.is_file() {
                *inodes.entry((metadata.dev(), metadata.ino())).or_insert_with(|| tree.new_inode())
            } else {
                tree.new_inode()
            };
            let Some(entry) = entry(&host, inode).map_err(failed)? else { continue };
            if entry.is_directory() {
                pending.push(name.clone());
            }
            let entry = Entry { uid: 0, gid: 0, xattrs: BTreeMap::new(), ..entry };
            // An ignored directory is there only if something in it is.
            if ignored {
                skipped.insert(name, entry);
                continue;
            }
            for (end, _) in name.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
                let above = name.get(..end).unwrap_or_default();
                if let Some(directory) = skipped.remove(above) {
                    tree.insert(above, directory);
                }
            }
            tree.insert(&name, entry);
        }
    }
    Ok(tree)
}
