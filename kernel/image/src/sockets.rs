//! The socket families of this image, and names in the file system for unix sockets.

use alloc::sync::Arc;
use file::File;
use syscall::Sockets;
use uapi::net::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX};
use uapi::{Errno, Result};

/// The families that this image has.
pub struct Families {
    /// AF_INET, AF_INET6 and AF_NETLINK.
    #[cfg(feature = "net")]
    pub net: Arc<net::Stack>,
    /// AF_UNIX.
    #[cfg(feature = "unix")]
    pub unix: Arc<unix::Family>,
}

impl Sockets for Families {
    fn socket(&self, domain: u16, kind: u32, protocol: u32) -> Result<Arc<dyn File>> {
        match u32::from(domain) {
            #[cfg(feature = "net")]
            AF_INET | AF_INET6 | AF_NETLINK => self.net.socket(domain, kind, protocol),
            #[cfg(feature = "unix")]
            AF_UNIX => Ok(self.unix.socket(kind, protocol)?),
            _ => {
                let _ = (kind, protocol, AF_INET, AF_INET6, AF_NETLINK, AF_UNIX);
                Err(Errno::EAFNOSUPPORT)
            }
        }
    }

    fn pair(&self, domain: u16, kind: u32, protocol: u32) -> Result<(Arc<dyn File>, Arc<dyn File>)> {
        match u32::from(domain) {
            #[cfg(feature = "unix")]
            AF_UNIX => {
                let (a, b) = self.unix.pair(kind, protocol)?;
                Ok((a, b))
            }
            // Families that exist but make no pairs.
            AF_INET | AF_INET6 | AF_NETLINK if cfg!(feature = "net") => Err(Errno::EOPNOTSUPP),
            _ => {
                let _ = (kind, protocol);
                Err(Errno::EAFNOSUPPORT)
            }
        }
    }

    #[cfg(feature = "net")]
    fn interface_ioctl(&self, command: u32, arg: u64, user: &dyn file::UserMemory) -> Result<u64> {
        self.net.interface_ioctl(command, arg, user)
    }
}

/// Names of unix sockets, in the file system of whoever calls.
#[cfg(feature = "unix")]
pub struct Names;

#[cfg(feature = "unix")]
impl unix::SocketNames for Names {
    fn credentials(&self) -> file::Credentials {
        crate::thread::current().map_or(file::Credentials::default(), |thread| {
            let who = thread.process().credentials();
            file::Credentials { pid: thread.process().pid(), uid: who.uid.effective, gid: who.gid.effective }
        })
    }
    fn bind(&self, path: &[u8], socket: alloc::sync::Weak<dyn core::any::Any + Send + Sync>) -> Result<()> {
        let thread = crate::thread::current().ok_or(Errno::EINVAL)?;
        unix::at::bind(&thread.process().fs(), path, socket)
    }
    fn lookup(&self, path: &[u8]) -> Result<Arc<dyn core::any::Any + Send + Sync>> {
        let thread = crate::thread::current().ok_or(Errno::EINVAL)?;
        unix::at::lookup(&thread.process().fs(), path)
    }
}
