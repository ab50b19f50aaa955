//! Where a machine keeps its state, and whether it tidied up.

use crate::pith;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A state directory and a directory for temporary files, for one test.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// A new one, removed at its end.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["data", "tmp"] {
            std::fs::create_dir(dir.path().join(name)).expect("a directory in it");
        }
        Self { dir }
    }

    /// A file of the test's own in it.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).expect("a file of ours");
        path
    }

    /// What is in such a file now.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.dir.path().join(name)).unwrap_or_default()).into_owned()
    }

    /// A directory of the test's own in it.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).expect("a directory of ours");
        path
    }

    /// Where the command keeps its state.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A `pith` command that keeps everything here.
    pub fn pith(&self) -> Command {
        let mut command = pith(&self.data());
        command.env("TMPDIR", self.dir.path().join("tmp"));
        command
    }

    /// Nothing of a machine may remain: no state, no temporary file, no process.
    pub fn assert_clean(&self) {
        for name in ["data/machines", "tmp"] {
            let left: Vec<_> = std::fs::read_dir(self.dir.path().join(name)).into_iter().flatten().flatten().map(|e| e.path()).collect();
            assert!(left.is_empty(), "left behind: {left:?}");
        }
        let left = self.processes();
        assert!(left.is_empty(), "processes left behind: {left:?}");
    }

    /// Processes that were started with this place's state directory, as `id: command line`.
    pub fn processes(&self) -> Vec<String> {
        let mark = format!("PITH_DATA_DIR={}", self.data().display());
        let read = |dir: &Path, name: &str| std::fs::read(dir.join(name)).unwrap_or_default();
        let all = std::fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
        let ours = all.filter(|dir| read(dir, "environ").split(|b| *b == 0).any(|variable| variable == mark.as_bytes()));
        ours.map(|dir| format!("{}: {}", dir.display(), String::from_utf8_lossy(&read(&dir, "cmdline")).replace('\0', " "))).collect()
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}
