//! Everything that the VFS asks of a file system, against a server in memory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{World, world, world_with};
use file::{File, OpenFlags, SliceSink};
use frame::PageAccess;
use ninep::Options;
use std::sync::Arc;
use uapi::general::{O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY};
use uapi::{Errno, Result};
use vfs::{Context, Follow, MountFlags, OpenHow, RenameKind, XattrChange, opened};

fn open(ctx: &Context, path: &str, flags: u32) -> Result<Arc<dyn File>> {
    ctx.open(None, path.as_bytes(), &OpenHow::new(flags, 0o644))
}

fn put(world: &World, path: &str, text: &[u8]) {
    let file = open(&world.ctx, path, O_WRONLY | O_CREAT | O_TRUNC).unwrap();
    assert_eq!(file.write(&mut &*text, OpenFlags::empty()).unwrap(), text.len());
}

fn text(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0; 64 << 10];
    let mut sink = SliceSink::new(&mut bytes);
    file.read_at(&mut sink, 0).unwrap();
    let len = sink.filled();
    bytes.truncate(len);
    bytes
}

fn get(world: &World, path: &str) -> Vec<u8> {
    text(&*open(&world.ctx, path, 0).unwrap())
}

fn names(world: &World, path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let file = open(&world.ctx, path, 0).unwrap();
    // A few at a time, as a small buffer has it.
    loop {
        let mut count = 0;
        file.read_dir(&mut |entry| {
            let fits = count < 7;
            if fits {
                names.push(String::from_utf8(entry.name.clone()).unwrap());
                count += 1;
            }
            fits
        })
        .unwrap();
        if count == 0 {
            return names;
        }
    }
}

#[test]
fn files_are_made_written_read_and_removed() {
    let world = world();
    put(&world, "/v/a", b"hello");
    assert_eq!(get(&world, "/v/a"), b"hello");
    let number = world.tree().find("a");
    assert_eq!(world.tree().files[&number].data, b"hello");
    let big: Vec<u8> = (0..50_000_u32).map(|i| (i % 251) as u8).collect();
    put(&world, "/v/big", &big);
    assert_eq!(get(&world, "/v/big"), big);
    assert_eq!(open(&world.ctx, "/v/a", O_RDWR | O_CREAT | O_EXCL).err(), Some(Errno::EEXIST));
    world.ctx.unlink(None, b"/v/a").unwrap();
    assert_eq!(open(&world.ctx, "/v/a", 0).err(), Some(Errno::ENOENT));
    assert_eq!(names(&world, "/v"), [".", "..", "big"]);
}

#[test]
fn no_fid_outlives_its_use() {
    let world = world();
    let before = world.fids();
    put(&world, "/v/a", b"1");
    world.ctx.mkdir(None, b"/v/d", 0o755).unwrap();
    world.ctx.symlink(b"a", None, b"/v/l").unwrap();
    assert_eq!(get(&world, "/v/l"), b"1");
    world.ctx.stat(None, b"/v/d", Follow::Yes).unwrap();
    assert_eq!(world.ctx.stat(None, b"/v/none", Follow::Yes), Err(Errno::ENOENT));
    let _ = names(&world, "/v/d");
    assert_eq!(world.fids(), before);
}

#[test]
fn what_the_host_does_is_seen() {
    let world = world();
    put(&world, "/v/page", b"old");
    let file = open(&world.ctx, "/v/page", 0).unwrap();
    world.tree().host_write("page", b"newer");
    assert_eq!(text(&*file), b"newer");
    assert_eq!(world.ctx.stat(None, b"/v/page", Follow::Yes).unwrap().size, 5);
    world.tree().host_replace("", "page", b"another file");
    assert_eq!(get(&world, "/v/page"), b"another file");
    // Who had it open has the old one.
    assert_eq!(text(&*file), b"newer");
    world.tree().host_replace("", "appeared", b"!");
    assert_eq!(get(&world, "/v/appeared"), b"!");
}

#[test]
fn an_open_file_lives_on_without_its_name() {
    let world = world();
    put(&world, "/v/a", b"kept");
    let file = open(&world.ctx, "/v/a", O_RDWR).unwrap();
    world.ctx.unlink(None, b"/v/a").unwrap();
    assert_eq!(text(&*file), b"kept");
    assert_eq!(file.stat().unwrap().nlink, 0);
    assert_eq!(file.write_at(&mut &b"more"[..], 4).unwrap(), 4);
    assert_eq!(file.stat().unwrap().size, 8);
    // The server may give its number to the next file.
    put(&world, "/v/a", b"new");
    assert_eq!((get(&world, "/v/a"), text(&*file)), (b"new".to_vec(), b"keptmore".to_vec()));
    put(&world, "/v/b", b"b");
    let replaced = open(&world.ctx, "/v/a", 0).unwrap();
    world.ctx.rename(None, b"/v/b", None, b"/v/a", RenameKind::Replace).unwrap();
    assert_eq!((get(&world, "/v/a"), text(&*replaced)), (b"b".to_vec(), b"new".to_vec()));
    assert_eq!(replaced.stat().unwrap().nlink, 0);
}

#[test]
fn renames_links_and_paths() {
    let world = world();
    put(&world, "/v/a", b"a");
    world.ctx.mkdir(None, b"/v/d", 0o755).unwrap();
    world.ctx.link(None, b"/v/a", Follow::No, None, b"/v/d/b").unwrap();
    assert_eq!(world.ctx.stat(None, b"/v/a", Follow::Yes).unwrap().nlink, 2);
    world.ctx.rename(None, b"/v/a", None, b"/v/d/c", RenameKind::Replace).unwrap();
    assert_eq!(names(&world, "/v/d"), [".", "..", "b", "c"]);
    let file = open(&world.ctx, "/v/d/c", 0).unwrap();
    world.ctx.rename(None, b"/v/d", None, b"/v/e", RenameKind::Replace).unwrap();
    let root = world.ctx.root.clone();
    assert_eq!(opened(&*file).unwrap().location().display_path(&root), b"/v/e/c");
    assert_eq!(get(&world, "/v/e/c"), b"a");
    assert_eq!(world.ctx.rename(None, b"/v/e/b", None, b"/v/e/new", RenameKind::NoReplace), Err(Errno::EINVAL));
    assert_eq!(world.ctx.rmdir(None, b"/v/e"), Err(Errno::ENOTEMPTY));
    assert_eq!(world.ctx.unlink(None, b"/v/e"), Err(Errno::EISDIR));
    assert_eq!(world.ctx.read_link(None, b"/v/e"), Err(Errno::EINVAL));
}

#[test]
fn many_entries_come_once_each() {
    let world = world();
    for index in 0..300 {
        put(&world, &format!("/v/file{index:03}"), b"");
    }
    let found = names(&world, "/v");
    assert_eq!(found.len(), 302);
    assert_eq!(found[2..].iter().cloned().collect::<std::collections::BTreeSet<_>>().len(), 300);
}

#[test]
fn appends_go_to_the_end_whoever_else_writes() {
    let world = world();
    put(&world, "/v/log", b"1");
    let file = open(&world.ctx, "/v/log", O_WRONLY | O_APPEND).unwrap();
    world.tree().host_write("log", b"1, the host's");
    assert_eq!(file.write(&mut &b", ours"[..], OpenFlags::APPEND).unwrap(), 6);
    assert_eq!(get(&world, "/v/log"), b"1, the host's, ours");
    assert_eq!(file.seek(file::SeekFrom::Current(0)).unwrap(), 19);
}

#[test]
fn attributes_and_owners() {
    let world = world_with(Options { uid: Some((1000, 33)), gid: Some((100, 33)) }, MountFlags::empty());
    assert_eq!(world.ctx.stat(None, b"/v", Follow::Yes).unwrap().uid, 33);
    let user = Context { uid: 33, gid: 33, ..world.ctx.clone() };
    user.mkdir(None, b"/v/mine", 0o700).unwrap();
    let number = world.tree().find("mine");
    let made = world.tree().files[&number].clone();
    assert_eq!((made.uid, made.gid), (1000, 100));
    assert_eq!(user.stat(None, b"/v/mine", Follow::Yes).unwrap().uid, 33);
    assert_eq!(Context { uid: 34, gid: 34, ..user.clone() }.mkdir(None, b"/v/mine/no", 0o700), Err(Errno::EACCES));
    user.chmod(None, b"/v/mine", 0o750, Follow::Yes).unwrap();
    world.ctx.chown(None, b"/v/mine", Some(33), None, Follow::Yes).unwrap();
    assert_eq!(world.tree().files[&number].mode & 0o7777, 0o750);
    put(&world, "/v/f", b"12345");
    world.ctx.truncate(None, b"/v/f", 2).unwrap();
    assert_eq!(get(&world, "/v/f"), b"12");
}

#[test]
fn read_only_means_so() {
    let world = world_with(Options::default(), MountFlags::RDONLY);
    world.tree().host_replace("", "a", b"a");
    assert_eq!(open(&world.ctx, "/v/a", O_WRONLY).err(), Some(Errno::EROFS));
    assert_eq!(open(&world.ctx, "/v/b", O_WRONLY | O_CREAT).err(), Some(Errno::EROFS));
    assert_eq!(world.ctx.unlink(None, b"/v/a"), Err(Errno::EROFS));
    assert_eq!(get(&world, "/v/a"), b"a");
}

#[test]
fn extended_attributes() {
    let world = world();
    put(&world, "/v/a", b"");
    let place = world.ctx.resolve(None, b"/v/a", Follow::Yes).unwrap();
    let inode = place.inode();
    assert_eq!(inode.xattr(b"user.x"), Err(Errno::ENODATA));
    inode.change_xattr(b"user.x", &XattrChange::Set(b"value")).unwrap();
    inode.change_xattr(b"user.y", &XattrChange::Set(&[7; 9000])).unwrap();
    assert_eq!(inode.xattr(b"user.x").unwrap(), b"value");
    assert_eq!(inode.xattr(b"user.y").unwrap(), [7; 9000]);
    assert_eq!(inode.xattr_names(), [b"user.x".to_vec(), b"user.y".to_vec()]);
    inode.change_xattr(b"user.x", &XattrChange::Remove).unwrap();
    assert_eq!(inode.change_xattr(b"user.x", &XattrChange::Remove), Err(Errno::ENODATA));
    assert_eq!(inode.change_xattr(b"user.z", &XattrChange::Set(b"")), Err(Errno::EOPNOTSUPP));
}

#[test]
fn mapped_pages_follow_the_file() {
    let world = world();
    put(&world, "/v/m", &[b'x'; 10_000]);
    let file = open(&world.ctx, "/v/m", O_RDWR).unwrap();
    let object = file.map_object().unwrap();
    let mut byte = [0];
    object.page(2, PageAccess::Read).unwrap().read(0, &mut byte);
    assert_eq!(byte, *b"x");
    // Past the end a page is zero, and past the last page there is none.
    object.page(2, PageAccess::Read).unwrap().read(4095, &mut byte);
    assert_eq!(byte, [0]);
    assert_eq!(object.page(3, PageAccess::Read).err(), Some(Errno::ENXIO));
    // A store is there for a read of the file at once, and on the server by then.
    object.page(0, PageAccess::Write).unwrap().write(5, b"stored");
    assert_eq!(&text(&*file)[..12], b"xxxxxstoredx");
    let number = world.tree().find("m");
    assert_eq!(&world.tree().files[&number].data[..12], b"xxxxxstoredx");
    assert_eq!(world.tree().files[&number].data.len(), 10_000);
    // A write is there for the mapping.
    file.write_at(&mut &b"written"[..], 4096).unwrap();
    let mut seven = [0; 7];
    object.page(1, PageAccess::Read).unwrap().read(0, &mut seven);
    assert_eq!(&seven, b"written");
    // msync, and the end of the mapping.
    object.page(1, PageAccess::Write).unwrap().write(0, b"synced!");
    object.sync().unwrap();
    assert_eq!(&world.tree().files[&number].data[4096..4103], b"synced!");
    object.page(1, PageAccess::Write).unwrap().write(0, b"ended!!");
    drop(object);
    assert_eq!(&world.tree().files[&number].data[4096..4103], b"ended!!");
    // What the host wrote is there for the next mapping, and is not overwritten by old pages.
    world.tree().host_write("m", &[b'h'; 5000]);
    let object = open(&world.ctx, "/v/m", 0).unwrap().map_object().unwrap();
    object.page(1, PageAccess::Read).unwrap().read(0, &mut seven);
    assert_eq!(&seven, b"hhhhhhh");
    drop(object);
    assert_eq!(world.tree().files[&number].data, [b'h'; 5000]);
    // The machine's end.
    let object = file.map_object().unwrap();
    object.page(0, PageAccess::Write).unwrap().write(0, b"last");
    world.fs.flush().unwrap();
    assert_eq!(&world.tree().files[&number].data[..5], b"lasth");
}

#[test]
fn a_static_page_costs_few_trips() {
    let world = world();
    put(&world, "/v/page", b"text");
    let _ = world.asked();
    assert_eq!(get(&world, "/v/page"), b"text");
    // Walk and attributes, a fid of its own and its opening, the read, the two fids' ends.
    assert_eq!(world.asked(), [110, 24, 110, 12, 116, 120, 120]);
}

#[test]
fn damaged_answers_are_errors() {
    for cut in 0..60 {
        for flip in [None, Some(0x80_u8), Some(0xff)] {
            let world = world();
            put(&world, "/v/a", b"text");
            world.ctx.mkdir(None, b"/v/d", 0o755).unwrap();
            let mut count = 0_usize;
            *world.server.damage.lock().unwrap() = Some(Box::new(move |answer| {
                count += 1;
                if count.is_multiple_of(3) {
                    match flip {
                        None => answer.truncate(cut),
                        Some(bits) => answer.iter_mut().skip(cut).take(1).for_each(|byte| *byte ^= bits),
                    }
                }
            }));
            for _ in 0..4 {
                let _ = open(&world.ctx, "/v/a", O_RDWR).map(|file| {
                    let mut bytes = [0; 100];
                    let _ = file.read_at(&mut SliceSink::new(&mut bytes), 0);
                    let _ = file.write_at(&mut &b"x"[..], 0);
                    let _ = file.map_object().and_then(|object| object.page(0, PageAccess::Write).map(drop));
                });
                let _ = open(&world.ctx, "/v", 0).map(|file| file.read_dir(&mut |_| true));
                let _ = world.ctx.statfs(None, b"/v");
                let _ = world.ctx.stat(None, b"/v/d", Follow::Yes);
                let _ = world.ctx.resolve(None, b"/v/a", Follow::Yes).map(|place| place.inode().xattr_names());
            }
            // Fids that a damaged answer denied are left to the server.
            *world.server.damage.lock().unwrap() = None;
        }
    }
}
