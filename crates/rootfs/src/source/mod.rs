//! Where files come from.
//!
//! [`detect`] finds out what a path is, [`read`] makes a [`Tree`] of it, [`load`] only where the source cannot stay what it is. Archives are read in place; a compressed one is unpacked once, into a file without a name that the
//! system takes back by itself ([`plain`]).

mod cpio;
mod directory;
mod layers;
mod load;
pub(crate) mod plain;
mod tar;

use crate::content::Content;
use crate::error::{EntryError, RootfsError};
use crate::tree::{Kind, Meta, Timestamp, Tree};
use plain::Contents;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub use directory::FileSet;
pub use layers::apply_layer;
pub use load::{Loaded, Owners, Request, load};

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Instructions to build an image from.
    Dockerfile,
    /// A tar archive, plain or compressed with gzip, zstd or xz.
    Tarball,
    /// A newc cpio archive, plain or compressed.
    Cpio,
    /// An EROFS image, plain or compressed.
    Erofs,
    /// A directory with `oci-layout` in it.
    OciLayout,
    /// A directory.
    Directory,
    /// Any other file.
    File,
}

impl SourceKind {
    /// For messages, with its article.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dockerfile => "a Dockerfile",
            Self::Tarball => "a tar archive",
            Self::Cpio => "a cpio archive",
            Self::Erofs => "an EROFS image",
            Self::OciLayout => "an OCI image layout",
            Self::Directory => "a directory",
            Self::File => "a single file",
        }
    }
}

impl std::str::FromStr for SourceKind {
    type Err = String;

    /// The names that project files use (`rootfs.source.type`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "dockerfile" => Self::Dockerfile,
            "tarball" => Self::Tarball,
            "cpio" => Self::Cpio,
            "erofs" => Self::Erofs,
            "oci" => Self::OciLayout,
            "dir" => Self::Directory,
            "file" => Self::File,
            _ => return Err(format!("{text:?} is no type of source; expected oci, dir, file, tarball, cpio, erofs or dockerfile")),
        })
    }
}

/// How to read a source.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// Where compressed archives are unpacked; the system's directory for temporary files when `None`.
    pub scratch: Option<PathBuf>,
}

pub(crate) fn cannot_read(path: &Path) -> impl FnOnce(std::io::Error) -> RootfsError {
    move |source| RootfsError::Read { path: path.to_owned(), source }
}

fn damaged(path: &Path) -> impl FnOnce(EntryError) -> RootfsError {
    move |error| RootfsError::Damaged { path: path.to_owned(), error: Box::new(error) }
}

/// What `path` is, in kraft's order: a Dockerfile by its name, then archives and images by their contents, then any file, then directories.
///
/// # Errors
/// A path that cannot be read; a file that is no regular one.
pub fn detect(path: &Path) -> Result<SourceKind, RootfsError> {
    let metadata = fs::metadata(path).map_err(cannot_read(path))?;
    if metadata.is_dir() {
        let is_layout = path.join("oci-layout").is_file() && path.join("index.json").is_file();
        return Ok(if is_layout { SourceKind::OciLayout } else { SourceKind::Directory });
    }
    if !metadata.is_file() {
        let found = "neither a file nor a directory".to_owned();
        return Err(RootfsError::WrongKind { path: path.to_owned(), found, expected: "a root file system" });
    }
    let name = path.file_name().unwrap_or_default().as_bytes().to_ascii_lowercase();
    if name.windows(10).any(|part| part == b"dockerfile") {
        return Ok(SourceKind::Dockerfile);
    }
    Ok(match plain::peek(path)? {
        Contents::Tar => SourceKind::Tarball,
        Contents::Cpio => SourceKind::Cpio,
        Contents::Erofs => SourceKind::Erofs,
        Contents::Other => SourceKind::File,
    })
}

/// Reads a source that is of this kind.
///
/// # Errors
/// What cannot be read, or should not be given to a machine. Dockerfiles and OCI layouts are built and resolved elsewhere: they are a [`RootfsError::WrongKind`].
pub fn read(path: &Path, kind: SourceKind, options: &SourceOptions) -> Result<Tree, RootfsError> {
    match kind {
        SourceKind::Directory => directory::read(path),
        SourceKind::File => single_file(path),
        SourceKind::Tarball => tar::read(&plain::open(path, options)?).map_err(damaged(path)),
        SourceKind::Cpio => cpio::read(&plain::open(path, options)?).map_err(damaged(path)),
        SourceKind::Erofs => Ok(crate::erofs::read(&plain::open(path, options)?).map_err(damaged(path))?.tree),
        SourceKind::Dockerfile | SourceKind::OciLayout => {
            let found = format!("{} has no files of its own", kind.name());
            Err(RootfsError::WrongKind { path: path.to_owned(), found, expected: "the image made from it" })
        }
    }
}

/// A tree with one file, under its own name.
fn single_file(path: &Path) -> Result<Tree, RootfsError> {
    let found = fs::canonicalize(path).map_err(cannot_read(path))?;
    let metadata = fs::metadata(&found).map_err(cannot_read(path))?;
    if !metadata.is_file() {
        let expected = "a regular file";
        return Err(RootfsError::WrongKind { path: path.to_owned(), found: "no regular file".to_owned(), expected });
    }
    let mut tree = Tree::default();
    let name = path.file_name().unwrap_or_default().as_bytes();
    let meta = meta_of(&metadata);
    let content = Content::Host { path: found, size: metadata.len() };
    tree.insert(name, meta, Kind::File(content)).map_err(|problem| RootfsError::BadEntry { path: crate::tree::shown(name), problem })?;
    Ok(tree)
}

/// Metadata as the host has it, without extended attributes.
pub(crate) fn meta_of(metadata: &fs::Metadata) -> Meta {
    Meta {
        mode: u16::try_from(metadata.permissions().mode() & 0o7777).unwrap_or_default(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        mtime: Timestamp { seconds: metadata.mtime(), nanos: u32::try_from(metadata.mtime_nsec()).unwrap_or_default() },
        xattrs: std::collections::BTreeMap::new(),
    }
}
