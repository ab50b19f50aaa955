//! How a driver reaches its device.

/// A window of device registers. Accesses are of exactly the size named; the implementor makes them volatile.
pub trait Registers: Send {
    /// Reads 8 bits at byte `offset`.
    fn read8(&self, offset: u64) -> u8;
    /// Reads 16 bits.
    fn read16(&self, offset: u64) -> u16;
    /// Reads 32 bits.
    fn read32(&self, offset: u64) -> u32;
    /// Writes 8 bits.
    fn write8(&self, offset: u64, value: u8);
    /// Writes 16 bits.
    fn write16(&self, offset: u64, value: u16);
    /// Writes 32 bits.
    fn write32(&self, offset: u64, value: u32);
}

/// Device status bits (2.1).
pub mod status {
    /// The guest has seen the device.
    pub const ACKNOWLEDGE: u8 = 1;
    /// The guest has a driver for it.
    pub const DRIVER: u8 = 2;
    /// The driver is ready.
    pub const DRIVER_OK: u8 = 4;
    /// Feature negotiation is complete.
    pub const FEATURES_OK: u8 = 8;
    /// The driver has given up.
    pub const FAILED: u8 = 128;
}

/// Feature bits that belong to queues and transports (6).
pub mod feature {
    /// Descriptors may be laid out at will (legacy devices say so).
    pub const ANY_LAYOUT: u64 = 1 << 27;
    /// `used_event` and `avail_event`.
    pub const EVENT_IDX: u64 = 1 << 29;
    /// Not a legacy device.
    pub const VERSION_1: u64 = 1 << 32;
}

/// There is no usable device behind a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDevice {
    /// Wrong magic number, unknown version or an empty slot.
    Absent,
    /// A capability that the specification requires is missing or points outside its BAR.
    BadCapabilities,
    /// The device did not accept the features.
    FeaturesRefused,
}

/// One device, by whatever bus.
pub trait Transport: Send {
    /// What it is: 1 network, 2 block, 3 console, 4 entropy, ... (5).
    fn device_id(&self) -> u32;
    /// Device status.
    fn status(&self) -> u8;
    /// Sets the status; 0 resets.
    fn set_status(&mut self, status: u8);
    /// Features on offer.
    fn device_features(&mut self) -> u64;
    /// Features taken.
    fn set_driver_features(&mut self, features: u64);
    /// One byte of the device's own configuration.
    fn config(&self, offset: u64) -> u8;
    /// Entries that queue `index` can have, 0 when there is no such queue.
    fn queue_max(&mut self, index: u16) -> u16;
    /// Hands a queue over: its size and the physical addresses of its three parts.
    fn start_queue(&mut self, index: u16, size: u16, descriptors: u64, driver: u64, device: u64);
    /// Says that queue `index` has something new.
    fn notify(&self, index: u16);
    /// Silences the interrupt; true when a queue (not the configuration) caused it.
    fn ack_interrupt(&mut self) -> bool;
}

/// Resets the device and agrees on features: of what is on offer, those in `wanted`. Leaves it waiting for its queues (3.1.1, steps 1 to 6).
pub fn negotiate(device: &mut dyn Transport, wanted: u64) -> Result<u64, NoDevice> {
    device.set_status(0);
    device.set_status(status::ACKNOWLEDGE);
    device.set_status(status::ACKNOWLEDGE | status::DRIVER);
    let offered = device.device_features();
    let taken = offered & (wanted | feature::VERSION_1);
    device.set_driver_features(taken);
    // Legacy devices know no FEATURES_OK.
    if taken & feature::VERSION_1 != 0 {
        device.set_status(status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK);
        if device.status() & status::FEATURES_OK == 0 {
            device.set_status(status::FAILED);
            return Err(NoDevice::FeaturesRefused);
        }
    }
    Ok(taken)
}
