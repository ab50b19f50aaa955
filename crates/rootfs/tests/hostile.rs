//! What no machine should get is refused with a reason, and never more than is there is taken.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{describe, pack, read};
use pith_rootfs::newc::{self, Header};
use pith_rootfs::{Content, Format, Kind, Meta, Plan, Problem, RootfsError, SourceKind, SourceOptions, Tree, check, source};
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

#[test]
fn epochs() {
    assert_eq!(pith_rootfs::sink::epoch(Some("86400")).unwrap().unwrap().seconds, 86400);
    assert_eq!(pith_rootfs::sink::epoch(None).unwrap(), None);
    assert!(matches!(pith_rootfs::sink::epoch(Some("-1")), Err(RootfsError::BadEpoch(_))));
}

#[test]
fn missing_directories_and_huge_files_are_named() {
    let missing = source::read("/nonexistent-root".as_ref(), SourceKind::Directory, &SourceOptions::default());
    assert!(missing.unwrap_err().to_string().starts_with("/nonexistent-root: "));
    let dir = tempfile::tempdir().unwrap();
    let huge = fs::File::create(dir.path().join("huge")).unwrap();
    huge.set_len(1 << 32).unwrap();
    let tree = read(dir.path());
    let error = Plan::new(&tree, Format::Cpio).err().unwrap();
    assert_eq!(
        error.to_string(),
        "huge: 4294967296 bytes; a cpio archive holds files up to 4 GiB - 1 byte. EROFS has no such limit: use `--rootfs-type erofs`"
    );
    assert_eq!(Plan::new(&tree, Format::Erofs).unwrap().packed().bytes, (1 << 32) + 4096);
}

#[test]
fn a_file_that_shrinks_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("log"), [1; 5000]).unwrap();
    let tree = read(dir.path());
    fs::write(dir.path().join("log"), [1; 4000]).unwrap();
    for format in [Format::Cpio, Format::Erofs] {
        let error = Plan::new(&tree, format).unwrap().write(std::io::sink()).unwrap_err();
        assert!(matches!(&error, RootfsError::Changed { path } if path.ends_with("/log")), "{error}");
    }
    // Nor is a link followed that has taken a file's place.
    fs::remove_file(dir.path().join("log")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("log")).unwrap();
    let error = Plan::new(&tree, Format::Cpio).unwrap().write(std::io::sink()).unwrap_err();
    assert!(matches!(error, RootfsError::Read { .. }), "{error}");
}

/// An archive with one entry, then the trailer.
fn one(name: &[u8], mode: u32, data: &[u8]) -> Vec<u8> {
    let mut out = entry(name, mode, data);
    out.extend(entry(newc::TRAILER, 0, b""));
    out
}

fn entry(name: &[u8], mode: u32, data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len()).unwrap();
    let name_size = u32::try_from(name.len()).unwrap() + 1;
    let mut out = Header { ino: 1, mode, nlink: 1, size, name_size, ..Header::default() }.to_bytes();
    out.extend_from_slice(name);
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

#[test]
fn hostile_archives_are_refused_with_a_reason() {
    let problem = |bytes: &[u8]| check(bytes).unwrap_err().problem;
    assert!(matches!(problem(&one(b"/etc/x", newc::REGULAR, b"x")), Problem::Absolute));
    assert!(matches!(problem(&one(b"a/../../x", newc::REGULAR, b"x")), Problem::DotDot));
    assert!(matches!(problem(&one(&[b'a'; 256], newc::REGULAR, b"x")), Problem::ComponentTooLong));
    assert!(matches!(problem(&one(&[b'a'; 4200], newc::REGULAR, b"x")), Problem::NameLength(4201)));
    assert!(matches!(problem(&one(b"l", newc::SYMLINK, b"")), Problem::BadSymlink(0)));
    assert!(matches!(problem(&one(b"x", 0o030_000, b"")), Problem::BadMode(_)));
    assert!(matches!(problem(b""), Problem::Truncated(_)));
    assert!(matches!(problem(b"\x1f\x8b\x08\0\0\0"), Problem::NotNewc { found: Some(_) }));
    assert!(matches!(problem(b"hello world"), Problem::NotNewc { found: None }));
    let good = one(b"x", newc::REGULAR, &[7; 100]);
    for end in 1..good.len() {
        assert!(matches!(problem(&good[..end]), Problem::Truncated(_) | Problem::NotNewc { .. }), "cut at {end}");
    }
    let mut lying = good.clone();
    lying[54..62].copy_from_slice(b"FFFFFFFF");
    assert!(matches!(problem(&lying), Problem::Truncated(_)));
    lying[54..62].copy_from_slice(b"0000x000");
    assert!(matches!(problem(&lying), Problem::BadField("filesize")));
    let junk = [good.as_slice(), b"junk"].concat();
    assert!(matches!(problem(&junk), Problem::JunkAfterTrailer));
    let link = one(b"a", newc::SYMLINK, b"/etc");
    let link = &link[..link.len() - 124];
    let through = [link, &one(b"a/b", newc::REGULAR, b"x")].concat();
    assert!(matches!(problem(&through), Problem::ParentNotDirectory(_)));
    let text = check(through.as_slice()).unwrap_err().to_string();
    assert_eq!(text, "byte 116, entry \"a/b\": its parent \"a\" is not a directory");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..200_usize) {
        let _ = check(bytes.as_slice());
        let mut archive = one(b"some/name", newc::REGULAR, &bytes);
        if let Some(byte) = archive.get_mut(cut) { *byte = bytes.first().copied().unwrap_or(0); }
        let _ = check(archive.as_slice());
    }
}

/// One tar entry: a ustar header with a right checksum, whatever else is wrong, and the data that follows.
fn tar_entry(name: &[u8], kind: u8, size: u64, link: &[u8], data: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    let bytes = header.as_mut_bytes();
    bytes[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    bytes[157..157 + link.len()].copy_from_slice(link);
    bytes[156] = kind;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join("archive");
        fs::write(&path, bytes).unwrap();
        path
    }

    fn tar(&self, entries: &[Vec<u8>]) -> Result<Tree, RootfsError> {
        source::read(&self.file(&entries.concat()), SourceKind::Tarball, &SourceOptions::default())
    }

    fn tar_problem(&self, entries: &[Vec<u8>]) -> Problem {
        match self.tar(entries) {
            Err(RootfsError::Damaged { error, .. }) => error.problem,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn hostile_tarballs_are_refused_with_a_reason() {
    let place = Place::new();
    let file = |name: &[u8], data: &[u8]| tar_entry(name, b'0', data.len() as u64, b"", data);
    let problem = |entries: &[Vec<u8>]| place.tar_problem(entries);
    assert!(matches!(problem(&[file(b"a/../../x", b"")]), Problem::DotDot));
    assert!(matches!(problem(&[tar_entry(b"h", b'1', 0, b"none", b"")]), Problem::LinkTarget(_)));
    assert!(matches!(problem(&[tar_entry(b"d/", b'5', 0, b"", b""), tar_entry(b"h", b'1', 0, b"d", b"")]), Problem::LinkToDirectory(_)));
    assert!(matches!(problem(&[file(b"f", b"x"), file(b"f/g", b"x")]), Problem::ParentNotDirectory(_)));
    assert!(matches!(problem(&[tar_entry(b"l", b'2', 0, b"", b"")]), Problem::BadSymlink(0)));
    assert!(matches!(problem(&[tar_entry(b"m", b'M', 0, b"", b"")]), Problem::EntryType('M')));
    assert!(matches!(problem(&[tar_entry(b"f", b'0', 1 << 60, b"", b"x")]), Problem::Truncated(_)));
    assert!(matches!(problem(&[tar_entry(b"f", b'0', u64::MAX, b"", b"x")]), Problem::BadField("size")));
    assert!(matches!(problem(&[tar_entry(b"x", b'x', 2 << 20, b"", b"x")]), Problem::BadPax(_)));
    assert!(matches!(problem(&[tar_entry(b"x", b'x', 9, b"", b"9 path=\0\n"), file(b"f", b"")]), Problem::NulInName));
    assert!(matches!(problem(&[tar_entry(b"x", b'x', 9, b"", b"9 path=f\n")]), Problem::Truncated(_)));
    assert!(matches!(problem(&[b"no tar at all, but a block of text ".repeat(20)]), Problem::NotTar));
    let around = [tar_entry(b"a", b'2', 0, b"b", b""), tar_entry(b"b", b'2', 0, b"a", b""), file(b"a/x", b"")];
    assert!(matches!(problem(&around), Problem::LinkLoop(_)));
    // A size of 8 EiB that takes no room, and maps that do not fit.
    let sparse = |records: &str, data: &[u8]| {
        let records: String = records.split(' ').map(|r| format!("{} {r}\n", r.len() + 4)).collect();
        [tar_entry(b"x", b'x', records.len() as u64, b"", records.as_bytes()), file(b"s", data)]
    };
    let huge = place.tar(&sparse("GNU.sparse.size=9223372036854775807 GNU.sparse.map=0,1", b"x")).unwrap();
    assert!(matches!(Plan::new(&huge, Format::Cpio), Err(RootfsError::TooLargeForCpio { .. })));
    assert!(matches!(Plan::new(&huge, Format::Erofs), Err(RootfsError::TooLargeForErofs { .. })));
    for map in ["GNU.sparse.map=0,2", "GNU.sparse.map=7,1,3,1", "GNU.sparse.map=18446744073709551615,1", "GNU.sparse.map=1"] {
        assert!(matches!(problem(&sparse(&format!("GNU.sparse.size=10000 {map}"), b"x")), Problem::BadSparse), "{map}");
    }
    let good = [file(b"f", b"data"), vec![0; 1024]].concat();
    for end in (1..900).filter(|end| end % 512 != 0) {
        let error = place.tar(&[good[..end].to_vec()]);
        // All of the data and a part of its padding is enough.
        assert_eq!(error.is_err(), end < 516, "cut at {end}");
    }
}

#[test]
fn tar_entries_stay_inside_and_later_ones_win() {
    let place = Place::new();
    let file = |name: &[u8], data: &[u8]| tar_entry(name, b'0', data.len() as u64, b"", data);
    let tree = place
        .tar(&[
            file(b"/etc/absolute", b"1"),
            tar_entry(b"out", b'2', 0, b"../../../etc", b""),
            file(b"out/through", b"2"),
            file(b"twice", b"first"),
            tar_entry(b"also", b'1', 5, b"twice", b""),
            file(b"twice", b"second"),
            tar_entry(b"was/dir", b'5', 0, b"", b""),
            file(b"was", b"file now"),
        ])
        .unwrap();
    let content = |path: &str| match &tree.node(tree.find(path.as_bytes()).unwrap()).kind {
        Kind::File(content) => content.read(100).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!((content("etc/absolute"), content("etc/through")), (b"1".to_vec(), b"2".to_vec()));
    assert_eq!((content("twice"), content("also")), (b"second".to_vec(), b"first".to_vec()));
    assert_eq!(content("was"), b"file now");
}

#[test]
fn layers_take_away_and_cover() {
    let place = Place::new();
    let file = |name: &[u8], data: &[u8]| tar_entry(name, b'0', data.len() as u64, b"", data);
    let mut tree = Tree::default();
    let layers = [
        vec![
            file(b"keep", b"1"),
            file(b"gone", b"1"),
            file(b"dir/a", b"1"),
            file(b"dir/b", b"1"),
            file(b"covered/old", b"1"),
            file(b"usr/lib/x", b"1"),
            tar_entry(b"lib", b'2', 0, b"usr/lib", b""),
            file(b"back", b"1"),
        ],
        vec![
            file(b".wh.gone", b""),
            file(b"dir/.wh.a", b""),
            // What stands in this layer stays, before and behind the mark.
            file(b"covered/new", b"2"),
            file(b"covered/.wh..wh..opq", b""),
            file(b"covered/newer", b"2"),
            file(b"lib/.wh.x", b""),
            file(b"lib/y", b"2"),
            file(b"back", b"2"),
            file(b".wh.back", b""),
            file(b".wh.never", b""),
            file(b"none/.wh.at-all", b""),
            file(b".wh..wh.plnk/1", b""),
        ],
    ];
    for layer in &layers {
        source::apply_layer(&mut tree, &place.file(&layer.concat()), &SourceOptions::default()).unwrap();
    }
    let names: Vec<String> = tree.walk().into_iter().map(|visit| String::from_utf8(visit.path).unwrap()).collect();
    assert_eq!(
        names,
        ["", "back", "covered", "covered/new", "covered/newer", "dir", "dir/b", "keep", "lib", "usr", "usr/lib", "usr/lib/y"]
    );
    for bad in [&b".wh."[..], b"dir/.wh...", b".wh.."] {
        let error = source::apply_layer(&mut tree, &place.file(&file(bad, b"")), &SourceOptions::default()).unwrap_err();
        assert!(error.to_string().ends_with("a whiteout that names no file"), "{error}");
    }
}

#[test]
fn broken_compression_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("x.tar");
    fs::write(&plain, [tar_entry(b"f", b'0', 50_000, b"", &[7; 50_000]), vec![0; 1024]].concat()).unwrap();
    let wanted = describe(&read(&plain));
    for (program, ending, name) in [("gzip", "gz", "gzip"), ("zstd", "zst", "zstd"), ("xz", "xz", "xz")] {
        common::run(program, &["-k", "-q", "x.tar"], dir.path());
        let packed = dir.path().join(format!("x.tar.{ending}"));
        let bytes = fs::read(&packed).unwrap();
        // Two streams one after the other are their contents one after the other.
        fs::write(&packed, bytes.repeat(2)).unwrap();
        common::same(&describe(&read(&packed)), &wanted, name);
        fs::write(&packed, &bytes[..bytes.len() - 9]).unwrap();
        let error = source::read(&packed, SourceKind::Tarball, &SourceOptions::default()).unwrap_err();
        assert!(error.to_string().contains(&format!("decompressing {name}: ")), "{error}");
    }
}

#[test]
fn damaged_erofs_images_are_refused_or_read() {
    let place = Place::new();
    let mut tree = Tree::default();
    tree.insert(b"a/b", Meta::with_mode(0o755), Kind::directory()).unwrap();
    tree.insert(b"a/f", Meta::with_mode(0o644), Kind::File(Content::bytes(b"hello"))).unwrap();
    tree.insert(b"l", Meta::default(), Kind::Symlink(b"a/f"[..].into())).unwrap();
    let image = pack(&tree, Format::Erofs);
    let problem = |image: &[u8]| match source::read(&place.file(image), SourceKind::Erofs, &SourceOptions::default()) {
        Err(RootfsError::Damaged { error, .. }) => error.problem,
        other => panic!("{other:?}"),
    };
    for end in [0, 1000, 1151, 1160, 1300] {
        assert!(matches!(problem(&image[..end]), Problem::Truncated(_) | Problem::ErofsDamaged(_)), "cut at {end}");
    }
    let mut flipped = image.clone();
    flipped[1200] ^= 1;
    assert!(matches!(problem(&flipped), Problem::ErofsDamaged("the superblock's checksum does not match")));
    // Without a checksum, every byte counts, and no byte brings the reader down.
    let mut bare = image.clone();
    bare[1032] = 0;
    for at in 1024..image.len().min(1700) {
        for value in [0, 1, 0x7f, 0xff] {
            let mut broken = bare.clone();
            broken[at] = value;
            let _ = source::read(&place.file(&broken), SourceKind::Erofs, &SourceOptions::default());
        }
    }
    let mut compressed = bare.clone();
    compressed[1024 + 80] = 2;
    assert!(matches!(problem(&compressed), Problem::ErofsFeature(_)));
    // Whichever directory is made the root again: a circle.
    let root = 36_u64.to_le_bytes();
    let is_directory = |at: &usize| bare[at + 10..at + 12] == [2, 0] && bare[*at..at + 8] != root;
    let circles = (1152..bare.len() - 12).filter(is_directory).filter(|at| {
        let mut circle = bare.clone();
        circle[*at..at + 8].copy_from_slice(&root);
        let read = source::read(&place.file(&circle), SourceKind::Erofs, &SourceOptions::default());
        matches!(read, Err(RootfsError::Damaged { error, .. }) if error.to_string().contains("a directory that is in two places"))
    });
    assert!(circles.count() >= 2);
}

/// Path, what it is, contents or target, mode, and two numbers for the rest.
type Name = (Vec<u8>, u8, Vec<u8>, u16, u32, u32);

/// Trees of a few names, with everything that a name can be.
fn trees() -> impl Strategy<Value = Vec<Name>> {
    let component = proptest::collection::vec(any::<u8>().prop_filter("no separators", |b| *b != 0 && *b != b'/'), 1..20);
    let component = component.prop_filter("no dots", |name| name != b"." && name != b"..");
    let path = proptest::collection::vec(component, 1..4).prop_map(|parts| parts.join(&b'/'));
    let content = prop_oneof![proptest::collection::vec(any::<u8>(), 1..50), (2000..9000_usize).prop_map(|size| vec![b'x'; size])];
    proptest::collection::vec((path, 0..7_u8, content, 0..0o10000_u16, any::<u32>(), any::<u32>()), 0..30)
}

fn build(entries: &[Name]) -> Tree {
    let mut tree = Tree::default();
    for (path, kind, content, mode, uid, number) in entries {
        let mut meta = Meta { uid: *uid, gid: *number, ..Meta::with_mode(*mode) };
        meta.mtime.seconds = (*number).into();
        let device = pith_rootfs::Device { major: number & 0xfff, minor: uid & 0xf_ffff };
        let kind = match kind {
            0 => Kind::directory(),
            1 => Kind::Symlink(content.iter().copied().filter(|b| *b != 0).take(4000).chain([b'x']).collect()),
            2 => Kind::CharDevice(device),
            3 => Kind::BlockDevice(device),
            4 => Kind::Fifo,
            _ => Kind::File(Content::bytes(content)),
        };
        // A path through a file or a link in a circle is refused, which is right.
        let _ = tree.insert(path, meta, kind);
        let _ = tree.link(&[&path[..], b"-too"].concat(), path);
    }
    tree
}

#[test]
fn links_lead_to_no_names_that_are_too_long() {
    let link = |target: &[u8]| {
        let mut tree = Tree::default();
        tree.insert(b"link", Meta::with_mode(0o777), Kind::Symlink(target.into())).unwrap();
        tree.insert(b"link/file", Meta::with_mode(0o644), Kind::File(Content::bytes(b"x"))).map(drop)
    };
    assert!(link(&[b'x'; 255]).is_ok());
    assert!(matches!(link(&[b'x'; 256]), Err(Problem::ComponentTooLong)));
    // What leads to the file counts, and the file.
    let deep = |length: usize| [&b"x/".repeat((length - 1) / 2)[..], &b"xx"[..2 - length % 2]].concat();
    let room = pith_rootfs::PATH_MAX - "/".len() - "file/".len();
    assert!(link(&deep(room)).is_ok());
    assert!(matches!(link(&deep(room + 1)), Err(Problem::PathTooLong)));
    assert!(matches!(link(&deep(pith_rootfs::PATH_MAX)), Err(Problem::PathTooLong)));
}

proptest! {
    // A quarter of the usual number: each packs and reads two archives.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]
    #[test]
    fn what_is_packed_reads_back(entries in trees()) {
        let tree = build(&entries);
        let lines = describe(&tree);
        let place = Place::new();
        for format in [Format::Cpio, Format::Erofs] {
            let bytes = pack(&tree, format);
            if format == Format::Cpio {
                check(bytes.as_slice()).unwrap();
            }
            let path = place.file(&bytes);
            let back = describe(&read(&path));
            let split = |lines: &[String]| lines.iter().map(|line| line.replace("\" 0 ", "\" ")).collect::<Vec<_>>();
            if format == Format::Erofs {
                common::same(&split(&back), &split(&lines), "erofs");
            } else {
                // Hard links of anything but files are separate inodes in cpio; their names are all there.
                common::same(&split(&back[1..]), &split(&lines[1..]), "cpio");
            }
        }
    }
}
