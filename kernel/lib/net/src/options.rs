//! Options that TCP and UDP sockets share: SOL_SOCKET (socket(7)), IPPROTO_IP (ip(7)), IPPROTO_IPV6 (ipv6(7)). An option is here because
//! something looks at it; what is not here is ENOPROTOOPT.

use crate::addr::{Addr, Family};
use crate::interface::Interface;
use crate::timers::SECOND;
use alloc::vec::Vec;
use uapi::net as c;
use uapi::{Errno, Result};

/// Default buffer limits in bytes. Memory is taken as data comes, so these cost nothing by themselves.
pub const TCP_BUFFER: usize = 256 * 1024;
/// Linux's default for datagrams.
pub const UDP_BUFFER: usize = 212_992;
const MIN_BUFFER: usize = 2304;
const MAX_BUFFER: usize = 8 * 1024 * 1024;

/// IP_MTU_DISCOVER values.
pub const PMTUDISC_DONT: u8 = 0;
const PMTUDISC_WANT: u8 = 1;
const PMTUDISC_MAX: u8 = 5;

/// The options.
#[derive(Clone, Debug)]
pub struct Options {
    /// SO_REUSEADDR
    pub reuse_addr: bool,
    /// SO_REUSEPORT
    pub reuse_port: bool,
    /// SO_KEEPALIVE
    pub keepalive: bool,
    /// SO_BROADCAST
    pub broadcast: bool,
    /// SO_DONTROUTE: only destinations on a link, no gateways.
    pub dont_route: bool,
    /// SO_LINGER: seconds.
    pub linger: Option<u32>,
    /// SO_RCVBUF as used (twice what was asked for), in bytes.
    pub receive_buffer: usize,
    /// SO_SNDBUF likewise.
    pub send_buffer: usize,
    /// SO_RCVTIMEO in nanoseconds.
    pub receive_timeout: Option<u64>,
    /// SO_SNDTIMEO in nanoseconds.
    pub send_timeout: Option<u64>,
    /// SO_RCVLOWAT
    pub receive_low_water: usize,
    /// SO_PRIORITY: kept and reported; one queue has no order to change.
    pub priority: u32,
    /// SO_BINDTODEVICE: position of the interface.
    pub interface: Option<usize>,
    /// SO_TIMESTAMP, SO_TIMESTAMPNS
    pub timestamp: Timestamp,
    /// IP_TOS, IPV6_TCLASS
    pub tos: u8,
    /// Type of service of the peer's SYN, for IP_RECVTOS on TCP.
    pub received_tos: u8,
    /// IP_TTL
    pub ttl: u8,
    /// IPV6_UNICAST_HOPS
    pub hops: u8,
    /// IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS
    pub multicast_ttl: u8,
    /// IP_MULTICAST_LOOP
    pub multicast_loop: bool,
    /// IP_MULTICAST_IF: position of the interface.
    pub multicast_interface: Option<usize>,
    /// IP_PKTINFO, IPV6_RECVPKTINFO
    pub packet_info: bool,
    /// IP_RECVTOS, IPV6_RECVTCLASS
    pub receive_tos: bool,
    /// IP_RECVTTL, IPV6_RECVHOPLIMIT
    pub receive_ttl: bool,
    /// IP_RECVERR: kept for errors on unconnected sockets.
    pub v6only: bool,
    /// IP_FREEBIND, IP_TRANSPARENT's address half.
    pub free_bind: bool,
    /// IP_MTU_DISCOVER
    pub mtu_discover: u8,
}

/// Which time stamp goes with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamp {
    /// None.
    Off,
    /// `struct timeval`.
    Micro,
    /// `struct timespec`.
    Nano,
}

impl Options {
    /// Defaults with the given buffer limits.
    pub fn new(buffer: usize) -> Options {
        Options {
            reuse_addr: false,
            reuse_port: false,
            keepalive: false,
            broadcast: false,
            dont_route: false,
            linger: None,
            receive_buffer: buffer,
            send_buffer: buffer,
            receive_timeout: None,
            send_timeout: None,
            receive_low_water: 1,
            priority: 0,
            interface: None,
            timestamp: Timestamp::Off,
            tos: 0,
            received_tos: 0,
            ttl: 64,
            hops: 64,
            multicast_ttl: 1,
            multicast_loop: true,
            multicast_interface: None,
            packet_info: false,
            receive_tos: false,
            receive_ttl: false,
            v6only: false,
            free_bind: false,
            mtu_discover: PMTUDISC_WANT,
        }
    }

    /// TTL or hop limit of a packet to `dst`.
    pub fn ttl_for(&self, dst: Addr) -> u8 {
        match (dst.is_multicast(), dst.is_v4()) {
            (true, _) => self.multicast_ttl,
            (false, true) => self.ttl,
            (false, false) => self.hops,
        }
    }

    /// The interface that packets to `dst` must take.
    pub fn interface_for(&self, dst: Addr) -> Option<usize> {
        if dst.is_multicast() { self.interface.or(self.multicast_interface) } else { self.interface }
    }
}

/// An `int` option's value; EINVAL when it is too short.
pub fn int(value: &[u8]) -> Result<i32> {
    value.first_chunk().map(|b| i32::from_ne_bytes(*b)).ok_or(Errno::EINVAL)
}

/// An option that IP_TTL's family takes as `int` or as one byte.
fn int_or_byte(value: &[u8]) -> Result<i32> {
    match value {
        [byte] => Ok(i32::from(*byte)),
        _ => int(value),
    }
}

/// An `int` as getsockopt(2) returns it.
pub fn give(value: i32) -> Result<Vec<u8>> {
    Ok(value.to_ne_bytes().to_vec())
}

/// A size or count as an `int`.
pub fn give_size(value: usize) -> Result<Vec<u8>> {
    give(i32::try_from(value).unwrap_or(i32::MAX))
}

fn flag(value: &[u8]) -> Result<bool> {
    Ok(int(value)? != 0)
}

fn byte_in(value: i32, range: core::ops::RangeInclusive<i32>, default: u8) -> Result<u8> {
    match value {
        -1 => Ok(default),
        v if range.contains(&v) => u8::try_from(v).map_err(|_| Errno::EINVAL),
        _ => Err(Errno::EINVAL),
    }
}

fn buffer(value: &[u8]) -> Result<usize> {
    // Linux doubles what is asked for, and takes a negative value for a huge one.
    let asked = usize::try_from(int(value)?).unwrap_or(MAX_BUFFER);
    Ok(asked.saturating_mul(2).clamp(MIN_BUFFER, MAX_BUFFER))
}

/// `struct timeval` as a timeout: zero is none. EDOM for bad microseconds.
fn timeout(value: &[u8]) -> Result<Option<u64>> {
    let (seconds, rest) = value.split_first_chunk::<8>().ok_or(Errno::EINVAL)?;
    let micros = rest.first_chunk::<8>().ok_or(Errno::EINVAL)?;
    let (seconds, micros) = (i64::from_ne_bytes(*seconds), i64::from_ne_bytes(*micros));
    let micros = u64::try_from(micros).ok().filter(|m| *m < 1_000_000).ok_or(Errno::EDOM)?;
    // Negative seconds: do not wait at all, as Linux has it; the shortest timeout is as good.
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let ns = seconds.saturating_mul(SECOND).saturating_add(micros * 1000);
    Ok((ns > 0).then_some(ns))
}

fn give_timeout(ns: Option<u64>) -> Result<Vec<u8>> {
    let ns = ns.unwrap_or(0);
    let mut out = (ns / SECOND).to_ne_bytes().to_vec();
    out.extend_from_slice(&(ns % SECOND / 1000).to_ne_bytes());
    Ok(out)
}

/// What an option that is not in here may still be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Done.
    Yes,
    /// Not one of the common options.
    No,
}

impl Options {
    /// setsockopt(2) for the common options.
    pub fn set(&mut self, family: Family, level: i32, name: i32, value: &[u8], interfaces: &[Interface]) -> Result<Handled> {
        let (Ok(level), Ok(name)) = (u32::try_from(level), u32::try_from(name)) else { return Ok(Handled::No) };
        match level {
            c::SOL_SOCKET => self.set_socket(name, value, interfaces),
            c::SOL_IP => self.set_ip(name, value, interfaces),
            c::SOL_IPV6 if family == Family::V6 => self.set_ipv6(name, value, interfaces),
            _ => Ok(Handled::No),
        }
    }

    fn set_socket(&mut self, name: u32, value: &[u8], interfaces: &[Interface]) -> Result<Handled> {
        match name {
            c::SO_REUSEADDR => self.reuse_addr = flag(value)?,
            c::SO_REUSEPORT => self.reuse_port = flag(value)?,
            c::SO_KEEPALIVE => self.keepalive = flag(value)?,
            c::SO_BROADCAST => self.broadcast = flag(value)?,
            c::SO_DONTROUTE => self.dont_route = flag(value)?,
            c::SO_PRIORITY => self.priority = u32::try_from(int(value)?).map_err(|_| Errno::EINVAL)?,
            c::SO_LINGER => {
                let on = flag(value)?;
                let seconds = value.get(4..).ok_or(Errno::EINVAL).and_then(int)?;
                self.linger = on.then_some(u32::try_from(seconds).unwrap_or(u32::MAX));
            }
            c::SO_RCVBUF | c::SO_RCVBUFFORCE => self.receive_buffer = buffer(value)?,
            c::SO_SNDBUF | c::SO_SNDBUFFORCE => self.send_buffer = buffer(value)?,
            c::SO_RCVTIMEO_OLD | c::SO_RCVTIMEO_NEW => self.receive_timeout = timeout(value)?,
            c::SO_SNDTIMEO_OLD | c::SO_SNDTIMEO_NEW => self.send_timeout = timeout(value)?,
            c::SO_RCVLOWAT => self.receive_low_water = usize::try_from(int(value)?).unwrap_or(usize::MAX).max(1),
            c::SO_TIMESTAMP_OLD => self.timestamp = if flag(value)? { Timestamp::Micro } else { Timestamp::Off },
            c::SO_TIMESTAMPNS_OLD => self.timestamp = if flag(value)? { Timestamp::Nano } else { Timestamp::Off },
            c::SO_BINDTODEVICE => {
                let name = value.split(|b| *b == 0).next().unwrap_or(&[]);
                let find = || interfaces.iter().position(|i| i.name.as_bytes() == name).ok_or(Errno::ENODEV);
                self.interface = if name.is_empty() { None } else { Some(find()?) };
            }
            _ => return Ok(Handled::No),
        }
        Ok(Handled::Yes)
    }

    fn set_ip(&mut self, name: u32, value: &[u8], interfaces: &[Interface]) -> Result<Handled> {
        match name {
            c::IP_TOS => self.tos = (int_or_byte(value)? & 0xff) as u8,
            c::IP_TTL => self.ttl = byte_in(int_or_byte(value)?, 1..=255, 64)?,
            c::IP_MULTICAST_TTL => self.multicast_ttl = byte_in(int_or_byte(value)?, 0..=255, 1)?,
            c::IP_MULTICAST_LOOP => self.multicast_loop = int_or_byte(value)? != 0,
            c::IP_MULTICAST_IF => self.multicast_interface = multicast_interface(value, interfaces)?,
            c::IP_PKTINFO => self.packet_info = int_or_byte(value)? != 0,
            c::IP_RECVTOS => self.receive_tos = int_or_byte(value)? != 0,
            c::IP_RECVTTL => self.receive_ttl = int_or_byte(value)? != 0,
            c::IP_FREEBIND => self.free_bind = int_or_byte(value)? != 0,
            c::IP_MTU_DISCOVER => self.mtu_discover = byte_in(int_or_byte(value)?, 0..=i32::from(PMTUDISC_MAX), PMTUDISC_WANT)?,
            _ => return Ok(Handled::No),
        }
        Ok(Handled::Yes)
    }

    fn set_ipv6(&mut self, name: u32, value: &[u8], interfaces: &[Interface]) -> Result<Handled> {
        match name {
            c::IPV6_V6ONLY => self.v6only = flag(value)?,
            c::IPV6_UNICAST_HOPS => self.hops = byte_in(int(value)?, 0..=255, 64)?,
            c::IPV6_MULTICAST_HOPS => self.multicast_ttl = byte_in(int(value)?, 0..=255, 1)?,
            c::IPV6_MULTICAST_LOOP => self.multicast_loop = flag(value)?,
            c::IPV6_MULTICAST_IF => self.multicast_interface = by_index(int(value)?, interfaces)?,
            c::IPV6_TCLASS => self.tos = byte_in(int(value)?, 0..=255, 0)?,
            c::IPV6_RECVPKTINFO => self.packet_info = flag(value)?,
            c::IPV6_RECVTCLASS => self.receive_tos = flag(value)?,
            c::IPV6_RECVHOPLIMIT => self.receive_ttl = flag(value)?,
            c::IPV6_FREEBIND => self.free_bind = flag(value)?,
            c::IPV6_MTU_DISCOVER => self.mtu_discover = byte_in(int(value)?, 0..=i32::from(PMTUDISC_MAX), PMTUDISC_WANT)?,
            _ => return Ok(Handled::No),
        }
        Ok(Handled::Yes)
    }

    /// getsockopt(2) for the common options; `None` when it is not one.
    pub fn get(&self, family: Family, level: i32, name: i32, interfaces: &[Interface]) -> Option<Result<Vec<u8>>> {
        let (level, name) = (u32::try_from(level).ok()?, u32::try_from(name).ok()?);
        let value = match (level, name) {
            (c::SOL_SOCKET, c::SO_REUSEADDR) => i32::from(self.reuse_addr),
            (c::SOL_SOCKET, c::SO_REUSEPORT) => i32::from(self.reuse_port),
            (c::SOL_SOCKET, c::SO_KEEPALIVE) => i32::from(self.keepalive),
            (c::SOL_SOCKET, c::SO_BROADCAST) => i32::from(self.broadcast),
            (c::SOL_SOCKET, c::SO_DONTROUTE) => i32::from(self.dont_route),
            (c::SOL_SOCKET, c::SO_PRIORITY) => self.priority.cast_signed(),
            (c::SOL_SOCKET, c::SO_LINGER) => {
                let mut out = i32::from(self.linger.is_some()).to_ne_bytes().to_vec();
                out.extend_from_slice(&self.linger.unwrap_or(0).to_ne_bytes());
                return Some(Ok(out));
            }
            (c::SOL_SOCKET, c::SO_RCVBUF) => return Some(give_size(self.receive_buffer)),
            (c::SOL_SOCKET, c::SO_SNDBUF) => return Some(give_size(self.send_buffer)),
            (c::SOL_SOCKET, c::SO_RCVLOWAT) => return Some(give_size(self.receive_low_water)),
            (c::SOL_SOCKET, c::SO_SNDLOWAT) => 1,
            (c::SOL_SOCKET, c::SO_RCVTIMEO_OLD | c::SO_RCVTIMEO_NEW) => return Some(give_timeout(self.receive_timeout)),
            (c::SOL_SOCKET, c::SO_SNDTIMEO_OLD | c::SO_SNDTIMEO_NEW) => return Some(give_timeout(self.send_timeout)),
            (c::SOL_SOCKET, c::SO_TIMESTAMP_OLD) => i32::from(self.timestamp == Timestamp::Micro),
            (c::SOL_SOCKET, c::SO_TIMESTAMPNS_OLD) => i32::from(self.timestamp == Timestamp::Nano),
            (c::SOL_SOCKET, c::SO_BINDTODEVICE) => {
                let mut name = self.interface.and_then(|i| interfaces.get(i)).map_or(Vec::new(), |i| i.name.as_bytes().to_vec());
                if !name.is_empty() {
                    name.push(0);
                }
                return Some(Ok(name));
            }
            (c::SOL_IP, c::IP_TOS) => i32::from(self.tos),
            (c::SOL_IP, c::IP_TTL) => i32::from(self.ttl),
            (c::SOL_IP, c::IP_MULTICAST_TTL) => i32::from(self.multicast_ttl),
            (c::SOL_IP, c::IP_MULTICAST_LOOP) => i32::from(self.multicast_loop),
            (c::SOL_IP, c::IP_PKTINFO) => i32::from(self.packet_info),
            (c::SOL_IP, c::IP_RECVTOS) => i32::from(self.receive_tos),
            (c::SOL_IP, c::IP_RECVTTL) => i32::from(self.receive_ttl),
            (c::SOL_IP, c::IP_FREEBIND) => i32::from(self.free_bind),
            (c::SOL_IP, c::IP_MTU_DISCOVER) => i32::from(self.mtu_discover),
            (c::SOL_IPV6, _) if family != Family::V6 => return None,
            (c::SOL_IPV6, c::IPV6_V6ONLY) => i32::from(self.v6only),
            (c::SOL_IPV6, c::IPV6_UNICAST_HOPS) => i32::from(self.hops),
            (c::SOL_IPV6, c::IPV6_MULTICAST_HOPS) => i32::from(self.multicast_ttl),
            (c::SOL_IPV6, c::IPV6_MULTICAST_LOOP) => i32::from(self.multicast_loop),
            (c::SOL_IPV6, c::IPV6_TCLASS) => i32::from(self.tos),
            (c::SOL_IPV6, c::IPV6_RECVPKTINFO) => i32::from(self.packet_info),
            (c::SOL_IPV6, c::IPV6_RECVTCLASS) => i32::from(self.receive_tos),
            (c::SOL_IPV6, c::IPV6_RECVHOPLIMIT) => i32::from(self.receive_ttl),
            (c::SOL_IPV6, c::IPV6_FREEBIND) => i32::from(self.free_bind),
            (c::SOL_IPV6, c::IPV6_MTU_DISCOVER) => i32::from(self.mtu_discover),
            _ => return None,
        };
        Some(give(value))
    }
}

/// getsockopt(2)'s error for an option that is not there: on IPv4 sockets another family's or protocol's level has an error of its own.
pub fn unknown(family: Family, level: Option<u32>) -> Errno {
    match level {
        Some(c::SOL_SOCKET | c::SOL_IP | c::SOL_TCP | c::SOL_UDP) => Errno::ENOPROTOOPT,
        _ if family == Family::V4 => Errno::EOPNOTSUPP,
        _ => Errno::ENOPROTOOPT,
    }
}

/// The position of the interface with an index that applications use; 0 is none.
pub fn by_index(index: i32, interfaces: &[Interface]) -> Result<Option<usize>> {
    match usize::try_from(index) {
        Ok(0) => Ok(None),
        Ok(index) if index <= interfaces.len() => Ok(Some(index - 1)),
        _ => Err(Errno::ENODEV),
    }
}

/// IP_MULTICAST_IF's argument: an address, or `struct ip_mreqn`.
fn multicast_interface(value: &[u8], interfaces: &[Interface]) -> Result<Option<usize>> {
    match value.len() {
        12.. => by_index(int(&value[8..])?, interfaces),
        _ => {
            let addr = Addr::from_v4_bytes(*value.first_chunk().ok_or(Errno::EINVAL)?);
            if addr.is_any() {
                return Ok(None);
            }
            interfaces.iter().position(|i| i.has(addr)).map(Some).ok_or(Errno::EADDRNOTAVAIL)
        }
    }
}
