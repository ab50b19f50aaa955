//! What a user can type.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Runs applications as unikernels: one kernel and one application per virtual machine.
#[derive(Debug, Parser)]
#[command(name = "pith", version, arg_required_else_help = true, infer_long_args = false)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// How much Pith says: error, warn, info, debug or trace [env: KRAFTKIT_LOG_LEVEL] [default: info]
    #[arg(long, global = true, value_name = "LEVEL", hide_possible_values = true)]
    log_level: Option<LogLevel>,
    /// How Pith says it: fancy, basic, json or quiet [env: KRAFTKIT_LOG_TYPE] [default: fancy]
    #[arg(long, global = true, value_name = "TYPE", hide_possible_values = true)]
    log_type: Option<LogType>,
    /// No colours
    #[arg(long, global = true)]
    pub no_color: bool,
    /// QEMU binary to use instead of the one in PATH [env: KRAFTKIT_QEMU]
    #[arg(long, global = true, value_name = "PATH")]
    qemu: Option<PathBuf>,
}

/// An environment variable that is set to something.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A flag's value, else that of its variable. A variable that is no value of the flag counts as not set.
fn flag_or_variable<T: ValueEnum>(flag: Option<T>, name: &str) -> Option<T> {
    flag.or_else(|| T::from_str(variable(name)?.to_str()?, true).ok())
}

impl Global {
    /// Least important message to show.
    pub fn log_level(&self) -> LogLevel {
        flag_or_variable(self.log_level, "KRAFTKIT_LOG_LEVEL").unwrap_or(LogLevel::Info)
    }

    /// Form of messages.
    pub fn log_type(&self) -> LogType {
        flag_or_variable(self.log_type, "KRAFTKIT_LOG_TYPE").unwrap_or(LogType::Fancy)
    }

    /// The QEMU that the user named.
    pub fn qemu(&self) -> Option<PathBuf> {
        self.qemu.clone().or_else(|| variable("KRAFTKIT_QEMU").map(PathBuf::from))
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

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an application
    #[command(visible_alias = "r")]
    Run(Box<RunArgs>),
    /// List machines
    Ps(PsArgs),
    /// Show what a machine wrote
    #[command(visible_alias = "log")]
    Logs(LogsArgs),
    /// Stop machines: SIGTERM to the application, then a deadline
    Stop(StopArgs),
    /// Remove machines
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
    /// Show Pith's version
    #[command(visible_alias = "v")]
    Version,
    /// Says whether KVM runs an ordinary guest; for Pith itself
    #[command(name = "__kvm-probe", hide = true)]
    KvmProbe,
}

/// Virtual machine monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plat {
    /// The best one here
    Auto,
    /// QEMU
    #[value(alias = "kvm")]
    Qemu,
    /// Firecracker (not yet)
    #[value(alias = "firecracker")]
    Fc,
    /// Xen (not yet)
    Xen,
}

/// Processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// AMD64
    #[value(name = "x86_64", alias = "amd64")]
    X86_64,
    /// ARM 64-bit (not yet)
    #[value(name = "arm64", alias = "aarch64")]
    Arm64,
}

/// What a root file system becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RootfsType {
    /// A cpio archive
    Cpio,
    /// An EROFS image
    Erofs,
    /// What it is, unseen
    File,
    /// Whatever suits
    Unknown,
}

/// `pith run`.
#[derive(Debug, Args)]
#[command(after_help = "PATH is an ELF program, a root file system (a directory, a tar or cpio archive, an EROFS image), or a \
directory with a Kraftfile. Exit status: the application's own; 128+N when signal N ended it; 123 out of memory, 124 kernel panic, \
125 Pith's own error, 126 not executable, 127 not found.\n\nExamples:\n  pith run ./my-program -- --flag\n  \
pith run --rootfs ./root /usr/sbin/nginx\n  pith run -p 8080:80 -M 256Mi ./project")]
pub struct RunArgs {
    /// What to run; the project here when absent
    pub path: Option<PathBuf>,
    /// Arguments of the application; for those that are flags, see after `--`
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Arguments of the application, flags included
    #[arg(last = true, value_name = "ARGS")]
    pub rest: Vec<String>,
    /// Publish a port: [HOSTIP:]HOSTPORT:GUESTPORT[/tcp|/udp], ranges as 8000-8002:80-82
    #[arg(short, long = "port", value_name = "PORT")]
    pub port: Vec<String>,
    /// Memory, as in 64Mi, 256M, 1Gi [default: what the root file system and the kernel need, and 256Mi]
    #[arg(short = 'M', long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Environment variable; without a value, the host's
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Emulate: no hardware acceleration
    #[arg(short = 'W', long)]
    pub disable_acceleration: bool,
    /// Virtual machine monitor: auto or qemu
    #[arg(long, default_value = "auto", hide_possible_values = true)]
    pub plat: Plat,
    /// Processor architecture: x86_64
    #[arg(short = 'm', long, hide_possible_values = true)]
    pub arch: Option<Arch>,
    /// Remove the machine when it has ended
    #[arg(long)]
    pub rm: bool,
    /// Run in the background and print the machine's name
    #[arg(short, long)]
    pub detach: bool,
    /// Parameter for the kernel, as in lib.param=value
    #[arg(short = 'a', long = "kernel-arg", value_name = "PARAM")]
    pub kernel_arg: Vec<String>,
    /// Name of the machine [default: a random one]
    #[arg(short, long)]
    pub name: Option<String>,
    /// Root file system: a directory, a tar or cpio archive (.gz, .zst, .xz too), an EROFS image or a file
    #[arg(long, alias = "initrd", value_name = "PATH")]
    pub rootfs: Option<PathBuf>,
    /// What to make of the root file system: cpio, erofs, or file to use it as it is [default: cpio, or what it is]
    #[arg(long, value_name = "TYPE", hide_possible_values = true)]
    pub rootfs_type: Option<RootfsType>,
    /// Leave files to their owners instead of giving them to root
    #[arg(long)]
    pub keep_file_owners: bool,
    /// Refused: the machine maps its files uncompressed
    #[arg(short, long, hide = true)]
    pub compress: bool,
    /// Project file to use; - reads standard input
    #[arg(short = 'K', long, value_name = "FILE")]
    pub kraftfile: Option<PathBuf>,
    /// Boot this kernel instead of the built-in one
    #[arg(long, hide = true)]
    kernel: Option<PathBuf>,
}

impl RunArgs {
    /// The kernel that the user, or a test, named.
    pub fn kernel(&self) -> Option<PathBuf> {
        self.kernel.clone().or_else(|| variable("PITH_KERNEL").map(PathBuf::from))
    }
}

/// `pith ps`.
#[derive(Debug, Args)]
pub struct PsArgs {
    /// Ended machines too
    #[arg(short, long)]
    pub all: bool,
    /// Names only
    #[arg(short, long)]
    pub quiet: bool,
    /// More columns
    #[arg(short, long)]
    pub long: bool,
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    pub output: Output,
}

/// Form of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns
    Table,
    /// JSON
    Json,
}

/// `pith logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The machine
    pub machine: String,
    /// Go on until the machine ends
    #[arg(short, long)]
    pub follow: bool,
}

/// `pith stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// The machines
    #[arg(required_unless_present = "all")]
    pub machines: Vec<String>,
    /// Every running machine
    #[arg(long)]
    pub all: bool,
    /// Seconds to wait before the machine is ended
    #[arg(short = 't', long, default_value_t = 10, value_name = "SECONDS")]
    pub time: u32,
}

/// `pith rm`.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// The machines
    #[arg(required_unless_present = "all")]
    pub machines: Vec<String>,
    /// Every machine that does not run (with -f: every machine)
    #[arg(long)]
    pub all: bool,
    /// End running machines first
    #[arg(short, long)]
    pub force: bool,
}
