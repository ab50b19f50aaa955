//! Names and connections: bind(2), listen(2), accept(2), connect(2).

use crate::socket::{Listening, Role, State};
use crate::{Kind, UnixSocket};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use file::{Credentials, Events, SockAddr};
use spinlock::MutexGuard;
use uapi::{Errno, Result};

/// net.core.somaxconn.
const MAX_BACKLOG: usize = 4096;

/// The unix name in an address. EINVAL: another family.
pub(crate) fn name_of(addr: &SockAddr) -> Result<&[u8]> {
    match addr {
        SockAddr::Unix(name) => Ok(name),
        _ => Err(Errno::EINVAL),
    }
}

impl UnixSocket {
    /// EINVAL: has a name already. An empty name asks for any abstract one.
    pub(crate) fn bind_to(&self, name: &[u8]) -> Result<()> {
        if !self.state.lock().name.is_empty() {
            // Linux makes the file first, so that a path that exists is what it complains of.
            let taken = name.first().is_some_and(|b| *b != 0) && self.family.names.lookup(name).err() != Some(Errno::ENOENT);
            return Err(if taken { Errno::EADDRINUSE } else { Errno::EINVAL });
        }
        // Without the lock: the file system may have to look at other sockets' inodes.
        let taken = if name.is_empty() {
            self.family.autobind(&self.me)?
        } else {
            self.family.bind(name, &self.me)?;
            name.to_vec()
        };
        self.state.lock().name = taken.into();
        Ok(())
    }

    /// A socket that wants credentials gets a name, so that it can be answered (unix(7)).
    pub(crate) fn autobind_if_asked(&self) -> Result<()> {
        if self.options.passes_credentials() && self.state.lock().name.is_empty() {
            self.bind_to(b"")?;
        }
        Ok(())
    }

    pub(crate) fn start_listening(&self, backlog: usize) -> Result<()> {
        if !self.is_connection_oriented() {
            return Err(Errno::EOPNOTSUPP);
        }
        let credentials = self.family.names.credentials();
        let backlog = backlog.min(MAX_BACKLOG);
        let mut state = self.state.lock();
        if state.name.is_empty() {
            return Err(Errno::EINVAL);
        }
        match &mut state.role {
            Role::Connected(_) => return Err(Errno::EINVAL),
            Role::Listening(listening) => {
                listening.backlog = backlog;
                listening.credentials = credentials;
            }
            idle => *idle = Role::Listening(Listening { backlog, ready: VecDeque::new(), credentials, waiting: Vec::new() }),
        }
        Ok(())
    }

    pub(crate) fn take_connection(&self) -> Result<Arc<UnixSocket>> {
        if !self.is_connection_oriented() {
            return Err(Errno::EOPNOTSUPP);
        }
        let (next, waiting) = {
            let mut state = self.state.lock();
            let shut = state.shut_read;
            let Role::Listening(listening) = &mut state.role else { return Err(Errno::EINVAL) };
            if shut {
                return Err(Errno::EINVAL);
            }
            (listening.ready.pop_front().ok_or(Errno::EAGAIN)?, core::mem::take(&mut listening.waiting))
        };
        waiting.iter().for_each(|queue| queue.wake(Events::WRITABLE));
        next.embryo.store(false, Ordering::SeqCst);
        Ok(next)
    }

    /// EPROTOTYPE: the socket there is of another type.
    pub(crate) fn find(&self, name: &[u8]) -> Result<Arc<UnixSocket>> {
        if name.is_empty() {
            return Err(Errno::EINVAL);
        }
        let other = self.family.lookup(name)?;
        if other.kind == self.kind { Ok(other) } else { Err(Errno::EPROTOTYPE) }
    }

    pub(crate) fn connect_to(&self, addr: &SockAddr) -> Result<()> {
        if self.kind == Kind::Datagram { self.set_destination(addr) } else { self.connect_stream(name_of(addr)?) }
    }

    fn set_destination(&self, addr: &SockAddr) -> Result<()> {
        let role = if *addr == SockAddr::Unspecified {
            Role::Idle
        } else {
            let name = name_of(addr)?;
            self.autobind_if_asked()?;
            let other = self.find(name)?;
            if !self.may_send(&other) {
                return Err(Errno::EPERM);
            }
            Role::Connected(other.as_peer(Credentials::default()))
        };
        let old = core::mem::replace(&mut self.state.lock().role, role);
        drop(old);
        self.queue.wake(Events::WRITABLE);
        Ok(())
    }

    /// A datagram socket that is connected hears from its peer only.
    pub(crate) fn may_send(&self, other: &UnixSocket) -> bool {
        !matches!(other.state.lock().role, Role::Connected(_)) || self.talks_back(other)
    }

    fn connect_stream(&self, name: &[u8]) -> Result<()> {
        let idle = |state: &MutexGuard<'_, State>| match state.role {
            Role::Idle => Ok(()),
            Role::Connected(_) => Err(Errno::EISCONN),
            Role::Listening(_) => Err(Errno::EINVAL),
        };
        idle(&self.state.lock())?;
        self.autobind_if_asked()?;
        let listener = self.family.lookup(name)?;
        let credentials = self.family.names.credentials();
        // The other end is made first, so that the listener's lock is held for the queue only.
        let server = UnixSocket::new(&self.family, self.kind);
        server.embryo.store(true, Ordering::SeqCst);
        server.options.inherit(&listener.options);
        server.state.lock().role = Role::Connected(self.as_peer(credentials));
        {
            let mut state = listener.state.lock();
            let (shut, listener_name) = (state.shut_read, state.name.clone());
            let Role::Listening(listening) = &mut state.role else { return Err(self.abandon(&server, Errno::ECONNREFUSED)) };
            if shut {
                return Err(self.abandon(&server, Errno::ECONNREFUSED));
            }
            if listener.kind != self.kind {
                return Err(self.abandon(&server, Errno::EPROTOTYPE));
            }
            // More than the backlog, not as many: Linux's arithmetic.
            if listening.ready.len() > listening.backlog {
                if !listening.waiting.iter().any(|queue| queue.is_same(&self.queue)) {
                    listening.waiting.push(self.queue.clone());
                }
                return Err(self.abandon(&server, Errno::EAGAIN));
            }
            server.state.lock().name = listener_name;
            let peer = server.as_peer(listening.credentials);
            {
                let mut own = self.state.lock();
                if let Err(error) = idle(&own) {
                    drop(own);
                    return Err(self.abandon(&server, error));
                }
                own.role = Role::Connected(peer);
            }
            listening.ready.push_back(server);
        }
        self.queue.wake(Events::WRITABLE);
        listener.queue.wake(Events::READABLE);
        Ok(())
    }

    /// The other end that is not needed must not tell this one that it has gone.
    fn abandon(&self, server: &UnixSocket, error: Errno) -> Errno {
        server.state.lock().role = Role::Idle;
        error
    }
}
