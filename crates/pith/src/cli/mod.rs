//! What a user can type.

mod build;
mod global;
mod help;
mod machines;
mod project;
mod run;
mod system;

pub use build::{BuildArgs, BuildProjectArgs, Builder, CleanArgs, FetchArgs};
pub use global::{Global, LogLevel, LogType};
pub use help::{command, tree};
pub use machines::*;
pub use project::*;
pub use run::{Arch, CreateArgs, Plat, RootfsType, RunArgs, Runner};
pub use system::*;

use clap::{Parser, Subcommand, ValueEnum};
use std::ffi::OsString;

/// Runs applications as unikernels: one kernel and one application per virtual machine.
#[derive(Debug, Parser)]
#[command(name = "pith", version, arg_required_else_help = true, infer_long_args = false, disable_help_subcommand = false)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// An environment variable that is set to something.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a project: its kernel, its root file system
    #[command(visible_alias = "bld")]
    Build(Box<BuildProjectArgs>),
    /// Remove what was built of a project
    #[command(visible_alias = "cln")]
    Clean(CleanArgs),
    /// Get everything that a build needs, so that it needs no network
    #[command(visible_alias = "ft")]
    Fetch(FetchArgs),
    /// Run an application
    #[command(visible_alias = "r")]
    Run(Box<RunArgs>),
    /// Make a machine without starting it
    Create(Box<CreateArgs>),
    /// List machines
    Ps(PsArgs),
    /// Show what machines wrote
    #[command(visible_alias = "log")]
    Logs(LogsArgs),
    /// Start machines that were created or have ended
    Start(StartArgs),
    /// Stop machines: their stop signal, then a deadline
    Stop(StopArgs),
    /// Stop machines and start them again
    Restart(RestartArgs),
    /// Send a signal to the applications of machines; by default end the machines
    Kill(KillArgs),
    /// Stop the processors of machines for a while
    Pause(SelectArgs),
    /// Let paused machines go on
    #[command(visible_alias = "unpause")]
    Resume(SelectArgs),
    /// Wait until machines have ended and print their exit codes
    Wait(WaitArgs),
    /// Remove machines
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
    /// Remove every machine that has ended
    Prune(PruneArgs),
    /// Give a machine another name
    Rename(RenameArgs),
    /// Show everything that is known about machines, or about a kernel
    Inspect(InspectArgs),
    /// Show published ports
    Port(PortArgs),
    /// Show what machines use of processor, memory and network
    Stats(StatsArgs),
    /// Show what happens to machines, as it happens
    #[command(visible_alias = "event")]
    Events(EventsArgs),
    /// Refused: nothing but the application runs in a machine
    #[command(hide = true)]
    Exec(ExecArgs),
    /// Choose a kernel's options on the screen
    #[command(visible_alias = "menuconfig")]
    Menu(Box<MenuArgs>),
    /// Set options of a project's kernel
    #[command(visible_alias = "s")]
    Set(SetArgs),
    /// Switch options of a project's kernel off
    #[command(visible_alias = "u")]
    Unset(UnsetArgs),
    /// Add, remove, list and make libraries
    #[command(visible_alias = "library")]
    Lib {
        #[command(subcommand)]
        command: LibCommand,
    },
    /// Show Pith's version
    #[command(visible_alias = "v")]
    Version(VersionArgs),
    /// Show what is installed, which accelerator is used and why, and what to install
    Doctor(DoctorArgs),
    /// Settings, disk space, manual pages
    #[command(visible_aliases = ["sys", "self"])]
    System {
        #[command(subcommand)]
        command: SystemCommand,
    },
    /// Print a completion script for a shell
    Completion(CompletionArgs),
    /// Says whether KVM runs an ordinary guest; for Pith itself
    #[command(name = "__kvm-probe", hide = true)]
    KvmProbe,
    /// Looks after a machine in the background; for Pith itself
    #[command(name = "__supervise", hide = true)]
    Supervise(SuperviseArgs),
}

/// Form of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns
    Table,
    /// One field a line
    List,
    /// JSON
    Json,
    /// YAML
    Yaml,
}
