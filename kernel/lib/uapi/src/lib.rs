//! The Linux user-space interface: error numbers, constants and structures.
//!
//! Constants come from `linux-raw-sys` (generated from the kernel's own headers); [`Errno`] is the error type of the whole
//! library OS. Structures that cross the user boundary are in [`types`], each readable and writable as plain bytes
//! (`zerocopy`), so that no crate above needs `unsafe` to move them.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod errno;
pub mod names;
pub mod types;

pub use errno::{Errno, Result};
pub use linux_raw_sys::{auxvec, elf, general, ioctl, net, netlink, prctl, system};
