//! Asking a running machine, from another process.
//!
//! The machine's supervisor listens on the Unix socket `control.sock` in the machine's directory. One line of JSON asks, one answers, in order; the
//! connection ends with the machine. A request that the supervisor does not know is refused as unsupported, so commands of different versions get along.
//! [`Control`] is the asking side; the answering one is in `supervise`.

mod client;
mod stats;
mod wire;

use crate::paths;
use crate::store::{Machine, StoreError};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

pub use client::{Control, ControlError};
pub use stats::{CpuStats, FileStats, InterfaceStats, MemoryStats, Stats};
use wire::path_of;
pub use wire::{AgentState, MachineState, Refusal};
pub(crate) use wire::{Reply, Request};

/// Name of the socket in a machine's directory.
pub const SOCKET: &str = "control.sock";

/// Makes the socket of a machine whose supervisor this is, for [`Streams::control`](crate::Streams::control).
///
/// # Errors
/// Those of the file system.
pub fn listen(machine: &Machine) -> Result<UnixListener, StoreError> {
    let path = machine.path(SOCKET);
    let bind = || {
        let (_open, short) = path_of(machine.directory())?;
        match fs::remove_file(&short) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&short)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        paths::give_to_user(&path);
        Ok(listener)
    };
    bind().map_err(|source| StoreError::Io { path: path.clone(), source })
}
