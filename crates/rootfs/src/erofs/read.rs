//! Reading an image that someone else made. Nothing in it is trusted.

use super::{BLOCK, BLOCK_BITS, COMPACT_LEN, DIRENT_LEN, EXTENDED_LEN, SLOT, SUPERBLOCK_AT, XATTR_ENTRY_LEN, XATTR_HEADER_LEN, layout};
use crate::content::{Content, Extent};
use crate::error::{EntryError, Problem};
use crate::tree::{Device, Kind, Meta, NodeId, Timestamp, Tree, shown};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What an image says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Length of the image in bytes.
    pub bytes: u64,
    /// How many inodes are in it.
    pub inodes: u64,
    /// Whether files may be in another form than one after the other: compressed, which nobody here reads, or in chunks, which the guest does not. mkfs.erofs says so of
    /// every image it makes; only [`read`] tells then.
    pub may_have_more: bool,
}

/// An image and what was found out about it.
#[derive(Debug)]
pub struct Image {
    /// Everything in it.
    pub tree: Tree,
    /// Length of the image in bytes, as its superblock has it.
    pub bytes: u64,
    /// Names in it.
    pub entries: u64,
    /// Why the guest cannot mount it as it is, though it can be read here; `None` when it can.
    pub obstacle: Option<&'static str>,
}

/// Looks at the superblock alone, which takes no time however large the image is. What is wrong further inside, the guest finds where it meets it.
///
/// # Errors
/// No image, one that is cut off, or one that uses what is not supported.
pub fn probe(image: &Arc<File>) -> Result<Superblock, EntryError> {
    let fail = |problem| EntryError { offset: SUPERBLOCK_AT, name: None, problem };
    let reader = Reader::open(image).map_err(fail)?;
    if reader.bytes > reader.len {
        return Err(fail(Problem::Truncated("the image is shorter than it says")));
    }
    Ok(Superblock { bytes: reader.bytes, inodes: reader.inodes, may_have_more: reader.may_have_more })
}

/// Reads an image without compression: its directories and metadata; contents stay where they are.
///
/// # Errors
/// The first thing wrong, with its place.
pub fn read(image: &Arc<File>) -> Result<Image, EntryError> {
    let mut at = SUPERBLOCK_AT;
    let mut name = None;
    let mut reader = Reader::open(image).map_err(|problem| EntryError { offset: at, name: None, problem })?;
    reader.all(&mut at, &mut name).map_err(|problem| EntryError { offset: at, name: name.as_deref().map(shown), problem })?;
    if reader.acls > 0 {
        reader.tree.notes.push(format!("{} files have access control lists, which are left out", reader.acls));
    }
    Ok(Image { tree: reader.tree, bytes: reader.bytes, entries: reader.entries, obstacle: reader.obstacle })
}

struct Reader<'a> {
    image: &'a Arc<File>,
    len: u64,
    /// Where inode numbers count from, in bytes.
    inodes_at: u64,
    shared_xattrs_at: u64,
    build_time: Timestamp,
    root: u64,
    bytes: u64,
    inodes: u64,
    may_have_more: bool,
    tree: Tree,
    entries: u64,
    acls: u64,
    obstacle: Option<&'static str>,
    /// Inodes with several names.
    links: HashMap<u64, NodeId>,
    /// Bytes of directories read so far; more than the image has means that directories share blocks.
    directory_bytes: u64,
}

/// A little-endian number at `at`.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

struct Inode {
    at: u64,
    layout: u16,
    /// Where what follows the inode and its attributes is.
    inline_at: u64,
    mode: u16,
    nlink: u32,
    size: u64,
    /// A block's number, a device's, or a chunk format.
    place: u32,
    meta: Meta,
}

fn damaged<T>(what: &'static str) -> Result<T, Problem> {
    Err(Problem::ErofsDamaged(what))
}

impl<'a> Reader<'a> {
    fn open(image: &'a Arc<File>) -> Result<Self, Problem> {
        let len = image.metadata()?.len();
        let mut block = vec![0; 4096];
        let got = len.min(BLOCK);
        block.truncate(usize::try_from(got).unwrap_or_default());
        if got < SUPERBLOCK_AT + super::SUPERBLOCK_LEN {
            return Err(Problem::Truncated("no room for a superblock"));
        }
        image.read_exact_at(&mut block, 0)?;
        let sb = &block[1024..];
        if u32_at(sb, 0) != super::MAGIC {
            return damaged("no superblock");
        }
        if sb[12] != BLOCK_BITS {
            return Err(Problem::ErofsFeature("blocks of another size than 4096 bytes".to_owned()));
        }
        let unknown = u32_at(sb, 80) & !(super::INCOMPAT_ZERO_PADDING | super::INCOMPAT_CHUNKED);
        if unknown != 0 {
            return Err(Problem::ErofsFeature(format!("features {unknown:#x} (compression, several devices or newer ones)")));
        }
        if u32_at(sb, 8) & super::COMPAT_CHECKSUM != 0 {
            let mut copy = sb.to_vec();
            copy[4..8].fill(0);
            if super::checksum(&copy) != u32_at(sb, 4) {
                return damaged("the superblock's checksum does not match");
            }
        }
        Ok(Self {
            image,
            len,
            inodes_at: u64::from(u32_at(sb, 40)) * BLOCK,
            shared_xattrs_at: u64::from(u32_at(sb, 44)) * BLOCK,
            build_time: Timestamp { seconds: u64_at(sb, 24).cast_signed(), nanos: u32_at(sb, 32).min(999_999_999) },
            root: u16_at(sb, 14).into(),
            bytes: u64::from(u32_at(sb, 36)) * BLOCK,
            inodes: u64_at(sb, 16),
            may_have_more: u32_at(sb, 80) != 0,
            tree: Tree::default(),
            entries: 0,
            acls: 0,
            obstacle: None,
            links: HashMap::new(),
            directory_bytes: 0,
        })
    }

    fn get(&self, at: u64, len: usize) -> Result<Vec<u8>, Problem> {
        if at.checked_add(len as u64).is_none_or(|end| end > self.len) {
            return Err(Problem::Truncated("the image is shorter than it says"));
        }
        let mut bytes = vec![0; len];
        self.image.read_exact_at(&mut bytes, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Problem::Truncated("the image got shorter"),
            _ => error.into(),
        })?;
        Ok(bytes)
    }

    fn inode(&mut self, number: u64) -> Result<Inode, Problem> {
        let at = number.checked_mul(SLOT).and_then(|at| at.checked_add(self.inodes_at));
        let at = at.ok_or(Problem::ErofsDamaged("an inode number that is too large"))?;
        let head = self.get(at, 32)?;
        let format = u16_at(&head, 0);
        if format & !0xf != 0 {
            return Err(Problem::ErofsFeature(format!("inode format {format:#x}")));
        }
        let icount = usize::from(u16_at(&head, 2));
        let xattr_len = if icount == 0 { 0 } else { XATTR_HEADER_LEN + XATTR_ENTRY_LEN * (icount - 1) };
        let mode = u16_at(&head, 4);
        let (len, nlink, size, uid, gid, mtime);
        if format & 1 == 0 {
            len = COMPACT_LEN;
            (nlink, size) = (u32::from(u16_at(&head, 6)), u64::from(u32_at(&head, 8)));
            (uid, gid) = (u16_at(&head, 24).into(), u16_at(&head, 26).into());
            mtime = self.build_time;
        } else {
            let more = self.get(at + 32, 32)?;
            len = EXTENDED_LEN;
            (nlink, size) = (u32_at(&more, 12), u64_at(&head, 8));
            (uid, gid) = (u32_at(&head, 24), u32_at(&head, 28));
            mtime = Timestamp { seconds: u64_at(&more, 0).cast_signed(), nanos: u32_at(&more, 8).min(999_999_999) };
        }
        if i64::try_from(size).is_err() {
            return damaged("a size that no file can have");
        }
        let xattrs = self.xattrs(at + len, xattr_len)?;
        Ok(Inode {
            at,
            layout: format >> 1 & 7,
            inline_at: at + len + xattr_len as u64,
            mode,
            nlink,
            size,
            place: u32_at(&head, 16),
            meta: Meta { mode: mode & 0o7777, uid, gid, mtime, xattrs },
        })
    }

    /// Attributes: capabilities and the user's, as from every source.
    fn xattrs(&mut self, at: u64, len: usize) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Problem> {
        let mut out = BTreeMap::new();
        if len == 0 {
            return Ok(out);
        }
        let bytes = self.get(at, len)?;
        let shared = usize::from(bytes[4]);
        let mut next = XATTR_HEADER_LEN + 4 * shared;
        if next > len {
            return damaged("more shared attributes than there is room for");
        }
        let mut has_acl = false;
        for index in 0..shared {
            let place = self.shared_xattrs_at + 4 * u64::from(u32_at(&bytes, XATTR_HEADER_LEN + 4 * index));
            let head = self.get(place, XATTR_ENTRY_LEN)?;
            let size = XATTR_ENTRY_LEN + usize::from(head[0]) + usize::from(u16_at(&head, 2));
            has_acl |= keep(&self.get(place, size)?, &mut out)?;
        }
        while next + XATTR_ENTRY_LEN <= len {
            let head = &bytes[next..];
            let size = XATTR_ENTRY_LEN + usize::from(head[0]) + usize::from(u16_at(head, 2));
            let Some(entry) = head.get(..size) else { return damaged("an attribute that is longer than its room") };
            has_acl |= keep(entry, &mut out)?;
            next += size.next_multiple_of(4);
        }
        self.acls += u64::from(has_acl);
        Ok(out)
    }

    /// The stretches of the image that an inode's contents are in.
    fn extents(&mut self, inode: &Inode) -> Result<Vec<Extent>, Problem> {
        let size = inode.size;
        if size == 0 {
            return Ok(Vec::new());
        }
        let blocks_at = u64::from(inode.place) * BLOCK;
        let extents = match inode.layout {
            layout::PLAIN => vec![Extent { at: 0, from: blocks_at, len: size }],
            layout::INLINE => {
                let head = (size - 1) / BLOCK * BLOCK;
                if inode.inline_at % BLOCK + (size - head) > BLOCK {
                    return damaged("contents behind an inode that reach into the next block");
                }
                let tail = Extent { at: head, from: inode.inline_at, len: size - head };
                if head == 0 { vec![tail] } else { vec![Extent { at: 0, from: blocks_at, len: head }, tail] }
            }
            layout::CHUNKED => self.chunks(inode)?,
            _ => return Err(Problem::ErofsFeature("compressed files".to_owned())),
        };
        if extents.iter().any(|extent| extent.from.checked_add(extent.len).is_none_or(|end| end > self.len)) {
            return Err(Problem::Truncated("contents that end behind the image"));
        }
        Ok(extents)
    }

    fn chunks(&mut self, inode: &Inode) -> Result<Vec<Extent>, Problem> {
        self.obstacle = Some("it has files in chunks");
        let format = inode.place & 0xffff;
        let (bits, has_indexes) = (format & 0x1f, format & 0x20 != 0);
        if format & !0x3f != 0 {
            return Err(Problem::ErofsFeature(format!("chunk format {format:#x}")));
        }
        let chunk = BLOCK << bits;
        let record: u64 = if has_indexes { 8 } else { 4 };
        let count = inode.size.div_ceil(chunk);
        let map_at = inode.inline_at.next_multiple_of(record);
        if count > self.len / record {
            return Err(Problem::Truncated("a map of chunks that ends behind the image"));
        }
        let map = self.get(map_at, usize::try_from(count * record).map_err(|_| Problem::ErofsDamaged("a map too large"))?)?;
        let mut out: Vec<Extent> = Vec::new();
        for (index, entry) in map.chunks_exact(usize::try_from(record).unwrap_or(8)).enumerate() {
            if has_indexes && u16_at(entry, 2) != 0 {
                return Err(Problem::ErofsFeature("several devices".to_owned()));
            }
            let block = u32_at(entry, entry.len() - 4);
            let at = index as u64 * chunk;
            if block != u32::MAX {
                out.push(Extent { at, from: u64::from(block) * BLOCK, len: chunk.min(inode.size - at) });
            }
        }
        Ok(out)
    }

    fn all(&mut self, at: &mut u64, name: &mut Option<Vec<u8>>) -> Result<(), Problem> {
        let root = self.inode(self.root)?;
        if u32::from(root.mode) & crate::newc::TYPE_MASK != crate::newc::DIRECTORY {
            return Err(Problem::RootNotDirectory);
        }
        let mut seen = HashSet::from([self.root]);
        self.tree.insert(b"", root.meta.clone(), Kind::directory())?;
        let mut todo = vec![(Vec::new(), root)];
        while let Some((path, directory)) = todo.pop() {
            *at = directory.at;
            *name = Some(path.clone());
            for (child, number) in self.directory(&directory)? {
                let inside = if path.is_empty() { child } else { [&path, &b"/"[..], &child].concat() };
                *name = Some(inside.clone());
                if self.tree.find(&inside).is_some() {
                    return damaged("a name that is in its directory twice");
                }
                self.entries += 1;
                if let Some(id) = self.links.get(&number) {
                    self.tree.link_node(&inside, *id)?;
                    continue;
                }
                let inode = self.inode(number)?;
                *at = inode.at;
                let kind = self.kind(&inode)?;
                let is_directory = matches!(kind, Kind::Directory(_));
                let id = self.tree.insert(&inside, inode.meta.clone(), kind)?;
                if is_directory {
                    if !seen.insert(number) {
                        return damaged("a directory that is in two places");
                    }
                    todo.push((inside, inode));
                } else if inode.nlink != 1 {
                    self.links.insert(number, id);
                }
            }
        }
        Ok(())
    }

    fn kind(&mut self, inode: &Inode) -> Result<Kind, Problem> {
        // `new_encode_dev` of Linux: 12 bits major between 8 and 12 bits of minor.
        let device = || Device { major: inode.place >> 8 & 0xfff, minor: inode.place & 0xff | inode.place >> 12 & 0xf_ff00 };
        Ok(match u32::from(inode.mode) & crate::newc::TYPE_MASK {
            crate::newc::DIRECTORY => Kind::directory(),
            crate::newc::REGULAR => {
                let extents = self.extents(inode)?;
                Kind::File(Content::Extents { archive: self.image.clone(), extents: extents.into(), size: inode.size })
            }
            crate::newc::SYMLINK => {
                if inode.size > crate::PATH_MAX as u64 {
                    return Err(Problem::BadSymlink(inode.size));
                }
                Kind::Symlink(self.contents(inode)?.into())
            }
            crate::newc::CHAR_DEVICE => Kind::CharDevice(device()),
            crate::newc::BLOCK_DEVICE => Kind::BlockDevice(device()),
            crate::newc::FIFO => Kind::Fifo,
            _ => return Err(Problem::BadMode(inode.mode.into())),
        })
    }

    fn contents(&mut self, inode: &Inode) -> Result<Vec<u8>, Problem> {
        let extents = self.extents(inode)?;
        let mut out = vec![0; usize::try_from(inode.size).map_err(|_| Problem::ErofsDamaged("contents too large"))?];
        for extent in extents {
            let (from, len) = (usize::try_from(extent.at).unwrap_or(usize::MAX), usize::try_from(extent.len).unwrap_or(usize::MAX));
            out[from..from + len].copy_from_slice(&self.get(extent.from, len)?);
        }
        Ok(out)
    }

    /// A directory's names and inode numbers, without `.` and `..`.
    fn directory(&mut self, inode: &Inode) -> Result<Vec<(Vec<u8>, u64)>, Problem> {
        self.directory_bytes = self.directory_bytes.saturating_add(inode.size);
        if self.directory_bytes > self.len {
            return damaged("directories that are larger than the image");
        }
        let mut out = Vec::new();
        let mut last: Option<Vec<u8>> = None;
        for block in self.contents(inode)?.chunks(4096) {
            let first = block.get(8..10).map_or(0, |bytes| usize::from(u16_at(bytes, 0)));
            if first < DIRENT_LEN || first % DIRENT_LEN != 0 || first > block.len() {
                return damaged("a directory's block that does not begin with an entry");
            }
            let count = first / DIRENT_LEN;
            for index in 0..count {
                let record = &block[index * DIRENT_LEN..];
                let start = usize::from(u16_at(record, 8));
                let end = if index + 1 < count { usize::from(u16_at(record, DIRENT_LEN + 8)) } else { block.len() };
                let Some(name) = block.get(start..end).filter(|_| start >= first) else { return damaged("a name outside its block") };
                let name = if index + 1 < count { name } else { name.split(|b| *b == 0).next().unwrap_or_default() };
                if name.is_empty() || name.len() > crate::NAME_MAX || name.contains(&0) || name.contains(&b'/') {
                    return damaged("a name that no file can have");
                }
                if last.as_deref().is_some_and(|last| last >= name) {
                    self.obstacle = Some("it has a directory that is not sorted");
                }
                last = Some(name.to_vec());
                if name != b"." && name != b".." {
                    out.push((name.to_vec(), u64_at(record, 0)));
                }
            }
        }
        Ok(out)
    }
}

/// Takes over one attribute, if it is of those that we keep. Returns whether it is an access control list.
fn keep(entry: &[u8], out: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> Result<bool, Problem> {
    let (name_len, index) = (usize::from(entry[0]), entry[1]);
    let Some((_, prefix)) = super::XATTR_PREFIXES.iter().find(|(number, _)| *number == index) else {
        return Err(Problem::ErofsFeature(format!("attributes with prefix number {index}")));
    };
    let (name, value) = entry[XATTR_ENTRY_LEN..].split_at(name_len);
    let name = [prefix, name].concat();
    if name == b"security.capability" || (index == 1 && name.len() <= 255 && !name.contains(&0)) {
        out.insert(name, value.to_vec());
    }
    Ok(matches!(index, 2 | 3))
}
