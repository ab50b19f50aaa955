use super::*;
use crate::Tree;
use crate::sink::Plan;
use crate::source::{self, Request, SourceKind, SourceOptions};
use std::os::unix::fs::MetadataExt;

/// A directory with a file in it, and a cache beside it.
struct Home {
    home: tempfile::TempDir,
    cache: Cache,
}

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::at(&home.path().join("cache"));
        let made = Self { home, cache };
        fs::create_dir(made.path("root")).unwrap();
        fs::write(made.path("root/file"), "contents").unwrap();
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn fingerprint(&self) -> Fingerprint {
        let tree = source::read(&self.path("root"), SourceKind::Directory, &SourceOptions::default()).unwrap();
        Fingerprint::of_tree(&tree, Format::Cpio).unwrap()
    }

    /// Where an entry's file is.
    fn kept(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.path("cache").join(fingerprint.key.hex()).join(name(Format::Cpio))
    }

    fn make(&self, fingerprint: &Fingerprint) -> Entry {
        let tree = source::read(&self.path("root"), SourceKind::Directory, &SourceOptions::default()).unwrap();
        let plan = Plan::new(&tree, Format::Cpio).unwrap();
        self.cache.make(fingerprint, (Format::Cpio, plan.packed().clone()), &|_| {}, |out| plan.write(out)).unwrap()
    }
}

#[test]
fn what_was_made_is_found_until_anything_changes() {
    let home = Home::new();
    let before = home.fingerprint();
    assert!(home.cache.find(&before).is_none());
    let made = home.make(&before);
    let found = home.cache.find(&home.fingerprint()).unwrap();
    assert_eq!((found.bytes, found.entries), (made.bytes, made.entries));
    let file = fs::metadata(home.kept(&before)).unwrap();
    assert_eq!((file.len(), file.ino()), (found.bytes, found.file.metadata().unwrap().ino()));

    let is_found = || home.cache.find(&home.fingerprint()).is_some();
    let permissions = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs::set_permissions(home.path("root/file"), permissions(0o600)).unwrap();
    assert!(!is_found());
    home.make(&home.fingerprint());
    assert!(is_found());
    fs::write(home.path("root/more"), "").unwrap();
    assert!(!is_found());
    home.make(&home.fingerprint());
    fs::hard_link(home.path("root/file"), home.path("root/link")).unwrap();
    assert!(!is_found());
    home.make(&home.fingerprint());
    fs::rename(home.path("root/link"), home.path("root/name")).unwrap();
    assert!(!is_found());
    // As it was once, and so found again; but a file of the same size and time is not the same file.
    home.make(&home.fingerprint());
    let time = fs::metadata(home.path("root/more")).unwrap().modified().unwrap();
    fs::write(home.path("root/new"), "").unwrap();
    File::options().append(true).open(home.path("root/new")).unwrap().set_modified(time).unwrap();
    fs::rename(home.path("root/new"), home.path("root/more")).unwrap();
    assert!(!is_found());
}

#[test]
fn a_change_that_times_do_not_show_is_found_by_contents() {
    let home = Home::new();
    let fingerprint = home.fingerprint();
    assert_eq!(fingerprint.recent, [home.path("root/file")], "changed within the clock's tick");
    home.make(&fingerprint);
    assert!(home.cache.find(&fingerprint).is_some());
    // The same fingerprint, as when the clock had not moved.
    fs::write(home.path("root/file"), "otherwise").unwrap();
    assert!(home.cache.find(&fingerprint).is_none());
    home.make(&fingerprint);
    assert!(home.cache.find(&fingerprint).is_some());
}

#[test]
fn machines_share_the_bytes_and_keep_them() {
    let home = Home::new();
    let entry = home.make(&home.fingerprint());
    let places = [home.path("one"), home.path("two")];
    places.iter().for_each(|place| entry.place(place).unwrap());
    assert_eq!(home.cache.usage(), Usage { total: 1, shared: 1, bytes: entry.bytes, shared_bytes: entry.bytes });
    let inode = |path: &PathBuf| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&places[0]), inode(&places[1]));
    assert!(entry.place(&places[0]).is_err(), "nothing is overwritten");
    home.cache.clear().unwrap();
    assert_eq!(home.cache.usage(), Usage::default());
    assert_eq!(fs::metadata(&places[0]).unwrap().len(), entry.bytes);
    assert!(home.cache.find(&home.fingerprint()).is_none());
}

#[test]
fn an_entry_in_hand_survives_what_others_do() {
    let home = Home::new();
    let fingerprint = home.fingerprint();
    let (first, second) = (home.make(&fingerprint), home.make(&fingerprint));
    first.place(&home.path("one")).unwrap();
    home.cache.clear().unwrap();
    second.place(&home.path("two")).unwrap();
    let bytes = |name| fs::read(home.path(name)).unwrap();
    assert_eq!(bytes("one").len() as u64, first.bytes);
    assert_eq!(bytes("one"), bytes("two"));
}

#[test]
fn many_make_the_same_at_once() {
    let home = Home::new();
    let fingerprint = home.fingerprint();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (home, fingerprint) = (&home, &fingerprint);
            scope.spawn(move || (0..50).for_each(|round| home.make(fingerprint).place(&home.path(&format!("{number}-{round}"))).unwrap()));
        }
    });
    assert!(home.cache.find(&fingerprint).is_some());
}

#[test]
fn damage_and_failures_leave_nothing_to_be_found() {
    let home = Home::new();
    let fingerprint = home.fingerprint();
    let failed: Result<Entry, RootfsError> = home.cache.make(&fingerprint, (Format::Cpio, Packed::default()), &|_| {}, |out| {
        out.write_all(b"half").map_err(RootfsError::Write)?;
        Err(RootfsError::TooMany)
    });
    assert!(failed.is_err() && home.cache.find(&fingerprint).is_none());
    assert_eq!(home.cache.usage().total, 0, "what was begun is gone");
    home.make(&fingerprint);
    let kept = home.kept(&fingerprint);
    File::options().write(true).open(&kept).unwrap().set_len(3).unwrap();
    assert!(home.cache.find(&fingerprint).is_none(), "cut short");
    home.make(&fingerprint);
    fs::write(kept.with_file_name(RECORD), "{").unwrap();
    assert!(home.cache.find(&fingerprint).is_none(), "no record");
    home.make(&fingerprint);
    assert!(home.cache.find(&fingerprint).is_some(), "made anew in its place");
}

#[test]
fn what_nobody_used_for_long_goes() {
    let home = Home::new();
    home.make(&home.fingerprint());
    let old = home.kept(&home.fingerprint());
    let record = old.with_file_name(RECORD);
    let long_ago = SystemTime::now() - UNUSED - Duration::from_secs(60);
    let age = |path: &Path| File::options().append(true).open(path).unwrap().set_modified(long_ago).unwrap();
    age(&record);
    // Use makes it young again.
    assert!(home.cache.find(&home.fingerprint()).is_some());
    fs::write(home.path("root/more"), "").unwrap();
    home.make(&home.fingerprint());
    assert!(old.exists());
    age(&record);
    fs::write(home.path("root/more"), "more").unwrap();
    home.make(&home.fingerprint());
    assert!(!old.exists());
    assert_eq!(home.cache.usage().total, 2);
}

#[test]
fn options_and_kinds_count() {
    let home = Home::new();
    let archive = home.path("root.tar");
    let mut builder = tar::Builder::new(File::create(&archive).unwrap());
    builder.append_dir_all(".", home.path("root")).unwrap();
    builder.finish().unwrap();
    let request = |format, owners, seconds: Option<i64>| {
        let epoch = seconds.map(|seconds| crate::Timestamp { seconds, nanos: 0 });
        Request { format, owners, epoch, options: SourceOptions::default() }
    };
    let (root, keep) = (source::Owners::Root, source::Owners::Keep);
    let requests = [
        request(None, root, None),
        request(Some(Format::Cpio), root, None),
        request(Some(Format::Erofs), root, None),
        request(None, keep, None),
        request(None, root, Some(0)),
        request(None, root, Some(1)),
    ];
    let key = |kind, request| Fingerprint::of_file(&archive, kind, request).unwrap().key;
    let keys: std::collections::BTreeSet<_> = requests.iter().map(|request| key(SourceKind::Tarball, request)).collect();
    assert_eq!(keys.len(), requests.len());
    assert_ne!(key(SourceKind::Tarball, &requests[0]), key(SourceKind::Cpio, &requests[0]));
    assert_eq!(key(SourceKind::Tarball, &requests[0]), key(SourceKind::Tarball, &requests[0]));
}

/// When this fails, the same files come to other bytes than before: raise [`crate::sink::VERSION`], and only then correct the digests.
#[test]
fn the_version_stands_for_these_bytes() {
    let mut tree = Tree::default();
    let file = |bytes: &[u8]| crate::Kind::File(crate::Content::bytes(bytes));
    let meta = crate::Meta::with_mode(0o644);
    tree.insert(b"directory/small", meta.clone(), file(b"small")).unwrap();
    tree.insert(b"directory/large", meta.clone(), file(&[7; 10_000])).unwrap();
    tree.insert(b"link", crate::Meta::with_mode(0o777), crate::Kind::Symlink(b"directory/small".as_slice().into())).unwrap();
    tree.link(b"second", b"directory/large").unwrap();
    let digests = [Format::Cpio, Format::Erofs].map(|format| {
        let mut out = Vec::new();
        Plan::new(&tree, format).unwrap().write(&mut out).unwrap();
        Digest::of(&out).hex().get(..16).unwrap().to_owned()
    });
    assert_eq!((crate::sink::VERSION, digests), (1, ["a52094ae2b7ec98c".to_owned(), "c0b13ccfec0793da".to_owned()]));
}
