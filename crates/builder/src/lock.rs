//! One build at a time in one place.

use crate::error::{BuildError, Result};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fs::{File, TryLockError};
use std::path::Path;

/// Told when somebody else has the lock, before waiting for it.
pub type Waiting<'a> = &'a dyn Fn();

/// A lock that the system takes back when its last holder ends. Programs that the holder starts hold it too: when the holder is killed, its compiler may still be
/// at work in the same directory.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Takes the lock, waiting for it if need be.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn take(path: &Path, waiting: Waiting<'_>) -> Result<Self> {
        let at = |error| BuildError::at(path)(error);
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(at)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(at)?;
            }
            Err(TryLockError::Error(error)) => return Err(at(error)),
        }
        Ok(Self(file))
    }

    /// Lets programs that are started from now on hold the lock as well.
    ///
    /// # Errors
    /// None that are known of.
    pub fn share(&self, path: &Path) -> Result<()> {
        fcntl_setfd(&self.0, FdFlags::empty()).map_err(|error| BuildError::at(path)(error.into()))
    }
}
