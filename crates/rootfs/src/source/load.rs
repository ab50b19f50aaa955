//! From a source to what a machine gets: as it is where that will do, else as a tree.

use super::{SourceKind, SourceOptions, cannot_read, damaged, plain, read};
use crate::error::RootfsError;
use crate::sink::Format;
use crate::tree::{Timestamp, Tree};
use std::fs::File;
use std::io::BufReader;
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
    /// `SOURCE_DATE_EPOCH`: the time of files from a directory (1970 without), and the latest one of files from a tar archive.
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
    match (kind, request.epoch) {
        // When a file came to lie in a directory says nothing about the file.
        (SourceKind::Directory | SourceKind::File, epoch) => tree.set_times(epoch.unwrap_or_default()),
        (SourceKind::Tarball, Some(epoch)) => tree.clamp_times(epoch),
        _ => {}
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
    let survey = crate::check(BufReader::with_capacity(1 << 17, &*file)).map_err(damaged(path))?;
    if survey.unaligned == 0 && is_plain(&file, path)? {
        let bytes = file.metadata().map_err(cannot_read(path))?.len();
        return Ok(Loaded::Ready { format: Format::Cpio, bytes, entries: survey.entries });
    }
    Ok(Loaded::Tree { tree: super::cpio::read(&file).map_err(damaged(path))?, format: Format::Cpio })
}

fn erofs(path: &Path, request: &Request) -> Result<Loaded, RootfsError> {
    let file = plain::open(path, &request.options)?;
    let image = crate::erofs::read(&file).map_err(damaged(path))?;
    if image.obstacle.is_none() && is_plain(&file, path)? {
        let bytes = file.metadata().map_err(cannot_read(path))?.len();
        return Ok(Loaded::Ready { format: Format::Erofs, bytes, entries: image.entries });
    }
    Ok(Loaded::Tree { tree: image.tree, format: Format::Erofs })
}
