//! Root file systems are packed once and shared by machines.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Home;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

/// Makes a machine; inode number and contents of its root file system.
fn made(home: &Home, name: &str, more: &[&str]) -> (u64, Vec<u8>) {
    let done = home.pith(&[&["create", "-W", "--name", name], more].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let path = home.path(&format!("data/names/{name}/initrd.cpio"));
    (fs::metadata(&path).unwrap().ino(), fs::read(&path).unwrap())
}

#[test]
fn machines_of_the_same_files_share_them() {
    let home = Home::new();
    let words = ["root", "/bin/app"];
    let first = made(&home, "first", &words);
    assert_eq!(made(&home, "second", &words), first);
    // Other flags that have nothing to do with the files, other words.
    assert_eq!(made(&home, "third", &["-M", "300M", "-e", "A=b", "root", "/bin/app", "word"]), first);
    let anew = made(&home, "anew", &["--no-cache", "root", "/bin/app"]);
    assert!(anew.0 != first.0 && anew.1 == first.1);
    assert_eq!(made(&home, "fifth", &words), anew);

    // The same length, a moment later.
    fs::write(home.path("root/bin/app"), vec![2; 10_000]).unwrap();
    let changed = made(&home, "changed", &words);
    assert!(changed.0 != anew.0 && changed.1 != anew.1);
    fs::write(home.path("root/bin/app"), vec![1; 10_000]).unwrap();
    assert_ne!(made(&home, "back", &words).1, changed.1);
}

#[test]
fn what_one_machine_adds_is_its_own() {
    let home = Home::new();
    let plain = made(&home, "plain", &["root", "/bin/app"]);
    // More words than the kernel's command line takes come behind the archive.
    let long = "w".repeat(120_000);
    let longer = made(&home, "long", &["root", "/bin/app", &long, &long]);
    assert!(longer.0 != plain.0 && longer.1.len() > plain.1.len() && longer.1.starts_with(&plain.1));
    assert_eq!(made(&home, "after", &["root", "/bin/app"]), plain);
}

#[test]
fn an_archive_that_is_packed_anew_is_known_by_itself() {
    let home = Home::new();
    let archive = |name: &str| {
        let mut builder = tar::Builder::new(fs::File::create(home.path(name)).unwrap());
        builder.append_dir_all(".", home.path("root")).unwrap();
        builder.finish().unwrap();
    };
    archive("root.tar");
    let words = ["root.tar", "/bin/app"];
    let first = made(&home, "first", &words);
    assert_eq!(made(&home, "second", &words), first);
    fs::write(home.path("root/bin/app"), vec![2; 10_000]).unwrap();
    archive("root.tar");
    assert_ne!(made(&home, "third", &words).1, first.1);
}

#[test]
fn disk_space_counts_what_is_shared_once() {
    let home = Home::new();
    fs::write(home.path("root/large"), vec![3; 1 << 20]).unwrap();
    let (_, bytes) = made(&home, "first", &["root", "/bin/app"]);
    made(&home, "second", &["root", "/bin/app"]);
    let df = |kind: &str| {
        let rows: serde_json::Value = serde_json::from_str(&home.pith(&["system", "df", "-o", "json"]).out).unwrap();
        rows.as_array().unwrap().iter().find(|row| row["type"] == kind).unwrap().clone()
    };
    let kept = || df("Root file systems");
    let (row, size) = (kept(), bytes.len() as u64);
    assert_eq!((&row["total"], &row["active"]), (&1.into(), &1.into()), "{row}");
    assert_eq!((&row["size_bytes"], &row["reclaimable_bytes"]), (&size.into(), &0.into()), "{row}");
    assert!(df("Machines")["size_bytes"].as_u64().unwrap() < size);
    assert_eq!(home.pith(&["rm", "-f", "first", "second"]).code, 0);
    assert_eq!(kept()["reclaimable_bytes"], size);
    let third = made(&home, "third", &["root", "/bin/app"]);
    assert_eq!(home.pith(&["system", "prune", "-f"]).code, 0);
    assert_eq!(kept()["total"], 0);
    assert_eq!(fs::read(home.path("data/names/third/initrd.cpio")).unwrap(), third.1);
}

/// Another process, holding a lock of this home's until it is killed.
fn somebody_making_something(home: &Home) -> std::process::Child {
    let mut flock = std::process::Command::new("flock");
    flock.args(["--shared", "--no-fork"]).arg(home.path("data/lease")).args(["sh", "-c", "echo locked; exec cat"]);
    let mut child = flock.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = [0; 7];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    child
}

#[test]
fn clearing_away_leaves_what_somebody_is_using() {
    let home = Home::new();
    made(&home, "first", &["root", "/bin/app"]);
    assert_eq!(home.pith(&["rm", "first"]).code, 0);
    let mut somebody = somebody_making_something(&home);
    let kept = || fs::read_dir(home.path("data/cache/rootfs")).unwrap().count();
    let done = home.pith(&["system", "prune", "-f"]);
    assert_eq!((done.code, done.out.as_str(), kept()), (0, "0 B freed\n", 1), "{}", done.err);
    assert_eq!(done.err, "pith: warning: a machine or a kernel is being made: what is kept for them stays\n");
    // Others go on making things.
    made(&home, "second", &["root", "/bin/app"]);
    somebody.kill().unwrap();
    somebody.wait().unwrap();
    assert_eq!((home.pith(&["system", "prune", "-f"]).code, kept()), (0, 0));
}

#[test]
fn machines_are_made_while_somebody_clears_away() {
    let home = Home::new();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(home.pith(&["system", "prune", "-f"]).code, 0);
            }
        });
        let made: Vec<_> =
            (0..60).map(|number| std::panic::catch_unwind(|| made(&home, &format!("m{number}"), &["root", "/bin/app"]))).collect();
        is_over.store(true, Ordering::Relaxed);
        let first = made[0].as_ref().unwrap().1.clone();
        assert!(made.into_iter().all(|one| one.unwrap().1 == first));
    });
}
