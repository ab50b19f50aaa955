//! Names of users and groups, by the image's own `/etc/passwd` and `/etc/group`.

use crate::tree::{Last, Tree};
use std::io::Read;

/// Largest file that is looked at.
const LIMIT_BYTES: u64 = 4 << 20;

/// Who a command runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
    /// Home directory, when the user has a line in `/etc/passwd`.
    pub home: Option<String>,
}

fn file(tree: &Tree, name: &[u8]) -> String {
    let found = tree.resolve(name, Last::Follow).and_then(|name| tree.get(&name).map(|entry| entry.open()));
    let mut bytes = Vec::new();
    if let Some(Ok(reader)) = found {
        // A file that cannot be read is as good as none: then only numbers are understood.
        if reader.take(LIMIT_BYTES).read_to_end(&mut bytes).is_err() {
            bytes.clear();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn field(line: &str, index: usize) -> Option<&str> {
    line.split(':').nth(index)
}

fn group(tree: &Tree, name: &str) -> Result<u32, String> {
    if let Ok(gid) = name.parse() {
        return Ok(gid);
    }
    let groups = file(tree, b"etc/group");
    let line = groups.lines().find(|line| field(line, 0) == Some(name));
    line.and_then(|line| field(line, 2)?.parse().ok()).ok_or_else(|| format!("there is no group {name:?} in the image's /etc/group"))
}

/// Reads `user[:group]`.
///
/// # Errors
/// A name that the image does not know.
pub fn identity(tree: &Tree, text: &str) -> Result<Identity, String> {
    if text.is_empty() {
        return identity(tree, "0");
    }
    let (user, group_name) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group).filter(|name| !name.is_empty())));
    let users = file(tree, b"etc/passwd");
    let number: Option<u32> = user.parse().ok();
    let line = users.lines().find(|line| match number {
        Some(_) => field(line, 2).and_then(|uid| uid.parse().ok()) == number,
        None => field(line, 0) == Some(user),
    });
    let parsed = |index| line.and_then(|line| field(line, index)?.parse::<u32>().ok());
    let uid = number.or_else(|| parsed(2)).ok_or_else(|| format!("there is no user {user:?} in the image's /etc/passwd"))?;
    let mut found = Identity {
        uid,
        gid: parsed(3).unwrap_or(0),
        groups: Vec::new(),
        home: line.and_then(|line| field(line, 5)).map(ToOwned::to_owned),
    };
    match (group_name, line.and_then(|line| field(line, 0))) {
        (Some(name), _) => found.gid = group(tree, name)?,
        (None, Some(name)) => {
            let groups = file(tree, b"etc/group");
            let member = |line: &&str| field(line, 3).is_some_and(|members| members.split(',').any(|member| member == name));
            found.groups = groups.lines().filter(member).filter_map(|line| field(line, 2)?.parse().ok()).collect();
        }
        (None, None) => {}
    }
    Ok(found)
}

/// Reads `user[:group]` of `--chown`: without a group, a number's group is the same number and a name's is its own.
///
/// # Errors
/// As [`identity`].
pub fn owner(tree: &Tree, text: &str) -> Result<(u32, u32), String> {
    let (user, given) = text.split_once(':').map_or((text, ""), |(user, group)| (user, group));
    let uid = if user.is_empty() { 0 } else { identity(tree, user)?.uid };
    let gid = match (given, user.parse::<u32>()) {
        ("", Ok(number)) => number,
        ("", Err(_)) => identity(tree, user)?.gid,
        (name, _) => group(tree, name)?,
    };
    Ok((uid, gid))
}
