//! Layers as files, and the mount points that a runtime makes.

use super::job::Rights;
use crate::tree::layer::{self, Change, Step, Whiteouts};
use crate::tree::{Data, Entry, Node, path};
use rustix::fs::{self as sys, AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, makedev};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes a process unpack the archive that is its standard input.
pub(super) const ROLE: &str = "unpack";

fn absolute(name: &[u8]) -> PathBuf {
    Path::new("/").join(OsStr::from_bytes(name))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// Owner, permissions, attributes, time; in this order, since a change of owner takes bits away.
fn dress(path: &Path, entry: &Entry, rights: Rights) -> io::Result<()> {
    if rights != Rights::Single {
        sys::chownat(CWD, path, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    if !matches!(entry.node, Node::Symlink(_)) {
        fs::set_permissions(path, fs::Permissions::from_mode(entry.mode))?;
    }
    for (name, value) in &entry.xattrs {
        let set = sys::lsetxattr(path, OsStr::from_bytes(name), value, XattrFlags::empty());
        // A user may not set all of them. They stay in the layer's archive all the same.
        if rights == Rights::Root {
            set?;
        }
    }
    let time = Timespec { tv_sec: i64::try_from(entry.mtime_s).unwrap_or(0), tv_nsec: 0 };
    sys::utimensat(CWD, path, &Timestamps { last_access: time, last_modification: time }, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

fn put(path: &Path, entry: &Entry, rights: Rights, archive: &mut File) -> io::Result<()> {
    let there = fs::symlink_metadata(path);
    if !(entry.is_directory() && there.is_ok_and(|found| found.is_dir())) {
        remove(path)?;
    }
    let mode = Mode::from_raw_mode(entry.mode);
    let device = |kind, major, minor| match sys::mknodat(CWD, path, kind, mode, makedev(major, minor)) {
        // No device without root's rights; a command gets /dev from the runtime anyhow.
        Err(rustix::io::Errno::PERM) if rights != Rights::Root => Ok(false),
        other => other.map(|()| true).map_err(io::Error::from),
    };
    let made = match &entry.node {
        Node::Directory => match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => true,
            other => other.map(|()| true)?,
        },
        Node::Symlink(target) => symlink(OsStr::from_bytes(target), path).map(|()| true)?,
        Node::Fifo => sys::mknodat(CWD, path, FileType::Fifo, mode, 0).map(|()| true)?,
        Node::Character(major, minor) => device(FileType::CharacterDevice, *major, *minor)?,
        Node::Block(major, minor) => device(FileType::BlockDevice, *major, *minor)?,
        Node::File { data: Data::Archive { offset, .. }, size, .. } => {
            archive.seek(SeekFrom::Start(*offset))?;
            let copied = io::copy(&mut io::Read::take(&*archive, *size), &mut File::create_new(path)?)?;
            if copied != *size {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            true
        }
        Node::File { .. } => false,
    };
    if made { dress(path, entry, rights) } else { Ok(()) }
}

fn apply(rights: Rights, mut archive: File) -> io::Result<()> {
    let mut steps = Vec::new();
    {
        let here = Arc::new(PathBuf::new());
        let mut reader = tar::Archive::new(archive.try_clone()?);
        let data = |entry: &mut tar::Entry<'_, File>| Ok(Data::Archive { path: Arc::clone(&here), offset: entry.raw_file_position() });
        layer::read(reader.entries_with_seek()?, Whiteouts::Understood, data, |name, step| {
            steps.push((name, step));
            Ok(())
        })?;
    }
    for (name, step) in &steps {
        if matches!(step, Step::Change(Change::Clear)) {
            for item in fs::read_dir(absolute(name)).into_iter().flatten() {
                remove(&item?.path())?;
            }
        }
    }
    let mut directories = Vec::new();
    for (name, step) in &steps {
        let path = absolute(name);
        let done = (|| {
            match step {
                Step::Change(Change::Clear) => return Ok(()),
                Step::Change(Change::Remove) => return remove(&path),
                _ => {}
            }
            if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
                fs::create_dir_all(parent)?;
            }
            match step {
                Step::Change(Change::Put(entry)) => {
                    if entry.is_directory() {
                        directories.push((path.clone(), entry));
                    }
                    put(&path, entry, rights, &mut archive)
                }
                Step::Link(target) => {
                    remove(&path)?;
                    fs::hard_link(absolute(target), &path)
                }
                Step::Change(_) => Ok(()),
            }
        })();
        done.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path::show(name))))?;
    }
    // What was put into a directory changed its time.
    directories.iter().rev().filter(|(path, _)| path.is_dir()).try_for_each(|(path, entry)| dress(path, entry, rights))
}

/// Unpacks standard input into a directory, which is all that this process sees from then on.
pub(super) fn main(rights: &str, root: &str) -> io::Result<()> {
    let rights = [Rights::Root, Rights::Subordinate, Rights::Single]
        .into_iter()
        .find(|known| known.directory() == rights)
        .ok_or(io::ErrorKind::InvalidInput)?;
    let archive = File::from(rustix::io::dup(io::stdin())?);
    rustix::process::umask(Mode::empty());
    rustix::process::chroot(root)?;
    std::env::set_current_dir("/")?;
    apply(rights, archive)
}

/// Mount points that are not in the image: the runtime makes them, and they are no part of the result.
pub(super) struct Stubs(Vec<PathBuf>);

impl Stubs {
    /// Looks which of the targets, and which directories above them, are not there.
    pub(super) fn before(root: &Path, targets: &[String]) -> Self {
        let mut missing = Vec::new();
        for target in targets {
            let relative = Path::new(target.trim_start_matches('/'));
            for part in relative.ancestors().filter(|part| !part.as_os_str().is_empty()) {
                // Links may lead anywhere, so only what is plainly missing counts.
                let plain = part.ancestors().skip(1).all(|above| !root.join(above).is_symlink());
                if plain && fs::symlink_metadata(root.join(part)).is_err() {
                    missing.push(root.join(part));
                }
            }
        }
        missing.sort();
        missing.dedup();
        Self(missing)
    }

    /// Removes those that are still empty, deepest first.
    pub(super) fn remove(&self) {
        for path in self.0.iter().rev() {
            match fs::symlink_metadata(path) {
                // A directory that is not empty stays: the command put something there.
                Ok(found) if found.is_dir() => drop(fs::remove_dir(path)),
                Ok(found) if found.is_file() && found.len() == 0 => drop(fs::remove_file(path)),
                _ => {}
            }
        }
    }
}
