//! Layers of a container image (OCI image specification, `layer.md`): tar archives, each on top of the ones before, with whiteouts for what goes away.

use super::{SourceOptions, damaged, plain, tar};
use crate::error::{EntryError, Problem, RootfsError};
use crate::tree::{Tree, shown};
use pith_image::Image;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Prefix of a name that takes away the file behind it.
const WHITEOUT: &[u8] = b".wh.";
/// Takes away all that lower layers have in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Prefix of names that AUFS kept its own records under; nobody's files.
const AUFS: &[u8] = b".wh..wh.";

impl Tree {
    /// The files of an image: its layers, each on top of the ones before. Owners and times are the image's.
    ///
    /// # Errors
    /// A layer that cannot be read, is not what the image says, or that no machine should get.
    pub fn from_image(image: &Image, options: &SourceOptions) -> Result<Self, RootfsError> {
        let mut tree = Self::default();
        for layer in &image.layers {
            let archive = plain::open_layer(layer, options)?;
            apply(&mut tree, &archive).map_err(damaged(&layer.blob))?;
        }
        Ok(tree)
    }
}

/// Puts a layer, plain or compressed, on top of `tree`.
///
/// # Errors
/// A layer that cannot be read, or that no machine should get.
pub fn apply_layer(tree: &mut Tree, layer: &Path, options: &SourceOptions) -> Result<(), RootfsError> {
    let archive = plain::open(layer, options)?;
    apply(tree, &archive).map_err(damaged(layer))
}

/// Whiteouts count for lower layers only, wherever they stand in the archive; so they go first.
fn apply(tree: &mut Tree, archive: &Arc<File>) -> Result<(), EntryError> {
    let entries = tar::entries(archive)?;
    tree.notes.extend(entries.notes);
    let mut files = Vec::new();
    for entry in entries.list {
        let path = entry.path.strip_suffix(b"/").unwrap_or(&entry.path);
        let (directory, name) = match path.iter().rposition(|b| *b == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&path[..0], path),
        };
        if name != OPAQUE && path.split(|b| *b == b'/').any(|part| part.starts_with(AUFS)) {
            continue;
        }
        let Some(hidden) = name.strip_prefix(WHITEOUT) else {
            files.push(entry);
            continue;
        };
        let done = if name == OPAQUE {
            tree.clear(directory)
        } else if hidden.is_empty() || hidden == b"." || hidden == b".." {
            Err(Problem::BadWhiteout)
        } else {
            tree.remove(&[directory, b"/", hidden].concat()).map(drop)
        };
        done.map_err(|problem| EntryError { offset: entry.offset, name: Some(shown(&entry.path)), problem })?;
    }
    for entry in files {
        tar::enter(tree, entry)?;
    }
    Ok(())
}
