//! The lines on the control socket.

use super::{SOCKET, Stats};
use serde::{Deserialize, Serialize};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase")]
pub(crate) enum Request {
    /// [`MachineState`].
    State,
    /// [`Stats`].
    Stats,
    /// A signal to the application.
    Signal {
        /// Linux number.
        number: u8,
    },
    /// Stopping the virtual CPU for a while.
    Pause,
    /// Letting it go on.
    Resume,
    /// A graceful stop.
    Stop {
        /// The signal that asks.
        number: u8,
        /// Until the monitor is ended, in milliseconds.
        deadline_ms: u64,
    },
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub(crate) enum Reply {
    /// Done, or on its way.
    Done,
    /// To [`Request::State`].
    State(MachineState),
    /// To [`Request::Stats`].
    Stats(Stats),
    /// Not done.
    Refused {
        /// Why, for programs.
        why: Refusal,
        /// Why, for people.
        text: String,
    },
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refusal {
    /// The supervisor or the guest's kernel does not know how.
    Unsupported,
    /// The request makes no sense.
    Invalid,
    /// It was tried and did not work.
    Failed,
}

/// What a machine's supervisor knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineState {
    /// What the kernel speaks.
    pub agent: AgentState,
    /// It was asked to stop.
    pub is_stopping: bool,
    /// Bytes that it wrote to both streams.
    pub output_bytes: u64,
}

/// How the host talks with the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// The kernel has not said anything yet.
    Starting,
    /// Serial lines: no counters, and seven signals only.
    Serial,
    /// The agent channel.
    Agent,
}

/// A way to the socket of the machine in `directory` that fits a socket address (108 bytes, unix(7)), however long the directory's path is. Good for as
/// long as the returned file is open.
pub(crate) fn path_of(directory: &Path) -> io::Result<(fs::File, PathBuf)> {
    let directory = fs::File::open(directory)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()));
    Ok((directory, path))
}
