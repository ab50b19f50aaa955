//! Programs of the host.

use super::error::NativeError;
use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The program `name`, along PATH unless it is a path itself.
pub fn program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_program(path));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|directory| directory.join(name)).find(|path| is_program(path))
}

/// The program `name`. `package` is Debian's that has it, `purpose` what it does for us.
///
/// # Errors
/// It is not installed.
pub fn find(name: &str, package: &'static str, purpose: &'static str) -> Result<PathBuf, NativeError> {
    program(name).ok_or_else(|| NativeError::Missing { program: name.to_owned(), purpose, package })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_installed_has_a_package() {
        assert!(find("sh", "dash", "runs scripts").is_ok() && find("/bin/sh", "dash", "runs scripts").is_ok());
        let missing = find("no-musl-gcc", "musl-tools", "compiles C").unwrap_err().to_string();
        assert_eq!(missing, "no-musl-gcc is not installed; it compiles C. Debian's package is musl-tools: `apt-get install musl-tools`");
    }
}
