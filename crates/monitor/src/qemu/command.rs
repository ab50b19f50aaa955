//! From a machine's description to QEMU's words.

use crate::{Accelerator, Channels, MachineSpec, MachineType, MonitorError, Network, PortForward, VolumeOwners};
use pith_abi::agent;
use pith_abi::cmdline::{FstabEntry, IpCidr, MmioDevice, NetdevIp};
use pith_abi::{CONSOLE_IRQ, CONSOLE_PORT, DEBUG_EXIT_PORT, LOG_PORT, STDERR_IRQ, STDERR_PORT};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// Base of microvm's virtio-mmio transports and the distance between them.
const MMIO_BASE: u64 = 0xfeb0_0000;
const MMIO_STEP: u64 = 512;
/// Interrupt of transport 0.
const MMIO_IRQ: u32 = 5;
/// QEMU fills the transports from the last one down. Interrupts 8 and below, those of the lower half, are left to devices that need none: volumes come last.
const LAST_TRANSPORT: u32 = 7;
/// How many there are.
pub(crate) const TRANSPORTS: usize = 8;

/// Addresses of QEMU's user-mode network.
const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

struct Words {
    words: Vec<String>,
    machine: MachineType,
    mmio: Vec<MmioDevice>,
}

impl Words {
    fn put(&mut self, words: &[&str]) {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
    }

    /// Adds a virtio device in the form that the machine type has: `net` becomes `virtio-net-device` on the next
    /// transport, or `virtio-net-pci`.
    fn virtio(&mut self, kind: &str, properties: &str) {
        if self.machine != MachineType::Microvm {
            // Modern only, and no option ROM for a network boot that nobody wants.
            let rom = if kind == "net" { ",romfile=" } else { "" };
            self.put(&["-device", &format!("virtio-{kind}-pci,disable-legacy=on{rom}{properties}")]);
            return;
        }
        let taken = u32::try_from(self.mmio.len()).unwrap_or(u32::MAX);
        let transport = LAST_TRANSPORT.saturating_sub(taken);
        self.put(&["-device", &format!("virtio-{kind}-device,bus=virtio-mmio-bus.{transport}{properties}")]);
        let base = MMIO_BASE + u64::from(transport) * MMIO_STEP;
        self.mmio.push(MmioDevice { base, size: MMIO_STEP, irq: MMIO_IRQ + transport });
    }
}

/// A path as part of a QEMU option, where a comma is doubled.
fn option_path(path: &Path) -> Result<String, MonitorError> {
    let text = path.to_str().filter(|text| !text.contains('\n'));
    text.map(|text| text.replace(',', ",,")).ok_or_else(|| MonitorError::Path { path: path.to_owned() })
}

/// A path as an option of its own.
fn plain_path(path: &Path) -> Result<&str, MonitorError> {
    path.to_str().ok_or_else(|| MonitorError::Path { path: path.to_owned() })
}

/// Whose files are whose, as the guest's driver takes it.
fn owners(owners: VolumeOwners) -> String {
    let differing = [("uid", owners.uid), ("gid", owners.gid)].into_iter().filter(|(_, (host, guest))| host != guest);
    differing.map(|(name, (host, guest))| format!("{name}={host}/{guest}")).collect::<Vec<_>>().join(",")
}

fn hostfwd(port: &PortForward) -> String {
    let host = match port.host {
        IpAddr::V4(v4) if v4.is_unspecified() => String::new(),
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    format!(",hostfwd={}:{host}:{}-:{}", port.protocol.name(), port.host_port, port.guest_port)
}

pub(super) fn arguments(spec: &MachineSpec, channels: &Channels) -> Result<Vec<String>, MonitorError> {
    let mut cmdline = spec.cmdline.clone();
    let mut out = Words { words: Vec::new(), machine: spec.machine, mmio: Vec::new() };
    out.put(&["-name", &spec.name.replace(',', ",,")]);
    match spec.machine {
        MachineType::Microvm => {
            out.put(&["-M", "microvm,x-option-roms=off,auto-kernel-cmdline=off,acpi=off,rtc=on,isa-serial=off"]);
            out.put(&["-bios", "qboot.rom", "-global", "virtio-mmio.force-legacy=false"]);
        }
        // Not `graphics=off`: it makes SeaBIOS talk on the application's serial line.
        MachineType::Pc => out.put(&["-M", "pc"]),
        MachineType::Q35 => out.put(&["-M", "q35,smbus=off,sata=off"]),
    }
    match spec.accelerator {
        Accelerator::Kvm => out.put(&["-accel", "kvm", "-cpu", "host"]),
        // Each virtual processor is a thread of its own.
        Accelerator::Tcg if spec.cpus > 1 => out.put(&["-accel", "tcg,thread=multi", "-cpu", "max"]),
        Accelerator::Tcg => out.put(&["-accel", "tcg", "-cpu", "max"]),
    }
    out.put(&["-m", &format!("{}M", spec.memory_mib)]);
    if spec.cpus > 1 {
        out.put(&["-smp", &spec.cpus.to_string()]);
    }
    out.put(&["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    out.put(&["-kernel", plain_path(&spec.kernel)?]);
    if let Some(initrd) = &spec.initrd {
        // A comma separates modules in multiboot kernels' `-initrd`.
        out.put(&["-initrd", &option_path(initrd)?]);
    }
    for (id, fd) in [
        ("console", channels.console_fd()),
        ("stderr", channels.stderr_fd()),
        ("log", channels.log_fd()),
        ("control", channels.control_fd()),
        ("agent", channels.agent_fd()),
    ] {
        out.put(&["-chardev", &format!("socket,id={id},fd={fd}")]);
    }
    let serial = |id: &str, port: u16, irq: u8| format!("isa-serial,chardev={id},iobase={port:#x},irq={irq}");
    out.put(&["-device", &serial("console", CONSOLE_PORT, CONSOLE_IRQ)]);
    out.put(&["-device", &serial("stderr", STDERR_PORT, STDERR_IRQ)]);
    out.put(&["-device", &format!("isa-debugcon,chardev=log,iobase={LOG_PORT:#x}")]);
    out.put(&["-device", &format!("isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=1")]);
    out.put(&["-mon", "chardev=control,mode=control"]);
    match &spec.network {
        Network::None => out.put(&["-net", "none"]),
        Network::User { ports } => {
            let forwards: String = ports.iter().map(hostfwd).collect();
            out.put(&["-netdev", &format!("user,id=n0{forwards}")]);
            out.virtio("net", ",netdev=n0");
            cmdline.netdev_ip(&NetdevIp {
                cidr: IpCidr { address: GUEST.into(), prefix: 24 },
                gateway: Some(GATEWAY.into()),
                dns: vec![RESOLVER.into()],
                hostname: None,
                domain: None,
            });
        }
    }
    // Not the device's console port: QEMU drops what a slow reader leaves there, and holds back what comes through any other (hw/char/virtio-console.c).
    out.virtio("serial", ",id=serial,max_ports=2");
    out.put(&["-device", &format!("virtserialport,bus=serial.0,nr={},chardev=agent,name={}", agent::PORT, agent::PORT_NAME)]);
    for (index, volume) in spec.volumes.iter().enumerate() {
        let tag = format!("fs{}", index + 1);
        let path = option_path(&volume.source)?;
        let readonly = if volume.is_read_only { ",readonly=on" } else { "" };
        // Files are what they are on the host, and what the monitor's user cannot do to them the machine cannot either.
        out.put(&["-fsdev", &format!("local,id={tag},path={path},security_model=none,multidevs=remap{readonly}")]);
        out.virtio("9p", &format!(",fsdev={tag},mount_tag={tag}"));
        cmdline.fstab(&FstabEntry {
            device: tag,
            mountpoint: volume.destination.clone(),
            driver: "9pfs".to_owned(),
            // MS_RDONLY.
            flags: if volume.is_read_only { "1".to_owned() } else { String::new() },
            opts: spec.volume_owners.map(owners).unwrap_or_default(),
            ukopts: "mkmp".to_owned(),
        });
    }
    if spec.machine == MachineType::Microvm && out.mmio.len() > TRANSPORTS {
        return Err(MonitorError::Devices { machine: spec.machine.name(), room: TRANSPORTS, wanted: out.mmio.len() });
    }
    for device in &out.mmio {
        cmdline.virtio_mmio(device);
    }
    let line = cmdline.build()?;
    out.put(&["-append", &line]);
    Ok(out.words)
}
