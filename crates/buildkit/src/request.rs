//! What to build.

use pith_image::{Platform, Settings};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// A build.
#[derive(Clone, Debug)]
pub struct Request {
    /// The directory that COPY copies from. `.dockerignore` in it is honoured: the builder reads it.
    pub context: PathBuf,
    /// The Dockerfile, in the context or elsewhere.
    pub dockerfile: PathBuf,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// `--build-target`: the stage to build, the last one by default.
    pub target: Option<String>,
    /// `--build-secret`.
    pub secrets: Vec<Secret>,
    /// `--build-ssh`: sockets of SSH agents that RUN may speak to, by name.
    pub ssh_agents: BTreeMap<String, PathBuf>,
    /// What the image is for.
    pub platform: Platform,
    /// Whether earlier results may be used.
    pub use_cache: bool,
    /// Whether base images are looked for at their registry even when the builder has them.
    pub pull: bool,
    /// Where the credentials for base images are.
    pub settings: Settings,
}

/// A file that RUN sees while it runs and that is in no image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name in `RUN --mount=type=secret,id=NAME`.
    pub id: String,
    /// Where its content is.
    pub source: SecretSource,
}

/// Where a secret's content is.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// Here; from an environment variable, say.
    Value(OsString),
}

/// Without the secret.
impl fmt::Debug for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
            Self::Value(_) => formatter.write_str("Value"),
        }
    }
}
