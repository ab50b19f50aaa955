//! Layers as one directory: stacked by overlayfs, or copied where that does not work.

use super::inside::during;
use super::job::{Job, JobLayer, Rights, chain};
use super::{WORKER, unpack};
use pith_image::Digest;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a view may write.
pub(super) struct Work {
    /// A directory that does not exist yet.
    pub upper: PathBuf,
}

/// Unpacked layers, bottom first.
pub(super) struct Layers {
    /// Names of directories, each holding what one layer changes, in overlayfs's terms.
    names: Vec<String>,
    archives: Vec<PathBuf>,
}

/// A directory in which layers lie above each other.
pub(super) struct View {
    root: PathBuf,
    /// What is changed, when overlayfs keeps that apart.
    upper: Option<PathBuf>,
    mounted: bool,
}

impl View {
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn upper(&self) -> Option<&Path> {
        self.upper.as_deref()
    }

    fn close(&mut self) {
        if self.mounted {
            // It goes with the namespace in any case.
            let _ = unmount(&self.root, UnmountFlags::DETACH);
            self.mounted = false;
        }
    }

    /// Keeps what was changed as an unpacked layer, so that the next command need not unpack it.
    pub(super) fn keep_as(mut self, job: &Job, name: &str, below: &Layers) -> io::Result<()> {
        self.close();
        let Some(upper) = self.upper.take() else { return Ok(()) };
        let place = unpacked(job).join(name);
        if below.names.is_empty() || place.exists() {
            return Ok(());
        }
        match fs::rename(&upper, &place) {
            // Another build was faster, or somebody put the directory on another file system: then it is unpacked when it is wanted.
            Err(error) if place.exists() || error.kind() == io::ErrorKind::CrossesDevices => Ok(()),
            other => other,
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.close();
    }
}

fn unpacked(job: &Job) -> PathBuf {
    job.cache.join("unpacked").join(job.rights.directory())
}

/// Stacks directories. Names of lower ones are relative to `base`, because all options together must fit a page.
fn stack(job: &Job, base: &Path, lower: &[String], work: &Work, at: &Path) -> io::Result<PathBuf> {
    let (upper, scratch) = (work.upper.join("changes"), work.upper.join("work"));
    for directory in [&upper, &scratch, &at.to_owned()] {
        fs::create_dir_all(directory)?;
    }
    let names: Vec<&str> = lower.iter().rev().map(String::as_str).collect();
    let own = if job.rights == Rights::Root { "index=off,metacopy=off,redirect_dir=off" } else { "userxattr" };
    let options = format!("lowerdir={},upperdir={},workdir={},{own}", names.join(":"), upper.display(), scratch.display());
    if options.len() >= 4096 {
        return Err(io::Error::other(format!("{} layers are more than overlayfs can stack; join some RUN lines", lower.len())));
    }
    let options = CString::new(options).map_err(|_| io::ErrorKind::InvalidInput)?;
    std::env::set_current_dir(base)?;
    let done = mount("overlay", at, "overlay", MountFlags::empty(), Some(options.as_c_str()));
    std::env::set_current_dir("/")?;
    during("mounting an overlay", done)?;
    Ok(upper)
}

/// Whether layers can be stacked here.
pub(super) fn overlay_works(job: &Job) -> io::Result<bool> {
    let base = job.scratch.join("probe");
    fs::create_dir_all(base.join("lower"))?;
    let work = Work { upper: base.join("upper") };
    // Also refused: a directory on a file system that cannot hold changes.
    Ok(stack(job, &base, &["lower".to_owned()], &work, &base.join("view")).is_ok())
}

/// Unpacks an archive over a directory, in a process that sees nothing else.
fn unpack_into(job: &Job, archive: &Path, root: &Path) -> io::Result<()> {
    let mut child = Command::new("/proc/self/exe");
    child
        .args([WORKER, unpack::ROLE, job.rights.directory()])
        .arg(root)
        .stdin(File::open(archive)?)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let output = child.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("a layer cannot be unpacked: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

impl Layers {
    /// Unpacks those that are not yet.
    pub(super) fn unpacked(job: &Job, layers: &[JobLayer]) -> io::Result<Self> {
        let archives: Vec<PathBuf> = layers.iter().map(|layer| layer.path.clone()).collect();
        let mut names: Vec<String> = Vec::new();
        if !job.overlay {
            return Ok(Self { names, archives });
        }
        let place = unpacked(job);
        fs::create_dir_all(&place)?;
        let mut ids: Vec<Digest> = Vec::new();
        for layer in layers {
            ids.push(layer.diff_id.clone());
            let name = chain(&ids);
            if !place.join(&name).exists() {
                let work = Work { upper: job.scratch.join(format!("unpack-{name}")) };
                let made = if names.is_empty() {
                    let made = work.upper.join("changes");
                    fs::create_dir_all(&made)?;
                    unpack_into(job, &layer.path, &made)?;
                    made
                } else {
                    let at = work.upper.join("view");
                    let made = stack(job, &place, &names, &work, &at)?;
                    let mut view = View { root: at, upper: None, mounted: true };
                    unpack_into(job, &layer.path, view.root())?;
                    view.close();
                    made
                };
                match fs::rename(&made, place.join(&name)) {
                    Err(_) if place.join(&name).exists() => {}
                    other => during("keeping an unpacked layer", other)?,
                }
            }
            names.push(name);
        }
        Ok(Self { names, archives })
    }
}

/// Makes a view of layers.
pub(super) fn open(job: &Job, layers: &Layers, work: Work) -> io::Result<View> {
    let root = work.upper.join("view");
    if job.overlay && !layers.names.is_empty() {
        let upper = stack(job, &unpacked(job), &layers.names, &work, &root)?;
        return Ok(View { root, upper: Some(upper), mounted: true });
    }
    if job.overlay {
        // Nothing below: what is changed is all there is.
        fs::create_dir_all(&root)?;
        return Ok(View { upper: Some(root.clone()), root, mounted: false });
    }
    fs::create_dir_all(&root)?;
    for archive in &layers.archives {
        unpack_into(job, archive, &root)?;
    }
    Ok(View { root, upper: None, mounted: false })
}
