//! Every source and every sink against the tools that people use: GNU tar, GNU cpio, erofs-utils, Linux itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{describe, is_root, pack, read, run, same, sample, without_xattrs};
use pith_rootfs::{ALIGN_THRESHOLD, Format, Kind, PAGE, SourceKind, Tree, source};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn sample_tree() -> (tempfile::TempDir, Tree, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let tree = read(dir.path());
    let lines = describe(&tree);
    (dir, tree, lines)
}

/// Lines without the root's, which not every tool keeps.
fn below(lines: &[String]) -> Vec<String> {
    lines[1..].to_vec()
}

#[test]
fn a_directory_is_read_whole() {
    let (_dir, tree, lines) = sample_tree();
    let has = |text: &str| assert!(lines.iter().any(|line| line.starts_with(text)), "{text} in {lines:#?}");
    has("\"usr/bin/tool\" 4755 0:0 1600000000 file 9001 ");
    has("\"bin\" 0 0:0 1700000001 link \"usr/bin\"");
    has("\"tmp\" 1777 ");
    has("\"fifo\" ");
    assert!(lines.iter().any(|line| line.contains("zz-small") && line.contains("as \"usr/small\"") && line.contains("user.colour=bl=ue")));
    if is_root() {
        assert!(lines.iter().any(|line| line.contains("\"null\"") && line.contains("char Device { major: 1, minor: 3 }")));
        assert!(lines.iter().any(|line| line.contains("block Device { major: 259, minor: 70000 }")));
        assert!(lines.iter().any(|line| line.contains("security.capability=")));
    }
    assert!(tree.notes.is_empty(), "{:?}", tree.notes);
}

#[test]
fn tarballs_say_the_same_as_their_directory() {
    let (dir, _, lines) = sample_tree();
    let out = tempfile::tempdir().unwrap();
    let tar = out.path().join("sample.tar");
    let tar_text = tar.to_str().unwrap();
    let pax = ["--format=pax", "--xattrs", "--xattrs-include=*"];
    for (version, more) in [("0.0", &["-S"][..]), ("0.1", &["-S"]), ("1.0", &["-S"]), ("1.0", &[])] {
        let version = format!("--sparse-version={version}");
        let arguments = [&["-cf", tar_text, &version], &pax[..], more, &["."]].concat();
        run("tar", &arguments, dir.path());
        assert_eq!(source::detect(&tar).unwrap(), SourceKind::Tarball);
        same(&below(&describe(&read(&tar))), &below(&lines), &format!("{arguments:?}"));
    }
    for format in ["--format=gnu", "--format=oldgnu"] {
        run("tar", &["-cf", tar_text, format, "-S", "."], dir.path());
        same(&below(&describe(&read(&tar))), &without_xattrs(&below(&lines)), format);
    }
    for (flag, name) in [("-z", "x.tar.gz"), ("-J", "x.tar.xz"), ("--zstd", "x.tar.zst")] {
        let packed = out.path().join(name);
        run("tar", &[&["-cf", packed.to_str().unwrap(), flag], &pax[..], &["."]].concat(), dir.path());
        assert_eq!(source::detect(&packed).unwrap(), SourceKind::Tarball);
        same(&below(&describe(&read(&packed))), &below(&lines), name);
    }
    // Old archives have short names and no types.
    let old = tempfile::tempdir().unwrap();
    fs::create_dir(old.path().join("d")).unwrap();
    fs::write(old.path().join("d/f"), "v7").unwrap();
    for format in ["v7", "ustar"] {
        run("tar", &["-cf", tar_text, &format!("--format={format}"), "."], old.path());
        same(&below(&describe(&read(&tar))), &below(&describe(&read(old.path()))), format);
    }
}

#[test]
fn cpio_archives_say_the_same_as_their_directory() {
    let (dir, _, lines) = sample_tree();
    let out = tempfile::tempdir().unwrap();
    let archive = out.path().join("sample.cpio");
    // GNU cpio cannot pack names that are longer than its own limit for one path; ours are shorter.
    for format in ["newc", "crc"] {
        run("sh", &["-c", &format!("find . -print0 | cpio -0 --quiet -o -H {format} >{}", archive.display())], dir.path());
        assert_eq!(source::detect(&archive).unwrap(), SourceKind::Cpio);
        same(&below(&describe(&read(&archive))), &without_xattrs(&below(&lines)), format);
    }
    run("gzip", &["-k", archive.to_str().unwrap()], out.path());
    let packed = archive.with_extension("cpio.gz");
    assert_eq!(source::detect(&packed).unwrap(), SourceKind::Cpio);
    same(&below(&describe(&read(&packed))), &without_xattrs(&below(&lines)), "gzip");
}

#[test]
fn erofs_images_say_the_same_as_their_directory() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    // mkfs.erofs 1.5 does not take names of 255 bytes.
    fs::remove_file(dir.path().join("n".repeat(255))).unwrap();
    let lines = describe(&read(dir.path()));
    let out = tempfile::tempdir().unwrap();
    let image = out.path().join("sample.erofs");
    for flags in [&[][..], &["-T1600000000"], &["--chunksize=4096"], &["-Enoinline_data"]] {
        let mut lines = lines.clone();
        if flags.contains(&"-T1600000000") {
            lines = lines.iter().map(|line| line.replace("1700000001", "1600000000")).collect();
        }
        if fs::exists(&image).unwrap() {
            fs::remove_file(&image).unwrap();
        }
        run("mkfs.erofs", &[flags, &["--quiet", image.to_str().unwrap(), dir.path().to_str().unwrap()]].concat(), out.path());
        assert_eq!(source::detect(&image).unwrap(), SourceKind::Erofs);
        same(&below(&describe(&read(&image))), &below(&lines), &format!("{flags:?}"));
    }
}

#[test]
fn gnu_cpio_extracts_what_we_pack() {
    let (_dir, mut tree, _) = sample_tree();
    tree.set_times(pith_rootfs::Timestamp { seconds: 1_600_000_000, nanos: 0 });
    let out = tempfile::tempdir().unwrap();
    let archive = out.path().join("out.cpio");
    fs::write(&archive, pack(&tree, Format::Cpio)).unwrap();
    let target = out.path().join("target");
    fs::create_dir(&target).unwrap();
    let done = Command::new("cpio")
        .args(["-idm", "--quiet", "--no-absolute-filenames"])
        .current_dir(&target)
        .stdin(fs::File::open(&archive).unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // cpio sets a directory's time before it puts files in, and no time for links.
    let is_timed = |line: &str| !line.contains(" dir ") && !line.contains(" link ");
    let timeless = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| if is_timed(line) { line.clone() } else { line.replace(char::is_numeric, "") }).collect()
    };
    let found = describe(&read(&target));
    same(&timeless(&below(&found)), &timeless(&without_xattrs(&below(&describe(&tree)))), "cpio");
}

/// Everything else than root's own metadata, as the tool or Linux leaves it in a directory.
fn same_as_directory(target: &Path, tree: &Tree) {
    same(&below(&describe(&read(target))), &below(&describe(tree)), "directory");
}

#[test]
fn fsck_and_linux_read_our_erofs_images() {
    let (_dir, tree, _) = sample_tree();
    let out = tempfile::tempdir().unwrap();
    let image = out.path().join("out.erofs");
    fs::write(&image, pack(&tree, Format::Erofs)).unwrap();
    let image = image.to_str().unwrap();
    let target = out.path().join("target");
    run("fsck.erofs", &["--extract", image], out.path());
    let dump = String::from_utf8(run("dump.erofs", &["-s", image], out.path())).unwrap();
    assert!(dump.contains("Filesystem sb_csum:") || dump.contains("sb_csum"), "{dump}");
    if !is_root() || !fs::read_to_string("/proc/filesystems").unwrap().contains("erofs") || !Path::new("/dev/loop-control").exists() {
        eprintln!("no loop devices or no EROFS here: Linux is not asked");
        return;
    }
    fs::create_dir(&target).unwrap();
    run("mount", &["-t", "erofs", "-o", "loop,ro", image, target.to_str().unwrap()], out.path());
    let mounted = Unmount(&target);
    same_as_directory(&target, &tree);
    drop(mounted);
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        run("umount", &[self.0.to_str().unwrap()], Path::new("/"));
    }
}

#[test]
fn both_results_read_back_and_are_aligned() {
    let (_dir, tree, lines) = sample_tree();
    let out = tempfile::tempdir().unwrap();
    for (format, name) in [(Format::Cpio, "a.cpio"), (Format::Erofs, "a.erofs")] {
        let bytes = pack(&tree, format);
        assert!(bytes == pack(&tree, format), "{name}: the same tree, the same bytes");
        let path = out.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let back = read(&path);
        let wanted = if format == Format::Cpio { without_xattrs(&below(&lines)) } else { below(&lines) };
        same(&below(&describe(&back)), &wanted, name);
        for visit in back.walk() {
            if let Kind::File(content) = &back.node(visit.id).kind
                && content.size() >= ALIGN_THRESHOLD
                && let pith_rootfs::Content::Extents { extents, .. } = content
            {
                assert!(extents.len() == 1 && extents[0].from % PAGE == 0, "{name} {:?}", String::from_utf8_lossy(&visit.path));
            }
        }
    }
}

#[test]
fn the_kinds_of_sources_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let detect = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        source::detect(&path).unwrap()
    };
    assert_eq!(detect("Dockerfile", b"FROM scratch"), SourceKind::Dockerfile);
    assert_eq!(detect("my.dockerfile.dev", b""), SourceKind::Dockerfile);
    assert_eq!(detect("program", b"\x7fELF"), SourceKind::File);
    assert_eq!(detect("empty", b""), SourceKind::File);
    assert_eq!(detect("zeros", &[0; 2048]), SourceKind::File);
    assert_eq!(detect("broken.gz", b"\x1f\x8bnot really"), SourceKind::File);
    assert_eq!(source::detect(dir.path()).unwrap(), SourceKind::Directory);
    detect("oci-layout", b"{}");
    detect("index.json", b"{}");
    assert_eq!(source::detect(dir.path()).unwrap(), SourceKind::OciLayout);
    let error = source::detect(Path::new("/nonexistent")).unwrap_err();
    assert_eq!(error.to_string(), "/nonexistent: No such file or directory (os error 2)");
    let tree = read(&dir.path().join("program"));
    assert_eq!(describe(&tree).len(), 2);
}

#[test]
fn an_image_is_its_layers() {
    use pith_image::{Algorithm, Compression, Hasher, Image, Layer};
    use pith_rootfs::{RootfsError, SourceOptions};
    let dir = tempfile::tempdir().unwrap();
    let digest = |bytes: &[u8]| {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(bytes);
        hasher.finish()
    };
    let layer = |name: &str, make: &str, compression: Compression| {
        let root = dir.path().join(name);
        fs::create_dir(&root).unwrap();
        run("sh", &["-ec", make], &root);
        let (plain, blob) = (dir.path().join(format!("{name}.tar")), dir.path().join(format!("{name}.blob")));
        run("tar", &["-cf", plain.to_str().unwrap(), "--owner=1000", "--group=50", "."], &root);
        let program = match compression {
            Compression::Plain => "cat",
            Compression::Gzip => "gzip -c",
            Compression::Zstd => "zstd -qc",
        };
        run("sh", &["-ec", &format!("{program} {name}.tar >{name}.blob")], dir.path());
        let bytes = fs::read(&blob).unwrap();
        Layer { digest: digest(&bytes), diff_id: digest(&fs::read(plain).unwrap()), compression, size: bytes.len() as u64, blob }
    };
    let layers = vec![
        layer("base", "mkdir -p etc usr/bin; echo 1 >etc/a; echo 1 >etc/b; echo sh >usr/bin/sh; ln -s usr/bin bin", Compression::Gzip),
        layer(
            "middle",
            "mkdir -p etc bin; echo 2 >etc/b; touch etc/.wh.a; echo ls >bin/ls; rm -r bin; mkdir usr; echo x >usr/x",
            Compression::Zstd,
        ),
        layer("top", "mkdir etc; touch etc/.wh..wh..opq; echo 3 >etc/c", Compression::Plain),
    ];
    let mut image = Image { config: pith_image::spec::ImageConfig::default(), layers };
    let tree = Tree::from_image(&image, &SourceOptions::default()).unwrap();
    let names: Vec<String> = tree.walk().iter().map(|visit| String::from_utf8_lossy(&visit.path).into_owned()).collect();
    assert_eq!(names, ["", "bin", "etc", "etc/c", "usr", "usr/bin", "usr/bin/sh", "usr/x"]);
    let meta = &tree.node(tree.find(b"usr/bin/sh").unwrap()).meta;
    assert_eq!((meta.uid, meta.gid), (1000, 50));
    // Whoever changes a layer is found out, compressed or not.
    for index in [2, 0] {
        image.layers[index].diff_id = digest(b"something else");
        let error = Tree::from_image(&image, &SourceOptions::default()).unwrap_err();
        assert!(matches!(&error, RootfsError::Read { .. }) && error.to_string().contains("its image says sha256:"), "{error}");
        image.layers.truncate(2);
    }
}

#[test]
fn what_is_asked_for_is_done_and_what_will_do_stays() {
    use pith_rootfs::source::{Loaded, Owners, Request, load};
    let (first, second, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(first.path());
    sample(second.path());
    // Copies are younger than what they are copies of.
    run("find", &[".", "-exec", "touch", "-hd", "@1650000000", "{}", "+"], second.path());
    let tree_of = |path: &Path, request: &Request| match load(path, source::detect(path).unwrap(), request).unwrap() {
        Loaded::Tree { tree, format } => (tree, format),
        Loaded::Ready { .. } => panic!("{} stays as it is", path.display()),
    };
    let packed = |path: &Path, request: &Request| {
        let (mut tree, format) = tree_of(path, request);
        // Not every directory is made by the same hand.
        tree.insert(b"", pith_rootfs::Meta::with_mode(0o755), Kind::directory()).unwrap();
        pack(&tree, format)
    };
    for format in [Format::Cpio, Format::Erofs] {
        let mut request = Request { format: Some(format), ..Request::default() };
        assert!(packed(first.path(), &request) != packed(second.path(), &request), "times are kept");
        request.epoch = pith_rootfs::sink::epoch(Some("1600000000")).unwrap();
        assert!(packed(first.path(), &request) == packed(second.path(), &request), "the same bytes up to a date");
    }
    let (tree, format) = tree_of(first.path(), &Request::default());
    assert_eq!(format, Format::Cpio);
    let owned = |tree: &Tree| tree.node(tree.find(b"usr/size-1").unwrap()).meta.uid;
    assert_eq!(owned(&tree), 0);
    if is_root() {
        let (kept, _) = tree_of(first.path(), &Request { owners: Owners::Keep, ..Request::default() });
        assert_eq!(owned(&kept), 1000);
    }
    // Ours are used as they are; others if the guest can.
    for (format, name) in [(Format::Cpio, "ours.cpio"), (Format::Erofs, "ours.erofs")] {
        let path = out.path().join(name);
        fs::write(&path, pack(&tree, format)).unwrap();
        let bytes = fs::metadata(&path).unwrap().len();
        match load(&path, source::detect(&path).unwrap(), &Request::default()).unwrap() {
            Loaded::Ready { format: found, bytes: found_bytes, .. } => assert_eq!((found, found_bytes), (format, bytes)),
            Loaded::Tree { .. } => panic!("{name} is packed again"),
        }
        let other = if format == Format::Cpio { Format::Erofs } else { Format::Cpio };
        let (turned, found) = tree_of(&path, &Request { format: Some(other), ..Request::default() });
        assert_eq!(found, other);
        same(&without_xattrs(&below(&describe(&turned))), &without_xattrs(&below(&describe(&tree))), name);
        run("gzip", &["-kf", path.to_str().unwrap()], out.path());
        assert_eq!(tree_of(&out.path().join(format!("{name}.gz")), &Request::default()).1, format);
    }
    run("sh", &["-c", &format!("find . -print0 | cpio -0 --quiet -o -H newc >{}/theirs.cpio", out.path().display())], first.path());
    assert_eq!(tree_of(&out.path().join("theirs.cpio"), &Request::default()).1, Format::Cpio);
    fs::remove_file(first.path().join("n".repeat(255))).unwrap();
    let root = first.path().to_str().unwrap();
    run("mkfs.erofs", &["--quiet", "theirs.erofs", root], out.path());
    let theirs = load(&out.path().join("theirs.erofs"), SourceKind::Erofs, &Request::default()).unwrap();
    assert!(matches!(theirs, Loaded::Ready { format: Format::Erofs, .. }));
    run("mkfs.erofs", &["--quiet", "--chunksize=4096", "chunks.erofs", root], out.path());
    assert_eq!(tree_of(&out.path().join("chunks.erofs"), &Request::default()).1, Format::Erofs);
}
