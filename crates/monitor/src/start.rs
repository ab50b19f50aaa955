//! Channels and processes.

use crate::MonitorError;
use rustix::io::FdFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A connected pair: one end stays here, the monitor inherits the other.
#[derive(Debug)]
struct Pair {
    ours: OwnedFd,
    theirs: OwnedFd,
}

impl Pair {
    fn new() -> io::Result<Self> {
        let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // Room for a burst, so that a slow reader does not slow the guest at once.
        rustix::net::sockopt::set_socket_send_buffer_size(&theirs, 1 << 18)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        Ok(Self { ours, theirs })
    }
}

/// The byte streams between a machine and us. They exist before the monitor does, so no byte is lost and no path in the
/// file system is needed.
#[derive(Debug)]
pub struct Channels {
    console: Pair,
    stderr: Pair,
    log: Pair,
    control: Pair,
    agent: Pair,
}

impl Channels {
    /// Makes the channels.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn new() -> Result<Self, MonitorError> {
        let pair = || Pair::new().map_err(MonitorError::Channels);
        Ok(Self { console: pair()?, stderr: pair()?, log: pair()?, control: pair()?, agent: pair()? })
    }

    /// The monitor's end of COM1.
    #[must_use]
    pub fn console_fd(&self) -> RawFd {
        self.console.theirs.as_raw_fd()
    }

    /// The monitor's end of COM2.
    #[must_use]
    pub fn stderr_fd(&self) -> RawFd {
        self.stderr.theirs.as_raw_fd()
    }

    /// The monitor's end of the record channel.
    #[must_use]
    pub fn log_fd(&self) -> RawFd {
        self.log.theirs.as_raw_fd()
    }

    /// The monitor's end of its control channel.
    #[must_use]
    pub fn control_fd(&self) -> RawFd {
        self.control.theirs.as_raw_fd()
    }

    /// The monitor's end of the agent channel.
    #[must_use]
    pub fn agent_fd(&self) -> RawFd {
        self.agent.theirs.as_raw_fd()
    }

    /// Starts `program` with the monitor's ends inherited. It dies with this process, so that no machine is left behind
    /// by a crash, and is in a process group of its own, so that the terminal's Ctrl-C reaches only us.
    pub(crate) fn spawn(self, program: &Path, arguments: &[String], diagnostics: File, cpus: u32) -> Result<Running, MonitorError> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stderr(diagnostics.try_clone().map_err(MonitorError::Channels)?);
        command.stdout(diagnostics).process_group(0);
        let inherited = [self.console_fd(), self.stderr_fd(), self.log_fd(), self.control_fd(), self.agent_fd()];
        let parent = rustix::process::getpid();
        inherit(&mut command, inherited, parent);
        let child = command.spawn().map_err(|source| MonitorError::Start { program: program.to_owned(), source })?;
        Ok(Running {
            child,
            console: self.console.ours,
            stderr: self.stderr.ours,
            log: self.log.ours,
            control: self.control.ours,
            agent: self.agent.ours,
            cpus,
        })
    }
}

#[expect(unsafe_code, reason = "code between fork and exec; std offers no safe way to set the parent-death signal")]
fn inherit(command: &mut Command, descriptors: [RawFd; 5], parent: rustix::process::Pid) {
    let prepare = move || {
        for descriptor in descriptors {
            // SAFETY: `Channels` owns these descriptors and lives in the caller's frame until after the fork; the child
            // has its own copy of the descriptor table.
            let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
            rustix::io::fcntl_setfd(descriptor, FdFlags::empty())?;
        }
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::from(rustix::io::Errno::CHILD));
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only (fcntl, prctl, getppid): async-signal-safe, no allocation, no locks.
    unsafe { command.pre_exec(prepare) };
}

/// A started machine.
#[derive(Debug)]
pub struct Running {
    /// The monitor's process.
    pub child: Child,
    /// COM1: standard output comes out, standard input goes in. Non-blocking.
    pub console: OwnedFd,
    /// COM2: standard error comes out, [`pith_abi::control`] bytes go in. Non-blocking.
    pub stderr: OwnedFd,
    /// [`pith_abi::record`] lines. Non-blocking.
    pub log: OwnedFd,
    /// The monitor's control protocol (QMP). Non-blocking.
    pub control: OwnedFd,
    /// The [`pith_abi::agent`] channel. Non-blocking.
    pub agent: OwnedFd,
    /// Virtual processors.
    pub cpus: u32,
}

impl Running {
    /// Descriptor that becomes readable when the monitor's process has ended.
    ///
    /// # Errors
    /// On kernels before 5.3.
    pub fn exit_watch(&self) -> io::Result<OwnedFd> {
        let pid = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
    }
}
