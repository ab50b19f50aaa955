//! A share of a processor for a monitor, by a control group of its own (cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us`).
//! Rootless, that works where the user's own group was delegated; elsewhere it is refused.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Length of an accounting period in microseconds, Docker's.
const PERIOD_US: u32 = 100_000;

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
        // Still there when the monitor is: the record names it, and removing the machine removes it.
        let _ = fs::remove_dir(&self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
