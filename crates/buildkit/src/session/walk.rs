//! What is in a directory, as fsutil tells it.

use bollard_buildkit_proto::fsutil::types::Stat;
use pith_dockerfile::tree::ignore::Ignore;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Go's bits for kinds of files and for special permissions (`io/fs.FileMode`).
mod mode {
    pub(super) const DIRECTORY: u32 = 1 << 31;
    pub(super) const SYMLINK: u32 = 1 << 27;
    pub(super) const DEVICE: u32 = 1 << 26;
    pub(super) const FIFO: u32 = 1 << 25;
    pub(super) const SET_UID: u32 = 1 << 23;
    pub(super) const SET_GID: u32 = 1 << 22;
    pub(super) const CHARACTER: u32 = 1 << 21;
    pub(super) const STICKY: u32 = 1 << 20;
}

/// What of a directory is wanted.
pub(crate) enum Selection {
    /// These files, where they are.
    Files(Vec<OsString>),
    /// What is not left out, and fits what is asked for.
    Patterns {
        /// `.dockerignore`.
        exclude: Ignore,
        /// What the builder needs; no rule means everything.
        include: Ignore,
    },
}

/// Something in the directory.
pub(crate) struct Entry {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What is told about it.
    pub(crate) stat: Stat,
}

impl Selection {
    fn wants(&self, name: &str) -> bool {
        match self {
            Self::Files(files) => files.iter().any(|file| file.as_bytes() == name.as_bytes()),
            Self::Patterns { exclude, include } => {
                !exclude.ignores(name.as_bytes()) && (include.is_empty() || include.ignores(name.as_bytes()))
            }
        }
    }

    /// Whether something below a directory that is not wanted itself may be.
    fn descends(&self) -> bool {
        match self {
            Self::Files(_) => false,
            Self::Patterns { exclude, include } => !include.is_empty() || exclude.has_exceptions(),
        }
    }
}

/// Everything that is wanted, directories before what is in them, names in the order of their bytes.
pub(crate) fn walk(root: &Path, selection: &Selection) -> Result<Vec<Entry>, String> {
    let mut walker = Walker { selection, entries: Vec::new(), links: HashMap::new() };
    walker.directory(root, "")?;
    Ok(walker.entries)
}

struct Walker<'s> {
    selection: &'s Selection,
    entries: Vec<Entry>,
    /// The first name of each file that has several.
    links: HashMap<(u64, u64), String>,
}

impl Walker<'_> {
    fn directory(&mut self, directory: &Path, prefix: &str) -> Result<(), String> {
        let problem = |error: io::Error| format!("{}: {error}", directory.display());
        let mut names = fs::read_dir(directory)
            .map_err(problem)?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(problem)?;
        names.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
        for name in names {
            let path = directory.join(&name);
            let Some(name) = name.to_str() else {
                return Err(format!("{}: a name that is not UTF-8 cannot be sent to a builder", path.display()));
            };
            self.entry(path, if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") })?;
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, name: String) -> Result<(), String> {
        let wanted = self.selection.wants(&name);
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            // It was there a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        if metadata.is_dir() {
            if !wanted && !self.selection.descends() {
                return Ok(());
            }
            let at = self.entries.len();
            let stat = self.stat(&path, &name, &metadata)?;
            self.entries.push(Entry { path: path.clone(), stat });
            self.directory(&path, &name)?;
            // A directory that was entered just to look is told only for what is in it.
            if !wanted && self.entries.len() == at + 1 {
                self.entries.pop();
            }
        } else if wanted && !metadata.file_type().is_socket() {
            let stat = self.stat(&path, &name, &metadata)?;
            self.entries.push(Entry { path, stat });
        }
        Ok(())
    }

    fn stat(&mut self, path: &Path, name: &str, metadata: &Metadata) -> Result<Stat, String> {
        let kind = metadata.file_type();
        let mut stat = Stat { path: name.to_owned(), mode: go_mode(metadata), ..Stat::default() };
        stat.mod_time = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        if kind.is_symlink() {
            let target = fs::read_link(path).map_err(|error| format!("{}: {error}", path.display()))?;
            target.to_str().unwrap_or_default().clone_into(&mut stat.linkname);
        } else if kind.is_file() {
            stat.size = i64::try_from(metadata.len()).unwrap_or(i64::MAX);
            if metadata.nlink() > 1 {
                match self.links.get(&(metadata.dev(), metadata.ino())) {
                    // With its size: a builder that finds another one than its own takes the name for changed.
                    Some(first) => stat.linkname.clone_from(first),
                    None => drop(self.links.insert((metadata.dev(), metadata.ino()), name.to_owned())),
                }
            }
        } else if kind.is_block_device() || kind.is_char_device() {
            let device = metadata.rdev();
            // Linux's encoding of device numbers (makedev(3)).
            let major = ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff);
            let minor = (device & 0xff) | ((device >> 12) & !0xff);
            stat.devmajor = i64::try_from(major).unwrap_or_default();
            stat.devminor = i64::try_from(minor & 0xffff_ffff).unwrap_or_default();
        }
        Ok(stat)
    }
}

/// Permissions and kind in Go's way. The owner is root, as Docker has it for every context.
fn go_mode(metadata: &Metadata) -> u32 {
    let kind = metadata.file_type();
    let kinds = [
        (kind.is_dir(), mode::DIRECTORY),
        (kind.is_symlink(), mode::SYMLINK),
        (kind.is_fifo(), mode::FIFO),
        (kind.is_block_device(), mode::DEVICE),
        (kind.is_char_device(), mode::DEVICE | mode::CHARACTER),
        (metadata.mode() & 0o4000 != 0, mode::SET_UID),
        (metadata.mode() & 0o2000 != 0, mode::SET_GID),
        (metadata.mode() & 0o1000 != 0, mode::STICKY),
    ];
    kinds.iter().filter(|(is, _)| *is).fold(metadata.mode() & 0o777, |mode, (_, bit)| mode | bit)
}
