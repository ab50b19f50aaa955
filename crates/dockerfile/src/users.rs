//! Names of users and groups, by an image's own `/etc/passwd` and `/etc/group` (passwd(5), group(5)).

use crate::tree::{Last, Tree};
use std::io::Read;

/// Largest file that is worth a look, in bytes.
pub const LIMIT_BYTES: u64 = 4 << 20;

/// The highest id that container engines accept.
const HIGHEST: u32 = 0x7fff_ffff;

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

/// The two files of an image; an image without one knows numbers only.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// Contents of `/etc/passwd`.
    pub passwd: String,
    /// Contents of `/etc/group`.
    pub group: String,
}

fn field(line: &str, index: usize) -> Option<&str> {
    line.split(':').nth(index)
}

/// A number, if that is what it is.
///
/// # Errors
/// One that is too high.
fn number(text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let found = text.parse().ok().filter(|id| *id <= HIGHEST);
    found.map(Some).ok_or_else(|| format!("{text} is too high, {HIGHEST} is the highest number"))
}

impl Accounts {
    /// Those of a root file system. A file that cannot be read is as good as none.
    pub(crate) fn of(tree: &Tree) -> Self {
        let file = |name: &[u8]| {
            let found = tree.resolve(name, Last::Follow).and_then(|name| tree.get(&name).map(|entry| entry.open()));
            let mut bytes = Vec::new();
            if let Some(Ok(reader)) = found
                && reader.take(LIMIT_BYTES).read_to_end(&mut bytes).is_err()
            {
                bytes.clear();
            }
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self { passwd: file(b"etc/passwd"), group: file(b"etc/group") }
    }

    fn gid(&self, name: &str) -> Result<u32, String> {
        if let Some(gid) = number(name)? {
            return Ok(gid);
        }
        let line = self.group.lines().find(|line| field(line, 0) == Some(name));
        line.and_then(|line| field(line, 2)?.parse().ok()).ok_or_else(|| format!("there is no group {name:?} in the image's /etc/group"))
    }

    /// Reads `user[:group]`, each a name or a number. Without a group, the user's own and all that name the user as a member count; of a number that is no
    /// user's, the group is 0. With a group it is the only one.
    ///
    /// # Errors
    /// A name that the image does not know, a number that is too high.
    pub fn identity(&self, text: &str) -> Result<Identity, String> {
        if text.is_empty() {
            return self.identity("0");
        }
        let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group).filter(|name| !name.is_empty())));
        let number = number(user)?;
        let line = self.passwd.lines().find(|line| match number {
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
        match (group, line.and_then(|line| field(line, 0))) {
            (Some(name), _) => found.gid = self.gid(name)?,
            (None, Some(name)) => {
                let member = |line: &&str| field(line, 3).is_some_and(|members| members.split(',').any(|member| member == name));
                found.groups = self.group.lines().filter(member).filter_map(|line| field(line, 2)?.parse().ok()).collect();
            }
            (None, None) => {}
        }
        Ok(found)
    }

    /// Reads `user[:group]` of `--chown`: without a group, a number's group is the same number and a name's is its own.
    ///
    /// # Errors
    /// As [`identity`](Self::identity).
    pub fn owner(&self, text: &str) -> Result<(u32, u32), String> {
        let (user, given) = text.split_once(':').map_or((text, ""), |(user, group)| (user, group));
        let uid = if user.is_empty() { 0 } else { self.identity(user)?.uid };
        let gid = match (given, number(user)?) {
            ("", Some(number)) => number,
            ("", None) => self.identity(user)?.gid,
            (name, _) => self.gid(name)?,
        };
        Ok((uid, gid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_as_docker_finds_them() {
        let accounts = Accounts {
            passwd: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:,,,:/home/app:/bin/sh\n".to_owned(),
            group: "root:x:0:\napp:x:1001:\nlog:x:4:app,root\nweb:x:33:app\n".to_owned(),
        };
        let who = |text: &str| {
            let found = accounts.identity(text).unwrap();
            (found.uid, found.gid, found.groups, found.home.unwrap_or_default())
        };
        let home = || "/home/app".to_owned();
        assert_eq!(who("app"), (1000, 1001, vec![4, 33], home()));
        assert_eq!(who("1000"), who("app"));
        assert_eq!(who("app:web"), (1000, 33, vec![], home()));
        assert_eq!(who("app:"), who("app"));
        assert_eq!(who("1000:7"), (1000, 7, vec![], home()));
        assert_eq!(who("77"), (77, 0, vec![], String::new()));
        assert_eq!(who(""), (0, 0, vec![4], "/root".to_owned()));
        for (text, problem) in [
            ("nobody", "there is no user \"nobody\""),
            ("app:nobody", "there is no group \"nobody\""),
            ("2147483648", "2147483648 is too high"),
            ("1:99999999999", "99999999999 is too high"),
            ("-1", "there is no user \"-1\""),
        ] {
            assert!(accounts.identity(text).unwrap_err().starts_with(problem), "{text}");
        }
        assert_eq!(accounts.owner("77"), Ok((77, 77)));
        assert_eq!(accounts.owner("app"), Ok((1000, 1001)));
        assert_eq!(accounts.owner(":web"), Ok((0, 33)));
    }
}
