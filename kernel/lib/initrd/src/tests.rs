use crate::{LoadError, Reason, load};
use alloc::sync::Arc;
use file::{FileType, OpenFlags, SliceSink};
use ramfs::Ramfs;
use time::testing::ManualClock;
use vfs::{Context, Follow, MountFlags, Namespace, OpenHow, Vfs};

struct Cpio(Vec<u8>);

struct Item<'a> {
    name: &'a [u8],
    mode: u32,
    data: &'a [u8],
    ino: u32,
    nlink: u32,
    rdev: (u32, u32),
}

fn item<'a>(name: &'a str, mode: u32, data: &'a [u8]) -> Item<'a> {
    Item { name: name.as_bytes(), mode, data, ino: 0, nlink: 1, rdev: (0, 0) }
}

impl Cpio {
    fn new() -> Self {
        Cpio(Vec::new())
    }
    fn raw(mut self, i: &Item<'_>, pad_name: usize) -> Self {
        let name_size = i.name.len() + 1 + pad_name;
        let fields = [i.ino, i.mode, 3, 4, i.nlink, 1000, i.data.len() as u32, 8, 1, i.rdev.0, i.rdev.1, name_size as u32, 0];
        self.0.extend_from_slice(b"070701");
        for field in fields {
            self.0.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.0.extend_from_slice(i.name);
        self.0.resize(self.0.len() + 1 + pad_name, 0);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.0.extend_from_slice(i.data);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }
    fn add(self, name: &str, mode: u32, data: &[u8]) -> Self {
        self.raw(&item(name, mode, data), 0)
    }
    fn end(self) -> Self {
        self.add("TRAILER!!!", 0, b"")
    }
    fn leak(self) -> &'static [u8] {
        Box::leak(self.0.into_boxed_slice())
    }
}

fn tree(archive: &'static [u8]) -> Result<Context, LoadError> {
    static FRAMES: std::sync::OnceLock<&frame::FrameAllocator> = std::sync::OnceLock::new();
    let frames = FRAMES.get_or_init(|| frame::testing::arena(1 << 20));
    let vfs = Vfs::new(Arc::new(ManualClock::default()), frames, None);
    let fs = Ramfs::new(&vfs, 0o755);
    load(archive, &fs)?;
    Ok(Context::new(Namespace::new(vfs, fs, MountFlags::empty(), b"rootfs")))
}

fn reason(archive: Cpio) -> Reason {
    tree(archive.leak()).err().expect("must be refused").reason
}

fn content(ctx: &Context, path: &str) -> Vec<u8> {
    let file = ctx.open(None, path.as_bytes(), &OpenHow::read()).unwrap();
    let mut buf = vec![0; 10_000];
    let mut sink = SliceSink::new(&mut buf);
    file.read(&mut sink, OpenFlags::empty()).unwrap();
    let n = sink.filled();
    buf.truncate(n);
    buf
}

#[test]
fn files_directories_links_and_devices_arrive_with_their_metadata() {
    let archive = Cpio::new()
        .add(".", 0o040711, b"")
        .add("etc", 0o040755, b"")
        .add("./etc/passwd", 0o100640, b"root")
        .add("/bin/sh", 0o120777, b"../etc/passwd")
        .raw(&Item { rdev: (1, 3), ..item("dev/null", 0o020666, b"") }, 0)
        .add("deep/er/file", 0o104755, b"x")
        .end();
    let ctx = tree(archive.leak()).unwrap();
    assert_eq!(content(&ctx, "/bin/sh"), b"root");
    let stat = |path: &str| ctx.stat(None, path.as_bytes(), Follow::No).unwrap();
    assert_eq!((stat("/etc/passwd").mode, stat("/etc/passwd").uid, stat("/etc/passwd").gid), (0o640, 3, 4));
    assert_eq!((stat("/etc/passwd").mtime.sec, stat("/etc/passwd").size), (1000, 4));
    assert_eq!((stat("/dev/null").kind, stat("/dev/null").rdev), (FileType::CharDevice, 0x103));
    assert_eq!((stat("/").mode, stat("/deep/er").kind, stat("/deep/er/file").mode), (0o711, FileType::Directory, 0o4755));
}

#[test]
fn padded_names_and_concatenated_archives_with_nuls_between_are_read() {
    let mut archive = Cpio::new().raw(&item("a", 0o100644, b"one"), 3000).add("dir/x", 0o100644, b"x").end();
    archive.0.resize(archive.0.len().next_multiple_of(512), 0);
    let archive = archive.add("a", 0o100644, b"two").add("dir", 0o040700, b"").end();
    let ctx = tree(archive.leak()).unwrap();
    assert_eq!((content(&ctx, "/a"), content(&ctx, "/dir/x")), (b"two".to_vec(), b"x".to_vec()));
    assert_eq!(ctx.stat(None, b"/dir", Follow::No).unwrap().mode, 0o700);
}

#[test]
fn hard_links_share_an_inode_whose_contents_come_with_any_name() {
    let link = |name, data| Item { ino: 7, nlink: 3, ..item(name, 0o100644, data) };
    let archive = Cpio::new().raw(&link("a", b""), 0).raw(&link("d/b", b"data"), 0).raw(&link("c", b""), 0).end();
    let ctx = tree(archive.leak()).unwrap();
    let stat = |path: &str| ctx.stat(None, path.as_bytes(), Follow::No).unwrap();
    assert_eq!((stat("/a").ino, stat("/c").ino, stat("/a").nlink), (stat("/d/b").ino, stat("/d/b").ino, 3));
    assert_eq!(content(&ctx, "/c"), b"data");
}

#[test]
fn parents_that_are_symbolic_links_are_followed_inside_the_tree() {
    let archive = Cpio::new()
        .add("usr/bin", 0o040755, b"")
        .add("bin", 0o120777, b"/../usr/bin")
        .add("bin/ls", 0o100755, b"ls")
        .add("loop", 0o120777, b"loop")
        .end();
    let ctx = tree(archive.leak()).unwrap();
    assert_eq!(content(&ctx, "/usr/bin/ls"), b"ls");
    assert_eq!(reason(Cpio::new().add("l", 0o120777, b"l").add("l/x", 0o100644, b"").end()), Reason::ParentNotDirectory);
}

#[test]
fn hostile_archives_are_refused_with_reason_and_offset() {
    assert_eq!(reason(Cpio::new().add("../x", 0o100644, b"").end()), Reason::DotDot);
    assert_eq!(reason(Cpio::new().add("a/../../x", 0o100644, b"").end()), Reason::DotDot);
    assert_eq!(reason(Cpio::new().add(&"n".repeat(256), 0o100644, b"").end()), Reason::LongComponent);
    assert_eq!(reason(Cpio::new().add(&"n/".repeat(2100), 0o100644, b"").end()), Reason::BadName);
    assert_eq!(reason(Cpio::new().raw(&item("x", 0o100644, b""), 9000).end()), Reason::BadName);
    assert_eq!(reason(Cpio::new().add("", 0o100644, b"").end()), Reason::BadName);
    assert_eq!(reason(Cpio::new().add("x", 0o030644, b"").end()), Reason::BadType);
    assert_eq!(reason(Cpio::new().add("x", 0o120777, b"").end()), Reason::BadTarget);
    assert_eq!(reason(Cpio::new().add("x", 0o100644, b"").add("x/y", 0o100644, b"").end()), Reason::ParentNotDirectory);
    assert_eq!(reason(Cpio::new().add("d/e", 0o100644, b"").add("d", 0o100644, b"").end()), Reason::ReplacesDirectory);
    assert_eq!(reason(Cpio(b"\x1f\x8b\x08rest".to_vec())), Reason::Compressed("gzip"));
    assert_eq!(reason(Cpio(b"070707000000".to_vec())), Reason::OtherCpio);
    assert_eq!(reason(Cpio(Vec::new())), Reason::Truncated);
    let mut bad = Cpio::new().add("x", 0o100644, b"12").end();
    bad.0[20] = b'g';
    assert_eq!(reason(bad), Reason::BadNumber);
    let mut junk = Cpio::new().add("a", 0o100644, b"1234").end();
    let at = junk.0.len();
    junk.0.extend_from_slice(b"junk");
    assert_eq!(tree(junk.leak()).err(), Some(LoadError { offset: at, reason: Reason::BadMagic }));
}

#[test]
fn every_truncation_and_every_lying_size_is_an_error_and_never_a_panic() {
    let whole = Cpio::new().add("dir", 0o040755, b"").add("dir/file", 0o100644, b"contents").add("l", 0o120777, b"dir").end().leak();
    for len in 0..whole.len() {
        // The trailer's own padding may be missing.
        if len >= whole.len() - 3 {
            continue;
        }
        assert!(tree(&whole[..len]).is_err(), "cut at {len}");
    }
    for at in 0..whole.len() {
        for byte in [0, b'f', 0xff, b'7'] {
            let mut changed = whole.to_vec();
            changed[at] = byte;
            let _ = tree(Box::leak(changed.into_boxed_slice()));
        }
    }
}

#[test]
fn ten_thousand_files_load_quickly_and_cost_little() {
    let mut archive = Cpio::new();
    for i in 0..10_000 {
        archive = archive.add(&format!("usr/lib/d{}/file-{i}.py", i / 100), 0o100644, b"x");
    }
    let archive = archive.end().leak();
    let start = std::time::Instant::now();
    let ctx = tree(archive).unwrap();
    assert!(start.elapsed().as_millis() < 2_000);
    assert_eq!(content(&ctx, "/usr/lib/d99/file-9999.py"), b"x");
    // Arc counts, lock and all; the entry in the directory is about 60 bytes more.
    assert!(size_of::<ramfs::RamInode>() + 16 <= 128, "{}", size_of::<ramfs::RamInode>());
}
