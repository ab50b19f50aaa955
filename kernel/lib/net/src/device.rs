//! What the stack needs of a network device ([`NetDevice`]). Drivers (`virtio-net`, a simulated link in tests) implement it; the stack
//! owns the device and calls it under its own lock, so no method needs locking of its own.

use alloc::boxed::Box;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// What a device can do besides moving frames. Fixed once the device is handed to the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The device's own address.
    pub mac: Mac,
    /// Largest IP packet in bytes, without the Ethernet header.
    pub mtu: u16,
    /// The device fills in TCP and UDP checksums ([`TxOffload::checksum`]).
    pub tx_checksum: bool,
    /// Largest frame in bytes, headers included, that the device cuts into TCP segments itself over IPv4 ([`TxOffload::segment`]); 0: none.
    pub max_tso4: usize,
    /// The same over IPv6.
    pub max_tso6: usize,
}

/// Work left to the device for one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxOffload {
    /// Where the transport header starts in the frame and where, from there, its checksum field is. The field holds the folded
    /// pseudo-header sum (not complemented); the device sums from the start to the end of the frame.
    pub checksum: Option<(u16, u16)>,
    /// TCP payload bytes per segment when the frame is larger than the MTU; its headers are repeated by the device.
    pub segment: Option<Segmentation>,
}

/// TCP segmentation of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segmentation {
    /// Payload bytes per segment.
    pub size: u16,
    /// Ethernet, IP and TCP header bytes together.
    pub header_len: u16,
    /// Over IPv6, else IPv4.
    pub ipv6: bool,
}

/// How far a received frame's checksums can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RxChecksum {
    /// Nobody has looked: the stack verifies.
    Unknown,
    /// Verified by the device, or never computed because the frame has not left this machine.
    Good,
}

/// The memory of a received frame. A driver hands it out and gets it back by [`NetDevice::recycle`].
pub trait RxStorage: Send {
    /// The whole buffer.
    fn bytes(&self) -> &[u8];
    /// For the driver that made it.
    fn into_any(self: Box<Self>) -> Box<dyn core::any::Any + Send>;
}

/// One received Ethernet frame.
pub struct RxBuffer {
    /// The memory that holds it.
    pub storage: Box<dyn RxStorage>,
    /// Where the frame starts in the storage, in bytes.
    pub start: usize,
    /// Frame length in bytes, Ethernet header included.
    pub len: usize,
    /// What the device says about its checksums.
    pub checksum: RxChecksum,
}

impl RxBuffer {
    /// The frame; empty when a driver's bookkeeping is beyond its storage.
    pub fn frame(&self) -> &[u8] {
        self.storage.bytes().get(self.start..self.start + self.len).unwrap_or(&[])
    }
}

/// The transmit ring has no room. The device promises an interrupt when it has again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxFull;

/// An Ethernet device.
pub trait NetDevice: Send {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Queues a frame of `len` bytes. `fill` is called for consecutive pieces of it, from the front: the offset of the piece and the memory
    /// to fill. The first piece holds at least the first 256 bytes of the frame (or all of it).
    fn transmit(&mut self, len: usize, offload: TxOffload, fill: &mut dyn FnMut(usize, &mut [u8])) -> Result<(), TxFull>;

    /// Tells the device about everything queued since the last flush; costs nothing when nothing was.
    fn flush(&mut self);

    /// The next received frame, if any.
    fn receive(&mut self) -> Option<RxBuffer>;

    /// Gives a received frame's memory back.
    fn recycle(&mut self, buffer: RxBuffer);

    /// Asks for an interrupt at the next received frame. `true`: frames are there already, and no interrupt may come for those.
    fn enable_interrupts(&mut self) -> bool;

    /// Silences the device's interrupt line; called before frames are looked for.
    fn ack_interrupt(&mut self);

    /// Whether the link is up.
    fn link_up(&mut self) -> bool {
        true
    }
}
