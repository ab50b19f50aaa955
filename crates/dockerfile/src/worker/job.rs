//! What the engine asks of the worker, and what it hears. Jobs go through a pipe, since they hold secrets.

use pith_image::{Digest, Hasher};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Whose rights the worker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rights {
    /// root's.
    Root,
    /// A user's, with the range of further ids that `/etc/subuid` gives.
    Subordinate,
    /// A user's alone: every file belongs to one owner.
    Single,
}

impl Rights {
    /// Directories of unpacked layers differ by who owns their files.
    #[must_use]
    pub fn directory(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Subordinate => "subordinate",
            Self::Single => "single",
        }
    }
}

/// Which OCI runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuntimeKind {
    /// crun: can do without control groups.
    Crun,
    /// runc.
    Runc,
}

/// A program that runs containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Which.
    pub kind: RuntimeKind,
    /// Where.
    pub path: PathBuf,
}

/// A layer as the worker needs it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobLayer {
    /// Digest of the uncompressed archive.
    pub diff_id: Digest,
    /// The uncompressed archive.
    pub path: PathBuf,
}

/// The name of a chain of layers among the unpacked ones. Short, because mount options are.
#[must_use]
pub fn chain(layers: &[Digest]) -> String {
    let mut hasher = Hasher::new(pith_image::Algorithm::Sha256);
    layers.iter().for_each(|layer| hasher.update(layer.to_string().as_bytes()));
    hasher.finish().hex().get(..32).unwrap_or_default().to_owned()
}

/// Who else may use a cache directory meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CacheSharing {
    /// Everybody who shares too.
    Shared,
    /// Whoever comes second gets another one.
    Private,
    /// Whoever comes second waits.
    Locked,
}

/// Something to mount for one command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum JobMount {
    /// Files of layers.
    Layers {
        /// Where to.
        target: String,
        /// The layers.
        layers: Vec<JobLayer>,
        /// The path in them, links resolved.
        source: String,
        /// Whether writing is allowed; it is thrown away.
        writable: bool,
    },
    /// A directory that lives on.
    Cache {
        /// Where to.
        target: String,
        /// Its directory in the cache.
        directory: PathBuf,
        /// Who else may use it.
        sharing: CacheSharing,
        /// Permissions when it is made.
        mode: u32,
        /// Owner and group when it is made.
        owner: (u32, u32),
        /// Whether writing is allowed.
        writable: bool,
    },
    /// Memory.
    Tmpfs {
        /// Where to.
        target: String,
        /// Limit.
        size_bytes: Option<u64>,
    },
    /// A file that exists only in memory.
    File {
        /// Where to.
        target: String,
        /// What is in it.
        bytes: Vec<u8>,
        /// Permissions.
        mode: u32,
        /// Owner and group.
        owner: (u32, u32),
    },
    /// A file or socket of the host.
    Host {
        /// Where to.
        target: String,
        /// What.
        path: PathBuf,
    },
}

/// A command to run on layers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunJob {
    /// The layers below.
    pub layers: Vec<JobLayer>,
    /// Program and arguments.
    pub args: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// User, group, further groups.
    pub user: (u32, u32, Vec<u32>),
    /// Mounts, in order.
    pub mounts: Vec<JobMount>,
    /// Whether it sees the host's network.
    pub host_network: bool,
    /// What runs it.
    pub runtime: Runtime,
    /// No time is later.
    pub epoch_s: Option<u64>,
}

/// What to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Task {
    /// Tries whether commands can be run at all.
    Probe,
    /// Removes a directory whose files may belong to anybody.
    Remove(PathBuf),
    /// Runs a command.
    Run(Box<RunJob>),
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// With which rights.
    pub rights: Rights,
    /// Whether overlayfs may be used.
    pub overlay: bool,
    /// The cache.
    pub cache: PathBuf,
    /// A directory for this job alone.
    pub scratch: PathBuf,
    /// What to do.
    pub task: Task,
}

impl Job {
    /// Where the answer is put.
    #[must_use]
    pub fn answer_path(scratch: &Path) -> PathBuf {
        scratch.join("answer.json")
    }
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Commands can be run; whether overlayfs can be used for it.
    Ready {
        /// Whether overlayfs works.
        overlay: bool,
    },
    /// Done.
    Done,
    /// The command ended with this status (128 and the signal's number when a signal ended it).
    Exited(i32),
    /// The command ended well and changed files: a finished archive in the job's directory.
    Layer {
        /// The archive.
        path: PathBuf,
        /// Its digest.
        digest: Digest,
        /// Its size.
        size: u64,
    },
    /// The command ended well and changed nothing.
    Unchanged,
    /// It could not be done.
    Failed(String),
}
