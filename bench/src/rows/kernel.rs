//! Kernels made to measure: how long they take to build, and what it saves to have the program in the image.

use super::build::{Times, clear, copy, failed};
use super::{PATIENCE, milliseconds};
use crate::Result;
use crate::lab::Lab;
use crate::machine::Machine;
use crate::report::{Met, Row};
use crate::stats::{Sample, number};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A place for projects, and for what the command line keeps.
struct Site<'l> {
    lab: &'l Lab,
    place: PathBuf,
}

impl Site<'_> {
    fn pith(&self, words: &[&str], directory: &Path) -> Command {
        let mut command = Command::new(&self.lab.pith);
        command.args(words).current_dir(directory).env("PITH_DATA_DIR", self.place.join("state"));
        command
    }

    /// A project whose kernel is that of the runtime.
    fn project(&self, name: &str) -> Result<PathBuf> {
        let directory = self.place.join(name);
        fs::create_dir_all(&directory).map_err(failed(&directory))?;
        let file = directory.join("Kraftfile");
        let text = format!("spec: v0.6\nname: {name}\nunikraft: stable\npreset: runtime\ntargets:\n  - qemu/x86_64\n");
        fs::write(&file, text).map_err(failed(&file))?;
        Ok(directory)
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        // What cannot be removed, the next run will try to.
        let _ = clear(&self.place);
    }
}

fn row(promise: &'static str, limit_s: f64, target: &'static str, elsewhere: &'static str, times: &Times, remark: &str) -> Row {
    let met = Met::median_at_most(&times.wall, limit_s);
    Row { promise, target, elsewhere, ours: times.show(), control: "-".to_owned(), met, remark: remark.to_owned() }
}

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let site = Site { lab, place: lab.dir.join("kernel-row") };
    clear(&site.place)?;
    let (mut full, mut cached, mut same) = (Times::default(), Times::default(), Times::default());
    let (first, second) = (site.project("first")?, site.project("second")?);
    full.add(site.pith(&["build", "--no-rootfs"], &first))?;
    for _ in 0..lab.runs * 3 {
        clear(&second.join(".unikraft"))?;
        cached.add(site.pith(&["build", "--no-rootfs"], &second))?;
        same.add(site.pith(&["build", "--no-rootfs"], &first))?;
    }
    let mut rows = vec![
        row(
            "full kernel build, 2 cores",
            60.0,
            "<= 60 s",
            "20-107 s",
            &full,
            "the `runtime` preset, one run, its libraries included; nothing was compiled before",
        ),
        row("same configuration again, another project", 0.3, "<= 0.3 s", "", &cached, "kernel, symbols and debug image from the cache"),
        row("build with nothing changed", 0.3, "<= 0.3 s", "", &same, "the same project"),
    ];
    rows.push(native(&site)?);
    rows.push(hello(&site)?);
    Ok(rows)
}

/// The bytes of the image that `pith build` makes of an entry of the catalogue.
fn built(site: &Site<'_>, name: &str) -> Result<(PathBuf, u64)> {
    let directory = site.place.join(name);
    copy(&site.lab.root.join("catalog/native").join(name), &directory)?;
    Times::default().add(site.pith(&["build"], &directory))?;
    let image = directory.join(format!(".unikraft/build/{name}_qemu-x86_64"));
    let bytes = image.metadata().map_err(failed(&image))?.len();
    Ok((directory, bytes))
}

/// The least image that greets, with its program inside.
fn hello(site: &Site<'_>) -> Result<Row> {
    let (_, bytes) = built(site, "helloworld-app")?;
    Ok(Row {
        promise: "hello image, specialised",
        target: "<= 120 KB",
        elsewhere: "242 KB default, 172 KB tuned",
        ours: format!("{} KB", number(bytes as f64 / 1000.0)),
        control: "-".to_owned(),
        met: Met::at_most(bytes as f64, 120_000.0),
        remark: "catalog/native/helloworld-app, kernel and program in one image".to_owned(),
    })
}

/// The same C program inside the image, and handed in at boot.
fn native(site: &Site<'_>) -> Result<Row> {
    let (directory, bytes) = built(site, "helloworld-c")?;
    let (mut inside, mut loaded) = (Sample::default(), Sample::default());
    let hello = site.lab.program("hello");
    for run in 0..=site.lab.runs * 5 {
        let programs = [(".", "Hello from", &mut inside), (hello.to_str().ok_or("a path that is not UTF-8")?, "hello from", &mut loaded)];
        for (what, words, sample) in programs {
            let mut machine = Machine::start(site.pith(&["run", "-W", "--rm", what], &directory))?;
            let (at, _) = machine.wait_for(words, PATIENCE)?;
            machine.end(PATIENCE)?;
            // The first brings the images into the host's page cache.
            if run > 0 {
                sample.add(milliseconds(at));
            }
        }
    }
    let met = loaded.median().map_or(Met::Unmeasured, |loaded| Met::median_at_most(&inside, loaded));
    Ok(Row {
        promise: "boot of a native program, `pith run` to its first line",
        target: "<= the loaded one",
        elsewhere: "",
        ours: inside.show("ms"),
        control: format!("a C program handed to the runtime: {}", loaded.show("ms")),
        met,
        remark: format!("catalog/native/helloworld-c, an image of {bytes} bytes with everything"),
    })
}
