//! The CPU: traps, context switch, page tables, system-call entry.
//!
//! Lowest layer of the library OS, x86_64. Key types: [`UserRegs`] (the application's registers at entry), [`context::Context`] (a thread's kernel
//! side), [`fpu::FpuState`], [`percpu::PerCpu`]. All with feature `machine` is code that only runs on the bare machine; without it the crate holds the
//! pure parts (register layout, page-table format, signal frames), which host tests use.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

#[cfg(feature = "machine")]
pub mod boot;
#[cfg(feature = "machine")]
pub mod context;
pub mod cpu;
#[cfg(feature = "machine")]
pub mod entry;
pub mod fpu;
pub mod paging;
#[cfg(feature = "machine")]
pub mod percpu;
pub mod regs;
pub mod sigframe;
#[cfg(all(feature = "machine", feature = "smp"))]
pub mod smp;
#[cfg(feature = "machine")]
mod string;
#[cfg(feature = "machine")]
pub mod usercopy;
pub mod vdso;

pub use regs::UserRegs;

/// What is added to a physical address to get the kernel image's virtual one.
pub const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;
/// Where all physical memory is mapped.
pub const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;
