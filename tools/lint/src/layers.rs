//! The order of the kernel's crates, written down once.

use crate::Findings;
use crate::metadata::Workspace;

/// From the bottom up. A crate may link those of its own row and of the rows above it here, never one further down.
const ORDER: [&[&str]; 12] = [
    // Words that everybody shares: the Linux interface, what host and guest agree on, how to ask for a wake-up, the door to application memory.
    &["pith-abi", "uapi", "wait", "usermem", "sortedmap", "spinlock"],
    &["arch-x86_64"],
    &["frame", "mm"],
    // `time` holds the arithmetic of clocks; `plat` reads the counters and hands in what it calibrated by it.
    &["time", "rtc-cmos", "uart16550", "random", "elf", "agent"],
    &["plat-pc", "sched", "virtqueue"],
    &["file", "futex"],
    &["vfs", "net", "signal", "pipe", "eventfd", "timerfd", "epoll", "unix"],
    &[
        "ramfs",
        "inotify",
        "initrd",
        "erofs",
        "ninep",
        "devfs",
        "procfs",
        "sysfs",
        "virtio-net",
        "virtio-rng",
        "virtio-console",
        "virtio-9p",
    ],
    &["machine"],
    &["process", "pith-app"],
    &["syscall"],
    &["image"],
];

fn rank(name: &str) -> Option<usize> {
    ORDER.iter().position(|row| row.contains(&name))
}

/// Kernel crates depend downwards; the workspaces share `pith-abi` only.
pub fn check(kernel: &Workspace, host: &Workspace, findings: &mut Findings) {
    let own = |name: &String| kernel.members().any(|package| package.name == *name);
    for package in kernel.members() {
        let Some(here) = rank(&package.name) else {
            findings.error(format!("{}: no layer; give it a row in tools/lint/src/layers.rs", package.name));
            continue;
        };
        for name in &package.links {
            if rank(name).is_some_and(|there| there > here) {
                findings.error(format!("{} depends on {name}, which is a higher layer", package.name));
            }
        }
    }
    for package in kernel.packages.iter().filter(|package| !package.member && package.directory.join("../../kernel").is_dir()) {
        if package.name != "pith-abi" {
            findings.error(format!("the kernel links {}; it shares pith-abi with the host and nothing else", package.name));
        }
    }
    for package in host.members() {
        for name in package.links.iter().filter(|name| own(name)) {
            findings.error(format!("{} (host) depends on the kernel's {name}", package.name));
        }
    }
}

/// Lines `PACKAGE [FEATURE]`: the package without features, then with each of them alone. The image is built in presets instead, on top of `minimal`.
pub fn print_feature_builds(kernel: &Workspace) {
    for package in kernel.members().filter(|package| package.name != "image") {
        let features: Vec<&String> = package.features.iter().filter(|feature| *feature != "default" && *feature != "machine").collect();
        if !features.is_empty() {
            println!("{}", package.name);
        }
        for feature in features {
            println!("{} {feature}", package.name);
        }
    }
    for package in kernel.members().filter(|package| package.name == "image") {
        for feature in package
            .features
            .iter()
            .filter(|feature| !["default", "minimal", "runtime", "runtime-volumes", "runtime-smp", "native"].contains(&feature.as_str()))
        {
            println!("image minimal,{feature}");
        }
    }
}
