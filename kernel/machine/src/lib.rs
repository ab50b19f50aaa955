//! The machine: all that an image needs whatever runs on it, put together from `arch`, `plat`, the drivers and the libraries below processes.
//!
//! [`start()`] brings up the CPU, memory, the command line, clock and log, on the boot stack. What runs on the machine (`image`: Linux programs; `pith-app`: a Rust program
//! that is part of the image) then makes the scheduler and a [`Console`](console::Console), and brings up files, devices and the network ([`World`]); it
//! defines what is called from below (`pith_start`, `pith_syscall`, `pith_trap`, `pith_first_exit`, `pith_signal`), over [`traps`], and ends by [`end`].
//!
//! The heap and the panic handler of the image are here: nothing but an image can link this crate.
#![no_std]

extern crate alloc;

#[cfg(feature = "application")]
pub mod application;
pub mod attached;
mod config {
    include!(concat!(env!("OUT_DIR"), "/config.rs"));
}
pub mod console;
#[cfg(feature = "smp")]
pub mod cpus;
#[cfg(feature = "virtio")]
pub mod devices;
pub mod end;
pub mod files;
pub mod interrupts;
pub mod log;
pub mod memory;
#[cfg(feature = "net")]
pub mod network;
mod panic;
pub mod pc;
pub mod random;
pub mod space;
mod start;
pub mod stdio;
pub mod traps;
#[cfg(feature = "ninep")]
pub mod volumes;
mod world;

pub use start::{initrd, start, step};
pub use world::World;
