//! The PC platform: PVH boot information, interrupt controllers, clocks, serial log, PCI configuration space, power-off.
//!
//! Everything here finds out at run time what it stands on (QEMU microvm, pc, q35, Firecracker, Cloud Hypervisor), so that one image serves all.
//! Neighbours: `arch-x86_64` below; the image above wires it to the scheduler and the drivers.
#![cfg_attr(not(test), no_std)]

pub mod apic;
pub mod clock;
pub mod debugcon;
#[cfg(feature = "smp")]
pub mod fwcfg;
pub mod mmio;
pub mod pci;
pub mod power;
pub mod pvh;
