//! Both sides, and how each is started: ours with the words that `pith run` uses, the control in the best form that Debian's kernel boots in.

use crate::archive::{self, Entry};
use crate::machine::Machine;
use crate::{Result, host};
use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The runtime image.
    Pith,
    /// Debian's cloud kernel.
    Linux,
}

/// A machine to be started.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// Program of `bench/programs`, `/program` in the guest.
    pub program: &'a str,
    /// Its arguments.
    pub args: &'a str,
    /// Memory in KiB.
    pub memory_kib: u64,
    /// The host's port that leads to port 8080, and with it a network card.
    pub port: Option<u16>,
    /// MiB of a further file, `/ballast`, in the archive.
    pub ballast_mib: usize,
}

impl<'a> Guest<'a> {
    /// A program with 256 MiB and nothing else.
    pub fn new(program: &'a str) -> Self {
        Self { program, args: "", memory_kib: 256 << 10, port: None, ballast_mib: 0 }
    }
}

/// Where everything is.
pub struct Lab {
    /// The repository.
    pub root: PathBuf,
    /// Our scratch directory.
    pub dir: PathBuf,
    /// Kernel images.
    pub images: PathBuf,
    /// The command line under test.
    pub pith: PathBuf,
    /// Runs per side and row.
    pub runs: usize,
    /// The control's kernel release, when there is one.
    pub control: Option<String>,
    /// When we began: load average.
    pub load_at_start: String,
}

const QEMU: &str = "qemu-system-x86_64";

fn path(variable: &str) -> Result<PathBuf> {
    env::var_os(variable).map(PathBuf::from).ok_or(format!("{variable} is not set: start bench/run.sh"))
}

impl Lab {
    /// Finds the pieces.
    pub fn open(runs: usize) -> Result<Self> {
        let dir = path("BENCH_DIR")?;
        let control = fs::read_to_string(dir.join("linux/release")).ok().map(|t| t.trim().to_owned());
        let lab = Self {
            root: path("BENCH_ROOT")?,
            images: path("IMAGES")?,
            pith: path("PITH")?,
            dir,
            runs,
            control,
            load_at_start: host::load(),
        };
        match lab.runtime().exists() {
            true => Ok(lab),
            false => Err(format!("{} is missing: `make build` first", lab.runtime().display())),
        }
    }

    /// The runtime image.
    pub fn runtime(&self) -> PathBuf {
        self.images.join("runtime-x86_64")
    }

    /// A benchmark program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("programs").join(name)
    }

    /// The control's result; when it has none, says why and goes on, because ours still counts.
    pub fn control<T>(&self, measure: impl FnOnce() -> Result<T>) -> Option<T> {
        self.control.as_ref()?;
        measure().inspect_err(|why| eprintln!("bench: the control: {why}")).ok()
    }

    /// Whether a program that ours is compared with is installed.
    pub fn has(&self, program: &str) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|directory| directory.join(program).is_file())
    }

    /// QEMU's version, as it says it.
    pub fn qemu_version() -> String {
        let said =
            Command::new(QEMU).arg("--version").output().map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        said.lines().next().unwrap_or("QEMU").replace("emulator version ", "").to_owned()
    }

    /// The archive of a guest, packed again when one of its files has changed.
    fn archive(&self, side: Side, guest: &Guest<'_>) -> Result<PathBuf> {
        let name = format!("{side:?}-{}-{}{}.cpio", guest.program, guest.ballast_mib, if guest.port.is_some() { "-net" } else { "" });
        let archive = self.dir.join(name.to_lowercase());
        let mut entries: Vec<Entry> = vec![("/program".to_owned(), self.program(guest.program))];
        if guest.ballast_mib > 0 {
            let ballast = self.dir.join(format!("ballast-{}", guest.ballast_mib));
            if !ballast.exists() {
                archive::ballast(&ballast, guest.ballast_mib << 20)?;
            }
            entries.push(("/ballast".to_owned(), ballast));
        }
        if side == Side::Linux {
            entries.push(("/init".to_owned(), self.program("init")));
            if guest.port.is_some() {
                for module in fs::read_dir(self.dir.join("linux/modules")).map_err(|e| e.to_string())?.flatten() {
                    entries.push((format!("/modules/{}", module.file_name().display()), module.path()));
                }
            }
        }
        let changed = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
        let made = changed(&archive);
        if made.is_some() && entries.iter().all(|(_, host)| changed(host) < made) {
            return Ok(archive);
        }
        archive::pack(&archive, &entries)?;
        Ok(archive)
    }

    /// The command that starts a guest.
    pub fn command(&self, side: Side, guest: &Guest<'_>) -> Result<Command> {
        let archive = self.archive(side, guest)?;
        let mut command = match side {
            Side::Pith => self.pith_command(&self.runtime(), guest),
            Side::Linux => self.linux_command(guest),
        };
        command.arg("-initrd").arg(archive);
        Ok(command)
    }

    /// Starts a guest.
    pub fn start(&self, side: Side, guest: &Guest<'_>) -> Result<Machine> {
        Machine::start(self.command(side, guest)?)
    }

    /// QEMU with what both sides share: one emulated processor, so much memory, the console on standard output.
    fn qemu(guest: &Guest<'_>) -> Command {
        let mut command = Command::new(QEMU);
        command.args(["-accel", "tcg", "-cpu", "max", "-smp", "1", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        command.args(["-m", &format!("{}K", guest.memory_kib), "-chardev", "stdio,id=console,signal=off"]);
        match guest.port {
            Some(port) => command.args(["-netdev", &format!("user,id=n0,hostfwd=tcp:127.0.0.1:{port}-:8080")]),
            None => command.args(["-net", "none"]),
        };
        command
    }

    /// Ours, or another PVH kernel, on the machine that `pith run` chooses (`crates/monitor/src/qemu/command.rs`).
    pub fn pith_command(&self, kernel: &Path, guest: &Guest<'_>) -> Command {
        let mut command = Self::qemu(guest);
        command.args(["-M", "microvm,x-option-roms=off,auto-kernel-cmdline=off,acpi=off,rtc=on,isa-serial=off", "-bios", "qboot.rom"]);
        command.args(["-global", "virtio-mmio.force-legacy=false"]).arg("-kernel").arg(kernel);
        command.args(["-device", "isa-serial,chardev=console,iobase=0x3f8,irq=4"]);
        command.args(["-chardev", "null,id=stderr", "-device", "isa-serial,chardev=stderr,iobase=0x2f8,irq=3"]);
        command.args(["-chardev", &format!("file,id=log,path={}", self.dir.join("kernel.log").display())]);
        command.args(["-device", "isa-debugcon,chardev=log,iobase=0xe9", "-device", "isa-debug-exit,iobase=0x501,iosize=1"]);
        let seed = "random.seed=[ 0x9e3779b9 0x7f4a7c15 0xf39cc060 0x5cedc834 0x1082276b 0xf3a27251 0xf86c6a11 0xd0c18e95 ]";
        let mut line = format!("pith.log=warn {seed}");
        if guest.port.is_some() {
            command.args(["-device", "virtio-net-device,bus=virtio-mmio-bus.7,netdev=n0"]);
            line.push_str(" netdev.ip=10.0.2.15/24:10.0.2.2:10.0.2.3 virtio_mmio.device=512@0xfeb00e00:12");
        }
        command.args(["-append", &format!("{line} -- /program {}", guest.args)]);
        command
    }

    /// The control. Its kernel boots on microvm (without ACPI), but finds no network card there: virtio-mmio needs ACPI, and with ACPI it hangs for
    /// want of a clock to calibrate by. Its clock there counts ticks of 4 ms. So `pc` where there is a card, and where the guest takes the time itself.
    fn linux_command(&self, guest: &Guest<'_>) -> Command {
        let mut command = Self::qemu(guest);
        let takes_time = matches!(guest.program, "micro" | "entry");
        match guest.port {
            Some(_) => command.args(["-M", "pc,graphics=off", "-device", "virtio-net-pci,netdev=n0,romfile="]),
            None if takes_time => command.args(["-M", "pc,graphics=off"]),
            None => command.args(["-M", "microvm,acpi=off,pit=on,pic=on,rtc=on"]),
        };
        command.arg("-serial").arg("chardev:console").arg("-kernel").arg(self.dir.join("linux/vmlinuz"));
        let net = if guest.port.is_some() { "--net " } else { "" };
        command.args(["-append", &format!("console=ttyS0 quiet panic=-1 rdinit=/init -- {net}/program {}", guest.args)]);
        command
    }
}

/// A port of 127.0.0.1 that nobody uses now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}
