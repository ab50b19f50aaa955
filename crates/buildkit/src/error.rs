//! What can go wrong with a builder.

use std::io;
use std::path::PathBuf;

/// A result about builders.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No builder's address.
    #[error("builder address {address:?}: {problem}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers, or nobody who builds.
    #[error("no builder at {address}: {problem}; is it running, and may this user speak to it?")]
    Unreachable {
        /// The builder.
        address: String,
        /// Why.
        problem: String,
    },
    /// The Dockerfile does not build.
    #[error("{message}{}", output(.log))]
    Failed {
        /// What the builder says.
        message: String,
        /// The last lines that the failing step wrote.
        log: Vec<String>,
    },
    /// A file of this machine.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A secret cannot be had.
    #[error("secret {id:?}: {problem}")]
    Secret {
        /// Its name.
        id: String,
        /// Why.
        problem: String,
    },
    /// The result is no usable image.
    #[error("the builder's result: {0}")]
    Image(#[from] pith_image::Error),
    /// The async runtime or the random numbers of this machine.
    #[error("this machine: {0}")]
    Machine(String),
}

fn output(log: &[String]) -> String {
    log.iter().map(|line| format!("\n  {line}")).collect()
}
