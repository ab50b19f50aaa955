//! The bundle that the runtime gets (OCI runtime specification, config.md).

use super::job::{Rights, RunJob};
use super::seccomp;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// As commands of BuildKit see it.
pub(super) const HOSTNAME: &str = "buildkitsandbox";

/// What root may do in a build: Docker's list.
const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

const MASKED: [&str; 8] = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
];

const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// A file or directory to be seen somewhere else.
pub(super) struct Bind {
    source: Option<PathBuf>,
    pub target: String,
    writable: bool,
    size_bytes: Option<u64>,
}

impl Bind {
    pub(super) fn new(source: &Path, target: &str, writable: bool) -> Self {
        Self { source: Some(source.to_owned()), target: target.to_owned(), writable, size_bytes: None }
    }

    pub(super) fn tmpfs(target: &str, size_bytes: Option<u64>) -> Self {
        Self { source: None, target: target.to_owned(), writable: true, size_bytes }
    }

    fn value(&self) -> Value {
        let Some(source) = &self.source else {
            let mut options = vec!["nosuid".to_owned(), "nodev".to_owned(), "mode=1777".to_owned()];
            options.extend(self.size_bytes.map(|size| format!("size={size}")));
            return json!({ "destination": self.target, "type": "tmpfs", "source": "tmpfs", "options": options });
        };
        let access = if self.writable { "rw" } else { "ro" };
        json!({ "destination": self.target, "type": "bind", "source": source, "options": ["rbind", "nosuid", "nodev", access] })
    }
}

fn fixed(rights: Rights, host_network: bool) -> Vec<Value> {
    let pts = match rights {
        // The group of terminals is not there to be had.
        Rights::Single => json!(["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        _ => json!(["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    };
    // A user may mount sysfs only together with a network of its own.
    let sys = if rights == Rights::Root || !host_network {
        json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] })
    } else {
        json!({ "destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "nosuid", "noexec", "nodev", "ro"] })
    };
    vec![
        json!({ "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"] }),
        json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] }),
        json!({ "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": pts }),
        json!({ "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] }),
        json!({ "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"] }),
        sys,
    ]
}

/// Everything that gets a mount point.
pub(super) fn targets(binds: &[Bind]) -> Vec<String> {
    let own = ["/proc", "/dev", "/sys"].map(ToOwned::to_owned);
    own.into_iter().chain(binds.iter().map(|bind| bind.target.clone())).collect()
}

/// Writes `config.json`.
pub(super) fn write(bundle: &Path, root: &Path, run: &RunJob, rights: Rights, binds: &[Bind]) -> io::Result<()> {
    let mut namespaces = vec!["pid", "ipc", "uts", "mount"];
    if !run.host_network {
        namespaces.push("network");
    }
    let namespaces: Vec<Value> = namespaces.into_iter().map(|kind| json!({ "type": kind })).collect();
    let mut mounts = fixed(rights, run.host_network);
    mounts.extend(binds.iter().map(Bind::value));
    let (uid, gid, groups) = &run.user;
    let mut user = json!({ "uid": uid, "gid": gid });
    if rights != Rights::Single {
        user["additionalGids"] = json!(groups);
    }
    let allowed: &[&str] = &CAPABILITIES;
    // Only root has them from the start; programs with the set-user-id bit get them.
    let own: &[&str] = if *uid == 0 { allowed } else { &[] };
    let config = json!({
        "ociVersion": "1.0.2",
        "root": { "path": root, "readonly": false },
        "hostname": HOSTNAME,
        "process": {
            "terminal": false,
            "user": user,
            "args": run.args,
            "env": run.env,
            "cwd": run.cwd,
            "noNewPrivileges": false,
            "capabilities": { "bounding": allowed, "permitted": own, "effective": own },
        },
        "mounts": mounts,
        "linux": { "namespaces": namespaces, "maskedPaths": MASKED, "readonlyPaths": READ_ONLY, "seccomp": seccomp::profile() },
    });
    fs::write(bundle.join("config.json"), serde_json::to_vec(&config)?)
}
