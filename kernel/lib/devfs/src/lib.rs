//! Device files: null, zero, full, random, tty, console.
//!
//! [`register`] puts the devices into the VFS's table, where any device node finds them; [`new`] makes the file system for `/dev`, a
//! [`ramfs::Ramfs`] with the usual nodes and links. The machine hands in a [`RandomSource`] and a [`Console`]; when the console
//! is a terminal, [`Terminal`] gives it the line discipline of termios(3).
//!
//! Neighbours: `vfs` and `ramfs` below; the image, which owns the console's hardware.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod console;
mod memory;
mod terminal;
mod termios;

pub use console::{Console, ConsoleFile, WindowSize};
pub use memory::RandomSource;
pub use terminal::{Terminal, TerminalSignal};

use alloc::sync::Arc;
use file::FileType;
use memory::MemoryDevice;
use ramfs::{Contents, Meta, RamInode, Ramfs};
use uapi::Result;
use vfs::{Vfs, make_dev};

/// Nodes: name, major, minor, permission bits.
const NODES: [(&[u8], u32, u32, u32); 7] = [
    (b"null", 1, 3, 0o666),
    (b"zero", 1, 5, 0o666),
    (b"full", 1, 7, 0o666),
    (b"random", 1, 8, 0o666),
    (b"urandom", 1, 9, 0o666),
    (b"tty", 5, 0, 0o666),
    (b"console", 5, 1, 0o600),
];

const LINKS: [(&[u8], &[u8]); 4] =
    [(b"fd", b"/proc/self/fd"), (b"stdin", b"/proc/self/fd/0"), (b"stdout", b"/proc/self/fd/1"), (b"stderr", b"/proc/self/fd/2")];

/// Puts all devices into `vfs.devices`. `/dev/tty` is ENXIO unless the console is a terminal, as for a process without a controlling one.
/// Returns the console's file.
pub fn register(vfs: &Arc<Vfs>, random: Arc<dyn RandomSource>, console: Arc<dyn Console>) -> Arc<ConsoleFile> {
    let add = |major, minor, device| vfs.devices.register(FileType::CharDevice, make_dev(major, minor), device);
    add(1, 3, Arc::new(MemoryDevice::Null));
    add(1, 5, Arc::new(MemoryDevice::Zero(vfs.frames)));
    add(1, 7, Arc::new(MemoryDevice::Full));
    add(1, 8, Arc::new(MemoryDevice::Random(random.clone())));
    add(1, 9, Arc::new(MemoryDevice::Random(random)));
    let file = Arc::new(ConsoleFile::new(console));
    if file.is_terminal() {
        add(5, 0, Arc::new(console::ConsoleDevice(file.clone())));
    }
    add(5, 1, Arc::new(console::ConsoleDevice(file.clone())));
    file
}

/// A file system for `/dev` with the usual entries. It can be written, as on Linux.
pub fn new(vfs: &Arc<Vfs>) -> Result<Arc<Ramfs>> {
    let fs = Ramfs::new(vfs, 0o755);
    populate(fs.top())?;
    Ok(fs)
}

/// Puts the usual entries into a directory; those that are there already stay.
pub fn populate(dir: &RamInode) -> Result<()> {
    let add = |name, mode, contents| match dir.insert(name, &Meta { mode, ..Meta::default() }, contents) {
        Ok(_) | Err(uapi::Errno::EEXIST) => Ok(()),
        Err(e) => Err(e),
    };
    for (name, major, minor, mode) in NODES {
        add(name, mode, Contents::Node(FileType::CharDevice, make_dev(major, minor)))?;
    }
    for (name, target) in LINKS {
        add(name, 0o777, Contents::Symlink(target))?;
    }
    add(b"shm", 0o1777, Contents::Directory)
}

#[cfg(test)]
mod tests;
