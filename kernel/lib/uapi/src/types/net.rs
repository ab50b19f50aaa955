//! What socket calls read and write. Port and address fields are in network byte order.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct sockaddr_in` (ip(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SockaddrIn {
    pub family: u16,
    pub port: [u8; 2],
    pub addr: [u8; 4],
    pub zero: [u8; 8],
}

/// `struct sockaddr_in6` (ipv6(7)); `flowinfo` in network byte order, `scope_id` in host order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SockaddrIn6 {
    pub family: u16,
    pub port: [u8; 2],
    pub flowinfo: [u8; 4],
    pub addr: [u8; 16],
    pub scope_id: u32,
}

/// `struct sockaddr_nl` (netlink(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SockaddrNl {
    pub family: u16,
    pub pad: u16,
    pub pid: u32,
    pub groups: u32,
}

/// `struct user_msghdr` (recvmsg(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MsgHeader {
    /// Address of the peer's socket address, or null.
    pub name: u64,
    pub namelen: i32,
    pub pad0: u32,
    /// Address of the iovec array.
    pub iov: u64,
    pub iovlen: u64,
    /// Address of the ancillary data.
    pub control: u64,
    pub controllen: u64,
    pub flags: u32,
    pub pad1: u32,
}

/// `struct mmsghdr` (recvmmsg(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MmsgHeader {
    pub header: MsgHeader,
    /// Bytes moved, filled in by the kernel.
    pub len: u32,
    pub pad: u32,
}

/// `struct cmsghdr` (cmsg(3)); the payload follows, padded to 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CmsgHeader {
    /// Length with this header, without the padding at the end.
    pub len: u64,
    pub level: i32,
    pub kind: i32,
}

/// `struct linger` (SO_LINGER).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Linger {
    pub onoff: i32,
    /// Seconds.
    pub linger: i32,
}

/// `struct ucred` (SO_PEERCRED, SCM_CREDENTIALS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Ucred {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}
