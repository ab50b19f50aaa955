//! A tree becomes an EROFS image.
//!
//! First all inodes, in order of paths, each with its attributes and, if it is small, its contents; then the contents of everything else, each from a block of its own on, so
//! that the guest maps them where they lie. Inodes are of the short kind where owner, size and time allow: the image's own time is the one that most inodes have. The same tree gives
//! the same bytes.

use super::{Output, Packed};
use crate::ALIGN_THRESHOLD;
use crate::erofs::{self, BLOCK, COMPACT_LEN, DIRENT_LEN, EXTENDED_LEN, SLOT, XATTR_ENTRY_LEN, XATTR_HEADER_LEN, layout};
use crate::error::RootfsError;
use crate::tree::{Device, Kind, Node, NodeId, Timestamp, Tree, shown};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

/// One inode.
struct Item<'a> {
    /// Its first path.
    path: Vec<u8>,
    id: NodeId,
    node: &'a Node,
    nlink: u32,
    size: u64,
    is_extended: bool,
    xattr_len: usize,
    layout: u16,
    /// Where it is, in bytes.
    at: u64,
    /// First block of what is not behind it.
    block: u32,
}

/// An image as it will be.
pub struct Plan<'a> {
    items: Vec<Item<'a>>,
    /// Place in `items` of each inode.
    index: HashMap<NodeId, usize>,
    /// The directory that each directory is in.
    parents: HashMap<NodeId, NodeId>,
    time: Timestamp,
    blocks: u32,
    packed: Packed,
}

impl<'a> Plan<'a> {
    /// Lays out `tree`.
    ///
    /// # Errors
    /// More than 16 TiB, attributes or device numbers that do not fit.
    pub fn new(tree: &'a Tree) -> Result<Self, RootfsError> {
        let counts = tree.link_counts();
        let time = usual_time(tree);
        let mut plan = Self {
            items: Vec::new(),
            index: HashMap::new(),
            parents: HashMap::from([(Tree::ROOT, Tree::ROOT)]),
            time,
            blocks: 0,
            packed: Packed::default(),
        };
        for visit in tree.walk() {
            plan.packed.entries += u64::from(!visit.path.is_empty());
            if plan.index.contains_key(&visit.id) {
                continue;
            }
            plan.index.insert(visit.id, plan.items.len());
            let node = tree.node(visit.id);
            let mut nlink = counts.get(&visit.id).copied().unwrap_or(1);
            if let Kind::Directory(entries) = &node.kind {
                nlink = 2;
                for child in entries.values().filter(|child| matches!(tree.node(**child).kind, Kind::Directory(_))) {
                    plan.parents.insert(*child, visit.id);
                    nlink += 1;
                }
            }
            let item = item(visit.path, visit.id, node, nlink, time)?;
            plan.items.push(item);
        }
        plan.place()?;
        Ok(plan)
    }

    /// Gives every inode and every block its place.
    fn place(&mut self) -> Result<(), RootfsError> {
        let mut at = erofs::SUPERBLOCK_AT + erofs::SUPERBLOCK_LEN;
        for item in &mut self.items {
            let head = item.len();
            let inline = item.inline_len();
            let crosses = |at: u64| at % BLOCK + if inline > 0 { head + inline } else { head.min(EXTENDED_LEN) } > BLOCK;
            at = at.next_multiple_of(SLOT);
            if crosses(at) {
                at = at.next_multiple_of(BLOCK);
            }
            item.at = at;
            at += head + inline;
        }
        let mut block = at.div_ceil(BLOCK);
        for item in &mut self.items {
            let count = item.block_bytes().div_ceil(BLOCK);
            let too_large = || RootfsError::TooLargeForErofs { path: shown(&item.path), what: "the image grows past 16 TiB".to_owned() };
            if count > 0 {
                item.block = u32::try_from(block).map_err(|_| too_large())?;
                block = block.checked_add(count).filter(|end| u32::try_from(*end).is_ok()).ok_or_else(too_large)?;
            }
        }
        self.blocks = u32::try_from(block).map_err(|_| RootfsError::TooMany)?;
        self.packed.bytes = block * BLOCK;
        Ok(())
    }

    /// What it comes to.
    #[must_use]
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// Streams the image.
    ///
    /// # Errors
    /// A file that cannot be read or has shrunk, or those of the output.
    pub fn write(&self, out: impl Write) -> Result<(), RootfsError> {
        let mut out = Output { inner: FirstBlock { inner: out, bytes: Some(Vec::new()) }, offset: 0 };
        out.fill_to(erofs::SUPERBLOCK_AT)?;
        out.put(&self.superblock())?;
        for item in &self.items {
            out.fill_to(item.at)?;
            out.put(&self.inode(item)?)?;
            out.put(&xattrs(item))?;
            if item.inline_len() > 0 {
                match &item.node.kind {
                    Kind::File(content) => out.content(&item.path, content)?,
                    Kind::Symlink(target) => out.put(target)?,
                    Kind::Directory(entries) => {
                        let records = self.directory(item.id, entries);
                        out.put(records.chunks(4096).next_back().unwrap_or_default())?;
                    }
                    _ => {}
                }
            }
        }
        for item in self.items.iter().filter(|item| item.block_bytes() > 0) {
            out.fill_to(u64::from(item.block) * BLOCK)?;
            match &item.node.kind {
                Kind::File(content) => out.content(&item.path, content)?,
                Kind::Symlink(target) => out.put(target)?,
                Kind::Directory(entries) => {
                    let records = self.directory(item.id, entries);
                    let len = usize::try_from(item.block_bytes()).unwrap_or(records.len());
                    out.put(records.get(..len).unwrap_or(&records))?;
                }
                _ => {}
            }
        }
        out.fill_to(self.packed.bytes)?;
        out.flush().map_err(RootfsError::Write)
    }

    fn superblock(&self) -> Vec<u8> {
        let mut sb = vec![0; 128];
        put(&mut sb, 0, &erofs::MAGIC.to_le_bytes());
        put(&mut sb, 8, &(erofs::COMPAT_CHECKSUM | erofs::COMPAT_MTIME).to_le_bytes());
        sb[12] = erofs::BLOCK_BITS;
        let root = (erofs::SUPERBLOCK_AT + erofs::SUPERBLOCK_LEN) / SLOT;
        put(&mut sb, 14, &u16::try_from(root).unwrap_or_default().to_le_bytes());
        put(&mut sb, 16, &(self.items.len() as u64).to_le_bytes());
        put(&mut sb, 24, &self.time.seconds.to_le_bytes());
        put(&mut sb, 32, &self.time.nanos.to_le_bytes());
        put(&mut sb, 36, &self.blocks.to_le_bytes());
        sb
    }

    fn inode(&self, item: &Item<'_>) -> Result<Vec<u8>, RootfsError> {
        let meta = &item.node.meta;
        let mode = item.node.kind.mode_bits() | meta.mode;
        let place = match &item.node.kind {
            Kind::CharDevice(device) | Kind::BlockDevice(device) => device_number(&item.path, *device)?,
            _ => item.block,
        };
        let number = self.index.get(&item.id).and_then(|index| u32::try_from(index + 1).ok()).ok_or(RootfsError::TooMany)?;
        let icount = if item.xattr_len == 0 { 0 } else { (item.xattr_len - XATTR_HEADER_LEN) / XATTR_ENTRY_LEN + 1 };
        let icount = u16::try_from(icount).map_err(|_| too_many_xattrs(&item.path))?;
        let mut out = vec![0; if item.is_extended { 64 } else { 32 }];
        put(&mut out, 0, &(item.layout << 1 | u16::from(item.is_extended)).to_le_bytes());
        put(&mut out, 2, &icount.to_le_bytes());
        put(&mut out, 4, &mode.to_le_bytes());
        put(&mut out, 16, &place.to_le_bytes());
        put(&mut out, 20, &number.to_le_bytes());
        if item.is_extended {
            put(&mut out, 8, &item.size.to_le_bytes());
            put(&mut out, 24, &meta.uid.to_le_bytes());
            put(&mut out, 28, &meta.gid.to_le_bytes());
            put(&mut out, 32, &meta.mtime.seconds.to_le_bytes());
            put(&mut out, 40, &meta.mtime.nanos.to_le_bytes());
            put(&mut out, 44, &item.nlink.to_le_bytes());
        } else {
            // Each of these fits, or the inode would be extended.
            put(&mut out, 6, &u16::try_from(item.nlink).unwrap_or_default().to_le_bytes());
            put(&mut out, 8, &u32::try_from(item.size).unwrap_or_default().to_le_bytes());
            put(&mut out, 24, &u16::try_from(meta.uid).unwrap_or_default().to_le_bytes());
            put(&mut out, 26, &u16::try_from(meta.gid).unwrap_or_default().to_le_bytes());
        }
        Ok(out)
    }

    /// A directory's blocks; the last one is as long as it has to be.
    fn directory(&self, id: NodeId, entries: &BTreeMap<Box<[u8]>, NodeId>) -> Vec<u8> {
        let parent = self.parents.get(&id).copied().unwrap_or(Tree::ROOT);
        let mut names: Vec<(&[u8], NodeId)> = entries.iter().map(|(name, id)| (&**name, *id)).collect();
        names.extend([(&b"."[..], id), (&b".."[..], parent)]);
        names.sort_unstable();
        let mut out: Vec<u8> = Vec::new();
        let mut rest = &names[..];
        for count in blocks_of(names.iter().map(|(name, _)| name.len())) {
            let (block, behind) = rest.split_at(count);
            rest = behind;
            out.resize(out.len().next_multiple_of(4096), 0);
            let mut name_at = DIRENT_LEN * count;
            for (name, id) in block {
                let item = self.index.get(id).and_then(|index| self.items.get(*index));
                out.extend_from_slice(&item.map_or(0, |item| item.at / SLOT).to_le_bytes());
                out.extend_from_slice(&u16::try_from(name_at).unwrap_or_default().to_le_bytes());
                out.extend_from_slice(&[item.map_or(0, Item::dirent_type), 0]);
                name_at += name.len();
            }
            for (name, _) in block {
                out.extend_from_slice(name);
            }
        }
        out
    }
}

/// How many entries go into each block of a directory.
fn blocks_of(name_lens: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut counts = Vec::new();
    let (mut count, mut used) = (0, 0);
    for len in name_lens {
        let len = DIRENT_LEN + len;
        if used + len > 4096 {
            counts.push(count);
            (count, used) = (0, 0);
        }
        count += 1;
        used += len;
    }
    counts.push(count);
    counts
}

/// Length of a directory in bytes.
fn directory_size(entries: &BTreeMap<Box<[u8]>, NodeId>) -> u64 {
    // The names of `.` and `..` sort among the others; where they stand changes what fits into which block.
    let mut lens: Vec<(&[u8], usize)> = entries.keys().map(|name| (&**name, name.len())).collect();
    lens.extend([(&b"."[..], 1), (&b".."[..], 2)]);
    lens.sort_unstable();
    let counts = blocks_of(lens.iter().map(|(_, len)| *len));
    let last = counts.last().copied().unwrap_or_default();
    let tail: usize = lens.iter().rev().take(last).map(|(_, len)| DIRENT_LEN + len).sum();
    (counts.len() as u64 - 1) * BLOCK + tail as u64
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn too_many_xattrs(path: &[u8]) -> RootfsError {
    RootfsError::TooLargeForErofs { path: shown(path), what: "its extended attributes take more than 256 KiB".to_owned() }
}

/// The time that most inodes have; of several, the latest.
fn usual_time(tree: &Tree) -> Timestamp {
    let mut counts: BTreeMap<Timestamp, u64> = BTreeMap::new();
    for visit in tree.walk() {
        *counts.entry(tree.node(visit.id).meta.mtime).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(time, _)| time).unwrap_or_default()
}

fn item(path: Vec<u8>, id: NodeId, node: &Node, nlink: u32, time: Timestamp) -> Result<Item<'_>, RootfsError> {
    let meta = &node.meta;
    let size = match &node.kind {
        Kind::Directory(entries) => directory_size(entries),
        Kind::File(content) => content.size(),
        Kind::Symlink(target) => target.len() as u64,
        _ => 0,
    };
    if i64::try_from(size).is_err() {
        return Err(RootfsError::TooLargeForErofs { path: shown(&path), what: format!("{size} bytes") });
    }
    let fits = |value: u32| u16::try_from(value).is_ok();
    let is_compact = fits(meta.uid) && fits(meta.gid) && fits(nlink) && u32::try_from(size).is_ok() && meta.mtime == time;
    let mut xattr_len = 0;
    if !meta.xattrs.is_empty() {
        xattr_len = XATTR_HEADER_LEN;
        for (name, value) in &meta.xattrs {
            let (_, suffix) = split_prefix(name).ok_or_else(|| {
                let what = format!("attribute {:?} has no prefix that EROFS knows", shown(name));
                RootfsError::TooLargeForErofs { path: shown(&path), what }
            })?;
            if u8::try_from(suffix.len()).is_err() || u16::try_from(value.len()).is_err() {
                return Err(too_many_xattrs(&path));
            }
            xattr_len += (XATTR_ENTRY_LEN + suffix.len() + value.len()).next_multiple_of(4);
        }
    }
    let mut item = Item { path, id, node, nlink, size, is_extended: !is_compact, xattr_len, layout: layout::PLAIN, at: 0, block: 0 };
    let tail = (size.max(1) - 1) % BLOCK + 1;
    let wants_inline = match &node.kind {
        Kind::File(_) => size < ALIGN_THRESHOLD,
        Kind::Symlink(_) | Kind::Directory(_) => true,
        _ => false,
    };
    if wants_inline && size > 0 && item.len() + tail <= BLOCK {
        item.layout = layout::INLINE;
    }
    Ok(item)
}

impl Item<'_> {
    /// Length of the inode with its attributes, in bytes.
    fn len(&self) -> u64 {
        (if self.is_extended { EXTENDED_LEN } else { COMPACT_LEN }) + self.xattr_len as u64
    }

    /// Bytes of contents that follow it.
    fn inline_len(&self) -> u64 {
        if self.layout == layout::INLINE { (self.size - 1) % BLOCK + 1 } else { 0 }
    }

    /// Bytes of contents in blocks.
    fn block_bytes(&self) -> u64 {
        self.size - self.inline_len()
    }

    fn dirent_type(&self) -> u8 {
        match self.node.kind {
            Kind::File(_) => 1,
            Kind::Directory(_) => 2,
            Kind::CharDevice(_) => 3,
            Kind::BlockDevice(_) => 4,
            Kind::Fifo => 5,
            Kind::Symlink(_) => 7,
        }
    }
}

/// The number of an attribute name's prefix, and the rest of it.
fn split_prefix(name: &[u8]) -> Option<(u8, &[u8])> {
    erofs::XATTR_PREFIXES.iter().find_map(|(number, prefix)| Some((*number, name.strip_prefix(*prefix)?)))
}

fn xattrs(item: &Item<'_>) -> Vec<u8> {
    if item.xattr_len == 0 {
        return Vec::new();
    }
    let mut out = vec![0; XATTR_HEADER_LEN];
    for (name, value) in &item.node.meta.xattrs {
        // Whether they fit was asked when the inode was laid out.
        let Some((index, suffix)) = split_prefix(name) else { continue };
        out.extend_from_slice(&[u8::try_from(suffix.len()).unwrap_or_default(), index]);
        out.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_le_bytes());
        out.extend_from_slice(suffix);
        out.extend_from_slice(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// `new_encode_dev` of Linux.
fn device_number(path: &[u8], device: Device) -> Result<u32, RootfsError> {
    let Device { major, minor } = device;
    if major > 0xfff || minor > 0xf_ffff {
        let what = format!("device number {major}:{minor}");
        return Err(RootfsError::TooLargeForErofs { path: shown(path), what });
    }
    Ok(minor & 0xff | major << 8 | (minor & !0xff) << 12)
}

/// Holds back the first block until it is complete, and puts its checksum in.
struct FirstBlock<W> {
    inner: W,
    bytes: Option<Vec<u8>>,
}

impl<W: Write> Write for FirstBlock<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let Some(bytes) = &mut self.bytes else { return self.inner.write(buffer) };
        let taken = buffer.len().min(4096 - bytes.len());
        bytes.extend_from_slice(&buffer[..taken]);
        if bytes.len() == 4096 {
            let sum = erofs::checksum(&bytes[1024..]);
            put(bytes, 1028, &sum.to_le_bytes());
            self.inner.write_all(bytes)?;
            self.bytes = None;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
