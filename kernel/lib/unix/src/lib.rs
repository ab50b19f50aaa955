//! AF_UNIX sockets (unix(7)).
//!
//! From the bottom up:
//! - [`channel`] is one direction: messages with their credentials and passed descriptors, from any number of writers to one reader.
//! - [`UnixSocket`] is a socket of any of the three types; it owns the channel it reads from. A connection is two channels, each held by
//!   both ends, so no end owns the other.
//! - [`Family`] makes sockets and keeps the abstract names; names in the file system are behind [`SocketNames`].
//!
//! Nothing blocks: EAGAIN, and the socket's wait queue.
//!
//! Neighbours: `file` (the `Socket` trait), `vfs` (socket inodes, by way of [`at`]), `syscall` (control messages, blocking).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "vfs")]
pub mod at;
mod calls;
mod channel;
mod connect;
mod family;
mod options;
mod socket;

pub use family::{Family, SocketNames};
pub use socket::{Kind, UnixSocket};

/// `AF_UNIX`.
pub const AF_UNIX: u16 = 1;

/// `sun_path`'s size in bytes.
pub const PATH_MAX: usize = 108;

#[cfg(test)]
mod tests;
