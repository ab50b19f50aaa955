//! What a command changed, as a layer.

use super::job::{Job, Rights, RunJob};
use super::view::View;
use crate::tree::context::entry;
use crate::tree::layer::{Change, Changes, opaque};
use crate::tree::{Entry, Node, Tree, path};
use rustix::fs::lgetxattr;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Everything below a directory of the host, by name relative to it. Files with several names share a number.
fn walk(root: &Path) -> io::Result<Vec<(Vec<u8>, Entry)>> {
    let mut found = Vec::new();
    let mut inodes: HashMap<(u64, u64), u64> = HashMap::new();
    let mut pending = vec![Vec::new()];
    while let Some(directory) = pending.pop() {
        for item in fs::read_dir(root.join(OsStr::from_bytes(&directory)))? {
            let item = item?;
            let (host, name) = (item.path(), path::join(&directory, item.file_name().as_bytes()));
            let metadata = item.metadata()?;
            let next = inodes.len() as u64 + 1;
            let inode = *inodes.entry((metadata.dev(), metadata.ino())).or_insert(next);
            let Some(entry) = entry(&host, inode)? else { continue };
            if entry.is_directory() {
                pending.push(name.clone());
            }
            found.push((name, entry));
        }
    }
    Ok(found)
}

fn is_opaque(path: &Path) -> bool {
    let mut value = [0; 1];
    ["trusted.overlay.opaque", "user.overlay.opaque"].iter().any(|name| lgetxattr(path, *name, &mut value) == Ok(1) && value == *b"y")
}

fn same(a: &Entry, b: &Entry) -> bool {
    let node = match (&a.node, &b.node) {
        (Node::Directory, Node::Directory) => true,
        (Node::Symlink(a), Node::Symlink(b)) => a == b,
        (Node::File { size: a, .. }, Node::File { size: b, .. }) => a == b,
        (Node::Fifo, Node::Fifo) => true,
        (Node::Character(a, b), Node::Character(c, d)) | (Node::Block(a, b), Node::Block(c, d)) => (a, b) == (c, d),
        _ => false,
    };
    node && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.xattrs == b.xattrs
}

/// What is above when overlayfs keeps it apart.
fn above(upper: &Path, tree: &Tree) -> io::Result<Changes> {
    let mut changes = Changes::new();
    for (name, entry) in walk(upper)? {
        if matches!(entry.node, Node::Character(0, 0)) {
            changes.insert(name, Change::Remove);
            continue;
        }
        if entry.is_directory() && tree.get(&name).is_some() && is_opaque(&upper.join(OsStr::from_bytes(&name))) {
            changes.insert(opaque(&name), Change::Clear);
        }
        changes.insert(name, Change::Put(entry));
    }
    Ok(changes)
}

/// The difference of a whole directory to what was there before. Contents are compared only where a time or size does not tell.
fn compared(root: &Path, tree: &Tree) -> io::Result<Changes> {
    let mut changes = Changes::new();
    let mut seen = std::collections::BTreeSet::new();
    for (name, entry) in walk(root)? {
        let unchanged = match tree.get(&name) {
            Some(old) if same(old, &entry) => match (&old.node, &entry.node) {
                (Node::File { .. }, _) => old.mtime_s == entry.mtime_s && equal(old, &entry)?,
                _ => true,
            },
            _ => false,
        };
        if !unchanged {
            changes.insert(name.clone(), Change::Put(entry));
        }
        seen.insert(name);
    }
    for (name, old) in tree.below(b"") {
        // A device may never have been made, see `unpack`.
        let device = matches!(old.node, Node::Character(..) | Node::Block(..));
        let covered = path::parent(name).is_some_and(|parent| !parent.is_empty() && !seen.contains(parent));
        if !device && !seen.contains(name) && !covered {
            changes.insert(name.to_vec(), Change::Remove);
        }
    }
    Ok(changes)
}

fn equal(a: &Entry, b: &Entry) -> io::Result<bool> {
    let (mut a, mut b) = (a.open()?, b.open()?);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    a.read_to_end(&mut left)?;
    b.read_to_end(&mut right)?;
    Ok(left == right)
}

/// Adds the directories that lead to each change, as a layer has them; takes out those that only do that.
fn with_parents(changes: &mut Changes, tree: &Tree) {
    let real: Vec<Vec<u8>> = changes
        .iter()
        .filter(|(name, change)| match change {
            Change::Put(entry) if entry.is_directory() => tree.get(name).is_none_or(|old| !same(old, entry)),
            _ => true,
        })
        .map(|(name, _)| name.clone())
        .collect();
    let mut needed = std::collections::BTreeSet::new();
    for name in &real {
        needed.insert(name.clone());
        let mut at = name.as_slice();
        while let Some(parent) = path::parent(at).filter(|parent| !parent.is_empty()) {
            needed.insert(parent.to_vec());
            at = parent;
        }
    }
    changes.retain(|name, _| needed.contains(name));
    for name in needed {
        if let (false, Some(entry)) = (changes.contains_key(&name), tree.get(&name)) {
            changes.insert(name, Change::Put(entry.clone()));
        }
    }
}

/// The layer that a command made.
pub(super) fn changes(job: &Job, run: &RunJob, view: &View) -> io::Result<Changes> {
    let mut tree = Tree::default();
    run.layers.iter().try_for_each(|layer| tree.apply(&layer.path))?;
    if job.rights == Rights::Single {
        // On disk everything has one owner: what was there before keeps the one it had in its layer.
        let known: HashMap<Vec<u8>, (u32, u32)> = tree.below(b"").map(|(name, entry)| (name.to_vec(), (entry.uid, entry.gid))).collect();
        let mut changes = match view.upper() {
            Some(upper) => above(upper, &tree)?,
            None => compared(view.root(), &one_owner(&tree))?,
        };
        for (name, change) in &mut changes {
            if let (Change::Put(entry), Some(owner)) = (change, known.get(name)) {
                (entry.uid, entry.gid) = *owner;
            }
        }
        with_parents(&mut changes, &tree);
        return Ok(changes);
    }
    let mut changes = match view.upper() {
        Some(upper) => above(upper, &tree)?,
        None => compared(view.root(), &tree)?,
    };
    with_parents(&mut changes, &tree);
    Ok(changes)
}

fn one_owner(tree: &Tree) -> Tree {
    let mut result = tree.clone();
    let all: Vec<(Vec<u8>, Entry)> = tree.below(b"").map(|(name, entry)| (name.to_vec(), entry.clone())).collect();
    for (name, entry) in all {
        result.insert(&name, Entry { uid: 0, gid: 0, ..entry });
    }
    result
}
