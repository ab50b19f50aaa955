//! /proc/PID/fd and fdinfo.

use crate::source::{Ask, Descriptor};
use crate::text::put;
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::{AccessMode, File, FileType, OpenFlags, SeekFrom, Stat};
use uapi::general::{O_CLOEXEC, O_RDWR, O_WRONLY};
use uapi::{Errno, Result};
use vfs::{Inode, LinkTarget, Location, opened};

fn descriptor(ask: &Ask<'_>, fd: i32) -> Result<Descriptor> {
    ask.process()?.descriptor(fd).ok_or(Errno::ENOENT)
}

/// What stands for the path of a file that has none.
fn label(file: &dyn File) -> Vec<u8> {
    let stat = file.stat().unwrap_or_default();
    let mut text = Vec::new();
    match stat.kind {
        FileType::Fifo => {
            put!(&mut text, "pipe:[{}]", stat.ino);
        }
        FileType::Socket => {
            put!(&mut text, "socket:[{}]", stat.ino);
        }
        _ => text.extend_from_slice(b"anon_inode:[file]"),
    }
    text
}

/// The text of the link for descriptor `fd`.
pub(crate) fn link_text(ask: &Ask<'_>, fd: i32) -> Result<Vec<u8>> {
    let file = descriptor(ask, fd)?.file;
    match opened(&*file) {
        Some(open) => Ok(open.location().display_path(&ask.process()?.context().root)),
        None => Ok(label(&*file)),
    }
}

/// Where the link for descriptor `fd` leads.
pub(crate) fn link_target(ask: &Ask<'_>, fd: i32) -> Result<LinkTarget> {
    let file = descriptor(ask, fd)?.file;
    if let Some(open) = opened(&*file) {
        return Ok(LinkTarget::Location(open.location().clone()));
    }
    let name = label(&*file);
    let context = ask.process()?.context();
    let kind = file.stat()?.kind;
    let inode = Arc::new(FileInode { file, kind });
    Ok(LinkTarget::Location(Location::unnamed(&context.root.mount, &name, inode)))
}

/// fdinfo: position, flags, mount, inode.
pub(crate) fn info(ask: &Ask<'_>, fd: i32, out: &mut Vec<u8>) -> Result<()> {
    let d = descriptor(ask, fd)?;
    let access = match d.access {
        AccessMode::Read => 0,
        AccessMode::Write => O_WRONLY,
        AccessMode::ReadWrite => O_RDWR,
        AccessMode::None => 0,
    };
    let flags = access | d.flags.bits() | if d.close_on_exec { O_CLOEXEC } else { 0 };
    let position = d.file.seek(SeekFrom::Current(0)).unwrap_or(0);
    put!(out, "pos:\t{position}\nflags:\t0{flags:o}\nmnt_id:\t0\nino:\t{}\n", d.file.stat()?.ino);
    Ok(())
}

/// A file that no path leads to, seen as an inode: opening a pipe or terminal again gives the same file.
struct FileInode {
    file: Arc<dyn File>,
    kind: FileType,
}

impl Inode for FileInode {
    fn kind(&self) -> FileType {
        self.kind
    }

    fn stat(&self) -> Stat {
        self.file.stat().unwrap_or_default()
    }

    fn open(&self, _: AccessMode, _: OpenFlags) -> Result<Option<Arc<dyn File>>> {
        match self.kind {
            FileType::Fifo | FileType::CharDevice => Ok(Some(self.file.clone())),
            _ => Err(Errno::ENXIO),
        }
    }
}
