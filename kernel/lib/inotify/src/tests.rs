use crate::{InotifyFile, WatchFlags};
use alloc::sync::Arc;
use file::{Events, File, OpenFlags, SliceSink};
use ramfs::Ramfs;
use uapi::Errno;
use uapi::general::{O_CREAT, O_WRONLY};
use vfs::{Context, EventMask, Follow, MountFlags, Namespace, OpenHow, RenameKind, Vfs};

fn world() -> Context {
    let vfs = Vfs::new(Arc::new(time::testing::ManualClock::default()), frame::testing::arena(1 << 20), None);
    Context::new(Namespace::new(vfs.clone(), Ramfs::new(&vfs, 0o755), MountFlags::empty(), b"rootfs"))
}

/// (wd, mask, cookie, name) of all that is queued.
fn drain(file: &InotifyFile) -> Vec<(i32, u32, u32, String)> {
    let mut out = Vec::new();
    let mut buf = [0; 4096];
    while file.poll().contains(Events::IN) {
        let n = file.read(&mut SliceSink::new(&mut buf), OpenFlags::empty()).unwrap();
        let mut at = 0;
        while at < n {
            let word = |i: usize| u32::from_ne_bytes(buf[at + 4 * i..at + 4 * i + 4].try_into().unwrap());
            let len = word(3) as usize;
            let name = &buf[at + 16..at + 16 + len];
            let end = name.iter().position(|b| *b == 0).unwrap_or(0);
            assert!(len.is_multiple_of(16));
            out.push((word(0) as i32, word(1), word(2), String::from_utf8(name[..end].to_vec()).unwrap()));
            at += 16 + len;
        }
    }
    out
}

fn masks(file: &InotifyFile) -> Vec<(u32, String)> {
    drain(file).into_iter().map(|(_, mask, _, name)| (mask, name)).collect()
}

fn write(ctx: &Context, path: &str) {
    let file = ctx.open(None, path.as_bytes(), &OpenHow::new(O_WRONLY | O_CREAT, 0o644)).unwrap();
    file.write(&mut &b"x"[..], OpenFlags::empty()).unwrap();
    file.write(&mut &b"x"[..], OpenFlags::empty()).unwrap();
}

#[test]
fn a_directory_watch_sees_its_entries_live_and_die() {
    let ctx = world();
    ctx.mkdir(None, b"/d", 0o755).unwrap();
    let i = InotifyFile::new(ctx.vfs());
    assert_eq!(i.add_watch(&ctx, b"/d", 0xfff), Ok(1));
    write(&ctx, "/d/f");
    let name = || "f".to_string();
    // The two writes are one event.
    assert_eq!(masks(&i), [(0x100, name()), (0x20, name()), (0x2, name()), (0x8, name())]);
    ctx.chmod(None, b"/d/f", 0o600, Follow::Yes).unwrap();
    ctx.mkdir(None, b"/d/sub", 0o755).unwrap();
    ctx.rename(None, b"/d/f", None, b"/d/g", RenameKind::Replace).unwrap();
    ctx.unlink(None, b"/d/g").unwrap();
    let seen = drain(&i);
    let short: Vec<_> = seen.iter().map(|e| (e.1, e.3.as_str())).collect();
    assert_eq!(short, [(0x4, "f"), (0x4000_0100, "sub"), (0x40, "f"), (0x80, "g"), (0x200, "g")]);
    assert!(seen[2].2 != 0 && seen[2].2 == seen[3].2);
    ctx.rmdir(None, b"/d/sub").unwrap();
    ctx.rmdir(None, b"/d").unwrap();
    assert_eq!(masks(&i), [(0x4000_0200, "sub".into()), (0x400, String::new()), (0x8000, String::new())]);
    assert_eq!(i.remove_watch(1), Err(Errno::EINVAL));
}

#[test]
fn a_file_watch_sees_itself_and_masks_choose() {
    let ctx = world();
    write(&ctx, "/f");
    let i = InotifyFile::new(ctx.vfs());
    assert_eq!(i.read(&mut SliceSink::new(&mut [0; 99]), OpenFlags::empty()), Err(Errno::EAGAIN));
    let close = EventMask::CLOSE_WRITE.bits();
    assert_eq!(i.add_watch(&ctx, b"/f", close), Ok(1));
    assert_eq!(i.add_watch(&ctx, b"/f", close | WatchFlags::MASK_CREATE.bits()), Err(Errno::EEXIST));
    assert_eq!(i.add_watch(&ctx, b"/f", EventMask::DELETE_SELF.bits() | WatchFlags::MASK_ADD.bits()), Ok(1));
    assert_eq!(i.add_watch(&ctx, b"/f", 0), Err(Errno::EINVAL));
    assert_eq!(i.add_watch(&ctx, b"/f", close | WatchFlags::ONLYDIR.bits()), Err(Errno::ENOTDIR));
    write(&ctx, "/f");
    assert_eq!(i.read(&mut SliceSink::new(&mut [0; 15]), OpenFlags::empty()), Err(Errno::EINVAL));
    assert_eq!(masks(&i), [(0x8, String::new())]);
    ctx.unlink(None, b"/f").unwrap();
    assert_eq!(masks(&i), [(0x400, String::new()), (0x8000, String::new())]);
    write(&ctx, "/g");
    i.add_watch(&ctx, b"/g", close | WatchFlags::ONESHOT.bits()).unwrap();
    write(&ctx, "/g");
    write(&ctx, "/g");
    assert_eq!(masks(&i), [(0x8, String::new()), (0x8000, String::new())]);
    i.add_watch(&ctx, b"/g", close).unwrap();
    drop(i);
    assert!(!ctx.vfs().events.watched());
}

#[test]
fn too_many_events_are_told_as_an_overflow() {
    let ctx = world();
    let i = InotifyFile::new(ctx.vfs());
    i.add_watch(&ctx, b"/", 0xfff).unwrap();
    for n in 0..6000 {
        ctx.mknod(None, format!("/{n}").as_bytes(), 0o100644, 0).unwrap();
        ctx.unlink(None, format!("/{n}").as_bytes()).unwrap();
        ctx.mkdir(None, format!("/{n}").as_bytes(), 0o755).unwrap();
    }
    let seen = drain(&i);
    assert_eq!((seen.len(), seen[16384].0, seen[16384].1), (16385, -1, 0x4000));
}
