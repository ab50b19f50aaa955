//! Path walk: what each form of a path means, and each way it can fail.
#![allow(clippy::unwrap_used)]
mod common;

use common::{get, put, world};
use file::FileType;
use uapi::general::*;
use uapi::{Errno, Result};
use vfs::{Context, Follow, MountFlags, OpenHow, RenameKind, Resolve};

fn lookup(ctx: &Context, path: &str) -> Result<FileType> {
    ctx.resolve(None, path.as_bytes(), Follow::Yes).map(|l| l.inode().kind())
}

#[test]
fn components_slashes_and_dots_mean_what_posix_says() {
    let mut w = world();
    w.dir("/a");
    w.dir("/a/b");
    w.write("/a/b/f", b"x");
    for path in ["/a/b/f", "//a///b//f", "/a/./b/../b/f", "/../a/b/f", "a/b/f", "./a/b/f"] {
        assert_eq!(lookup(&w.ctx, path), Ok(FileType::Regular), "{path}");
    }
    for path in ["/", "//", "/.", "/..", "/a/", "/a/b/.", "/a/b/f/../"] {
        let want = if path.contains("f/") { Err(Errno::ENOTDIR) } else { Ok(FileType::Directory) };
        assert_eq!(lookup(&w.ctx, path), want, "{path}");
    }
    assert_eq!(lookup(&w.ctx, ""), Err(Errno::ENOENT));
    assert_eq!(lookup(&w.ctx, "/a/b/f/"), Err(Errno::ENOTDIR));
    assert_eq!(lookup(&w.ctx, "/a/b/f/x"), Err(Errno::ENOTDIR));
    assert_eq!(lookup(&w.ctx, "/a/x/f"), Err(Errno::ENOENT));
    assert_eq!(lookup(&w.ctx, &format!("/{}", "n".repeat(256))), Err(Errno::ENAMETOOLONG));
    assert_eq!(lookup(&w.ctx, &"/a/..".repeat(900)), Err(Errno::ENAMETOOLONG));
    w.ctx.cwd = w.ctx.resolve_dir(None, b"/a/b").unwrap();
    assert_eq!(lookup(&w.ctx, "../../a/b/f"), Ok(FileType::Regular));
    assert_eq!(w.ctx.working_path().unwrap(), b"/a/b");
    let dir = w.ctx.resolve(None, b"/a", Follow::Yes).unwrap();
    assert_eq!(w.ctx.stat(Some(&dir), b"b/f", Follow::Yes).unwrap().size, 1);
}

#[test]
fn symbolic_links_are_followed_forty_times() {
    let w = world();
    w.dir("/d");
    w.write("/d/f", b"text");
    w.link("d/f", "/rel");
    w.link("/d", "/abs");
    w.link("../d/../abs/f", "/d/up");
    w.link("nowhere", "/dangling");
    w.link("self", "/self");
    assert_eq!(w.read("/rel"), b"text");
    assert_eq!(w.read("/abs/up"), b"text");
    assert_eq!(lookup(&w.ctx, "/dangling"), Err(Errno::ENOENT));
    assert_eq!(lookup(&w.ctx, "/self"), Err(Errno::ELOOP));
    assert_eq!(w.ctx.read_link(None, b"/rel").unwrap(), b"d/f");
    assert_eq!(w.ctx.read_link(None, b"/d/f"), Err(Errno::EINVAL));
    let lstat = |path: &[u8]| w.ctx.stat(None, path, Follow::No).unwrap().kind;
    assert_eq!((lstat(b"/abs"), lstat(b"/abs/")), (FileType::Symlink, FileType::Directory));
    w.link("d/f", "/l0");
    for i in 1..=40 {
        w.link(&format!("l{}", i - 1), &format!("/l{i}"));
    }
    assert_eq!(lookup(&w.ctx, "/l39"), Ok(FileType::Regular));
    assert_eq!(lookup(&w.ctx, "/l40"), Err(Errno::ELOOP));
}

#[test]
fn dot_dot_stops_at_the_root_and_crosses_mounts() {
    let mut w = world();
    w.dir("/mnt");
    w.dir("/jail");
    w.dir("/jail/in");
    let inner = ramfs::Ramfs::new(&w.vfs, 0o755);
    let at = w.ctx.resolve_dir(None, b"/mnt").unwrap();
    w.ctx.namespace.mount(inner, &at, MountFlags::empty(), b"tmpfs").unwrap();
    w.write("/mnt/f", b"inner");
    w.dir("/mnt/sub");
    assert_eq!(lookup(&w.ctx, "/mnt/sub/../../mnt/f"), Ok(FileType::Regular));
    assert_eq!(lookup(&w.ctx, "/mnt/../jail"), Ok(FileType::Directory));
    w.ctx.cwd = w.ctx.resolve_dir(None, b"/mnt/sub").unwrap();
    assert_eq!(w.ctx.working_path().unwrap(), b"/mnt/sub");
    let listed: Vec<_> = w.ctx.namespace.mounts(&w.ctx.root).iter().map(|m| m.mount_point.clone()).collect();
    assert_eq!(listed, [b"/".to_vec(), b"/mnt".to_vec()]);
    let top = w.ctx.resolve(None, b"/mnt", Follow::Yes).unwrap();
    assert_eq!(w.ctx.namespace.unmount(&top, false), Err(Errno::EBUSY));
    assert_eq!(w.ctx.rmdir(None, b"/mnt"), Err(Errno::EBUSY));
    assert_eq!(w.ctx.link(None, b"/mnt/f", Follow::No, None, b"/x"), Err(Errno::EXDEV));
    assert_eq!(w.ctx.rename(None, b"/mnt/f", None, b"/x", RenameKind::Replace), Err(Errno::EXDEV));
    w.ctx.cwd = w.ctx.root.clone();
    w.ctx.namespace.unmount(&top, false).unwrap();
    assert_eq!(lookup(&w.ctx, "/mnt/f"), Err(Errno::ENOENT));
    let jailed =
        Context { root: w.ctx.resolve_dir(None, b"/jail").unwrap(), cwd: w.ctx.resolve_dir(None, b"/jail/in").unwrap(), ..w.ctx.clone() };
    assert_eq!(lookup(&jailed, "../../../in"), Ok(FileType::Directory));
    assert_eq!(jailed.working_path().unwrap(), b"/in");
    assert_eq!(Context { cwd: w.ctx.root.clone(), ..jailed }.working_path().unwrap(), b"(unreachable)/");
}

#[test]
fn create_follows_dangling_links_unless_exclusive_and_minds_slashes() {
    let w = world();
    w.dir("/d");
    w.link("/d/new", "/l");
    let open = |path: &str, flags| w.ctx.open(None, path.as_bytes(), &OpenHow::new(flags, 0o600)).map(drop);
    assert_eq!(open("/l", O_CREAT | O_EXCL | O_RDWR), Err(Errno::EEXIST));
    assert_eq!(open("/l", O_CREAT | O_NOFOLLOW | O_RDWR), Err(Errno::ELOOP));
    assert_eq!(open("/l", O_CREAT | O_RDWR), Ok(()));
    assert_eq!(lookup(&w.ctx, "/d/new"), Ok(FileType::Regular));
    assert_eq!(open("/l", O_NOFOLLOW), Err(Errno::ELOOP));
    assert_eq!(open("/l", O_NOFOLLOW | O_PATH), Ok(()));
    assert_eq!(open("/x/", O_CREAT | O_RDWR), Err(Errno::EISDIR));
    assert_eq!(open("/d", O_CREAT), Err(Errno::EISDIR));
    assert_eq!(open("/d", O_RDWR), Err(Errno::EISDIR));
    assert_eq!(open("/d/.", O_CREAT), Err(Errno::EISDIR));
    assert_eq!(open("/d/new", O_DIRECTORY), Err(Errno::ENOTDIR));
    assert_eq!(open("/none/x", O_CREAT | O_RDWR), Err(Errno::ENOENT));
    assert_eq!(w.ctx.mkdir(None, b"/m///", 0o777), Ok(()));
    assert_eq!(w.ctx.mkdir(None, b"/", 0o777), Err(Errno::EEXIST));
    assert_eq!(w.ctx.mkdir(None, b"/m/.", 0o777), Err(Errno::EEXIST));
    assert_eq!(w.ctx.mknod(None, b"/n/", 0o100644, 0).map(drop), Err(Errno::ENOENT));
    assert_eq!(w.ctx.symlink(b"t", None, b"/m"), Err(Errno::EEXIST));
}

#[test]
fn openat2_limits_hold() {
    let w = world();
    w.dir("/box");
    w.dir("/box/in");
    w.write("/box/in/f", b"1");
    w.write("/f", b"outside");
    w.link("/f", "/box/abs");
    w.link("in/f", "/box/rel");
    let dir = w.ctx.resolve(None, b"/box", Follow::Yes).unwrap();
    let open =
        |path: &str, resolve| w.ctx.open(Some(&dir), path.as_bytes(), &OpenHow { resolve, ..OpenHow::read() }).and_then(|f| get(&*f));
    assert_eq!(open("in/../in/f", Resolve::BENEATH), Ok(b"1".to_vec()));
    for path in ["../f", "/f", "abs", "in/../../f"] {
        assert_eq!(open(path, Resolve::BENEATH), Err(Errno::EXDEV), "{path}");
    }
    assert_eq!(open("/in/f", Resolve::IN_ROOT), Ok(b"1".to_vec()));
    assert_eq!(open("../../in/f", Resolve::IN_ROOT), Ok(b"1".to_vec()));
    assert_eq!(open("abs", Resolve::IN_ROOT), Err(Errno::ENOENT));
    assert_eq!(open("rel", Resolve::NO_SYMLINKS), Err(Errno::ELOOP));
}

#[test]
fn permission_bits_bind_everyone_but_root() {
    let w = world();
    let user = w.user(1000);
    w.dir("/private");
    w.write("/private/f", b"secret");
    w.ctx.chmod(None, b"/private", 0o700, Follow::Yes).unwrap();
    assert_eq!(lookup(&user, "/private/f"), Err(Errno::EACCES));
    assert_eq!(put(&user, "/mine", b""), Err(Errno::EACCES));
    w.dir("/tmp");
    w.ctx.chmod(None, b"/tmp", 0o1777, Follow::Yes).unwrap();
    put(&user, "/tmp/mine", b"x").unwrap();
    let stat = user.stat(None, b"/tmp/mine", Follow::Yes).unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid), (0o644, 1000, 1000));
    let other = w.user(1001);
    assert_eq!(other.unlink(None, b"/tmp/mine"), Err(Errno::EPERM));
    assert_eq!(other.open(None, b"/tmp/mine", &OpenHow::new(O_WRONLY, 0)).map(drop), Err(Errno::EACCES));
    assert_eq!(other.chmod(None, b"/tmp/mine", 0o777, Follow::Yes), Err(Errno::EPERM));
    assert_eq!(user.chown(None, b"/tmp/mine", Some(1001), None, Follow::Yes), Err(Errno::EPERM));
    w.ctx.chown(None, b"/tmp/mine", Some(1001), None, Follow::Yes).unwrap();
    assert_eq!(other.unlink(None, b"/tmp/mine"), Ok(()));
    w.write("/script", b"#!");
    let script = w.ctx.resolve(None, b"/script", Follow::Yes).unwrap();
    assert_eq!(w.ctx.may_execute(&script), Err(Errno::EACCES));
    w.ctx.chmod_of(&script, 0o711).unwrap();
    assert_eq!(user.may_execute(&script), Ok(()));
    script.mount.set_flags(MountFlags::RDONLY);
    assert_eq!(put(&w.ctx, "/script", b""), Err(Errno::EROFS));
    assert_eq!(w.ctx.mkdir(None, b"/no", 0o755), Err(Errno::EROFS));
}

#[test]
fn deferred_mounts_are_there_for_the_first_who_walks() {
    let w = world();
    w.dir("/late");
    let made = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (ctx, vfs, counter) = (w.ctx.clone(), w.vfs.clone(), made.clone());
    w.ctx.namespace.defer(Box::new(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let at = ctx.resolve_dir(None, b"/late").unwrap();
        let fs = ramfs::Ramfs::new(&vfs, 0o755);
        ctx.namespace.mount(fs, &at, MountFlags::empty(), b"tmpfs").unwrap();
        put(&ctx, "/late/f", b"x").unwrap();
    }));
    assert_eq!(made.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(lookup(&w.ctx, "/late/f"), Ok(FileType::Regular));
    assert_eq!(lookup(&w.ctx, "/late"), Ok(FileType::Directory));
    assert_eq!(made.load(std::sync::atomic::Ordering::SeqCst), 1);
}
