//! What Linux programs expect of a tree: /dev, /proc and /sys, and a terminal.

use alloc::sync::Arc;
use file::File;
use machine::console::Console;
use machine::end;
use pith_abi::exit;
use process::Process;
use ramfs::Ramfs;
use uapi::Result;
use uapi::general::O_RDWR;
use vfs::{Context, Follow, MountFlags, OpenHow, StandardMount};

/// Mounts /dev, /proc and /sys, as far as this image has them.
pub fn mount(context: &Context, console: Arc<Console>, #[cfg(feature = "procfs")] source: Arc<dyn procfs::ProcSource>) {
    let vfs = context.vfs();
    let device = Arc::new(machine::stdio::DeviceConsole(console.clone()));
    console.set_terminal(devfs::register(vfs, Arc::new(machine::stdio::Entropy), device));
    let dev = match devfs::new(vfs) {
        Ok(fs) => fs,
        Err(errno) => end::failed(exit::PITH_ERROR, format_args!("/dev: {errno}")),
    };
    let secure = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let mounts = [
        StandardMount { path: b"/dev", fs: dev, flags: MountFlags::NOSUID, source: b"devtmpfs" },
        StandardMount { path: b"/dev/shm", fs: Ramfs::new(vfs, 0o1777), flags: MountFlags::NOSUID | MountFlags::NODEV, source: b"tmpfs" },
        #[cfg(feature = "procfs")]
        StandardMount { path: b"/proc", fs: procfs::Procfs::new(vfs, source), flags: secure, source: b"proc" },
        #[cfg(feature = "sysfs")]
        StandardMount { path: b"/sys", fs: sysfs::Sysfs::new(vfs, Arc::new(crate::info::Sys)), flags: secure, source: b"sysfs" },
    ];
    let _ = secure;
    if let Err(errno) = vfs::mount_standard(context, &mounts) {
        machine::log!(Error, "the standard file systems are incomplete: {errno}");
    }
}

/// The application's terminal, opened as `/dev/console`, which becomes its user's.
pub fn terminal(process: &Process) -> Result<Arc<dyn File>> {
    let path = b"/dev/console";
    let root = Context { uid: 0, ..Context::clone(&process.fs()) };
    root.chown(None, path, Some(process.credentials().uid.real), None, Follow::Yes)?;
    root.open(None, path, &OpenHow::new(O_RDWR, 0))
}
