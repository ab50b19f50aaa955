//! Packed archives: the same bytes every time, readable by others, aligned; and foreign ones judged.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_rootfs::newc::{self, Header, Writer};
use pith_rootfs::{ALIGN_THRESHOLD, PAGE, PackError, PackOptions, Problem, check, pack_directory};
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

fn pack(dir: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    pack_directory(dir, &mut out, PackOptions::default()).unwrap();
    out
}

fn sample(dir: &Path) {
    fs::create_dir_all(dir.join("bin/deep")).unwrap();
    fs::create_dir(dir.join("empty")).unwrap();
    fs::write(dir.join("bin/a"), vec![b'A'; 5000]).unwrap();
    fs::set_permissions(dir.join("bin/a"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::write(dir.join("bin/b"), vec![b'B'; 9001]).unwrap();
    fs::hard_link(dir.join("bin/b"), dir.join("bin/deep/b2")).unwrap();
    fs::write(dir.join("small"), "hello\n").unwrap();
    fs::write(dir.join("none"), "").unwrap();
    symlink("small", dir.join("link")).unwrap();
    assert!(Command::new("mkfifo").arg(dir.join("fifo")).status().unwrap().success());
}

/// (name, mode, data offset, size) of every entry.
fn entries(archive: &[u8]) -> Vec<(String, u32, u64, u32)> {
    let (mut at, mut out) = (0, Vec::new());
    loop {
        let header = Header::parse(archive[at..at + 110].try_into().unwrap()).unwrap();
        let name_end = at + 110 + header.name_size as usize;
        let name = archive[at + 110..name_end].split(|b| *b == 0).next().unwrap();
        let data = name_end.next_multiple_of(4);
        if name == newc::TRAILER {
            return out;
        }
        assert!(header.name_size <= 4096);
        assert_eq!((header.uid, header.gid, header.mtime, header.dev), (0, 0, 0, (0, 0)));
        out.push((String::from_utf8(name.to_vec()).unwrap(), header.mode, data as u64, header.size));
        at = (data + header.size as usize).next_multiple_of(4);
    }
}

#[test]
fn large_files_start_on_pages_and_parents_come_first() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let list = entries(&pack(dir.path()));
    assert_eq!(list.len(), 10);
    for (name, mode, offset, size) in &list {
        if mode & newc::TYPE_MASK == newc::REGULAR && u64::from(*size) >= ALIGN_THRESHOLD {
            assert_eq!(offset % PAGE, 0, "{name}");
        }
        if let Some((parent, _)) = name.rsplit_once('/') {
            let index = |wanted: &str| list.iter().position(|(name, ..)| name == wanted).unwrap();
            assert!(index(parent) < index(name));
        }
    }
    assert_eq!(list.iter().find(|(name, ..)| name == "bin/a").unwrap().1, 0o104_755);
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(one.path());
    std::thread::sleep(std::time::Duration::from_millis(5));
    sample(two.path());
    assert_eq!(pack(one.path()), pack(two.path()));
}

#[test]
fn cpio_lists_and_extracts_it() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(dir.path());
    let archive = dir.path().with_extension("cpio");
    fs::write(&archive, pack(dir.path())).unwrap();
    let cpio = |flags: &str| {
        let input = fs::File::open(&archive).unwrap();
        let done = Command::new("cpio").arg(flags).current_dir(out.path()).stdin(input).stderr(Stdio::piped()).output();
        done.unwrap()
    };
    let listing = String::from_utf8(cpio("-itv").stdout).unwrap();
    assert!(listing.contains("link -> small") && listing.contains("-rwsr-xr-x   1 root     root         5000"), "{listing}");
    assert!(cpio("-id").status.success());
    fs::remove_file(&archive).unwrap();
    assert_eq!(fs::read(out.path().join("bin/b")).unwrap(), vec![b'B'; 9001]);
    let inode = |name| fs::metadata(out.path().join(name)).unwrap().ino();
    assert_eq!(inode("bin/b"), inode("bin/deep/b2"));
    assert_eq!(fs::read(out.path().join("small")).unwrap(), b"hello\n");
    assert_eq!(fs::read_link(out.path().join("link")).unwrap(), Path::new("small"));
}

#[test]
fn what_we_pack_passes_the_check() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let mut archive = pack(dir.path());
    let survey = check(archive.as_slice()).unwrap();
    assert_eq!((survey.entries, survey.bytes, survey.unaligned), (10, archive.len() as u64, 0));
    // Padded to a block, as cpio does, and followed by a second archive.
    archive.resize(archive.len().next_multiple_of(512), 0);
    let twice = [archive.as_slice(), archive.as_slice()].concat();
    assert_eq!(check(twice.as_slice()).unwrap().entries, 20);
}

#[test]
fn many_files_are_all_aligned() {
    let dir = tempfile::tempdir().unwrap();
    for index in 0..20 {
        symlink("x", dir.path().join(format!("link{index}"))).unwrap();
    }
    for index in 0..300_usize {
        fs::write(dir.path().join(format!("{index:0>120}")), vec![1; 2048 + index * 37]).unwrap();
    }
    let packed = pack_directory(dir.path(), std::io::sink(), PackOptions::default()).unwrap();
    assert!(packed.unaligned == 0, "{packed:?}");
}

#[test]
fn epochs() {
    assert_eq!(PackOptions::from_epoch(Some("86400")).unwrap().mtime, 86400);
    assert_eq!(PackOptions::from_epoch(None).unwrap().mtime, 0);
    assert!(matches!(PackOptions::from_epoch(Some("-1")), Err(PackError::BadEpoch(_))));
}

#[test]
fn missing_directories_and_huge_files_are_named() {
    let error = pack_directory(Path::new("/nonexistent-root"), std::io::sink(), PackOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent-root: "));
    let dir = tempfile::tempdir().unwrap();
    let huge = fs::File::create(dir.path().join("huge")).unwrap();
    huge.set_len(1 << 32).unwrap();
    let error = pack_directory(dir.path(), std::io::sink(), PackOptions::default()).unwrap_err();
    assert!(matches!(error, PackError::TooLarge { size: 0x1_0000_0000, .. }), "{error}");
}

/// An archive with one entry, then the trailer.
fn one(name: &[u8], mode: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    let size = u32::try_from(data.len()).unwrap();
    let name_size = u32::try_from(name.len()).unwrap() + 1;
    let header = Header { ino: 1, mode, nlink: 1, size, name_size, ..Header::default() };
    writer.header(&header, name).unwrap();
    writer.data(&mut &*data, size.into()).unwrap();
    writer.finish().unwrap();
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
