//! `pith build` and its neighbours, and how a root file system is built from a Dockerfile.

use super::{Output, ProjectArgs, RootfsType};
use crate::commands::project::Basis;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Who builds Dockerfiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Builder {
    /// BuildKit when an address is given, else Pith itself
    #[default]
    Auto,
    /// Pith itself: no daemon, no privileges
    Builtin,
    /// The BuildKit daemon at --buildkit-host
    Buildkit,
    /// The Docker engine at $DOCKER_HOST
    Docker,
}

/// Flags for Dockerfiles.
#[derive(Clone, Debug, Default, Args)]
pub struct BuildArgs {
    /// Variable for the Dockerfile's ARG; without a value, the host's
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub build_arg: Vec<String>,
    /// Stage of the Dockerfile to build [default: the last one]
    #[arg(long, value_name = "STAGE")]
    pub build_target: Option<String>,
    /// Secret for RUN --mount=type=secret: id=NAME[,src=FILE|,env=VARIABLE]
    #[arg(long, value_name = "SECRET")]
    pub build_secret: Vec<String>,
    /// SSH agent for RUN --mount=type=ssh: default, which is the one at $SSH_AUTH_SOCK, or NAME=SOCKET
    #[arg(long, value_name = "NAME[=SOCKET]")]
    pub build_ssh: Vec<String>,
    /// Who builds: auto, builtin, buildkit or docker
    #[arg(long, value_name = "BUILDER", default_value = "auto", hide_possible_values = true)]
    pub builder: Builder,
    /// Build every step anew
    #[arg(short = 'F', long)]
    pub no_cache: bool,
    /// When to ask registries for base images: missing, always or never
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pub pull: String,
}

/// `pith build`.
#[derive(Debug, Args)]
#[command(
    after_help = "A project with `unikraft:` or `pith:` gets a kernel of its own for each target, one with `runtime:` its root file system. A kernel is never compiled \
twice from the same sources and options.\n\nOf several targets one is asked for; where nobody can be asked, the first that can be built is built.\n\n\
Examples:\n  pith build\n  pith build --all ./app\n  pith build -t qemu/x86_64 --print-stats"
)]
pub struct BuildProjectArgs {
    /// Directory of the project [default: here, or the nearest above that has a Kraftfile]
    #[arg(value_name = "DIR")]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    pub project: ProjectArgs,
    /// Build every target that is left
    #[arg(long)]
    pub all: bool,

    /// Options from this .config instead of the saved ones
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Environment variable of the application, compiled in; without a value, the host's
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Use the saved options and nothing else
    #[arg(long)]
    pub no_configure: bool,
    /// Complain of options that do not exist or did not take effect, and fail
    #[arg(short = 'C', long)]
    pub validate: bool,
    /// Show which libraries and options are chosen, and why, and build nothing
    #[arg(long)]
    pub explain: bool,

    /// Program to build with: CARGO=PATH, RUSTC=PATH, CC=LINKER or CROSS_COMPILE=PREFIX
    #[arg(short = 'T', long, value_name = "NAME=VALUE")]
    pub toolchain: Vec<String>,
    /// How many compilers at a time [default: as many as there are processors]
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// One compiler at a time
    #[arg(long, conflicts_with = "jobs")]
    pub no_fast: bool,
    /// Keep symbols in the image itself, not only in the .dbg file beside it
    #[arg(long)]
    pub dbg: bool,
    /// Write everything that the compiler says into this file
    #[arg(long, value_name = "FILE")]
    pub build_log: Option<PathBuf>,
    /// Show what the kernel is made of, in bytes
    #[arg(long)]
    pub print_stats: bool,

    /// Where the kernel goes
    #[arg(short, long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// Where results go [default: what the project says, or .unikraft/build]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Form of the list of results: table, list, json or yaml
    #[arg(long, value_name = "FORM", default_value = "table", hide_possible_values = true)]
    pub format: Output,

    /// Root file system instead of the project's: a Dockerfile, a directory, a tar or cpio archive, an EROFS image, an OCI image
    #[arg(long, value_name = "PATH", conflicts_with = "no_rootfs")]
    pub rootfs: Option<PathBuf>,
    /// What to make of the root file system: auto, cpio, erofs, or file to use it as it is
    #[arg(long, value_name = "TYPE", default_value = "auto", hide_possible_values = true)]
    pub rootfs_type: RootfsType,
    /// Build no root file system
    #[arg(long)]
    pub no_rootfs: bool,
    /// Leave files to their owners instead of giving them to root
    #[arg(long)]
    pub keep_file_owners: bool,
    #[command(flatten)]
    pub build: BuildArgs,
    /// Ask registries for newer base images
    #[arg(long, conflicts_with = "no_fetch")]
    pub force_pull: bool,
    /// Fetch nothing: what is not here is an error
    #[arg(long)]
    pub no_fetch: bool,

    /// Accepted: there is no index of components that could be brought up to date
    #[arg(long, hide = true)]
    no_update: bool,
    #[arg(short, long, hide = true)]
    git: bool,
    #[arg(long, hide = true, value_name = "NUMBER", allow_negative_numbers = true)]
    git_depth: Option<i64>,
}

impl BuildProjectArgs {
    /// What options are made of.
    pub fn basis(&self) -> Basis {
        Basis { config: self.config.clone(), is_alone: self.no_configure }
    }

    /// The first flag that was given and that Pith does not honour, and why.
    pub fn refused(&self) -> Option<(&'static str, &'static str)> {
        let given = [(self.git, "git"), (self.git_depth.is_some(), "git-depth")];
        given
            .into_iter()
            .find(|(is_given, _)| *is_given)
            .map(|(_, flag)| (flag, "the kernel's sources are built in, and nothing is fetched by git"))
    }
}

/// `pith clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Directory of the project [default: here, or the nearest above that has a Kraftfile]
    #[arg(value_name = "DIR")]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    pub project: ProjectArgs,
    /// Everything that was built, the saved options too
    #[arg(short = 'P', long)]
    pub proper: bool,
}

/// `pith fetch`.
#[derive(Debug, Args)]
pub struct FetchArgs {
    /// Directory of the project [default: here, or the nearest above that has a Kraftfile]
    #[arg(value_name = "DIR")]
    pub path: Option<PathBuf>,
    #[command(flatten)]
    pub project: ProjectArgs,
    #[command(flatten)]
    pub build: BuildArgs,
    /// Fetch no images
    #[arg(long)]
    pub no_pull: bool,
    /// Accepted: fetching configures nothing
    #[arg(long, hide = true)]
    no_configure: bool,
}
