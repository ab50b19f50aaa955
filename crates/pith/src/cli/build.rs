//! How a root file system is built from a Dockerfile.

use clap::{Args, ValueEnum};

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
#[derive(Debug, Default, Args)]
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
    #[arg(long)]
    pub no_cache: bool,
    /// When to ask registries for base images: missing, always or never
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pub pull: String,
}
