//! What a file that is a socket can do besides (socket(7)).

use crate::{File, Sink, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{SocketAddrV4, SocketAddrV6};
use uapi::{Errno, Result};

/// A socket address of any family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SockAddr {
    /// AF_UNSPEC: dissolves a datagram association (connect(2)).
    Unspecified,
    /// AF_INET.
    V4(SocketAddrV4),
    /// AF_INET6.
    V6(SocketAddrV6),
    /// AF_UNIX, `sun_path` without trailing NUL; empty is unnamed, a leading NUL is the abstract name space.
    Unix(Vec<u8>),
    /// AF_NETLINK: port id and group mask.
    Netlink {
        /// Port id (nl_pid).
        pid: u32,
        /// Multicast groups (nl_groups).
        groups: u32,
    },
}

/// shutdown(2)'s `how`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// SHUT_RD.
    Read,
    /// SHUT_WR.
    Write,
    /// SHUT_RDWR.
    Both,
}

bitflags::bitflags! {
    /// MSG_* flags that reach a socket or come back from it (send(2), recv(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct MsgFlags: u32 {
        /// MSG_OOB.
        const OOB = 0x1;
        /// MSG_PEEK: leave the data queued.
        const PEEK = 0x2;
        /// MSG_CTRUNC: control data was cut.
        const CTRUNC = 0x8;
        /// MSG_TRUNC: in, return the real length; out, the datagram was cut.
        const TRUNC = 0x20;
        /// MSG_DONTWAIT: handled by the system-call layer.
        const DONTWAIT = 0x40;
        /// MSG_EOR.
        const EOR = 0x80;
        /// MSG_WAITALL: handled by the system-call layer.
        const WAITALL = 0x100;
        /// MSG_NOSIGNAL: handled by the system-call layer.
        const NOSIGNAL = 0x4000;
        /// MSG_MORE: more data follows at once.
        const MORE = 0x8000;
        /// MSG_ERRQUEUE.
        const ERRQUEUE = 0x2000;
        /// MSG_CMSG_CLOEXEC: handled by the system-call layer.
        const CMSG_CLOEXEC = 0x4000_0000;
    }
}

/// Who is at the other end of a unix socket (SO_PEERCRED, SCM_CREDENTIALS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Credentials {
    /// Process id.
    pub pid: i32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// One piece of ancillary data (cmsg(3)).
#[derive(Clone)]
pub enum Control {
    /// SCM_RIGHTS: open file descriptions on their way to another descriptor table. Opaque here; the process layer's descriptions.
    Rights(Vec<Arc<dyn core::any::Any + Send + Sync>>),
    /// SCM_CREDENTIALS.
    Credentials(Credentials),
    /// Any other (level, type, data): IP_PKTINFO, SO_TIMESTAMP, ...
    Raw {
        /// cmsg_level.
        level: i32,
        /// cmsg_type.
        kind: i32,
        /// Payload.
        data: Vec<u8>,
    },
}

/// What a receive brought besides its bytes.
#[derive(Default)]
pub struct Received {
    /// Bytes copied.
    pub copied: usize,
    /// The datagram's real length (equals `copied` for streams).
    pub full_len: usize,
    /// Who sent it, where the protocol tells.
    pub from: Option<SockAddr>,
    /// MSG_TRUNC, MSG_EOR, ... as recvmsg(2) returns them.
    pub flags: MsgFlags,
    /// Ancillary data.
    pub control: Vec<Control>,
}

/// The socket calls. None blocks: EAGAIN (accept, send, recv) or EINPROGRESS (connect) and the file's wait queue tell how to go on.
pub trait Socket: File {
    /// AF_*, SOCK_* and protocol number (SO_DOMAIN, SO_TYPE, SO_PROTOCOL).
    fn identity(&self) -> (u16, u32, u32);
    /// bind(2).
    fn bind(&self, addr: &SockAddr) -> Result<()>;
    /// listen(2); `backlog` as given, cut to somaxconn.
    fn listen(&self, backlog: usize) -> Result<()> {
        let _ = backlog;
        Err(Errno::EOPNOTSUPP)
    }
    /// accept(2): the next established connection with its peer's address. EAGAIN: none yet.
    fn accept(&self) -> Result<(Arc<dyn File>, SockAddr)> {
        Err(Errno::EOPNOTSUPP)
    }
    /// connect(2). EINPROGRESS: started; when [`wait::Events::OUT`] comes, [`take_error`](Self::take_error) tells how it went. EALREADY, EISCONN as on Linux.
    fn connect(&self, addr: &SockAddr) -> Result<()>;
    /// getsockname(2).
    fn local_addr(&self) -> Result<SockAddr>;
    /// getpeername(2); ENOTCONN.
    fn peer_addr(&self) -> Result<SockAddr>;
    /// sendmsg(2): EAGAIN when nothing could be queued. EPIPE is turned into SIGPIPE above.
    fn send(&self, src: &mut dyn Source, to: Option<&SockAddr>, flags: MsgFlags, control: Vec<Control>) -> Result<usize>;
    /// recvmsg(2): EAGAIN when there is nothing; `copied == 0` on a stream is end of file.
    fn recv(&self, dst: &mut dyn Sink, flags: MsgFlags) -> Result<Received>;
    /// shutdown(2).
    fn shutdown(&self, how: Shutdown) -> Result<()>;
    /// setsockopt(2) at `level`; ENOPROTOOPT for what is not known, EINVAL for a bad length or value.
    fn set_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()>;
    /// getsockopt(2): the whole value; the caller cuts it to the application's buffer.
    fn get_option(&self, level: i32, name: i32) -> Result<Vec<u8>>;
    /// SO_ERROR: the pending error, cleared by asking.
    fn take_error(&self) -> Option<Errno>;
    /// SO_RCVTIMEO and SO_SNDTIMEO in nanoseconds, for the layer that blocks; `None` is for ever.
    fn timeouts_ns(&self) -> (Option<u64>, Option<u64>) {
        (None, None)
    }
    /// SO_RCVLOWAT in bytes.
    fn receive_low_water(&self) -> usize {
        1
    }
}
