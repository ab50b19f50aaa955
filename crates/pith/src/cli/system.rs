//! Commands about Pith itself.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `pith version`.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Form of the output: table (one line), list, json or yaml
    #[arg(short, long, default_value = "table", hide_possible_values = true)]
    pub output: Output,
}

/// `pith doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Form of the output: table, list, json or yaml
    #[arg(short, long, default_value = "table", hide_possible_values = true)]
    pub output: Output,
}

/// `pith completion`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// bash, zsh or fish
    pub shell: Shell,
}

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// GNU bash
    Bash,
    /// Z shell
    Zsh,
    /// Friendly interactive shell
    Fish,
}

/// `pith system`.
#[derive(Debug, Subcommand)]
pub enum SystemCommand {
    /// Show every setting, its value and where that comes from
    #[command(visible_alias = "ls")]
    List {
        /// Form of the output: table, list, json or yaml
        #[arg(short, long, default_value = "table", hide_possible_values = true)]
        output: Output,
    },
    /// Write settings to the configuration file
    Set {
        /// Settings, as in log.level=debug
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Take settings out of the configuration file
    Unset {
        /// Names of settings
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Show what takes up disk space
    Df {
        /// Form of the output: table, list, json or yaml
        #[arg(short, long, default_value = "table", hide_possible_values = true)]
        output: Output,
    },
    /// Remove ended machines and caches
    Prune {
        /// Do not ask
        #[arg(short, long)]
        force: bool,
    },
    /// Write manual pages into a directory
    Man {
        /// The directory
        directory: PathBuf,
    },
}
