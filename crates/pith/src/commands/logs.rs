//! `pith logs`.

use crate::cli::{Global, LogsArgs};
use crate::error::Result;
use pith_machine::logs::{Follow, copy};
use pith_machine::{Store, StoreError};
use std::io;

/// Shows what a machine wrote: its output on standard output, its errors on standard error.
///
/// # Errors
/// No such machine.
pub fn logs(_global: &Global, arguments: &LogsArgs) -> Result<u8> {
    let store = Store::open(None)?;
    let machine = store.get(&arguments.machine)?;
    let follow = if arguments.follow { Follow::Yes } else { Follow::No };
    match copy(&store, &machine, follow, &mut io::stdout().lock(), &mut io::stderr().lock()) {
        // The reader has seen enough.
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        other => other.map(|()| 0).map_err(Into::into),
    }
}
