//! What is written down about a machine (`machine.json`).

use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far a machine has come, as last written by its supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Prepared, monitor not started.
    Created,
    /// Monitor started.
    Running,
    /// Ended.
    Exited,
}

/// What `ps` shows: the phase, checked against whether the supervisor is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being prepared.
    Created,
    /// Alive.
    Running,
    /// Ended, with an exit code.
    Exited,
    /// Its supervisor was killed; the monitor died with it.
    Failed,
}

impl Status {
    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Failed => "failed",
        }
    }
}

/// `machine.json`. Fields may be added; readers ignore what they do not know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MachineRecord {
    /// Version of this format.
    pub version: u32,
    /// The machine's name.
    pub name: String,
    /// What was run, as the user named it.
    pub source: String,
    /// The application and its arguments.
    pub args: Vec<String>,
    /// Platform and architecture, as in `qemu/x86_64`.
    pub target: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Published ports in the form of `ps`.
    pub ports: Vec<String>,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    /// Milliseconds since 1970.
    pub started_ms: Option<u64>,
    /// Milliseconds since 1970.
    pub ended_ms: Option<u64>,
    /// The supervising `pith` process.
    pub supervisor: Option<Process>,
    /// The monitor's process.
    pub monitor: Option<Process>,
    /// How far it has come.
    pub phase: Phase,
    /// Exit code, once ended.
    pub exit_code: Option<u8>,
    /// Why it ended, when that is more than a code.
    pub reason: Option<String>,
    /// Whether to remove it once ended.
    pub remove: bool,
}

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process number.
    pub pid: u32,
    /// Start time in clock ticks since boot (`/proc/PID/stat`, field 22).
    pub start_ticks: u64,
}

impl Process {
    /// The process with this number, if it is there.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field, the name in parentheses, may hold anything; count from behind it.
        let (_, rest) = stat.rsplit_once(')')?;
        let start_ticks = rest.split_whitespace().nth(19)?.parse().ok()?;
        Some(Self { pid, start_ticks })
    }

    /// Whether this very process is still there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }
}

/// Now, in milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
