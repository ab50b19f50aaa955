//! A share of a processor for a monitor, by a control group of its own (cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us`).
//! Rootless, that works where the user's own group was delegated; elsewhere it is refused.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Length of an accounting period in microseconds, Docker's.
const PERIOD_US: u32 = 100_000;

/// How long a group is waited for whose last processes are on their way out.
const EMPTYING: Duration = Duration::from_secs(10);
/// How often a group is looked at that says nothing of why it cannot be removed yet.
const STEP: Duration = Duration::from_millis(5);

/// Which files a limit is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hierarchy {
    /// Directory of this process's group in the unified hierarchy.
    Unified(PathBuf),
    /// Directory of this process's group of the v1 cpu controller.
    Cpu(PathBuf),
}

/// Finds the hierarchy that has the cpu controller, from `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn find(mounts: &str, groups: &str) -> Option<Hierarchy> {
    // ID PARENT DEVICE ROOT MOUNT-POINT OPTIONS [FIELDS...] - TYPE SOURCE SUPER-OPTIONS (proc(5))
    let mount = |kind: &str, option: Option<&str>| {
        mounts.lines().find_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let mut right = right.split(' ');
            let (of, _, options) = (right.next()?, right.next()?, right.next()?);
            let fits = of == kind && option.is_none_or(|option| options.split(',').any(|known| known == option));
            fits.then(|| left.split(' ').nth(4).map(PathBuf::from))?
        })
    };
    // HIERARCHY:CONTROLLERS:PATH (cgroups(7))
    let group = |wanted: &dyn Fn(&str, &str) -> bool| {
        groups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            wanted(number, controllers).then(|| path.trim_start_matches('/').to_owned())
        })
    };
    if let (Some(mount), Some(path)) = (mount("cgroup", Some("cpu")), group(&|_, controllers| controllers.split(',').any(|c| c == "cpu"))) {
        return Some(Hierarchy::Cpu(mount.join(path)));
    }
    let (mount, path) = (mount("cgroup2", None)?, group(&|number, _| number == "0")?);
    Some(Hierarchy::Unified(mount.join(path)))
}

/// A control group that holds one monitor.
#[derive(Debug)]
pub struct CpuShare {
    directory: PathBuf,
}

impl CpuShare {
    /// Makes the group `pith-<id>` beside or below this process's own, limited to `millis` thousandths of a processor.
    ///
    /// # Errors
    /// Why it cannot be had here, as a sentence.
    pub fn new(id: &str, millis: u32) -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
        let hierarchy = find(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?);
        let hierarchy = hierarchy.ok_or("no cgroup file system with the cpu controller is mounted here")?;
        let quota_us = u64::from(millis) * u64::from(PERIOD_US) / 1000;
        let candidates: Vec<PathBuf> = match &hierarchy {
            Hierarchy::Cpu(own) => vec![own.clone()],
            // A group with processes cannot have children with controllers, so its neighbour comes first.
            Hierarchy::Unified(own) => own.parent().into_iter().chain([own.as_path()]).map(Path::to_owned).collect(),
        };
        let mut refusal = String::new();
        for parent in candidates {
            let directory = parent.join(format!("pith-{id}"));
            let made = match fs::create_dir(&directory) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            };
            let limited = made.and_then(|()| match hierarchy {
                Hierarchy::Cpu(_) => fs::write(directory.join("cpu.cfs_period_us"), PERIOD_US.to_string())
                    .and_then(|()| fs::write(directory.join("cpu.cfs_quota_us"), quota_us.to_string())),
                Hierarchy::Unified(_) => fs::write(directory.join("cpu.max"), format!("{quota_us} {PERIOD_US}")),
            });
            match limited {
                Ok(()) => return Ok(Self { directory }),
                Err(error) => {
                    refusal = format!("{}: {error}", directory.display());
                    let _ = fs::remove_dir(&directory);
                }
            }
        }
        Err(refusal)
    }

    /// The group's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Moves a process with all its threads into the group.
    ///
    /// # Errors
    /// Those of the control group file system.
    pub fn add(&self, pid: u32) -> io::Result<()> {
        fs::write(self.directory.join("cgroup.procs"), pid.to_string())
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        // Still there when the monitor is, or a helper of its that ends when this process lets go of it: the record names it, and removing the machine removes it.
        let _ = fs::remove_dir(&self.directory);
    }
}

/// Removes a group. Its processes have been told to end, or end with the one that was: helpers of a monitor may outlive it for a moment, and until they are gone
/// the group cannot be removed (EBUSY).
///
/// # Errors
/// Those of the control group file system; a group in which something is still running after a while.
pub fn remove(directory: &Path) -> io::Result<()> {
    let deadline = Instant::now() + EMPTYING;
    loop {
        // Looked at first: what changes after that is noticed.
        let inhabited = Inhabited::look(directory);
        match fs::remove_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                inhabited.until_changed(deadline.saturating_duration_since(Instant::now()));
            }
            other => return other,
        }
    }
}

/// What tells of the end of a group's processes.
enum Inhabited {
    /// Its `cgroup.events`, read when it said `populated 1` (cgroup v2): asks for attention when it says something else.
    Events(File),
    /// Its processes (v1).
    Processes(Vec<OwnedFd>),
}

impl Inhabited {
    fn look(directory: &Path) -> Self {
        let mut text = String::new();
        if let Ok(mut events) = File::open(directory.join("cgroup.events"))
            && events.read_to_string(&mut text).is_ok()
            && text.lines().any(|line| line == "populated 1")
        {
            return Self::Events(events);
        }
        let list = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        let pids = list.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?));
        Self::Processes(pids.filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect())
    }

    /// Sleeps until something has changed, or for so long.
    fn until_changed(&self, limit: Duration) {
        let mut waited: Vec<PollFd<'_>> = match self {
            Self::Events(events) => vec![PollFd::new(events, PollFlags::PRI)],
            Self::Processes(processes) => processes.iter().map(|process| PollFd::new(process, PollFlags::IN)).collect(),
        };
        let limit = Timespec::try_from(if waited.is_empty() { limit.min(STEP) } else { limit }).ok();
        // Ready, out of time or interrupted: the caller sees which.
        let _ = poll(&mut waited, limit.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_group_goes_with_its_last_process() {
        let id = format!("test-{}", std::process::id());
        // Without a control group of our own there is nothing to test.
        let Ok(share) = CpuShare::new(&id, 500) else { return };
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        share.add(child.id()).unwrap();
        let directory = share.directory().to_owned();
        assert_eq!(fs::remove_dir(&directory).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        std::thread::scope(|scope| {
            let removal = scope.spawn(|| remove(&directory));
            // Its input ends.
            drop(child.stdin.take());
            child.wait().unwrap();
            removal.join().unwrap().unwrap();
        });
        assert!(!directory.exists());
        remove(&directory).unwrap();
    }

    #[test]
    fn both_hierarchies_are_found() {
        let v2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        assert_eq!(
            find(v2, "0::/user.slice/session-1.scope\n"),
            Some(Hierarchy::Unified(PathBuf::from("/sys/fs/cgroup/user.slice/session-1.scope")))
        );
        let v1 = "40 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n41 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(find(v1, "3:cpu,cpuacct:/\n0::/\n"), Some(Hierarchy::Cpu(PathBuf::from("/sys/fs/cgroup/cpu,cpuacct"))));
        assert_eq!(find("", "0::/\n"), None);
    }
}
