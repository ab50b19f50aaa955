//! Which accelerator works here?
//!
//! `/dev/kvm` may open, answer every question and still be unable to run an ordinary guest: some cloud machines offer a KVM
//! that interprets every ring-0 instruction and fails at the first SSE one. So code is run before KVM is chosen: a
//! throw-away virtual CPU executes `cmpxchg16b`, a square root and a million loop turns ([`vcpu`]), in a child process. The
//! loop is judged by the child's CPU time, not by wall time, which a busy machine stretches; what the child needs to start,
//! much under emulation, does not count. The verdict is kept per boot.

pub mod vcpu;

use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// CPU time the loop may use. Hardware takes 1 ms, nested virtualisation under TCG 5 to 50, an interpreter seconds.
const CPU_LIMIT: Duration = Duration::from_millis(100);
/// Wall time after which a machine is too busy to be waited for.
const WALL_LIMIT: Duration = Duration::from_secs(3);
/// How often the child is looked at.
const STEP: Duration = Duration::from_millis(1);

/// Whether KVM can be used, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It runs ordinary guests.
    Usable,
    /// It does not; the text completes "KVM is not usable: ".
    Unusable(String),
}

#[derive(Serialize, Deserialize)]
struct Cached {
    boot_id: String,
    /// `/dev/kvm` as it was: its device number, owner, mode and whether we may open it can change while running.
    device: String,
    verdict: Verdict,
}

fn boot_id() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

fn device_state() -> String {
    use std::os::unix::fs::MetadataExt;
    match fs::metadata("/dev/kvm") {
        Ok(found) => format!("{}:{:o}:{}:{}:{}", found.rdev(), found.mode(), found.uid(), found.gid(), rustix::process::geteuid().as_raw()),
        Err(_) => "absent".to_owned(),
    }
}

/// The verdict for this boot, from `cache` when it is there, else by trial. `probe_command` is a program and arguments
/// that call [`vcpu::report`].
pub fn kvm(cache: &Path, probe_command: &[&str]) -> Verdict {
    let (boot_id, device) = (boot_id(), device_state());
    if device == "absent" {
        return Verdict::Unusable("there is no /dev/kvm".to_owned());
    }
    let known = fs::read(cache).ok().and_then(|bytes| serde_json::from_slice::<Cached>(&bytes).ok());
    if let Some(known) = known.filter(|known| Some(&known.boot_id) == boot_id.as_ref() && known.device == device) {
        return known.verdict;
    }
    let verdict = try_it(probe_command);
    if let (Some(boot_id), Verdict::Usable | Verdict::Unusable(_)) = (boot_id, &verdict) {
        // Best effort: without the cache the next start only takes a few milliseconds more.
        let text = serde_json::to_vec(&Cached { boot_id, device, verdict: verdict.clone() }).unwrap_or_default();
        let temporary = cache.with_extension(format!("tmp{}", std::process::id()));
        let _ = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, cache));
    }
    verdict
}

fn try_it(probe_command: &[&str]) -> Verdict {
    let Some((program, arguments)) = probe_command.split_first() else {
        return Verdict::Unusable("no probe".to_owned());
    };
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return Verdict::Unusable(format!("the probe could not be started: {error}")),
    };
    let (tell, lines) = channel();
    if let Some(output) = child.stdout.take() {
        // Ends with the child, which closes its output.
        std::thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).all(|line| tell.send(line).is_ok()));
    }
    let started = Instant::now();
    let mut loop_began = None;
    let mut result = Verdict::Unusable("the trial machine crashed".to_owned());
    loop {
        match lines.recv_timeout(STEP) {
            Ok(line) if line == vcpu::COMPUTED => loop_began = Some(cpu_time(child.id())),
            Ok(line) if line == vcpu::USABLE => result = Verdict::Usable,
            Ok(reason) => result = Verdict::Unusable(reason),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if loop_began.is_some_and(|before| cpu_time(child.id()).saturating_sub(before) > CPU_LIMIT) {
            result = Verdict::Unusable("it interprets instructions instead of running them (over 100 ms for a million turns)".to_owned());
            break;
        }
        if started.elapsed() > WALL_LIMIT {
            result = Verdict::Unusable("no result from a trial machine in 3 s".to_owned());
            break;
        }
    }
    // Already ended, or to be ended now: an error here changes nothing.
    let _ = child.kill();
    let _ = child.wait();
    result
}

/// CPU time of a process so far (first field of `/proc/PID/schedstat`, nanoseconds).
fn cpu_time(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}
