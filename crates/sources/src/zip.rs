//! Zip archives, as the tar archives that they could have been: what tar's unpacking refuses is then refused here too.

use crate::archive::{no_room, room};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use zip::ZipArchive;
use zip::read::ZipFile;

/// Longest target of a symbolic link in bytes (PATH_MAX).
const LONGEST_TARGET: u64 = 4096;

/// The same files in a tar archive, a file without a name below `tree`.
///
/// # Errors
/// The archive is damaged, packed in another way than by deflate, or has names that lead out of it; it does not fit.
pub(crate) fn as_tar(file: File, tree: &Path) -> io::Result<File> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(invalid)?;
    let mut left = room(tree)?;
    let mut tar = tar::Builder::new(tempfile::tempfile_in(tree)?);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(invalid)?;
        left = left.checked_sub(entry.size()).ok_or_else(no_room)?;
        add(&mut entry, &mut tar)?;
    }
    let mut file = tar.into_inner()?;
    file.rewind()?;
    Ok(file)
}

fn add(entry: &mut ZipFile<'_, impl Read>, tar: &mut tar::Builder<File>) -> io::Result<()> {
    let name = entry.name_raw().to_vec();
    let (path, size) = (Path::new(OsStr::from_bytes(&name)), entry.size());
    let mut header = tar::Header::new_gnu();
    let default = if entry.is_dir() || entry.is_symlink() { 0o755 } else { 0o644 };
    header.set_mode(entry.unix_mode().map_or(default, |mode| mode & 0o777));
    if entry.is_symlink() {
        let mut target = Vec::new();
        entry.take(LONGEST_TARGET).read_to_end(&mut target)?;
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        return tar.append_link(&mut header, path, OsStr::from_bytes(&target));
    }
    if entry.is_dir() {
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        return tar.append_data(&mut header, path, io::empty());
    }
    header.set_size(size);
    // What is longer than it says would be taken for the next file.
    let mut content = Exactly { from: entry, left: size };
    tar.append_data(&mut header, path, &mut content)
}

/// Ends with an error where there is more or less than expected.
struct Exactly<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(into)?;
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a file in it has another length than it says");
        self.left = self.left.checked_sub(length as u64).ok_or_else(wrong)?;
        if length == 0 && !into.is_empty() && self.left > 0 { Err(wrong()) } else { Ok(length) }
    }
}

fn invalid(error: zip::result::ZipError) -> io::Error {
    match error {
        zip::result::ZipError::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}
