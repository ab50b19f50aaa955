//! A tree as text, and the sample directory that every source and sink is tried with.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part of it, and fails by panicking")]

use pith_rootfs::{Format, Kind, Plan, SourceOptions, Tree, source};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// One line per name: everything about it, the contents as length and a hash. Hard links are told by the first of their names.
pub fn describe(tree: &Tree) -> Vec<String> {
    let mut first: HashMap<pith_rootfs::NodeId, Vec<u8>> = HashMap::new();
    let line = |visit: pith_rootfs::Visit| {
        let node = tree.node(visit.id);
        let same = first.entry(visit.id).or_insert_with(|| visit.path.clone()).clone();
        let what = match &node.kind {
            Kind::Directory(_) => "dir".to_owned(),
            Kind::File(content) => {
                let bytes = content.read(1 << 26).unwrap();
                let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
                format!("file {} {hash:016x} as {:?}", bytes.len(), String::from_utf8_lossy(&same))
            }
            Kind::Symlink(target) => format!("link {:?}", target.escape_ascii().to_string()),
            Kind::CharDevice(device) => format!("char {device:?}"),
            Kind::BlockDevice(device) => format!("block {device:?}"),
            Kind::Fifo => "fifo".to_owned(),
        };
        let meta = &node.meta;
        let mode = if matches!(node.kind, Kind::Symlink(_)) { 0 } else { meta.mode };
        let xattrs: Vec<String> =
            meta.xattrs.iter().map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii())).collect();
        format!("{:?} {mode:o} {}:{} {} {what} {xattrs:?}", visit.path.escape_ascii().to_string(), meta.uid, meta.gid, meta.mtime.seconds)
    };
    tree.walk().into_iter().map(line).collect()
}

/// The same without what cpio cannot hold.
pub fn without_xattrs(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.rsplit_once(" [").map_or(line.clone(), |(line, _)| format!("{line} []"))).collect()
}

/// Both lists are equal; else shows where they are not.
pub fn same(found: &[String], expected: &[String], what: &str) {
    let cut = |line: &String| line.chars().take(300).collect::<String>();
    let only = |a: &[String], b: &[String]| a.iter().filter(|line| !b.contains(line)).take(8).map(cut).collect::<Vec<_>>();
    assert!(found == expected, "{what}: found {:#?}, expected {:#?}", only(found, expected), only(expected, found));
}

pub fn run(program: &str, arguments: &[&str], directory: &Path) -> Vec<u8> {
    let done = Command::new(program).args(arguments).current_dir(directory).stdin(Stdio::null()).output().unwrap();
    assert!(
        done.status.success(),
        "{program} {arguments:?}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    done.stdout
}

pub fn pack(tree: &Tree, format: Format) -> Vec<u8> {
    let plan = Plan::new(tree, format).unwrap();
    let mut out = Vec::new();
    plan.write(&mut out).unwrap();
    assert_eq!(out.len() as u64, plan.packed().bytes, "a plan keeps its word");
    out
}

/// Reads a file as what it is.
pub fn read(path: &Path) -> Tree {
    let kind = source::detect(path).unwrap();
    source::read(path, kind, &SourceOptions::default()).unwrap()
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Everything that a Linux file system may hold, devices only for root.
pub fn sample(dir: &Path) {
    fs::create_dir_all(dir.join("usr/bin/deep")).unwrap();
    fs::create_dir(dir.join("empty")).unwrap();
    fs::create_dir(dir.join("tmp")).unwrap();
    fs::set_permissions(dir.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    symlink("usr/bin", dir.join("bin")).unwrap();
    symlink("/usr/../usr/bin/none", dir.join("dangling")).unwrap();
    symlink("x".repeat(4000), dir.join("long-target")).unwrap();
    for size in [0, 1, 2047, 2048, 4095, 4096, 4097, 8192, 100_000] {
        let bytes: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
        fs::write(dir.join(format!("usr/size-{size}")), bytes).unwrap();
    }
    fs::write(dir.join("usr/bin/tool"), vec![b'T'; 9001]).unwrap();
    fs::set_permissions(dir.join("usr/bin/tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(dir.join("usr/bin/tool"), dir.join("usr/bin/deep/tool2")).unwrap();
    fs::hard_link(dir.join("usr/bin/tool"), dir.join("a-tool")).unwrap();
    fs::write(dir.join("usr/small"), "shared").unwrap();
    fs::hard_link(dir.join("usr/small"), dir.join("zz-small")).unwrap();
    let sparse = File::create(dir.join("sparse")).unwrap();
    for at in 0..40_u64 {
        sparse.write_all_at(b"island", at * 131_072 + 5000).unwrap();
    }
    sparse.set_len(8 << 20).unwrap();
    let odd: [&[u8]; 5] = [b"new\nline", b"\xff\xfe not UTF-8", b" blanks ", b"-rf", &[b'n'; 255]];
    for name in odd {
        let mut file = File::create(dir.join(std::ffi::OsStr::from_bytes(name))).unwrap();
        file.write_all(name).unwrap();
    }
    let mut deep = dir.join("deep");
    for _ in 0..12 {
        deep.push("d".repeat(200));
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("bottom"), "deep down").unwrap();
    let many = dir.join("many");
    fs::create_dir(&many).unwrap();
    for index in 0..500 {
        fs::write(many.join(format!("{index:0>40}")), format!("{index}")).unwrap();
    }
    run("mkfifo", &["fifo"], dir);
    run("setfattr", &["-n", "user.colour", "-v", "bl=ue\n", "usr/small"], dir);
    if is_root() {
        run("mknod", &["null", "c", "1", "3"], dir);
        run("mknod", &["disk", "b", "259", "70000"], dir);
        run("setcap", &["cap_net_bind_service=ep", "usr/size-4097"], dir);
        run("chown", &["1000:70000", "usr/size-1"], dir);
    }
    run("find", &[".", "-exec", "touch", "-hd", "@1600000000", "{}", "+"], dir);
    run("touch", &["-hd", "@1700000001", "usr/size-1", "bin"], dir);
}
