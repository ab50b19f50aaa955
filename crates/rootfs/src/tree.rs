//! A root file system on its way from a source to a sink.
//!
//! A [`Tree`] knows names, metadata and where contents are to be had; contents themselves stay where they are until a sink streams them. Paths are bytes,
//! relative to the root, and never lead out of it: `..` in a path is refused, symbolic links on the way to a parent directory are followed inside the tree, as in a
//! container's root.

use crate::content::Content;
use crate::error::Problem;
use crate::newc;
use std::collections::{BTreeMap, HashMap};

/// Longest path in bytes that a Linux system call takes (PATH_MAX without its NUL).
pub const PATH_MAX: usize = 4095;
/// Longest name in bytes (NAME_MAX).
pub const NAME_MAX: usize = 255;
/// Symbolic links followed on the way to one entry (MAXSYMLINKS).
const MAX_LINKS: usize = 40;

/// A point in time: seconds since 1970 and nanoseconds after that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds, below 10^9.
    pub nanos: u32,
}

/// What an inode has besides its type and contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Permission, set-id and sticky bits (0o7777).
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of contents.
    pub mtime: Timestamp,
    /// Extended attributes by full name (`user.x`, `security.capability`).
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Meta {
    /// Belongs to root, with these permission bits.
    #[must_use]
    pub fn with_mode(mode: u16) -> Self {
        Self { mode, ..Self::default() }
    }
}

/// A device number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// What an inode is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Names, each an inode.
    Directory(BTreeMap<Box<[u8]>, NodeId>),
    /// A regular file.
    File(Content),
    /// A symbolic link to this path.
    Symlink(Box<[u8]>),
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
}

impl Kind {
    /// A directory with nothing in it.
    #[must_use]
    pub fn directory() -> Self {
        Self::Directory(BTreeMap::new())
    }

    /// The type bits of its mode (inode(7)), which cpio and EROFS store as they are.
    pub(crate) fn mode_bits(&self) -> u16 {
        let bits = match self {
            Self::Directory(_) => newc::DIRECTORY,
            Self::File(_) => newc::REGULAR,
            Self::Symlink(_) => newc::SYMLINK,
            Self::CharDevice(_) => newc::CHAR_DEVICE,
            Self::BlockDevice(_) => newc::BLOCK_DEVICE,
            Self::Fifo => newc::FIFO,
        };
        u16::try_from(bits).unwrap_or_default()
    }
}

/// An inode. Several names of it are hard links.
#[derive(Clone, Debug)]
pub struct Node {
    /// Metadata.
    pub meta: Meta,
    /// Type and contents.
    pub kind: Kind,
}

/// Names an inode of one [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// One name of the tree, as [`Tree::walk`] meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Path without leading `/`; empty for the root.
    pub path: Vec<u8>,
    /// Its inode.
    pub id: NodeId,
}

/// A root file system.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    /// What a source had to leave out or change, one sentence each, for the user.
    pub notes: Vec<String>,
}

impl Default for Tree {
    fn default() -> Self {
        let root = Node { meta: Meta::with_mode(0o755), kind: Kind::directory() };
        Self { nodes: vec![root], notes: Vec::new() }
    }
}

/// The parts of a path that count.
fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".")
}

/// Bytes as text for a message.
pub(crate) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

impl Tree {
    /// The top directory.
    pub const ROOT: NodeId = NodeId(0);

    /// The inode that `id` names. Panics for an id of another tree.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0]
    }

    /// The entry `name` of the directory `id`.
    #[must_use]
    pub fn child(&self, id: NodeId, name: &[u8]) -> Option<NodeId> {
        match &self.node(id).kind {
            Kind::Directory(entries) => entries.get(name).copied(),
            _ => None,
        }
    }

    fn entries_mut(&mut self, id: NodeId) -> Option<&mut BTreeMap<Box<[u8]>, NodeId>> {
        match &mut self.node_mut(id).kind {
            Kind::Directory(entries) => Some(entries),
            _ => None,
        }
    }

    fn add_node(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    /// The inode at `path`; symbolic links are not followed.
    #[must_use]
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        parts(path).try_fold(Self::ROOT, |at, part| self.child(at, part))
    }

    /// The inode at `path`, all symbolic links followed inside the tree; `None` also for a circle of them.
    #[must_use]
    pub fn resolve(&self, path: &[u8]) -> Option<NodeId> {
        let mut trail = vec![Self::ROOT];
        let mut todo: Vec<&[u8]> = parts(path).rev().collect();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == b".." {
                trail.truncate((trail.len() - 1).max(1));
                continue;
            }
            let next = self.child(*trail.last()?, part)?;
            match &self.node(next).kind {
                Kind::Symlink(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    if target.starts_with(b"/") {
                        trail.truncate(1);
                    }
                    todo.extend(parts(target).rev());
                }
                _ => trail.push(next),
            }
        }
        trail.pop()
    }

    /// Every name, a directory before what is in it, names of a directory in the order of their bytes. The root comes first, with an empty path.
    #[must_use]
    pub fn walk(&self) -> Vec<Visit> {
        let mut out = Vec::new();
        let mut todo = vec![Visit { path: Vec::new(), id: Self::ROOT }];
        while let Some(visit) = todo.pop() {
            if let Kind::Directory(entries) = &self.node(visit.id).kind {
                for (name, id) in entries.iter().rev() {
                    let mut path = visit.path.clone();
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(name);
                    todo.push(Visit { path, id: *id });
                }
            }
            out.push(visit);
        }
        out
    }

    /// How many names each inode has that is no directory.
    #[must_use]
    pub fn link_counts(&self) -> HashMap<NodeId, u32> {
        let mut counts = HashMap::new();
        for visit in self.walk() {
            if !matches!(self.node(visit.id).kind, Kind::Directory(_)) {
                *counts.entry(visit.id).or_insert(0) += 1;
            }
        }
        counts
    }

    /// Checks a path and splits it.
    fn split(path: &[u8]) -> Result<Split<'_>, Problem> {
        if path.contains(&0) {
            return Err(Problem::NulInName);
        }
        let mut all: Vec<&[u8]> = Vec::new();
        let mut length = 0;
        for part in parts(path) {
            if part == b".." {
                return Err(Problem::DotDot);
            }
            if part.len() > NAME_MAX {
                return Err(Problem::ComponentTooLong);
            }
            length += part.len() + 1;
            all.push(part);
        }
        if length > PATH_MAX {
            return Err(Problem::PathTooLong);
        }
        let last = all.pop();
        Ok((all.into_iter().map(<[u8]>::to_vec).collect(), last))
    }

    /// The directory at `path`, symbolic links followed inside the tree. Missing directories are made, or give `None`. What links lead to is held to the same
    /// lengths as what is written out: names that are made, and the path of `name` in the directory.
    fn directory(&mut self, path: Vec<Vec<u8>>, name: &[u8], missing: Missing) -> Result<Option<NodeId>, Problem> {
        // Each with the length of its own path.
        let mut trail = vec![(Self::ROOT, 0)];
        let mut todo: Vec<Vec<u8>> = path.into_iter().rev().collect();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == b".." {
                if trail.len() > 1 {
                    trail.pop();
                }
                continue;
            }
            let (here, length) = trail.last().copied().unwrap_or((Self::ROOT, 0));
            let length = length + part.len() + 1;
            let next = match (self.child(here, &part), missing) {
                (Some(next), _) => next,
                (None, Missing::Make) if part.len() > NAME_MAX => return Err(Problem::ComponentTooLong),
                (None, Missing::Make) if length > PATH_MAX => return Err(Problem::PathTooLong),
                (None, Missing::Make) => self.put(here, &part, Node { meta: Meta::with_mode(0o755), kind: Kind::directory() }),
                (None, Missing::Tell) => return Ok(None),
            };
            match &self.node(next).kind {
                Kind::Directory(_) => trail.push((next, length)),
                Kind::Symlink(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Problem::LinkLoop(shown(&part)));
                    }
                    todo.extend(parts(target).rev().map(<[u8]>::to_vec));
                    if target.starts_with(b"/") {
                        trail.truncate(1);
                    }
                }
                _ => return Err(Problem::ParentNotDirectory(shown(&part))),
            }
        }
        let found = trail.pop();
        match (found, missing) {
            (Some((_, length)), Missing::Make) if length + name.len() + 1 > PATH_MAX => Err(Problem::PathTooLong),
            _ => Ok(found.map(|(id, _)| id)),
        }
    }

    /// Enters a new inode, in place of what `name` was.
    fn put(&mut self, directory: NodeId, name: &[u8], node: Node) -> NodeId {
        let id = self.add_node(node);
        if let Some(entries) = self.entries_mut(directory) {
            entries.insert(name.into(), id);
        }
        id
    }

    /// Puts an inode at `path`, making missing directories above it. A directory that is there already keeps its entries and takes the metadata; anything else that is
    /// there is replaced.
    ///
    /// # Errors
    /// A path that is too long, has `..` or runs through something that is no directory; anything but a directory as the root.
    pub fn insert(&mut self, path: &[u8], meta: Meta, kind: Kind) -> Result<NodeId, Problem> {
        let (above, last) = Self::split(path)?;
        let Some(name) = last else {
            return match kind {
                Kind::Directory(_) => {
                    self.node_mut(Self::ROOT).meta = meta;
                    Ok(Self::ROOT)
                }
                _ => Err(Problem::RootNotDirectory),
            };
        };
        if let Kind::Symlink(target) = &kind
            && (target.is_empty() || target.len() > PATH_MAX || target.contains(&0))
        {
            return Err(Problem::BadSymlink(target.len() as u64));
        }
        let Some(directory) = self.directory(above, name, Missing::Make)? else { return Err(Problem::ParentNotDirectory(shown(path))) };
        if let Some(there) = self.child(directory, name)
            && let (Kind::Directory(_), Kind::Directory(_)) = (&kind, &self.node(there).kind)
        {
            self.node_mut(there).meta = meta;
            return Ok(there);
        }
        Ok(self.put(directory, name, Node { meta, kind }))
    }

    /// Gives the inode at `target` another name.
    ///
    /// # Errors
    /// As for [`Tree::insert`]; a target that is not there or is a directory.
    pub fn link(&mut self, path: &[u8], target: &[u8]) -> Result<NodeId, Problem> {
        let (above, last) = Self::split(target)?;
        let found = match (self.directory(above, b"", Missing::Tell)?, last) {
            (Some(directory), Some(name)) => self.child(directory, name),
            _ => None,
        };
        let Some(id) = found else { return Err(Problem::LinkTarget(shown(target))) };
        if matches!(self.node(id).kind, Kind::Directory(_)) {
            return Err(Problem::LinkToDirectory(shown(target)));
        }
        self.link_node(path, id)?;
        Ok(id)
    }

    /// Gives an inode that is no directory another name.
    ///
    /// # Errors
    /// As for [`Tree::insert`].
    pub fn link_node(&mut self, path: &[u8], id: NodeId) -> Result<(), Problem> {
        let (above, last) = Self::split(path)?;
        let Some(name) = last else { return Err(Problem::RootNotDirectory) };
        let directory = self.directory(above, name, Missing::Make)?;
        if let Some(entries) = directory.and_then(|directory| self.entries_mut(directory)) {
            entries.insert(name.into(), id);
        }
        Ok(())
    }

    /// Takes `path` away with all that is below; `false` when it is not there. Symbolic links above it are followed.
    ///
    /// # Errors
    /// As for [`Tree::insert`].
    pub fn remove(&mut self, path: &[u8]) -> Result<bool, Problem> {
        let (above, last) = Self::split(path)?;
        let Some(name) = last else { return Err(Problem::RootNotDirectory) };
        let Some(directory) = self.directory(above, b"", Missing::Tell)? else { return Ok(false) };
        Ok(self.entries_mut(directory).is_some_and(|entries| entries.remove(name).is_some()))
    }

    /// Takes away all entries of the directory at `path`, if there is one.
    ///
    /// # Errors
    /// As for [`Tree::insert`].
    pub fn clear(&mut self, path: &[u8]) -> Result<(), Problem> {
        let (mut all, last) = Self::split(path)?;
        all.extend(last.map(<[u8]>::to_vec));
        if let Some(entries) = self.directory(all, b"", Missing::Tell)?.and_then(|id| self.entries_mut(id)) {
            entries.clear();
        }
        Ok(())
    }

    /// Replaces the contents of a regular file, for formats that bring them later than the name.
    pub(crate) fn set_content(&mut self, id: NodeId, content: Content) {
        if let Kind::File(old) = &mut self.node_mut(id).kind {
            *old = content;
        }
    }

    /// Makes everything belong to user and group 0.
    pub fn give_to_root(&mut self) {
        for node in &mut self.nodes {
            (node.meta.uid, node.meta.gid) = (0, 0);
        }
    }

    /// Gives everything this time.
    pub fn set_times(&mut self, mtime: Timestamp) {
        for node in &mut self.nodes {
            node.meta.mtime = mtime;
        }
    }

    /// Makes nothing later than `latest`, as `SOURCE_DATE_EPOCH` asks for.
    pub fn clamp_times(&mut self, latest: Timestamp) {
        for node in &mut self.nodes {
            node.meta.mtime = node.meta.mtime.min(latest);
        }
    }

    /// Bytes in regular files, each hard-linked one once.
    #[must_use]
    pub fn content_bytes(&self) -> u64 {
        let ids: std::collections::HashSet<NodeId> = self.walk().into_iter().map(|visit| visit.id).collect();
        let sizes = ids.into_iter().map(|id| match &self.node(id).kind {
            Kind::File(content) => content.size(),
            _ => 0,
        });
        sizes.fold(0, u64::saturating_add)
    }
}

/// The parts of a path's directory, and its last part, `None` for the root.
type Split<'a> = (Vec<Vec<u8>>, Option<&'a [u8]>);

/// What to do where a path meets nothing.
#[derive(Clone, Copy)]
enum Missing {
    Make,
    Tell,
}
