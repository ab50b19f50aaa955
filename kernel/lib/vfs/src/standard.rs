//! The mounts that every Linux program expects.

use crate::{Context, FileSystem, Follow, MountFlags};
use alloc::sync::Arc;
use uapi::{Errno, Result};

/// One mount to make.
pub struct StandardMount<'a> {
    /// Where (`/proc`).
    pub path: &'a [u8],
    /// What.
    pub fs: Arc<dyn FileSystem>,
    /// How.
    pub flags: MountFlags,
    /// What /proc/mounts shows as its source.
    pub source: &'a [u8],
}

/// Mounts each of `mounts`, making mount points that are missing, and makes `/tmp` (mode 1777) if there is none. The first error ends it.
pub fn mount_standard(ctx: &Context, mounts: &[StandardMount<'_>]) -> Result<()> {
    // What is made belongs to everyone's root and has the modes given here.
    let ctx = Context { umask: 0, uid: 0, gid: 0, ..ctx.clone() };
    for mount in mounts {
        make_dirs(&ctx, mount.path, 0o755)?;
        let at = ctx.resolve_dir(None, mount.path)?;
        ctx.namespace.mount(mount.fs.clone(), &at, mount.flags, mount.source)?;
    }
    match make_dirs(&ctx, b"/tmp", 0o1777) {
        // A root file system without a place for temporary files, and read-only: the program has to live with it.
        Err(Errno::EROFS) => Ok(()),
        made => made,
    }
}

/// Makes the directory `path` and what is missing above it.
fn make_dirs(ctx: &Context, path: &[u8], mode: u32) -> Result<()> {
    for end in (1..=path.len()).filter(|at| path.get(*at).is_none_or(|b| *b == b'/')) {
        let part = &path[..end];
        if ctx.resolve(None, part, Follow::Yes).is_ok() {
            continue;
        }
        match ctx.mkdir(None, part, if end == path.len() { mode } else { 0o755 }) {
            Err(Errno::EEXIST) => {}
            made => made?,
        }
    }
    Ok(())
}
