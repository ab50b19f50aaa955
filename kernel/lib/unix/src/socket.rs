//! The socket: its state, and what it does as a file.

use crate::Family;
use crate::channel::{Bounds, Channel, DEFAULT_LIMIT, Room};
use crate::options::Options;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use file::{Credentials, Events, File, MsgFlags, OpenFlags, Sink, Socket, Source, Stat, UserMemory, WaitQueue};
use spinlock::Mutex;
use uapi::{Errno, Result, ioctl};

/// SIOCOUTQ: bytes sent and not yet read.
const SIOCOUTQ: u32 = 0x5411;

/// What a writable socket of this family reports: Linux sets POLLWRBAND here and nowhere else.
pub(crate) const WRITABLE: Events = Events::WRITABLE.union(Events::WRBAND);

/// The socket's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SOCK_STREAM.
    Stream,
    /// SOCK_DGRAM.
    Datagram,
    /// SOCK_SEQPACKET.
    SeqPacket,
}

/// One end of a connection, or a datagram socket's own mailbox and default destination.
pub(crate) struct Connection {
    /// Where the other end writes to.
    pub peer_channel: Arc<Channel>,
    /// The other end, as far as it is still there: its error, its queue, its name.
    pub peer: Weak<UnixSocket>,
    pub peer_name: Arc<[u8]>,
    pub peer_credentials: Credentials,
}

/// A listening socket's queue.
pub(crate) struct Listening {
    pub backlog: usize,
    pub ready: VecDeque<Arc<UnixSocket>>,
    pub credentials: Credentials,
    /// Connecting sockets that found the queue full.
    pub waiting: Vec<WaitQueue>,
}

pub(crate) enum Role {
    /// Neither connected nor listening.
    Idle,
    Listening(Listening),
    Connected(Connection),
}

pub(crate) struct State {
    /// Own name; empty while unnamed.
    pub name: Arc<[u8]>,
    pub role: Role,
    pub shut_read: bool,
    pub shut_write: bool,
}

/// An AF_UNIX socket. Dropping it closes it.
pub struct UnixSocket {
    pub(crate) me: Weak<UnixSocket>,
    pub(crate) family: Arc<Family>,
    pub(crate) kind: Kind,
    pub(crate) queue: WaitQueue,
    /// What others write and this socket reads.
    pub(crate) inbox: Arc<Channel>,
    pub(crate) state: Mutex<State>,
    pub(crate) options: Options,
    /// SO_ERROR, 0 for none.
    pub(crate) error: AtomicU16,
    /// Connected but not accepted yet: its end is a reset for the other side.
    pub(crate) embryo: AtomicBool,
    stat: Stat,
}

impl UnixSocket {
    pub(crate) fn new(family: &Arc<Family>, kind: Kind) -> Arc<UnixSocket> {
        let queue = WaitQueue::new();
        let bounds = if kind == Kind::Stream { Bounds::None } else { Bounds::Kept };
        let state = State { name: Arc::from([]), role: Role::Idle, shut_read: false, shut_write: false };
        Arc::new_cyclic(|me| UnixSocket {
            me: me.clone(),
            family: family.clone(),
            kind,
            inbox: Channel::new(&queue, bounds),
            queue,
            state: Mutex::new(state),
            options: Options::default(),
            error: AtomicU16::new(0),
            embryo: AtomicBool::new(false),
            stat: family.new_stat(),
        })
    }

    pub(crate) fn pair(family: &Arc<Family>, kind: Kind) -> (Arc<UnixSocket>, Arc<UnixSocket>) {
        let (a, b) = (UnixSocket::new(family, kind), UnixSocket::new(family, kind));
        let credentials = family.names.credentials();
        a.state.lock().role = Role::Connected(b.as_peer(credentials));
        b.state.lock().role = Role::Connected(a.as_peer(credentials));
        (a, b)
    }

    /// This socket seen from the one that is connected to it.
    pub(crate) fn as_peer(&self, peer_credentials: Credentials) -> Connection {
        let peer_name = self.state.lock().name.clone();
        Connection { peer_channel: self.inbox.clone(), peer: self.me.clone(), peer_name, peer_credentials }
    }

    /// Whether connections are two-way and made once (SOCK_STREAM, SOCK_SEQPACKET).
    pub(crate) fn is_connection_oriented(&self) -> bool {
        self.kind != Kind::Datagram
    }

    /// The channel that a connected socket writes to.
    pub(crate) fn peer_channel(&self) -> Option<Arc<Channel>> {
        match &self.state.lock().role {
            Role::Connected(connection) => Some(connection.peer_channel.clone()),
            _ => None,
        }
    }

    /// What limits sends to `target`, which is connected back to this socket or not.
    pub(crate) fn room(&self, talks_back: bool) -> Room {
        let limit = self.options.send_limit();
        if self.is_connection_oriented() || talks_back { Room::Bytes(limit) } else { Room::Queue(limit) }
    }

    /// Whether `peer` is connected to this socket.
    pub(crate) fn talks_back(&self, peer: &UnixSocket) -> bool {
        matches!(&peer.state.lock().role, Role::Connected(back) if Weak::ptr_eq(&back.peer, &self.me))
    }

    pub(crate) fn set_error(&self, error: Errno) {
        self.error.store(error.code(), Ordering::SeqCst);
    }

    fn datagram_writable(&self) -> bool {
        let peer = match &self.state.lock().role {
            Role::Connected(connection) => connection.peer.upgrade(),
            _ => None,
        };
        peer.is_none_or(|peer| peer.inbox.writable(self.room(self.talks_back(&peer)), &self.queue))
    }
}

impl File for UnixSocket {
    fn read(&self, dst: &mut dyn Sink, _flags: OpenFlags) -> Result<usize> {
        self.recv(dst, MsgFlags::empty()).map(|received| received.copied)
    }

    fn write(&self, src: &mut dyn Source, _flags: OpenFlags) -> Result<usize> {
        self.send(src, None, MsgFlags::empty(), Vec::new())
    }

    fn poll(&self) -> Events {
        let mut ready = Events::empty();
        ready.set(Events::ERR, self.error.load(Ordering::SeqCst) != 0);
        let (connected, mut shut_read, mut shut_write) = {
            let state = self.state.lock();
            let connected = match &state.role {
                Role::Listening(listening) => {
                    ready.set(Events::READABLE, !listening.ready.is_empty() || state.shut_read);
                    return ready;
                }
                Role::Idle => None,
                Role::Connected(connection) => Some(connection.peer_channel.clone()),
            };
            (connected, state.shut_read, state.shut_write)
        };
        if self.is_connection_oriented() {
            match &connected {
                None => ready |= Events::HUP | WRITABLE,
                Some(peer) => {
                    shut_read |= self.inbox.ended();
                    shut_write |= peer.refused();
                    ready.set(WRITABLE, peer.writable(self.room(true), &self.queue) || shut_write);
                }
            }
        } else {
            ready.set(WRITABLE, self.datagram_writable());
        }
        ready.set(Events::READABLE, !self.inbox.is_empty() || shut_read);
        ready.set(Events::RDHUP, shut_read);
        if shut_read && shut_write {
            ready |= Events::HUP;
        }
        ready
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.stat)
    }

    fn ioctl(&self, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
        let bytes = match command {
            ioctl::FIONREAD | SIOCOUTQ if matches!(self.state.lock().role, Role::Listening(_)) => return Err(Errno::EINVAL),
            ioctl::FIONREAD if self.kind == Kind::Datagram => self.inbox.next_len(),
            ioctl::FIONREAD => self.inbox.unread_bytes(),
            SIOCOUTQ => self.peer_channel().map_or(0, |peer| peer.unread_bytes()),
            _ => return Err(Errno::ENOTTY),
        };
        user.write(arg, &i32::try_from(bytes).unwrap_or(i32::MAX))?;
        Ok(0)
    }

    fn as_socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let unread = self.inbox.refuse();
        self.inbox.clear();
        let state = self.state.get_mut();
        if let [0, ..] = *state.name {
            self.family.release(&state.name);
        }
        match core::mem::replace(&mut state.role, Role::Idle) {
            Role::Idle => {}
            Role::Listening(listening) => {
                listening.waiting.iter().for_each(|queue| queue.wake(Events::WRITABLE));
                // The sockets nobody accepted end with `listening`.
            }
            Role::Connected(connection) if self.kind == Kind::Datagram => {
                if let Some(peer) = connection.peer.upgrade() {
                    peer.queue.wake(Events::WRITABLE);
                }
            }
            Role::Connected(connection) => {
                if (unread || *self.embryo.get_mut())
                    && let Some(peer) = connection.peer.upgrade()
                {
                    peer.set_error(Errno::ECONNRESET);
                }
                connection.peer_channel.end(Events::HUP);
            }
        }
    }
}

/// SO_SNDBUF before anybody sets it.
pub(crate) const DEFAULT_BUFFER: usize = DEFAULT_LIMIT;
