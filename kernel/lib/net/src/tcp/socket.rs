//! A TCP socket as the application has it: [`File`] and [`Socket`] over a connection in the table.
//!
//! User memory is copied without the stack's lock: a chunk is taken off or prepared under the lock, copied, and put back.

use super::output::Force;
use super::urgent::Peek;
use super::{Connection, State};
use crate::addr::{Endpoint, Family};
use crate::chunks::Chunk;
use crate::handle::Handle;
use crate::output::Net;
use crate::stack::{Core, Shared};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use file::{Control, Events, File, MsgFlags, OpenFlags, Received, Shutdown, Sink, SockAddr, Socket, Source, Stat, UserMemory, WaitQueue};
use uapi::net as c;
use uapi::{Errno, Result};

/// Bytes copied from the application at a time.
const SEND_STEP: usize = 32 * 1024;
/// Writes up to this size join the last chunk instead of making a new one.
const SMALL_SEND: usize = 256;

/// What happens to bytes that are received.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taking {
    /// They go to the application.
    Copy,
    /// They are thrown away (MSG_TRUNC, tcp(7)).
    Discard,
}

/// A TCP socket. Dropping it closes it.
pub(crate) struct TcpSocket {
    shared: Arc<Shared>,
    id: u32,
    family: Family,
    handle: Arc<Handle>,
    inode: u64,
}

impl TcpSocket {
    /// socket(2).
    pub fn create(shared: &Arc<Shared>, family: Family) -> Arc<TcpSocket> {
        let handle = Handle::new();
        let connection = Connection::new(family, Connection::default_options(), handle.clone());
        let (id, inode) = shared.quietly(|core| (core.tcp.insert(connection), core.net.new_inode()));
        Arc::new(TcpSocket { shared: shared.clone(), id, family, handle, inode })
    }

    fn with<R>(&self, f: impl FnOnce(&mut Connection, &mut Net) -> Result<R>) -> Result<R> {
        self.shared.with(|core| f(core.tcp.get(self.id)?, &mut core.net))
    }

    /// recv(2) with MSG_OOB.
    fn receive_urgent(&self, dst: &mut dyn Sink, peek: Peek) -> Result<Received> {
        let byte = self.with(|connection, _| {
            if connection.state == State::Closed && !connection.fin_received {
                return Err(Errno::ENOTCONN);
            }
            let byte = connection.urgent.take(peek);
            connection.publish();
            match byte {
                Err(Errno::EAGAIN) if connection.rx_shut => Ok(None),
                other => other.map(Some),
            }
        })?;
        let Some(byte) = byte else { return Ok(Received::default()) };
        let (copied, flags) = if dst.remaining() > 0 { (dst.put(&[byte])?, MsgFlags::OOB) } else { (0, MsgFlags::OOB | MsgFlags::TRUNC) };
        Ok(Received { copied, full_len: 1, flags, ..Received::default() })
    }

    /// Queues up to [`SMALL_SEND`] bytes behind those that wait.
    fn send_small(&self, src: &mut dyn Source, len: usize, more: bool) -> Result<usize> {
        let mut buffer = [0; SMALL_SEND];
        let got = src.take(&mut buffer[..len.min(SMALL_SEND)])?;
        self.with(|connection, net| {
            connection.may_send()?;
            connection.tx.append(&buffer[..got]);
            connection.queued_for_sending(net, got, more);
            Ok(got)
        })
    }

    /// Room for the next bytes: how many, and a chunk for them (none when they fit behind the last).
    fn prepare(&self, want: usize) -> Result<(usize, Option<Chunk>)> {
        self.shared.quietly(|core| {
            let connection = core.tcp.get(self.id)?;
            connection.may_send()?;
            let len = connection.write_room(&core.net).min(want).min(SEND_STEP);
            if len == 0 && want > 0 {
                connection.no_space = true;
                connection.publish();
                return Err(Errno::EAGAIN);
            }
            let joins = len <= SMALL_SEND && connection.tx.fits_in_last(len);
            Ok((len, if joins { None } else { Some(connection.tx.empty_chunk(len)) }))
        })
    }

    fn peek(&self, dst: &mut dyn Sink) -> Result<usize> {
        let want = dst.remaining();
        let bytes = self.with(|connection, net| {
            let readable = connection.pass_urgent(net);
            connection.may_receive()?;
            let mut bytes = alloc::vec![0; want.min(readable)];
            connection.rx.copy(0, &mut bytes);
            Ok(bytes)
        })?;
        if bytes.is_empty() { Ok(0) } else { dst.put(&bytes) }
    }

    fn receive(&self, dst: &mut dyn Sink, taking: Taking) -> Result<usize> {
        let mut left = dst.remaining();
        let mut done = 0;
        // The chunk that was read from last, and how much.
        let mut finished: Option<(Chunk, usize)> = None;
        let mut failure = None;
        loop {
            let back = finished.take();
            let stop = failure.is_some() || (left == 0 && back.is_some());
            let next = self.shared.quietly(|core| {
                let connection = core.tcp.get(self.id)?;
                match back {
                    Some((chunk, used)) => connection.read_finished(&mut core.net, chunk, used),
                    None => {
                        let readable = connection.pass_urgent(&mut core.net);
                        connection.may_receive()?;
                        left = left.min(readable);
                    }
                }
                let chunk = if stop || left == 0 { None } else { connection.rx.pop() };
                match &chunk {
                    Some(chunk) => connection.reading += chunk.bytes().len(),
                    // Once, at the end: until then poll(2) may find more than there is, as it may whenever two read.
                    None => connection.publish(),
                }
                Ok(chunk)
            })?;
            let Some(mut chunk) = next else { break };
            let len = chunk.bytes().len().min(left);
            let copied = match taking {
                Taking::Discard => Ok(len),
                Taking::Copy => dst.put(&chunk.bytes()[..len]),
            };
            let used = copied.unwrap_or(0);
            if used < len {
                failure = Some(copied.err().unwrap_or(Errno::EFAULT));
            }
            chunk.consume(used);
            done += used;
            left -= used;
            finished = Some((chunk, used));
        }
        match failure {
            Some(error) if done == 0 => Err(error),
            _ => Ok(done),
        }
    }

    fn endpoint(&self, addr: &SockAddr) -> Result<(Endpoint, u32)> {
        crate::stack::endpoint_of(addr, self.family)
    }
}

impl Drop for TcpSocket {
    fn drop(&mut self) {
        self.shared.with(|core| core.tcp.close(&mut core.net, self.id));
    }
}

impl File for TcpSocket {
    fn read(&self, dst: &mut dyn Sink, _: OpenFlags) -> Result<usize> {
        self.receive(dst, Taking::Copy)
    }
    fn write(&self, src: &mut dyn Source, _: OpenFlags) -> Result<usize> {
        self.send(src, None, MsgFlags::empty(), Vec::new())
    }
    fn poll(&self) -> Events {
        self.handle.ready()
    }
    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.handle.queue)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(Stat::socket(self.inode))
    }
    fn ioctl(&self, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
        let counts = |core: &mut Core| {
            let connection = core.tcp.get(self.id)?;
            let count = match command {
                uapi::ioctl::FIONREAD if connection.state == State::Listen => return Err(Errno::EINVAL),
                uapi::ioctl::FIONREAD => connection.urgent.readable(connection.rx.len()),
                crate::ioctl::SIOCATMARK => usize::from(connection.urgent.at_mark()),
                uapi::ioctl::TIOCOUTQ => connection.tx.len(),
                _ => connection.unsent(),
            };
            Ok(i32::try_from(count).unwrap_or(i32::MAX))
        };
        match command {
            uapi::ioctl::FIONREAD | uapi::ioctl::TIOCOUTQ | crate::ioctl::SIOCOUTQNSD | crate::ioctl::SIOCATMARK => {
                let count = self.shared.quietly(counts)?;
                user.write(arg, &count)?;
                Ok(0)
            }
            _ => crate::ioctl::interface_ioctl(&self.shared, command, arg, user),
        }
    }
    fn as_socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Socket for TcpSocket {
    fn identity(&self) -> (u16, u32, u32) {
        (crate::stack::domain(self.family), c::SOCK_STREAM, c::IPPROTO_TCP as u32)
    }

    fn bind(&self, addr: &SockAddr) -> Result<()> {
        let (to, _) = self.endpoint(addr)?;
        self.shared.with(|core| core.tcp.bind(&mut core.net, self.id, to))
    }

    fn listen(&self, backlog: usize) -> Result<()> {
        self.shared.with(|core| core.tcp.listen(&mut core.net, self.id, backlog))
    }

    fn accept(&self) -> Result<(Arc<dyn File>, SockAddr)> {
        let (id, remote, handle, inode) = self.shared.quietly(|core| {
            let id = core.tcp.accept(self.id)?;
            let inode = core.net.new_inode();
            let connection = core.tcp.get(id)?;
            Ok::<_, Errno>((id, connection.remote, connection.handle.clone(), inode))
        })?;
        let socket = TcpSocket { shared: self.shared.clone(), id, family: self.family, handle, inode };
        Ok((Arc::new(socket), self.family.show(remote, 0)))
    }

    fn connect(&self, addr: &SockAddr) -> Result<()> {
        if *addr == SockAddr::Unspecified {
            return self.shared.with(|core| core.tcp.disconnect(&mut core.net, self.id));
        }
        let (to, scope) = self.endpoint(addr)?;
        self.shared.with(|core| core.tcp.connect(&mut core.net, self.id, to, scope))
    }

    fn local_addr(&self) -> Result<SockAddr> {
        self.with(|connection, _| Ok(self.family.show(connection.local, 0)))
    }

    fn peer_addr(&self) -> Result<SockAddr> {
        self.with(|connection, _| {
            let connected = connection.state.synchronised() || connection.state == State::SynReceived;
            if connected { Ok(self.family.show(connection.remote, 0)) } else { Err(Errno::ENOTCONN) }
        })
    }

    fn send(&self, src: &mut dyn Source, _to: Option<&SockAddr>, flags: MsgFlags, _control: Vec<Control>) -> Result<usize> {
        // What is urgent goes out with its mark, not before.
        let more = flags.intersects(MsgFlags::MORE | MsgFlags::OOB);
        let mut done = 0;
        loop {
            let want = src.remaining();
            if want == 0 && done > 0 {
                if flags.contains(MsgFlags::OOB) {
                    // The last byte is the urgent one; nothing holds it back.
                    self.with(|connection, net| {
                        connection.mark_urgent();
                        connection.output(net, Force::Yes);
                        Ok(())
                    })?;
                }
                return Ok(done);
            }
            let step = self.prepare(want).and_then(|(len, chunk)| {
                let Some(mut chunk) = chunk else { return self.send_small(src, len, more) };
                let got = if len > 0 { src.take(&mut chunk.room()[..len])? } else { 0 };
                chunk.grow(got);
                self.with(|connection, net| {
                    connection.may_send()?;
                    connection.tx.push(chunk);
                    // Segments wait for nothing when more of this very call follows.
                    connection.queued_for_sending(net, got, more);
                    Ok(got)
                })
            });
            match step {
                Ok(0) => return Ok(done),
                Ok(n) => done += n,
                Err(error) if done == 0 => return Err(error),
                Err(_) => return Ok(done),
            }
        }
    }

    fn recv(&self, dst: &mut dyn Sink, flags: MsgFlags) -> Result<Received> {
        if flags.contains(MsgFlags::OOB) {
            return self.receive_urgent(dst, if flags.contains(MsgFlags::PEEK) { Peek::Yes } else { Peek::No });
        }
        if flags.contains(MsgFlags::ERRQUEUE) {
            return Err(Errno::EAGAIN);
        }
        let copied = if flags.contains(MsgFlags::PEEK) {
            self.peek(dst)?
        } else {
            self.receive(dst, if flags.contains(MsgFlags::TRUNC) { Taking::Discard } else { Taking::Copy })?
        };
        Ok(Received { copied, full_len: copied, ..Received::default() })
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        self.shared.with(|core| {
            let connection = core.tcp.get(self.id)?;
            let before = connection.state;
            match before {
                State::Listen if how != Shutdown::Write => return core.tcp.disconnect(&mut core.net, self.id),
                State::Listen => return Err(Errno::ENOTCONN),
                State::Closed | State::TimeWait => {
                    // An error, and yet done: reading then ends, writing is EPIPE.
                    connection.rx_shut |= how != Shutdown::Write;
                    connection.tx_shut |= how != Shutdown::Read;
                    connection.wake(&mut core.net, Events::READABLE | Events::WRITABLE | Events::RDHUP | Events::HUP);
                    return Err(Errno::ENOTCONN);
                }
                State::SynSent => {
                    connection.kill(&mut core.net, Some(Errno::ECONNRESET));
                    core.tcp.after(&mut core.net, self.id, before);
                    return Ok(());
                }
                _ => {}
            }
            if how != Shutdown::Write {
                connection.rx_shut = true;
                connection.wake(&mut core.net, Events::READABLE | Events::RDHUP);
            }
            if how != Shutdown::Read {
                connection.shut_writing(&mut core.net);
                connection.wake(&mut core.net, Events::WRITABLE | Events::HUP);
            }
            core.tcp.after(&mut core.net, self.id, before);
            Ok(())
        })
    }

    fn set_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.shared.with(|core| core.tcp.set_option(&mut core.net, self.id, level, name, value))
    }

    fn get_option(&self, level: i32, name: i32) -> Result<Vec<u8>> {
        if let Some(value) = crate::stack::identity_option(self, level, name) {
            return value;
        }
        self.with(|connection, net| connection.get_option(net, level, name))
    }

    fn take_error(&self) -> Option<Errno> {
        self.with(|connection, _| {
            let error = connection.error.take();
            connection.publish();
            Ok(error)
        })
        .ok()
        .flatten()
    }

    fn timeouts_ns(&self) -> (Option<u64>, Option<u64>) {
        let timeouts = |connection: &mut Connection, _: &mut Net| Ok((connection.options.receive_timeout, connection.options.send_timeout));
        self.with(timeouts).unwrap_or((None, None))
    }

    fn receive_low_water(&self) -> usize {
        self.shared.quietly(|core| core.tcp.get(self.id).map_or(1, |connection| connection.options.receive_low_water))
    }
}
