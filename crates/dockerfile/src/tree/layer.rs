//! Layer archives: reading them into a tree, writing them so that the same entries give the same bytes.
//!
//! Source: OCI image specification, layer.md (whiteouts), and POSIX pax for what the old header cannot hold.

use super::{Data, Entry, Last, Node, Tree, path};
use pith_image::{Algorithm, Digest, Hasher};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tar::{EntryType, Header};

/// In front of a name: the name below is gone.
const WHITEOUT: &[u8] = b".wh.";
/// In a directory: everything below is gone.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// In front of an extended attribute's name among pax records.
const XATTR: &str = "SCHILY.xattr.";

/// One change that a layer makes.
#[derive(Clone, Debug)]
pub enum Change {
    /// This is here now.
    Put(Entry),
    /// This is gone.
    Remove,
    /// What was below this directory is gone. Among [`Changes`] it has the name that [`opaque`] gives.
    Clear,
}

/// The name under which a directory's [`Change::Clear`] stands beside its [`Change::Put`].
#[must_use]
pub fn opaque(directory: &[u8]) -> Vec<u8> {
    path::join(directory, OPAQUE)
}

/// A layer's changes by name.
pub type Changes = BTreeMap<Vec<u8>, Change>;

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// What one entry of an archive is.
#[derive(Clone, Debug)]
pub enum Step {
    /// A change.
    Change(Change),
    /// Another name of this one.
    Link(Vec<u8>),
}

/// What names like `.wh.x` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whiteouts {
    /// That something is gone: the archive is a layer.
    Understood,
    /// Nothing: the archive is any archive.
    Ordinary,
}

/// Calls `each` with every entry of an archive; `data` says where a file's bytes are.
///
/// # Errors
/// No valid archive, or what `each` says.
pub fn read<R: Read>(
    entries: tar::Entries<'_, R>,
    whiteouts: Whiteouts,
    mut data: impl FnMut(&mut tar::Entry<'_, R>) -> io::Result<Data>,
    mut each: impl FnMut(Vec<u8>, Step) -> io::Result<()>,
) -> io::Result<()> {
    for entry in entries {
        let mut entry = entry?;
        let name = path::clean(&entry.path_bytes());
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            continue;
        }
        let (base, parent) = (path::base(&name), path::parent(&name).unwrap_or_default());
        let layer = whiteouts == Whiteouts::Understood;
        if layer && base == OPAQUE {
            each(parent.to_vec(), Step::Change(Change::Clear))?;
            continue;
        }
        if let Some(gone) = base.strip_prefix(WHITEOUT).filter(|_| layer) {
            each(path::join(parent, gone), Step::Change(Change::Remove))?;
            continue;
        }
        let mut xattrs = BTreeMap::new();
        if let Some(extensions) = entry.pax_extensions()? {
            for extension in extensions.flatten() {
                if let Some(name) = extension.key().ok().and_then(|key| key.strip_prefix(XATTR)) {
                    xattrs.insert(name.as_bytes().to_vec(), extension.value_bytes().to_vec());
                }
            }
        }
        let id = |value: u64| u32::try_from(value).map_err(|_| invalid(format!("{}: owner {value} is out of range", path::show(&name))));
        let (uid, gid) = (id(entry.header().uid()?)?, id(entry.header().gid()?)?);
        let device = |field: io::Result<Option<u32>>| field.map(Option::unwrap_or_default);
        let link = || {
            entry
                .link_name_bytes()
                .map(|bytes| bytes.into_owned())
                .ok_or_else(|| invalid(format!("{}: a link to nothing", path::show(&name))))
        };
        let node = match kind {
            EntryType::Directory => Node::Directory,
            EntryType::Symlink => Node::Symlink(link()?),
            EntryType::Link => {
                let target = link()?;
                each(name, Step::Link(path::clean(&target)))?;
                continue;
            }
            EntryType::Fifo => Node::Fifo,
            EntryType::Char => Node::Character(device(entry.header().device_major())?, device(entry.header().device_minor())?),
            EntryType::Block => Node::Block(device(entry.header().device_major())?, device(entry.header().device_minor())?),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                if kind == EntryType::GNUSparse {
                    return Err(invalid(format!("{}: sparse files in GNU format are not supported in layers", path::show(&name))));
                }
                Node::File { size: entry.size(), data: data(&mut entry)?, inode: 0 }
            }
            other => return Err(invalid(format!("{}: unknown kind of entry {other:?}", path::show(&name)))),
        };
        let header = entry.header();
        let (mode, mtime_s) = (header.mode()? & 0o7777, header.mtime().unwrap_or(0));
        each(name, Step::Change(Change::Put(Entry { node, mode, uid, gid, mtime_s, xattrs })))?;
    }
    Ok(())
}

impl Tree {
    /// Applies an uncompressed layer.
    ///
    /// # Errors
    /// The archive cannot be read or is none.
    pub fn apply(&mut self, archive: &Path) -> io::Result<()> {
        let shared = Arc::new(archive.to_owned());
        let mut reader = tar::Archive::new(File::open(archive)?);
        let data = |entry: &mut tar::Entry<'_, _>| Ok(Data::Archive { path: Arc::clone(&shared), offset: entry.raw_file_position() });
        let mut steps = Vec::new();
        read(reader.entries_with_seek()?, Whiteouts::Understood, data, |name, step| {
            // What a directory loses, it loses before it gets anything, wherever the archive says so.
            if matches!(step, Step::Change(Change::Clear)) {
                return self.change(&name, step);
            }
            steps.push((name, step));
            Ok(())
        })?;
        steps.into_iter().try_for_each(|(name, step)| self.change(&name, step))
    }

    /// Applies one change. Parents that are links lead where they point.
    pub(crate) fn change(&mut self, name: &[u8], what: Step) -> io::Result<()> {
        let name = match path::parent(name) {
            None => Vec::new(),
            Some(parent) => {
                let parent = self.resolve(parent, Last::Follow).ok_or_else(|| invalid(format!("{}: too many links", path::show(name))))?;
                path::join(&parent, path::base(name))
            }
        };
        match what {
            Step::Change(Change::Remove) => self.remove(&name),
            Step::Change(Change::Clear) => self.remove_below(&name),
            Step::Change(Change::Put(mut entry)) => {
                if let Node::File { inode, .. } = &mut entry.node {
                    // Numbers of another tree or archive mean nothing here unless they were given out here.
                    if *inode == 0 {
                        *inode = self.new_inode();
                    }
                }
                self.insert(&name, entry);
            }
            Step::Link(target) => {
                let found = self.resolve(&target, Last::Keep).and_then(|target| self.get(&target).cloned());
                let entry = found
                    .ok_or_else(|| invalid(format!("{}: a hard link to {}, which is not there", path::show(&name), path::show(&target))))?;
                self.insert(&name, entry);
            }
        }
        Ok(())
    }
}

/// Bytes of a file whose length was promised: a file that changed meanwhile is an error.
fn copy_exactly(mut from: impl Read, into: &mut impl Write, size: u64, name: &[u8]) -> io::Result<()> {
    let copied = io::copy(&mut from.by_ref().take(size), into)?;
    if copied != size {
        return Err(invalid(format!("{}: the file changed while it was being copied", path::show(name))));
    }
    let padding = (512 - size % 512) % 512;
    into.write_all([0; 512].get(..usize::try_from(padding).unwrap_or(0)).unwrap_or_default())
}

struct Counted<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A layer that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Digest of the archive.
    pub digest: Digest,
    /// Its length.
    pub size: u64,
}

/// A pax record: its own length, in decimal, is part of it.
fn pax_record(key: &str, value: &[u8], into: &mut Vec<u8>) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length = length.to_string().len() + rest;
    }
    into.extend_from_slice(format!("{length} {key}=").as_bytes());
    into.extend_from_slice(value);
    into.push(b'\n');
}

fn put(field: &mut [u8], text: &[u8]) -> bool {
    let fits = text.len() <= field.len();
    for (to, from) in field.iter_mut().zip(text) {
        *to = *from;
    }
    fits
}

fn write_entry(out: &mut impl Write, name: &[u8], entry: Option<&Entry>, link: Option<&[u8]>, latest_s: Option<u64>) -> io::Result<()> {
    let mut header = Header::new_ustar();
    let mut pax = Vec::new();
    let mut name = name.to_vec();
    if entry.is_some_and(Entry::is_directory) {
        name.push(b'/');
    }
    let (mut kind, mut size) = (EntryType::Regular, 0);
    let mut target: &[u8] = link.unwrap_or_default();
    if link.is_some() {
        kind = EntryType::Link;
    } else if let Some(entry) = entry {
        match &entry.node {
            Node::Directory => kind = EntryType::Directory,
            Node::File { size: bytes, .. } => size = *bytes,
            Node::Symlink(text) => (kind, target) = (EntryType::Symlink, text),
            Node::Fifo => kind = EntryType::Fifo,
            Node::Character(major, minor) | Node::Block(major, minor) => {
                kind = if matches!(entry.node, Node::Block(..)) { EntryType::Block } else { EntryType::Char };
                header.set_device_major(*major)?;
                header.set_device_minor(*minor)?;
            }
        }
    }
    if let Some(ustar) = header.as_ustar_mut() {
        if !put(&mut ustar.name, &name) {
            pax_record("path", &name, &mut pax);
        }
        if !put(&mut ustar.linkname, target) {
            pax_record("linkpath", target, &mut pax);
        }
    }
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(entry.map_or(0, |entry| entry.mode));
    header.set_uid(entry.map_or(0, |entry| entry.uid.into()));
    header.set_gid(entry.map_or(0, |entry| entry.gid.into()));
    let time = entry.map_or(0, |entry| entry.mtime_s);
    header.set_mtime(latest_s.map_or(time, |latest| time.min(latest)));
    header.set_cksum();
    if link.is_none() {
        for (key, value) in entry.iter().flat_map(|entry| &entry.xattrs) {
            pax_record(&format!("{XATTR}{}", String::from_utf8_lossy(key)), value, &mut pax);
        }
    }
    if !pax.is_empty() {
        let mut extended = Header::new_ustar();
        if let Some(ustar) = extended.as_ustar_mut() {
            put(&mut ustar.name, b"././@PaxHeader");
        }
        extended.set_entry_type(EntryType::XHeader);
        extended.set_size(pax.len() as u64);
        extended.set_mode(0o644);
        extended.set_cksum();
        out.write_all(extended.as_bytes())?;
        copy_exactly(pax.as_slice(), out, pax.len() as u64, &name)?;
    }
    out.write_all(header.as_bytes())?;
    match entry {
        Some(entry) if link.is_none() && size > 0 => copy_exactly(entry.open()?, out, size, &name),
        _ => Ok(()),
    }
}

/// Writes a layer, names in order. Files with the same number are hard links. Times later than `latest_s` become that.
///
/// # Errors
/// Reading the files or writing the archive.
pub fn write(into: &PathBuf, changes: &Changes, latest_s: Option<u64>) -> io::Result<Written> {
    let mut out =
        Counted { inner: BufWriter::with_capacity(256 << 10, File::create(into)?), hasher: Hasher::new(Algorithm::Sha256), size: 0 };
    let mut first: BTreeMap<u64, &[u8]> = BTreeMap::new();
    for (name, change) in changes {
        let (parent, base) = (path::parent(name).unwrap_or_default(), path::base(name));
        match change {
            Change::Remove => write_entry(&mut out, &path::join(parent, &[WHITEOUT, base].concat()), None, None, latest_s)?,
            Change::Clear => write_entry(&mut out, name, None, None, latest_s)?,
            Change::Put(_) if name.is_empty() => {}
            Change::Put(entry) => {
                let mut link = None;
                if let Node::File { inode, .. } = &entry.node {
                    match first.get(inode) {
                        Some(earlier) if *inode != 0 => link = Some(*earlier),
                        _ => drop(first.insert(*inode, name)),
                    }
                }
                write_entry(&mut out, name, Some(entry), link, latest_s)?;
            }
        }
    }
    out.write_all(&[0; 1024])?;
    out.flush()?;
    let Counted { inner, hasher, size } = out;
    inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(Written { digest: hasher.finish(), size })
}
