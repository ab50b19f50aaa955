//! `unsafe` has few homes; every other crate forbids it in its first lines. (That each block says why it holds is clippy's
//! `undocumented_unsafe_blocks`, denied in both workspaces.)

use crate::Findings;
use crate::metadata::{Package, Workspace};

/// Kernel crates that may hold `unsafe`.
const KERNEL_HOMES: [&str; 7] = ["arch-x86_64", "plat-pc", "frame", "mm", "virtqueue", "machine", "image"];

/// Host crates that may, by `#[expect(unsafe_code, reason)]` under the workspace's `deny`: the accelerator probe and the code between fork and exec.
const HOST_HOMES: [&str; 1] = ["pith-monitor"];

fn check_package(package: &Package, findings: &mut Findings) {
    let roots: Vec<_> =
        ["src/lib.rs", "src/main.rs"].iter().map(|path| package.directory.join(path)).filter(|path| path.is_file()).collect();
    if roots.is_empty() {
        findings.error(format!("{}: neither src/lib.rs nor src/main.rs", package.name));
    }
    for path in roots {
        let source = std::fs::read_to_string(&path).unwrap_or_default();
        if !source.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]") {
            findings.error(format!("{}: no #![forbid(unsafe_code)]", path.display()));
        }
    }
}

/// Every crate outside the homes forbids unsafe code.
pub fn check(kernel: &Workspace, host: &Workspace, findings: &mut Findings) {
    for package in kernel.members().filter(|package| !KERNEL_HOMES.contains(&package.name.as_str())) {
        check_package(package, findings);
    }
    for package in host.members().filter(|package| !HOST_HOMES.contains(&package.name.as_str())) {
        check_package(package, findings);
    }
}
