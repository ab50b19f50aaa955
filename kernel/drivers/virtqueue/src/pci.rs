//! virtio over PCI, modern devices only (4.1), with message-signalled interrupts.

use crate::transport::{NoDevice, Registers, Transport};
use alloc::boxed::Box;

/// Access to one PCI function, by whoever knows the bus.
pub trait PciFunction: Send {
    /// Reads the aligned 32-bit configuration register at byte `offset`.
    fn read(&self, offset: u8) -> u32;
    /// Writes it.
    fn write(&self, offset: u8, value: u32);
    /// Maps `len` bytes of device registers at physical address `phys`.
    fn map(&self, phys: u64, len: u64) -> Option<Box<dyn Registers>>;
    /// The message (address, data) that raises an interrupt at this function's handler.
    fn message(&self) -> (u64, u32);
}

const COMMAND: u8 = 0x04;
const BARS: u8 = 0x10;
const CAPABILITIES: u8 = 0x34;
const CAP_VENDOR: u32 = 0x09;
const CAP_MSIX: u32 = 0x11;
const NO_VECTOR: u16 = 0xffff;

// Structure types (4.1.4).
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const DEVICE: u8 = 4;

// Common configuration (4.1.4.3).
const DEVICE_FEATURE_SELECT: u64 = 0;
const DEVICE_FEATURE: u64 = 4;
const DRIVER_FEATURE_SELECT: u64 = 8;
const DRIVER_FEATURE: u64 = 12;
const MSIX_CONFIG: u64 = 16;
const DEVICE_STATUS: u64 = 20;
const QUEUE_SELECT: u64 = 22;
const QUEUE_SIZE: u64 = 24;
const QUEUE_MSIX_VECTOR: u64 = 26;
const QUEUE_ENABLE: u64 = 28;
const QUEUE_NOTIFY_OFF: u64 = 30;
const QUEUE_DESC: u64 = 32;

/// A device behind PCI.
pub struct PciTransport {
    common: Box<dyn Registers>,
    notify: Box<dyn Registers>,
    device: Option<Box<dyn Registers>>,
    notify_multiplier: u64,
    notify_offsets: [u16; 8],
    device_id: u32,
}

/// Where a structure lies: physical address and length.
#[derive(Clone, Copy)]
struct Place {
    phys: u64,
    len: u64,
}

/// The physical address in BAR `index`, `None` for I/O ports and unassigned BARs.
fn bar(function: &dyn PciFunction, index: u8) -> Option<u64> {
    if index > 5 {
        return None;
    }
    let low = function.read(BARS + index * 4);
    let high = if low & 6 == 4 && index < 5 { function.read(BARS + index * 4 + 4) } else { 0 };
    let base = u64::from(high) << 32 | u64::from(low & !15);
    (low & 1 == 0 && base != 0).then_some(base)
}

impl PciTransport {
    /// Walks the capabilities of a function whose vendor is 0x1af4, maps its structures, and sends its interrupts as one message.
    pub fn new(function: &dyn PciFunction) -> Result<Self, NoDevice> {
        let id = function.read(0);
        // 0x1040 + device type; the transitional ids below it say their type in the subsystem id, and are modern devices as well.
        let device_id = match id >> 16 {
            modern @ 0x1040..=0x107f => modern - 0x1040,
            0x1000..=0x103f => function.read(0x2c) >> 16,
            _ => return Err(NoDevice::Absent),
        };
        if id & 0xffff != 0x1af4 {
            return Err(NoDevice::Absent);
        }
        // Memory space and bus mastering on, pin interrupts off.
        function.write(COMMAND, function.read(COMMAND) & 0xffff | 0x406);
        let (mut common, mut notify, mut device, mut multiplier) = (None, None, None, 0);
        let mut at = (function.read(CAPABILITIES) & 0xfc) as u8;
        // At most as many capabilities as fit the space behind the header: a circular list ends here.
        for _ in 0..48 {
            if at < 0x40 {
                break;
            }
            let head = function.read(at);
            match head & 0xff {
                CAP_VENDOR => {
                    let kind = (head >> 24) as u8;
                    let (offset, len) = (u64::from(function.read(at.wrapping_add(8))), u64::from(function.read(at.wrapping_add(12))));
                    let place =
                        bar(function, (function.read(at.wrapping_add(4)) & 0xff) as u8).map(|base| Place { phys: base + offset, len });
                    match kind {
                        COMMON if common.is_none() => common = place,
                        NOTIFY if notify.is_none() => {
                            notify = place;
                            multiplier = u64::from(function.read(at.wrapping_add(16)));
                        }
                        DEVICE if device.is_none() => device = place,
                        _ => {}
                    }
                }
                CAP_MSIX => enable_msix(function, at)?,
                _ => {}
            }
            at = (head >> 8 & 0xfc) as u8;
        }
        let map = |place: Option<Place>, at_least: u64| {
            let place = place.filter(|p| p.len >= at_least).ok_or(NoDevice::BadCapabilities)?;
            function.map(place.phys, place.len.min(1 << 20)).ok_or(NoDevice::BadCapabilities)
        };
        Ok(Self {
            common: map(common, 56)?,
            notify: map(notify, 2)?,
            device: map(device, 1).ok(),
            notify_multiplier: multiplier,
            notify_offsets: [0; 8],
            device_id,
        })
    }

    fn select(&self, index: u16) {
        self.common.write16(QUEUE_SELECT, index);
    }
}

/// Sends the function's first message to us and turns messages on.
fn enable_msix(function: &dyn PciFunction, at: u8) -> Result<(), NoDevice> {
    let table = function.read(at.wrapping_add(4));
    let base = bar(function, (table & 7) as u8).ok_or(NoDevice::BadCapabilities)?;
    let entry = function.map(base + u64::from(table & !7), 16).ok_or(NoDevice::BadCapabilities)?;
    let (address, data) = function.message();
    entry.write32(0, address as u32);
    entry.write32(4, (address >> 32) as u32);
    entry.write32(8, data);
    entry.write32(12, 0);
    // Bit 31: enable; bit 30, the function mask, off.
    function.write(at, function.read(at) & !(1 << 30) | 1 << 31);
    Ok(())
}

impl Transport for PciTransport {
    fn device_id(&self) -> u32 {
        self.device_id
    }
    fn status(&self) -> u8 {
        self.common.read8(DEVICE_STATUS)
    }
    fn set_status(&mut self, status: u8) {
        self.common.write8(DEVICE_STATUS, status);
        if status == 0 {
            // A reset is complete when the status reads as 0 (4.1.4.3.2).
            for _ in 0..100_000 {
                if self.common.read8(DEVICE_STATUS) == 0 {
                    break;
                }
            }
            self.common.write16(MSIX_CONFIG, NO_VECTOR);
        }
    }
    fn device_features(&mut self) -> u64 {
        let half = |select| {
            self.common.write32(DEVICE_FEATURE_SELECT, select);
            u64::from(self.common.read32(DEVICE_FEATURE))
        };
        half(0) | half(1) << 32
    }
    fn set_driver_features(&mut self, features: u64) {
        for (select, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.common.write32(DRIVER_FEATURE_SELECT, select);
            self.common.write32(DRIVER_FEATURE, half);
        }
    }
    fn config(&self, offset: u64) -> u8 {
        self.device.as_ref().map_or(0, |d| d.read8(offset))
    }
    fn queue_max(&mut self, index: u16) -> u16 {
        self.select(index);
        self.common.read16(QUEUE_SIZE)
    }
    fn start_queue(&mut self, index: u16, size: u16, descriptors: u64, driver: u64, device: u64) {
        self.select(index);
        self.common.write16(QUEUE_SIZE, size);
        self.common.write16(QUEUE_MSIX_VECTOR, 0);
        for (i, address) in [descriptors, driver, device].into_iter().enumerate() {
            let at = QUEUE_DESC + 8 * i as u64;
            self.common.write32(at, address as u32);
            self.common.write32(at + 4, (address >> 32) as u32);
        }
        if let Some(slot) = self.notify_offsets.get_mut(usize::from(index)) {
            *slot = self.common.read16(QUEUE_NOTIFY_OFF);
        }
        self.common.write16(QUEUE_ENABLE, 1);
    }
    fn notify(&self, index: u16) {
        let offset = self.notify_offsets.get(usize::from(index)).copied().unwrap_or(0);
        self.notify.write16(u64::from(offset) * self.notify_multiplier, index);
    }
    fn ack_interrupt(&mut self) -> bool {
        // Messages need no acknowledgement.
        true
    }
}
