//! inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2).

use super::fd::{O_CLOEXEC, on_exec, result};
use crate::Cx;
use ::inotify::InotifyFile;
use file::{AccessMode, OpenFlags};
use process::Description;
use uapi::{Errno, Result};

pub fn inotify_init(cx: &mut Cx<'_>) -> Result<u64> {
    inotify_init1(cx, 0)
}

pub fn inotify_init1(cx: &mut Cx<'_>, flags: u32) -> Result<u64> {
    const NONBLOCK: u32 = 0o4000;
    if flags & !(NONBLOCK | O_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = InotifyFile::new(cx.process.fs().vfs());
    result(cx.install(file, AccessMode::Read, OpenFlags::from_bits_truncate(flags), on_exec(flags))?)
}

fn instance(open: &Description) -> Result<&InotifyFile> {
    open.file.as_any().downcast_ref().ok_or(Errno::EINVAL)
}

pub fn inotify_add_watch(cx: &mut Cx<'_>, fd: i32, path: u64, mask: u32) -> Result<u64> {
    let open = cx.file(fd)?;
    let instance = instance(&open)?;
    let at = cx.path(path)?;
    result(instance.add_watch(&at.fs, &at.path, mask)?)
}

pub fn inotify_rm_watch(cx: &mut Cx<'_>, fd: i32, watch: i32) -> Result<u64> {
    let open = cx.file(fd)?;
    instance(&open)?.remove_watch(watch)?;
    Ok(0)
}
