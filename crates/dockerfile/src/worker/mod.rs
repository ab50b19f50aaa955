//! Commands.

use std::path::Path;

/// How commands are run.
#[derive(Clone, Debug, Default)]
pub struct Commands {}

impl Commands {
    /// Removes a directory.
    pub fn remove(&self, _path: &Path) {}
}

impl Commands {
    /// Commands run by a program.
    #[must_use]
    pub fn new(_program: &Path) -> Self {
        Self::default()
    }
}
