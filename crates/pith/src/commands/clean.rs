//! `pith clean`: removes what `pith build` made of a project.

use super::build::{HALF_WRITTEN, suffixed};
use crate::cli::CleanArgs;
use crate::error::{Error, Result};
use crate::project;
use crate::report::Report;
use crate::variables::Part;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Files of a root file system, and what is noted about it.
pub const ROOTFS: [&str; 3] = ["initramfs-x86_64.cpio", "initramfs-x86_64.erofs", "initramfs-x86_64.stamp"];

/// Carries out `pith clean`. Finished kernels stay in the user's cache: `pith system prune` removes those.
///
/// # Errors
/// No project; files that cannot be removed.
pub fn clean(arguments: &CleanArgs, report: &Report) -> Result<u8> {
    let opened = project::open(arguments.path.as_deref(), Part::Configuration, (&arguments.project).into(), report)?;
    let outdir = opened.outdir(None);
    let mut removed = 0;
    for target in opened.filtered(&arguments.project)? {
        let kernel = opened.kernel(&target, &outdir);
        for suffix in ["", ".dbg", ".sym"] {
            removed += remove(&suffixed(&kernel, suffix))?;
        }
        if arguments.proper
            && let Some(name) = kernel.file_name()
        {
            removed += remove(&opened.directory.join(format!(".config.{}", name.to_string_lossy())))?;
        }
    }
    for name in ROOTFS {
        removed += remove(&outdir.join(name))?;
    }
    for path in half_written(&outdir) {
        removed += remove(&path)?;
    }
    if arguments.proper {
        // Objects of the project's program, archives that it was made from.
        let native = outdir.join("native");
        match fs::remove_dir_all(&native) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&native, &error)),
            _ => {}
        }
        // They go when nothing of the user's is in them.
        for directory in [outdir.as_path(), &opened.directory.join(".unikraft")] {
            match fs::remove_dir(directory) {
                Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
                    return Err(failed(directory, &error));
                }
                _ => {}
            }
        }
    }
    report.info(&format!("removed {removed} {}", if removed == 1 { "file" } else { "files" }));
    Ok(0)
}

/// Files that a build was writing when it was killed.
fn half_written(outdir: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(outdir).into_iter().flatten().flatten().map(|entry| entry.path());
    names.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(HALF_WRITTEN))).collect()
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::new(format!("{}: {error}", path.display()))
}

/// Removes a file if it is there; the number of files removed.
fn remove(path: &Path) -> Result<usize> {
    match fs::remove_file(path) {
        Ok(()) => Ok(1),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(failed(path, &error)),
    }
}
