//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

/// Sources that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers, or not with what was asked for.
    #[error("{address}: {problem}")]
    Unreachable {
        /// Where.
        address: String,
        /// What happened.
        problem: String,
    },
    /// A repository without that branch, tag or commit.
    #[error("{address}: there is no branch, tag or commit {version:?}")]
    NoVersion {
        /// Where.
        address: String,
        /// What was asked for.
        version: String,
    },
    /// An archive that is another one than the project says.
    #[error("{address}: the archive's {algorithm} is {found}, expected {expected}")]
    Checksum {
        /// Where.
        address: String,
        /// What was computed of it.
        algorithm: &'static str,
        /// As the project says.
        expected: String,
        /// As it is.
        found: String,
    },
    /// What came is no archive, or a damaged one.
    #[error("{address}: not unpacked: {problem}")]
    Archive {
        /// Where.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What would have to be fetched, and may not be.
    #[error("{address} was not fetched yet")]
    NotFetched {
        /// Where.
        address: String,
    },
    /// A patch for a directory that the archive does not have.
    #[error("{}: there is no directory {wanted} in the archive; it has {found}", patches.display())]
    NoDirectory {
        /// The directory with patches.
        patches: PathBuf,
        /// Where they are to be applied.
        wanted: String,
        /// What there is instead.
        found: String,
    },
    /// A patch that does not apply.
    #[error("{}: the patch does not apply:\n{said}", patch.display())]
    Patch {
        /// The patch.
        patch: PathBuf,
        /// What patch(1) says.
        said: String,
    },
    /// patch(1) is not installed.
    #[error("{}: patch is not installed, which applies it. Debian's package is patch: `apt-get install patch`", patch.display())]
    MissingPatch {
        /// What wants it.
        patch: PathBuf,
    },
    /// git is not installed.
    #[error("{address}: git is not installed")]
    MissingGit {
        /// What wants it.
        address: String,
    },
    /// An address or name that cannot be one.
    #[error("{text:?}: {problem}")]
    Malformed {
        /// As it is written.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file system.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

/// What comes of it, or why not.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// What a user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => Some("look at the address; what was fetched before is still there and is used without a network"),
            Self::NoVersion { .. } => Some("name another one with `version:`, or none for the repository's default branch"),
            Self::Checksum { .. } => {
                Some("the archive changed at its source, or on the way; where it is meant to be another one, correct the digest")
            }
            Self::MissingGit { .. } => Some("install git, or name an archive: https://example.org/NAME.tar.gz"),
            Self::NotFetched { .. } => Some("`pith fetch` fetches it; --no-fetch forbids `pith build` to"),
            Self::NoDirectory { .. }
            | Self::Patch { .. }
            | Self::MissingPatch { .. }
            | Self::Archive { .. }
            | Self::Malformed { .. }
            | Self::Io { .. } => None,
        }
    }
}
