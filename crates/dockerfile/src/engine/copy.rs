//! `COPY` and `ADD`: from one tree into another. Nothing is unpacked and no privileges are needed.
//!
//! The rules are BuildKit's: a directory's contents are copied, not the directory; links in the destination's directories are followed, links among
//! what is copied are kept; directories that have to be made belong to `--chown`; a directory that is there keeps its owner and mode.

use crate::plan::{CopyStep, Mode};
use crate::tree::glob::{self, Glob, Stars};
use crate::tree::ignore::Ignore;
use crate::tree::layer::{self, Change, Changes, Step, Whiteouts};
use crate::tree::{Data, Entry, Last, Node, Tree, path};
use pith_diagnostic::Place;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What went wrong, with the word it is about if there is one.
#[derive(Debug)]
pub struct CopyProblem {
    /// What.
    pub message: String,
    /// In the Dockerfile.
    pub place: Option<Place>,
    /// What to do.
    pub help: Option<String>,
}

fn problem<T>(place: Option<Place>, message: impl Into<String>) -> Result<T, CopyProblem> {
    Err(CopyProblem { message: message.into(), place, help: None })
}

/// Puts files into a tree and remembers what changed.
pub struct Placer<'p> {
    tree: Tree,
    changes: Changes,
    owner: Option<(u32, u32)>,
    mode: Option<Mode>,
    exclude: &'p Ignore,
    /// Time of directories that are made up.
    made_s: u64,
    /// Numbers of files in the source, and theirs here.
    inodes: HashMap<u64, u64>,
}

impl<'p> Placer<'p> {
    /// Puts files into `tree`.
    pub fn new(tree: Tree, step: &CopyStep, owner: Option<(u32, u32)>, exclude: &'p Ignore, made_s: u64) -> Self {
        Self { tree, changes: Changes::new(), owner, mode: step.chmod, exclude, made_s, inodes: HashMap::new() }
    }

    /// What changed.
    pub fn finish(self) -> Changes {
        self.changes
    }

    fn record(&mut self, name: &[u8], entry: Entry) {
        self.changes.insert(name.to_vec(), Change::Put(entry.clone()));
        self.tree.insert(name, entry);
    }

    /// Makes a directory and those above it; those that are there are noted as they are, since a layer brings its parents along.
    pub fn directory(&mut self, name: &[u8], owner: Option<(u32, u32)>) -> Result<(), CopyProblem> {
        let ends = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([name.len()]);
        for end in ends {
            let part = name.get(..end).unwrap_or_default();
            match self.tree.get(part) {
                Some(entry) if entry.is_directory() => {
                    if !self.changes.contains_key(part) {
                        self.changes.insert(part.to_vec(), Change::Put(entry.clone()));
                    }
                }
                Some(_) => return problem(None, format!("{} is a file, not a directory", path::show(part))),
                None => {
                    let mut entry = Entry::directory(0o755, self.made_s);
                    (entry.uid, entry.gid) = owner.unwrap_or((0, 0));
                    self.record(part, entry);
                }
            }
        }
        Ok(())
    }

    /// Where a path of the image really is.
    pub fn target(&self, wanted: &[u8]) -> Result<Vec<u8>, CopyProblem> {
        self.tree.resolve(wanted, Last::Follow).ok_or_else(|| CopyProblem {
            message: format!("{}: too many symbolic links", path::show(wanted)),
            place: None,
            help: None,
        })
    }

    /// Puts one entry in its place.
    fn put(&mut self, name: &[u8], entry: &Entry) -> Result<(), CopyProblem> {
        if let Some(parent) = path::parent(name) {
            self.directory(parent, self.owner)?;
        }
        let mut entry = entry.clone();
        if let Some((uid, gid)) = self.owner {
            (entry.uid, entry.gid) = (uid, gid);
        }
        if let (Some(Mode(bits)), false) = (self.mode, matches!(entry.node, Node::Symlink(_))) {
            entry.mode = bits;
        }
        if let Node::File { inode, .. } = &mut entry.node {
            *inode = *self.inodes.entry(*inode).or_insert_with(|| self.tree.new_inode());
        }
        match self.tree.get(name) {
            Some(old) if old.is_directory() && !entry.is_directory() => {
                problem(None, format!("{} is a directory; a file cannot take its place", path::show(name)))
            }
            Some(old) if !old.is_directory() && entry.is_directory() => {
                problem(None, format!("{} is a file; a directory cannot take its place", path::show(name)))
            }
            _ => {
                self.record(name, entry);
                Ok(())
            }
        }
    }

    /// Copies a name and what is below it. `shown` is its path for `--exclude`.
    fn subtree(&mut self, from: &Tree, name: &[u8], target: &[u8], shown: &[u8]) -> Result<(), CopyProblem> {
        for (below, entry) in from.below(name) {
            let rest = if name.is_empty() { below } else { below.get(name.len() + 1..).unwrap_or_default() };
            if self.exclude.ignores(&path::join(shown, rest)) {
                continue;
            }
            self.put(&path::join(target, rest), entry)?;
        }
        Ok(())
    }

    /// Copies what a path led to.
    pub fn copy(&mut self, from: &Tree, found: &Found, destination: &[u8], into_directory: bool) -> Result<(), CopyProblem> {
        let name = found.target.as_slice();
        let Some(entry) = from.get(name) else { return problem(None, format!("{} is not there", path::show(name))) };
        let at = self.target(destination)?;
        if entry.is_directory() {
            // Its contents are copied; a directory made for them has nothing of it.
            self.directory(&at, self.owner)?;
            return self.subtree(from, name, &at, b"");
        }
        let base = path::base(&found.name);
        if self.exclude.ignores(base) {
            return Ok(());
        }
        let inside = into_directory || self.tree.get(&at).is_some_and(Entry::is_directory);
        if inside {
            self.directory(&at, self.owner)?;
        }
        self.put(&if inside { path::join(&at, base) } else { at }, entry)
    }

    /// Copies a path with the directories that lead to it (`--parents`); those before `/./` are left out.
    pub fn copy_with_parents(&mut self, from: &Tree, name: &[u8], pivot: &[u8], destination: &[u8]) -> Result<(), CopyProblem> {
        let kept = name.strip_prefix(pivot).map(|rest| rest.strip_prefix(b"/").unwrap_or(rest)).unwrap_or(name);
        if self.exclude.ignores(kept) {
            return Ok(());
        }
        let at = self.target(destination)?;
        self.directory(&at, self.owner)?;
        for (end, _) in kept.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let part = kept.get(..end).unwrap_or_default();
            let target = path::join(&at, part);
            if let (None, Some(entry)) = (self.tree.get(&target), from.get(&path::join(pivot, part))) {
                self.put(&target, entry)?;
            }
        }
        let target = path::join(&at, kept);
        if let Some(entry) = from.get(name) {
            if !kept.is_empty() {
                self.put(&target, entry)?;
            }
            if entry.is_directory() {
                self.subtree(from, name, &target, kept)?;
            }
        }
        Ok(())
    }

    /// Puts a file that comes from elsewhere.
    pub fn file(&mut self, name: &str, entry: &Entry, destination: &[u8], into_directory: bool) -> Result<(), CopyProblem> {
        let at = self.target(destination)?;
        let inside = into_directory || self.tree.get(&at).is_some_and(Entry::is_directory);
        if inside {
            self.directory(&at, self.owner)?;
        }
        self.put(&if inside { path::join(&at, name.as_bytes()) } else { at }, entry)
    }

    /// A number that makes a new file stand for itself.
    pub fn new_file(&mut self, data: Data, size: u64, mode: u32, mtime_s: u64) -> Entry {
        let inode = self.tree.new_inode() | 1 << 63;
        Entry { node: Node::File { data, size, inode }, mode, uid: 0, gid: 0, mtime_s, xattrs: BTreeMap::new() }
    }

    /// Unpacks an archive into a directory. What is in it keeps its owners and permissions, whatever `--chown` and `--chmod` say; so has Docker.
    pub fn unpack(&mut self, archive: &PathBuf, destination: &[u8]) -> Result<(), CopyProblem> {
        let at = self.target(destination)?;
        self.directory(&at, self.owner)?;
        let steps = contents(archive).map_err(|error| CopyProblem {
            message: format!("the archive cannot be unpacked: {error}"),
            place: None,
            help: None,
        })?;
        for (name, step) in steps {
            if name.is_empty() {
                continue;
            }
            // Links made by the archive lead where they point, but not out of the image.
            let wanted = path::join(&at, path::parent(&name).unwrap_or_default());
            let target = path::join(&self.target(&wanted)?, path::base(&name));
            match step {
                Step::Change(Change::Put(mut entry)) => {
                    if let Node::File { inode, .. } = &mut entry.node {
                        *inode = self.tree.new_inode() | 1 << 63;
                    }
                    let old = self.tree.get(&target).map(Entry::is_directory);
                    if old == Some(true) && !entry.is_directory() {
                        return problem(None, format!("the archive has a file where {} is a directory", path::show(&target)));
                    }
                    self.directory(path::parent(&target).unwrap_or_default(), self.owner)?;
                    self.record(&target, entry);
                }
                Step::Link(link) => {
                    let source = self.target(&path::join(&at, &link))?;
                    let Some(entry) = self.tree.get(&source).cloned() else {
                        return problem(
                            None,
                            format!("the archive links {} to {}, which is not in it", path::show(&name), path::show(&link)),
                        );
                    };
                    self.directory(path::parent(&target).unwrap_or_default(), self.owner)?;
                    self.record(&target, entry);
                }
                Step::Change(_) => {}
            }
        }
        Ok(())
    }
}

/// What an ordinary archive holds, in its order.
fn contents(archive: &PathBuf) -> io::Result<Vec<(Vec<u8>, Step)>> {
    let mut steps = Vec::new();
    let shared = Arc::new(archive.clone());
    let data = |entry: &mut tar::Entry<'_, File>| Ok(Data::Archive { path: Arc::clone(&shared), offset: entry.raw_file_position() });
    let mut reader = tar::Archive::new(File::open(archive)?);
    layer::read(reader.entries_with_seek()?, Whiteouts::Ordinary, data, |name, step| {
        steps.push((name, step));
        Ok(())
    })?;
    Ok(steps)
}

/// A source that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// As asked for.
    pub name: Vec<u8>,
    /// Where links led.
    pub target: Vec<u8>,
}

/// What a source path means, in order.
pub fn matches(from: &Tree, text: &str, place: Place, stars: Stars) -> Result<Vec<Found>, CopyProblem> {
    let name = path::clean(text.as_bytes());
    let follow =
        |name: Vec<u8>| from.resolve(&name, Last::Follow).filter(|target| from.get(target).is_some()).map(|target| Found { name, target });
    if !glob::is_pattern(text) {
        let shown = path::show(&name);
        return follow(name).map_or_else(|| problem(Some(place), format!("{shown} is not there")), |found| Ok(vec![found]));
    }
    let bad = |reason: &str| CopyProblem {
        message: format!("the pattern {text:?} cannot be read: {reason}"),
        place: Some(place),
        help: Some("a literal '[' or '*' is written with a backslash in front of it".to_owned()),
    };
    let glob = Glob::new(&String::from_utf8_lossy(&name), stars).map_err(bad)?;
    Ok(from.below(b"").filter(|(name, _)| glob.matches(name)).filter_map(|(name, _)| follow(name.to_vec())).collect())
}
