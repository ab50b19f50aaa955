//! Archives: received, checked, unpacked.

use crate::address::Address;
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
    let damaged = |error: io::Error| Error::Archive { address: address.location.clone(), problem: error.to_string() };
    let mut kept = tempfile::tempfile_in(tree).map_err(Error::at(tree))?;
    let found = receive(address, open(address, base)?, &mut kept)?;
    if let Some(expected) = address.sha256.as_ref().filter(|expected| **expected != found) {
        return Err(Error::Checksum { address: address.location.clone(), expected: expected.clone(), found });
    }
    let mut head = [0; 8];
    kept.rewind().map_err(damaged)?;
    let length = kept.read(&mut head).map_err(damaged)?;
    kept.rewind().map_err(damaged)?;
    let mut archive = tar::Archive::new(unpacked(head.get(..length).unwrap_or_default(), kept).map_err(damaged)?);
    archive.set_preserve_mtime(true);
    archive.unpack(tree).map_err(|error| {
        let deepest = std::error::Error::source(&error).map(ToString::to_string);
        Error::Archive { address: address.location.clone(), problem: deepest.unwrap_or_else(|| error.to_string()) }
    })?;
    strip(tree)?;
    Ok(found)
}

/// The archive's bytes.
fn open(address: &Address, base: &Path) -> Result<Box<dyn Read>> {
    let location = address.location.as_str();
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

/// Keeps what comes; its SHA-256.
fn receive(address: &Address, mut from: Box<dyn Read>, into: &mut File) -> Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let broken = |error: io::Error| Error::Unreachable { address: address.location.clone(), problem: error.to_string() };
        let bytes = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        hash.update(bytes);
        into.write_all(bytes).map_err(broken)?;
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A reader of what is in a packed file, by its first bytes.
fn unpacked(head: &[u8], file: File) -> io::Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(1 << 16, file);
    Ok(match head {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(file)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::MultiBzDecoder::new(file)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(lzma_rust2::XzReader::new(file, true)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let packed = ruzstd::decoding::StreamingDecoder::new(file);
            Box::new(packed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?)
        }
        [b'P', b'K', 3, 4, ..] => return Err(io::Error::new(io::ErrorKind::InvalidData, "it is a zip archive; expected a tar archive")),
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
