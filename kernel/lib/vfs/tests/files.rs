//! Regular files, directories, renames, locks.
#![allow(clippy::unwrap_used)]
mod common;

use common::{get, names, world};
use file::{AccessMode, File, OpenFlags, SeekFrom, SliceSink};
use frame::{MapObject, PAGE_SIZE, PageAccess};
use uapi::Errno;
use uapi::general::*;
use vfs::*;

fn read_at(file: &dyn File, offset: u64, len: usize) -> Vec<u8> {
    let mut buf = vec![0xee; len];
    let mut sink = SliceSink::new(&mut buf);
    file.read_at(&mut sink, offset).unwrap();
    let n = sink.filled();
    buf.truncate(n);
    buf
}

#[test]
fn offsets_append_truncate_and_holes() {
    let w = world();
    let f = w.ctx.open(None, b"/f", &OpenHow::new(O_RDWR | O_CREAT, 0o644)).unwrap();
    assert_eq!(f.write(&mut &b"hello"[..], OpenFlags::empty()), Ok(5));
    assert_eq!(f.seek(SeekFrom::Current(-2)), Ok(3));
    assert_eq!(f.write(&mut &b"p!"[..], OpenFlags::APPEND), Ok(2));
    assert_eq!(f.seek(SeekFrom::Current(0)), Ok(7));
    assert_eq!(f.seek(SeekFrom::Start(-1)), Err(Errno::EINVAL));
    assert_eq!(read_at(&*f, 0, 100), b"hellop!");
    assert_eq!(f.write_at(&mut &b"far"[..], 100_000), Ok(3));
    assert_eq!(f.stat().unwrap().size, 100_003);
    assert!(f.stat().unwrap().blocks <= 16);
    assert_eq!(read_at(&*f, 5, 5000)[2..], vec![0; 4998]);
    assert_eq!(f.seek(SeekFrom::Data(4096)), Ok(98_304));
    assert_eq!(f.seek(SeekFrom::Hole(0)), Ok(4096));
    assert_eq!(f.seek(SeekFrom::Data(100_003)), Err(Errno::ENXIO));
    f.truncate(3).unwrap();
    f.truncate(10).unwrap();
    assert_eq!(read_at(&*f, 0, 100), b"hel\0\0\0\0\0\0\0");
    assert_eq!(f.truncate(u64::MAX), Err(Errno::EFBIG));
    let o = w.ctx.open(None, b"/f", &OpenHow::new(O_WRONLY | O_TRUNC, 0)).unwrap();
    assert_eq!(o.stat().unwrap().size, 0);
    assert_eq!(f.seek(SeekFrom::End(0)), Ok(0));
}

#[test]
fn archive_bytes_are_handed_out_in_place_and_copied_on_write() {
    #[repr(align(4096))]
    struct Aligned([u8; 3 * PAGE_SIZE]);
    static ARCHIVE: Aligned = Aligned([b'a'; 3 * PAGE_SIZE]);
    let frames = frame::testing::arena(4 << 20);
    let before = frames.free_bytes();
    let cache = PageCache::over(frames, &ARCHIVE.0[..2 * PAGE_SIZE + 100]);
    let page = cache.page(1, PageAccess::Read).unwrap();
    assert!(page.is_foreign() && cache.resident(0).is_some() && cache.resident(2).is_none());
    assert_eq!(frames.free_bytes(), before);
    // The last page is copied: what follows the file in the archive must not be seen.
    let tail = cache.page(2, PageAccess::Read).unwrap();
    let mut bytes = [1; 200];
    tail.read(0, &mut bytes);
    assert_eq!((bytes[99], bytes[100]), (b'a', 0));
    assert_eq!(cache.page(3, PageAccess::Read).err(), Some(Errno::ENXIO));
    cache.write(&mut &b"bb"[..], WriteAt::Offset(4097)).unwrap();
    let mut sink_bytes = [0; 8];
    cache.read(&mut SliceSink::new(&mut sink_bytes), 4095).unwrap();
    assert_eq!(&sink_bytes, b"aabbaaaa");
    assert!(!cache.page(1, PageAccess::Read).unwrap().is_foreign());
    cache.set_size(10).unwrap();
    cache.set_size(8192).unwrap();
    cache.read(&mut SliceSink::new(&mut sink_bytes), 6).unwrap();
    assert_eq!(&sink_bytes, b"aaaa\0\0\0\0");
    cache.zero(0, 3).unwrap();
    cache.read(&mut SliceSink::new(&mut sink_bytes), 0).unwrap();
    assert_eq!(&sink_bytes, b"\0\0\0aaaaa");
    drop((cache, page, tail));
    assert_eq!(frames.free_bytes(), before);
}

#[test]
fn mappings_are_told_when_pages_change() {
    struct Log(std::sync::Mutex<Vec<(u64, u64)>>);
    impl frame::MapObserver for Log {
        fn invalidate(&self, _: u64, first: u64, end: u64) {
            self.0.lock().unwrap().push((first, end.min(99)));
        }
    }
    let cache = PageCache::over(frame::testing::arena(1 << 20), Box::leak(vec![7u8; 3 * PAGE_SIZE].into_boxed_slice()));
    let log = std::sync::Arc::new(Log(Default::default()));
    let weak = std::sync::Arc::downgrade(&log);
    cache.watch(weak.clone());
    cache.watch(weak);
    cache.write(&mut &b"x"[..], WriteAt::Offset(5000)).unwrap();
    cache.write(&mut &b"x"[..], WriteAt::Offset(5000)).unwrap();
    cache.set_size(5000).unwrap();
    assert_eq!(*log.0.lock().unwrap(), [(1, 2), (1, 99)]);
}

#[test]
fn directory_offsets_survive_changes_and_hard_links_count() {
    let w = world();
    w.dir("/d");
    for i in 0..100 {
        w.write(&format!("/d/{i}"), b"");
    }
    let dir = w.ctx.open(None, b"/d", &OpenHow::new(O_DIRECTORY, 0)).unwrap();
    let mut seen = Vec::new();
    dir.read_dir(&mut |entry| {
        seen.push(entry.clone());
        seen.len() < 51
    })
    .unwrap();
    let last = seen.pop().unwrap();
    assert_eq!((seen[0].name.as_slice(), seen[1].name.as_slice()), (&b"."[..], &b".."[..]));
    for entry in &seen[2..] {
        w.ctx.unlink(None, &[b"/d/", entry.name.as_slice()].concat()).unwrap();
    }
    let rest = names(&*dir);
    assert_eq!((rest.len(), rest[0].as_bytes()), (52, last.name.as_slice()));
    dir.seek(SeekFrom::Start(last.next_offset)).unwrap();
    assert_eq!(names(&*dir), rest[1..]);
    assert_eq!(w.ctx.rmdir(None, b"/d"), Err(Errno::ENOTEMPTY));
    w.write("/f", b"1");
    w.ctx.link(None, b"/f", Follow::No, None, b"/g").unwrap();
    assert_eq!(w.ctx.stat(None, b"/g", Follow::No).unwrap().nlink, 2);
    assert_eq!(w.ctx.link(None, b"/d", Follow::No, None, b"/e"), Err(Errno::EPERM));
    assert_eq!(w.ctx.stat(None, b"/", Follow::No).unwrap().nlink, 3);
    assert_eq!(w.ctx.unlink(None, b"/d"), Err(Errno::EISDIR));
    assert_eq!(w.ctx.rmdir(None, b"/f"), Err(Errno::ENOTDIR));
    assert_eq!(w.ctx.rmdir(None, b"/d/."), Err(Errno::EINVAL));
    assert_eq!(w.ctx.unlink(None, b"/f/"), Err(Errno::ENOTDIR));
}

#[test]
fn unlinked_files_stay_open_and_unnamed_files_can_be_linked() {
    let mut w = world();
    w.write("/f", b"still here");
    let f = w.ctx.open(None, b"/f", &OpenHow::read()).unwrap();
    w.ctx.unlink(None, b"/f").unwrap();
    assert_eq!(get(&*f).unwrap(), b"still here");
    assert_eq!(f.stat().unwrap().nlink, 0);
    let place = opened(&*f).unwrap().location();
    assert_eq!(place.display_path(&w.ctx.root), b"/f (deleted)");
    assert_eq!(w.ctx.link_location(place, None, b"/again"), Err(Errno::ENOENT));
    let t = w.ctx.open(None, b"/", &OpenHow::new(O_TMPFILE | O_RDWR, 0o600)).unwrap();
    t.write(&mut &b"tmp"[..], OpenFlags::empty()).unwrap();
    w.ctx.link_location(opened(&*t).unwrap().location(), None, b"/named").unwrap();
    assert_eq!(w.read("/named"), b"tmp");
    w.dir("/gone");
    w.ctx.cwd = w.ctx.resolve_dir(None, b"/gone").unwrap();
    w.ctx.rmdir(None, b"/gone").unwrap();
    assert_eq!(w.ctx.working_path(), Err(Errno::ENOENT));
    assert_eq!(w.ctx.mkdir(None, b"x", 0o755), Err(Errno::ENOENT));
}

#[test]
fn rename_replaces_exchanges_and_refuses_cycles() {
    let w = world();
    let mv = |a: &str, b: &str, kind| w.ctx.rename(None, a.as_bytes(), None, b.as_bytes(), kind);
    w.dir("/a");
    w.dir("/a/b");
    w.dir("/a/b/c");
    w.write("/f", b"f");
    w.write("/g", b"g");
    assert_eq!(mv("/a", "/a/b/c/d", RenameKind::Replace), Err(Errno::EINVAL));
    assert_eq!(mv("/a/b", "/a", RenameKind::Replace), Err(Errno::ENOTEMPTY));
    assert_eq!(mv("/f", "/g", RenameKind::NoReplace), Err(Errno::EEXIST));
    assert_eq!(mv("/f", "/none", RenameKind::Exchange), Err(Errno::ENOENT));
    assert_eq!(mv("/f", "/a", RenameKind::Replace), Err(Errno::EISDIR));
    assert_eq!(mv("/a", "/f", RenameKind::Replace), Err(Errno::ENOTDIR));
    assert_eq!(mv("/f/", "/h", RenameKind::Replace), Err(Errno::ENOTDIR));
    assert_eq!(mv("/.", "/h", RenameKind::Replace), Err(Errno::EBUSY));
    assert_eq!(mv("/f", "/g", RenameKind::Replace), Ok(()));
    assert_eq!(w.read("/g"), b"f");
    let open = w.ctx.open(None, b"/a/b/c", &OpenHow::read()).unwrap();
    assert_eq!(mv("/a/b", "/b2", RenameKind::Replace), Ok(()));
    assert_eq!(opened(&*open).unwrap().location().display_path(&w.ctx.root), b"/b2/c");
    assert_eq!(mv("/g", "/b2", RenameKind::Exchange), Ok(()));
    assert_eq!(w.read("/b2"), b"f");
    assert_eq!(w.ctx.stat(None, b"/g/c", Follow::No).unwrap().nlink, 2);
    assert_eq!((w.ctx.stat(None, b"/", Follow::No).unwrap().nlink, w.ctx.stat(None, b"/a", Follow::No).unwrap().nlink), (4, 2));
    w.ctx.link(None, b"/b2", Follow::No, None, b"/b3").unwrap();
    assert_eq!(mv("/b2", "/b3", RenameKind::Replace), Ok(()));
    assert_eq!(w.ctx.stat(None, b"/b2", Follow::No).unwrap().nlink, 2);
}

#[test]
fn locks_conflict_split_join_and_go_with_their_owner() {
    let w = world();
    w.write("/f", b"");
    let open = || w.ctx.open(None, b"/f", &OpenHow::new(O_RDWR, 0)).unwrap();
    let (a, b) = (open(), open());
    let (fa, fb) = (opened(&*a).unwrap(), opened(&*b).unwrap());
    fa.flock(Some(LockKind::Shared)).unwrap();
    fb.flock(Some(LockKind::Shared)).unwrap();
    assert_eq!(fb.flock(Some(LockKind::Exclusive)), Err(Errno::EAGAIN));
    fa.flock(None).unwrap();
    fb.flock(Some(LockKind::Exclusive)).unwrap();
    assert_eq!(fa.flock(Some(LockKind::Shared)), Err(Errno::EAGAIN));
    let (p1, p2) = (LockOwner::Process(1), LockOwner::Process(2));
    let range = |start, len| LockRange::new(start, len).unwrap();
    fa.set_record_lock(p1, 1, Some(LockKind::Exclusive), range(0, 100)).unwrap();
    fa.set_record_lock(p1, 1, None, range(40, 20)).unwrap();
    assert_eq!(fb.set_record_lock(p2, 2, Some(LockKind::Shared), range(39, 1)), Err(Errno::EAGAIN));
    fb.set_record_lock(p2, 2, Some(LockKind::Shared), range(40, 20)).unwrap();
    let conflict = fb.record_lock(p2, LockKind::Exclusive, range(50, 0)).unwrap();
    assert_eq!((conflict.pid, conflict.range), (1, range(60, 40)));
    assert_eq!(fa.record_lock(p1, LockKind::Shared, range(0, 0)), None);
    fa.release_record_locks(p1);
    fb.set_record_lock(fb.lock_owner(), -1, Some(LockKind::Exclusive), range(60, -60)).unwrap_err();
    fb.release_record_locks(p2);
    fb.set_record_lock(fb.lock_owner(), -1, Some(LockKind::Exclusive), range(60, -60)).unwrap();
    assert_eq!(fa.record_lock(p1, LockKind::Shared, range(0, 0)).unwrap().pid, -1);
    drop(b);
    assert!(w.vfs.locks.is_empty());
    assert_eq!(fa.flock(Some(LockKind::Exclusive)), Ok(()));
    assert_eq!(LockRange::new(5, -6), Err(Errno::EINVAL));
}

#[test]
fn memfd_can_be_sealed_and_times_follow_the_clock() {
    let w = world();
    let unnamed = ramfs::Unnamed::new(&w.vfs);
    let m = unnamed.memfd(b"x", ramfs::Sealing::Allowed, Owner { mode: 0o777, uid: 0, gid: 0 });
    m.write(&mut &b"data"[..], OpenFlags::empty()).unwrap();
    let f = opened(&*m).unwrap();
    assert_eq!((f.location().display_path(&w.ctx.root), f.access()), (b"/memfd:x (deleted)".to_vec(), AccessMode::ReadWrite));
    f.add_seals(Seals::SHRINK | Seals::GROW).unwrap();
    assert_eq!((m.truncate(1), m.truncate(9)), (Err(Errno::EPERM), Err(Errno::EPERM)));
    assert_eq!(m.write_at(&mut &b"D"[..], 0), Ok(1));
    f.add_seals(Seals::WRITE | Seals::SEAL).unwrap();
    assert_eq!(m.write_at(&mut &b"D"[..], 0), Err(Errno::EPERM));
    assert_eq!(f.add_seals(Seals::GROW), Err(Errno::EPERM));
    w.write("/f", b"x");
    let before = w.ctx.stat(None, b"/f", Follow::Yes).unwrap();
    w.clock.advance(5_000_000_000);
    assert_eq!(w.read("/f"), b"x");
    let after = w.ctx.stat(None, b"/f", Follow::Yes).unwrap();
    assert_eq!((after.atime.sec - before.atime.sec, after.mtime), (5, before.mtime));
    w.ctx.set_times(None, b"/f", SetTime::Omit, SetTime::At(uapi::types::Timespec { sec: -2, nsec: 5 }), Follow::Yes).unwrap();
    let set = w.ctx.stat(None, b"/f", Follow::Yes).unwrap();
    assert_eq!((set.mtime.sec, set.mtime.nsec, set.atime), (-2, 5, after.atime));
}

#[test]
fn bytes_go_between_files_with_and_without_offsets() {
    let w = world();
    let data: Vec<u8> = (0..10_000u32).map(|i| i as u8).collect();
    w.write("/a", &data);
    let a = w.ctx.open(None, b"/a", &OpenHow::new(O_RDWR, 0)).unwrap();
    let b = w.ctx.open(None, b"/b", &OpenHow::new(O_RDWR | O_CREAT, 0o644)).unwrap();
    let end = |file, offset| End { file, offset, flags: OpenFlags::empty() };
    assert_eq!(copy_between(end(&*a, None), end(&*b, None), 6000), Ok(6000));
    assert_eq!(copy_between(end(&*a, None), end(&*b, None), 6000), Ok(4000));
    assert_eq!(copy_between(end(&*a, None), end(&*b, None), 6000), Ok(0));
    assert_eq!(w.read("/b"), data);
    assert_eq!(copy_between(end(&*a, Some(0)), end(&*a, Some(5000)), 5000), Ok(5000));
    assert_eq!(read_at(&*a, 5000, 5000), data[..5000]);
    assert_eq!(copy_between(end(&*a, Some(0)), end(&*a, Some(10)), 100), Err(Errno::EINVAL));
}
