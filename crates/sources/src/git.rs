//! Repositories, by the system's git: the one commit that is wanted, without history, with its submodules.

use crate::address::Address;
use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What git says of a version that a repository does not have.
const NO_VERSION: [&str; 3] = ["couldn't find remote ref", "not our ref", "no such remote ref"];

fn git(address: &Address, tree: &Path, words: &[&str]) -> Result<Output> {
    let mut command = Command::new("git");
    // A repository around this one, or a hook's, is not meant.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command.arg("-C").arg(tree).args(words).env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
    command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::MissingGit { address: address.location.clone() },
        _ => Error::Unreachable { address: address.location.clone(), problem: format!("git: {error}") },
    })
}

/// Checks a repository out into `tree`, an empty directory; the commit.
///
/// # Errors
/// Nobody answers; there is no such version.
pub(crate) fn check_out(address: &Address, tree: &Path) -> Result<String> {
    let version = address.version.as_deref().unwrap_or("HEAD");
    let run = |words: &[&str]| {
        let output = git(address, tree, words)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if NO_VERSION.iter().any(|text| said.contains(text)) {
            return Err(Error::NoVersion { address: address.location.clone(), version: version.to_owned() });
        }
        let told = said.lines().find(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
        let problem = told.and_then(|line| line.split_once(": ")).map_or_else(|| said.trim().to_owned(), |(_, what)| what.to_owned());
        Err(Error::Unreachable { address: address.location.clone(), problem: format!("git says: {problem}") })
    };
    run(&["init", "--quiet"])?;
    run(&["fetch", "--quiet", "--depth=1", "--no-tags", "--", &address.location, version])?;
    run(&["-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", "FETCH_HEAD"])?;
    let commit = run(&["rev-parse", "HEAD"])?;
    if tree.join(".gitmodules").is_file() {
        // Addresses in there may begin where the repository is; what is on this machine may name what is on this machine.
        run(&["remote", "add", "origin", &address.location])?;
        let is_local = address.location.starts_with("file://") || address.location.starts_with('/');
        let allow: &[&str] = if is_local { &["-c", "protocol.file.allow=always"] } else { &[] };
        run(&[allow, &["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"]].concat())?;
        let places = run(&["submodule", "--quiet", "foreach", "--recursive", r#"printf '%s\0' "$toplevel/$sm_path""#])?;
        for place in places.split('\0').filter(|place| !place.is_empty()) {
            // A file that says where its repository is: in the one that is removed below.
            let link = Path::new(place).join(".git");
            fs::remove_file(&link).map_err(Error::at(&link))?;
        }
    }
    let own = tree.join(".git");
    fs::remove_dir_all(&own).map_err(Error::at(&own))?;
    Ok(commit)
}
