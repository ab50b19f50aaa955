//! What is written down about a machine (`machine.json`).

use crate::config::MachineConfig;
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far a machine has come, as last written by whoever holds its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Its root file system is being made; without a holder of the lock it is a leftover.
    Preparing,
    /// Complete, monitor not started.
    Created,
    /// Monitor started.
    Running,
    /// Monitor started, virtual CPU stopped by the user.
    Paused,
    /// Ended; its supervisor waits to start it again.
    Restarting,
    /// Ended.
    Exited,
}

/// What `ps` shows: the phase, checked against whether the supervisor is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being prepared, or prepared and not started.
    Created,
    /// Alive.
    Running,
    /// Alive, stopped by the user.
    Paused,
    /// Ended and about to be started again.
    Restarting,
    /// Ended, with an exit code.
    Exited,
    /// Its supervisor was killed; the monitor died with it.
    Failed,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 6] = [Self::Created, Self::Running, Self::Paused, Self::Restarting, Self::Exited, Self::Failed];

    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Failed => "failed",
        }
    }

    /// Whether a supervisor looks after it.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

/// `machine.json`. Fields may be added; readers ignore what they do not know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MachineRecord {
    /// Version of this format.
    pub version: u32,
    /// Twelve hexadecimal digits, never digits only.
    pub id: String,
    /// The machine's name.
    pub name: String,
    /// What was run, as the user named it.
    pub source: String,
    /// Platform and architecture, as in `qemu/x86_64`.
    pub target: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    /// Of the last start; milliseconds since 1970.
    pub started_ms: Option<u64>,
    /// Of the last end; milliseconds since 1970.
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
    /// How often it was started again by its restart policy.
    #[serde(default)]
    pub restarts: u32,
    /// Control group that limits its processor time, to be removed with it.
    #[serde(default)]
    pub cgroup: Option<std::path::PathBuf>,
    /// Whether to remove it once ended.
    pub remove: bool,
    /// What it is made of.
    pub config: MachineConfig,
}

impl MachineRecord {
    /// A machine about to be prepared; the store gives it id and name.
    #[must_use]
    pub fn new(source: &str, target: &str) -> Self {
        Self {
            version: 2,
            id: String::new(),
            name: String::new(),
            source: source.to_owned(),
            target: target.to_owned(),
            accelerator: String::new(),
            created_ms: now_ms(),
            started_ms: None,
            ended_ms: None,
            supervisor: Process::of(std::process::id()),
            monitor: None,
            phase: Phase::Preparing,
            exit_code: None,
            reason: None,
            restarts: 0,
            cgroup: None,
            remove: false,
            config: MachineConfig::default(),
        }
    }
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
