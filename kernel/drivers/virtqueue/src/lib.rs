//! Split virtqueues and virtio transports (Virtual I/O Device 1.2, sections 2.7, 4.1, 4.2).
//!
//! [`Queue`] is one split ring with event suppression; [`Transport`] is how a driver reaches its device, by memory-mapped registers ([`MmioTransport`], versions 1
//! and 2) or PCI ([`PciTransport`], modern). [`DmaBuffer`] is memory that a device reads or writes. Nothing a device writes is trusted: an impossible ring entry is
//! [`Broken`], never a wild access.
//!
//! Neighbours: `frame` gives the memory, `virtio-net`, `virtio-console` and `virtio-rng` are the drivers, the image finds devices and routes interrupts.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod dma;
mod mmio;
mod pci;
mod queue;
pub mod testing;
mod transport;

pub use dma::DmaBuffer;
pub use mmio::MmioTransport;
pub use pci::{PciFunction, PciTransport};
pub use queue::{Broken, Direction, Full, Queue, Span};
pub use transport::{NoDevice, Registers, Transport, feature, negotiate, status};

#[cfg(test)]
mod tests;
