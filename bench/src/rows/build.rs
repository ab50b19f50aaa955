//! Dockerfiles: the built-in engine and buildah on the same files, base images and machine.
//!
//! Ours is `pith create`, which builds the image, packs the root file system and makes a machine of it; buildah makes an image only.

use crate::lab::Lab;
use crate::report::{Met, Row};
use crate::stats::Sample;
use crate::{Result, host};
use machines::catalog::Registry;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Entries of the catalogue that are built.
const ENTRIES: [&str; 2] = ["library/nginx", "examples/http-go"];

/// Seconds on the clock and of processors.
#[derive(Default)]
pub(super) struct Times {
    pub(super) wall: Sample,
    cpu: Sample,
}

impl Times {
    pub(super) fn show(&self) -> String {
        match self.wall.median() {
            None => "-".to_owned(),
            Some(_) => format!("{}, {} of processors", self.wall.show("s"), self.cpu.show("s")),
        }
    }

    /// Runs a command to its end.
    pub(super) fn add(&mut self, mut command: Command) -> Result<()> {
        let (before, start) = (host::own_seconds(), Instant::now());
        let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
        self.wall.add(start.elapsed().as_secs_f64());
        if let (Some(before), Some(after)) = (before, host::own_seconds()) {
            self.cpu.add(after - before);
        }
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

/// What was found about an entry.
struct Found {
    name: &'static str,
    ours: Times,
    theirs: Times,
}

/// A copy of an entry, with what either builder keeps about it.
struct Site<'l> {
    lab: &'l Lab,
    registry: &'l Registry,
    context: PathBuf,
    pith_state: PathBuf,
    buildah_state: PathBuf,
    made: usize,
}

pub(super) fn failed(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(failed(to))?;
    for item in fs::read_dir(from).map_err(failed(from))?.flatten() {
        let target = to.join(item.file_name());
        match item.path().is_dir() {
            true => copy(&item.path(), &target)?,
            false => drop(fs::copy(item.path(), &target).map_err(failed(&target))?),
        }
    }
    Ok(())
}

/// Removes what is there.
pub(super) fn clear(directory: &Path) -> Result<()> {
    // buildah leaves its layers' directory mounted on itself.
    let _ = Command::new("umount").arg("--lazy").arg(directory.join("root/overlay")).stderr(Stdio::null()).status();
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(directory)(error)),
        _ => Ok(()),
    }
}

impl<'l> Site<'l> {
    /// Nothing is kept yet.
    fn new(lab: &'l Lab, registry: &'l Registry, entry: &str) -> Result<Self> {
        let place = lab.dir.join("build-row");
        let site = Self {
            lab,
            registry,
            context: place.join("context"),
            pith_state: place.join("pith"),
            buildah_state: place.join("buildah"),
            made: 0,
        };
        [&site.context, &site.pith_state, &site.buildah_state].into_iter().try_for_each(|directory| clear(directory))?;
        copy(&lab.root.join("catalog").join(entry), &site.context)?;
        // buildah is told by the Dockerfile where images are, ours by its table of them.
        let dockerfile = site.context.join("Dockerfile");
        let mut text = fs::read_to_string(&dockerfile).map_err(failed(&dockerfile))?;
        for (name, place) in registry.names() {
            text = text
                .replace(&format!("FROM {name}\n"), &format!("FROM {place}\n"))
                .replace(&format!("FROM {name} "), &format!("FROM {place} "));
        }
        let other = site.context.join("Dockerfile.buildah");
        fs::write(&other, text).map_err(failed(&other))?;
        Ok(site)
    }

    fn pith(&mut self, more: &[&str]) -> Command {
        self.made += 1;
        let mut command = Command::new(&self.lab.pith);
        command.args(["create", "-W", "--name", &format!("bench-{}", self.made)]).args(more).arg(".");
        command.current_dir(&self.context).env("PITH_DATA_DIR", &self.pith_state).env("PITH_IMAGE_MAP", self.registry.map());
        command
    }

    fn buildah(&self, more: &[&str]) -> Command {
        let mut command = Command::new("buildah");
        // As root without a daemon: overlayfs, commands in a chroot.
        command.arg("--root").arg(self.buildah_state.join("root")).arg("--runroot").arg(self.buildah_state.join("run"));
        command.args([
            "bud",
            "--quiet",
            "--tls-verify=false",
            "--isolation",
            "chroot",
            "--layers",
            "-f",
            "Dockerfile.buildah",
            "-t",
            "bench",
        ]);
        command.args(more).arg(".").current_dir(&self.context);
        command
    }

    /// Alternating runs of both; `before` prepares each.
    fn compare(&mut self, runs: usize, more: &[&str], mut before: impl FnMut(&Self, usize) -> Result<()>) -> Result<(Times, Times)> {
        let (mut ours, mut theirs) = (Times::default(), Times::default());
        for run in 0..runs {
            before(self, run)?;
            ours.add(self.pith(more))?;
            if self.lab.has("buildah") {
                theirs.add(self.buildah(more))?;
            }
        }
        Ok((ours, theirs))
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        // Gigabytes that the next run makes anew. What cannot be removed, it will try to.
        let _ = [&self.context, &self.pith_state, &self.buildah_state].map(|directory| clear(directory));
    }
}

fn row(promise: &'static str, limit_s: Option<f64>, found: Vec<Found>, remark: &str) -> Row {
    let show = |pick: fn(&Found) -> &Times| {
        found.iter().map(|entry| format!("{}: {}", entry.name, pick(entry).show())).collect::<Vec<_>>().join("; ")
    };
    let met = found.iter().fold(Met::Yes, |met, Found { ours, theirs, .. }| {
        met.and(match limit_s {
            Some(limit) => Met::median_at_most(&ours.wall, limit),
            None => theirs.wall.median().map_or(Met::Unmeasured, |theirs| Met::median_at_most(&ours.wall, theirs)),
        })
    });
    let (target, elsewhere) = if limit_s.is_some() { ("<= 0.5 s", "3 s (kraft, cached)") } else { ("<= buildah", "") };
    Row {
        promise,
        target,
        elsewhere,
        ours: show(|entry| &entry.ours),
        control: format!("buildah: {}", show(|entry| &entry.theirs)),
        met,
        remark: remark.to_owned(),
    }
}

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let registry = Registry::start();
    let (mut first, mut fresh, mut same, mut changed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in ENTRIES {
        let name = entry.rsplit('/').next().unwrap_or(entry);
        let mut site = Site::new(lab, &registry, entry)?;
        let (ours, theirs) = site.compare(1, &[], |_, _| Ok(()))?;
        first.push(Found { name, ours, theirs });
        let (ours, theirs) = site.compare(lab.runs, &["--no-cache"], |_, _| Ok(()))?;
        fresh.push(Found { name, ours, theirs });
        let (ours, theirs) = site.compare(lab.runs * 3, &[], |_, _| Ok(()))?;
        same.push(Found { name, ours, theirs });
        // A page, not a program: compilers take the time that they take.
        let page = site.context.join("wwwroot/index.html");
        if page.exists() {
            let edit = |_: &Site<'_>, run: usize| fs::write(&page, format!("<p>{run}</p>\n")).map_err(failed(&page));
            let (ours, theirs) = site.compare(lab.runs * 3, &[], edit)?;
            changed.push(Found { name, ours, theirs });
        }
    }
    Ok(vec![
        row("first build of a Dockerfile", None, first, "with its base image, compressed, from a registry on the same host"),
        row("build of a Dockerfile without cache", None, fresh, "the base image is here; http-go is Go's compiler for the most part"),
        row("rebuild with nothing changed, runtime project", Some(0.5), same, "until the machine could start"),
        row("rebuild after a source change, runtime project", Some(0.5), changed, "a page of nginx's; until the machine could start"),
    ])
}
