//! The socket calls: sending, receiving, and the thin ones.

use crate::channel::{Channel, Message, Rights, Senders, Take};
use crate::connect::name_of;
use crate::socket::Role;
use crate::{AF_UNIX, Kind, UnixSocket};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use file::{Control, Credentials, Events, File, MsgFlags, Received, Shutdown, Sink, SockAddr, Socket, Source};
use uapi::{Errno, Result};

/// Largest piece of a stream that is one message: keeps single allocations small.
const PIECE: usize = 32 * 1024;

/// SCM_MAX_FD: descriptors in one message.
const MAX_RIGHTS: usize = 253;

/// What the caller's control messages came to.
struct Attached {
    credentials: Credentials,
    rights: Rights,
}

/// `len` bytes from the application.
fn take(src: &mut dyn Source, len: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let got = if len == 0 { 0 } else { src.take(&mut bytes)? };
    bytes.truncate(got);
    Ok(bytes)
}

impl UnixSocket {
    /// EINVAL: other control messages, too many descriptors. EPERM: someone else's credentials.
    fn attached(&self, control: Vec<Control>) -> Result<Attached> {
        let own = self.family.names.credentials();
        let mut attached = Attached { credentials: own, rights: Vec::new() };
        for item in control {
            match item {
                Control::Rights(mut rights) => attached.rights.append(&mut rights),
                Control::Credentials(claimed) if claimed == own || own.uid == 0 => attached.credentials = claimed,
                Control::Credentials(_) => return Err(Errno::EPERM),
                Control::Raw { .. } => return Err(Errno::EINVAL),
            }
        }
        if attached.rights.len() > MAX_RIGHTS { Err(Errno::EINVAL) } else { Ok(attached) }
    }

    fn message(&self, bytes: Vec<u8>, credentials: Credentials, rights: Rights) -> Message {
        Message { bytes, read: 0, from: self.state.lock().name.clone(), credentials, rights }
    }

    fn pending_error(&self) -> Result<()> {
        self.take_error().map_or(Ok(()), Err)
    }

    /// The channel to the connected peer. ENOTCONN; EPIPE after shutdown(2).
    fn outgoing(&self) -> Result<Arc<Channel>> {
        let state = self.state.lock();
        let Role::Connected(connection) = &state.role else { return Err(Errno::ENOTCONN) };
        if state.shut_write { Err(Errno::EPIPE) } else { Ok(connection.peer_channel.clone()) }
    }

    fn send_stream(&self, src: &mut dyn Source, attached: Attached) -> Result<usize> {
        let peer = self.outgoing()?;
        let room = self.room(true);
        let mut rights = attached.rights;
        let mut sent = 0;
        while src.remaining() > 0 {
            let result = if peer.must_wait(room, &self.queue) {
                Err(Errno::EAGAIN)
            } else if peer.refused() {
                Err(Errno::EPIPE)
            } else {
                let len = src.remaining().min(PIECE);
                take(src, len)
            };
            let pushed = result.and_then(|bytes| {
                let len = bytes.len();
                peer.push(self.message(bytes, attached.credentials, core::mem::take(&mut rights))).map(|()| len)
            });
            match pushed {
                Ok(0) => break,
                Ok(len) => sent += len,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn send_message(&self, src: &mut dyn Source, to: Option<&SockAddr>, attached: Attached) -> Result<usize> {
        let len = src.remaining();
        if len + 32 > self.options.send_limit() {
            return Err(Errno::EMSGSIZE);
        }
        let (channel, talks_back) = if self.kind == Kind::SeqPacket {
            (self.outgoing()?, true)
        } else {
            let peer = self.destination(to)?;
            (peer.inbox.clone(), self.talks_back(&peer))
        };
        if channel.refused() {
            return Err(Errno::EPIPE);
        }
        if channel.must_wait(self.room(talks_back), &self.queue) {
            return Err(Errno::EAGAIN);
        }
        let bytes = take(src, len)?;
        if bytes.len() < len {
            return Err(Errno::EFAULT);
        }
        channel.push(self.message(bytes, attached.credentials, attached.rights))?;
        Ok(len)
    }

    /// Who gets a datagram. ENOTCONN: no address and no default. ECONNREFUSED: the default destination is gone, and forgotten now.
    fn destination(&self, to: Option<&SockAddr>) -> Result<Arc<UnixSocket>> {
        if self.state.lock().shut_write {
            return Err(Errno::EPIPE);
        }
        self.autobind_if_asked()?;
        let Some(addr) = to else {
            let mut state = self.state.lock();
            let Role::Connected(connection) = &state.role else { return Err(Errno::ENOTCONN) };
            if let Some(peer) = connection.peer.upgrade() {
                return Ok(peer);
            }
            let gone = core::mem::replace(&mut state.role, Role::Idle);
            drop(state);
            drop(gone);
            return Err(Errno::ECONNREFUSED);
        };
        let peer = self.find(name_of(addr)?)?;
        if self.may_send(&peer) { Ok(peer) } else { Err(Errno::EPERM) }
    }

    /// What recv(2) says when nothing is queued.
    fn nothing(&self) -> Result<Received> {
        self.pending_error()?;
        if self.inbox.ended() || self.state.lock().shut_read {
            return Ok(Received::default());
        }
        Err(Errno::EAGAIN)
    }

    fn shut_reading(&self) {
        self.state.lock().shut_read = true;
        self.inbox.refuse();
        let peer = match &self.state.lock().role {
            Role::Connected(connection) => connection.peer.upgrade(),
            _ => None,
        };
        if let Some(peer) = peer {
            // Its writes are EPIPE now, and a hang-up if it has nothing to read either.
            peer.queue.wake(Events::WRITABLE | Events::HUP);
        }
    }

    fn shut_writing(&self) {
        self.state.lock().shut_write = true;
        if self.is_connection_oriented()
            && let Some(peer) = self.peer_channel()
        {
            peer.end(Events::HUP);
        }
    }
}

impl Socket for UnixSocket {
    fn identity(&self) -> (u16, u32, u32) {
        let kind = match self.kind {
            Kind::Stream => 1,
            Kind::Datagram => 2,
            Kind::SeqPacket => 5,
        };
        (AF_UNIX, kind, 0)
    }

    fn bind(&self, addr: &SockAddr) -> Result<()> {
        self.bind_to(name_of(addr)?)
    }

    fn listen(&self, backlog: usize) -> Result<()> {
        self.start_listening(backlog)
    }

    fn accept(&self) -> Result<(Arc<dyn File>, SockAddr)> {
        let socket = self.take_connection()?;
        let peer = socket.peer_addr()?;
        Ok((socket, peer))
    }

    fn connect(&self, addr: &SockAddr) -> Result<()> {
        self.connect_to(addr)
    }

    fn local_addr(&self) -> Result<SockAddr> {
        Ok(SockAddr::Unix(self.state.lock().name.to_vec()))
    }

    fn peer_addr(&self) -> Result<SockAddr> {
        match &self.state.lock().role {
            Role::Connected(connection) => Ok(SockAddr::Unix(connection.peer_name.to_vec())),
            _ => Err(Errno::ENOTCONN),
        }
    }

    fn send(&self, src: &mut dyn Source, to: Option<&SockAddr>, flags: MsgFlags, control: Vec<Control>) -> Result<usize> {
        if flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        self.pending_error()?;
        if self.kind == Kind::Stream && to.is_some() {
            let connected = matches!(self.state.lock().role, Role::Connected(_));
            return Err(if connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        let attached = self.attached(control)?;
        if self.kind == Kind::Stream { self.send_stream(src, attached) } else { self.send_message(src, to, attached) }
    }

    fn recv(&self, dst: &mut dyn Sink, flags: MsgFlags) -> Result<Received> {
        if flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.is_connection_oriented() && !matches!(self.state.lock().role, Role::Connected(_)) {
            return Err(if self.kind == Kind::Stream { Errno::EINVAL } else { Errno::ENOTCONN });
        }
        if self.kind == Kind::Stream && dst.remaining() == 0 {
            return Ok(Received::default());
        }
        let take = if flags.contains(MsgFlags::PEEK) { Take::Peek } else { Take::Consume };
        let wants_credentials = self.options.passes_credentials();
        let senders = if wants_credentials { Senders::Apart } else { Senders::Mixed };
        let Some(got) = self.inbox.pull(dst, take, senders)? else { return self.nothing() };
        let mut received = Received { copied: got.copied, full_len: got.full_len, ..Received::default() };
        received.flags.set(MsgFlags::TRUNC, got.copied < got.full_len);
        received.from = (!got.from.is_empty()).then(|| SockAddr::Unix(got.from.to_vec()));
        if wants_credentials {
            received.control.push(Control::Credentials(got.credentials));
        }
        if !got.rights.is_empty() {
            received.control.push(Control::Rights(got.rights));
        }
        Ok(received)
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.shut_reading();
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.shut_writing();
        }
        self.queue.wake(Events::READABLE | Events::WRITABLE | Events::RDHUP | Events::HUP);
        Ok(())
    }

    fn set_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.set_option_value(level, name, value)
    }

    fn get_option(&self, level: i32, name: i32) -> Result<Vec<u8>> {
        self.option_value(level, name)
    }

    fn take_error(&self) -> Option<Errno> {
        Errno::from_code(self.error.swap(0, Ordering::SeqCst))
    }

    fn timeouts_ns(&self) -> (Option<u64>, Option<u64>) {
        self.options.timeouts_ns()
    }

    fn receive_low_water(&self) -> usize {
        self.options.low_water()
    }
}
