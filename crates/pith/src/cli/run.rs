//! `pith run` and `pith create`.

use super::BuildArgs;
use super::variable;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

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
    /// cpio, or what it is
    #[value(alias = "unknown")]
    Auto,
    /// A cpio archive
    Cpio,
    /// An EROFS image
    Erofs,
    /// What it is, unseen
    File,
}

/// What PATH is to be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Runner {
    /// A bootable kernel
    Kernel,
    /// A Linux program
    #[value(alias = "posix")]
    Linuxu,
    /// A project with a kernel of its own
    KraftfileUnikraft,
    /// A project with a runtime
    KraftfileRuntime,
    /// A package (not yet)
    Oci,
    /// A component (not yet)
    Manifest,
}

/// `pith run`.
#[derive(Debug, Args)]
#[command(after_help = "PATH is an ELF program, a root file system (a directory, a tar or cpio archive, an EROFS image), or a \
directory with a Kraftfile or a Dockerfile. Exit status: the application's own; 128+N when signal N ended it; 123 out of memory, 124 kernel panic, \
125 Pith's own error, 126 not executable, 127 not found.\n\nExamples:\n  pith run ./my-program -- --flag\n  \
pith run --rootfs ./root /usr/sbin/nginx\n  pith run -p 8080:80 -M 256Mi ./project")]
pub struct RunArgs {
    #[command(flatten)]
    pub create: CreateArgs,
    /// Run in the background and print the machine's name
    #[arg(short, long)]
    pub detach: bool,
    /// Make the machine, print its name and do not start it
    #[arg(long, conflicts_with_all = ["detach", "dry_run"])]
    pub no_start: bool,
    /// Print the command line of the monitor and start nothing
    #[arg(long, conflicts_with = "detach")]
    pub dry_run: bool,
    /// Begin each line of the application's output with this
    #[arg(long, value_name = "TEXT", conflicts_with = "detach")]
    pub prefix: Option<String>,
    /// Begin each line of the application's output with the machine's name
    #[arg(long, conflicts_with_all = ["detach", "prefix"])]
    pub prefix_name: bool,
}

/// `pith create`, and what `pith run` has in common with it.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What to run; the project here when absent
    pub path: Option<PathBuf>,
    /// Arguments of the application; for those that are flags, see after `--`
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Arguments of the application, flags included
    #[arg(last = true, value_name = "ARGS")]
    pub rest: Vec<String>,

    /// Name of the machine [default: a random one]
    #[arg(short, long)]
    pub name: Option<String>,
    /// Publish a port: [HOSTIP:]HOSTPORT:GUESTPORT[/tcp|/udp], ranges as 8000-8002:80-82
    #[arg(short, long = "port", alias = "publish", value_name = "PORT")]
    pub port: Vec<String>,
    /// Memory, as in 64Mi, 256M, 1Gi [default: what the root file system and the kernel need, and 256Mi]
    #[arg(short = 'M', long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Processors, up to 64; a fraction, as in 0.5 or 1.5, is a share of the host's
    #[arg(long, value_name = "NUMBER")]
    pub cpus: Option<String>,
    /// Environment variable; without a value, the host's
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// File with environment variables, one a line
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Working directory of the application
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// User (and group) that the application runs as, by name or number [default: the image's, or root]
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// Program to run instead of the one that the project names
    #[arg(long, value_name = "PROGRAM")]
    pub entrypoint: Option<String>,
    /// Host name of the machine [default: pith]
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Note about the machine, as NAME=VALUE
    #[arg(short, long, value_name = "LABEL")]
    pub label: Vec<String>,
    /// Keep standard input open when there is nobody at it
    #[arg(short, long)]
    pub interactive: bool,
    /// Give the application a terminal: the user's, where there is one (before a word like qemu/x86_64, -t means --target)
    #[arg(short = 't', long)]
    pub tty: bool,

    /// When to start the machine again: no, on-failure[:COUNT], always or unless-stopped
    #[arg(long, value_name = "POLICY", default_value = "no")]
    pub restart: String,
    /// Signal that asks the application to stop [default: the image's, or SIGTERM]
    #[arg(long, value_name = "SIGNAL")]
    pub stop_signal: Option<String>,
    /// Seconds between the stop signal and the end of the machine
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub stop_timeout: u32,
    /// Remove the machine when it has ended
    #[arg(long)]
    pub rm: bool,

    /// Root file system: a Dockerfile, a directory, a tar or cpio archive (.gz, .zst, .xz too), an EROFS image, a file, or an OCI image
    /// (a name, oci:LAYOUT, docker-archive:FILE)
    #[arg(long, alias = "initrd", value_name = "PATH")]
    pub rootfs: Option<PathBuf>,
    /// What to make of the root file system: auto, cpio, erofs, or file to use it as it is
    #[arg(long, value_name = "TYPE", default_value = "auto", hide_possible_values = true)]
    pub rootfs_type: RootfsType,
    /// Leave files of directories and tar archives to their owners instead of giving them to root
    #[arg(long)]
    pub keep_file_owners: bool,
    /// Refused: the machine maps its files uncompressed
    #[arg(short, long, hide = true)]
    pub compress: bool,
    #[command(flatten)]
    pub build: BuildArgs,
    /// Runtime to boot: kernel://PATH, or a name, which means the built-in one
    #[arg(short, long, value_name = "RUNTIME")]
    pub runtime: Option<String>,
    /// Project file to use; - reads standard input
    #[arg(short = 'K', long, value_name = "FILE")]
    pub kraftfile: Option<PathBuf>,
    /// What to take PATH for: kernel, linuxu, kraftfile-unikraft or kraftfile-runtime [default: what it looks like]
    #[arg(long = "as", value_name = "KIND", hide_possible_values = true)]
    pub runner: Option<Runner>,
    /// Target to run, as in qemu/x86_64
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Virtual machine monitor: auto or qemu
    #[arg(long, default_value = "auto", hide_possible_values = true)]
    pub plat: Plat,
    /// Processor architecture: x86_64
    #[arg(short = 'm', long, hide_possible_values = true)]
    pub arch: Option<Arch>,
    /// Emulate: no hardware acceleration
    #[arg(short = 'W', long)]
    pub disable_acceleration: bool,
    /// Parameter for the kernel, as in lib.param=value
    #[arg(short = 'a', long = "kernel-arg", value_name = "PARAM")]
    pub kernel_arg: Vec<String>,
    /// Boot the kernel with symbols that lies beside the one named, as NAME.dbg
    #[arg(long)]
    pub symbolic: bool,
    /// Network: none, or user (the default)
    #[arg(long, alias = "net", value_name = "NETWORK")]
    pub network: Vec<String>,
    /// Address in the network (not yet)
    #[arg(long, value_name = "ADDRESS", hide = true)]
    pub ip: Option<String>,
    /// Hardware address (not yet)
    #[arg(long, value_name = "ADDRESS", hide = true)]
    pub mac: Option<String>,
    /// Directory of the host that the machine sees at DST, live; made when it is not there. :ro keeps the machine from writing
    #[arg(short, long, value_name = "HOSTDIR:DST[:ro]")]
    pub volume: Vec<String>,
    /// kraft's flag for the firmware's greeting, which Pith's machines do not have
    #[arg(long, hide = true)]
    pub qemu_sgabios_preamble: bool,
    /// Boot this kernel instead of the built-in one
    #[arg(long, hide = true)]
    kernel: Option<PathBuf>,
}

impl CreateArgs {
    /// The kernel that the user, or a test, named.
    pub fn kernel(&self) -> Option<PathBuf> {
        self.kernel.clone().or_else(|| variable("PITH_KERNEL").map(PathBuf::from))
    }
}
