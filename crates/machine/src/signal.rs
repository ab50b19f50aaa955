//! Signals to a machine from another process: they go to its supervisor, which passes them on.

use crate::state::Process;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::io;

/// Sends a signal to exactly this process.
///
/// # Errors
/// `ESRCH` when it is gone, `EPERM` when it belongs to someone else.
pub fn send(process: Process, signal: Signal) -> io::Result<()> {
    let gone = || io::Error::from(rustix::io::Errno::SRCH);
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    // The descriptor pins whatever has this number now; the start time then tells whether it is ours.
    let descriptor = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    if !process.is_alive() {
        return Err(gone());
    }
    Ok(rustix::process::pidfd_send_signal(descriptor, signal)?)
}
