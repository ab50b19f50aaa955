//! The few /sys files that programs read (sysfs(5)): CPUs, the memory node, huge pages, the clock source.
//!
//! [`Sysfs`] is the file system; what it shows comes from a [`SysSource`]. The tree is one table, [`tree`](mod@tree); nothing is kept in
//! memory for it and everything is read-only.
//!
//! Neighbours: `vfs` below; the image provides the data.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod inode;
mod tree;

pub use inode::Sysfs;

/// When mappings get 2 MiB pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugePages {
    /// Never.
    Never,
    /// Where a program asks for it (MADV_HUGEPAGE).
    Advised,
    /// Wherever memory allows.
    Always,
}

/// The machine as /sys shows it.
pub trait SysSource: Send + Sync {
    /// CPUs that run; they are numbered from 0.
    fn cpus(&self) -> u32;
    /// Bytes of memory: in all, and free.
    fn memory(&self) -> (u64, u64);
    /// Name of the clock source in use (`kvm-clock`, `tsc`).
    fn clock_source(&self) -> &str;
    /// Whether large aligned mappings may get 2 MiB pages.
    fn huge_pages(&self) -> HugePages {
        HugePages::Never
    }
    /// Bytes in a line of the first-level data cache.
    fn cache_line(&self) -> u32 {
        64
    }
}

#[cfg(test)]
mod tests;
