//! Archives from a server on the loopback and repositories in a temporary directory, the good and the bad.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/server.rs"]
mod server;

use pith_sources::{Address, Error, Made, Reuse, fetch, noted};
use server::Server;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn fetch(&self, text: &str, version: Option<&str>) -> Result<(pith_sources::Note, Made), Error> {
        fetch(&Address::parse(text, version)?, self.0.path(), &self.path("libs"), "a", Reuse::Fetched)
    }
    fn git(&self, words: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-C", self.path("repository").to_str().unwrap(), "-c", "user.name=a", "-c", "user.email=a@example.org"]);
        let output = command.args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
    fn commit(&self, text: &str) -> String {
        fs::write(self.path("repository/Makefile.uk"), text).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "-m", text]);
        self.git(&["rev-parse", "HEAD"])
    }
    fn makefile(&self) -> String {
        fs::read_to_string(self.path("libs/a/Makefile.uk")).unwrap()
    }
    /// Nothing of a fetch that came to nothing.
    fn assert_tidy(&self) {
        let names = fs::read_dir(self.path("libs")).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let left: Vec<_> = names.filter(|name| name != "a" && name != ".lock").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// A server with one file at `/a.tar.gz`.
fn serve(body: Vec<u8>) -> (String, Server) {
    let server = Server::default();
    server.serve("a.tar.gz", body);
    (server.start(), server)
}

fn archive(names: &[&str]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        // As it is, also what the library would not write.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, &b"x\n"[..]).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[test]
fn an_archive_is_fetched_once_and_noted() {
    let place = Place::new();
    let body = archive(&["lib-a-1.0/Makefile.uk", "lib-a-1.0/src/a.c"]);
    let (server, requests) = serve(body.clone());
    let (note, made) = place.fetch(&format!("{server}/a.tar.gz?version=1.0"), None).unwrap();
    assert_eq!((made, place.makefile().as_str()), (Made::Now, "x\n"));
    assert!(place.path("libs/a/src/a.c").is_file());
    let digest = note.sha256.clone().unwrap();
    assert_eq!((note.version.as_deref(), note.commit, digest.len()), (Some("1.0"), None, 64));
    // The same again needs nobody; a digest that fits neither.
    for text in [format!("{server}/a.tar.gz?version=1.0"), format!("{server}/a.tar.gz#sha256={digest}")] {
        assert_eq!(place.fetch(&text, Some("1.0")).unwrap().1, Made::Before);
    }
    assert_eq!(requests.asked(), ["a.tar.gz"]);
    // Another version is another thing.
    assert_eq!(place.fetch(&format!("{server}/a.tar.gz"), Some("2.0")).unwrap().1, Made::Now);
    // From a file, without a directory around everything.
    fs::write(place.path("b.tar.gz"), archive(&["Makefile.uk", "Config.uk"])).unwrap();
    assert_eq!(place.fetch("./b.tar.gz", None).unwrap().1, Made::Now);
    assert!(place.path("libs/a/Config.uk").is_file() && !place.path("libs/a/src").exists());
    place.assert_tidy();
}

#[test]
fn every_form_of_packing() {
    let place = Place::new();
    fs::create_dir_all(place.path("tree/lib-a")).unwrap();
    fs::write(place.path("tree/lib-a/Makefile.uk"), "x\n").unwrap();
    for (flag, end) in [("-cf", "tar"), ("-czf", "tar.gz"), ("-cjf", "tar.bz2"), ("-cJf", "tar.xz"), ("--zstd -cf", "tar.zst")] {
        let archive = place.path(&format!("a.{end}"));
        let mut command = Command::new("tar");
        command.args(flag.split(' ')).arg(&archive).arg("-C").arg(place.path("tree")).arg("lib-a");
        assert!(command.status().unwrap().success(), "{end}");
        assert_eq!(place.fetch(&format!("file://{}", archive.display()), None).unwrap().1, Made::Now, "{end}");
        assert_eq!(place.makefile(), "x\n", "{end}");
    }
}

#[test]
fn what_cannot_be_had_leaves_what_was_there() {
    let place = Place::new();
    let (server, _) = serve(archive(&["Makefile.uk", "Config.uk"]));
    let good = format!("{server}/a.tar.gz");
    place.fetch(&good, None).unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (hostile, _) = serve(archive(&["../outside", "Makefile.uk"]));
    let (broken, _) = serve(b"no archive".to_vec());
    let (cut, _) = serve(archive(&["Makefile.uk"])[..20].to_vec());
    let digest = "0".repeat(64);
    let said: Vec<String> = [
        format!("http://{nobody}/a.tar.gz"),
        format!("{server}/none.tar.gz"),
        format!("{good}#sha256={digest}"),
        format!("{broken}/a.tar.gz"),
        format!("{cut}/a.tar.gz"),
        "ftp://example.org/a.tar.gz".to_owned(),
        "./none.tar".to_owned(),
    ]
    .iter()
    .map(|text| place.fetch(text, None).unwrap_err().to_string())
    .collect();
    let expected = ["refused", "answers 404", "expected 0000", "not unpacked", "not unpacked", "not by ftp", "No such file"];
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{said}");
    }
    assert!(noted(&place.path("libs/a"), &Address::parse(&good, None).unwrap()).is_some());
    // Names that point out of the directory are left out.
    let _ = place.fetch(&format!("{hostile}/a.tar.gz"), None);
    assert!(!place.path("libs/outside").exists() && !place.path("outside").exists());
    place.assert_tidy();
    for name in ["..", "a/b", "", ".git"] {
        let address = Address::parse("./b.tar.gz", None).unwrap();
        assert!(matches!(fetch(&address, place.0.path(), &place.path("libs"), name, Reuse::Fetched), Err(Error::Malformed { .. })));
    }
}

#[test]
fn repositories_by_branch_tag_and_commit() {
    let place = Place::new();
    fs::create_dir(place.path("repository")).unwrap();
    place.git(&["init", "-q", "-b", "main"]);
    let first = place.commit("one");
    place.git(&["tag", "v1"]);
    let second = place.commit("two");
    place.git(&["branch", "stable"]);
    let third = place.commit("three");
    let address = format!("file://{}", place.path("repository").display());
    for (version, commit, text) in
        [(None, &third, "three"), (Some("v1"), &first, "one"), (Some("stable"), &second, "two"), (Some(first.as_str()), &first, "one")]
    {
        let (note, made) = place.fetch(&address, version).unwrap();
        assert_eq!((note.commit.as_ref(), made, place.makefile().as_str()), (Some(commit), Made::Now, text), "{version:?}");
        assert_eq!(place.fetch(&address, version).unwrap().1, Made::Before);
    }
    assert!(!place.path("libs/a/.git").exists());
    let missing = place.fetch(&address, Some("v9")).unwrap_err();
    assert_eq!(missing.to_string(), format!("{address}: there is no branch, tag or commit \"v9\""));
    assert_eq!(place.makefile(), "one");
    let nowhere = place.fetch("file:///nowhere/lib-a.git", None).unwrap_err();
    assert!(matches!(&nowhere, Error::Unreachable { problem, .. } if problem.starts_with("git says: ")), "{nowhere}");
    // A branch that moved is fetched when that is asked for.
    let fourth = place.commit("four");
    let again = |reuse| {
        let address = Address::parse(&address, Some("main")).unwrap();
        fetch(&address, Path::new("."), &place.path("libs"), "a", reuse).unwrap().0.commit.unwrap()
    };
    assert_eq!(again(Reuse::Fetched), fourth);
    let fifth = place.commit("five");
    assert_eq!((again(Reuse::Fetched), again(Reuse::Nothing)), (fourth, fifth));
    place.assert_tidy();
}

#[test]
fn submodules_come_along() {
    let place = Place::new();
    // One in another, in a third; the second named by where the first is, and at a commit that is not its newest.
    let init = |name: &str| {
        fs::create_dir(place.path(name)).unwrap();
        fs::rename(place.path(name), place.path("repository")).unwrap();
        place.git(&["init", "-q", "-b", "main"]);
    };
    let done = |name: &str| fs::rename(place.path("repository"), place.path(name)).unwrap();
    let address = |name: &str| format!("file://{}", place.path(name).display());
    let allow = ["-c", "protocol.file.allow=always"];
    init("inner");
    place.commit("inner");
    done("inner");
    init("middle");
    place.git(&[&allow[..], &["submodule", "--quiet", "add", &address("inner"), "in ner"]].concat());
    let pinned = place.commit("middle");
    place.commit("newer");
    done("middle");
    init("outer");
    place.git(&["remote", "add", "origin", &address("outer")]);
    place.git(&[&allow[..], &["submodule", "--quiet", "add", "../middle", "middle"]].concat());
    place.git(&["-C", "middle", "checkout", "-q", &pinned]);
    place.commit("outer");
    done("outer");
    let (_, made) = place.fetch(&address("outer"), None).unwrap();
    let text = |name: &str| fs::read_to_string(place.path("libs/a").join(name).join("Makefile.uk")).unwrap();
    assert_eq!((made, text("").as_str(), text("middle").as_str(), text("middle/in ner").as_str()), (Made::Now, "outer", "middle", "inner"));
    for name in [".git", "middle/.git", "middle/in ner/.git"] {
        assert!(!place.path("libs/a").join(name).exists(), "{name}");
    }
    // All or nothing.
    fs::rename(place.path("inner"), place.path("gone")).unwrap();
    let error =
        fetch(&Address::parse(&address("outer"), None).unwrap(), Path::new("."), &place.path("libs"), "a", Reuse::Nothing).unwrap_err();
    assert!(matches!(&error, Error::Unreachable { problem, .. } if problem.contains("inner")), "{error}");
    assert_eq!(text("middle/in ner"), "inner");
    place.assert_tidy();
}

#[test]
fn an_interrupted_fetch_is_tidied_up() {
    let place = Place::new();
    fs::create_dir_all(place.path("libs/.fetching-old/tree")).unwrap();
    fs::create_dir_all(place.path("libs/a")).unwrap();
    fs::write(place.path("libs/a/half"), "made").unwrap();
    fs::write(place.path("b.tar.gz"), archive(&["Makefile.uk", "Config.uk"])).unwrap();
    assert_eq!(place.fetch("./b.tar.gz", None).unwrap().1, Made::Now);
    assert!(!place.path("libs/a/half").exists());
    place.assert_tidy();
}

#[test]
fn more_than_there_is_room_for_is_not_unpacked() {
    let place = Place::new();
    // A hole of 15 TiB.
    fs::create_dir(place.path("tree")).unwrap();
    fs::File::create(place.path("tree/hole")).unwrap().set_len(15 << 40).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--sparse", "--format=gnu", "-czf"]).arg(place.path("hole.tar.gz")).arg("-C").arg(place.path("tree")).arg("hole");
    assert!(tar.status().unwrap().success());
    let error = place.fetch("./hole.tar.gz", None).unwrap_err();
    assert!(error.to_string().contains("more than there is room for"), "{error}");
    place.assert_tidy();
    // Directories that nobody may write into are no hindrance.
    fs::create_dir_all(place.path("closed/a/b")).unwrap();
    fs::write(place.path("closed/a/b/Makefile.uk"), "x\n").unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--mode=a-w", "-cf"]).arg(place.path("closed.tar")).arg("-C").arg(place.path("closed")).arg("a");
    assert!(tar.status().unwrap().success());
    place.fetch("./closed.tar", None).unwrap();
    let mode = fs::metadata(place.path("libs/a/b")).unwrap().permissions();
    assert!(place.path("libs/a/b/Makefile.uk").is_file() && mode.readonly());
    fs::set_permissions(place.path("libs/a/b"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// A zip archive with these files; one whose name ends in a slash is a directory, `NAME -> TARGET` a symbolic link.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, content) in files {
        if let Some((name, target)) = name.split_once(" -> ") {
            zip.add_symlink(name, target, options).unwrap();
        } else if name.ends_with('/') {
            zip.add_directory(*name, options).unwrap();
        } else {
            let method = if *name == "stored" { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
            zip.start_file(*name, options.unix_permissions(0o755).compression_method(method)).unwrap();
            zip.write_all(content).unwrap();
        }
    }
    zip.finish().unwrap().into_inner()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    assert!(from.len() == to.len() && bytes.windows(from.len()).any(|part| part == from));
    while let Some(at) = bytes.windows(from.len()).position(|part| part == from) {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn zip_archives() {
    let place = Place::new();
    let long = format!("a-1/{}/{}.c", "d".repeat(120), "e".repeat(120));
    let zeros = vec![0; 1 << 20];
    let good =
        zip(&[("a-1/", b""), ("a-1/Makefile.uk", b"x\n"), (&long, b"long"), ("a-1/zeros", &zeros), ("a-1/link -> Makefile.uk", b"")]);
    assert!(good.len() < 10_000);
    fs::write(place.path("a.zip"), &good).unwrap();
    assert_eq!(place.fetch("./a.zip", None).unwrap().1, Made::Now);
    assert_eq!((place.makefile().as_str(), fs::read(place.path("libs/a/zeros")).unwrap()), ("x\n", zeros));
    assert_eq!(fs::read_to_string(place.path(&format!("libs/a/{}", &long[4..]))).unwrap(), "long");
    assert_eq!(fs::read_link(place.path("libs/a/link")).unwrap(), Path::new("Makefile.uk"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(place.path("libs/a/Makefile.uk")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o755);
    fs::write(place.path("empty.zip"), zip(&[])).unwrap();
    assert_eq!(place.fetch("./empty.zip", None).unwrap().1, Made::Now);
    place.fetch("./a.zip", None).unwrap();
    // Names that lead out, links that lead out and files behind them, damage, a length that is not true.
    let outside = place.path("outside");
    fs::create_dir(&outside).unwrap();
    let link = format!("link -> {}", outside.display());
    let packed = zip(&[("Makefile.uk", b"hello, hello, hello, hello")]);
    let length = |to: u32| replaced(&packed, &26_u32.to_le_bytes(), &to.to_le_bytes());
    for (what, archive, expected) in [
        ("parent", replaced(&zip(&[("xx/outside/x", b"x")]), b"xx/outside/x", b"../outside/x"), "`..`"),
        ("absolute", replaced(&zip(&[("xtmp/pith-outside", b"x")]), b"xtmp/pith-outside", b"/tmp/pith-outside"), "relative"),
        ("link", zip(&[(&link, b""), ("link/x", b"x")]), ""),
        ("cut", good[..good.len() / 2].to_vec(), ""),
        ("checksum", replaced(&zip(&[("stored", b"hello there")]), b"hello there", b"hello thers"), ""),
        ("longer", length(25), "larger than its declared"),
        ("shorter", length(27), "another length than it says"),
        ("bomb", length(u32::MAX - 1), "another length than it says"),
    ] {
        fs::write(place.path("bad.zip"), archive).unwrap();
        let error = place.fetch("./bad.zip", None).unwrap_err();
        assert!(matches!(&error, Error::Archive { problem, .. } if problem.contains(expected)), "{what}: {error}");
        place.assert_tidy();
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(place.makefile(), "x\n");
}
