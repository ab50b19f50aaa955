//! UDP.

use super::socket::{Direction, Socket, from_address, to_address};
use crate::io::Result;
use crate::time::Duration;
use alloc::vec::Vec;
use core::net::SocketAddr;
use file::{MsgFlags, SliceSink};
use uapi::Errno;
use uapi::net::SOCK_DGRAM;

/// A socket for datagrams.
pub struct UdpSocket(pub(crate) Socket);

impl UdpSocket {
    /// One at an address of this machine; port 0 is any free one.
    ///
    /// # Errors
    /// As bind(2).
    pub fn bind(address: impl Into<SocketAddr>) -> Result<Self> {
        let address = address.into();
        let socket = Socket::new(address, SOCK_DGRAM)?;
        socket.calls()?.bind(&to_address(address))?;
        Ok(Self(socket))
    }

    /// From here on talks to `address` alone.
    ///
    /// # Errors
    /// As connect(2).
    pub fn connect(&self, address: impl Into<SocketAddr>) -> Result<()> {
        Ok(self.0.calls()?.connect(&to_address(address.into()))?)
    }

    fn put(&self, buf: &[u8], to: Option<SocketAddr>) -> Result<usize> {
        let to = to.map(to_address);
        self.0.wait(Direction::Write, |calls| {
            let mut source = buf;
            calls.send(&mut source, to.as_ref(), MsgFlags::empty(), Vec::new())
        })
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// As sendto(2).
    pub fn send_to(&self, buf: &[u8], address: impl Into<SocketAddr>) -> Result<usize> {
        self.put(buf, Some(address.into()))
    }

    /// Sends one datagram to whom it is connected to.
    ///
    /// # Errors
    /// As send(2).
    pub fn send(&self, buf: &[u8]) -> Result<usize> {
        self.put(buf, None)
    }

    /// Waits for a datagram: its length, cut to `buf`, and who sent it.
    ///
    /// # Errors
    /// As recvfrom(2).
    pub fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr)> {
        let received = self.0.wait(Direction::Read, |calls| calls.recv(&mut SliceSink::new(buf), MsgFlags::empty()))?;
        Ok((received.copied, from_address(received.from.ok_or(Errno::ENOTCONN)?)?))
    }

    /// Waits for a datagram: its length, cut to `buf`.
    ///
    /// # Errors
    /// As recv(2).
    pub fn recv(&self, buf: &mut [u8]) -> Result<usize> {
        self.0.wait(Direction::Read, |calls| calls.recv(&mut SliceSink::new(buf), MsgFlags::empty()).map(|received| received.copied))
    }

    /// Where it is.
    ///
    /// # Errors
    /// As getsockname(2).
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Whether it fails instead of waiting.
    pub fn set_nonblocking(&self, is_on: bool) {
        self.0.set_nonblocking(is_on);
    }

    /// How long to wait for a datagram.
    ///
    /// # Errors
    /// EINVAL for no time at all.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> Result<()> {
        self.0.set_timeout(Direction::Read, limit)
    }
}
