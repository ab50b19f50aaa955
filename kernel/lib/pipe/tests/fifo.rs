//! FIFOs opened by path.

use file::{Events, OpenFlags, SliceSink};
use ramfs::Ramfs;
use std::sync::Arc;
use time::testing::ManualClock;
use uapi::Errno;
use uapi::general::{O_NONBLOCK, O_RDONLY, O_WRONLY};
use vfs::{Context, MountFlags, Namespace, OpenHow, Vfs};

#[test]
fn a_fifo_inode_is_one_pipe_for_all_who_open_it() {
    let vfs = Vfs::new(Arc::new(ManualClock::default()), frame::testing::arena(4 << 20), Some(Arc::new(pipe::Fifos)));
    let ctx = Context::new(Namespace::new(vfs.clone(), Ramfs::new(&vfs, 0o755), MountFlags::empty(), b"rootfs"));
    ctx.mknod(None, b"/fifo", 0o010600, 0).unwrap();
    let open = |flags| ctx.open(None, b"/fifo", &OpenHow::new(flags | O_NONBLOCK, 0));
    assert!(open(O_WRONLY).is_err_and(|e| e == Errno::ENXIO));
    let reader = open(O_RDONLY).unwrap();
    let writer = open(O_WRONLY).unwrap();
    assert_eq!(writer.write(&mut &b"through"[..], OpenFlags::empty()), Ok(7));
    let mut buf = [0; 16];
    assert_eq!(reader.read(&mut SliceSink::new(&mut buf), OpenFlags::empty()), Ok(7));
    assert!(reader.wait_queue().is_some());
    assert_eq!(reader.stat().unwrap().kind, file::FileType::Fifo);
    drop(writer);
    assert_eq!(reader.poll(), Events::HUP);
}
