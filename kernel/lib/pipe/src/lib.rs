//! Pipes and FIFOs (pipe(7), fifo(7)).
//!
//! [`pipe`] makes an anonymous pipe and gives its two ends; [`FifoPipe`] is the pipe behind a FIFO's inode, opened any number of times.
//! Both ends are [`PipeEnd`]s over one shared buffer of page-sized slots. A slot is allocated when data comes and freed when it has been
//! read, so an idle pipe costs one page at most.
//!
//! Neighbours: `vfs` opens FIFOs through [`Fifos`]; `syscall` asks [`PipeEnd::capacity`] for F_GETPIPE_SZ and
//! [`PipeEnd::awaits_peer`] while an open(2) blocks.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod end;
mod fifo;
mod slots;

pub use end::{PipeEnd, pipe};
pub use fifo::FifoPipe;
#[cfg(feature = "vfs")]
pub use fifo::Fifos;

/// Writes of at most this many bytes are atomic (pipe(7)); also the size of a slot.
pub const PIPE_BUF: usize = 4096;

/// Capacity of a new pipe in bytes (pipe(7)).
pub const DEFAULT_CAPACITY: usize = 16 * PIPE_BUF;

/// What an unprivileged program may set at most, in bytes (/proc/sys/fs/pipe-max-size).
pub const MAX_CAPACITY: usize = 1 << 20;

#[cfg(test)]
mod tests;
