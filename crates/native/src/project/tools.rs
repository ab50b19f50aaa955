//! Programs of the host.

use super::error::NativeError;
use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The program `name`, along PATH unless it is a path itself. `package` is Debian's that has it, `purpose` what it does for us.
///
/// # Errors
/// It is not installed.
pub fn find(name: &str, package: &'static str, purpose: &'static str) -> Result<PathBuf, NativeError> {
    let missing = || NativeError::Missing { program: name.to_owned(), purpose, package };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_program(path)).ok_or_else(missing);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|directory| directory.join(name)).find(|path| is_program(path)).ok_or_else(missing)
}
