//! What a build will do: the stages that the target needs, each instruction with its variables filled in.
//!
//! A plan is complete before anything runs: whatever cannot be done is refused here, with its line. [`graph`] finds the needed stages,
//! [`scope`] knows variables, [`stage`] turns a stage's instructions into steps and its configuration.

mod copy;
mod graph;
mod run;
mod scope;
mod stage;
mod time;

pub use graph::{Needed, needed};
pub(crate) use run::SCRIPTS;
pub use stage::plan_stages;
pub use time::rfc3339;

use crate::lang::{Mount, ast::Network};
use pith_diagnostic::{Place, Problem, Source};
use pith_image::spec::{History, ImageConfig};
use pith_image::{Digest, Image, Platform};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What the user gives besides the file.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// `--build-arg`.
    pub build_args: Vec<(String, String)>,
    /// `--build-target`: a stage's name or number; the last stage when not given.
    pub target: Option<String>,
    /// What the image is for.
    pub platform: Platform,
    /// `--build-secret`.
    pub secrets: Vec<Secret>,
    /// SSH agents: name (`default`) and socket.
    pub ssh: Vec<(String, PathBuf)>,
    /// `SOURCE_DATE_EPOCH`: no time in the image is later, and those that the engine makes up are this.
    pub epoch_s: Option<u64>,
}

/// A secret and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name in the Dockerfile.
    pub id: String,
    /// Where its value is.
    pub source: SecretSource,
}

/// Where a secret's value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// An environment variable of whoever builds.
    Variable(String),
}

/// Where files come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The build context.
    Context,
    /// A stage, by its number in the file.
    Stage(usize),
    /// An image.
    Image(Arc<Image>),
}

/// What a stage starts from.
#[derive(Clone, Debug)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// A stage, by its number in the file.
    Stage(usize),
    /// An image.
    Image(Arc<Image>),
}

/// A stage that will be built.
#[derive(Clone, Debug)]
pub struct PlannedStage {
    /// Its number in the file.
    pub number: usize,
    /// Its name, or `stage-N`.
    pub name: String,
    /// What it starts from.
    pub base: Base,
    /// The name of its base as written.
    pub base_name: String,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// The configuration at its end; layers are filled in when they exist.
    pub config: ImageConfig,
    /// Stages that it copies or mounts from, or starts from.
    pub needs: BTreeSet<usize>,
}

/// One instruction that changes files, and the history entries up to it.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// As shown: the instruction.
    pub text: String,
    /// In the file.
    pub place: Place,
    /// The text that `place` is in.
    pub source: Source,
    /// The history entry.
    pub history: History,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Runs a command.
    Run(Box<RunStep>),
    /// Copies files.
    Copy(Box<CopyStep>),
    /// Makes a directory, if it is not there.
    Workdir {
        /// Absolute path.
        path: String,
        /// `USER`, whose it will be; empty is root.
        user: String,
    },
    /// Only the configuration changes.
    Configure,
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct RunStep {
    /// Program and arguments.
    pub args: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Variables that do not count for the cache: proxies.
    pub uncounted_env: Vec<String>,
    /// Absolute path.
    pub cwd: String,
    /// `USER` as configured; empty is root.
    pub user: String,
    /// Mounts and where they come from.
    pub mounts: Vec<(Mount, Origin)>,
    /// Network.
    pub network: Network,
    /// A heredoc with `#!`: name and text; it is what `args` runs.
    pub script: Option<(String, String)>,
}

/// Where a copy starts.
#[derive(Clone, Debug)]
pub enum CopyFrom {
    /// A path, perhaps with wildcards.
    Path(String, Place),
    /// A file given in the Dockerfile.
    Text {
        /// Its name.
        name: String,
        /// What is in it.
        text: String,
    },
    /// A file from a server. `ADD` only.
    Url(String, Place),
}

/// Permission bits to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

/// Files to copy.
#[derive(Clone, Debug)]
pub struct CopyStep {
    /// What.
    pub sources: Vec<CopyFrom>,
    /// Absolute path.
    pub destination: String,
    /// The destination is a directory, whether it is there or not.
    pub into_directory: bool,
    /// Where paths are looked up.
    pub origin: Origin,
    /// `user[:group]`.
    pub chown: Option<String>,
    /// Permissions of everything copied.
    pub chmod: Option<Mode>,
    /// The destination's links are not followed.
    pub link: bool,
    /// The sources' directories are kept.
    pub parents: bool,
    /// What is left out.
    pub exclude: Vec<String>,
    /// Whether archives of the context are unpacked.
    pub unpack_local: bool,
    /// Whether archives from servers are unpacked.
    pub unpack_remote: bool,
    /// What a file from a server must be.
    pub checksum: Option<Digest>,
}

impl CopyStep {
    /// Nothing to copy, only a directory to make.
    #[must_use]
    pub fn directory(path: &str) -> Self {
        Self {
            sources: Vec::new(),
            destination: path.to_owned(),
            into_directory: true,
            origin: Origin::Context,
            chown: None,
            chmod: None,
            link: false,
            parents: false,
            exclude: Vec::new(),
            unpack_local: false,
            unpack_remote: false,
            checksum: None,
        }
    }
}

/// What cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Something in the Dockerfile.
    #[error(transparent)]
    Problem(Box<Problem>),
    /// `--build-target` names no stage.
    #[error("there is no stage {name:?} in {file}; its stages are {}", known.join(", "))]
    NoTarget {
        /// What was asked for.
        name: String,
        /// The Dockerfile's name.
        file: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl From<Problem> for PlanError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}
