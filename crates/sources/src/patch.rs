//! Patches, by the system's patch(1).

use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The patches in `directory`, in the order of their names, which is the order in which they are applied. A directory that is not there has none.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::at(directory))?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>().map_err(Error::at(directory))?;
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut patches: Vec<PathBuf> = paths.into_iter().filter(|path| !is_hidden(path)).collect();
    patches.sort();
    Ok(patches)
}

/// Applies a patch in `tree`, without the first part of the paths in it (`-p1`).
///
/// # Errors
/// It does not apply as a whole; there is no patch(1).
pub(crate) fn apply(patch: &Path, tree: &Path) -> Result<()> {
    let absolute = std::path::absolute(patch).map_err(Error::at(patch))?;
    let mut command = Command::new("patch");
    command.args(["--strip=1", "--batch", "--forward", "--silent", "--no-backup-if-mismatch", "--reject-file=-"]);
    command.arg("--directory").arg(tree).arg("--input").arg(absolute);
    for name in ["PATCH_GET", "POSIXLY_CORRECT", "PATCH_VERSION_CONTROL", "VERSION_CONTROL", "SIMPLE_BACKUP_SUFFIX", "QUOTING_STYLE"] {
        command.env_remove(name);
    }
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::MissingPatch { patch: patch.to_owned() },
        _ => Error::at(patch)(error),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim_end().to_owned();
    Err(Error::Patch { patch: patch.to_owned(), said })
}
