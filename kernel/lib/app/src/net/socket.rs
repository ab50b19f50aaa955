//! What all sockets have: calls that wait, for as long as they may.

use crate::io::{Error, Result};
use crate::sys;
use crate::time::Duration;
use alloc::sync::Arc;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use file::{File, SockAddr, Socket as Calls};
use machine::application::surroundings;
use uapi::Errno;
use uapi::net::{AF_INET, AF_INET6};
use wait::Events;

/// No limit of time.
const FOR_EVER: u64 = u64::MAX;

/// One socket of the stack.
pub struct Socket {
    file: Arc<dyn File>,
    /// Tells sockets apart in a [`Poll`](crate::poll::Poll).
    id: i32,
    is_nonblocking: AtomicBool,
    read_ns: AtomicU64,
    write_ns: AtomicU64,
}

/// Which limit of time counts.
#[derive(Clone, Copy)]
pub enum Direction {
    Read,
    Write,
}

pub fn to_address(address: SocketAddr) -> SockAddr {
    match address {
        SocketAddr::V4(v4) => SockAddr::V4(v4),
        SocketAddr::V6(v6) => SockAddr::V6(v6),
    }
}

pub fn from_address(address: SockAddr) -> Result<SocketAddr> {
    match address {
        SockAddr::V4(v4) => Ok(SocketAddr::V4(v4)),
        SockAddr::V6(v6) => Ok(SocketAddr::V6(v6)),
        _ => Err(Errno::EAFNOSUPPORT.into()),
    }
}

impl Socket {
    /// A new one that can have `address`.
    pub fn new(address: SocketAddr, kind: u32) -> Result<Self> {
        let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
        let family = u16::try_from(family).map_err(|_| Errno::EAFNOSUPPORT)?;
        Ok(Self::of(surroundings().network.socket(family, kind, 0)?))
    }

    pub fn of(file: Arc<dyn File>) -> Self {
        static NEXT: AtomicI32 = AtomicI32::new(0);
        // It may come round: the file counts too.
        let id = NEXT.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        Self { file, id, is_nonblocking: AtomicBool::new(false), read_ns: AtomicU64::new(FOR_EVER), write_ns: AtomicU64::new(FOR_EVER) }
    }

    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    pub fn id(&self) -> i32 {
        self.id
    }

    pub fn calls(&self) -> Result<&dyn Calls> {
        self.file.as_socket().ok_or(Error::from(Errno::ENOTSOCK))
    }

    pub fn set_nonblocking(&self, is_on: bool) {
        self.is_nonblocking.store(is_on, Ordering::Relaxed);
    }

    pub fn set_timeout(&self, direction: Direction, limit: Option<Duration>) -> Result<()> {
        let limit = match limit {
            Some(Duration::ZERO) => return Err(Errno::EINVAL.into()),
            Some(limit) => u64::try_from(limit.as_nanos()).unwrap_or(FOR_EVER),
            None => FOR_EVER,
        };
        self.limit(direction).store(limit, Ordering::Relaxed);
        Ok(())
    }

    fn limit(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Read => &self.read_ns,
            Direction::Write => &self.write_ns,
        }
    }

    /// Does `call` until it says something else than EAGAIN.
    pub fn wait<T>(&self, direction: Direction, mut call: impl FnMut(&dyn Calls) -> uapi::Result<T>) -> Result<T> {
        let calls = self.calls()?;
        if self.is_nonblocking.load(Ordering::Relaxed) {
            return call(calls).map_err(Error::from);
        }
        let deadline = match self.limit(direction).load(Ordering::Relaxed) {
            FOR_EVER => None,
            limit => Some(sys::now_ns().saturating_add(limit)),
        };
        self.wait_until(direction, deadline, || call(calls))
    }

    /// Does `call` until it says something else than EAGAIN or it is `deadline`.
    pub fn wait_until<T>(&self, direction: Direction, deadline: Option<u64>, mut call: impl FnMut() -> uapi::Result<T>) -> Result<T> {
        let queue = self.file.wait_queue().ok_or(Errno::EINVAL)?;
        let events = match direction {
            Direction::Read => Events::READABLE,
            Direction::Write => Events::WRITABLE,
        };
        let mut result = Err(Errno::EAGAIN);
        let is_done = sys::wait_on(&[(queue, events)], deadline, &mut || {
            result = call();
            !matches!(result, Err(Errno::EAGAIN))
        });
        if is_done { result.map_err(Error::from) } else { Err(Errno::ETIMEDOUT.into()) }
    }

    pub fn option(&self, level: u32, name: u32, value: i32) -> Result<()> {
        let (level, name) = (i32::try_from(level), i32::try_from(name));
        let (Ok(level), Ok(name)) = (level, name) else { return Err(Errno::ENOPROTOOPT.into()) };
        Ok(self.calls()?.set_option(level, name, &value.to_ne_bytes())?)
    }

    pub fn local_addr(&self) -> Result<SocketAddr> {
        from_address(self.calls()?.local_addr()?)
    }

    pub fn peer_addr(&self) -> Result<SocketAddr> {
        from_address(self.calls()?.peer_addr()?)
    }

    pub fn take_error(&self) -> Result<Option<Error>> {
        Ok(self.calls()?.take_error().map(Error::from))
    }
}
