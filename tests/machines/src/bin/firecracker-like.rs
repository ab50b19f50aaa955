//! A small monitor that starts a PVH kernel as Firecracker does on x86_64, for hosts that have no Firecracker: its configuration file, its memory map and start
//! information, processor state at entry, virtio-mmio transports told on the command line, a serial line at 0x3f8, an end by the keyboard controller's reset line.
//! Unlike Firecracker it has no ACPI tables, no devices behind the transports and one virtual CPU.
//!
//! `firecracker-like --no-api --config-file FILE`, with of Firecracker's file `boot-source` and `machine-config` alone.

use kvm_bindings::{CpuId, KVM_MAX_CPUID_ENTRIES, kvm_pit_config, kvm_segment, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit, VcpuFd, VmFd};
use linux_loader::configurator::pvh::PvhBootConfigurator;
use linux_loader::configurator::{BootConfigurator, BootParams};
use linux_loader::loader::elf::start_info::{hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info};
use linux_loader::loader::elf::{Elf, PvhBootCapability};
use linux_loader::loader::{Cmdline, KernelLoader, load_cmdline};
use serde::Deserialize;
use std::cell::Cell;
use std::error::Error;
use std::fs::{self, File};
use std::io::{Stdout, stdout};
use std::process::ExitCode;
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};
use vm_superio::{I8042Device, Serial, Trigger};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where Firecracker puts things, by guest-physical address.
const START_INFO: GuestAddress = GuestAddress(0x6000);
const MODULES: GuestAddress = GuestAddress(0x6040);
const MEMORY_MAP: GuestAddress = GuestAddress(0x7000);
const COMMAND_LINE: GuestAddress = GuestAddress(0x2_0000);
const COMMAND_LINE_MAX: usize = 2048;
/// End of low memory; ACPI tables and firmware would lie between it and [`HIGH_MEMORY`].
const LOW_MEMORY_END: u64 = 0x9_fc00;
const HIGH_MEMORY: u64 = 0x10_0000;
/// PCI configuration space, which is told as reserved.
const MMCONFIG: (u64, u64) = (0xeec0_0000, 0x1000_0000);
/// The first virtio-mmio transport, and how long each is.
const TRANSPORTS: (u64, u64) = (0xc000_1000, 0x1000);
const FIRST_INTERRUPT: u32 = 5;
/// Three pages that Intel's virtualisation needs.
const TSS: usize = 0xfffb_d000;

const RAM: u32 = 1;
const RESERVED: u32 = 2;
const PVH_MAGIC: u32 = 0x336e_c578;

/// Port of the first serial line, and its interrupt.
const SERIAL: u16 = 0x3f8;
const SERIAL_INTERRUPT: u32 = 4;
/// Data port of the keyboard controller; its commands go to the fourth after it.
const KEYBOARD: u16 = 0x60;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Configuration {
    boot_source: BootSource,
    machine_config: MachineConfig,
}

#[derive(Deserialize)]
struct BootSource {
    kernel_image_path: String,
    initrd_path: Option<String>,
    #[serde(default)]
    boot_args: String,
}

#[derive(Deserialize)]
struct MachineConfig {
    mem_size_mib: usize,
}

fn main() -> ExitCode {
    match configuration().and_then(|configuration| run(&configuration)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("firecracker-like: {error}");
            ExitCode::FAILURE
        }
    }
}

fn configuration() -> Result<Configuration> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [no_api, config, file] = words.as_slice() else { return Err("expected --no-api --config-file FILE".into()) };
    if (no_api.as_str(), config.as_str()) != ("--no-api", "--config-file") {
        return Err(format!("{no_api} {config}: expected --no-api --config-file FILE").into());
    }
    let text = fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("{file}: {error}").into())
}

/// Runs the machine until the guest resets it.
fn run(configuration: &Configuration) -> Result<()> {
    let kvm = Kvm::new()?;
    let vm = kvm.create_vm()?;
    vm.set_tss_address(TSS)?;
    vm.create_irq_chip()?;
    vm.create_pit2(kvm_pit_config::default())?;
    let size = configuration.machine_config.mem_size_mib << 20;
    let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), size)])?;
    give(&vm, &memory)?;
    let entry = load(configuration, &memory, size as u64)?;
    let mut vcpu = vm.create_vcpu(0)?;
    let cpuid: CpuId = kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)?;
    vcpu.set_cpuid2(&cpuid)?;
    enter(&vcpu, entry)?;
    serve(&vm, &mut vcpu)
}

#[expect(unsafe_code, reason = "guest memory is a raw mapping that KVM is told about")]
fn give(vm: &VmFd, memory: &GuestMemoryMmap) -> Result<()> {
    for (slot, region) in (0..).zip(memory.iter()) {
        let region = kvm_userspace_memory_region {
            slot,
            guest_phys_addr: region.start_addr().0,
            memory_size: region.len(),
            userspace_addr: memory.get_host_address(region.start_addr())?.addr() as u64,
            flags: 0,
        };
        // SAFETY: the region is one of `memory`'s mappings, which outlives the machine: `run` owns both, and `memory` is older.
        unsafe { vm.set_user_memory_region(region)? };
    }
    Ok(())
}

/// Puts kernel, initrd, command line and start information into memory; the address at which the kernel wants to be entered.
fn load(configuration: &Configuration, memory: &GuestMemoryMmap, size: u64) -> Result<u64> {
    let source = &configuration.boot_source;
    let mut kernel = File::open(&source.kernel_image_path).map_err(|error| format!("{}: {error}", source.kernel_image_path))?;
    let loaded = Elf::load(memory, None, &mut kernel, Some(GuestAddress(HIGH_MEMORY)))?;
    let PvhBootCapability::PvhEntryPresent(entry) = loaded.pvh_boot_cap else { return Err("the kernel has no PVH note".into()) };

    // What stands after `--` stays at the end.
    let mut line = Cmdline::try_from(&source.boot_args, COMMAND_LINE_MAX)?;
    line.add_virtio_mmio_device(TRANSPORTS.1, GuestAddress(TRANSPORTS.0), FIRST_INTERRUPT, None)?;
    load_cmdline(memory, COMMAND_LINE, &line)?;

    let entries = [
        (0, LOW_MEMORY_END, RAM),
        (LOW_MEMORY_END, HIGH_MEMORY - LOW_MEMORY_END, RESERVED),
        (MMCONFIG.0, MMCONFIG.1, RESERVED),
        (HIGH_MEMORY, size - HIGH_MEMORY, RAM),
    ];
    let entries = entries.map(|(addr, size, type_)| hvm_memmap_table_entry { addr, size, type_, reserved: 0 });
    let mut start = hvm_start_info {
        magic: PVH_MAGIC,
        version: 1,
        cmdline_paddr: COMMAND_LINE.0,
        memmap_paddr: MEMORY_MAP.0,
        memmap_entries: entries.len().try_into()?,
        ..Default::default()
    };
    let initrd = source.initrd_path.as_ref().map(|path| fs::read(path).map_err(|error| format!("{path}: {error}"))).transpose()?;
    if let Some(initrd) = &initrd {
        let length = initrd.len() as u64;
        let at = size.checked_sub(length).ok_or("the initrd is larger than memory")? & !0xfff;
        memory.write_slice(initrd, GuestAddress(at))?;
        (start.nr_modules, start.modlist_paddr) = (1, MODULES.0);
        let module = hvm_modlist_entry { paddr: at, size: length, ..Default::default() };
        memory.write_obj(module, MODULES)?;
    }
    let mut parameters = BootParams::new(&start, START_INFO);
    parameters.set_sections(&entries, MEMORY_MAP);
    PvhBootConfigurator::write_bootparams(&parameters, memory)?;
    Ok(entry.0)
}

/// The processor as PVH has it: protected mode without paging, flat segments, the start information's address in EBX.
fn enter(vcpu: &VcpuFd, entry: u64) -> Result<()> {
    let mut sregs = vcpu.get_sregs()?;
    let code = kvm_segment { limit: u32::MAX, selector: 8, type_: 11, present: 1, s: 1, db: 1, g: 1, ..Default::default() };
    let data = kvm_segment { selector: 16, type_: 3, ..code };
    sregs.cs = code;
    (sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss) = (data, data, data, data, data);
    sregs.tr = kvm_segment { limit: 0x67, selector: 24, type_: 11, present: 1, ..Default::default() };
    (sregs.cr0, sregs.cr4, sregs.efer) = (0x11, 0, 0);
    vcpu.set_sregs(&sregs)?;
    let mut regs = vcpu.get_regs()?;
    (regs.rip, regs.rbx, regs.rflags) = (entry, START_INFO.0, 2);
    vcpu.set_regs(&regs)?;
    Ok(())
}

/// The serial line's interrupt.
struct Line<'a>(&'a VmFd);

impl Trigger for Line<'_> {
    type E = kvm_ioctls::Error;
    fn trigger(&self) -> std::result::Result<(), Self::E> {
        self.0.set_irq_line(SERIAL_INTERRUPT, true)?;
        self.0.set_irq_line(SERIAL_INTERRUPT, false)
    }
}

/// The keyboard controller's reset line.
struct Reset<'a>(&'a Cell<bool>);

impl Trigger for Reset<'_> {
    type E = std::convert::Infallible;
    fn trigger(&self) -> std::result::Result<(), Self::E> {
        self.0.set(true);
        Ok(())
    }
}

/// Runs the virtual CPU and is its devices, until a reset.
fn serve(vm: &VmFd, vcpu: &mut VcpuFd) -> Result<()> {
    let has_reset = Cell::new(false);
    let mut serial: Serial<_, _, Stdout> = Serial::new(Line(vm), stdout());
    let mut keyboard = I8042Device::new(Reset(&has_reset));
    while !has_reset.get() {
        match vcpu.run()? {
            VcpuExit::IoOut(port, &[value]) => match port {
                SERIAL..=0x3ff => serial.write(u8::try_from(port - SERIAL)?, value).map_err(|error| format!("serial line: {error:?}"))?,
                0x60..=0x64 => keyboard.write(u8::try_from(port - KEYBOARD)?, value)?,
                _ => {}
            },
            VcpuExit::IoIn(port, bytes) => {
                bytes.fill(0xff);
                match (port, bytes) {
                    (SERIAL..=0x3ff, [byte]) => *byte = serial.read(u8::try_from(port - SERIAL)?),
                    (0x60..=0x64, [byte]) => *byte = keyboard.read(u8::try_from(port - KEYBOARD)?),
                    _ => {}
                }
            }
            VcpuExit::MmioRead(address, bytes) => read_transport(address, bytes),
            VcpuExit::IoOut(..) | VcpuExit::MmioWrite(..) => {}
            VcpuExit::Shutdown => return Err("the guest ended by a triple fault".into()),
            exit => return Err(format!("the virtual CPU stopped with {exit:?}").into()),
        }
    }
    Ok(())
}

/// A transport with no device behind it: magic, version, and a device of no kind (virtio 1.2, 4.2.2).
fn read_transport(address: u64, bytes: &mut [u8]) {
    bytes.fill(0);
    let Some(offset) = address.checked_sub(TRANSPORTS.0).filter(|offset| *offset < TRANSPORTS.1) else { return bytes.fill(0xff) };
    let value: u32 = match offset {
        0 => 0x7472_6976,
        4 => 2,
        _ => 0,
    };
    if let Ok(bytes) = <&mut [u8; 4]>::try_from(bytes) {
        *bytes = value.to_le_bytes();
    }
}
