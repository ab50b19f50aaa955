//! Where Pith keeps its data: the same place for a user and for the same user under sudo.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The user behind `sudo`, when there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SudoUser {
    uid: u32,
    gid: u32,
}

fn sudo_user() -> Option<SudoUser> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    let user = SudoUser { uid: number("SUDO_UID")?, gid: number("SUDO_GID")? };
    (user.uid != 0).then_some(user)
}

/// Home directory of `uid` from `/etc/passwd`.
fn home_of(uid: u32) -> Option<PathBuf> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let matches = fields.get(2)?.parse::<u32>().ok()? == uid;
        matches.then(|| fields.get(5).map(PathBuf::from))?
    })
}

/// The data directory: `$PITH_DATA_DIR`, else `$XDG_DATA_HOME/pith`, else `~/.local/share/pith`; under sudo that of the
/// user who called it. `None` when there is no home directory either.
#[must_use]
pub fn data_dir() -> Option<PathBuf> {
    let from = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = from("PITH_DATA_DIR") {
        return Some(directory);
    }
    if let Some(user) = sudo_user() {
        return home_of(user.uid).map(|home| home.join(".local/share/pith"));
    }
    from("XDG_DATA_HOME").map(|base| base.join("pith")).or_else(|| from("HOME").map(|home| home.join(".local/share/pith")))
}

/// The user's configuration directory: `$XDG_CONFIG_HOME`, else `~/.config`; under sudo that of the user who called it.
#[must_use]
pub fn config_base() -> Option<PathBuf> {
    let from = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(user) = sudo_user() {
        return home_of(user.uid).map(|home| home.join(".config"));
    }
    from("XDG_CONFIG_HOME").or_else(|| from("HOME").map(|home| home.join(".config")))
}

/// Creates a directory with its parents; what is new belongs to the user behind sudo.
///
/// # Errors
/// Those of the file system.
pub fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_dir(parent)?;
    }
    // Its owner's only: logs and environments may hold secrets.
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        other => other?,
    }
    give_to_user(path);
    Ok(())
}

/// Hands a file or directory that root made to the user behind sudo.
pub fn give_to_user(path: &Path) {
    if let Some(user) = sudo_user() {
        // Best effort: on a file system without owners the file is usable anyway.
        let _ = std::os::unix::fs::lchown(path, Some(user.uid), Some(user.gid));
    }
}
