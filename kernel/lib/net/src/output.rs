//! The way out: from a transport header and a payload to a frame in a device's ring, or to the loopback queue.

use crate::addr::Addr;
use crate::checksum;
use crate::device::{Mac, Segmentation, TxOffload};
use crate::handle::Wakes;
use crate::icmp::RateLimit;
use crate::interface::Interface;
use crate::neighbour::Lookup;
use crate::route::Routes;
use crate::timers::{Owner, Timers};
use crate::wire::{self, ETHERNET_LEN, IpHeader, protocol};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use uapi::{Errno, Result};

/// Bytes that follow the transport header; asked for piece by piece.
pub(crate) trait Payload {
    /// Copies from `offset` on; `out` never reaches beyond the payload's length.
    fn copy(&self, offset: usize, out: &mut [u8]);
}

impl Payload for &[u8] {
    fn copy(&self, offset: usize, out: &mut [u8]) {
        if let Some(bytes) = self.get(offset..offset + out.len()) {
            out.copy_from_slice(bytes);
        }
    }
}

/// Where a packet goes at the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    Loopback,
    Device { interface: usize, mac: Mac },
}

/// A connection's remembered way to its peer; valid while the stack's `generation` is the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PathCache {
    generation: u32,
    hop: Option<Hop>,
}

/// One transport packet to be sent.
pub(crate) struct Outgoing<'a> {
    pub ip: IpHeader,
    /// Interface that is demanded (SO_BINDTODEVICE, link-local scope).
    pub interface: Option<usize>,
    /// Transport header with a zero checksum field.
    pub header: &'a [u8],
    /// Where in the header the checksum is; `None` for none.
    pub checksum_at: Option<usize>,
    pub payload: &'a (dyn Payload + 'a),
    pub payload_len: usize,
    /// Payload bytes per TCP segment, when the device may cut.
    pub segment: Option<u16>,
}

impl Outgoing<'_> {
    fn transport_len(&self) -> usize {
        self.header.len() + self.payload_len
    }

    /// Fills `out`, the bytes of the IP packet from `offset` on. The first piece holds all headers.
    fn fill(&self, offset: usize, out: &mut [u8], partial: Option<[u8; 2]>) {
        let ip_len = self.ip.len();
        let headers = ip_len + self.header.len();
        if offset > 0 {
            return self.payload.copy(offset - headers, out);
        }
        self.ip.write(out, self.transport_len());
        out[ip_len..headers].copy_from_slice(self.header);
        if let (Some(sum), Some(at)) = (partial, self.checksum_at) {
            out[ip_len + at..ip_len + at + 2].copy_from_slice(&sum);
        }
        self.payload.copy(0, &mut out[headers..]);
    }

    fn pseudo(&self) -> u64 {
        checksum::pseudo_header(self.ip.src, self.ip.dst, self.ip.protocol, self.transport_len())
    }

    /// The whole IP packet with its checksum computed (or left out, for the loopback).
    fn build(&self, checksum: Checksum) -> Vec<u8> {
        let mut bytes = vec![0; self.ip.len() + self.transport_len()];
        self.write(&mut bytes, checksum);
        bytes
    }

    /// Writes the whole IP packet into `bytes`, which has its length.
    fn write(&self, bytes: &mut [u8], checksum: Checksum) {
        self.fill(0, bytes, None);
        if let (Checksum::Compute, Some(at)) = (checksum, self.checksum_at) {
            let start = self.ip.len();
            let mut sum = checksum::finish(checksum::add(self.pseudo(), &bytes[start..]));
            if sum == [0; 2] && self.ip.protocol == protocol::UDP {
                sum = [0xff; 2];
            }
            bytes[start + at..start + at + 2].copy_from_slice(&sum);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksum {
    Compute,
    Skip,
}

/// Fills a buffer from a cryptographic generator.
pub type RandomSource = Box<dyn FnMut(&mut [u8]) + Send>;

/// Everything below the transports.
pub(crate) struct Net {
    /// Monotonic nanoseconds, taken when the lock was.
    pub now: u64,
    pub interfaces: Vec<Interface>,
    pub routes: Routes,
    /// Grows when a remembered path may be wrong.
    pub generation: u32,
    /// IP packets to ourselves, to be looked at before the lock is released.
    pub loopback: VecDeque<Vec<u8>>,
    pub timers: Timers,
    pub wakes: Wakes,
    pub random: RandomSource,
    /// Bytes that sockets hold, and how many they may before new ones are refused room.
    pub buffered: usize,
    pub buffer_limit: usize,
    /// TCP connections with something to send.
    pub tcp_work: Vec<u32>,
    /// TCP connections that found a device's ring full.
    pub stalled_tcp: Vec<u32>,
    /// Datagram sockets that did.
    pub stalled_udp: Vec<u32>,
    pub icmp_limit: RateLimit,
    ip_id: u16,
    pub next_inode: u64,
}

impl Net {
    pub fn new(mut random: RandomSource, buffer_limit: usize) -> Net {
        let mut id = [0; 2];
        random(&mut id);
        Net {
            now: 0,
            interfaces: vec![Interface::loopback()],
            routes: Routes::default(),
            generation: 1,
            loopback: VecDeque::new(),
            timers: Timers::default(),
            wakes: Wakes::default(),
            random,
            buffered: 0,
            buffer_limit,
            tcp_work: Vec::new(),
            stalled_tcp: Vec::new(),
            stalled_udp: Vec::new(),
            icmp_limit: RateLimit::default(),
            ip_id: u16::from_ne_bytes(id),
            next_inode: 1,
        }
    }

    /// Puts a TCP connection on the list of work, once.
    pub fn work_tcp(&mut self, queued: &mut bool, id: u32) {
        if !core::mem::replace(queued, true) {
            self.tcp_work.push(id);
        }
    }

    /// An inode number for a new socket.
    pub fn new_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.next_inode
    }

    pub fn random_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        (self.random)(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    /// Whether `addr` is one of this machine's.
    pub fn is_local(&self, addr: Addr) -> bool {
        addr.is_loopback() || self.interfaces.iter().any(|i| i.has(addr))
    }

    /// Whether a socket may be bound to `addr`: ours, any, or a group.
    pub fn is_bindable(&self, addr: Addr) -> bool {
        addr.is_any() || addr.is_multicast() || self.is_local(addr) || self.interfaces.iter().any(|i| i.is_broadcast(addr))
    }

    /// Interface position and next hop for `dst`. ENETUNREACH.
    pub fn route(&self, dst: Addr, interface: Option<usize>) -> Result<(usize, Addr)> {
        if self.is_local(dst) {
            return Ok((0, dst));
        }
        if let Some(route) = self.routes.lookup(dst, interface) {
            return Ok((route.interface, route.gateway.unwrap_or(dst)));
        }
        // Link-scoped destinations need no route, only a link; broadcast also works before there is any address (DHCP).
        let link_scoped = dst.is_multicast() || dst.is_link_local6() || dst == Addr::BROADCAST;
        let first = self.interfaces.iter().position(|i| i.device.is_some());
        match (link_scoped, interface.or(first)) {
            (true, Some(interface)) => Ok((interface, dst)),
            _ => Err(Errno::ENETUNREACH),
        }
    }

    /// The address that packets to `dst` get when the socket has none. ENETUNREACH, EADDRNOTAVAIL.
    pub fn source_for(&self, dst: Addr, interface: Option<usize>) -> Result<Addr> {
        if dst.is_loopback() || self.is_local(dst) {
            return Ok(dst);
        }
        let (interface, next_hop) = self.route(dst, interface)?;
        let interface = self.interfaces.get(interface).ok_or(Errno::ENETUNREACH)?;
        interface.source_for(dst, next_hop).ok_or(Errno::EADDRNOTAVAIL)
    }

    /// MTU on the way to `dst`, and the largest frame (headers included) that the device segments itself.
    pub fn mtu_and_tso(&self, dst: Addr, interface: Option<usize>) -> (usize, usize) {
        let position = self.route(dst, interface).map_or(0, |(position, _)| position);
        self.interfaces.get(position).map_or((1500, 0), |i| {
            let tso = if dst.is_v4() { i.caps.max_tso4 } else { i.caps.max_tso6 };
            (usize::from(i.caps.mtu), tso)
        })
    }

    pub fn next_ip_id(&mut self) -> u16 {
        self.ip_id = self.ip_id.wrapping_add(1);
        self.ip_id
    }

    /// Sends one packet. ENETUNREACH; EMSGSIZE when it does not fit and may not be cut; ENOBUFS when the device's ring is full (the interface
    /// is then marked as stalled).
    pub fn send(&mut self, packet: &Outgoing<'_>, cache: Option<&mut PathCache>) -> Result<()> {
        let known = cache.as_ref().filter(|c| c.generation == self.generation).and_then(|c| c.hop);
        let hop = match known {
            Some(hop) => hop,
            None => match self.resolve(packet)? {
                Some(hop) => {
                    if let Some(cache) = cache {
                        *cache = PathCache { generation: self.generation, hop: Some(hop) };
                    }
                    hop
                }
                // It waits in the neighbour cache.
                None => return Ok(()),
            },
        };
        match hop {
            Hop::Loopback => {
                let bytes = packet.build(Checksum::Skip);
                self.loop_back(bytes);
                Ok(())
            }
            Hop::Device { interface, mac } => self.send_to(packet, interface, mac),
        }
    }

    /// Queues an IP packet to ourselves.
    pub fn loop_back(&mut self, packet: Vec<u8>) {
        if let Some(lo) = self.interfaces.first_mut() {
            lo.counters.tx_packets += 1;
            lo.counters.tx_bytes += packet.len() as u64;
        }
        self.loopback.push_back(packet);
    }

    /// Queues a copy of a packet to a group that we may be in ourselves.
    pub fn loop_back_copy(&mut self, packet: &Outgoing<'_>) {
        let bytes = packet.build(Checksum::Skip);
        self.loop_back(bytes);
    }

    fn resolve(&mut self, packet: &Outgoing<'_>) -> Result<Option<Hop>> {
        let dst = packet.ip.dst;
        let (position, next_hop) = self.route(dst, packet.interface)?;
        let now = self.now;
        let Some(interface) = self.interfaces.get_mut(position).filter(|i| i.device.is_some()) else {
            return Ok(Some(Hop::Loopback));
        };
        if let Some(mac) = group_mac(dst, interface) {
            return Ok(Some(Hop::Device { interface: position, mac }));
        }
        let (mac, question) = match interface.neighbours.lookup(next_hop, now) {
            Lookup::Known(mac, question) => (Some(mac), question),
            Lookup::Unknown(question) => {
                if packet.ip.len() + packet.transport_len() <= usize::from(interface.caps.mtu) {
                    interface.neighbours.wait(next_hop, packet.build(Checksum::Compute));
                } else {
                    interface.counters.tx_dropped += 1;
                }
                (None, question)
            }
        };
        if let Some(question) = question {
            self.ask(position, question);
        }
        self.arm_neighbours(position);
        Ok(mac.map(|mac| Hop::Device { interface: position, mac }))
    }

    /// Enters the neighbour cache's deadline into the heap if it is the earliest.
    pub fn arm_neighbours(&mut self, position: usize) {
        if let Some(interface) = self.interfaces.get_mut(position) {
            let at = interface.neighbours.next_deadline();
            if at < interface.neighbours_at {
                interface.neighbours_at = at;
                self.timers.enter(at, Owner::Neighbours(position));
            }
        }
    }

    fn send_to(&mut self, packet: &Outgoing<'_>, position: usize, mac: Mac) -> Result<()> {
        let interface = self.interfaces.get(position).ok_or(Errno::ENETUNREACH)?;
        let ip_len = packet.ip.len();
        let total = ip_len + packet.transport_len();
        let oversize = total > usize::from(interface.caps.mtu);
        let tso = if packet.ip.dst.is_v4() { interface.caps.max_tso4 } else { interface.caps.max_tso6 };
        if oversize && (packet.segment.is_none() || ETHERNET_LEN + total > tso) {
            return self.send_fragments(packet, position, mac);
        }
        let ethertype = packet.ip.ethertype();
        if !interface.caps.tx_checksum {
            // The sum stands before what it covers: it can be filled in on the spot when the frame is in one piece, as nearly all are.
            let mut whole = None;
            return self.transmit(position, ETHERNET_LEN + total, TxOffload::default(), &mut |source, offset, piece| {
                if piece.len() == ETHERNET_LEN + total {
                    let (link, ip) = piece.split_at_mut(ETHERNET_LEN);
                    wire::write_ethernet(link, mac, source, ethertype);
                    packet.write(ip, Checksum::Compute);
                } else {
                    let whole: &Vec<u8> = whole.get_or_insert_with(|| packet.build(Checksum::Compute));
                    fill_raw(&whole[..], mac, source, ethertype, offset, piece);
                }
            });
        }
        let start = (ETHERNET_LEN + ip_len) as u16;
        let offload = TxOffload {
            checksum: packet.checksum_at.map(|at| (start, at as u16)),
            segment: packet.segment.filter(|_| oversize).map(|size| Segmentation {
                size,
                header_len: start + packet.header.len() as u16,
                ipv6: !packet.ip.dst.is_v4(),
            }),
        };
        let partial = packet.checksum_at.map(|_| checksum::fold(packet.pseudo()));
        self.transmit(position, ETHERNET_LEN + total, offload, &mut |source, offset, piece| {
            if offset == 0 {
                wire::write_ethernet(piece, mac, source, ethertype);
                packet.fill(0, &mut piece[ETHERNET_LEN..], partial);
            } else {
                packet.fill(offset - ETHERNET_LEN, piece, None);
            }
        })
    }

    /// Sends bytes that follow an Ethernet header as they are.
    pub fn send_raw(&mut self, position: usize, mac: Mac, ethertype: u16, bytes: &[u8]) -> Result<()> {
        self.transmit(position, ETHERNET_LEN + bytes.len(), TxOffload::default(), &mut |source, offset, piece| {
            fill_raw(bytes, mac, source, ethertype, offset, piece);
        })
    }

    fn transmit(&mut self, position: usize, len: usize, offload: TxOffload, fill: &mut dyn FnMut(Mac, usize, &mut [u8])) -> Result<()> {
        let interface = self.interfaces.get_mut(position).ok_or(Errno::ENETUNREACH)?;
        let device = interface.device.as_mut().ok_or(Errno::ENETUNREACH)?;
        let source = interface.caps.mac;
        match device.transmit(len, offload, &mut |offset, piece| fill(source, offset, piece)) {
            Ok(()) => {
                interface.counters.tx_packets += 1;
                interface.counters.tx_bytes += len as u64;
                interface.unflushed = true;
                Ok(())
            }
            Err(crate::device::TxFull) => {
                interface.counters.tx_dropped += 1;
                interface.stalled = true;
                Err(Errno::ENOBUFS)
            }
        }
    }

    /// Cuts an IPv4 packet (RFC 791 §3.2) or an IPv6 one (RFC 8200 §4.5).
    fn send_fragments(&mut self, packet: &Outgoing<'_>, position: usize, mac: Mac) -> Result<()> {
        if packet.ip.dont_fragment {
            return Err(Errno::EMSGSIZE);
        }
        let mtu = self.interfaces.get(position).map_or(0, |i| usize::from(i.caps.mtu));
        let whole = packet.build(Checksum::Compute);
        let ip_len = packet.ip.len();
        let extra = if packet.ip.dst.is_v4() { 0 } else { 8 };
        let step = mtu.checked_sub(ip_len + extra).ok_or(Errno::EMSGSIZE)? & !7;
        let payload = &whole[ip_len..];
        if step == 0 || payload.len() > usize::from(u16::MAX) - ip_len {
            return Err(Errno::EMSGSIZE);
        }
        let id = self.random_u32();
        for (index, piece) in payload.chunks(step).enumerate() {
            let offset = (index * step) as u16;
            let more = usize::from(offset) + piece.len() < payload.len();
            let mut bytes = vec![0; ip_len + extra];
            if packet.ip.dst.is_v4() {
                packet.ip.write4(&mut bytes, piece.len(), (offset / 8) | if more { 0x2000 } else { 0 });
            } else {
                packet.ip.write(&mut bytes, extra + piece.len());
                bytes[6] = 44;
                bytes[40] = packet.ip.protocol;
                bytes[42..44].copy_from_slice(&(offset | u16::from(more)).to_be_bytes());
                bytes[44..48].copy_from_slice(&id.to_be_bytes());
            }
            bytes.extend_from_slice(piece);
            self.send_raw(position, mac, packet.ip.ethertype(), &bytes)?;
        }
        Ok(())
    }

    /// Tells devices about what was queued.
    pub fn flush(&mut self) {
        for interface in &mut self.interfaces {
            if core::mem::take(&mut interface.unflushed)
                && let Some(device) = &mut interface.device
            {
                device.flush();
            }
        }
    }
}

/// Fills `piece`, the bytes from `offset` on of a frame of an Ethernet header and `bytes`.
fn fill_raw(bytes: &[u8], mac: Mac, source: Mac, ethertype: u16, offset: usize, piece: &mut [u8]) {
    if offset == 0 {
        wire::write_ethernet(piece, mac, source, ethertype);
        bytes.copy(0, &mut piece[ETHERNET_LEN..]);
    } else {
        bytes.copy(offset - ETHERNET_LEN, piece);
    }
}

/// The Ethernet address of a broadcast or multicast destination (RFC 1112 §6.4, RFC 2464 §7).
fn group_mac(dst: Addr, interface: &Interface) -> Option<Mac> {
    if dst.is_multicast() {
        let [.., a, b, c, d] = dst.bits().to_be_bytes();
        return Some(if dst.is_v4() { [1, 0, 0x5e, b & 0x7f, c, d] } else { [0x33, 0x33, a, b, c, d] });
    }
    interface.is_broadcast(dst).then_some([0xff; 6])
}
