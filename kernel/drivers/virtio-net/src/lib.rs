//! The virtio network device (Virtual I/O Device 1.2, 5.1): one receive and one transmit queue.
//!
//! [`VirtioNet`] is a `net::NetDevice`. Receive buffers are single pages, handed up without copying and put back by the stack; transmit buffers are pages kept
//! for the next frame. Completed transmissions are collected when the next frame is queued, never by interrupt; the device is told once per burst.
//!
//! Neighbours: `virtqueue` below, `net` above; the image finds the device and routes its interrupt.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod header;
mod rx;
mod tx;

use alloc::boxed::Box;
use frame::FrameAllocator;
use net::{Capabilities, Mac, NetDevice, RxBuffer, TxFull, TxOffload};
use rx::Receiver;
use tx::Transmitter;
use virtqueue::{NoDevice, Transport, feature, negotiate, status};

/// The device id of a network card.
pub const DEVICE_ID: u32 = 1;

/// Feature bits of 5.1.3.
mod bits {
    pub const CSUM: u64 = 1 << 0;
    pub const GUEST_CSUM: u64 = 1 << 1;
    pub const MTU: u64 = 1 << 3;
    pub const MAC: u64 = 1 << 5;
    pub const HOST_TSO4: u64 = 1 << 11;
    pub const HOST_TSO6: u64 = 1 << 12;
    pub const MRG_RXBUF: u64 = 1 << 15;
    pub const STATUS: u64 = 1 << 16;
}

/// Configuration layout (5.1.4).
const CONFIG_STATUS: u64 = 6;
const CONFIG_MTU: u64 = 10;
const LINK_UP: u8 = 1;

const RX: u16 = 0;
const TX: u16 = 1;

/// Largest frame left to the device to cut, headers included: what an IPv4 length field holds.
const MAX_SEGMENTED: usize = 65_535 + 14;

/// The device and its two queues.
pub struct VirtioNet {
    transport: Box<dyn Transport>,
    features: u64,
    mac: Mac,
    rx: Receiver,
    tx: Transmitter,
}

impl VirtioNet {
    /// Starts the device. `random_mac` is used when it has no address of its own.
    pub fn new(mut transport: Box<dyn Transport>, frames: &'static FrameAllocator, random_mac: Mac) -> Result<Self, NoDevice> {
        let wanted =
            bits::CSUM | bits::GUEST_CSUM | bits::MTU | bits::MAC | bits::HOST_TSO4 | bits::HOST_TSO6 | bits::MRG_RXBUF | bits::STATUS;
        let features = negotiate(&mut *transport, wanted | feature::EVENT_IDX | feature::ANY_LAYOUT)?;
        let event_idx = features & feature::EVENT_IDX != 0;
        // Legacy devices without mergeable buffers have a header without `num_buffers`.
        let header_len = if features & (bits::MRG_RXBUF | feature::VERSION_1) != 0 { 12 } else { 10 };
        let started = Receiver::new(frames, transport.queue_max(RX), event_idx, header_len)
            .and_then(|rx| Some((rx, Transmitter::new(frames, transport.queue_max(TX), event_idx, header_len)?)));
        let Some((mut rx, tx)) = started else {
            transport.set_status(status::FAILED);
            return Err(NoDevice::Absent);
        };
        let (descriptors, driver, device) = rx.queue().addresses();
        transport.start_queue(RX, rx.queue().size(), descriptors, driver, device);
        let (descriptors, driver, device) = tx.queue().addresses();
        transport.start_queue(TX, tx.queue().size(), descriptors, driver, device);
        transport.set_status(transport.status() | status::DRIVER_OK);
        let mac = if features & bits::MAC != 0 { core::array::from_fn(|i| transport.config(i as u64)) } else { random_mac };
        rx.refill();
        if rx.publish() {
            transport.notify(RX);
        }
        Ok(Self { transport, features, mac, rx, tx })
    }

    fn has(&self, bit: u64) -> bool {
        self.features & bit != 0
    }
}

impl NetDevice for VirtioNet {
    fn capabilities(&self) -> Capabilities {
        let mtu = if self.has(bits::MTU) {
            u16::from_le_bytes([self.transport.config(CONFIG_MTU), self.transport.config(CONFIG_MTU + 1)]).clamp(576, 3_900)
        } else {
            1500
        };
        let tso = |bit| if self.has(bits::CSUM) && self.has(bit) { MAX_SEGMENTED } else { 0 };
        Capabilities {
            mac: self.mac,
            mtu,
            tx_checksum: self.has(bits::CSUM),
            max_tso4: tso(bits::HOST_TSO4),
            max_tso6: tso(bits::HOST_TSO6),
        }
    }

    fn transmit(&mut self, len: usize, offload: TxOffload, fill: &mut dyn FnMut(usize, &mut [u8])) -> Result<(), TxFull> {
        self.tx.transmit(len, offload, fill)
    }

    fn flush(&mut self) {
        if self.tx.publish() {
            self.transport.notify(TX);
        }
        if self.rx.publish() {
            self.transport.notify(RX);
        }
    }

    fn receive(&mut self) -> Option<RxBuffer> {
        self.rx.receive()
    }

    fn recycle(&mut self, buffer: RxBuffer) {
        self.rx.recycle(buffer.storage);
    }

    fn enable_interrupts(&mut self) -> bool {
        self.rx.refill();
        if self.rx.publish() {
            self.transport.notify(RX);
        }
        self.rx.enable_interrupts()
    }

    fn ack_interrupt(&mut self) {
        self.transport.ack_interrupt();
    }

    fn link_up(&mut self) -> bool {
        !self.has(bits::STATUS) || self.transport.config(CONFIG_STATUS) & LINK_UP != 0
    }
}
