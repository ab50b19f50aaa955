//! Putting entries into the file system.

use crate::header::Entry;
use crate::{LoadError, Reason};
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::FileType;
use ramfs::{Contents, Meta, RamInode, Ramfs};
use sortedmap::SortedMap;
use uapi::Errno;
use vfs::{Inode, make_dev};

const TRAILER: &[u8] = b"TRAILER!!!";
const PATH_MAX: usize = 4095;
const NAME_MAX: usize = 255;
/// Symbolic links followed on the way to one parent directory.
const MAX_LINKS: usize = 8;

/// What was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries of all kinds.
    pub entries: usize,
    /// Bytes in regular files.
    pub bytes: u64,
}

/// Puts everything in `archive` into `fs`. What is there already is replaced (files) or kept with new metadata (directories); missing parent
/// directories are made. On an error `fs` holds what came before it.
pub fn load(archive: &'static [u8], fs: &Ramfs) -> Result<Summary, LoadError> {
    let mut loader = Loader { top: fs.top().clone(), recent: None, links: SortedMap::new(), summary: Summary::default() };
    let mut offset = 0;
    let mut ended = false;
    loop {
        // NULs may follow a trailer, and only there; headers are at multiples of four.
        if ended {
            offset += archive[offset..].iter().take_while(|b| **b == 0).count();
            if offset == archive.len() {
                return Ok(loader.summary);
            }
        }
        let fail = |reason| LoadError { offset, reason };
        let entry = Entry::parse(archive, offset).map_err(fail)?;
        ended = entry.name == TRAILER;
        if ended {
            loader.links.clear();
        } else {
            loader.add(&entry).map_err(fail)?;
        }
        offset = entry.end.min(archive.len());
        if !ended && offset == archive.len() {
            return Err(LoadError { offset, reason: Reason::Truncated });
        }
    }
}

struct Loader {
    top: Arc<RamInode>,
    /// The directory that the last entry was in: archives list a directory's entries one after the other.
    recent: Option<(&'static [u8], Arc<RamInode>)>,
    /// Inodes with several names, by device and number.
    links: SortedMap<(u32, u32, u32), Arc<RamInode>>,
    summary: Summary,
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".")
}

impl Loader {
    fn add(&mut self, entry: &Entry) -> Result<(), Reason> {
        if entry.name.is_empty() || entry.name.len() > PATH_MAX {
            return Err(Reason::BadName);
        }
        for part in parts(entry.name) {
            if part == b".." {
                return Err(Reason::DotDot);
            }
            if part.len() > NAME_MAX {
                return Err(Reason::LongComponent);
            }
        }
        let meta = Meta { mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime_ns: i64::from(entry.mtime) * 1_000_000_000, nlink: 1 };
        let (dir_path, name) = split_last(entry.name);
        if name.is_empty() {
            self.top.set_meta(&meta);
            return Ok(());
        }
        let contents = contents(entry)?;
        let dir = self.directory(dir_path)?;
        self.summary.entries += 1;
        if let Contents::File(bytes) = contents {
            self.summary.bytes += bytes.len() as u64;
            if entry.nlink > 1 {
                return self.add_linked(&dir, name, &meta, entry, bytes);
            }
        }
        match dir.insert(name, &meta, contents) {
            Ok(_) => Ok(()),
            Err(Errno::EEXIST) => replace(&dir, name, &meta, contents),
            Err(_) => Err(Reason::ParentNotDirectory),
        }
    }

    /// One of several names of a file; any of them, usually the last, brings the contents.
    fn add_linked(
        &mut self,
        dir: &Arc<RamInode>,
        name: &'static [u8],
        meta: &Meta,
        entry: &Entry,
        bytes: &'static [u8],
    ) -> Result<(), Reason> {
        let key = (entry.dev.0, entry.dev.1, entry.ino);
        let Some(first) = self.links.get(&key) else {
            make_room(dir, name)?;
            let inode = dir.insert(name, meta, Contents::File(bytes)).map_err(|_| Reason::ParentNotDirectory)?;
            self.links.insert(key, inode);
            return Ok(());
        };
        if !bytes.is_empty() {
            first.set_contents(bytes).map_err(|_| Reason::BadType)?;
        }
        let same = dir.get(name).is_some_and(|there| Arc::ptr_eq(&there, first));
        if !same {
            make_room(dir, name)?;
            dir.insert_link(name, first).map_err(|_| Reason::ParentNotDirectory)?;
        }
        Ok(())
    }

    /// The directory at `path` (without `..`), made if missing. Symbolic links on the way are followed inside the tree.
    fn directory(&mut self, path: &'static [u8]) -> Result<Arc<RamInode>, Reason> {
        if let Some((recent, dir)) = &self.recent
            && *recent == path
        {
            return Ok(dir.clone());
        }
        let mut trail: Vec<Arc<RamInode>> = alloc::vec![self.top.clone()];
        let mut links = 0;
        for part in parts(path) {
            self.step(&mut trail, part, Some(part), &mut links)?;
        }
        let dir = trail.pop().unwrap_or_else(|| self.top.clone());
        self.recent = Some((path, dir.clone()));
        Ok(dir)
    }

    /// Goes from the last directory of `trail` to its entry `part`; makes it when `make` has the name as part of the archive.
    fn step(&self, trail: &mut Vec<Arc<RamInode>>, part: &[u8], make: Option<&'static [u8]>, links: &mut usize) -> Result<(), Reason> {
        if part == b".." {
            if trail.len() > 1 {
                trail.pop();
            }
            return Ok(());
        }
        let here = trail.last().unwrap_or(&self.top).clone();
        let next = match (here.get(part), make) {
            (Some(next), _) => next,
            (None, Some(name)) => {
                let meta = Meta { mode: 0o755, ..Meta::default() };
                here.insert(name, &meta, Contents::Directory).map_err(|_| Reason::ParentNotDirectory)?
            }
            (None, None) => return Err(Reason::ParentNotDirectory),
        };
        match next.kind() {
            FileType::Directory => trail.push(next),
            FileType::Symlink => {
                *links += 1;
                if *links > MAX_LINKS {
                    return Err(Reason::ParentNotDirectory);
                }
                let target = next.read_link().map_err(|_| Reason::ParentNotDirectory)?;
                if target.starts_with(b"/") {
                    trail.truncate(1);
                }
                for part in parts(&target) {
                    self.step(trail, part, None, links)?;
                }
            }
            _ => return Err(Reason::ParentNotDirectory),
        }
        Ok(())
    }
}

/// The path of the directory and the last part, which is empty for `/` and `.`.
fn split_last(path: &'static [u8]) -> (&'static [u8], &'static [u8]) {
    let mut path = path;
    while let Some(shorter) = path.strip_suffix(b"/").or_else(|| path.strip_suffix(b"/.")) {
        path = shorter;
    }
    let (dir, name) = match path.iter().rposition(|b| *b == b'/') {
        Some(slash) => path.split_at(slash + 1),
        None => (&path[..0], path),
    };
    if name == b"." { (dir, &[]) } else { (dir, name) }
}

fn contents(entry: &Entry) -> Result<Contents, Reason> {
    let rdev = || make_dev(entry.rdev.0, entry.rdev.1);
    Ok(match FileType::from_mode(entry.mode) {
        Some(FileType::Regular) => Contents::File(entry.data),
        Some(FileType::Directory) => Contents::Directory,
        Some(FileType::Symlink) => {
            let end = entry.data.iter().position(|b| *b == 0).unwrap_or(entry.data.len());
            let target = &entry.data[..end];
            if target.is_empty() || target.len() > PATH_MAX {
                return Err(Reason::BadTarget);
            }
            Contents::Symlink(target)
        }
        Some(kind @ (FileType::CharDevice | FileType::BlockDevice)) => Contents::Node(kind, rdev()),
        Some(kind @ (FileType::Fifo | FileType::Socket)) => Contents::Node(kind, 0),
        Some(FileType::Anonymous) | None => return Err(Reason::BadType),
    })
}

/// Takes away what `name` is now, if that is no directory with something in it.
fn make_room(dir: &Arc<RamInode>, name: &[u8]) -> Result<(), Reason> {
    let Some(there) = dir.get(name) else { return Ok(()) };
    if there.holds_entries() {
        return Err(Reason::ReplacesDirectory);
    }
    dir.discard(name).map_err(|_| Reason::ParentNotDirectory)
}

fn replace(dir: &Arc<RamInode>, name: &'static [u8], meta: &Meta, contents: Contents) -> Result<(), Reason> {
    if let (Contents::Directory, Some(there)) = (contents, dir.get(name))
        && there.kind() == FileType::Directory
    {
        there.set_meta(meta);
        return Ok(());
    }
    make_room(dir, name)?;
    dir.insert(name, meta, contents).map(drop).map_err(|_| Reason::ParentNotDirectory)
}
