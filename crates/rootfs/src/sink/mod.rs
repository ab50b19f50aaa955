//! What a tree becomes. Both sinks plan first and write then: the size is known, and whether everything fits the format, before the first byte is written.

pub mod cpio;
pub mod erofs;

use crate::content::{Content, CopyError};
use crate::error::RootfsError;
use crate::tree::{Timestamp, Tree, shown};
use std::io::{self, Write};

/// Raised whenever the same tree comes to other bytes, so that results of earlier versions are not taken for ours.
pub const VERSION: u32 = 1;

/// What a plan comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Names, without the root.
    pub entries: u64,
    /// Size of the result in bytes.
    pub bytes: u64,
    /// Files of [`crate::ALIGN_THRESHOLD`] bytes or more that do not start on a page boundary.
    pub unaligned: u64,
    /// What the format could not hold, one sentence each, for the user.
    pub notes: Vec<String>,
}

/// What a tree is to become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// newc cpio: every unikernel and Linux reads it; the guest reads all headers at boot. No extended attributes, files below 4 GiB.
    #[default]
    Cpio,
    /// EROFS: the guest reads what it needs. Holds everything.
    Erofs,
}

impl Format {
    /// Memory in bytes that a machine needs for a root file system of this size before anything in it is touched.
    #[must_use]
    pub fn guest_bytes(self, bytes: u64, entries: u64) -> u64 {
        match self {
            // The guest makes an inode of every name: 183 bytes each, measured with 100,000 files.
            Self::Cpio => bytes.saturating_add(entries.saturating_mul(192)),
            Self::Erofs => bytes,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpio => "cpio",
            Self::Erofs => "erofs",
        })
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cpio" => Ok(Self::Cpio),
            "erofs" => Ok(Self::Erofs),
            _ => Err(format!("{text:?} is no format of a root file system; expected cpio or erofs")),
        }
    }
}

/// What a tree will be in one format.
pub enum Plan<'a> {
    /// A cpio archive.
    Cpio(cpio::Plan<'a>),
    /// An EROFS image.
    Erofs(erofs::Plan<'a>),
}

impl<'a> Plan<'a> {
    /// Lays out `tree`; nothing is read but the tree.
    ///
    /// # Errors
    /// What the format cannot hold.
    pub fn new(tree: &'a Tree, format: Format) -> Result<Self, RootfsError> {
        Ok(match format {
            Format::Cpio => Self::Cpio(cpio::Plan::new(tree)?),
            Format::Erofs => Self::Erofs(erofs::Plan::new(tree)?),
        })
    }

    /// What it comes to.
    #[must_use]
    pub fn packed(&self) -> &Packed {
        match self {
            Self::Cpio(plan) => plan.packed(),
            Self::Erofs(plan) => plan.packed(),
        }
    }

    /// Streams the result into `out`: exactly [`Packed::bytes`].
    ///
    /// # Errors
    /// A file that cannot be read or has shrunk, or those of the output.
    pub fn write(&self, out: impl Write) -> Result<(), RootfsError> {
        match self {
            Self::Cpio(plan) => plan.write(out),
            Self::Erofs(plan) => plan.write(out),
        }
    }
}

/// Time from `SOURCE_DATE_EPOCH`, given as its value.
///
/// # Errors
/// [`RootfsError::BadEpoch`] when it is set to something else than a number.
pub fn epoch(value: Option<&str>) -> Result<Option<Timestamp>, RootfsError> {
    match value {
        None | Some("") => Ok(None),
        Some(text) => {
            let seconds: u32 = text.parse().map_err(|_| RootfsError::BadEpoch(text.to_owned()))?;
            Ok(Some(Timestamp { seconds: seconds.into(), nanos: 0 }))
        }
    }
}

/// Counts what goes through, and fills up.
struct Output<W> {
    inner: W,
    offset: u64,
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.offset += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Output<W> {
    /// Writes zeros up to `offset`.
    fn fill_to(&mut self, offset: u64) -> Result<(), RootfsError> {
        const ZEROS: [u8; 4096] = [0; 4096];
        while self.offset < offset {
            let step = usize::try_from(offset - self.offset).unwrap_or(usize::MAX).min(ZEROS.len());
            self.write_all(&ZEROS[..step]).map_err(RootfsError::Write)?;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), RootfsError> {
        self.write_all(bytes).map_err(RootfsError::Write)
    }

    fn content(&mut self, path: &[u8], content: &Content) -> Result<(), RootfsError> {
        let shown_path = || content.host_path().map_or_else(|| shown(path), |path| path.display().to_string());
        content.copy_to(self).map_err(|error| match error {
            CopyError::Input(source) => RootfsError::Read { path: shown_path().into(), source },
            CopyError::Shrank => RootfsError::Changed { path: shown_path() },
            CopyError::Output(error) => RootfsError::Write(error),
        })
    }
}
