//! Waiting for many sockets at once, so that one thread can serve them all: epoll's lists, with mio's names.

use crate::io::Result;
use crate::net::{Socket, TcpListener, TcpStream, UdpSocket};
use crate::sys;
use crate::time::Duration;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::BitOr;
use epoll::{EpollFile, Op};
use file::{File, Stat};
use wait::Events as Bits;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest(u32);

impl Interest {
    /// Something to read, a connection to accept, the other side's end.
    pub const READABLE: Self = Self(Bits::IN.union(Bits::RDHUP).bits());
    /// Room to write.
    pub const WRITABLE: Self = Self(Bits::OUT.bits());
}

impl BitOr for Interest {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A socket that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    bits: Bits,
    token: usize,
}

impl Event {
    /// What it was registered with.
    pub fn token(&self) -> usize {
        self.token
    }
    /// Whether reading will not wait.
    pub fn is_readable(&self) -> bool {
        self.bits.intersects(Bits::IN | Bits::RDHUP | Bits::ALWAYS)
    }
    /// Whether writing will not wait.
    pub fn is_writable(&self) -> bool {
        self.bits.intersects(Bits::OUT | Bits::ALWAYS)
    }
    /// Whether the connection is broken or over.
    pub fn is_closed(&self) -> bool {
        self.bits.intersects(Bits::ALWAYS)
    }
}

/// What can be waited for: sockets.
pub trait Source: sealed::Sealed {}

mod sealed {
    use crate::net::Socket;
    pub trait Sealed {
        fn socket(&self) -> &Socket;
    }
}

macro_rules! sources {
    ($($name:ident)*) => { $(
        impl sealed::Sealed for $name {
            fn socket(&self) -> &Socket {
                &self.0
            }
        }
        impl Source for $name {}
    )* };
}
sources!(TcpListener TcpStream UdpSocket);

/// Sockets to wait for. One that is dropped takes itself out.
pub struct Poll(Arc<EpollFile>);

impl Default for Poll {
    fn default() -> Self {
        Self(EpollFile::new(Stat::default()))
    }
}

impl Poll {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn change(&self, source: &impl Source, op: Op) -> Result<()> {
        let socket = sealed::Sealed::socket(source);
        Ok(self.0.ctl(op, socket.id(), socket.file())?)
    }

    /// Reports `source` with `token` whenever it is ready, for as long as it is.
    ///
    /// # Errors
    /// EEXIST: it is registered.
    pub fn register(&self, source: &impl Source, token: usize, interest: Interest) -> Result<()> {
        self.change(source, Op::Add(interest.0, token as u64))
    }

    /// Changes what is reported of `source`.
    ///
    /// # Errors
    /// ENOENT: it is not registered.
    pub fn reregister(&self, source: &impl Source, token: usize, interest: Interest) -> Result<()> {
        self.change(source, Op::Modify(interest.0, token as u64))
    }

    /// Reports nothing of `source` any more.
    ///
    /// # Errors
    /// ENOENT: it is not registered.
    pub fn deregister(&self, source: &impl Source) -> Result<()> {
        self.change(source, Op::Delete)
    }

    /// Waits until something is ready, for `limit` at most, and puts up to `max` of it into `events` instead of what is there.
    pub fn poll(&self, events: &mut Vec<Event>, max: usize, limit: Option<Duration>) {
        let deadline = limit.and_then(sys::deadline);
        events.clear();
        let look = &mut || {
            // The reporter cannot fail.
            let _ = self.0.collect_with(max, &mut |bits, token| {
                events.push(Event { bits: Bits::from_bits_truncate(bits), token: usize::try_from(token).unwrap_or(usize::MAX) });
                Ok(())
            });
            !events.is_empty()
        };
        if let Some(queue) = self.0.wait_queue() {
            sys::wait_on(&[(queue, Bits::READABLE)], deadline, look);
        }
    }
}
