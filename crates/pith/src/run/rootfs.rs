//! From a source to the archive or image that the machine gets.

use super::elf;
use super::source::Files;
use crate::cli::RootfsType;
use crate::error::{Error, Result};
use crate::report::Report;
use indicatif::{ProgressBar, ProgressStyle};
use pith_machine::Machine;
use pith_rootfs::source::{self, Loaded, Owners, Request};
use pith_rootfs::{Format, Plan, SourceOptions, Tree};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An archive or image ready to boot.
#[derive(Debug)]
pub struct Archive {
    /// Its path.
    pub path: PathBuf,
    /// Memory that it takes in the machine, in bytes.
    pub bytes: u64,
}

/// What the user wants a root file system to become.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub kind: RootfsType,
    pub owners: Owners,
}

/// What [`prepare`] needs to know besides the files.
pub struct Preparation<'a> {
    pub machine: &'a Machine,
    pub form: Form,
    /// Says whether a root file system of this many bytes fits the machine: asked before anything is written.
    pub fits: &'a dyn Fn(u64) -> Result<()>,
    pub report: &'a Report,
}

/// Makes or checks the archive; one that is made belongs to the machine.
///
/// # Errors
/// Files that cannot be read or packed, an archive that no guest should get, or that does not fit.
pub fn prepare(files: &Files, preparation: &Preparation<'_>) -> Result<Option<Archive>> {
    let Preparation { machine, form, fits, report } = preparation;
    let epoch = pith_rootfs::sink::epoch(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())?;
    let asked = match form.kind {
        RootfsType::Auto | RootfsType::File => None,
        RootfsType::Cpio => Some(Format::Cpio),
        RootfsType::Erofs => Some(Format::Erofs),
    };
    let (tree, format) = match files {
        Files::None => return Ok(None),
        Files::Rootfs { path, .. } if form.kind == RootfsType::File => {
            let bytes = std::fs::metadata(path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?.len();
            fits(bytes)?;
            return Ok(Some(Archive { path: path.clone(), bytes }));
        }
        Files::Rootfs { path, kind, format } => {
            let request = Request {
                format: asked.or(*format),
                owners: form.owners,
                epoch,
                options: SourceOptions { scratch: Some(machine.path("")) },
            };
            let _progress = progress(report, &format!("reading {}", path.display()));
            match source::load(path, *kind, &request)? {
                Loaded::Ready { format, bytes, entries } => {
                    report.debug(&format!("{}: {entries} files, {bytes} bytes, used as it is", path.display()));
                    let bytes = format.guest_bytes(bytes, entries);
                    fits(bytes)?;
                    return Ok(Some(Archive { path: path.clone(), bytes }));
                }
                Loaded::Tree { tree, format } => (tree, format),
            }
        }
        Files::Image { image, format } => {
            let _progress = progress(report, "reading the image");
            // Its owners are part of the image, as its user is.
            let mut tree = Tree::from_image(image, &SourceOptions { scratch: Some(machine.path("")) })?;
            if let Some(epoch) = epoch {
                tree.set_times(epoch);
            }
            (tree, asked.or(*format).unwrap_or_default())
        }
        Files::Program(program) => {
            let gathered = elf::gather(program)?;
            if gathered.libraries > 0 {
                let name = program.file_name().unwrap_or_default();
                let count = gathered.libraries;
                report.info(&format!("{}: taking its {count} libraries from this host", Path::new(name).display()));
            }
            let mut tree = gathered.files.tree()?;
            tree.give_to_root();
            if let Some(epoch) = epoch {
                tree.clamp_times(epoch);
            }
            (tree, asked.unwrap_or_default())
        }
    };
    pack(&tree, format, preparation).map(Some)
}

/// Writes a tree into the machine's directory.
fn pack(tree: &Tree, format: Format, preparation: &Preparation<'_>) -> Result<Archive> {
    let Preparation { machine, fits, report, .. } = preparation;
    let plan = Plan::new(tree, format)?;
    let packed = plan.packed();
    for note in tree.notes.iter().chain(&packed.notes) {
        report.warn(note);
    }
    let bytes = format.guest_bytes(packed.bytes, packed.entries);
    fits(bytes)?;
    let name = match format {
        Format::Cpio => "initrd.cpio",
        Format::Erofs => "initrd.erofs",
    };
    let progress = progress(report, "packing the root file system");
    plan.write(BufWriter::with_capacity(1 << 18, machine.create_file(name)?))?;
    drop(progress);
    report.debug(&format!("packed {} files, {} bytes", packed.entries, packed.bytes));
    Ok(Archive { path: machine.path(name), bytes })
}

/// Something that moves on a terminal until it is dropped.
struct Progress(ProgressBar);

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn progress(report: &Report, message: &str) -> Option<Progress> {
    report.is_interactive().then(|| {
        let bar = ProgressBar::new_spinner().with_message(message.to_owned());
        // Nothing is drawn for what takes less than a tick.
        bar.enable_steady_tick(Duration::from_millis(200));
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        Progress(style.map_or(bar.clone(), |style| bar.with_style(style)))
    })
}

/// Appends something to the machine's archive; one that is not its own is copied first.
///
/// # Errors
/// Those of the file system.
pub fn with_tail(archive: Option<Archive>, tail: &[u8], machine: &Machine) -> Result<Archive> {
    let is_own = archive.as_ref().is_some_and(|archive| archive.path.starts_with(machine.directory()));
    let name = archive.as_ref().filter(|_| is_own).and_then(|archive| archive.path.file_name()?.to_str()).unwrap_or("initrd.cpio");
    let path = machine.path(name);
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", path.display()));
    let mut own = machine.append_file(name)?;
    let before = match &archive {
        Some(archive) if is_own => archive.bytes,
        Some(archive) => {
            let copied = File::open(&archive.path).and_then(|mut file| std::io::copy(&mut file, &mut own));
            copied.map_err(failed)?
        }
        None => 0,
    };
    own.write_all(tail).map_err(failed)?;
    Ok(Archive { path: path.clone(), bytes: before + tail.len() as u64 })
}
