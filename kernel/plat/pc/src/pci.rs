//! PCI configuration space by ports 0xcf8/0xcfc (PCI Local Bus 3.0, 3.2.2.3.2).

use arch_x86_64::cpu;
use spinlock::Mutex;

const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;
/// The two ports are one resource.
static LOCK: Mutex<()> = Mutex::new(());

fn select(bus: u8, device: u8, function: u8, offset: u8) -> u32 {
    1 << 31 | u32::from(bus) << 16 | u32::from(device) << 11 | u32::from(function) << 8 | u32::from(offset & 0xfc)
}

/// Reads the aligned 32-bit register at byte `offset`; all ones where there is no device.
pub fn read32(bus: u8, device: u8, function: u8, offset: u8) -> u32 {
    let _guard = LOCK.lock();
    // SAFETY: the configuration ports, under their lock.
    unsafe {
        cpu::outl(ADDRESS, select(bus, device, function, offset));
        cpu::inl(DATA)
    }
}

/// Writes the aligned 32-bit register at byte `offset`.
pub fn write32(bus: u8, device: u8, function: u8, offset: u8, value: u32) {
    let _guard = LOCK.lock();
    // SAFETY: as above.
    unsafe {
        cpu::outl(ADDRESS, select(bus, device, function, offset));
        cpu::outl(DATA, value);
    }
}
