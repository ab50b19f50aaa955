//! Process 1 of the worker's namespaces: does the job.

use super::job::{Answer, CacheSharing, Job, JobMount, Rights, RunJob, RuntimeKind, Task, chain};
use super::oci::{self, Bind};
use super::view::{self, Layers, View, Work};
use super::{diff, unpack};
use crate::tree::layer;
use rustix::fs::{FlockOperation, flock};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says what was being done when something failed.
pub(super) fn during<T>(what: &str, result: Result<T, impl Into<io::Error>>) -> io::Result<T> {
    result.map_err(|error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{what}: {error}"))
    })
}

pub(super) fn tmpfs(at: &Path) -> io::Result<()> {
    fs::create_dir_all(at)?;
    during("mounting a tmpfs", mount("tmpfs", at, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(c"mode=755")))
}

pub(super) fn carry_out(job: &Job) -> io::Result<Answer> {
    if let Task::Remove(path) = &job.task {
        fs::remove_dir_all(path)?;
        return Ok(Answer::Done);
    }
    during("making mounts private", mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC))?;
    during("mounting /proc", mount("proc", "/proc", "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None))?;
    match &job.task {
        Task::Probe => Ok(Answer::Ready { overlay: view::overlay_works(job)? }),
        Task::Run(run) => command(job, run),
        Task::Remove(_) => Ok(Answer::Done),
    }
}

/// A directory of the cache for `RUN --mount=type=cache`, locked as long as the file is open.
fn cache_directory(directory: &Path, sharing: CacheSharing, mode: u32, owner: (u32, u32), rights: Rights) -> io::Result<(PathBuf, File)> {
    for number in 0_u32.. {
        let place = if number == 0 { directory.to_owned() } else { directory.with_extension(number.to_string()) };
        fs::create_dir_all(&place)?;
        let lock = File::options().create(true).append(true).open(place.join("lock"))?;
        let operation = match sharing {
            CacheSharing::Shared => FlockOperation::LockShared,
            CacheSharing::Locked => FlockOperation::LockExclusive,
            CacheSharing::Private => FlockOperation::NonBlockingLockExclusive,
        };
        match flock(&lock, operation) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => continue,
            Err(error) => return Err(error.into()),
        }
        let data = place.join("data");
        if fs::create_dir(&data).is_ok() {
            if rights != Rights::Single {
                chown(&data, Some(owner.0), Some(owner.1))?;
            }
            fs::set_permissions(&data, fs::Permissions::from_mode(mode))?;
        }
        return Ok((data, lock));
    }
    Err(io::Error::from(io::ErrorKind::QuotaExceeded))
}

/// What a command's mounts need besides themselves.
#[derive(Default)]
struct Mounted {
    binds: Vec<Bind>,
    locks: Vec<File>,
    views: Vec<View>,
}

fn mounts(job: &Job, run: &RunJob, memory: &Path) -> io::Result<Mounted> {
    let mut mounted = Mounted::default();
    let mut caches: Vec<&JobMount> = run.mounts.iter().filter(|mount| matches!(mount, JobMount::Cache { .. })).collect();
    // Locks are taken in one order by everybody, so that two commands never wait for each other.
    caches.sort_by_key(|mount| if let JobMount::Cache { directory, .. } = mount { directory.clone() } else { PathBuf::new() });
    for cache in caches {
        let JobMount::Cache { target, directory, sharing, mode, owner, writable } = cache else { continue };
        let (data, lock) = during("preparing a cache mount", cache_directory(directory, *sharing, *mode, *owner, job.rights))?;
        mounted.binds.push(Bind::new(&data, target, *writable));
        mounted.locks.push(lock);
    }
    for (index, mount) in run.mounts.iter().enumerate() {
        match mount {
            JobMount::Cache { .. } => {}
            JobMount::Layers { target, layers, source, writable } => {
                let work = Work { upper: memory_free(job, &format!("bind-{index}")) };
                let view = during("preparing a bind mount", view::open(job, &Layers::unpacked(job, layers)?, work))?;
                let path = view.root().join(source.trim_start_matches('/'));
                mounted.binds.push(Bind::new(&path, target, *writable));
                mounted.views.push(view);
            }
            JobMount::Tmpfs { target, size_bytes } => mounted.binds.push(Bind::tmpfs(target, *size_bytes)),
            JobMount::File { target, bytes, mode, owner } => {
                let path = memory.join(format!("file-{index}"));
                fs::write(&path, bytes)?;
                if job.rights != Rights::Single {
                    chown(&path, Some(owner.0), Some(owner.1))?;
                }
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
                mounted.binds.push(Bind::new(&path, target, false));
            }
            JobMount::Host { target, path } => mounted.binds.push(Bind::new(path, target, true)),
        }
    }
    // Nested targets: what is above is mounted first.
    mounted.binds.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(mounted)
}

/// A directory on disk of this job.
fn memory_free(job: &Job, name: &str) -> PathBuf {
    job.scratch.join(name)
}

fn resolver(memory: &Path) -> io::Result<Vec<Bind>> {
    let resolv = memory.join("resolv.conf");
    // Without one there are no name servers, which is a file too.
    fs::write(&resolv, fs::read("/etc/resolv.conf").unwrap_or_default())?;
    let hosts = memory.join("hosts");
    let text = format!("127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\n", oci::HOSTNAME);
    fs::write(&hosts, text)?;
    Ok(vec![Bind::new(&resolv, "/etc/resolv.conf", false), Bind::new(&hosts, "/etc/hosts", false)])
}

fn command(job: &Job, run: &RunJob) -> io::Result<Answer> {
    let memory = job.scratch.join("memory");
    tmpfs(&memory)?;
    let layers = Layers::unpacked(job, &run.layers)?;
    let root = view::open(job, &layers, Work { upper: job.scratch.join("root") })?;
    let mut mounted = mounts(job, run, &memory)?;
    let mut binds = resolver(&memory)?;
    binds.append(&mut mounted.binds);
    let stubs = unpack::Stubs::before(root.root(), &oci::targets(&binds));
    oci::write(&memory, root.root(), run, job.rights, &binds)?;
    let status = start(job, run, &memory)?;
    if let Some(signal) = status.signal() {
        return Ok(Answer::Exited(128 + signal));
    }
    match status.code() {
        Some(0) => {}
        code => return Ok(Answer::Exited(code.unwrap_or(1))),
    }
    stubs.remove();
    drop(mounted);
    let changes = diff::changes(job, run, &root)?;
    if changes.is_empty() {
        return Ok(Answer::Unchanged);
    }
    let path = job.scratch.join("layer.tar");
    let written = during("writing the layer", layer::write(&path, &changes, run.epoch_s))?;
    if run.epoch_s.is_none() {
        let mut ids: Vec<_> = run.layers.iter().map(|layer| layer.diff_id.clone()).collect();
        ids.push(written.digest.clone());
        root.keep_as(job, &chain(&ids), &layers)?;
    }
    Ok(Answer::Layer { path, digest: written.digest, size: written.size })
}

fn start(job: &Job, run: &RunJob, memory: &Path) -> io::Result<std::process::ExitStatus> {
    let id = format!("pith-build-{}", job.scratch.file_name().map(|name| name.to_string_lossy().replace('.', "")).unwrap_or_default());
    let mut command = Command::new(&run.runtime.path);
    command.arg("--root").arg(memory.join("runtime"));
    match run.runtime.kind {
        RuntimeKind::Crun => {
            // crun looks what control groups there are even when told to leave them alone, and gives up on a mixture of both versions.
            during("hiding control groups", mount("tmpfs", "/sys/fs/cgroup", "tmpfs", MountFlags::NOSUID, None))?;
            command.arg("--cgroup-manager=disabled");
        }
        RuntimeKind::Runc if job.rights != Rights::Root => drop(command.arg("--rootless=true")),
        RuntimeKind::Runc => {}
    }
    command.arg("run").arg("--bundle").arg(memory).arg(id).stdin(Stdio::null());
    during(&run.runtime.path.display().to_string(), command.status())
}
