//! The virtio console device (Virtual I/O Device 1.2, 5.3): one port of a device with several.
//!
//! [`Port`] agrees with the device on one port and moves bytes. To send, take a [`Port::page`], fill it, and [`Port::send`] it; [`Port::flush`] tells the
//! device of all at once. `None` instead of a page means that the device has not taken what it got: an interrupt comes when it has. Received bytes are
//! handed out by [`Port::interrupt`], in the order in which they came.
//!
//! A port other than 0 is asked for because monitors hold it back, rather than drop bytes, while its reader is slow.
//!
//! Neighbours: `virtqueue` below; the image, which runs the `agent` over it.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod control;
mod port;

pub use port::Port;

/// The device id of a console.
pub const DEVICE_ID: u32 = 3;

/// Queue numbers (5.3.2): the control queues behind those of port 0, then the pairs of ports 1, 2, ...
const CONTROL_RX: u16 = 2;
const CONTROL_TX: u16 = 3;

/// The device has control queues and ports besides 0.
const MULTIPORT: u64 = 1 << 1;

#[cfg(test)]
mod tests;
