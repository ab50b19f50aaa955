//! Addresses in the stack's own form: IPv4 addresses are kept v4-mapped (RFC 4291 §2.5.5.2), so that one table, one key and one
//! comparison serve both families and dual-stack sockets need no special case.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use file::SockAddr;

/// An IPv4 or IPv6 address as the 128-bit value of its IPv6 form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Addr(u128);

const MAPPED: u128 = 0xffff_0000_0000;

impl Addr {
    /// `::`
    pub const ANY6: Addr = Addr(0);
    /// `0.0.0.0`
    pub const ANY4: Addr = Addr(MAPPED);
    /// `255.255.255.255`
    pub const BROADCAST: Addr = Addr(MAPPED | 0xffff_ffff);
    /// `127.0.0.1`
    pub const LOCALHOST4: Addr = Addr(MAPPED | 0x7f00_0001);
    /// `::1`
    pub const LOCALHOST6: Addr = Addr(1);

    /// From an IPv4 address.
    pub const fn from_v4(addr: Ipv4Addr) -> Addr {
        Addr(MAPPED | addr.to_bits() as u128)
    }
    /// From an IPv6 address; a v4-mapped one is the IPv4 address.
    pub const fn from_v6(addr: Ipv6Addr) -> Addr {
        Addr(addr.to_bits())
    }
    /// From four bytes of a header.
    pub fn from_v4_bytes(bytes: [u8; 4]) -> Addr {
        Addr::from_v4(Ipv4Addr::from(bytes))
    }
    /// From sixteen bytes of a header.
    pub fn from_v6_bytes(bytes: [u8; 16]) -> Addr {
        Addr(u128::from_be_bytes(bytes))
    }
    /// The value, for hashing.
    pub const fn bits(self) -> u128 {
        self.0
    }
    /// Whether this is an IPv4 address.
    pub const fn is_v4(self) -> bool {
        self.0 >> 32 == MAPPED >> 32
    }
    /// The IPv4 address, if it is one.
    pub fn v4(self) -> Option<Ipv4Addr> {
        u32::try_from(self.0 ^ MAPPED).ok().map(Ipv4Addr::from_bits)
    }
    /// The low 32 bits: the IPv4 address of one that [`is_v4`](Self::is_v4).
    pub const fn low32(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }
    /// The IPv6 form.
    pub const fn v6(self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.0)
    }
    /// As the standard library's address.
    pub fn ip(self) -> IpAddr {
        self.v4().map_or_else(|| IpAddr::V6(self.v6()), IpAddr::V4)
    }
    /// `0.0.0.0` or `::`.
    pub fn is_any(self) -> bool {
        self == Addr::ANY4 || self == Addr::ANY6
    }
    /// `127.0.0.0/8` or `::1`.
    pub fn is_loopback(self) -> bool {
        self == Addr::LOCALHOST6 || self.0 >> 24 == (MAPPED | 0x7f00_0000) >> 24
    }
    /// `224.0.0.0/4` or `ff00::/8`.
    pub fn is_multicast(self) -> bool {
        self.0 >> 120 == 0xff || self.0 >> 28 == (MAPPED | 0xe000_0000) >> 28
    }
    /// `fe80::/10`.
    pub fn is_link_local6(self) -> bool {
        self.0 >> 118 == 0xfe80 >> 6
    }
    /// Whether the first `prefix` bits (of the family's own length) agree.
    pub fn in_network(self, network: Addr, prefix: u8) -> bool {
        if self.is_v4() != network.is_v4() {
            return false;
        }
        let bits = u32::from(prefix) + if network.is_v4() { 96 } else { 0 };
        bits == 0 || (self.0 ^ network.0).checked_shr(128 - bits.min(128)).unwrap_or(0) == 0
    }
    /// The network that this address is in: its first `prefix` bits.
    pub fn network(self, prefix: u8) -> Addr {
        let (len, keep) = if self.is_v4() { (32, MAPPED) } else { (128, 0) };
        let host = u32::from(len - prefix.min(len));
        Addr(self.0 & u128::MAX.checked_shl(host).unwrap_or(0) | keep)
    }
    /// An IPv4 prefix length as a mask.
    pub fn netmask4(prefix: u8) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
    }
    /// The directed broadcast address of an IPv4 network.
    pub fn broadcast_of(self, prefix: u8) -> Addr {
        Addr(self.0 | u128::from(u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0)))
    }
    /// The solicited-node multicast address (RFC 4291 §2.7.1).
    pub fn solicited_node(self) -> Addr {
        Addr(0xff02_0000_0000_0000_0000_0001_ff00_0000 | (self.0 & 0xff_ffff))
    }
    /// The link-local address that a MAC address gives (RFC 4291 appendix A).
    pub fn link_local_of(mac: [u8; 6]) -> Addr {
        let [a, b, c, d, e, f] = mac;
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&[0xfe, 0x80]);
        bytes[8..].copy_from_slice(&[a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
        Addr::from_v6_bytes(bytes)
    }
    /// This network's prefix with the low 64 bits of `host` (RFC 4862).
    pub fn with_interface_id(self, host: Addr) -> Addr {
        Addr(self.0 >> 64 << 64 | host.0 & u128::from(u64::MAX))
    }
}

impl core::fmt::Debug for Addr {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(&self.ip(), f)
    }
}

/// An address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Address.
    pub addr: Addr,
    /// Port, host byte order.
    pub port: u16,
}

/// The family that an application created its socket with; decides how addresses are shown to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// AF_INET
    V4,
    /// AF_INET6
    V6,
}

impl Family {
    /// The wildcard address.
    pub fn any(self) -> Addr {
        match self {
            Family::V4 => Addr::ANY4,
            Family::V6 => Addr::ANY6,
        }
    }
    /// An endpoint as the application sees it: v4-mapped on an AF_INET6 socket.
    pub fn show(self, endpoint: Endpoint, scope: u32) -> SockAddr {
        match self {
            Family::V4 => SockAddr::V4(SocketAddrV4::new(endpoint.addr.v4().unwrap_or(Ipv4Addr::UNSPECIFIED), endpoint.port)),
            Family::V6 => {
                let scope = if endpoint.addr.is_link_local6() { scope } else { 0 };
                SockAddr::V6(SocketAddrV6::new(endpoint.addr.v6(), endpoint.port, 0, scope))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_networks() {
        let v4 = |s: &str| Addr::from_v4(s.parse().unwrap());
        let v6 = |s: &str| Addr::from_v6(s.parse().unwrap());
        assert!(v4("127.3.0.1").is_loopback() && v6("::1").is_loopback() && !v4("128.0.0.1").is_loopback());
        assert!(v4("239.1.1.1").is_multicast() && v6("ff02::1").is_multicast() && !v4("192.0.2.1").is_multicast());
        assert!(v4("10.0.2.15").in_network(v4("10.0.2.0"), 24) && !v4("10.0.3.15").in_network(v4("10.0.2.0"), 24));
        assert!(v4("10.0.2.15").in_network(Addr::ANY4, 0) && !v6("2001:db8::1").in_network(Addr::ANY4, 0));
        assert!(v6("2001:db8::1").in_network(Addr::ANY6, 0));
        assert_eq!(v4("10.0.2.15").broadcast_of(24), v4("10.0.2.255"));
        assert_eq!(v4("10.0.2.15").broadcast_of(32), v4("10.0.2.15"));
        assert_eq!(v6("::ffff:1.2.3.4").v4(), Some("1.2.3.4".parse().unwrap()));
        assert_eq!(v6("2001:db8::1:2:3").solicited_node(), v6("ff02::1:ff02:3"));
        assert_eq!(Addr::link_local_of([0x52, 0x54, 0, 0x12, 0x34, 0x56]), v6("fe80::5054:ff:fe12:3456"));
        assert!(Addr::link_local_of([2; 6]).is_link_local6());
    }
}
