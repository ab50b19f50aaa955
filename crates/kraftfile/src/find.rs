//! Where a project's file is.

use std::fs;
use std::path::{Path, PathBuf};

/// Names of project files.
pub const NAMES: [&str; 5] = ["kraft.yaml", "kraft.yml", "Kraftfile.yml", "Kraftfile.yaml", "Kraftfile"];

/// No project file, or too many.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// None here or above.
    #[error("no Kraftfile specified: none of kraft.yaml, kraft.yml, Kraftfile.yml, Kraftfile.yaml, Kraftfile in {} or above", .0.display())]
    None(PathBuf),
    /// Several in one directory.
    #[error("found multiple config files with supported names: {}", .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    Several(Vec<PathBuf>),
}

/// The project file in exactly this directory, if there is one.
///
/// # Errors
/// [`FindError::Several`].
pub fn find_in(directory: &Path) -> Result<Option<PathBuf>, FindError> {
    let found: Vec<PathBuf> = NAMES.iter().map(|name| directory.join(name)).filter(|path| path.is_file()).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => Err(FindError::Several(found)),
    }
}

/// The project file in this directory or the nearest one above.
///
/// # Errors
/// [`FindError`].
pub fn find(directory: &Path) -> Result<PathBuf, FindError> {
    let absolute = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    for candidate in absolute.ancestors() {
        if let Some(found) = find_in(candidate)? {
            return Ok(found);
        }
    }
    Err(FindError::None(absolute))
}
