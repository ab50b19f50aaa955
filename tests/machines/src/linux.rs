//! Debian's kernel under QEMU: a second opinion on our archives, and a host with a working `/dev/kvm` where the real one has none, because QEMU emulates
//! AMD's virtualisation too.

use crate::{Place, finish, fixture, fixtures, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command on such a machine left: standard output and error as they came, and its status.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    /// Everything it wrote.
    pub output: String,
    /// Exit status, or 128 and the signal's number.
    pub status: i32,
}

/// The directory with `vmlinuz` and `modules/`, fetched once.
fn kernel() -> PathBuf {
    let directory = fixtures().join("linux");
    fs::create_dir_all(&directory).expect("a directory for it");
    let lock = fs::File::create(directory.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let done = Command::new(root().join("tests/machines/linux/fetch.sh")).arg(&directory).output().expect("fetch.sh");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    directory
}

/// Copies a program of this host's to a place in `root`, its libraries to where it looks for them.
pub fn install(root: &Path, program: &Path, place: &str) {
    let copy = |from: &Path, to: &str| {
        let target = root.join(to.trim_start_matches('/'));
        fs::create_dir_all(target.parent().expect("not the root")).expect("a directory of ours");
        fs::copy(from, &target).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    };
    copy(program, place);
    // It fails for a static program, which needs none.
    let listed = Command::new("ldd").arg(program).output().expect("ldd").stdout;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let libraries: BTreeSet<&str> = listed.split_whitespace().filter(|word| word.starts_with('/')).collect();
    libraries.iter().for_each(|library| copy(Path::new(library), library));
}

/// The first process of such a machine, and what it shall run, in the order given.
pub fn prepare(root: &Path, commands: &[&str]) {
    install(root, &fixture("linux-init"), "/init");
    fs::write(root.join("commands"), commands.join("\n") + "\n").expect("a file of ours");
}

/// Adds the modules that make `/dev/kvm`.
pub fn with_kvm(root: &Path) {
    let modules = root.join("modules");
    fs::create_dir(&modules).expect("a directory of ours");
    for module in fs::read_dir(kernel().join("modules")).expect("fetched").flatten() {
        fs::copy(module.path(), modules.join(module.file_name())).expect("a copy");
    }
}

/// Boots Linux with this archive, made from a [`prepare`]d directory, and returns what its commands left, one for each.
pub fn boot(archive: &Path, memory_mib: u32) -> Vec<Ran> {
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-M", "q35", "-accel", "tcg", "-cpu", "max,+svm", "-m", &format!("{memory_mib}M"), "-nodefaults", "-no-user-config"]);
    qemu.args(["-display", "none", "-no-reboot", "-serial", "stdio", "-append", "console=ttyS0 panic=-1 quiet"]);
    qemu.arg("-kernel").arg(kernel().join("vmlinuz")).arg("-initrd").arg(archive);
    let outcome = finish(qemu, Stdio::null());
    let text = outcome.out().replace('\r', "");
    let (said, _) = text.split_once("\n[end]\n").unwrap_or_else(|| panic!("Linux did not come to its end: {text}{}", outcome.err()));
    let mut ran = Vec::new();
    let mut output = String::new();
    for line in said.lines() {
        match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')).and_then(|l| l.parse().ok()) {
            Some(status) => ran.push(Ran { output: std::mem::take(&mut output).trim_matches('\n').to_owned(), status }),
            None => output += &format!("{line}\n"),
        }
    }
    assert_eq!(output, "", "what no command said");
    ran
}

/// Packs a directory with cpio(1).
pub fn pack(root: &Path, place: &Place) -> PathBuf {
    let archive = place.file("linux.cpio", b"");
    let script = format!("cd '{}' && find . | cpio -o -H newc --quiet >'{}'", root.display(), archive.display());
    let done = Command::new("sh").args(["-c", &script]).output().expect("sh");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    archive
}
