//! Advisory locks (flock(2)) on files of the store. A lock lives as long as any copy of its descriptor, so that a
//! machine's lock can be handed to the process that takes it over, without a moment in which nobody holds it.

use super::error::{StoreError, io_error};
use crate::paths;
use crate::state::Phase;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long a lock may be held by nobody in particular.
const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(2);

/// Opens (and makes) a lock file.
pub(super) fn open(path: &Path) -> Result<File, StoreError> {
    let is_new = !path.exists();
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(io_error(path))?;
    if is_new {
        paths::give_to_user(path);
    }
    Ok(file)
}

/// Held while names are given or taken and records are changed. Never for longer than a few file operations.
pub(super) struct StoreLock(File);

impl StoreLock {
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let file = open(path)?;
        loop {
            match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Self(file)),
                Err(Errno::INTR) => {}
                Err(error) => return Err(io_error(path)(error.into())),
            }
        }
    }
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        // Not just closed: a child between fork and exec has a copy of the descriptor.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// Takes the lock of the machine in this directory. `None` when it is in use.
///
/// A lock that is held although nobody supervises the machine is about to be free: a reader looks, or its supervisor has
/// just written down the end.
pub(super) fn take_machine(directory: &Path) -> Result<Option<File>, StoreError> {
    let path = directory.join("lock");
    let file = OpenOptions::new().append(true).open(&path).map_err(io_error(&path))?;
    let started = Instant::now();
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if !is_supervised(directory) && started.elapsed() < PATIENCE => thread::sleep(STEP),
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(io_error(&path)(error.into())),
        }
    }
}

fn is_supervised(directory: &Path) -> bool {
    let Ok(record) = super::machine::read_record(directory) else { return false };
    record.phase != Phase::Exited && record.supervisor.is_some_and(|process| process.is_alive())
}

/// Whether some process holds the lock of the machine in this directory.
pub(super) fn is_held(directory: &Path) -> bool {
    let Ok(file) = File::open(directory.join("lock")) else { return false };
    matches!(rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared), Err(Errno::WOULDBLOCK))
}
