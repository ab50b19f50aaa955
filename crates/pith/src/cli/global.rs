//! Flags that every command takes. What they mean together with variables and the configuration file is told by
//! [`crate::settings`].

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Flags that every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// How much Pith says: error, warn, info, debug or trace [default: info]
    #[arg(long, global = true, value_name = "LEVEL", hide_possible_values = true)]
    pub log_level: Option<LogLevel>,
    /// How Pith says it: fancy, basic, json or quiet [default: fancy]
    #[arg(long, global = true, value_name = "TYPE", hide_possible_values = true)]
    pub log_type: Option<LogType>,
    /// Begin each message with the time
    #[arg(long, global = true)]
    pub log_timestamps: bool,
    /// No colours
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Never ask; what would need an answer is refused
    #[arg(long, global = true)]
    pub no_prompt: bool,
    /// Do one thing at a time, as when several machines are stopped
    #[arg(long, global = true)]
    pub no_parallel: bool,
    /// QEMU binary to use instead of the one in PATH
    #[arg(long, global = true, value_name = "PATH")]
    pub qemu: Option<PathBuf>,
    /// Where machines are kept
    #[arg(long, global = true, value_name = "DIR")]
    pub runtime_dir: Option<PathBuf>,
    /// Where config.yaml is
    #[arg(long, global = true, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,
    /// File that holds the process number of a running `pith events`
    #[arg(long, global = true, value_name = "FILE")]
    pub events_pid_file: Option<PathBuf>,

    // As kraft has them. The first three describe what Pith does anyway.
    /// Accepted: Pith draws no emojis
    #[arg(long, global = true, hide = true)]
    no_emojis: bool,
    /// Accepted: Pith never looks for a newer version
    #[arg(long, global = true, hide = true)]
    no_check_updates: bool,
    /// Accepted: machines are the same under sudo, so there is nothing to warn of
    #[arg(long, global = true, hide = true)]
    no_warn_sudo: bool,
    #[arg(long, global = true, hide = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    collect_anonymous_telemetry: Option<bool>,
    #[arg(long, global = true, hide = true)]
    editor: Option<String>,
    #[arg(long, global = true, hide = true)]
    pager: Option<String>,
    #[arg(long, global = true, hide = true)]
    git_protocol: Option<String>,
    /// Address of a BuildKit daemon for Dockerfiles: unix://PATH, tcp://HOST:PORT or docker-container://NAME
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub buildkit_host: Option<String>,
    #[arg(long, global = true, hide = true)]
    http_unix_sock: Option<String>,
    #[arg(long, global = true, hide = true)]
    containerd_addr: Option<String>,
    #[arg(long, global = true, hide = true)]
    manifests_dir: Option<String>,
    #[arg(long, global = true, hide = true)]
    sources_dir: Option<String>,
    #[arg(long, global = true, hide = true)]
    with_mirror: Vec<String>,
    #[arg(long, global = true, hide = true)]
    with_manifest: Vec<String>,
}

impl Global {
    /// The first flag of kraft that was given and that Pith does not honour, and why.
    pub fn refused(&self) -> Option<(&'static str, &'static str)> {
        let given = [
            (self.collect_anonymous_telemetry == Some(true), "collect-anonymous-telemetry", "Pith collects nothing"),
            (self.editor.is_some(), "editor", "no command opens an editor"),
            (self.pager.is_some(), "pager", "Pith does not page; pipe its output into one"),
            (self.git_protocol.is_some(), "git-protocol", "git repositories are fetched by the protocol that their address names"),
            (self.http_unix_sock.is_some(), "http-unix-sock", "registries are reached over the network only"),
            (self.containerd_addr.is_some(), "containerd-addr", "packages are kept in an OCI layout, not in containerd"),
            (self.manifests_dir.is_some(), "manifests-dir", "there are no component manifests"),
            (self.sources_dir.is_some(), "sources-dir", "there are no component sources"),
            (!self.with_mirror.is_empty(), "with-mirror", "there are no component mirrors"),
            (!self.with_manifest.is_empty(), "with-manifest", "there are no component manifests"),
        ];
        given.into_iter().find(|(is_given, ..)| *is_given).map(|(_, flag, why)| (flag, why))
    }
}

/// Least important message to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Errors only (as in kraft)
    #[value(aliases = ["fatal"])]
    Panic,
    /// Errors
    Error,
    /// and warnings
    #[value(alias = "warning")]
    Warn,
    /// and what is worth knowing
    Info,
    /// and the VMM's command line and every line of the kernel
    Debug,
    /// and every step of the kernel
    Trace,
}

/// Form of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogType {
    /// Coloured on a terminal
    Fancy,
    /// Plain lines
    Basic,
    /// One JSON object per line
    Json,
    /// Errors only
    Quiet,
}
