//! Why a build failed.

use crate::cache::CacheError;
use crate::plan::PlanError;
use crate::tree::context::HostError;
use crate::tree::ignore::IgnoreError;
use pith_diagnostic::Problem;
use std::io;
use std::path::PathBuf;

/// A build that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Something in the Dockerfile, with its line.
    #[error(transparent)]
    Problem(Box<Problem>),
    /// Nothing that can be planned.
    #[error(transparent)]
    Plan(PlanError),
    /// The build context cannot be read.
    #[error("the build context: {0}")]
    Context(#[from] HostError),
    /// A `.dockerignore` file.
    #[error("{}: {error}", path.display())]
    Ignore {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: IgnoreError,
    },
    /// A file that the build was given cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Somebody asked the build to stop.
    #[error("the build was stopped")]
    Cancelled,
}

impl From<Problem> for BuildError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<PlanError> for BuildError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Problem(problem) => Self::Problem(problem),
            other => Self::Plan(other),
        }
    }
}
