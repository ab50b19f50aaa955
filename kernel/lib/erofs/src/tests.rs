use crate::{MountError, is_image, mount};
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::{FileType, OpenFlags, SliceSink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use time::testing::ManualClock;
use uapi::Errno;
use uapi::general::{O_APPEND, O_CREAT, O_RDWR, O_WRONLY};
use vfs::{Context, Follow, MountFlags, Namespace, OpenHow, Vfs};

/// A directory that goes away with its user.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NEXT: Mutex<u32> = Mutex::new(0);
        let mut next = NEXT.lock().unwrap();
        *next += 1;
        let path = std::env::temp_dir().join(format!("erofs-test-{}-{next}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(directory: &Path, script: &str) {
    let done = Command::new("sh").args(["-ec", script]).current_dir(directory).output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

/// What mkfs.erofs makes of the directory that `script` fills.
fn image(script: &str, flags: &str) -> &'static [u8] {
    let scratch = Scratch::new();
    run(&scratch.0, &format!("mkdir root; cd root; {script}; cd ..; mkfs.erofs --quiet {flags} image root"));
    let bytes = std::fs::read(scratch.0.join("image")).unwrap();
    // As a machine has it: on a page boundary.
    let room = Vec::leak(vec![0; bytes.len() + 4096]);
    let at = room.as_ptr().align_offset(4096);
    let place = &mut room[at..at + bytes.len()];
    place.copy_from_slice(&bytes);
    place
}

fn frames() -> &'static frame::FrameAllocator {
    static FRAMES: OnceLock<&frame::FrameAllocator> = OnceLock::new();
    FRAMES.get_or_init(|| frame::testing::arena(8 << 20))
}

fn tree(image: &'static [u8]) -> Context {
    let vfs = Vfs::new(Arc::new(ManualClock::default()), frames(), None);
    let fs = mount(&vfs, image).unwrap();
    Context::new(Namespace::new(vfs, fs, MountFlags::empty(), b"rootfs"))
}

fn read(ctx: &Context, path: &str) -> Vec<u8> {
    let file = ctx.open(None, path.as_bytes(), &OpenHow::read()).unwrap();
    let mut bytes = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        let mut sink = SliceSink::new(&mut bytes[done..]);
        let got = file.read(&mut sink, OpenFlags::empty()).unwrap();
        done += got;
        if got == 0 {
            bytes.truncate(done);
            return bytes;
        }
    }
}

fn write(ctx: &Context, path: &str, flags: u32, text: &[u8]) {
    let file = ctx.open(None, path.as_bytes(), &OpenHow::new(flags, 0o644)).unwrap();
    let mut source: &[u8] = text;
    let source: &mut dyn file::Source = &mut source;
    assert_eq!(file.write(source, OpenFlags::from_bits_truncate(flags & O_APPEND)), Ok(text.len()));
}

fn names(ctx: &Context, path: &str) -> Vec<String> {
    let location = ctx.resolve(None, path.as_bytes(), Follow::Yes).unwrap();
    let mut names = Vec::new();
    location
        .inode()
        .read_dir(0, &mut |entry| {
            names.push(String::from_utf8(entry.name.to_vec()).unwrap());
            true
        })
        .unwrap();
    names.retain(|name| name != "." && name != "..");
    names.sort();
    names
}

const SAMPLE: &str = "mkdir -p etc usr/bin; echo text >etc/file; ln -s ../usr/bin etc/link; ln etc/file usr/hard; mkfifo fifo
  head -c 4096 /dev/zero | tr '\\0' a >usr/page; head -c 5000 /dev/zero | tr '\\0' b >usr/tail; head -c 4095 /dev/zero | tr '\\0' c >usr/short
  : >empty; chmod 4751 usr/tail; chown 12:34 usr/page; setfattr -n user.x -v value etc/file; touch -d @1234567890 usr/page";

#[test]
fn what_mkfs_makes_is_mounted() {
    for flags in ["", "-Enoinline_data", "-T1234567890", "-Eforce-inode-extended", "-x-1"] {
        let image = image(SAMPLE, flags);
        assert!(is_image(image));
        let ctx = tree(image);
        assert_eq!(read(&ctx, "/etc/file"), b"text\n", "{flags}");
        assert_eq!(read(&ctx, "/etc/link/../page"), vec![b'a'; 4096]);
        assert_eq!(read(&ctx, "/usr/tail"), vec![b'b'; 5000]);
        assert_eq!(read(&ctx, "/usr/short"), vec![b'c'; 4095]);
        assert_eq!(read(&ctx, "/empty"), b"");
        assert_eq!(names(&ctx, "/"), ["empty", "etc", "fifo", "usr"]);
        assert_eq!(names(&ctx, "/usr"), ["bin", "hard", "page", "short", "tail"]);
        let stat = |path: &[u8]| ctx.stat(None, path, Follow::No).unwrap();
        let (page, tail) = (stat(b"/usr/page"), stat(b"/usr/tail"));
        assert_eq!((page.uid, page.gid, page.size, page.mtime.sec), (12, 34, 4096, 1_234_567_890));
        assert_eq!((tail.mode, tail.nlink, stat(b"/usr").nlink, stat(b"/fifo").kind), (0o4751, 1, 3, FileType::Fifo));
        assert_eq!((stat(b"/etc/file").ino, stat(b"/etc/file").nlink), (stat(b"/usr/hard").ino, 2));
        assert_eq!(ctx.read_link(None, b"/etc/link").unwrap(), b"../usr/bin");
        assert_eq!(ctx.stat(None, b"/etc/none", Follow::No).unwrap_err(), Errno::ENOENT);
        let inode = ctx.resolve(None, b"/etc/file", Follow::No).unwrap().inode().clone();
        let wanted = if flags == "-x-1" { Err(Errno::ENODATA) } else { Ok(b"value".to_vec()) };
        assert_eq!(inode.xattr(b"user.x"), wanted, "{flags}");
    }
}

#[test]
fn what_is_mounted_can_be_changed() {
    let ctx = tree(image(SAMPLE, ""));
    write(&ctx, "/etc/file", O_WRONLY | O_APPEND, b"more\n");
    assert_eq!(read(&ctx, "/usr/hard"), b"text\nmore\n", "one file, whichever its name");
    write(&ctx, "/usr/tail", O_RDWR | O_APPEND, b"!");
    assert_eq!(read(&ctx, "/usr/tail"), [&[b'b'; 5000][..], b"!"].concat());
    write(&ctx, "/usr/new", O_CREAT | O_WRONLY, b"new");
    assert_eq!(ctx.mkdir(None, b"/usr/page", 0o755), Err(Errno::EEXIST), "what nobody has looked at is there");
    assert_eq!(ctx.rmdir(None, b"/etc"), Err(Errno::ENOTEMPTY));
    ctx.unlink(None, b"/usr/short").unwrap();
    assert_eq!(ctx.stat(None, b"/usr/short", Follow::No).unwrap_err(), Errno::ENOENT, "and stays away");
    assert_eq!(names(&ctx, "/usr"), ["bin", "hard", "new", "page", "tail"]);
    ctx.unlink(None, b"/etc/file").unwrap();
    ctx.unlink(None, b"/etc/link").unwrap();
    ctx.rmdir(None, b"/etc").unwrap();
    assert_eq!(ctx.stat(None, b"/usr/hard", Follow::No).unwrap().nlink, 1);
    ctx.rename(None, b"/usr", None, b"/moved", vfs::RenameKind::Replace).unwrap();
    assert_eq!(read(&ctx, "/moved/page"), vec![b'a'; 4096]);
}

#[test]
fn a_large_directory_costs_what_is_asked_for() {
    let image = image("for i in $(seq 3000); do : >name-$i; done", "");
    let before = frames().free_bytes();
    let ctx = tree(image);
    for index in [1, 2, 999, 1000, 2999, 3000] {
        ctx.stat(None, format!("/name-{index}").as_bytes(), Follow::No).unwrap();
    }
    for name in ["/name-", "/name-3001", "/a", "/z", "/name-10000"] {
        assert_eq!(ctx.stat(None, name.as_bytes(), Follow::No).unwrap_err(), Errno::ENOENT, "{name}");
    }
    assert_eq!(frames().free_bytes(), before, "no page for files that are looked at");
    assert_eq!(names(&ctx, "/").len(), 3000);
}

#[test]
fn pages_of_the_image_are_mapped_where_they_are() {
    let image = image(SAMPLE, "");
    let ctx = tree(image);
    let before = frames().free_bytes();
    let inode = ctx.resolve(None, b"/usr/page", Follow::No).unwrap().inode().clone();
    let object = inode.map_object().unwrap();
    assert!(object.resident(0).is_some());
    assert_eq!(frames().free_bytes(), before);
}

#[test]
fn wrong_images_are_refused() {
    let good = image(SAMPLE, "");
    let vfs = Vfs::new(Arc::new(ManualClock::default()), frames(), None);
    let changed = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = good.to_vec();
        change(&mut bytes);
        mount(&vfs, Vec::leak(bytes)).map(drop)
    };
    assert_eq!(changed(&|bytes| bytes[1024] = 0), Err(MountError::NoSuperblock));
    assert_eq!(changed(&|bytes| bytes[1036] = 9), Err(MountError::BlockSize(9)));
    assert_eq!(changed(&|bytes| bytes[1104] = 4), Err(MountError::Features(4)));
    assert_eq!(changed(&|bytes| bytes[1038..1040].fill(0xff)), Err(MountError::Root(Errno::EUCLEAN)));
    assert_eq!(mount(&vfs, &good[..1100]).map(drop), Err(MountError::NoSuperblock));
    assert!(!is_image(b"070701") && !is_image(&[]));
}

/// Looks at all below `path`, as deep as a path may be.
fn walk(ctx: &Context, path: &[u8], left: &mut usize) {
    let Ok(location) = ctx.resolve(None, path, Follow::No) else { return };
    let mut below = Vec::new();
    let _ = location.inode().read_dir(0, &mut |entry| {
        below.push(entry.name.to_vec());
        below.len() < 64
    });
    for name in below.iter().filter(|name| *name != b"." && *name != b"..") {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let inside = [path, b"/", name].concat();
        let Ok(stat) = ctx.stat(None, &inside, Follow::No) else { continue };
        let _ = ctx.read_link(None, &inside);
        if stat.kind == FileType::Regular
            && let Ok(opened) = ctx.open(None, &inside, &OpenHow::read())
        {
            let mut bytes = [0; 512];
            let mut sink = SliceSink::new(&mut bytes);
            let _ = opened.read(&mut sink, OpenFlags::empty());
        }
        if stat.kind == FileType::Directory {
            walk(ctx, &inside, left);
        }
    }
}

#[test]
fn no_byte_brings_it_down() {
    let good = image("mkdir d; echo x >d/f; ln -s f d/l; setfattr -n user.a -v b d/f", "");
    let vfs = Vfs::new(Arc::new(ManualClock::default()), frames(), None);
    for at in 1024..good.len().min(1800) {
        for value in [0, 1, 4, 0x7f, 0xff] {
            let mut bytes = good.to_vec();
            bytes[at] = value;
            let Ok(fs) = mount(&vfs, Vec::leak(bytes)) else { continue };
            let ctx = Context::new(Namespace::new(vfs.clone(), fs, MountFlags::empty(), b"rootfs"));
            walk(&ctx, b"", &mut 100);
        }
    }
}
