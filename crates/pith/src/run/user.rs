//! Whom the application runs as.

use crate::embedded;
use crate::error::{Error, Result};
use pith_abi::cmdline::User;
use pith_dockerfile::users::{Accounts, LIMIT_BYTES};
use pith_rootfs::source::{self, SourceKind};
use pith_rootfs::{Kind, SourceOptions, Tree};
use std::path::Path;

/// The user that was asked for.
#[derive(Debug)]
pub struct Wanted {
    /// `USER[:GROUP]`.
    text: String,
    /// Who says so, for messages.
    says: &'static str,
}

impl Wanted {
    /// The user's word, else the image's.
    pub fn new(flag: Option<&str>, image: Option<&str>) -> Option<Self> {
        let flag = flag.map(|text| (text, "--user"));
        let (text, says) = flag.or_else(|| image.map(|text| (text, "USER")))?;
        Some(Self { text: text.to_owned(), says })
    }
}

/// What the machine needs to know of its user.
#[derive(Debug)]
pub struct Found {
    /// The guest's way to say it; `None` for root.
    pub numbers: Option<String>,
    /// Home directory.
    pub home: String,
}

impl Found {
    /// Refuses a kernel that would not hear of the user, and run the application as root.
    ///
    /// # Errors
    /// That; a kernel that cannot be read.
    pub fn check(&self, wanted: Option<&Wanted>, kernel: Option<&Path>) -> Result<()> {
        let (Some(numbers), Some(Wanted { text, says })) = (&self.numbers, wanted) else { return Ok(()) };
        let is_root = User::parse(numbers).is_some_and(|user| user.uid == 0);
        if is_root || embedded::knows(kernel, "pith.user")? {
            return Ok(());
        }
        let kernel = kernel.map(|path| path.display().to_string()).unwrap_or_default();
        let message = format!("{says} {text:?}: the kernel {kernel} cannot run an application as another user than root");
        Err(Error::new(message).with_help("use a kernel of this version of Pith, or give --user root to have it run as root"))
    }
}

/// Looks the wanted user up in the archive or image that the machine gets.
///
/// # Errors
/// A name that is not there; an archive that cannot be read.
pub fn complete(wanted: Option<&Wanted>, archive: Option<&Path>) -> Result<Found> {
    let Some(Wanted { text, says }) = wanted else {
        return Ok(Found { numbers: None, home: "/root".to_owned() });
    };
    let accounts = archive.map(accounts).transpose()?.unwrap_or_default();
    let found = accounts.identity(text).map_err(|problem| Error::new(format!("{says} {text:?}: {problem}")))?;
    let user = User { uid: found.uid, gid: found.gid, groups: found.groups };
    let home = found.home.filter(|home| !home.is_empty());
    let home = home.unwrap_or_else(|| if user.uid == 0 { "/root" } else { "/" }.to_owned());
    Ok(Found { numbers: Some(user.to_string()), home })
}

fn accounts(archive: &Path) -> Result<Accounts> {
    let kind = source::detect(archive)?;
    if !matches!(kind, SourceKind::Cpio | SourceKind::Erofs) {
        return Ok(Accounts::default());
    }
    let tree = source::read(archive, kind, &SourceOptions::default())?;
    Ok(Accounts { passwd: text(&tree, archive, b"etc/passwd")?, group: text(&tree, archive, b"etc/group")? })
}

fn text(tree: &Tree, archive: &Path, path: &[u8]) -> Result<String> {
    let Some(id) = tree.resolve(path) else { return Ok(String::new()) };
    let Kind::File(content) = &tree.node(id).kind else { return Ok(String::new()) };
    let failed = |error| Error::new(format!("{}: /{}: {error}", archive.display(), String::from_utf8_lossy(path)));
    let bytes = content.read(LIMIT_BYTES).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
