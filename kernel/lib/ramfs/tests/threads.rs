//! Many threads in one tree: counts and entries must agree when they are done, and nobody may wait for ever.
#![allow(clippy::unwrap_used)]

use file::{FileType, OpenFlags};
use ramfs::Ramfs;
use std::sync::Arc;
use uapi::general::{O_APPEND, O_CREAT, O_RDWR};
use vfs::{Context, Follow, MountFlags, Namespace, OpenHow, RenameKind, Vfs};

fn world() -> Context {
    let vfs = Vfs::new(Arc::new(time::testing::ManualClock::default()), frame::testing::arena(8 << 20), None);
    Context::new(Namespace::new(vfs.clone(), Ramfs::new(&vfs, 0o755), MountFlags::empty(), b"rootfs"))
}

/// Small random numbers.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *state >> 33
}

/// Subdirectories found by listing, as a check on link counts.
fn check(ctx: &Context, path: &str) {
    let dir = ctx.open(None, path.as_bytes(), &OpenHow::read()).unwrap();
    let mut below = Vec::new();
    dir.read_dir(&mut |entry| {
        if !entry.name.starts_with(b".") {
            below.push((String::from_utf8(entry.name.clone()).unwrap(), entry.kind, entry.ino));
        }
        true
    })
    .unwrap();
    let dirs = below.iter().filter(|(_, kind, _)| *kind == FileType::Directory).count();
    assert_eq!(dir.stat().unwrap().nlink as usize, 2 + dirs, "{path}");
    for (name, kind, ino) in below {
        let child = format!("{path}/{name}");
        assert_eq!(ctx.stat(None, child.as_bytes(), Follow::No).unwrap().ino, ino, "{child}");
        if kind == FileType::Directory {
            check(ctx, &child);
        }
    }
}

#[test]
fn a_tree_changed_by_many_threads_stays_consistent() {
    let ctx = world();
    for dir in ["/a", "/b", "/a/c"] {
        ctx.mkdir(None, dir.as_bytes(), 0o755).unwrap();
    }
    std::thread::scope(|scope| {
        for seed in 0..4u64 {
            let ctx = ctx.clone();
            scope.spawn(move || {
                let mut state = seed + 1;
                let path = |state: &mut u64| {
                    let dirs = ["/a", "/b", "/a/c", "/a/d0", "/b/d1", "/a/c/d2"];
                    format!("{}/{}{}", dirs[next(state) as usize % dirs.len()], ["f", "d"][next(state) as usize % 2], next(state) % 4)
                };
                for _ in 0..4000 {
                    let (one, two) = (path(&mut state), path(&mut state));
                    let (one, two) = (one.as_bytes(), two.as_bytes());
                    // Most of these fail in some way; none may break anything.
                    let _ = match next(&mut state) % 8 {
                        0 => ctx.mkdir(None, one, 0o755),
                        1 => ctx.rmdir(None, one),
                        2 => ctx.unlink(None, one),
                        3 => ctx.link(None, one, Follow::No, None, two),
                        4 => ctx.rename(None, one, None, two, RenameKind::Exchange),
                        5 | 6 => ctx.rename(None, one, None, two, RenameKind::Replace),
                        _ => ctx.open(None, one, &OpenHow::new(O_CREAT | O_RDWR, 0o644)).map(drop),
                    };
                }
            });
        }
    });
    check(&ctx, "/a");
    check(&ctx, "/b");
}

#[test]
fn appending_threads_lose_nothing_and_readers_see_whole_sizes() {
    let ctx = world();
    let open = |flags| ctx.open(None, b"/log", &OpenHow::new(O_RDWR | O_CREAT | flags, 0o644)).unwrap();
    std::thread::scope(|scope| {
        for letter in b'a'..b'e' {
            let file = open(O_APPEND);
            scope.spawn(move || {
                for _ in 0..500 {
                    let line = [letter; 37];
                    assert_eq!(file.write(&mut &line[..], OpenFlags::APPEND), Ok(37));
                }
            });
        }
    });
    let file = open(0);
    assert_eq!(file.stat().unwrap().size, 4 * 500 * 37);
    let mut line = [0; 37];
    for _ in 0..2000 {
        file.read(&mut file::SliceSink::new(&mut line), OpenFlags::empty()).unwrap();
        assert!(line.iter().all(|b| *b == line[0]));
    }
}
