//! Who uses what is kept between runs: packed root file systems, layers and built kernels. Whoever makes a machine or a kernel has the lease together with
//! others; whoever clears it all away has it alone.

use crate::error::{Error, Result};
use pith_machine::{Store, paths};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io;

/// The lock's name in the data directory.
const NAME: &str = "lease";

/// Held until it is dropped; not inherited by programs that are started.
#[derive(Debug)]
pub struct Lease {
    _lock: File,
}

impl Lease {
    /// Together with others; waits for a clearing to end.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn shared(store: &Store) -> Result<Self> {
        taken(store, FlockOperation::LockShared)?.ok_or_else(|| Error::new(format!("{NAME}: a lock that was waited for is not there")))
    }

    /// Alone; `None` while somebody uses what is kept.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn alone(store: &Store) -> Result<Option<Self>> {
        taken(store, FlockOperation::NonBlockingLockExclusive)
    }
}

fn taken(store: &Store, operation: FlockOperation) -> Result<Option<Lease>> {
    let path = store.data().join(NAME);
    let failed = |error: io::Error| Error::new(format!("{}: {error}", path.display()));
    // What another user made need only be readable.
    let lock = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            paths::create_dir(store.data()).map_err(failed)?;
            let made = File::options().create(true).append(true).open(&path).map_err(failed)?;
            paths::give_to_user(&path);
            made
        }
        other => other.map_err(failed)?,
    };
    loop {
        match flock(&lock, operation) {
            Ok(()) => return Ok(Some(Lease { _lock: lock })),
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
    }
}
