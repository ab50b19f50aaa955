//! Why a machine could not be started.

use std::io;
use std::path::PathBuf;

/// Why a machine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The monitor's program is not installed.
    #[error("{program} was not found in PATH")]
    NotInstalled {
        /// Name of the program.
        program: String,
    },
    /// The named program is not there.
    #[error("{}: {source}", program.display())]
    Start {
        /// Path of the program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A descriptor could not be made.
    #[error("preparing the machine's channels: {0}")]
    Channels(#[source] io::Error),
    /// A path that cannot be passed on a command line.
    #[error("{}: the path is not valid UTF-8, or has a comma or line break that the monitor cannot take", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// More devices than the machine type has places for.
    #[error("{wanted} devices do not fit into a {machine} machine, which has room for {room}")]
    Devices {
        /// The machine type.
        machine: &'static str,
        /// Places there are.
        room: usize,
        /// Devices there should be.
        wanted: usize,
    },
    /// The guest's command line cannot be written.
    #[error("{0}")]
    Cmdline(#[from] pith_abi::cmdline::BuildError),
}

impl MonitorError {
    /// What the user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NotInstalled { program } => {
                let package = if program.contains("aarch64") { "qemu-system-arm" } else { "qemu-system-x86" };
                Some(format!(
                    "install it with `sudo apt install {package}` (Debian, Ubuntu) or `sudo dnf install {package}-core` \
                     (Fedora), or name it with --qemu"
                ))
            }
            Self::Path { .. } => Some("rename it or run from another directory".to_owned()),
            _ => None,
        }
    }
}
