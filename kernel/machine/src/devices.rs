//! Finds virtio devices, on whatever bus the machine has: memory-mapped ones that the command line names, PCI functions on bus 0.

use crate::interrupts;
use crate::space::kernel_space;
use alloc::boxed::Box;
#[cfg(any(feature = "net", feature = "agent"))]
use alloc::sync::Arc;
use alloc::vec::Vec;
use arch_x86_64::DIRECT_MAP;
use pith_abi::cmdline::{GuestConfig, MmioDevice};
use plat_pc::apic::Trigger;
use plat_pc::pci;
use spin::Once;
use virtqueue::{MmioTransport, PciFunction, PciTransport, Registers, Transport};

/// Device registers at a mapped address.
struct Mapped {
    base: u64,
    len: u64,
}

impl Mapped {
    fn at<T>(&self, offset: u64) -> Option<*mut T> {
        (offset.saturating_add(size_of::<T>() as u64) <= self.len).then_some((self.base + offset) as *mut T)
    }
    fn read<T: Copy>(&self, offset: u64, absent: T) -> T {
        // SAFETY: within the window, which is mapped device registers.
        self.at::<T>(offset).map_or(absent, |p| unsafe { p.read_volatile() })
    }
    fn write<T>(&self, offset: u64, value: T) {
        if let Some(p) = self.at::<T>(offset) {
            // SAFETY: as above.
            unsafe { p.write_volatile(value) };
        }
    }
}

impl Registers for Mapped {
    fn read8(&self, offset: u64) -> u8 {
        self.read(offset, u8::MAX)
    }
    fn read16(&self, offset: u64) -> u16 {
        self.read(offset, u16::MAX)
    }
    fn read32(&self, offset: u64) -> u32 {
        self.read(offset, u32::MAX)
    }
    fn write8(&self, offset: u64, value: u8) {
        self.write(offset, value);
    }
    fn write16(&self, offset: u64, value: u16) {
        self.write(offset, value);
    }
    fn write32(&self, offset: u64, value: u32) {
        self.write(offset, value);
    }
}

/// The handler of a device's interrupt, set once the driver is there.
pub type Handler = &'static Once<Box<dyn Fn() + Send + Sync>>;

/// A device that was found, with the place for its interrupt handler.
pub struct Found {
    /// The way to it.
    pub transport: Box<dyn Transport>,
    /// What its interrupt calls.
    pub handler: Handler,
}

fn handler() -> Handler {
    Box::leak(Box::new(Once::new()))
}

fn call(handler: Handler) -> Box<dyn Fn() + Send + Sync> {
    Box::new(move || {
        if let Some(handle) = handler.get() {
            handle();
        }
    })
}

/// All virtio devices of the machine, in the order of their addresses.
pub fn find(mmio: &[MmioDevice]) -> Vec<Found> {
    let mut found = Vec::new();
    // QEMU's microvm fills its slots from the highest down: the first device on its command line comes last in memory.
    let mut descending: Vec<&MmioDevice> = Vec::new();
    for device in mmio {
        // They are few: no sorting algorithm is worth its code.
        descending.insert(descending.partition_point(|other| other.base >= device.base), device);
    }
    for device in descending {
        let registers = Box::new(Mapped { base: DIRECT_MAP + device.base, len: device.size.max(0x200) });
        if let Ok(transport) = MmioTransport::new(registers) {
            let handler = handler();
            interrupts::connect_line(device.irq, Trigger::Level, call(handler));
            found.push(Found { transport: Box::new(transport), handler });
        }
    }
    find_pci(&mut found);
    found
}

/// One function on PCI bus 0.
struct Function {
    device: u8,
    vector: u8,
}

impl PciFunction for Function {
    fn read(&self, offset: u8) -> u32 {
        pci::read32(0, self.device, 0, offset)
    }
    fn write(&self, offset: u8, value: u32) {
        pci::write32(0, self.device, 0, offset, value);
    }
    fn map(&self, phys: u64, len: u64) -> Option<Box<dyn Registers>> {
        let page = phys & !4095;
        let base = kernel_space().map_device(page, (phys - page + len + 4095) & !4095).ok()?;
        Some(Box::new(Mapped { base: base + (phys - page), len }))
    }
    fn message(&self) -> (u64, u32) {
        // Fixed delivery to one controller (SDM volume 3, 11.11).
        (0xfee0_0000 | u64::from(crate::pc::get().apic.id()) << 12, self.vector.into())
    }
}

fn find_pci(found: &mut Vec<Found>) {
    // No host bridge: no PCI, and thirty-two exits saved.
    if pci::read32(0, 0, 0, 0) == u32::MAX {
        return;
    }
    for device in 1..32 {
        if pci::read32(0, device, 0, 0) & 0xffff != 0x1af4 {
            continue;
        }
        let handler = handler();
        let Some(vector) = interrupts::allocate(call(handler)) else { return };
        match PciTransport::new(&Function { device, vector }) {
            Ok(transport) => found.push(Found { transport: Box::new(transport), handler }),
            Err(error) => crate::log!(Warn, "the virtio device at PCI 00:{device:02x}.0 cannot be used: {error:?}"),
        }
    }
}

/// Reads a virtio entropy device, where the generator still needs it.
#[cfg(feature = "net")]
pub fn seed_from_device(mut transport: Box<dyn Transport>) {
    use crate::random::RNG;
    if RNG.is_seeded() {
        return;
    }
    let mut bytes = [0; 64];
    let got = virtio_rng::read(&mut *transport, &crate::memory::FRAMES, &mut bytes);
    RNG.add_entropy(&bytes[..got], (got * 8) as u32);
}

/// Finds the machine's virtio devices and puts them to use.
pub fn attach(
    config: &GuestConfig,
    #[cfg(feature = "ninep")] found: Vec<Found>,
    #[cfg(feature = "agent")] console: &Arc<crate::console::Console>,
    #[cfg(feature = "net")] (network, hostname): (&Arc<net::Stack>, &str),
) {
    #[cfg(feature = "net")]
    let mut cards = 0;
    #[cfg(not(feature = "ninep"))]
    let found = find(&config.virtio_mmio);
    #[cfg(all(feature = "ninep", not(feature = "net")))]
    let _ = config;
    for found in found {
        match found.transport.device_id() {
            #[cfg(feature = "agent")]
            virtio_console::DEVICE_ID => console.attach(found),
            #[cfg(feature = "net")]
            virtio_net::DEVICE_ID => {
                crate::network::add(network, found, cards, config.netdev_ip.get(cards), hostname);
                cards += 1;
            }
            #[cfg(feature = "net")]
            virtio_rng::DEVICE_ID => seed_from_device(found.transport),
            other => crate::log!(Debug, "no driver for virtio device type {other}"),
        }
    }
}
