//! A network of a test's own: a network namespace that goes with the value, whatever happens to the test.
//!
//! It is held by a process that reads from the test until that is gone; programs in it are killed with the thread that started them. Root makes it as it
//! is; other users need a kernel that lets them have a user namespace, and `/dev/net/tun` for taps.

use crate::{Outcome, finish};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A network namespace.
pub struct Namespace {
    holder: Child,
    user: bool,
}

impl Namespace {
    /// An empty one, its loopback up.
    pub fn new() -> Self {
        let user = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0);
        let mut command = Command::new("unshare");
        if user {
            command.arg("--map-root-user");
        }
        command.args(["--net", "--", "sh", "-c", "echo made; exec cat"]);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare(1) of util-linux");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut said).expect("its output");
        assert_eq!(said, "made\n", "this machine lets us have no network namespace: run the tests as root, or allow user namespaces");
        let namespace = Self { holder, user };
        namespace.sh("ip link set lo up");
        namespace
    }

    /// A program that will run in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--net"]);
        if self.user {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--", "setpriv", "--pdeathsig", "KILL", "--", program]);
        command
    }

    /// Runs a client to its end.
    pub fn run(&self, program: &str, args: &[&str]) -> Outcome {
        let mut command = self.command(program);
        command.args(args);
        finish(command, Stdio::null())
    }

    /// Runs shell commands that must succeed; their output.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let outcome = self.run("sh", &["-euc", script]);
        assert!(outcome.status.success(), "{script}\n{}{}", outcome.out(), outcome.err());
        outcome.out()
    }

    /// Starts a program that runs until it is dropped.
    pub fn background(&self, program: &str, args: &[&str]) -> Background {
        let mut command = self.command(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
        Background(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")))
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A program in the background, killed when this value goes.
pub struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
