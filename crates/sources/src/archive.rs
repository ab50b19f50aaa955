//! Archives: received, checked, unpacked.

use crate::address::Address;
use crate::digest::hexadecimal;
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Gets an archive and unpacks it into `tree`, an empty directory; its SHA-256. Relative paths begin at `base`.
///
/// # Errors
/// It cannot be had; it is another one than the project says; it is none.
pub(crate) fn unpack(address: &Address, base: &Path, tree: &Path) -> Result<String> {
    let mut kept = tempfile::tempfile_in(tree).map_err(Error::at(tree))?;
    let found = receive(&address.location, base, &mut kept)?;
    if let Some(expected) = address.sha256.as_ref().filter(|expected| **expected != found) {
        return Err(Error::Checksum { address: address.location.clone(), algorithm: "SHA-256", expected: expected.clone(), found });
    }
    extract(&address.location, kept, tree)?;
    strip(tree)?;
    Ok(found)
}

/// Unpacks an archive into `tree`, as it is. `name` is for messages.
///
/// Files are as new as the unpacking: a build takes what is older than its results for built, and an archive may be older than the one in whose place it is.
///
/// # Errors
/// It is none, or damaged; it does not fit.
pub(crate) fn extract(name: &str, mut kept: File, tree: &Path) -> Result<()> {
    let damaged = |error: io::Error| Error::Archive { address: name.to_owned(), problem: error.to_string() };
    let mut head = [0; 8];
    kept.rewind().map_err(damaged)?;
    let length = kept.read(&mut head).map_err(damaged)?;
    kept.rewind().map_err(damaged)?;
    let unpacked = unpacked(head.get(..length).unwrap_or_default(), kept, tree).map_err(damaged)?;
    write_files(unpacked, tree).map_err(|error| {
        let deepest = std::error::Error::source(&error).map(ToString::to_string);
        Error::Archive { address: name.to_owned(), problem: deepest.unwrap_or_else(|| error.to_string()) }
    })
}

/// Writes what is in a tar archive below `tree`; what would be elsewhere is left out.
fn write_files(from: Box<dyn Read>, tree: &Path) -> io::Result<()> {
    let mut left = room(tree)?;
    let mut archive = tar::Archive::new(Bounded { from, left });
    archive.set_preserve_mtime(false);
    let mut directories = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        // What is in holes is not in the archive.
        left = left.checked_sub(entry.size()).ok_or_else(no_room)?;
        if entry.header().entry_type().is_dir() {
            directories.push(entry);
        } else {
            entry.unpack_in(tree)?;
        }
    }
    // When there is something in them: nobody may write into some. The inner ones first.
    directories.sort_by(|a, b| b.path_bytes().cmp(&a.path_bytes()));
    directories.iter_mut().try_for_each(|directory| directory.unpack_in(tree).map(drop))
}

/// How many bytes there is room for.
pub(crate) fn room(tree: &Path) -> io::Result<u64> {
    let room = rustix::fs::statvfs(tree)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// What is said of archives that are larger inside.
pub(crate) fn no_room() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "it unpacks to more than there is room for")
}

/// A reader that ends with an error where there is more than there is room for: small archives may become anything.
struct Bounded {
    from: Box<dyn Read>,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(into)?;
        let left = self.left.checked_sub(length as u64);
        self.left = left.ok_or_else(no_room)?;
        Ok(length)
    }
}

/// The archive's bytes.
fn open(location: &str, base: &Path) -> Result<Box<dyn Read>> {
    if location.starts_with("http://") || location.starts_with("https://") {
        let failed = |problem| Error::Unreachable { address: location.to_owned(), problem };
        return Ok(pith_image::download(location).map_err(failed)?.body);
    }
    if let Some((scheme, _)) = location.split_once("://").filter(|(scheme, _)| *scheme != "file") {
        let problem = format!("archives come by http, https or file, not by {scheme}");
        return Err(Error::Unreachable { address: location.to_owned(), problem });
    }
    let path = base.join(location.strip_prefix("file://").unwrap_or(location));
    Ok(Box::new(File::open(&path).map_err(Error::at(&path))?))
}

/// Keeps what is at `location`; its SHA-256. Relative paths begin at `base`.
///
/// # Errors
/// It cannot be had.
pub(crate) fn receive(location: &str, base: &Path, into: &mut File) -> Result<String> {
    let mut from = open(location, base)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let broken = |error: io::Error| Error::Unreachable { address: location.to_owned(), problem: error.to_string() };
        let bytes = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        hash.update(bytes);
        into.write_all(bytes).map_err(broken)?;
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// A reader of the tar archive in a packed file, by its first bytes. What has to be written on the way is below `tree`.
fn unpacked(head: &[u8], file: File, tree: &Path) -> io::Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(1 << 16, file);
    Ok(match head {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(file)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::MultiBzDecoder::new(file)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(lzma_rust2::XzReader::new(file, true)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let packed = ruzstd::decoding::StreamingDecoder::new(file);
            Box::new(packed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?)
        }
        // One with files, one without.
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Box::new(crate::zip::as_tar(file.into_inner(), tree)?),
        _ => Box::new(file),
    })
}

/// Where everything is in one directory, as is the custom, that directory's content takes its place.
fn strip(tree: &Path) -> Result<()> {
    let at = Error::at;
    let list = |path: &Path| -> io::Result<Vec<PathBuf>> { fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect() };
    let entries = list(tree).map_err(at(tree))?;
    let [only] = entries.as_slice() else { return Ok(()) };
    if !fs::symlink_metadata(only).map_err(at(only))?.is_dir() {
        return Ok(());
    }
    // A name that nothing in it has.
    let aside = tempfile::Builder::new().prefix(".strip-").tempdir_in(tree).map_err(at(tree))?;
    let inner = aside.path().join("tree");
    fs::rename(only, &inner).map_err(at(only))?;
    for entry in list(&inner).map_err(at(&inner))? {
        if let Some(name) = entry.file_name() {
            fs::rename(&entry, tree.join(name)).map_err(at(&entry))?;
        }
    }
    Ok(())
}
