//! Interfaces: a device with its addresses, and how they are configured.

use crate::addr::Addr;
use crate::device::{Capabilities, Mac, NetDevice};
use crate::dhcp;
use crate::nd::AutoConfig;
use crate::neighbour::Neighbours;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

/// How an interface gets its IPv4 address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ipv4Config {
    /// No IPv4.
    #[default]
    None,
    /// A fixed address.
    Static {
        /// The interface's address.
        address: Ipv4Addr,
        /// Prefix length, 0..=32.
        prefix: u8,
        /// Default gateway.
        gateway: Option<Ipv4Addr>,
    },
    /// DHCP (RFC 2131).
    Dhcp,
}

/// How an interface gets IPv6 addresses besides its link-local one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ipv6Config {
    /// No IPv6 at all, not even link-local.
    #[default]
    None,
    /// Router advertisements (RFC 4862).
    Auto,
    /// A fixed address.
    Static {
        /// The interface's address.
        address: Ipv6Addr,
        /// Prefix length, 0..=128.
        prefix: u8,
        /// Default gateway.
        gateway: Option<Ipv6Addr>,
    },
}

/// What the image knows about an interface when it adds it.
#[derive(Clone, Debug, Default)]
pub struct InterfaceConfig {
    /// Its name (`eth0`).
    pub name: String,
    /// IPv4.
    pub ipv4: Ipv4Config,
    /// IPv6.
    pub ipv6: Ipv6Config,
    /// MTU in bytes if smaller than the device's.
    pub mtu: Option<u16>,
    /// Name to give to the DHCP server.
    pub hostname: String,
}

/// One address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddr {
    /// The address.
    pub addr: Addr,
    /// Prefix length.
    pub prefix: u8,
}

/// Counters, as /proc/net/dev shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames received and not understood, or not for us.
    pub rx_dropped: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Frames not sent for want of room or of a neighbour.
    pub tx_dropped: u64,
}

/// An interface. Position 0 in the stack's list is the loopback, which has no device; interface indexes seen by applications are the
/// position plus one, so that `lo` is 1 as on Linux.
pub(crate) struct Interface {
    pub name: String,
    pub device: Option<Box<dyn NetDevice>>,
    pub caps: Capabilities,
    pub addrs: Vec<InterfaceAddr>,
    pub neighbours: Neighbours,
    /// Earliest entry in the timer heap for the neighbour cache.
    pub neighbours_at: u64,
    pub dhcp: Option<Box<dhcp::Client>>,
    pub auto: Option<Box<AutoConfig>>,
    pub counters: Counters,
    /// Multicast groups joined, with how many sockets want each.
    pub groups: Vec<(Addr, usize)>,
    pub hostname: String,
    /// Frames are queued in the device that it has not been told about.
    pub unflushed: bool,
    /// The transmit ring was full: someone waits for room.
    pub stalled: bool,
}

impl Interface {
    pub fn loopback() -> Interface {
        let caps = Capabilities { mac: [0; 6], mtu: u16::MAX, tx_checksum: true, max_tso4: 0, max_tso6: 0 };
        let mut lo = Interface::new(String::from("lo"), None, caps);
        lo.addrs.push(InterfaceAddr { addr: Addr::LOCALHOST4, prefix: 8 });
        lo.addrs.push(InterfaceAddr { addr: Addr::LOCALHOST6, prefix: 128 });
        lo
    }

    pub fn new(name: String, device: Option<Box<dyn NetDevice>>, caps: Capabilities) -> Interface {
        Interface {
            name,
            device,
            caps,
            addrs: Vec::new(),
            neighbours: Neighbours::default(),
            neighbours_at: u64::MAX,
            dhcp: None,
            auto: None,
            counters: Counters::default(),
            groups: Vec::new(),
            hostname: String::new(),
            unflushed: false,
            stalled: false,
        }
    }

    pub fn has(&self, addr: Addr) -> bool {
        self.addrs.iter().any(|a| a.addr == addr)
    }

    /// Whether a packet to `dst` that came in here is a broadcast.
    pub fn is_broadcast(&self, dst: Addr) -> bool {
        dst == Addr::BROADCAST
            || (dst.is_v4() && self.addrs.iter().any(|a| a.addr.is_v4() && a.prefix < 31 && a.addr.broadcast_of(a.prefix) == dst))
    }

    /// Whether a multicast packet to `dst` is wanted here.
    pub fn wants_group(&self, dst: Addr) -> bool {
        if dst.is_v4() {
            return dst.low32() == 0xe000_0001 || self.groups.iter().any(|(g, _)| *g == dst);
        }
        // All nodes, and the solicited-node address of each of ours.
        dst.bits() << 8 >> 8 == 0x02_0000_0000_0000_0000_0000_0000_0001
            || self.addrs.iter().any(|a| !a.addr.is_v4() && a.addr.solicited_node() == dst)
            || self.groups.iter().any(|(g, _)| *g == dst)
    }

    /// The best source address here for `dst` reached by `next_hop`: the longest common network, link-local only for link-local (a small
    /// part of RFC 6724).
    pub fn source_for(&self, dst: Addr, next_hop: Addr) -> Option<Addr> {
        let same = |a: &&InterfaceAddr| a.addr.is_v4() == dst.is_v4();
        let on_link = self.addrs.iter().filter(same).find(|a| {
            next_hop.in_network(a.addr, a.prefix)
                && (dst.is_v4() || a.addr.is_link_local6() == (dst.is_link_local6() || dst.is_multicast()))
        });
        let global = || self.addrs.iter().filter(same).find(|a| a.addr.is_link_local6() == dst.is_link_local6());
        let any = || self.addrs.iter().find(same);
        on_link.or_else(global).or_else(any).map(|a| a.addr)
    }

    pub fn mac(&self) -> Mac {
        self.caps.mac
    }
}

/// What the outside may know of an interface.
#[derive(Clone, Debug)]
pub struct InterfaceInfo {
    /// Index as applications see it (1 is `lo`).
    pub index: u32,
    /// Name.
    pub name: String,
    /// Ethernet address; `None` for the loopback.
    pub mac: Option<Mac>,
    /// MTU in bytes.
    pub mtu: u16,
    /// Addresses, IPv4 and IPv6.
    pub addrs: Vec<InterfaceAddr>,
    /// Traffic so far.
    pub counters: Counters,
    /// What the DHCP server said, once it has.
    pub lease: Option<dhcp::Lease>,
    /// IPv4 is configured: it is static, none, or a lease has come.
    pub configured: bool,
}
