//! Files of the host: a directory, or single files put together.

use super::{cannot_read, meta_of};
use crate::content::Content;
use crate::error::{Problem, RootfsError};
use crate::tree::{Device, Kind, Meta, NodeId, Tree, shown};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Reads a directory of the host. Nothing is opened but directories; symbolic links are not followed.
pub(super) fn read(root: &Path) -> Result<Tree, RootfsError> {
    let mut tree = Tree::default();
    let mut seen: HashMap<(u64, u64), NodeId> = HashMap::new();
    let mut with_acl = 0_u64;
    // As long as a list of attributes, and an attribute, can be (XATTR_LIST_MAX, XATTR_SIZE_MAX).
    let mut buffer = vec![0; 1 << 16];
    let mut todo = vec![PathBuf::new()];
    while let Some(directory) = todo.pop() {
        // An empty path, joined, would leave a slash at the end for messages.
        let here = if directory.as_os_str().is_empty() { root.to_owned() } else { root.join(&directory) };
        let mut names = Vec::new();
        for item in fs::read_dir(&here).map_err(cannot_read(&here))? {
            names.push(item.map_err(cannot_read(&here))?.file_name());
        }
        names.sort();
        for name in names {
            let (inside, path) = (directory.join(&name), here.join(&name));
            let metadata = fs::symlink_metadata(&path).map_err(cannot_read(&path))?;
            let bad = |problem| RootfsError::BadEntry { path: path.display().to_string(), problem };
            let identity = (metadata.dev(), metadata.ino());
            let guest = inside.as_os_str().as_bytes();
            if metadata.nlink() > 1
                && let Some(id) = seen.get(&identity)
            {
                tree.link_node(guest, *id).map_err(bad)?;
                continue;
            }
            let Some(kind) = kind(&path, &metadata)? else {
                tree.notes.push(format!("{}: a socket, left out of the root file system", path.display()));
                continue;
            };
            let mut meta = meta_of(&metadata);
            with_acl += u64::from(read_xattrs(&path, &mut meta, &mut buffer)?);
            let is_directory = matches!(kind, Kind::Directory(_));
            let id = tree.insert(guest, meta, kind).map_err(bad)?;
            if is_directory {
                todo.push(inside);
            } else if metadata.nlink() > 1 {
                seen.insert(identity, id);
            }
        }
    }
    if with_acl > 0 {
        tree.notes.push(format!("{with_acl} files have access control lists, which are left out"));
    }
    Ok(tree)
}

/// `None` for sockets, which mean nothing to another kernel.
fn kind(path: &Path, metadata: &fs::Metadata) -> Result<Option<Kind>, RootfsError> {
    let file_type = metadata.file_type();
    let device = || {
        let number = metadata.rdev();
        Device { major: rustix::fs::major(number), minor: rustix::fs::minor(number) }
    };
    Ok(Some(if file_type.is_dir() {
        Kind::directory()
    } else if file_type.is_symlink() {
        let target = fs::read_link(path).map_err(cannot_read(path))?;
        Kind::Symlink(target.as_os_str().as_bytes().into())
    } else if file_type.is_file() {
        Kind::File(Content::Host { path: path.to_owned(), size: metadata.len() })
    } else if file_type.is_char_device() {
        Kind::CharDevice(device())
    } else if file_type.is_block_device() {
        Kind::BlockDevice(device())
    } else if file_type.is_fifo() {
        Kind::Fifo
    } else {
        return Ok(None);
    }))
}

/// Takes over capabilities and the user's attributes; labels of the host's security modules mean nothing in the machine. Returns whether there was an access control list.
fn read_xattrs(path: &Path, meta: &mut Meta, buffer: &mut [u8]) -> Result<bool, RootfsError> {
    use rustix::io::Errno;
    let failed = |error: Errno| cannot_read(path)(error.into());
    let size = match rustix::fs::llistxattr(path, &mut buffer[..]) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(false),
        Ok(size) => size,
        Err(error) => return Err(failed(error)),
    };
    let list = buffer[..size].to_vec();
    let mut has_acl = false;
    for name in list.split(|b| *b == 0).filter(|name| !name.is_empty()) {
        has_acl |= name.starts_with(b"system.posix_acl_");
        if name != b"security.capability" && !name.starts_with(b"user.") {
            continue;
        }
        match rustix::fs::lgetxattr(path, name, &mut buffer[..]) {
            Ok(size) => {
                meta.xattrs.insert(name.to_vec(), buffer[..size].to_vec());
            }
            Err(Errno::NODATA) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(has_acl)
}

/// A root file system put together from single files of the host.
#[derive(Clone, Debug, Default)]
pub struct FileSet {
    /// By path in the guest, without leading `/`.
    files: BTreeMap<PathBuf, Item>,
}

#[derive(Clone, Debug)]
enum Item {
    Directory,
    /// Contents from this file of the host.
    File(PathBuf),
    /// Symbolic link to this.
    Link(PathBuf),
}

impl FileSet {
    /// Adds a file under an absolute path of the guest; the directories above it come by themselves. Symbolic links on
    /// the host are followed.
    pub fn add_file(&mut self, guest: &Path, host: &Path) {
        let guest = guest.strip_prefix("/").unwrap_or(guest);
        if let Some(parent) = guest.parent() {
            self.add_directory(parent);
        }
        self.files.insert(guest.to_owned(), Item::File(host.to_owned()));
    }

    /// Adds a symbolic link under an absolute path of the guest.
    pub fn add_link(&mut self, guest: &Path, target: &Path) {
        let guest = guest.strip_prefix("/").unwrap_or(guest);
        if let Some(parent) = guest.parent() {
            self.add_directory(parent);
        }
        self.files.insert(guest.to_owned(), Item::Link(target.to_owned()));
    }

    /// Adds a directory and those above it.
    pub fn add_directory(&mut self, guest: &Path) {
        let guest = guest.strip_prefix("/").unwrap_or(guest);
        for directory in guest.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            self.files.entry(directory.to_owned()).or_insert(Item::Directory);
        }
    }

    /// Whether a file is there already.
    #[must_use]
    pub fn contains(&self, guest: &Path) -> bool {
        self.files.contains_key(guest.strip_prefix("/").unwrap_or(guest))
    }

    /// All of it as a tree.
    ///
    /// # Errors
    /// A file of the host that cannot be looked at.
    pub fn tree(&self) -> Result<Tree, RootfsError> {
        let mut tree = Tree::default();
        for (guest, item) in &self.files {
            let (meta, kind) = match item {
                Item::File(host) => {
                    let found = fs::canonicalize(host).map_err(cannot_read(host))?;
                    let metadata = fs::metadata(&found).map_err(cannot_read(host))?;
                    let size = metadata.len();
                    (meta_of(&metadata), Kind::File(Content::Host { path: found, size }))
                }
                Item::Link(target) => (Meta::with_mode(0o777), Kind::Symlink(target.as_os_str().as_bytes().into())),
                Item::Directory => {
                    // A directory that everyone may write to is the one thing a lone program expects: `/tmp`.
                    let mode = if guest == Path::new("tmp") { 0o1777 } else { 0o755 };
                    (Meta::with_mode(mode), Kind::directory())
                }
            };
            let name = guest.as_os_str().as_bytes();
            let bad = |problem: Problem| RootfsError::BadEntry { path: shown(name), problem };
            tree.insert(name, meta, kind).map_err(bad)?;
        }
        Ok(tree)
    }
}
