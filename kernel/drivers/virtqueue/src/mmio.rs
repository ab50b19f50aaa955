//! virtio over memory-mapped registers (4.2), versions 2 and 1 (legacy, 4.2.4).

use crate::transport::{NoDevice, Registers, Transport};
use alloc::boxed::Box;

const MAGIC: u64 = 0x00;
const VERSION: u64 = 0x04;
const DEVICE_ID: u64 = 0x08;
const DEVICE_FEATURES: u64 = 0x10;
const DEVICE_FEATURES_SEL: u64 = 0x14;
const DRIVER_FEATURES: u64 = 0x20;
const DRIVER_FEATURES_SEL: u64 = 0x24;
const LEGACY_PAGE_SIZE: u64 = 0x28;
const QUEUE_SEL: u64 = 0x30;
const QUEUE_NUM_MAX: u64 = 0x34;
const QUEUE_NUM: u64 = 0x38;
const LEGACY_QUEUE_ALIGN: u64 = 0x3c;
const LEGACY_QUEUE_PFN: u64 = 0x40;
const QUEUE_READY: u64 = 0x44;
const QUEUE_NOTIFY: u64 = 0x50;
const INTERRUPT_STATUS: u64 = 0x60;
const INTERRUPT_ACK: u64 = 0x64;
const STATUS: u64 = 0x70;
const QUEUE_DESC: u64 = 0x80;
const QUEUE_DRIVER: u64 = 0x90;
const QUEUE_DEVICE: u64 = 0xa0;
const CONFIG: u64 = 0x100;

const PAGE: u64 = 4096;

/// A device behind memory-mapped registers.
pub struct MmioTransport {
    registers: Box<dyn Registers>,
    legacy: bool,
    device_id: u32,
}

impl MmioTransport {
    /// Looks at the registers; [`NoDevice::Absent`] for an empty slot.
    pub fn new(registers: Box<dyn Registers>) -> Result<Self, NoDevice> {
        let version = registers.read32(VERSION);
        let device_id = registers.read32(DEVICE_ID);
        if registers.read32(MAGIC) != u32::from_le_bytes(*b"virt") || !(1..=2).contains(&version) || device_id == 0 {
            return Err(NoDevice::Absent);
        }
        Ok(Self { registers, legacy: version == 1, device_id })
    }

    fn write64(&self, offset: u64, value: u64) {
        self.registers.write32(offset, value as u32);
        self.registers.write32(offset + 4, (value >> 32) as u32);
    }
}

impl Transport for MmioTransport {
    fn device_id(&self) -> u32 {
        self.device_id
    }
    fn status(&self) -> u8 {
        self.registers.read32(STATUS) as u8
    }
    fn set_status(&mut self, status: u8) {
        self.registers.write32(STATUS, status.into());
        if status == 0 && self.legacy {
            self.registers.write32(LEGACY_PAGE_SIZE, PAGE as u32);
        }
    }
    fn device_features(&mut self) -> u64 {
        let half = |select| {
            self.registers.write32(DEVICE_FEATURES_SEL, select);
            u64::from(self.registers.read32(DEVICE_FEATURES))
        };
        let low = half(0);
        if self.legacy { low } else { half(1) << 32 | low }
    }
    fn set_driver_features(&mut self, features: u64) {
        for (select, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            if select == 0 || !self.legacy {
                self.registers.write32(DRIVER_FEATURES_SEL, select);
                self.registers.write32(DRIVER_FEATURES, half);
            }
        }
    }
    fn config(&self, offset: u64) -> u8 {
        self.registers.read8(CONFIG + offset)
    }
    fn queue_max(&mut self, index: u16) -> u16 {
        self.registers.write32(QUEUE_SEL, index.into());
        u16::try_from(self.registers.read32(QUEUE_NUM_MAX)).unwrap_or(u16::MAX)
    }
    fn start_queue(&mut self, index: u16, size: u16, descriptors: u64, driver: u64, device: u64) {
        self.registers.write32(QUEUE_SEL, index.into());
        self.registers.write32(QUEUE_NUM, size.into());
        if self.legacy {
            self.registers.write32(LEGACY_QUEUE_ALIGN, PAGE as u32);
            self.registers.write32(LEGACY_QUEUE_PFN, (descriptors / PAGE) as u32);
        } else {
            self.write64(QUEUE_DESC, descriptors);
            self.write64(QUEUE_DRIVER, driver);
            self.write64(QUEUE_DEVICE, device);
            self.registers.write32(QUEUE_READY, 1);
        }
    }
    fn notify(&self, index: u16) {
        self.registers.write32(QUEUE_NOTIFY, index.into());
    }
    fn ack_interrupt(&mut self) -> bool {
        let cause = self.registers.read32(INTERRUPT_STATUS);
        if cause != 0 {
            self.registers.write32(INTERRUPT_ACK, cause);
        }
        cause & 1 != 0
    }
}
