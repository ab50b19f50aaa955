//! QEMU without the command line between: what the kernel itself says to what `pith run` would not let through.

use crate::{Place, finish, root};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The kernel under test: `$PITH_KERNEL`, else what `make images` leaves.
pub fn kernel() -> PathBuf {
    std::env::var_os("PITH_KERNEL").map_or_else(|| root().join("kernel/target/images/runtime-x86_64"), PathBuf::from)
}

/// What a machine left that was booted by hand.
#[derive(Debug)]
pub struct Guest {
    /// The record by which it ended, such as `@exit 0`; empty when it said nothing.
    pub ending: String,
    /// What the application wrote.
    pub console: String,
}

/// Boots the kernel with this initrd, memory in MiB and guest command line, to its end.
pub fn boot(initrd: &[u8], memory_mib: u32, cmdline: &str) -> Guest {
    boot_with(initrd, memory_mib, cmdline, &[])
}

/// As [`boot`], with further words for QEMU.
pub fn boot_with(initrd: &[u8], memory_mib: u32, cmdline: &str, words: &[&str]) -> Guest {
    let place = Place::new();
    let (initrd, log) = (place.file("initrd", initrd), place.file("log", b""));
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args([
        "-M",
        "microvm,x-option-roms=off,auto-kernel-cmdline=off,acpi=off,rtc=on,isa-serial=off",
        "-bios",
        "qboot.rom",
        "-accel",
        "tcg",
    ]);
    qemu.args([
        "-cpu",
        "max",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-m",
        &format!("{memory_mib}M"),
        "-append",
        cmdline,
    ]);
    qemu.arg("-kernel").arg(kernel()).arg("-initrd").arg(initrd);
    qemu.args(["-chardev", "stdio,id=console", "-device", "isa-serial,chardev=console,iobase=0x3f8,irq=4"]);
    qemu.args(["-chardev", &format!("file,id=log,path={}", log.display()), "-device", "isa-debugcon,chardev=log,iobase=0xe9"]);
    qemu.args(["-device", "isa-debug-exit,iobase=0x501,iosize=1"]);
    qemu.args(words);
    let outcome = finish(qemu, Stdio::null());
    assert_eq!(outcome.err(), "", "QEMU complains");
    let log = std::fs::read_to_string(&log).expect("the log");
    let ending = log.lines().rfind(|l| l.starts_with('@') && !l.starts_with("@ready") && !l.starts_with("@frame")).unwrap_or_default();
    Guest { ending: ending.to_owned(), console: outcome.out() }
}
