//! Commands of `RUN`: in namespaces, by an OCI runtime (crun or runc), with root's rights or a user's.
//!
//! The engine starts a process for each command ([`Commands`]); what happens in there is [`namespace`] (who lives as long as whom), [`view`]
//! (layers as one directory), [`oci`] (what the runtime is told), [`diff`] (the layer that comes out).

mod diff;
mod inside;
pub mod job;
mod namespace;
mod oci;
mod seccomp;
mod unpack;
mod view;

use crate::engine::Cancel;
use job::{Answer, Job, Rights, RunJob, Runtime, RuntimeKind, Task};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;

/// The first argument of a program that is to be a worker.
pub const WORKER: &str = "dockerfile-worker";

/// How commands are run.
#[derive(Debug)]
pub struct Commands {
    program: PathBuf,
    rights: Rights,
    runtime: Option<Runtime>,
    overlay_allowed: bool,
    probed: OnceLock<Result<bool, String>>,
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // runc lives in a directory that users do not always search.
    let more = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|directory| directory.join(name)).find(|candidate| candidate.is_file())
}

fn rights() -> Rights {
    let given = |file| namespace::subordinate(file).is_some_and(|(_, count)| count > 1);
    if rustix::process::geteuid().is_root() {
        Rights::Root
    } else if on_path("newuidmap").is_some() && on_path("newgidmap").is_some() && given("/etc/subuid") && given("/etc/subgid") {
        Rights::Subordinate
    } else {
        Rights::Single
    }
}

impl Commands {
    /// Commands are run by `program`, which calls [`run_if_asked`] when it starts: usually `/proc/self/exe`.
    #[must_use]
    pub fn new(program: &Path) -> Self {
        let found = [("crun", RuntimeKind::Crun), ("runc", RuntimeKind::Runc)];
        let runtime = found.into_iter().find_map(|(name, kind)| on_path(name).map(|path| Runtime { kind, path }));
        Self { program: program.to_owned(), rights: rights(), runtime, overlay_allowed: true, probed: OnceLock::new() }
    }

    /// Uses this runtime; `None` is none.
    #[must_use]
    pub fn with_runtime(mut self, runtime: Option<Runtime>) -> Self {
        self.runtime = runtime;
        self
    }

    /// Copies layers instead of stacking them.
    #[must_use]
    pub fn without_overlay(mut self) -> Self {
        self.overlay_allowed = false;
        self
    }

    /// Whose rights commands have.
    #[must_use]
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// Does a job. Lines that the command writes go to `output`.
    fn send(&self, job: &Job, cancel: Option<&Cancel>, output: &(dyn Fn(Channel, &[u8]) + Sync)) -> io::Result<Answer> {
        let mut child = Command::new(&self.program)
            .args(namespace::outer_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.program.display())))?;
        if let Some(cancel) = cancel {
            cancel.running(child.id());
        }
        let mut line = serde_json::to_vec(job)?;
        line.push(b'\n');
        if let Some(mut stdin) = child.stdin.take() {
            // A worker that has died already says why by its status.
            let _ = stdin.write_all(&line);
        }
        let (out, err) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| lines(out, &|line| output(Channel::Out, line)));
            lines(err, &|line| output(Channel::Err, line));
        });
        if let Some(cancel) = cancel {
            cancel.forget(child.id());
        }
        let status = child.wait()?;
        let answer = fs::read(Job::answer_path(&job.scratch))
            .map_err(|_| io::Error::other(format!("the worker ended without an answer ({status})")))?;
        Ok(serde_json::from_slice(&answer)?)
    }

    fn job(&self, cache: &Path, scratch: &Path, overlay: bool, task: Task) -> Job {
        Job { rights: self.rights, overlay: overlay && self.overlay_allowed, cache: cache.to_owned(), scratch: scratch.to_owned(), task }
    }

    /// Whether commands can be run here at all, tried once; whether layers can be stacked.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub fn ready(&self, cache: &Path, scratch: &Path) -> Result<bool, String> {
        if self.runtime.is_none() {
            return Err("an OCI runtime is needed: install crun or runc".to_owned());
        }
        let probe = || {
            let directory = scratch.join("probe");
            let made = fs::create_dir_all(&directory);
            let answer = made.and_then(|()| self.send(&self.job(cache, &directory, true, Task::Probe), None, &|_, _| {}));
            match answer {
                Ok(Answer::Ready { overlay }) => Ok(overlay),
                Ok(Answer::Failed(reason)) => {
                    Err(format!("{reason}; user namespaces must be allowed (sysctl user.max_user_namespaces), or build as root"))
                }
                Ok(other) => Err(format!("unexpected answer {other:?}")),
                Err(error) => Err(error.to_string()),
            }
        };
        self.probed.get_or_init(probe).clone()
    }

    /// Removes a directory that holds files of other users.
    pub fn remove(&self, path: &Path) {
        let Ok(scratch) = tempfile::tempdir() else { return };
        // What cannot be removed now is tried again by the next build.
        let _ = self.send(&self.job(path, scratch.path(), false, Task::Remove(path.to_owned())), None, &|_, _| {});
    }

    /// Runs a command; [`Commands::ready`] has said that it can be.
    pub(crate) fn run(
        &self,
        cache: &Path,
        scratch: &Path,
        mut run: RunJob,
        cancel: &Cancel,
        output: &(dyn Fn(Channel, &[u8]) + Sync),
    ) -> Result<Answer, String> {
        let overlay = self.ready(cache, scratch)?;
        run.runtime = self.runtime.clone().unwrap_or(run.runtime);
        self.send(&self.job(cache, scratch, overlay, Task::Run(Box::new(run))), Some(cancel), output).map_err(|error| error.to_string())
    }
}

/// One of a command's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Longest piece of output that is passed on as one line.
const LINE_BYTES: u64 = 64 << 10;

fn lines(from: Option<impl Read>, each: &dyn Fn(&[u8])) {
    let Some(from) = from else { return };
    let mut reader = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        match reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(count) if count > 0 => each(line.strip_suffix(b"\n").unwrap_or(&line)),
            _ => return,
        }
    }
}

/// Makes this process a worker if its arguments (without the program's name) ask for that. A program that builds Dockerfiles calls this first of
/// all, while it has one thread.
#[must_use]
pub fn run_if_asked(args: &[String]) -> Option<ExitCode> {
    match args {
        [first, role, rights, root] if first == WORKER && role == unpack::ROLE => Some(match unpack::main(rights, root) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // The parent passes it on.
                let _ = writeln!(io::stderr(), "{error}");
                ExitCode::FAILURE
            }
        }),
        _ => namespace::run_if_asked(args),
    }
}
