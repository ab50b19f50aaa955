//! What the readiness calls read and write.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct pollfd` (poll(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PollFd {
    /// Descriptor; negative entries are skipped.
    pub fd: i32,
    /// Events asked for.
    pub events: u16,
    /// Events found.
    pub revents: u16,
}

/// `struct epoll_event` of x86_64, where it is packed (epoll_ctl(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, packed)]
pub struct EpollEventPacked {
    pub events: u32,
    /// The application's own word.
    pub data: u64,
}

impl EpollEventPacked {
    /// From its parts.
    pub fn new(events: u32, data: u64) -> Self {
        Self { events, data }
    }
}

/// `struct epoll_event` of the other architectures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EpollEvent {
    pub events: u32,
    pub pad: u32,
    /// The application's own word.
    pub data: u64,
}

impl EpollEvent {
    /// From its parts.
    pub fn new(events: u32, data: u64) -> Self {
        Self { events, pad: 0, data }
    }
}
