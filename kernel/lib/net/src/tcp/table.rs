//! All connections: slots, the hash that finds the one a segment is for, TIME-WAIT, the list of those with something to send.

use super::input::TIME_WAIT_NS;
use super::output::Force;
use super::segment::{CHECKSUM_AT, HeaderBuilder, Segment, flags};
use super::seq::Seq;
use super::{Ack, Connection, Owned, State};
use crate::addr::{Addr, Endpoint};
use crate::output::{Net, Outgoing};
use crate::ports::{Binding, Ports, Share};
use crate::timers::Owner;
use crate::wire::{IpHeader, IpPacket, protocol};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash, Hasher};
use hashbrown::HashMap;
use uapi::{Errno, Result};

/// Connections in TIME-WAIT kept at most; the oldest goes first.
const MAX_TIME_WAIT: usize = 4096;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    pub local: Endpoint,
    pub remote: Endpoint,
}

impl Hash for Flow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The local address hardly varies; the upper half of an IPv6 peer address does.
        let remote = self.remote.addr.bits();
        state.write_u64((remote >> 64) as u64 ^ (self.local.addr.low32() as u64) << 32);
        state.write_u64((remote & u128::from(u64::MAX)) as u64);
        state.write_u64(u64::from(self.local.port) << 16 | u64::from(self.remote.port));
    }
}

/// A keyed multiply-and-fold hash: short keys, chosen by strangers.
#[derive(Clone, Copy)]
pub(super) struct FlowHash {
    key: u64,
}

impl BuildHasher for FlowHash {
    type Hasher = FlowHasher;
    fn build_hasher(&self) -> FlowHasher {
        FlowHasher { state: self.key, key: self.key }
    }
}

pub(super) struct FlowHasher {
    state: u64,
    key: u64,
}

impl Hasher for FlowHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, value: u64) {
        let wide = u128::from(self.state ^ value) * u128::from(self.key | 1);
        self.state = (wide >> 64) as u64 ^ (wide & u128::from(u64::MAX)) as u64 ^ self.key.rotate_left(23);
    }
    fn finish(&self) -> u64 {
        self.state
    }
}

/// What is left of a connection in TIME-WAIT once the application has closed it.
struct TimeWait {
    flow: Flow,
    share: Option<Share>,
    nxt: Seq,
    rcv_nxt: Seq,
    until: u64,
}

enum Slot {
    Free,
    Connection(Box<Connection>),
    TimeWait(Box<TimeWait>),
}

/// The table.
pub(crate) struct Table {
    slots: Vec<(u32, Slot)>,
    free: Vec<u32>,
    flows: HashMap<Flow, u32, FlowHash>,
    pub(super) ports: Ports,
    time_wait: VecDeque<(u32, u32)>,
    pub(super) secret: (u64, u64),
}

impl Table {
    pub fn new(random: &mut dyn FnMut(&mut [u8])) -> Table {
        let mut word = || {
            let mut bytes = [0; 8];
            random(&mut bytes);
            u64::from_ne_bytes(bytes)
        };
        let key = word();
        Table {
            slots: Vec::new(),
            free: Vec::new(),
            flows: HashMap::with_hasher(FlowHash { key }),
            ports: Ports::default(),
            time_wait: VecDeque::new(),
            secret: (word(), word()),
        }
    }

    /// A connection; EBADF when the slot holds none, which cannot be while a socket refers to it.
    pub(super) fn get(&mut self, id: u32) -> Result<&mut Connection> {
        match self.slots.get_mut(id as usize) {
            Some((_, Slot::Connection(connection))) => Ok(connection),
            _ => Err(Errno::EBADF),
        }
    }

    pub(super) fn insert(&mut self, mut connection: Box<Connection>) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, Slot::Free));
            self.slots.len() as u32 - 1
        });
        connection.id = id;
        if let Some((generation, slot)) = self.slots.get_mut(id as usize) {
            connection.generation = *generation;
            *slot = Slot::Connection(connection);
        }
        id
    }

    /// Makes segments of a flow find `id`.
    pub(super) fn connect_flow(&mut self, flow: Flow, id: u32) {
        self.flows.insert(flow, id);
    }

    /// Whether a flow is taken.
    pub(super) fn has_flow(&self, flow: &Flow) -> bool {
        self.flows.contains_key(flow)
    }

    /// Takes a closed connection out of the hash, so that its endpoints are free while the socket is still open.
    pub(super) fn forget_flow(&mut self, id: u32) {
        if let Ok(connection) = self.get(id) {
            let flow = connection.flow();
            let share = connection.share.take();
            if self.flows.get(&flow) == Some(&id) {
                self.flows.remove(&flow);
            }
            if let Some(share) = share {
                self.ports.unshare(flow.local.port, share);
            }
        }
    }

    /// Forgets a connection in TIME-WAIT.
    fn end_time_wait(&mut self, id: u32) {
        if let Some((_, Slot::TimeWait(waiting))) = self.slots.get(id as usize) {
            self.flows.remove(&waiting.flow);
            if let Some(share) = waiting.share {
                self.ports.unshare(waiting.flow.local.port, share);
            }
            self.free_slot(id);
        }
    }

    /// Frees a slot and all that it holds.
    pub(super) fn remove(&mut self, net: &mut Net, id: u32) {
        self.forget_flow(id);
        if let Ok(connection) = self.get(id) {
            net.buffered = net.buffered.saturating_sub(connection.tx.len() + connection.rx.len() + connection.reorder.len());
            let port = connection.local.port;
            self.ports.unbind(port, id);
        }
        self.free_slot(id);
    }

    fn free_slot(&mut self, id: u32) {
        if let Some((generation, slot)) = self.slots.get_mut(id as usize) {
            *slot = Slot::Free;
            *generation = generation.wrapping_add(1);
            self.free.push(id);
        }
    }

    /// Ids of all connections that `test` holds for.
    pub(super) fn select(&self, test: impl Fn(&Connection) -> bool) -> Vec<u32> {
        let held = self.slots.iter().filter_map(|(_, slot)| if let Slot::Connection(c) = slot { Some(c) } else { None });
        held.filter(|c| test(c)).map(|c| c.id).collect()
    }

    /// Takes a TCP packet whose checksum is good.
    pub fn receive(&mut self, net: &mut Net, packet: &IpPacket<'_>, interface: usize) {
        let Some(segment) = Segment::parse(packet.payload) else { return };
        let flow = Flow {
            local: Endpoint { addr: packet.dst, port: segment.dst_port },
            remote: Endpoint { addr: packet.src, port: segment.src_port },
        };
        let mut id = self.flows.get(&flow).copied();
        if let Some(waiting) = id
            && self.time_wait_receive(net, waiting, &segment) == Reuse::Yes
        {
            id = None;
        }
        match id {
            Some(id) => self.receive_for(net, id, &segment),
            None => match self.ports.find(flow.local, flow.remote, interface, true) {
                Some(listener) => self.receive_for_listener(net, listener, flow, &segment, packet.tos),
                None => send_reset(net, flow, &segment),
            },
        }
    }

    fn receive_for(&mut self, net: &mut Net, id: u32, segment: &Segment<'_>) {
        let Ok(connection) = self.get(id) else { return };
        let before = connection.state;
        if before == State::SynReceived
            && let Owned::Listener(listener) = connection.owned
            && segment.has(flags::ACK)
            && !segment.has(flags::RST)
            && self.get(listener).is_ok_and(|l| l.listener.as_ref().is_some_and(|q| q.is_full()))
        {
            // No room for one more: the peer will repeat itself, and by then there may be.
            return;
        }
        let Ok(connection) = self.get(id) else { return };
        connection.receive(net, segment);
        self.after(net, id, before);
    }

    /// What a change of a connection's state means for the table. `before` is the state that it was in.
    pub(super) fn after(&mut self, net: &mut Net, id: u32, before: State) {
        let Ok(connection) = self.get(id) else { return };
        if connection.ack == Ack::Now || (connection.nxt == connection.iss && connection.state == State::SynReceived) {
            net.work_tcp(&mut connection.queued, id);
        }
        connection.arm(net);
        if connection.state == before && connection.state != State::TimeWait && connection.state != State::Closed {
            if let Owned::Listener(listener) = connection.owned {
                self.offer(net, listener, id);
            }
            return;
        }
        match (connection.state, connection.owned) {
            (State::Closed, Owned::Nobody) => self.remove(net, id),
            (State::Closed, Owned::Listener(listener)) => self.lost(net, listener, id),
            (State::Closed, Owned::Socket) => self.forget_flow(id),
            (State::TimeWait, Owned::Nobody) => self.shrink_to_time_wait(net, id),
            (State::SynReceived, _) => {}
            (_, Owned::Listener(listener)) => self.offer(net, listener, id),
            _ => {}
        }
    }

    /// Sends for everybody on the list of work.
    pub fn run_work(&mut self, net: &mut Net) {
        while let Some(id) = net.tcp_work.pop() {
            let Ok(connection) = self.get(id) else { continue };
            if !core::mem::take(&mut connection.queued) {
                continue;
            }
            let before = connection.state;
            connection.output(net, Force::No);
            if connection.state != before {
                self.after(net, id, before);
            }
        }
    }

    /// The device has room again: those that were turned away try again.
    pub fn retry_stalled(&mut self, net: &mut Net) {
        for id in core::mem::take(&mut net.stalled_tcp) {
            if let Ok(connection) = self.get(id) {
                net.work_tcp(&mut connection.queued, id);
            }
        }
    }

    /// A deadline of `id` has come.
    pub fn run_timer(&mut self, net: &mut Net, id: u32, generation: u32, at: u64) {
        let Some((current, slot)) = self.slots.get_mut(id as usize) else { return };
        if *current != generation {
            return;
        }
        match slot {
            Slot::Connection(connection) if connection.entered_at == at => {
                connection.entered_at = u64::MAX;
                let before = connection.state;
                connection.run_timers(net);
                self.after(net, id, before);
            }
            Slot::TimeWait(waiting) if waiting.until <= net.now => self.end_time_wait(id),
            Slot::TimeWait(waiting) => net.timers.enter(waiting.until, Owner::Tcp(id, generation)),
            _ => {}
        }
    }

    fn shrink_to_time_wait(&mut self, net: &mut Net, id: u32) {
        let Ok(connection) = self.get(id) else { return };
        // Its port stays taken for those without SO_REUSEADDR.
        let share = connection.share.or(connection.bound.then(|| connection.port_share()));
        let inherits = connection.share.is_some();
        let waiting =
            TimeWait { flow: connection.flow(), share, nxt: connection.sent, rcv_nxt: connection.rcv_nxt, until: connection.end_at };
        net.buffered = net.buffered.saturating_sub(connection.tx.len() + connection.rx.len() + connection.reorder.len());
        let port = connection.local.port;
        // The final acknowledgement may still be owed.
        if connection.ack == Ack::Now {
            connection.send_ack(net);
        }
        self.ports.unbind(port, id);
        if let (Some(share), false) = (share, inherits) {
            self.ports.share(port, share);
        }
        if let Some((generation, slot)) = self.slots.get_mut(id as usize) {
            // Entries in the heap for the connection are no longer meant.
            *generation = generation.wrapping_add(1);
            let generation = *generation;
            net.timers.enter(waiting.until, Owner::Tcp(id, generation));
            *slot = Slot::TimeWait(Box::new(waiting));
            self.time_wait.push_back((id, generation));
        }
        if self.time_wait.len() > MAX_TIME_WAIT
            && let Some((oldest, generation)) = self.time_wait.pop_front()
            && self.slots.get(oldest as usize).is_some_and(|(current, _)| *current == generation)
        {
            self.end_time_wait(oldest);
        }
        while let Some((id, generation)) = self.time_wait.front()
            && self.slots.get(*id as usize).is_none_or(|(current, _)| current != generation)
        {
            self.time_wait.pop_front();
        }
    }

    /// A segment for a connection in TIME-WAIT without a socket. [`Reuse::Yes`]: the slot is freed, the segment is to be treated as new.
    fn time_wait_receive(&mut self, net: &mut Net, id: u32, segment: &Segment<'_>) -> Reuse {
        let Some((_, Slot::TimeWait(waiting))) = self.slots.get_mut(id as usize) else { return Reuse::No };
        let flow = waiting.flow;
        // A new connection may take over when its numbers are beyond the old one's (RFC 9293 §3.10.7.4, RFC 6191).
        if segment.has(flags::SYN) && !segment.has(flags::ACK | flags::RST) && segment.seq.after(waiting.rcv_nxt) {
            self.end_time_wait(id);
            return Reuse::Yes;
        }
        // Resets are ignored (RFC 1337); a repeated FIN is acknowledged again.
        if !segment.has(flags::RST) && segment.seq_len() > 0 {
            if segment.has(flags::FIN) {
                waiting.until = net.now + TIME_WAIT_NS;
            }
            let header = HeaderBuilder::new((flow.local.port, flow.remote.port), waiting.nxt, waiting.rcv_nxt, flags::ACK, u16::MAX);
            send_bare(net, flow, header.bytes());
        }
        Reuse::No
    }

    /// An ICMP error that quotes a segment of ours.
    pub fn icmp_error(&mut self, net: &mut Net, local: Addr, remote: Addr, quoted: &[u8], error: crate::icmp::IcmpError) {
        let port = |at| crate::wire::be16(quoted, at);
        let flow = Flow { local: Endpoint { addr: local, port: port(0) }, remote: Endpoint { addr: remote, port: port(2) } };
        let Some(id) = self.flows.get(&flow).copied() else { return };
        let Ok(connection) = self.get(id) else { return };
        // Only one that quotes data in flight is believed (RFC 5927 §4).
        let seq = Seq(crate::wire::be32(quoted, 4));
        if seq.before(connection.una) || seq.after(connection.sent) {
            return;
        }
        let before = connection.state;
        match error {
            crate::icmp::IcmpError::TooBig(mtu) => connection.too_big(net, mtu),
            crate::icmp::IcmpError::Unreachable { error, hard } => connection.unreachable(net, error, hard),
        }
        self.after(net, id, before);
    }
}

#[derive(PartialEq, Eq)]
enum Reuse {
    Yes,
    No,
}

impl Connection {
    pub(super) fn flow(&self) -> Flow {
        Flow { local: self.local, remote: self.remote }
    }

    /// This socket's part in the claim on its port.
    pub(super) fn port_share(&self) -> Share {
        Share { addr: self.local.addr, reuse_addr: self.options.reuse_addr, reuse_port: self.options.reuse_port }
    }

    /// This socket's claim on its port.
    pub(super) fn binding(&self) -> Binding {
        Binding {
            id: self.id,
            addr: self.local.addr,
            remote: None,
            interface: self.options.interface,
            v6only: self.options.v6only,
            reuse_addr: self.options.reuse_addr,
            reuse_port: self.options.reuse_port,
            listening: self.state == State::Listen,
        }
    }
}

/// Answers a segment that nobody wants (RFC 9293 §3.10.7.1).
pub(super) fn send_reset(net: &mut Net, flow: Flow, segment: &Segment<'_>) {
    if segment.has(flags::RST) || flow.local.addr.is_multicast() || flow.remote.addr.is_any() || flow.remote.addr.is_multicast() {
        return;
    }
    let ports = (flow.local.port, flow.remote.port);
    let header = if segment.has(flags::ACK) {
        HeaderBuilder::new(ports, segment.ack, Seq(0), flags::RST, 0)
    } else {
        HeaderBuilder::new(ports, Seq(0), segment.seq.plus(segment.seq_len()), flags::RST | flags::ACK, 0)
    };
    send_bare(net, flow, header.bytes());
}

/// Sends a header that belongs to no connection.
fn send_bare(net: &mut Net, flow: Flow, header: &[u8]) {
    let id = net.next_ip_id();
    let ip = IpHeader { src: flow.local.addr, dst: flow.remote.addr, protocol: protocol::TCP, ttl: 64, tos: 0, id, dont_fragment: true };
    let nothing: &[u8] = &[];
    let packet = Outgoing { ip, interface: None, header, checksum_at: Some(CHECKSUM_AT), payload: &nothing, payload_len: 0, segment: None };
    // Lost like any other packet when it cannot be sent.
    let _ = net.send(&packet, None);
}
