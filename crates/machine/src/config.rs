//! What a machine is made of, as far as starting it again needs it.

use pith_monitor::{PortForward, Volume};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The configuration part of `machine.json`. Fields may be added; each has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineConfig {
    /// Kernel image; `None` is the one built into the command line that starts the machine.
    pub kernel: Option<PathBuf>,
    /// Root file system archive; a relative path lies in the machine's directory.
    pub initrd: Option<PathBuf>,
    /// Whether environment and arguments lie behind the archive, because they are too long for a command line.
    pub words_in_initrd: bool,
    /// QEMU binary, when the user named one.
    pub qemu: Option<PathBuf>,
    /// QEMU machine type: `microvm`, `q35` or `pc`.
    pub machine_type: String,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Virtual processors; `None` is one.
    pub cpus: Option<u32>,
    /// Share of the host's processors in thousandths of one; `None` is as much as there is.
    pub cpu_millis: Option<u32>,
    /// Whether there is a network at all.
    pub has_network: bool,
    /// Published ports.
    pub ports: Vec<PortForward>,
    /// Directories of the host, in the order in which they are mounted.
    pub volumes: Vec<Volume>,
    /// Parameters for the kernel (`lib.param=value`).
    pub kernel_args: Vec<String>,
    /// The application and its arguments.
    pub argv: Vec<String>,
    /// Environment, in order.
    pub env: Vec<(String, String)>,
    /// The application's working directory.
    pub workdir: Option<String>,
    /// Whom the application runs as, as the guest's command line has it (`UID:GID[:GROUP,...]`); root when absent.
    pub user: Option<String>,
    /// Host name.
    pub hostname: Option<String>,
    /// Labels, in order.
    pub labels: Vec<(String, String)>,
    /// What to do when it has ended.
    pub restart: RestartPolicy,
    /// Signal (Linux number) that asks the application to stop.
    pub stop_signal: u8,
    /// Seconds between that signal and the end of the monitor.
    pub stop_seconds: u32,
    /// Whether standard input stays open without a user at the other end.
    pub keeps_input: bool,
    /// Whether the application gets a terminal: one stream of output, in the order written.
    pub has_terminal: bool,
}

impl MachineConfig {
    /// How many virtual processors it has.
    #[must_use]
    pub fn cpu_count(&self) -> u32 {
        self.cpus.unwrap_or(1).max(1)
    }
}

/// When an ended machine is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// When it failed, at most so many times in a row; 0 is no limit.
    OnFailure(u32),
    /// Whenever it ends, until it is stopped.
    Always,
    /// The same; Docker's other name for it matters only to a daemon.
    UnlessStopped,
}

impl RestartPolicy {
    /// Whether a machine that ended by itself with this exit code, after `restarts` restarts in a row, starts again.
    #[must_use]
    pub fn wants_restart(self, exit_code: u8, restarts: u32) -> bool {
        match self {
            Self::No => false,
            Self::OnFailure(limit) => exit_code != 0 && (limit == 0 || restarts < limit),
            Self::Always | Self::UnlessStopped => true,
        }
    }
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::OnFailure(0) => f.write_str("on-failure"),
            Self::OnFailure(limit) => write!(f, "on-failure:{limit}"),
            Self::Always => f.write_str("always"),
            Self::UnlessStopped => f.write_str("unless-stopped"),
        }
    }
}

impl FromStr for RestartPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None => match text {
                "no" => Ok(Self::No),
                "on-failure" => Ok(Self::OnFailure(0)),
                "always" => Ok(Self::Always),
                "unless-stopped" => Ok(Self::UnlessStopped),
                _ => Err("expected no, on-failure[:COUNT], always or unless-stopped".to_owned()),
            },
            Some(("on-failure", count)) => match count.parse() {
                Ok(count) => Ok(Self::OnFailure(count)),
                Err(_) => Err(format!("{count:?} is no number of restarts")),
            },
            Some(_) => Err("only on-failure takes a number of restarts".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RestartPolicy;

    #[test]
    fn policies_read_back_and_decide() {
        for text in ["no", "on-failure", "on-failure:3", "always", "unless-stopped"] {
            assert_eq!(text.parse::<RestartPolicy>().unwrap().to_string(), text);
        }
        for text in ["", "never", "always:3", "on-failure:x", "on-failure:-1"] {
            assert!(text.parse::<RestartPolicy>().is_err(), "{text}");
        }
        let three = RestartPolicy::OnFailure(3);
        assert!(three.wants_restart(1, 2) && !three.wants_restart(1, 3) && !three.wants_restart(0, 0));
        assert!(RestartPolicy::OnFailure(0).wants_restart(1, 1000));
        assert!(RestartPolicy::Always.wants_restart(0, 1000) && !RestartPolicy::No.wants_restart(1, 0));
    }
}
