//! Where the bytes of a regular file are.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A stretch of a regular file that lies in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Offset in the regular file, in bytes.
    pub at: u64,
    /// Offset in the archive, in bytes.
    pub from: u64,
    /// Length in bytes.
    pub len: u64,
}

/// The bytes of a regular file, wherever they are. Cheap to clone; nothing is read before a sink asks.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// A file of the host, not followed if it has become a symbolic link since.
    Host {
        /// Its path.
        path: PathBuf,
        /// Its size in bytes when it was listed.
        size: u64,
    },
    /// Stretches of an archive, ascending and not overlapping; what is in none of them is zeros.
    Extents {
        /// The archive.
        archive: Arc<File>,
        /// The stretches.
        extents: Arc<[Extent]>,
        /// Size of the regular file in bytes.
        size: u64,
    },
}

/// Why contents could not be copied.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// Reading them failed.
    Input(io::Error),
    /// They are shorter than they were.
    Shrank,
    /// Writing failed.
    Output(io::Error),
}

impl Content {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::Bytes(Arc::from([]))
    }

    /// These bytes.
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(Arc::from(bytes))
    }

    /// `len` bytes at `from` in an archive.
    #[must_use]
    pub fn range(archive: &Arc<File>, from: u64, len: u64) -> Self {
        let extents: Arc<[Extent]> = if len == 0 { Arc::from([]) } else { Arc::from([Extent { at: 0, from, len }]) };
        Self::Extents { archive: archive.clone(), extents, size: len }
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Host { size, .. } | Self::Extents { size, .. } => *size,
        }
    }

    /// The host's file that has them, for messages.
    #[must_use]
    pub fn host_path(&self) -> Option<&Path> {
        match self {
            Self::Host { path, .. } => Some(path),
            _ => None,
        }
    }

    /// All of it, for small files. At most `limit` bytes.
    ///
    /// # Errors
    /// Those of reading; `InvalidData` past the limit.
    pub fn read(&self, limit: u64) -> io::Result<Vec<u8>> {
        if self.size() > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} bytes, expected at most {limit}", self.size())));
        }
        let mut out = Vec::new();
        self.copy_to(&mut out).map_err(|error| match error {
            CopyError::Input(error) | CopyError::Output(error) => error,
            CopyError::Shrank => io::ErrorKind::UnexpectedEof.into(),
        })?;
        Ok(out)
    }

    /// Writes exactly [`Content::size`] bytes to `out`.
    pub(crate) fn copy_to(&self, out: &mut impl Write) -> Result<(), CopyError> {
        match self {
            Self::Bytes(bytes) => out.write_all(bytes).map_err(CopyError::Output),
            Self::Host { size: 0, .. } => Ok(()),
            Self::Host { path, size } => {
                let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
                let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(CopyError::Input)?;
                let mut left = *size;
                copy(out, &mut left, |buffer, _| file.read(buffer))
            }
            Self::Extents { archive, extents, size } => {
                let mut at = 0;
                for extent in extents.iter() {
                    zeros(out, extent.at.saturating_sub(at))?;
                    let mut left = extent.len;
                    copy(out, &mut left, |buffer, left| archive.read_at(buffer, extent.from + (extent.len - left)))?;
                    at = extent.at + extent.len;
                }
                zeros(out, size.saturating_sub(at))
            }
        }
    }
}

/// Copies `left` bytes; `read` gets the buffer and how many bytes are left.
fn copy(out: &mut impl Write, left: &mut u64, mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>) -> Result<(), CopyError> {
    let mut buffer = vec![0; usize::try_from((*left).min(1 << 17)).unwrap_or(1 << 17)];
    while *left > 0 {
        let want = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
        let got = match read(&mut buffer[..want], *left) {
            Ok(0) => return Err(CopyError::Shrank),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Input(error)),
        };
        out.write_all(&buffer[..got]).map_err(CopyError::Output)?;
        *left -= got as u64;
    }
    Ok(())
}

fn zeros(out: &mut impl Write, count: u64) -> Result<(), CopyError> {
    io::copy(&mut io::repeat(0).take(count), out).map(drop).map_err(CopyError::Output)
}
