//! Where a machine keeps its state, and whether it tidied up.

use crate::follow::until_written;
use crate::{DEADLINE, pith};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A state directory and a directory for temporary files, for one test.
pub struct Place {
    dir: PathBuf,
    /// Removes it.
    temporary: Option<tempfile::TempDir>,
    variables: Vec<(String, String)>,
}

impl Place {
    /// A new one, removed at its end.
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let mut place = Self::kept(temporary.path());
        place.temporary = Some(temporary);
        place
    }

    /// One that is there already, or will be, and stays: for what is costly to make again. Others may be using it at the same time.
    pub fn kept(dir: &Path) -> Self {
        for name in ["data", "tmp"] {
            std::fs::create_dir_all(dir.join(name)).expect("a directory in it");
        }
        Self { dir: dir.to_owned(), temporary: None, variables: Vec::new() }
    }

    /// Sets an environment variable for its commands.
    pub fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Whether it is this test's alone.
    pub(crate) fn is_own(&self) -> bool {
        self.temporary.is_some()
    }

    /// A file of the test's own in it.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.join(name);
        std::fs::write(&path, bytes).expect("a file of ours");
        path
    }

    /// What is in such a file now.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.dir.join(name)).unwrap_or_default()).into_owned()
    }

    /// A directory of the test's own in it.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        std::fs::create_dir_all(&path).expect("a directory of ours");
        path
    }

    /// Where the command keeps its state.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A `pith` command that keeps everything here.
    pub fn pith(&self) -> Command {
        let mut command = pith(&self.data());
        command.env("TMPDIR", self.dir.join("tmp")).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Waits until a machine has written this since it was made.
    pub fn wait_for_output(&self, name: &str, expected: &str) {
        let mut command = self.pith();
        command.args(["logs", "-f", name]);
        until_written(command, expected, DEADLINE);
    }

    /// Nothing of a machine may remain: no state, no temporary file, no process.
    pub fn assert_clean(&self) {
        for name in ["data/machines", "tmp"] {
            let left: Vec<_> = std::fs::read_dir(self.dir.join(name)).into_iter().flatten().flatten().map(|e| e.path()).collect();
            assert!(left.is_empty(), "left behind: {left:?}");
        }
        let left = self.processes();
        assert!(left.is_empty(), "processes left behind: {left:?}");
    }

    /// Processes that were started with this place's state directory, as `id: command line`.
    pub fn processes(&self) -> Vec<String> {
        let name = |dir: &Path| String::from_utf8_lossy(&std::fs::read(dir.join("cmdline")).unwrap_or_default()).replace('\0', " ");
        self.process_directories().iter().map(|dir| format!("{}: {}", dir.display(), name(dir))).collect()
    }

    /// The directories in /proc of processes that were started with this place's state directory.
    fn process_directories(&self) -> Vec<PathBuf> {
        let mark = format!("PITH_DATA_DIR={}", self.data().display());
        let all = std::fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
        let environment = |dir: &Path| std::fs::read(dir.join("environ")).unwrap_or_default();
        all.filter(|dir| environment(dir).split(|b| *b == 0).any(|variable| variable == mark.as_bytes())).collect()
    }
}

/// A test that fails leaves no machine behind.
impl Drop for Place {
    fn drop(&mut self) {
        let left = if self.is_own() { self.process_directories() } else { Vec::new() };
        for id in left.iter().filter_map(|dir| dir.file_name()) {
            let _ = Command::new("kill").arg("-KILL").arg(id).stderr(Stdio::null()).status();
        }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}
