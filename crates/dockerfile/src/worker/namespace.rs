//! Processes between the engine and the command. Nothing they mount or start outlives them.
//!
//! ```text
//! engine --spawns--> outer   makes the namespaces (user, mount, process ids); has root's rights in them
//!                      `--spawns--> inner   process 1 in there: unpacks, mounts, runs the runtime, makes the layer
//! ```
//! Both ask to be killed when their parent dies, and when process 1 of a namespace dies, so does everything in it; its mounts go with it. So a
//! `kill -9` of any of them, or of the engine, leaves files under `tmp/` and nothing else.

use super::job::{Answer, Job, Rights};
use super::{WORKER, inside};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getgid, getuid, set_parent_process_death_signal};
use rustix::thread::UnshareFlags;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

const OUTER: &str = "outer";
const INNER: &str = "inner";
const MAPPER: &str = "mapper";

/// Runs the worker if the arguments (without the program's name) ask for it. A program that builds Dockerfiles calls this before it does anything
/// else, while it has one thread.
#[must_use]
pub fn run_if_asked(args: &[String]) -> Option<ExitCode> {
    let [first, role, rest @ ..] = args else { return None };
    if first != WORKER {
        return None;
    }
    let done = match (role.as_str(), rest) {
        (OUTER, []) => outer(),
        (INNER, []) => inner(),
        (MAPPER, [pid]) => mapper(pid),
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    };
    Some(done.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

/// The arguments that start a worker.
pub(super) fn outer_args() -> [&'static str; 2] {
    [WORKER, OUTER]
}

fn itself(args: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(args);
    command
}

fn answer(scratch: &Path, answer: &Answer) -> io::Result<()> {
    let text = serde_json::to_vec(answer)?;
    let temporary = scratch.join("answer.tmp");
    fs::write(&temporary, text)?;
    fs::rename(temporary, Job::answer_path(scratch))
}

#[expect(deprecated, reason = "its successor is unsafe for the sake of CLONE_FILES, which is not among these flags")]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    rustix::thread::unshare(flags).map_err(Into::into)
}

/// Maps the ids of a user namespace: root is the user, the rest is the range of `/etc/subuid`. That takes set-user-id programs, and a process
/// outside the namespace.
fn enter_user_namespace(rights: Rights) -> io::Result<()> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    if rights == Rights::Single {
        unshare(UnshareFlags::NEWUSER)?;
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
        return fs::write("/proc/self/gid_map", format!("0 {gid} 1"));
    }
    let mut mapper = itself(&[WORKER, MAPPER, &std::process::id().to_string()]).stdin(Stdio::piped()).spawn()?;
    unshare(UnshareFlags::NEWUSER)?;
    drop(mapper.stdin.take());
    if mapper.wait()?.success() { Ok(()) } else { Err(io::Error::other("newuidmap or newgidmap failed; see /etc/subuid and /etc/subgid")) }
}

/// First id and number of ids that a file gives to the user.
pub(super) fn subordinate(file: &str) -> Option<(u32, u32)> {
    let uid = getuid().as_raw().to_string();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid)).and_then(|line| line.split(':').next());
    let text = fs::read_to_string(file).ok()?;
    let line = text
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&uid.as_str()) || fields.first().copied() == name)?;
    Some((line.get(1)?.parse().ok()?, line.get(2)?.parse().ok()?))
}

/// Waits for the namespace, then maps ids into it.
fn mapper(pid: &str) -> io::Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    for (program, file, own) in [("newuidmap", "/etc/subuid", getuid().as_raw()), ("newgidmap", "/etc/subgid", getgid().as_raw())] {
        let (first, count) = subordinate(file).ok_or(io::ErrorKind::NotFound)?;
        let numbers = [0, own, 1, 1, first, count].map(|number| number.to_string());
        if !Command::new(program).arg(pid).args(numbers).status()?.success() {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
    }
    Ok(())
}

fn die_with_parent() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

fn read_job() -> io::Result<(Job, String)> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let job = serde_json::from_str(&line)?;
    Ok((job, line))
}

fn outer() -> io::Result<()> {
    die_with_parent()?;
    let (job, line) = read_job()?;
    let entered = (|| {
        if job.rights != Rights::Root {
            enter_user_namespace(job.rights)?;
        }
        unshare(UnshareFlags::NEWNS | UnshareFlags::NEWPID)
    })();
    if let Err(error) = entered {
        return answer(&job.scratch, &Answer::Failed(format!("namespaces for the command cannot be made: {error}")));
    }
    let mut inner = itself(&[WORKER, INNER]).stdin(Stdio::piped()).spawn()?;
    let mut pipe = inner.stdin.take();
    if let Some(pipe) = &mut pipe {
        pipe.write_all(line.as_bytes())?;
    }
    let status = inner.wait()?;
    drop(pipe);
    if !status.success() && !Job::answer_path(&job.scratch).exists() {
        return answer(&job.scratch, &Answer::Failed(format!("the worker ended with {status}")));
    }
    Ok(())
}

fn inner() -> io::Result<()> {
    die_with_parent()?;
    // The parent may have died before that could be asked for; then nobody holds the other end of the pipe.
    let stdin = io::stdin();
    let mut ends = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
    poll(&mut ends, None)?;
    if ends.iter().any(|end| end.revents().contains(PollFlags::HUP)) {
        return Err(io::Error::from(io::ErrorKind::BrokenPipe));
    }
    let (job, _) = read_job()?;
    let done = inside::carry_out(&job).unwrap_or_else(|error| Answer::Failed(error.to_string()));
    answer(&job.scratch, &done)
}
