//! A `pith` with a home of its own and a stand-in for QEMU.
#![allow(dead_code, reason = "not every test file uses every helper")]

#[path = "../../../../tests/machines/src/follow.rs"]
mod follow;
#[path = "../../../../tests/machines/src/port.rs"]
mod port;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub struct Home {
    directory: tempfile::TempDir,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    pub fn new() -> Self {
        let home = Self { directory: tempfile::tempdir().unwrap() };
        // It knows of users, as far as can be seen from outside.
        fs::write(home.path("kernel"), [vec![0; 1000], b"pith.user".to_vec()].concat()).unwrap();
        fs::create_dir_all(home.path("root/bin")).unwrap();
        fs::write(home.path("root/bin/app"), vec![1; 10_000]).unwrap();
        fs::set_permissions(home.path("root/bin/app"), fs::Permissions::from_mode(0o755)).unwrap();
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `pith` with its surroundings, not yet started. It runs in the home directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pith"));
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.directory.path());
        command.env("PITH_DATA_DIR", self.path("data")).env("PITH_KERNEL", self.path("kernel"));
        command.env("KRAFTKIT_QEMU", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-vmm.sh"));
        command
    }

    pub fn pith(&self, arguments: &[&str]) -> Done {
        self.finish(self.command(arguments).output().unwrap())
    }

    /// Output as text, the home directory's path taken out.
    pub fn finish(&self, output: Output) -> Done {
        let home = self.directory.path().display().to_string();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace(&home, "HOME");
        Done { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Names in the machine directory, half-made ones included.
    pub fn machines(&self) -> Vec<String> {
        let list = fs::read_dir(self.path("data/machines")).into_iter().flatten().flatten();
        list.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Every command of `pith --help`, with the commands below it, in words.
    pub fn commands(&self) -> Vec<Vec<String>> {
        let listed = |words: &[&str]| {
            let text = self.pith(&[words, &["--help"]].concat()).out;
            let lines = text.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ") && !line.starts_with("  -"));
            let names =
                lines.filter_map(|line| line.trim_start().split_once("  ")).filter(|(name, _)| *name != "help" && !name.contains(' '));
            names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        let mut all = Vec::new();
        for name in listed(&[]) {
            all.push(vec![name.clone()]);
            if self.pith(&[&name, "--help"]).out.contains("\nCommands:\n") {
                all.extend(listed(&[&name]).into_iter().map(|below| vec![name.clone(), below]));
            }
        }
        all
    }

    /// Processes that were started with this home.
    pub fn processes(&self) -> BTreeSet<u64> {
        let mark = format!("PITH_DATA_DIR={}", self.path("data").display());
        let ours = |pid: &u64| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        };
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(ours).collect()
    }

    /// Waits until the last of them is gone.
    pub fn until_alone(&self, what: &str) {
        while let Some(pid) = self.processes().first() {
            until_gone(what, *pid);
        }
    }

    /// Waits until a machine has written this since it was made.
    pub fn until_written(&self, name: &str, expected: &str) {
        follow::until_written(self.command(&["logs", "-f", name]), expected, LIMIT);
    }

    /// A field of a machine's record.
    pub fn record(&self, name: &str) -> serde_json::Value {
        let text = fs::read(self.path(&format!("data/names/{name}/machine.json"))).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

/// A test that fails leaves no machine behind.
impl Drop for Home {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

/// Only what hangs meets it: other tests may have the machine for minutes.
const LIMIT: Duration = Duration::from_secs(300);

/// Waits for something that must come true and that no event tells of, such as what several files say together.
pub fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < LIMIT, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a process that is on its way out is gone.
pub fn until_gone(what: &str, pid: u64) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    let limit = Timespec::try_from(LIMIT).unwrap();
    assert_eq!(poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)), Ok(1), "{what}: {pid:?} is still there");
}

/// A port that nobody else is given while this test runs.
pub fn free_port() -> u16 {
    port::free_port()
}

/// Numbers that look random (Knuth's MMIX generator), below `limit`.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}
