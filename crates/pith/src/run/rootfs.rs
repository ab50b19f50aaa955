//! From a source to the archive that the machine gets.

use super::elf;
use super::source::Files;
use crate::error::{Error, Result};
use crate::report::Report;
use indicatif::{ProgressBar, ProgressStyle};
use pith_machine::Machine;
use pith_rootfs::{PackOptions, Packed};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An archive ready to boot.
#[derive(Debug)]
pub struct Archive {
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Makes or checks the archive; one that is made belongs to the machine.
///
/// # Errors
/// Files that cannot be read or packed, an archive that no guest should get.
pub fn prepare(files: &Files, machine: &Machine, report: &Report) -> Result<Option<Archive>> {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
    let options = PackOptions::from_epoch(epoch.as_deref())?;
    match files {
        Files::None => Ok(None),
        Files::Archive(path) => check(path, report).map(Some),
        Files::Directory(directory) => {
            let bar = report.is_interactive().then(|| {
                let style = ProgressStyle::with_template("{spinner} packing {msg} {elapsed}");
                let bar = ProgressBar::new_spinner().with_message(directory.display().to_string());
                // Nothing is drawn for what takes less than a tick.
                bar.enable_steady_tick(Duration::from_millis(200));
                style.map_or(bar.clone(), |style| bar.with_style(style))
            });
            let (packed, path) = write(machine, |out| pith_rootfs::pack_directory(directory, out, options))?;
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            for socket in &packed.skipped {
                report.warn(&format!("{}: a socket, left out of the root file system", socket.display()));
            }
            report.debug(&format!("packed {} files, {} bytes", packed.entries, packed.bytes));
            Ok(Some(Archive { path, bytes: packed.bytes }))
        }
        Files::Program(program) => {
            let gathered = elf::gather(program)?;
            if gathered.libraries > 0 {
                let name = program.file_name().unwrap_or_default();
                let count = gathered.libraries;
                report.info(&format!("{}: taking its {count} libraries from this host", Path::new(name).display()));
            }
            let (packed, path) = write(machine, |out| gathered.files.pack(out, options))?;
            Ok(Some(Archive { path, bytes: packed.bytes }))
        }
    }
}

/// Appends something to the machine's archive; one that is not its own is copied first.
///
/// # Errors
/// Those of the file system.
pub fn with_tail(archive: Option<Archive>, tail: &[u8], machine: &Machine) -> Result<Archive> {
    let path = machine.path("initrd.cpio");
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", path.display()));
    let mut own = machine.append_file("initrd.cpio")?;
    let before = match archive {
        Some(archive) if archive.path == path => archive.bytes,
        Some(archive) => {
            let copied = File::open(&archive.path).and_then(|mut file| std::io::copy(&mut file, &mut own));
            copied.map_err(failed)?
        }
        None => 0,
    };
    own.write_all(tail).map_err(failed)?;
    Ok(Archive { path: path.clone(), bytes: before + tail.len() as u64 })
}

fn write(
    machine: &Machine,
    pack: impl FnOnce(&mut BufWriter<File>) -> std::result::Result<Packed, pith_rootfs::PackError>,
) -> Result<(Packed, PathBuf)> {
    let mut out = BufWriter::with_capacity(1 << 18, machine.create_file("initrd.cpio")?);
    let packed = pack(&mut out)?;
    Ok((packed, machine.path("initrd.cpio")))
}

fn check(path: &Path, report: &Report) -> Result<Archive> {
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let survey =
        pith_rootfs::check(BufReader::with_capacity(1 << 18, file)).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
    report.debug(&format!("{}: {} files, {} of them unaligned", path.display(), survey.entries, survey.unaligned));
    Ok(Archive { path: path.to_owned(), bytes })
}
