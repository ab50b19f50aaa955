//! Making sockets and finding them by name.

use crate::{Kind, UnixSocket};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use file::{Credentials, Stat};
use sortedmap::SortedMap;
use spinlock::Mutex;
use uapi::{Errno, Result};

/// What sockets ask about the process that calls, and its file system.
pub trait SocketNames: Send + Sync {
    /// Who calls.
    fn credentials(&self) -> Credentials;
    /// Makes a socket inode at `path` and binds `socket` to it; EADDRINUSE when something is there. See `unix::at::bind`.
    fn bind(&self, path: &[u8], socket: Weak<dyn Any + Send + Sync>) -> Result<()>;
    /// What [`bind`](Self::bind) bound to the inode at `path`; ECONNREFUSED when it is gone. See `unix::at::lookup`.
    fn lookup(&self, path: &[u8]) -> Result<Arc<dyn Any + Send + Sync>>;
}

/// The address family: one per machine.
pub struct Family {
    pub(crate) names: Arc<dyn SocketNames>,
    abstracts: Mutex<SortedMap<Vec<u8>, Weak<UnixSocket>>>,
    next_autobind: AtomicU32,
    next_inode: AtomicU64,
}

/// Abstract names that bind(2) makes up: five hexadecimal digits.
const AUTOBIND_NAMES: u32 = 1 << 20;

impl Family {
    /// With no sockets yet.
    pub fn new(names: Arc<dyn SocketNames>) -> Arc<Family> {
        let (next_autobind, next_inode) = (AtomicU32::new(0), AtomicU64::new(1));
        Arc::new(Family { names, abstracts: Mutex::default(), next_autobind, next_inode })
    }

    /// socket(2). ESOCKTNOSUPPORT: none of the three types (SOCK_RAW is a datagram socket, as on Linux); EPROTONOSUPPORT: a protocol.
    pub fn socket(self: &Arc<Self>, kind: u32, protocol: u32) -> Result<Arc<UnixSocket>> {
        Ok(UnixSocket::new(self, Self::kind(kind, protocol)?))
    }

    /// socketpair(2): two sockets connected to each other.
    pub fn pair(self: &Arc<Self>, kind: u32, protocol: u32) -> Result<(Arc<UnixSocket>, Arc<UnixSocket>)> {
        Ok(UnixSocket::pair(self, Self::kind(kind, protocol)?))
    }

    fn kind(kind: u32, protocol: u32) -> Result<Kind> {
        if protocol != 0 && protocol != u32::from(crate::AF_UNIX) {
            return Err(Errno::EPROTONOSUPPORT);
        }
        match kind {
            1 => Ok(Kind::Stream),
            2 | 3 => Ok(Kind::Datagram),
            5 => Ok(Kind::SeqPacket),
            _ => Err(Errno::ESOCKTNOSUPPORT),
        }
    }

    pub(crate) fn new_stat(&self) -> Stat {
        Stat::socket(self.next_inode.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes `name` for `socket`: a leading NUL is the abstract name space, all else a path.
    pub(crate) fn bind(&self, name: &[u8], socket: &Weak<UnixSocket>) -> Result<()> {
        if name.len() > crate::PATH_MAX {
            return Err(Errno::EINVAL);
        }
        if name.first() != Some(&0) {
            return self.names.bind(name, socket.clone());
        }
        let mut abstracts = self.abstracts.lock();
        if abstracts.get(name).is_some_and(|held| held.strong_count() > 0) {
            return Err(Errno::EADDRINUSE);
        }
        abstracts.insert(name.to_vec(), socket.clone());
        Ok(())
    }

    /// Takes an abstract name that nobody has. ENOSPC when there is none.
    pub(crate) fn autobind(&self, socket: &Weak<UnixSocket>) -> Result<Vec<u8>> {
        for _ in 0..AUTOBIND_NAMES {
            let number = self.next_autobind.fetch_add(1, Ordering::Relaxed) % AUTOBIND_NAMES;
            let mut name = alloc::vec![0];
            name.extend((0..5).rev().map(|place| b"0123456789abcdef"[(number >> (4 * place) & 15) as usize]));
            match self.bind(&name, socket) {
                Err(Errno::EADDRINUSE) => {}
                result => return result.map(|()| name),
            }
        }
        Err(Errno::ENOSPC)
    }

    /// The socket that has `name`. ECONNREFUSED when nobody has; for paths also what the walk fails with.
    pub(crate) fn lookup(&self, name: &[u8]) -> Result<Arc<UnixSocket>> {
        if name.first() == Some(&0) {
            return self.abstracts.lock().get(name).and_then(Weak::upgrade).ok_or(Errno::ECONNREFUSED);
        }
        self.names.lookup(name)?.downcast::<UnixSocket>().map_err(|_| Errno::ECONNREFUSED)
    }

    /// Gives an abstract name back; the socket that had it is being dropped.
    pub(crate) fn release(&self, name: &[u8]) {
        let mut abstracts = self.abstracts.lock();
        if abstracts.get(name).is_some_and(|held| held.strong_count() == 0) {
            abstracts.remove(name);
        }
    }
}
