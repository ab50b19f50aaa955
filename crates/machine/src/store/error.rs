//! What can go wrong with stored machines.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with stored machines.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No place to keep machines.
    #[error("no home directory: set PITH_DATA_DIR")]
    NoHome,
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The name cannot be used.
    #[error("{0:?} is no machine name: letters, digits, '_', '.' and '-', at most 63")]
    BadName(String),
    /// The name is taken.
    #[error("there is already a machine named {0:?}")]
    NameTaken(String),
    /// No such machine.
    #[error("no machine is named {0:?}")]
    NotFound(String),
    /// Several ids begin like this.
    #[error("several machines have an id that begins with {0:?}")]
    Ambiguous(String),
    /// It runs.
    #[error("{0:?} is running: stop it first, or use `pith rm -f`")]
    StillRunning(String),
    /// It is being started or runs.
    #[error("{0:?} is in use by another command, or runs already")]
    Busy(String),
    /// `machine.json` cannot be read.
    #[error("{}: {source}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// For `map_err`: an input or output error at `path`.
pub(crate) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |source| StoreError::Io { path: path.to_owned(), source }
}
