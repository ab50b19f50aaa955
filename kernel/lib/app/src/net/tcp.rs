//! TCP.

use super::socket::{Direction, Socket, from_address, to_address};
use crate::io::{Error, Read, Result, Write};
use crate::sys;
use crate::time::Duration;
use alloc::vec::Vec;
use core::net::SocketAddr;
use file::{MsgFlags, Shutdown, SliceSink};
use uapi::Errno;
use uapi::net::{SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, SOL_TCP, TCP_NODELAY};
use wait::Events;

/// Connections that may wait to be accepted.
const BACKLOG: usize = 1024;

/// A socket that connections come to.
pub struct TcpListener(pub(crate) Socket);

impl TcpListener {
    /// Listens at an address of this machine; port 0 is any free one.
    ///
    /// # Errors
    /// As bind(2) and listen(2).
    pub fn bind(address: impl Into<SocketAddr>) -> Result<Self> {
        let address = address.into();
        let socket = Socket::new(address, SOCK_STREAM)?;
        socket.option(SOL_SOCKET, SO_REUSEADDR, 1)?;
        let calls = socket.calls()?;
        calls.bind(&to_address(address))?;
        calls.listen(BACKLOG)?;
        Ok(Self(socket))
    }

    /// Waits for a connection; who it is from.
    ///
    /// # Errors
    /// As accept(2).
    pub fn accept(&self) -> Result<(TcpStream, SocketAddr)> {
        let (file, peer) = self.0.wait(Direction::Read, |calls| calls.accept())?;
        Ok((TcpStream(Socket::of(file)), from_address(peer)?))
    }

    /// Connections as they come.
    pub fn incoming(&self) -> impl Iterator<Item = Result<TcpStream>> + '_ {
        core::iter::repeat_with(|| self.accept().map(|(stream, _)| stream))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// As getsockname(2).
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Whether [`accept`](Self::accept) fails instead of waiting.
    pub fn set_nonblocking(&self, is_on: bool) {
        self.0.set_nonblocking(is_on);
    }
}

/// A connection.
pub struct TcpStream(pub(crate) Socket);

impl TcpStream {
    /// Connects.
    ///
    /// # Errors
    /// As connect(2).
    pub fn connect(address: impl Into<SocketAddr>) -> Result<Self> {
        Self::connect_until(address.into(), None)
    }

    /// Connects within `limit`.
    ///
    /// # Errors
    /// As connect(2); ETIMEDOUT.
    pub fn connect_timeout(address: impl Into<SocketAddr>, limit: Duration) -> Result<Self> {
        Self::connect_until(address.into(), sys::deadline(limit))
    }

    fn connect_until(address: SocketAddr, deadline: Option<u64>) -> Result<Self> {
        let socket = Socket::new(address, SOCK_STREAM)?;
        match socket.calls()?.connect(&to_address(address)) {
            Ok(()) => return Ok(Self(socket)),
            Err(Errno::EINPROGRESS) => {}
            Err(errno) => return Err(errno.into()),
        }
        let file = socket.file();
        let is_settled = || if file.poll().intersects(Events::OUT | Events::ALWAYS) { Ok(()) } else { Err(Errno::EAGAIN) };
        socket.wait_until(Direction::Write, deadline, is_settled)?;
        match socket.take_error()? {
            Some(error) => Err(error),
            None => Ok(Self(socket)),
        }
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// ENOTCONN.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// Who is at this end.
    ///
    /// # Errors
    /// As getsockname(2).
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Ends one direction or both.
    ///
    /// # Errors
    /// ENOTCONN.
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        Ok(self.0.calls()?.shutdown(how)?)
    }

    /// Whether small pieces are sent at once.
    ///
    /// # Errors
    /// As setsockopt(2).
    pub fn set_nodelay(&self, is_on: bool) -> Result<()> {
        self.0.option(SOL_TCP, TCP_NODELAY, is_on.into())
    }

    /// Whether reading and writing fail instead of waiting.
    pub fn set_nonblocking(&self, is_on: bool) {
        self.0.set_nonblocking(is_on);
    }

    /// How long to wait for something to read.
    ///
    /// # Errors
    /// EINVAL for no time at all.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> Result<()> {
        self.0.set_timeout(Direction::Read, limit)
    }

    /// How long to wait for room to write.
    ///
    /// # Errors
    /// EINVAL for no time at all.
    pub fn set_write_timeout(&self, limit: Option<Duration>) -> Result<()> {
        self.0.set_timeout(Direction::Write, limit)
    }

    /// What went wrong since it was asked last.
    ///
    /// # Errors
    /// As getsockopt(2).
    pub fn take_error(&self) -> Result<Option<Error>> {
        self.0.take_error()
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.0.wait(Direction::Read, |calls| calls.recv(&mut SliceSink::new(buf), MsgFlags::empty()).map(|received| received.copied))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        self.0.wait(Direction::Write, |calls| {
            let mut source = buf;
            calls.send(&mut source, None, MsgFlags::empty(), Vec::new())
        })
    }
}

impl Read for TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        (&*self).read(buf)
    }
}

impl Write for TcpStream {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        (&*self).write(buf)
    }
}
