//! A tree becomes a newc archive.
//!
//! Order: first directories, devices and further names of files, sorted by path; then large files, sorted too, each with
//! its name padded so that its data starts on a page boundary; last small files and symbolic links. Padding names is
//! legal newc: the name field's length counts it, and readers stop at the first NUL. Linux refuses name fields over 4096
//! bytes; where no large file's padding fits, a small entry goes between, and only without one is a file unaligned.
//!
//! Inode numbers count up in order of paths: the same tree gives the same bytes.

use super::{Output, Packed};
use crate::ALIGN_THRESHOLD;
use crate::content::Content;
use crate::error::RootfsError;
use crate::newc::{self, Header};
use crate::tree::{Kind, Node, NodeId, Tree, shown};
use std::collections::{HashMap, VecDeque};
use std::io::Write;

/// One name to be written.
struct Entry<'a> {
    name: Vec<u8>,
    header: Header,
    body: Body<'a>,
}

#[derive(Clone, Copy)]
enum Body<'a> {
    None,
    Target(&'a [u8]),
    File(&'a Content),
}

/// The entries of an archive in their order.
pub struct Plan<'a> {
    entries: Vec<Entry<'a>>,
    packed: Packed,
}

impl<'a> Plan<'a> {
    /// Lays out `tree`.
    ///
    /// # Errors
    /// Files of 4 GiB and more, paths too long, too many files.
    pub fn new(tree: &'a Tree) -> Result<Self, RootfsError> {
        let entries = list(tree)?;
        let names = entries.iter().filter(|entry| entry.name != b".").count();
        let mut plan =
            Self { packed: Packed { entries: names as u64, notes: lost(tree, &entries), ..Packed::default() }, entries: Vec::new() };
        let (mut large, mut small) = (VecDeque::new(), VecDeque::new());
        for entry in entries {
            match entry.body {
                Body::None => plan.place(entry, None)?,
                Body::File(content) if content.size() >= ALIGN_THRESHOLD => large.push_back(entry),
                Body::File(_) | Body::Target(_) => small.push_back(entry),
            }
        }
        while !large.is_empty() {
            let at = plan.packed.bytes;
            let fits = |entry: &Entry<'_>| newc::page_aligning_name_size(at, entry.name.len() as u64);
            let chosen = large.iter().position(|entry| fits(entry).is_some());
            if chosen.is_none()
                && let Some(filler) = small.pop_front()
            {
                plan.place(filler, None)?;
                continue;
            }
            let Some(entry) = large.remove(chosen.unwrap_or(0)) else { break };
            let name_size = fits(&entry);
            plan.packed.unaligned += u64::from(name_size.is_none());
            plan.place(entry, name_size)?;
        }
        for entry in small {
            plan.place(entry, None)?;
        }
        plan.packed.bytes += newc::HEADER_LEN + newc::TRAILER.len() as u64 + 1;
        plan.packed.bytes = newc::align4(plan.packed.bytes);
        Ok(plan)
    }

    /// Puts an entry behind the ones before; `name_size` when its name is padded.
    fn place(&mut self, mut entry: Entry<'a>, name_size: Option<u64>) -> Result<(), RootfsError> {
        let name_size = name_size.unwrap_or(entry.name.len() as u64 + 1);
        let field = u32::try_from(name_size).ok().filter(|_| name_size <= newc::NAME_FIELD_MAX);
        entry.header.name_size = field.ok_or_else(|| RootfsError::NameTooLong { path: shown(&entry.name) })?;
        let data = newc::align4(self.packed.bytes + newc::HEADER_LEN + name_size);
        self.packed.bytes = newc::align4(data + u64::from(entry.header.size));
        self.entries.push(entry);
        Ok(())
    }

    /// What it comes to.
    #[must_use]
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// Streams the archive.
    ///
    /// # Errors
    /// A file that cannot be read or has shrunk, or those of the output.
    pub fn write(&self, out: impl Write) -> Result<(), RootfsError> {
        let mut out = Output { inner: out, offset: 0 };
        for entry in &self.entries {
            self.header(&mut out, &entry.header, &entry.name)?;
            match entry.body {
                Body::None => {}
                Body::Target(target) => out.put(target)?,
                Body::File(content) => out.content(&entry.name, content)?,
            }
            let end = newc::align4(out.offset);
            out.fill_to(end)?;
        }
        self.header(&mut out, &Header { nlink: 1, name_size: 11, ..Header::default() }, newc::TRAILER)?;
        out.flush().map_err(RootfsError::Write)
    }

    fn header(&self, out: &mut Output<impl Write>, header: &Header, name: &[u8]) -> Result<(), RootfsError> {
        let end = newc::align4(out.offset + newc::HEADER_LEN + u64::from(header.name_size));
        out.put(&header.to_bytes())?;
        out.put(name)?;
        out.fill_to(end)
    }
}

/// All names in order of their paths. Of several names of one file, the last carries the data, as cpio does it.
fn list(tree: &Tree) -> Result<Vec<Entry<'_>>, RootfsError> {
    let counts = tree.link_counts();
    let mut names_left = counts.clone();
    let mut numbers: HashMap<NodeId, u32> = HashMap::new();
    let mut entries = Vec::new();
    for visit in tree.walk() {
        let node = tree.node(visit.id);
        let is_root = visit.path.is_empty();
        // Unless it says something, the root needs no entry.
        if is_root && (node.meta.mode, node.meta.uid, node.meta.gid) == (0o755, 0, 0) {
            continue;
        }
        let next = u32::try_from(entries.len()).ok().and_then(|number| number.checked_add(1)).ok_or(RootfsError::TooMany)?;
        let mut header = Header { ino: next, nlink: 1, ..header_of(node) };
        let name = if is_root { b".".to_vec() } else { visit.path };
        let body = match &node.kind {
            Kind::Directory(_) => {
                header.nlink = 2;
                Body::None
            }
            Kind::File(content) => {
                header.ino = *numbers.entry(visit.id).or_insert(next);
                header.nlink = counts.get(&visit.id).copied().unwrap_or(1);
                let left = names_left.entry(visit.id).or_insert(1);
                *left -= 1;
                if *left == 0 && content.size() > 0 {
                    let size = content.size();
                    header.size = u32::try_from(size).map_err(|_| RootfsError::TooLargeForCpio { path: shown(&name), size })?;
                    Body::File(content)
                } else {
                    Body::None
                }
            }
            Kind::Symlink(target) => {
                header.size = u32::try_from(target.len()).map_err(|_| RootfsError::NameTooLong { path: shown(target) })?;
                Body::Target(target)
            }
            Kind::CharDevice(device) | Kind::BlockDevice(device) => {
                header.rdev = (device.major, device.minor);
                Body::None
            }
            Kind::Fifo => Body::None,
        };
        entries.push(Entry { name, header, body });
    }
    Ok(entries)
}

fn header_of(node: &Node) -> Header {
    let meta = &node.meta;
    // The format's times begin in 1970 and end in 2106.
    let mtime = u32::try_from(meta.mtime.seconds.clamp(0, u32::MAX.into())).unwrap_or_default();
    Header { mode: u32::from(node.kind.mode_bits() | meta.mode), uid: meta.uid, gid: meta.gid, mtime, ..Header::default() }
}

/// What the format has no place for.
fn lost(tree: &Tree, entries: &[Entry<'_>]) -> Vec<String> {
    let mut with_xattrs = entries.iter().filter(|entry| {
        let path: &[u8] = if entry.name == b"." { b"" } else { &entry.name };
        tree.find(path).is_some_and(|id| !tree.node(id).meta.xattrs.is_empty())
    });
    let Some(first) = with_xattrs.next() else { return Vec::new() };
    let count = 1 + with_xattrs.count();
    vec![format!("{count} files have extended attributes, the first of them {}: cpio cannot hold these, EROFS can", shown(&first.name))]
}
