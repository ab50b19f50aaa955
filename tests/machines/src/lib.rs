//! The harness: boots machines with the command line, as a user does, and hides how.
//!
//! [`run`] is one machine from start to end; [`Server`] is a machine that answers on a published port until it is stopped; [`Place`] is where either keeps
//! its state, for tests that need more than one command. Every machine gets a place of its own and a deadline, so that a hung guest fails its test and
//! leaves nothing behind, and [`Place::assert_clean`] says what was left all the same.

pub mod archive;
pub mod catalog;
pub mod elf;
mod follow;
pub mod guest;
pub mod linux;
mod namespace;
mod place;
mod port;
mod root;
mod server;
pub use namespace::{Background, Namespace};
pub use place::Place;
pub use port::free_port;
pub use root::root_directory;
pub use server::Server;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long any machine may take. Generous: under emulation on a busy host everything is slow, and only a hang should meet it.
pub const DEADLINE: Duration = Duration::from_secs(300);

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is there")
}

/// The command under test: `$PITH`, else what `make build` leaves.
pub fn pith_path() -> PathBuf {
    std::env::var_os("PITH").map_or_else(|| root().join("target/release/pith"), PathBuf::from)
}

/// Where built programs and root directories lie: `$FIXTURES`, else `target/fixtures`.
pub fn fixtures() -> PathBuf {
    std::env::var_os("FIXTURES").map_or_else(|| root().join("target/fixtures"), PathBuf::from)
}

/// A built kernel image: in `$KERNEL_IMAGES`, else where `make images` leaves them.
pub fn kernel_image(preset: &str) -> PathBuf {
    let directory = std::env::var_os("KERNEL_IMAGES").map_or_else(|| root().join("kernel/target/images"), PathBuf::from);
    let path = directory.join(format!("{preset}-x86_64"));
    assert!(path.exists(), "{} is missing: `make images` builds it", path.display());
    path
}

/// A command that is killed with the thread that starts it: a test that is ended from outside leaves nothing running.
pub fn bound(program: impl AsRef<OsStr>) -> Command {
    // By its path: some tests take PATH away.
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// A `pith` command with a state directory of its own, colourless, without the user's configuration.
pub fn pith(state: &Path) -> Command {
    let mut command = bound(pith_path());
    command.env("PITH_DATA_DIR", state).env("NO_COLOR", "1").env("PITH_CONFIG_DIR", state.join("no-configuration"));
    for variable in [
        "PITH_QEMU_MACHINE",
        "KRAFTKIT_LOG_LEVEL",
        "KRAFTKIT_LOG_TYPE",
        "KRAFTKIT_QEMU",
        "KRAFTKIT_RUNTIME_DIR",
        "PITH_RUNTIME_DIR",
        "KRAFTKIT_BUILDKIT_HOST",
    ] {
        command.env_remove(variable);
    }
    command
}

/// A built program of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    let path = fixtures().join(name);
    assert!(path.exists(), "{} is missing: `make fixtures` builds it", path.display());
    path
}

/// What a finished command left.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Outcome {
    /// Exit code; a signal counts as 128 and its number, as shells say it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> Collected {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// A reader of a child's output, until its end.
type Collected = std::thread::JoinHandle<Vec<u8>>;

/// Starts a command without input; its output and errors are collected from the first byte.
fn start_collecting(mut command: Command) -> (Child, Collected, Collected) {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let out = collect(child.stdout.take().expect("piped"));
    let err = collect(child.stderr.take().expect("piped"));
    (child, out, err)
}

/// Waits for a child until `deadline`; ends it (this very process) when that passes.
fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let end = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).expect("a child of ours");
    loop {
        if let Some(status) = child.try_wait().expect("waiting for a child of ours") {
            return Some(status);
        }
        let left = Timespec::try_from(deadline.checked_duration_since(Instant::now())?).expect("a short time");
        // Ready, out of time or interrupted: the loop sees which.
        let _ = poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&left));
    }
}

/// Ends a child gracefully, or at least.
fn end(child: &mut Child) {
    if child.try_wait().ok().flatten().is_none() {
        interrupt(child, "TERM");
        if wait_until(child, Instant::now() + Duration::from_secs(15)).is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a command to its end, with a deadline.
pub fn finish(mut command: Command, stdin: Stdio) -> Outcome {
    finish_from(&mut command, stdin)
}

fn finish_from(command: &mut Command, stdin: Stdio) -> Outcome {
    let mut child =
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let out = collect(child.stdout.take().expect("piped"));
    let err = collect(child.stderr.take().expect("piped"));
    let status = wait_until(&mut child, Instant::now() + DEADLINE).unwrap_or_else(|| {
        end(&mut child);
        child.wait().expect("our child")
    });
    Outcome { status, stdout: out.join().expect("reader"), stderr: err.join().expect("reader") }
}

/// Runs a command to its end, with a deadline and `input` as its standard input.
pub fn finish_with(mut command: Command, input: &[u8]) -> Outcome {
    let (read, mut write) = std::io::pipe().expect("a pipe");
    let input = input.to_vec();
    // A command that ends early closes the pipe: its matter.
    let writer = std::thread::spawn(move || drop(write.write_all(&input)));
    // The command would otherwise keep the reading end open and the writer alive.
    let outcome = finish_from(&mut command, read.into());
    drop(command);
    writer.join().expect("writer");
    outcome
}

/// Sends a signal to a child of ours.
pub fn interrupt(child: &Child, signal: &str) {
    let _ = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
}

/// One machine from start to end: `pith run -W --rm ARGS...`.
pub fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Outcome {
    run_with(args, &[])
}

/// One machine from start to end with this standard input.
pub fn run_with<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I, input: &[u8]) -> Outcome {
    let place = Place::new();
    let mut command = place.pith();
    command.args(["run", "-W", "--rm"]).args(args);
    let outcome = finish_with(command, input);
    place.assert_clean();
    outcome
}

/// Looks every few milliseconds until `ready`, at most to the deadline. For what no event tells: the state of other processes and what a guest answers.
pub fn wait_for(mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !ready() {
        assert!(Instant::now() < deadline, "waited for {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Looks until `ready` what is to come of a child, which is waited for meanwhile: whether a guest answers, nobody outside is told.
///
/// # Errors
/// The child ended before, or not in time: which of both.
fn wait_for_child(child: &mut Child, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    while !ready() {
        if let Some(status) = wait_until(child, Instant::now() + Duration::from_millis(10)) {
            return Err(format!("the machine ended before: {status}"));
        }
        if Instant::now() > deadline {
            return Err(format!("not in {limit:?}"));
        }
    }
    Ok(())
}
