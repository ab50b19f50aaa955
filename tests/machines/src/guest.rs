//! QEMU without the command line between: machines that `pith run` would not start, or not yet.
//!
//! [`Board`] describes one; [`Board::boot`] runs it to its end, [`Board::start`] leaves it running. [`boot`] is the short form for a kernel, an archive and
//! a guest command line.

use crate::{DEADLINE, Namespace, Place, bound, finish, root, start_collecting, wait_for_child, wait_until};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

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
    Board::new(initrd, memory_mib, cmdline).boot()
}

/// A virtio device of a [`Board`].
struct Device {
    /// `net` or `rng`.
    kind: &'static str,
    /// What QEMU is told besides, before the device.
    backend: Option<String>,
    /// The device's properties, each with a comma before it.
    properties: String,
}

/// A machine to be started by hand.
pub struct Board<'a> {
    machine_type: &'a str,
    initrd: &'a [u8],
    memory_mib: u32,
    cmdline: &'a str,
    cpu: &'a str,
    devices: Vec<Device>,
    words: &'a [&'a str],
    namespace: Option<&'a Namespace>,
}

impl<'a> Board<'a> {
    /// A microvm without a network card.
    pub fn new(initrd: &'a [u8], memory_mib: u32, cmdline: &'a str) -> Self {
        Self { machine_type: "microvm", initrd, memory_mib, cmdline, cpu: "max", devices: Vec::new(), words: &[], namespace: None }
    }

    /// Another machine type of QEMU's: `pc` or `q35`.
    pub fn on(mut self, machine_type: &'a str) -> Self {
        self.machine_type = machine_type;
        self
    }

    /// One more network card; `backend` is what `-netdev` says, without its identity, `properties` are the card's own, each with a comma before it.
    /// The first card is the first one that the guest finds.
    pub fn card(mut self, backend: &str, properties: &str) -> Self {
        let id = format!("n{}", self.devices.len());
        let backend = Some(format!("{backend},id={id}"));
        self.devices.push(Device { kind: "net", backend, properties: format!(",netdev={id}{properties}") });
        self
    }

    /// A source of randomness.
    pub fn rng(mut self) -> Self {
        self.devices.push(Device { kind: "rng", backend: None, properties: String::new() });
        self
    }

    /// Another processor than the emulator's best.
    pub fn cpu(mut self, model: &'a str) -> Self {
        self.cpu = model;
        self
    }

    /// Further words for QEMU.
    pub fn words(mut self, words: &'a [&'a str]) -> Self {
        self.words = words;
        self
    }

    /// QEMU runs in there.
    pub fn within(mut self, namespace: &'a Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Runs it to its end.
    pub fn boot(self) -> Guest {
        let place = Place::new();
        let outcome = finish(self.command(&place), Stdio::null());
        assert_eq!(outcome.err(), "", "QEMU complains");
        Guest { ending: ending(&place), console: outcome.out() }
    }

    /// Starts it.
    pub fn start(self) -> Running {
        let place = Place::new();
        let (child, out, err) = start_collecting(self.command(&place));
        let (out, err) = (Some(out), Some(err));
        Running { child, out, err, place }
    }

    fn command(&self, place: &Place) -> Command {
        let (initrd, log) = (place.file("initrd", self.initrd), place.file("log", b""));
        let mut qemu = match self.namespace {
            Some(namespace) => namespace.command("qemu-system-x86_64"),
            None => bound("qemu-system-x86_64"),
        };
        let mut cmdline = String::new();
        if self.machine_type == "microvm" {
            qemu.args(["-M", "microvm,x-option-roms=off,auto-kernel-cmdline=off,acpi=off,rtc=on,isa-serial=off", "-bios", "qboot.rom"]);
            qemu.args(["-global", "virtio-mmio.force-legacy=false"]);
        } else {
            qemu.args(["-M", self.machine_type]);
        }
        qemu.args(["-accel", "tcg", "-cpu", self.cpu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        for (index, Device { kind, backend, properties }) in self.devices.iter().enumerate() {
            if let Some(backend) = backend {
                qemu.args(["-netdev", backend]);
            }
            if self.machine_type == "microvm" {
                // The transports lie 512 bytes apart and have interrupts from 5; nobody tells the guest about them when there is no ACPI.
                let bus = 7 - index;
                qemu.args(["-device", &format!("virtio-{kind}-device,bus=virtio-mmio-bus.{bus}{properties}")]);
                cmdline += &format!("virtio_mmio.device=512@{:#x}:{} ", 0xfeb0_0000 + bus * 512, 5 + bus);
            } else {
                let rom = if *kind == "net" { ",romfile=" } else { "" };
                qemu.args(["-device", &format!("virtio-{kind}-pci,disable-legacy=on{rom}{properties}")]);
            }
        }
        cmdline += self.cmdline;
        qemu.args(["-m", &format!("{}M", self.memory_mib), "-append", &cmdline]);
        qemu.arg("-kernel").arg(kernel()).arg("-initrd").arg(initrd);
        qemu.args(["-chardev", "stdio,id=console", "-device", "isa-serial,chardev=console,iobase=0x3f8,irq=4"]);
        qemu.args(["-chardev", &format!("file,id=log,path={}", log.display()), "-device", "isa-debugcon,chardev=log,iobase=0xe9"]);
        qemu.args(["-device", "isa-debug-exit,iobase=0x501,iosize=1"]);
        qemu.args(self.words);
        qemu
    }
}

/// The last record of the log that tells an end.
fn ending(place: &Place) -> String {
    let log = place.read("log");
    let ending = log.lines().rfind(|l| l.starts_with('@') && !l.starts_with("@ready") && !l.starts_with("@frame")).unwrap_or_default();
    ending.to_owned()
}

/// A machine that runs; ended when this value goes.
pub struct Running {
    child: Child,
    out: Option<std::thread::JoinHandle<Vec<u8>>>,
    err: Option<std::thread::JoinHandle<Vec<u8>>>,
    place: Place,
}

impl Running {
    /// Waits until `ready`; fails with what the machine said when it ends before or takes too long.
    pub fn wait_for(&mut self, what: &str, ready: impl FnMut() -> bool) {
        if let Err(why) = wait_for_child(&mut self.child, DEADLINE, ready) {
            let log = self.place.read("log");
            let _ = self.child.kill();
            panic!("{what}: {why}\n--- console\n{}\n--- QEMU\n{}\n--- log\n{log}", text(self.out.take()), text(self.err.take()));
        }
    }

    /// Waits for its own end.
    pub fn end(mut self) -> Guest {
        if wait_until(&mut self.child, Instant::now() + DEADLINE).is_none() {
            panic!("the machine does not end: {}", self.place.read("log"));
        }
        Guest { ending: ending(&self.place), console: text(self.out.take()) }
    }
}

fn text(reader: Option<std::thread::JoinHandle<Vec<u8>>>) -> String {
    reader.map_or(String::new(), |reader| String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned())
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, or to be ended now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
