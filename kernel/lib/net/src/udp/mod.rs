//! UDP (RFC 768), and ping sockets (icmp(7)), which differ only in their header.
//!
//! [`Table`] holds all datagram sockets; [`UdpSocket`] is what an application has in hand.

mod options;
mod socket;

pub(crate) use socket::UdpSocket;

use crate::addr::{Addr, Endpoint, Family};
use crate::handle::Handle;
use crate::icmp::{self, IcmpError, Reason};
use crate::options::{Options, UDP_BUFFER};
use crate::output::Net;
use crate::ports::{Binding, Ports};
use crate::stack::Core;
use crate::wire::{IpPacket, be16};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::Events;
use uapi::{Errno, Result};

/// UDP and ICMP echo headers are equally long.
const HEADER_LEN: usize = 8;
/// What a datagram in a receive queue costs besides its bytes (Linux counts more).
const OVERHEAD: usize = 256;

/// Which protocol a datagram socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// UDP.
    Udp,
    /// ICMP echo; the port is the identifier.
    Ping,
}

/// A received datagram.
#[derive(Clone)]
struct Datagram {
    from: Endpoint,
    to: Addr,
    interface: usize,
    tos: u8,
    ttl: u8,
    /// CLOCK_MONOTONIC when it came.
    at: u64,
    data: Vec<u8>,
}

impl Datagram {
    /// What a packet brought.
    fn of(packet: &IpPacket<'_>, from: Endpoint, interface: usize, now: u64, data: &[u8]) -> Self {
        Self { from, to: packet.dst, interface, tos: packet.tos, ttl: packet.ttl, at: now, data: data.to_vec() }
    }
}

/// A datagram socket's state.
struct Datagrams {
    id: u32,
    family: Family,
    kind: Kind,
    local: Endpoint,
    remote: Option<Endpoint>,
    bound: bool,
    options: Options,
    handle: Arc<Handle>,
    queue: VecDeque<Datagram>,
    /// Bytes in `queue` with overhead.
    queued: usize,
    error: Option<Errno>,
    rx_shut: bool,
    tx_shut: bool,
    /// The device had no room; not writable until it has.
    stalled: bool,
    /// What MSG_MORE holds back.
    corked: Vec<u8>,
    groups: Vec<(Addr, usize)>,
}

impl Datagrams {
    fn publish(&self) {
        let mut events = Events::empty();
        if !self.queue.is_empty() || self.rx_shut || self.error.is_some() {
            events |= Events::READABLE;
        }
        if self.rx_shut {
            events |= Events::RDHUP;
        }
        if self.rx_shut && self.tx_shut {
            events |= Events::HUP;
        }
        if !self.stalled {
            events |= Events::WRITABLE;
        }
        if self.error.is_some() {
            events |= Events::ERR;
        }
        self.handle.set_ready(events);
    }

    fn binding(&self) -> Binding {
        Binding {
            id: self.id,
            addr: self.local.addr,
            remote: self.remote,
            interface: self.options.interface,
            v6only: self.options.v6only,
            reuse_addr: self.options.reuse_addr,
            reuse_port: self.options.reuse_port,
            listening: false,
        }
    }

    fn deliver(&mut self, net: &mut Net, datagram: Datagram) {
        let cost = datagram.data.len() + OVERHEAD;
        let full = self.queued + cost > self.options.receive_buffer || net.buffered >= net.buffer_limit;
        if self.rx_shut || (full && !self.queue.is_empty()) {
            return;
        }
        self.queued += cost;
        net.buffered += cost;
        self.queue.push_back(datagram);
        self.publish();
        net.wakes.add(&self.handle, Events::READABLE);
    }

    fn pop(&mut self, net: &mut Net) -> Option<Datagram> {
        let datagram = self.queue.pop_front()?;
        let cost = datagram.data.len() + OVERHEAD;
        self.queued = self.queued.saturating_sub(cost);
        net.buffered = net.buffered.saturating_sub(cost);
        if self.queue.is_empty() {
            self.publish();
        }
        Some(datagram)
    }

    fn fail(&mut self, net: &mut Net, error: Errno) {
        self.error = Some(error);
        self.publish();
        net.wakes.add(&self.handle, Events::ERR | Events::READABLE);
    }
}

/// All datagram sockets.
#[derive(Default)]
pub(crate) struct Table {
    slots: Vec<Option<Box<Datagrams>>>,
    free: Vec<u32>,
    udp: Ports,
    ping: Ports,
}

impl Table {
    fn get(&mut self, id: u32) -> Result<&mut Datagrams> {
        self.slots.get_mut(id as usize).and_then(|s| s.as_deref_mut()).ok_or(Errno::EBADF)
    }

    fn ports(&mut self, kind: Kind) -> &mut Ports {
        match kind {
            Kind::Udp => &mut self.udp,
            Kind::Ping => &mut self.ping,
        }
    }

    fn insert(&mut self, family: Family, kind: Kind, handle: Arc<Handle>) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        let socket = Datagrams {
            id,
            family,
            kind,
            local: Endpoint { addr: family.any(), port: 0 },
            remote: None,
            bound: false,
            options: Options::new(UDP_BUFFER),
            handle,
            queue: VecDeque::new(),
            queued: 0,
            error: None,
            rx_shut: false,
            tx_shut: false,
            stalled: false,
            corked: Vec::new(),
            groups: Vec::new(),
        };
        socket.publish();
        if let Some(slot) = self.slots.get_mut(id as usize) {
            *slot = Some(Box::new(socket));
        }
        id
    }

    fn remove(&mut self, net: &mut Net, id: u32) {
        let Some(socket) = self.slots.get_mut(id as usize).and_then(Option::take) else { return };
        net.buffered = net.buffered.saturating_sub(socket.queued);
        for (group, interface) in &socket.groups {
            net.leave(*group, *interface);
        }
        self.ports(socket.kind).unbind(socket.local.port, id);
        self.free.push(id);
    }

    /// Enters or updates a socket's claim on `port` (0: one of our choice). EADDRINUSE.
    fn claim(&mut self, net: &mut Net, id: u32, addr: Addr, port: u16) -> Result<()> {
        let socket = self.get(id)?;
        let (kind, binding) = (socket.kind, Binding { addr, ..socket.binding() });
        let ports = self.ports(kind);
        let port = match port {
            0 => ports.choose(net.random_u32(), |ports, port| ports.is_unused(port)).ok_or(Errno::EADDRINUSE)?,
            port => port,
        };
        if !ports.bind(port, binding) {
            return Err(Errno::EADDRINUSE);
        }
        self.get(id)?.local = Endpoint { addr, port };
        Ok(())
    }

    /// Sockets that found a device's ring full may write again.
    pub fn unstall(&mut self, net: &mut Net) {
        for id in core::mem::take(&mut net.stalled_udp) {
            if let Ok(socket) = self.get(id) {
                socket.stalled = false;
                socket.publish();
                net.wakes.add(&socket.handle, Events::WRITABLE);
            }
        }
    }

    /// An ICMP error that quotes a datagram of ours: connected sockets are told.
    pub fn icmp_error(&mut self, net: &mut Net, local: Addr, remote: Addr, quoted: &[u8], error: IcmpError) {
        let local = Endpoint { addr: local, port: be16(quoted, 0) };
        let remote = Endpoint { addr: remote, port: be16(quoted, 2) };
        let Some(id) = self.udp.find(local, remote, 0, false) else { return };
        let Ok(socket) = self.get(id) else { return };
        if let IcmpError::Unreachable { error, hard: true } = error
            && socket.remote == Some(remote)
        {
            socket.fail(net, error);
        }
    }
}

impl Core {
    /// Takes a UDP packet whose checksum is good.
    pub fn input_udp(&mut self, position: usize, packet: &IpPacket<'_>) {
        let bytes = packet.payload;
        let len = usize::from(be16(bytes, 4));
        let Some(data) = bytes.get(HEADER_LEN..len) else { return };
        if self.input_dhcp(position, packet) {
            return;
        }
        let from = Endpoint { addr: packet.src, port: be16(bytes, 0) };
        let to = Endpoint { addr: packet.dst, port: be16(bytes, 2) };
        let datagram = Datagram::of(packet, from, position, self.net.now, data);
        let group = packet.dst.is_multicast() || self.net.interfaces.iter().any(|i| i.is_broadcast(packet.dst));
        if group {
            for id in self.udp.udp.find_all(to, from, position) {
                if let Ok(socket) = self.udp.get(id) {
                    socket.deliver(&mut self.net, datagram.clone());
                }
            }
            return;
        }
        match self.udp.udp.find(to, from, position, false) {
            Some(id) => {
                if let Ok(socket) = self.udp.get(id) {
                    socket.deliver(&mut self.net, datagram);
                }
            }
            None => icmp::send_unreachable(&mut self.net, position, packet, Reason::Port),
        }
    }

    /// Takes an ICMP echo reply.
    pub fn input_echo_reply(&mut self, position: usize, packet: &IpPacket<'_>) {
        let id = be16(packet.payload, 4);
        let from = Endpoint { addr: packet.src, port: 0 };
        let Some(id) = self.udp.ping.find(Endpoint { addr: packet.dst, port: id }, from, position, false) else { return };
        let datagram = Datagram::of(packet, from, position, self.net.now, packet.payload);
        if let Ok(socket) = self.udp.get(id) {
            socket.deliver(&mut self.net, datagram);
        }
    }
}
