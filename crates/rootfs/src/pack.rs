//! A directory becomes an archive.
//!
//! Order: first directories, devices and further names of files, sorted by path; then large files, sorted too, each with
//! its name padded so that its data starts on a page boundary; last small files and symbolic links. Padding names is
//! legal newc: the name field's length counts it, and readers stop at the first NUL. Linux refuses name fields over 4096
//! bytes; where no large file's padding fits, a small entry goes between, and only without one is a file unaligned.
//!
//! Owners become 0:0, times [`PackOptions::mtime`], inode numbers count up: the same tree gives the same bytes.

use crate::ALIGN_THRESHOLD;
use crate::error::PackError;
use crate::newc::{self, Complete, CopyError, Header, Writer};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::{self, File, Metadata};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How to pack.
#[derive(Clone, Copy, Debug, Default)]
pub struct PackOptions {
    /// Time of every entry, seconds since 1970.
    pub mtime: u32,
}

impl PackOptions {
    /// Time from `SOURCE_DATE_EPOCH` (given as its value), else 0.
    ///
    /// # Errors
    /// [`PackError::BadEpoch`] when it is set to something else than a number.
    pub fn from_epoch(value: Option<&str>) -> Result<Self, PackError> {
        let mtime = match value {
            None | Some("") => 0,
            Some(text) => text.parse().map_err(|_| PackError::BadEpoch(text.to_owned()))?,
        };
        Ok(Self { mtime })
    }
}

/// What was packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Entries, without the trailer.
    pub entries: u64,
    /// Size of the archive in bytes.
    pub bytes: u64,
    /// Large files whose data does not start on a page boundary.
    pub unaligned: u64,
    /// Sockets, which mean nothing in an archive and were left out.
    pub skipped: Vec<PathBuf>,
}

/// One name to be written.
struct Entry {
    /// Relative to the packed directory, no leading `/`.
    name: Vec<u8>,
    path: PathBuf,
    header: Header,
    body: Body,
    /// Device and inode on the host, for files with several names.
    identity: Option<(u64, u64)>,
}

enum Body {
    None,
    Target(Vec<u8>),
    File,
}

/// Packs the contents of `root` into `out`. Files are streamed; only the list of names is held in memory.
///
/// # Errors
/// [`PackError`], naming the file.
pub fn pack_directory(root: &Path, out: impl Write, options: PackOptions) -> Result<Packed, PackError> {
    let mut packed = Packed::default();
    let mut entries = Vec::new();
    collect(root, root, &mut entries, &mut packed.skipped)?;
    write(entries, packed, out, options)
}

/// A root file system put together from single files of the host.
#[derive(Clone, Debug, Default)]
pub struct FileSet {
    /// By path in the guest, without leading `/`.
    files: BTreeMap<PathBuf, Item>,
}

#[derive(Clone, Debug)]
enum Item {
    Directory,
    /// Contents from this file of the host.
    File(PathBuf),
    /// Symbolic link to this.
    Link(PathBuf),
}

impl FileSet {
    /// Adds a file under an absolute path of the guest; the directories above it come by themselves. Symbolic links on
    /// the host are followed.
    pub fn add_file(&mut self, guest: &Path, host: &Path) {
        let guest = guest.strip_prefix("/").unwrap_or(guest);
        if let Some(parent) = guest.parent() {
            self.add_directory(parent);
        }
        self.files.insert(guest.to_owned(), Item::File(host.to_owned()));
    }

    /// Adds a symbolic link under an absolute path of the guest.
    pub fn add_link(&mut self, guest: &Path, target: &Path) {
        let guest = guest.strip_prefix("/").unwrap_or(guest);
        if let Some(parent) = guest.parent() {
            self.add_directory(parent);
        }
        self.files.insert(guest.to_owned(), Item::Link(target.to_owned()));
    }

    /// Adds a directory and those above it.
    pub fn add_directory(&mut self, guest: &Path) {
        let guest = guest.strip_prefix("/").unwrap_or(guest);
        for directory in guest.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            self.files.entry(directory.to_owned()).or_insert(Item::Directory);
        }
    }

    /// Whether a file is there already.
    #[must_use]
    pub fn contains(&self, guest: &Path) -> bool {
        self.files.contains_key(guest.strip_prefix("/").unwrap_or(guest))
    }

    /// Packs it into `out`.
    ///
    /// # Errors
    /// [`PackError`], naming the file.
    pub fn pack(&self, out: impl Write, options: PackOptions) -> Result<Packed, PackError> {
        let mut entries = Vec::new();
        for (guest, item) in &self.files {
            let name = guest.as_os_str().as_bytes().to_vec();
            let made = |name, mode, nlink, size, body| {
                let header = Header { mode, nlink, size, ..Header::default() };
                Entry { name, path: guest.clone(), header, body, identity: None }
            };
            entries.push(match item {
                Item::File(host) => {
                    let metadata = fs::metadata(host).map_err(|source| PackError::Read { path: host.clone(), source })?;
                    Entry { identity: None, ..entry(name, host.clone(), &metadata)? }
                }
                Item::Link(target) => {
                    let target = target.as_os_str().as_bytes().to_vec();
                    let size = size_field(guest, target.len() as u64)?;
                    made(name, newc::SYMLINK | 0o777, 1, size, Body::Target(target))
                }
                Item::Directory => {
                    // A directory that everyone may write to is the one thing a lone program expects: `/tmp`.
                    let mode = newc::DIRECTORY | if guest == Path::new("tmp") { 0o1777 } else { 0o755 };
                    made(name, mode, 2, 0, Body::None)
                }
            });
        }
        write(entries, Packed::default(), out, options)
    }
}

fn write(mut entries: Vec<Entry>, mut packed: Packed, out: impl Write, options: PackOptions) -> Result<Packed, PackError> {
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    number(&mut entries, options)?;
    packed.entries = entries.len() as u64;

    let mut writer = Writer::new(out);
    let (mut large, mut small) = (VecDeque::new(), VecDeque::new());
    for entry in entries {
        match entry.body {
            Body::File if u64::from(entry.header.size) >= ALIGN_THRESHOLD => large.push_back(entry),
            Body::File | Body::Target(_) if entry.identity.is_none() => small.push_back(entry),
            _ => write_entry(&mut writer, &entry, entry.name.len() as u64 + 1)?,
        }
    }
    while !large.is_empty() {
        let at = writer.offset();
        let fits = |entry: &Entry| newc::page_aligning_name_size(at, entry.name.len() as u64);
        let chosen = large.iter().position(|entry| fits(entry).is_some());
        if chosen.is_none()
            && let Some(filler) = small.pop_front()
        {
            write_entry(&mut writer, &filler, filler.name.len() as u64 + 1)?;
            continue;
        }
        let Some(entry) = large.remove(chosen.unwrap_or(0)) else { break };
        let name_size = fits(&entry).unwrap_or_else(|| {
            packed.unaligned += 1;
            entry.name.len() as u64 + 1
        });
        write_entry(&mut writer, &entry, name_size)?;
    }
    for entry in &small {
        write_entry(&mut writer, entry, entry.name.len() as u64 + 1)?;
    }
    packed.bytes = writer.finish().map_err(PackError::Write)?;
    Ok(packed)
}

/// Lists everything below `directory`.
fn collect(root: &Path, directory: &Path, out: &mut Vec<Entry>, skipped: &mut Vec<PathBuf>) -> Result<(), PackError> {
    let read = |source| PackError::Read { path: directory.to_owned(), source };
    for item in fs::read_dir(directory).map_err(read)? {
        let path = item.map_err(read)?.path();
        let metadata = fs::symlink_metadata(&path).map_err(|source| PackError::Read { path: path.clone(), source })?;
        let name = path.strip_prefix(root).unwrap_or(&path).as_os_str().as_bytes().to_vec();
        if name.len() as u64 + 1 > newc::NAME_FIELD_MAX {
            return Err(PackError::NameTooLong { path: path.strip_prefix(root).unwrap_or(&path).to_owned() });
        }
        if metadata.mode() & newc::TYPE_MASK == newc::SOCKET {
            skipped.push(path);
            continue;
        }
        let is_directory = metadata.is_dir();
        out.push(entry(name, path.clone(), &metadata)?);
        if is_directory {
            collect(root, &path, out, skipped)?;
        }
    }
    Ok(())
}

fn entry(name: Vec<u8>, path: PathBuf, metadata: &Metadata) -> Result<Entry, PackError> {
    let mut header = Header { mode: metadata.mode(), nlink: 1, ..Header::default() };
    let body = match metadata.mode() & newc::TYPE_MASK {
        newc::SYMLINK => {
            let target = fs::read_link(&path).map_err(|source| PackError::Read { path: path.clone(), source })?;
            let target = target.as_os_str().as_bytes().to_vec();
            header.size = size_field(&path, target.len() as u64)?;
            Body::Target(target)
        }
        newc::REGULAR => {
            header.size = size_field(&path, metadata.len())?;
            Body::File
        }
        newc::DIRECTORY => {
            header.nlink = 2;
            Body::None
        }
        newc::CHAR_DEVICE | newc::BLOCK_DEVICE => {
            header.rdev = split_device(metadata.rdev());
            Body::None
        }
        _ => Body::None,
    };
    // Files with several names are told apart by where they live on the host.
    let identity = (metadata.nlink() > 1 && matches!(body, Body::File)).then(|| (metadata.dev(), metadata.ino()));
    Ok(Entry { name, path, header, body, identity })
}

fn size_field(path: &Path, size: u64) -> Result<u32, PackError> {
    u32::try_from(size).map_err(|_| PackError::TooLarge { path: path.to_owned(), size })
}

/// Linux's user-space `dev_t` as (major, minor), as in `sysmacros.h`.
fn split_device(device: u64) -> (u32, u32) {
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    (u32::try_from(major).unwrap_or_default(), u32::try_from(minor).unwrap_or_default())
}

/// Numbers the inodes in order of names. Of several names of one file, the last carries the data, as cpio does it.
fn number(entries: &mut [Entry], options: PackOptions) -> Result<(), PackError> {
    let mut names_of: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
    for (index, entry) in entries.iter_mut().enumerate() {
        let ino = u32::try_from(index).ok().and_then(|ino| ino.checked_add(1)).ok_or(PackError::TooMany)?;
        entry.header.ino = ino;
        entry.header.mtime = options.mtime;
        if let Some(identity) = entry.identity {
            names_of.entry(identity).or_default().push(index);
        }
    }
    for names in names_of.into_values().filter(|names| names.len() > 1) {
        let Some((&last, &first)) = names.last().zip(names.first()) else { continue };
        let ino = entries.get(first).map_or(0, |entry| entry.header.ino);
        let nlink = u32::try_from(names.len()).map_err(|_| PackError::TooMany)?;
        for index in names {
            let Some(entry) = entries.get_mut(index) else { continue };
            entry.header.ino = ino;
            entry.header.nlink = nlink;
            if index != last {
                entry.header.size = 0;
                entry.body = Body::None;
            }
        }
    }
    Ok(())
}

fn write_entry<W: Write>(writer: &mut Writer<W>, entry: &Entry, name_size: u64) -> Result<(), PackError> {
    let name_size = u32::try_from(name_size).map_err(|_| PackError::NameTooLong { path: entry.path.clone() })?;
    let header = Header { name_size, ..entry.header };
    writer.header(&header, &entry.name).map_err(PackError::Write)?;
    let size = u64::from(entry.header.size);
    let copied = match &entry.body {
        Body::None => return Ok(()),
        Body::Target(target) => writer.data(&mut target.as_slice(), size),
        Body::File if size == 0 => return Ok(()),
        Body::File => {
            let mut file = File::open(&entry.path).map_err(|source| PackError::Read { path: entry.path.clone(), source })?;
            writer.data(&mut file, size)
        }
    };
    match copied {
        Ok(Complete::Yes) => Ok(()),
        Ok(Complete::No) => Err(PackError::Changed { path: entry.path.clone() }),
        Err(CopyError::Input(source)) => Err(PackError::Read { path: entry.path.clone(), source }),
        Err(CopyError::Output(source)) => Err(PackError::Write(source)),
    }
}
