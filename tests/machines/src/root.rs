//! Root directories with Debian's applications, made by `tests/fixtures/mkroot.sh` once and used by every test after that.

use crate::{fixtures, root};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

fn newest(path: &Path) -> SystemTime {
    let own = path.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let inside = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| newest(&entry.path()));
    inside.fold(own, SystemTime::max)
}

/// The root directory of this kind (nginx, redis, python3, sqlite3).
pub fn root_directory(kind: &str) -> PathBuf {
    let sources = root().join("tests/fixtures");
    let roots = fixtures().join("roots");
    fs::create_dir_all(&roots).expect("a directory for roots");
    let lock = File::create(roots.join(format!("{kind}.lock"))).expect("a lock file");
    lock.lock().expect("the lock");
    let (directory, stamp) = (roots.join(kind), roots.join(format!("{kind}.stamp")));
    let wanted = newest(&sources.join("mkroot.sh")).max(newest(&sources.join(kind.trim_end_matches('3')))).max(newest(&sources.join(kind)));
    if !stamp.exists() || newest(&stamp) < wanted {
        let made = Command::new(sources.join("mkroot.sh")).arg(kind).arg(&directory).output().expect("mkroot.sh");
        assert!(made.status.success(), "mkroot.sh {kind}: {}", String::from_utf8_lossy(&made.stderr));
        fs::write(&stamp, "").expect("a stamp");
    }
    directory
}
