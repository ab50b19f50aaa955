//! From a source to what a machine gets: as it is where that will do, else as a tree.

use super::{SourceKind, SourceOptions, cannot_read, damaged, plain, read};
use crate::error::RootfsError;
use crate::sink::Format;
use crate::tree::{Timestamp, Tree};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Who owns the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owners {
    /// User and group 0.
    #[default]
    Root,
    /// Whoever owns them in the source.
    Keep,
}

/// What is wanted of a source.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The format of the result; `None` leaves an image what it is and makes a cpio archive of everything else.
    pub format: Option<Format>,
    /// Whose the files of directories and tar archives become. Finished archives and images keep their owners.
    pub owners: Owners,
    /// `SOURCE_DATE_EPOCH`: the latest time of files from directories and tar archives; what is newer becomes as old. Times are kept otherwise: Python takes
    /// compiled modules only of sources with the right time, web servers tell browsers by it what has changed.
    pub epoch: Option<Timestamp>,
    /// How to read it.
    pub options: SourceOptions,
}

/// What to do with a source.
#[derive(Debug)]
pub enum Loaded {
    /// The file can be handed on as it is.
    Ready {
        /// What it is.
        format: Format,
        /// Its length in bytes.
        bytes: u64,
        /// Names in it.
        entries: u64,
    },
    /// It has to be packed.
    Tree {
        /// What is in it.
        tree: Tree,
        /// What it is to become.
        format: Format,
    },
}

/// Looks at the source at `path`, and reads it if it cannot stay as it is.
///
/// # Errors
/// As for [`read`].
pub fn load(path: &Path, kind: SourceKind, request: &Request) -> Result<Loaded, RootfsError> {
    match (kind, request.format) {
        (SourceKind::Cpio, None | Some(Format::Cpio)) => cpio(path, request),
        (SourceKind::Erofs, None | Some(Format::Erofs)) => erofs(path, request),
        _ => {
            let mut tree = read(path, kind, &request.options)?;
            dress(&mut tree, kind, request);
            Ok(Loaded::Tree { tree, format: request.format.unwrap_or_default() })
        }
    }
}

/// Owners and times of a tree, as they were asked for.
fn dress(tree: &mut Tree, kind: SourceKind, request: &Request) {
    let is_finished = matches!(kind, SourceKind::Cpio | SourceKind::Erofs);
    if request.owners == Owners::Root && !is_finished {
        tree.give_to_root();
    }
    if let Some(epoch) = request.epoch
        && !is_finished
    {
        tree.clamp_times(epoch);
    }
}

fn is_plain(file: &Arc<File>, path: &Path) -> Result<bool, RootfsError> {
    use std::os::unix::fs::MetadataExt;
    let (inside, outside) = (file.metadata().map_err(cannot_read(path))?, std::fs::metadata(path).map_err(cannot_read(path))?);
    Ok((inside.dev(), inside.ino()) == (outside.dev(), outside.ino()))
}

/// An archive whose large files are on page boundaries stays as it is; another one is packed anew, so that the guest need not copy them.
fn cpio(path: &Path, request: &Request) -> Result<Loaded, RootfsError> {
    let file = plain::open(path, &request.options)?;
    let survey = super::cpio::survey(&file).map_err(damaged(path))?;
    if survey.unaligned == 0 && is_plain(&file, path)? {
        let bytes = file.metadata().map_err(cannot_read(path))?.len();
        return Ok(Loaded::Ready { format: Format::Cpio, bytes, entries: survey.entries });
    }
    Ok(Loaded::Tree { tree: super::cpio::read(&file).map_err(damaged(path))?, format: Format::Cpio })
}

/// An image that the guest can mount stays as it is; one with chunks is packed anew.
fn erofs(path: &Path, request: &Request) -> Result<Loaded, RootfsError> {
    let file = plain::open(path, &request.options)?;
    let superblock = crate::erofs::probe(&file).map_err(damaged(path))?;
    let mut tree = None;
    if superblock.may_have_more {
        let image = crate::erofs::read(&file).map_err(damaged(path))?;
        tree = image.obstacle.map(|_| image.tree);
    }
    let tree = match tree {
        None if is_plain(&file, path)? => {
            let bytes = file.metadata().map_err(cannot_read(path))?.len();
            return Ok(Loaded::Ready { format: Format::Erofs, bytes, entries: superblock.inodes });
        }
        None => crate::erofs::read(&file).map_err(damaged(path))?.tree,
        Some(tree) => tree,
    };
    Ok(Loaded::Tree { tree, format: Format::Erofs })
}
