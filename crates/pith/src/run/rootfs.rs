//! From a source to the archive or image that the machine gets.

use super::elf;
use super::source::Files;
use crate::cli::RootfsType;
use crate::error::{Error, Result};
use crate::report::Report;
use indicatif::{ProgressBar, ProgressStyle};
use pith_machine::{Machine, paths};
use pith_rootfs::cache::{Cache, Entry, Fingerprint};
use pith_rootfs::source::{self, Loaded, Owners, Request};
use pith_rootfs::{Format, Plan, SourceKind, SourceOptions, Tree};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the directory of packed root file systems in the cache.
pub const PACKED: &str = "rootfs";

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

/// Whether what was packed before is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Yes.
    Yes,
    /// No, but what is packed now is kept.
    No,
}

/// What [`prepare`] needs to know besides the files.
pub struct Preparation<'a> {
    pub machine: &'a Machine,
    pub form: Form,
    /// Says whether a root file system of this many bytes fits the machine: asked before anything is written.
    pub fits: &'a dyn Fn(u64) -> Result<()>,
    pub cache: &'a Cache,
    pub reuse: Reuse,
    pub report: &'a Report,
}

/// Makes or checks the archive; one that is made belongs to the machine.
///
/// # Errors
/// Files that cannot be read or packed, an archive that no guest should get, or that does not fit.
pub fn prepare(files: &Files, preparation: &Preparation<'_>) -> Result<Option<Archive>> {
    let Preparation { machine, form, fits, report, .. } = preparation;
    let epoch = pith_rootfs::sink::epoch(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())?;
    let asked = match form.kind {
        RootfsType::Auto | RootfsType::File => None,
        RootfsType::Cpio => Some(Format::Cpio),
        RootfsType::Erofs => Some(Format::Erofs),
    };
    let options = SourceOptions { scratch: Some(machine.path("")) };
    let request = |format| Request { format, owners: form.owners, epoch, options: options.clone() };
    match files {
        Files::None => Ok(None),
        Files::Rootfs { path, .. } if form.kind == RootfsType::File => {
            let bytes = std::fs::metadata(path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?.len();
            fits(bytes)?;
            Ok(Some(Archive { path: path.clone(), bytes }))
        }
        Files::Rootfs { path, kind, format } => {
            let request = request(asked.or(*format));
            let _progress = progress(report, &format!("reading {}", path.display()));
            // What has to be walked anyhow is known by what is found.
            let fingerprint = match kind {
                SourceKind::Directory | SourceKind::File => None,
                _ => Some(Fingerprint::of_file(path, *kind, &request)?),
            };
            if let Some(archive) = fingerprint.as_ref().map(|fingerprint| preparation.find(fingerprint)).transpose()?.flatten() {
                return Ok(Some(archive));
            }
            match source::load(path, *kind, &request)? {
                Loaded::Ready { format, bytes, entries } => {
                    report.debug(&format!("{}: {entries} files, {bytes} bytes, used as it is", path.display()));
                    let bytes = format.guest_bytes(bytes, entries);
                    fits(bytes)?;
                    Ok(Some(Archive { path: path.clone(), bytes }))
                }
                Loaded::Tree { tree, format } => match fingerprint {
                    Some(fingerprint) => preparation.pack(&fingerprint, &tree, format).map(Some),
                    None => preparation.find_or_pack(&tree, format).map(Some),
                },
            }
        }
        Files::Image { image, format } => {
            let _progress = progress(report, "reading the image");
            let format = asked.or(*format).unwrap_or_default();
            let fingerprint = Fingerprint::of_image(image, &request(Some(format)));
            if let Some(archive) = preparation.find(&fingerprint)? {
                return Ok(Some(archive));
            }
            // Its owners are part of the image, as its user is.
            let mut tree = Tree::from_image(image, &options)?;
            if let Some(epoch) = epoch {
                tree.set_times(epoch);
            }
            preparation.pack(&fingerprint, &tree, format).map(Some)
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
            preparation.find_or_pack(&tree, asked.unwrap_or_default()).map(Some)
        }
    }
}

impl Preparation<'_> {
    /// What was packed from the same before.
    fn find(&self, fingerprint: &Fingerprint) -> Result<Option<Archive>> {
        let found = if self.reuse == Reuse::Yes { self.cache.find(fingerprint) } else { None };
        let Some(entry) = found else { return Ok(None) };
        self.fits(&entry.notes, entry.format, (entry.bytes, entry.entries))?;
        self.report.debug(&format!("{} files, {} bytes, packed before", entry.entries, entry.bytes));
        self.place(&entry).map(Some)
    }

    fn find_or_pack(&self, tree: &Tree, format: Format) -> Result<Archive> {
        let fingerprint = Fingerprint::of_tree(tree, format)?;
        match self.find(&fingerprint)? {
            Some(archive) => Ok(archive),
            None => self.pack(&fingerprint, tree, format),
        }
    }

    /// Packs a tree, for this machine and those after it.
    fn pack(&self, fingerprint: &Fingerprint, tree: &Tree, format: Format) -> Result<Archive> {
        let plan = Plan::new(tree, format)?;
        let mut packed = plan.packed().clone();
        packed.notes = tree.notes.iter().chain(&packed.notes).cloned().collect();
        self.fits(&packed.notes, format, (packed.bytes, packed.entries))?;
        let progress = progress(self.report, "packing the root file system");
        let entry = self.cache.make(fingerprint, (format, packed), &|path| paths::give_to_user(path), |out| plan.write(out))?;
        drop(progress);
        self.report.debug(&format!("packed {} files, {} bytes", entry.entries, entry.bytes));
        self.place(&entry)
    }

    /// Tells the user what there is to tell, and asks whether it fits the machine.
    fn fits(&self, notes: &[String], format: Format, (bytes, entries): (u64, u64)) -> Result<()> {
        notes.iter().for_each(|note| self.report.warn(note));
        (self.fits)(format.guest_bytes(bytes, entries))
    }

    fn place(&self, entry: &Entry) -> Result<Archive> {
        let path = self.machine.path(match entry.format {
            Format::Cpio => "initrd.cpio",
            Format::Erofs => "initrd.erofs",
        });
        entry.place(&path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
        paths::give_to_user(&path);
        Ok(Archive { path, bytes: entry.format.guest_bytes(entry.bytes, entry.entries) })
    }
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

/// Appends something to the machine's archive; one that others have too is copied first.
///
/// # Errors
/// Those of the file system.
pub fn with_tail(archive: Option<Archive>, tail: &[u8], machine: &Machine) -> Result<Archive> {
    let is_own = archive.as_ref().is_some_and(|archive| archive.path.starts_with(machine.directory()));
    let name = archive.as_ref().filter(|_| is_own).and_then(|archive| archive.path.file_name()?.to_str()).unwrap_or("initrd.cpio");
    let path = machine.path(name);
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", path.display()));
    let shares = is_own && std::fs::metadata(&path).map_err(failed)?.nlink() > 1;
    let before = archive.as_ref().map_or(0, |archive| archive.bytes);
    if let Some(archive) = archive.as_ref().filter(|_| shares || !is_own) {
        let mut from = File::open(&archive.path).map_err(failed)?;
        if shares {
            // The other names keep the file.
            std::fs::remove_file(&path).map_err(failed)?;
        }
        std::io::copy(&mut from, &mut machine.create_file(name)?).map_err(failed)?;
    }
    machine.append_file(name)?.write_all(tail).map_err(failed)?;
    Ok(Archive { path: path.clone(), bytes: before + tail.len() as u64 })
}
