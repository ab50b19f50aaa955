//! Files, as in `std::fs`; paths are text. The tree is the root file system that the machine was given, in memory: what is written is gone with the machine.

use crate::io::{Error, Read, Result, SeekFrom, Write};
use crate::time::SystemTime;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::{File as Opened, FileType as Kind, OpenFlags, SliceSink, Stat};
use machine::application::surroundings;
use uapi::Errno;
use uapi::general::{O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use vfs::{Context, Follow, OpenHow, RenameKind};

fn tree() -> &'static Context {
    &surroundings().files
}

/// How to open a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
}

impl OpenOptions {
    /// For nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// To read.
    #[must_use]
    pub fn read(self, is_on: bool) -> Self {
        Self { read: is_on, ..self }
    }
    /// To write.
    #[must_use]
    pub fn write(self, is_on: bool) -> Self {
        Self { write: is_on, ..self }
    }
    /// To write at its end.
    #[must_use]
    pub fn append(self, is_on: bool) -> Self {
        Self { append: is_on, ..self }
    }
    /// Emptied first.
    #[must_use]
    pub fn truncate(self, is_on: bool) -> Self {
        Self { truncate: is_on, ..self }
    }
    /// Made if it is not there.
    #[must_use]
    pub fn create(self, is_on: bool) -> Self {
        Self { create: is_on, ..self }
    }
    /// Made; an error if it is there.
    #[must_use]
    pub fn create_new(self, is_on: bool) -> Self {
        Self { create_new: is_on, ..self }
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// As open(2); EINVAL for neither reading nor writing.
    pub fn open(self, path: impl AsRef<str>) -> Result<File> {
        let writes = self.write || self.append;
        let mut flags = match (self.read, writes) {
            (true, true) => O_RDWR,
            (true, false) => O_RDONLY,
            (false, true) => O_WRONLY,
            (false, false) => return Err(Errno::EINVAL.into()),
        };
        for (is_on, flag) in
            [(self.append, O_APPEND), (self.truncate, O_TRUNC), (self.create, O_CREAT), (self.create_new, O_CREAT | O_EXCL)]
        {
            flags |= if is_on { flag } else { 0 };
        }
        let how = OpenHow::new(flags, 0o666);
        let file = tree().open(None, path.as_ref().as_bytes(), &how)?;
        Ok(File { file, how })
    }
}

/// An open file.
pub struct File {
    file: Arc<dyn Opened>,
    how: OpenHow,
}

impl File {
    /// Opens a file to read it.
    ///
    /// # Errors
    /// As open(2).
    pub fn open(path: impl AsRef<str>) -> Result<Self> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens an empty file to write it, made or emptied.
    ///
    /// # Errors
    /// As open(2).
    pub fn create(path: impl AsRef<str>) -> Result<Self> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    fn readable(&self) -> Result<&Arc<dyn Opened>> {
        if self.how.access().readable() { Ok(&self.file) } else { Err(Errno::EBADF.into()) }
    }

    fn writable(&self) -> Result<&Arc<dyn Opened>> {
        if self.how.access().writable() { Ok(&self.file) } else { Err(Errno::EBADF.into()) }
    }

    /// Reads at `offset`; where the file is does not change.
    ///
    /// # Errors
    /// As pread(2).
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        Ok(self.readable()?.read_at(&mut SliceSink::new(buf), offset)?)
    }

    /// Writes at `offset`; where the file is does not change.
    ///
    /// # Errors
    /// As pwrite(2).
    pub fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        let mut source = buf;
        Ok(self.writable()?.write_at(&mut source, offset)?)
    }

    /// Goes on at another place; where that is, in bytes from the start.
    ///
    /// # Errors
    /// As lseek(2).
    pub fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => file::SeekFrom::Start(i64::try_from(at).map_err(|_| Errno::EINVAL)?),
            SeekFrom::End(by) => file::SeekFrom::End(by),
            SeekFrom::Current(by) => file::SeekFrom::Current(by),
        };
        Ok(self.file.seek(to)?)
    }

    /// Makes it this long.
    ///
    /// # Errors
    /// As ftruncate(2).
    pub fn set_len(&self, bytes: u64) -> Result<()> {
        Ok(self.writable()?.truncate(bytes)?)
    }

    /// What it is.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn metadata(&self) -> Result<Metadata> {
        Ok(Metadata(self.file.stat()?))
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        Ok(self.readable()?.read(&mut SliceSink::new(buf), OpenFlags::empty())?)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        let mut source = buf;
        Ok(self.writable()?.write(&mut source, self.how.status_flags())?)
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// Something else.
    Other,
}

impl From<Kind> for FileType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Regular => Self::File,
            Kind::Directory => Self::Dir,
            Kind::Symlink => Self::Symlink,
            _ => Self::Other,
        }
    }
}

/// What is known about a file.
#[derive(Clone, Debug)]
pub struct Metadata(Stat);

impl Metadata {
    /// What it is.
    pub fn file_type(&self) -> FileType {
        self.0.kind.into()
    }
    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.file_type() == FileType::File
    }
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.file_type() == FileType::Dir
    }
    /// Bytes in it.
    #[expect(clippy::len_without_is_empty, reason = "as in std")]
    pub fn len(&self) -> u64 {
        self.0.size
    }
    /// Permission bits.
    pub fn mode(&self) -> u32 {
        self.0.mode
    }
    /// When it was written last.
    pub fn modified(&self) -> SystemTime {
        SystemTime::from_unix(self.0.mtime.sec, self.0.mtime.nsec)
    }
}

/// One entry of a directory.
#[derive(Clone, Debug)]
pub struct DirEntry {
    name: String,
    kind: FileType,
}

impl DirEntry {
    /// Its name; what is not UTF-8 in it is replaced.
    pub fn file_name(&self) -> &str {
        &self.name
    }
    /// What it is.
    pub fn file_type(&self) -> FileType {
        self.kind
    }
}

/// The entries of a directory, in no order, without `.` and `..`.
///
/// # Errors
/// As open(2) and getdents64(2).
pub fn read_dir(path: impl AsRef<str>) -> Result<impl Iterator<Item = DirEntry>> {
    let directory = tree().open(None, path.as_ref().as_bytes(), &OpenHow::new(O_DIRECTORY, 0))?;
    let mut entries = Vec::new();
    directory.read_dir(&mut |entry| {
        if !matches!(&*entry.name, b"." | b"..") {
            entries.push(DirEntry { name: String::from_utf8_lossy(&entry.name).into_owned(), kind: entry.kind.into() });
        }
        true
    })?;
    Ok(entries.into_iter())
}

/// What the file at `path` is; that which a symbolic link leads to.
///
/// # Errors
/// As stat(2).
pub fn metadata(path: impl AsRef<str>) -> Result<Metadata> {
    Ok(Metadata(tree().stat(None, path.as_ref().as_bytes(), Follow::Yes)?))
}

/// What the file at `path` is; a symbolic link itself.
///
/// # Errors
/// As lstat(2).
pub fn symlink_metadata(path: impl AsRef<str>) -> Result<Metadata> {
    Ok(Metadata(tree().stat(None, path.as_ref().as_bytes(), Follow::No)?))
}

/// All of a file.
///
/// # Errors
/// As open(2) and read(2).
pub fn read(path: impl AsRef<str>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    File::open(path)?.read_to_end(&mut out)?;
    Ok(out)
}

/// All of a file of text.
///
/// # Errors
/// As open(2) and read(2); a file that is not UTF-8.
pub fn read_to_string(path: impl AsRef<str>) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| Error::NOT_UTF8)
}

/// Makes a file hold this, and nothing else.
///
/// # Errors
/// As open(2) and write(2).
pub fn write(path: impl AsRef<str>, contents: impl AsRef<[u8]>) -> Result<()> {
    File::create(path)?.write_all(contents.as_ref())
}

/// Makes a directory.
///
/// # Errors
/// As mkdir(2).
pub fn create_dir(path: impl AsRef<str>) -> Result<()> {
    Ok(tree().mkdir(None, path.as_ref().as_bytes(), 0o777)?)
}

/// Removes an empty directory.
///
/// # Errors
/// As rmdir(2).
pub fn remove_dir(path: impl AsRef<str>) -> Result<()> {
    Ok(tree().rmdir(None, path.as_ref().as_bytes())?)
}

/// Removes a file.
///
/// # Errors
/// As unlink(2).
pub fn remove_file(path: impl AsRef<str>) -> Result<()> {
    Ok(tree().unlink(None, path.as_ref().as_bytes())?)
}

/// Gives a file another name; one that has that name is replaced.
///
/// # Errors
/// As rename(2).
pub fn rename(from: impl AsRef<str>, to: impl AsRef<str>) -> Result<()> {
    Ok(tree().rename(None, from.as_ref().as_bytes(), None, to.as_ref().as_bytes(), RenameKind::Replace)?)
}
