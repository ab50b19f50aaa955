//! The DHCP client (RFC 2131), on smoltcp's formats: discovers, requests, renews.

use crate::addr::Addr;
use crate::output::{Net, Outgoing};
use crate::stack::Core;
use crate::timers::{Owner, SECOND};
use crate::wire::{IpHeader, IpPacket, be16, protocol};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use file::Events;
use smoltcp::wire::{DhcpMessageType, DhcpOpCode, DhcpOption, DhcpPacket, EthernetAddress};

const CLIENT_PORT: u16 = 68;
const SERVER_PORT: u16 = 67;
/// The fixed part of a message with the magic cookie.
const MESSAGE_LEN: usize = 400;
/// First wait for an answer; doubles up to the maximum.
const FIRST_WAIT_NS: u64 = SECOND;
const MAX_WAIT_NS: u64 = 64 * SECOND;
/// Requests for one offer before discovering again.
const MAX_REQUESTS: u32 = 3;

/// Option numbers (RFC 2132).
mod option {
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS: u8 = 6;
    pub const HOSTNAME: u8 = 12;
    pub const DOMAIN: u8 = 15;
    pub const REQUESTED_IP: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const MAX_SIZE: u8 = 57;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const CLIENT_ID: u8 = 61;
}

/// What a server has given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Our address.
    pub address: Ipv4Addr,
    /// Prefix length of its network.
    pub prefix: u8,
    /// Default gateway.
    pub gateway: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
    /// Domain to search.
    pub domain: String,
    /// The server.
    pub server: Ipv4Addr,
    /// Lease time, and when to renew and to rebind, in seconds.
    pub times: (u32, u32, u32),
}

enum State {
    Discovering,
    /// Asking for what was offered.
    Requesting {
        offer: Lease,
        tries: u32,
    },
    Bound {
        lease: Lease,
        since: u64,
    },
}

/// The client of one interface.
pub struct Client {
    state: State,
    transaction: u32,
    wait: u64,
    started: u64,
    /// The deadline that counts; earlier entries in the heap are old.
    at: u64,
}

impl Client {
    pub(crate) fn new(transaction: u32) -> Client {
        Client { state: State::Discovering, transaction, wait: FIRST_WAIT_NS, started: 0, at: 0 }
    }

    /// What we have, while it lasts.
    pub fn lease(&self) -> Option<&Lease> {
        if let State::Bound { lease, .. } = &self.state { Some(lease) } else { None }
    }
}

impl Core {
    /// Runs the client's deadline: says it again, renews, or starts over.
    pub fn run_dhcp(&mut self, position: usize) {
        let net = &mut self.net;
        let now = net.now;
        let random = net.random_u32();
        let Some(client) = net.interfaces.get_mut(position).and_then(|i| i.dhcp.as_mut()) else { return };
        if client.at > now {
            return;
        }
        if client.started == 0 {
            client.started = now;
        }
        // RFC 2131 §4.1: waits are randomised so that machines that start together do not stay together.
        client.wait = (client.wait * 2).min(MAX_WAIT_NS);
        let mut next = now + client.wait / 2 + u64::from(random % 250) * (SECOND / 1000);
        let mut expired = false;
        match &mut client.state {
            State::Discovering => {}
            State::Requesting { tries, .. } => {
                *tries += 1;
                if *tries >= MAX_REQUESTS {
                    client.state = State::Discovering;
                }
            }
            State::Bound { lease, since } => {
                let (total, _, rebind) = lease.times;
                let end = *since + u64::from(total) * SECOND;
                let rebind = *since + u64::from(rebind) * SECOND;
                if now >= end {
                    expired = true;
                } else {
                    // Half of what remains, a minute at least (RFC 2131 §4.4.5).
                    let until = if now < rebind { rebind } else { end };
                    next = (now + ((until - now) / 2).max(60 * SECOND)).min(until);
                }
            }
        }
        if expired {
            client.state = State::Discovering;
            client.wait = FIRST_WAIT_NS;
            next = now + FIRST_WAIT_NS;
            net.remove_addresses(position, Addr::is_v4);
        }
        if let Some(client) = net.interfaces.get_mut(position).and_then(|i| i.dhcp.as_mut()) {
            client.at = next;
        }
        net.timers.enter(next, Owner::Dhcp(position));
        send_dhcp(net, position);
        if expired {
            let configured = self.configured.clone();
            self.net.wakes.add(&configured, Events::PRI);
        }
    }

    /// Takes a UDP packet if it is for the DHCP client; says whether it was.
    pub fn input_dhcp(&mut self, position: usize, packet: &IpPacket<'_>) -> bool {
        let net = &mut self.net;
        let now = net.now;
        let udp = packet.payload;
        if be16(udp, 2) != CLIENT_PORT || be16(udp, 0) != SERVER_PORT {
            return false;
        }
        let Some(interface) = net.interfaces.get_mut(position) else { return false };
        let mac = interface.caps.mac;
        let Some(client) = &mut interface.dhcp else { return false };
        let Some((kind, lease)) = udp.get(8..).and_then(|message| parse(message, client.transaction, mac)) else { return true };
        match (&mut client.state, kind) {
            (State::Discovering, DhcpMessageType::Offer) => {
                client.state = State::Requesting { offer: lease, tries: 0 };
                client.wait = FIRST_WAIT_NS;
                client.at = now + FIRST_WAIT_NS;
                net.timers.enter(now + FIRST_WAIT_NS, Owner::Dhcp(position));
                send_dhcp(net, position);
            }
            (State::Requesting { offer, .. }, DhcpMessageType::Ack) if lease.address == offer.address => {
                self.bind_lease(position, lease);
            }
            (State::Bound { lease: old, .. }, DhcpMessageType::Ack) if lease.address == old.address => {
                self.bind_lease(position, lease);
            }
            (State::Requesting { .. } | State::Bound { .. }, DhcpMessageType::Nak) => {
                client.state = State::Discovering;
                client.wait = FIRST_WAIT_NS;
                client.at = now;
                net.timers.enter(now, Owner::Dhcp(position));
                net.remove_addresses(position, Addr::is_v4);
            }
            _ => {}
        }
        true
    }

    fn bind_lease(&mut self, position: usize, lease: Lease) {
        let net = &mut self.net;
        let now = net.now;
        let Some(client) = net.interfaces.get_mut(position).and_then(|i| i.dhcp.as_mut()) else { return };
        let renewal = client.lease() == Some(&lease);
        client.at = now + u64::from(lease.times.1) * SECOND;
        net.timers.enter(client.at, Owner::Dhcp(position));
        client.state = State::Bound { lease: lease.clone(), since: now };
        client.wait = FIRST_WAIT_NS;
        if !renewal {
            net.remove_addresses(position, Addr::is_v4);
            net.add_address(position, Addr::from_v4(lease.address), lease.prefix, lease.gateway.map(Addr::from_v4));
            let configured = self.configured.clone();
            self.net.wakes.add(&configured, Events::PRI);
        }
    }
}

fn parse(message: &[u8], transaction: u32, mac: [u8; 6]) -> Option<(DhcpMessageType, Lease)> {
    let packet = DhcpPacket::new_checked(message).ok()?;
    if packet.opcode() != DhcpOpCode::Reply
        || packet.transaction_id() != transaction
        || packet.client_hardware_address() != EthernetAddress(mac)
    {
        return None;
    }
    let mut kind = None;
    let mut lease = Lease {
        address: packet.your_ip(),
        prefix: 0,
        gateway: None,
        dns: Vec::new(),
        domain: String::new(),
        server: Ipv4Addr::UNSPECIFIED,
        times: (u32::MAX, 0, 0),
    };
    for DhcpOption { kind: number, data } in packet.options() {
        let word = || data.first_chunk().map(|b| u32::from_be_bytes(*b));
        match number {
            option::MESSAGE_TYPE => kind = data.first().map(|b| DhcpMessageType::from(*b)),
            option::SUBNET_MASK => lease.prefix = word()?.leading_ones() as u8,
            option::ROUTER => lease.gateway = word().map(Ipv4Addr::from_bits),
            option::DNS => lease.dns = data.as_chunks::<4>().0.iter().map(|b| Ipv4Addr::from(*b)).collect(),
            option::DOMAIN => lease.domain = core::str::from_utf8(data).ok()?.trim_end_matches('\0').into(),
            option::SERVER_ID => lease.server = word().map(Ipv4Addr::from_bits)?,
            option::LEASE_TIME => lease.times.0 = word()?,
            option::RENEWAL_TIME => lease.times.1 = word()?,
            option::REBINDING_TIME => lease.times.2 = word()?,
            _ => {}
        }
    }
    let kind = kind?;
    if kind != DhcpMessageType::Nak {
        let address = Addr::from_v4(lease.address);
        if address.is_any() || address.is_multicast() || address.is_loopback() || address == Addr::BROADCAST {
            return None;
        }
        if lease.prefix == 0 {
            // A server that names no network: the address's old class (RFC 950).
            lease.prefix = match lease.address.octets()[0] {
                0..128 => 8,
                128..192 => 16,
                _ => 24,
            };
        }
    }
    // RFC 2131 §4.4.5: half and seven eighths unless told; a lease shorter than a minute is not taken at its word.
    let total = lease.times.0.max(60);
    let within = |t: u32, default: u32| if t > 0 && t < total { t } else { default };
    let renew = within(lease.times.1, total / 2);
    lease.times = (total, renew, within(lease.times.2, total - total / 8).max(renew));
    Some((kind, lease))
}

/// Sends what the client's state calls for.
fn send_dhcp(net: &mut Net, position: usize) {
    let now = net.now;
    let Some(interface) = net.interfaces.get(position) else { return };
    let Some(client) = &interface.dhcp else { return };
    let mac = interface.caps.mac;
    let mut bytes = [0u8; MESSAGE_LEN];
    let mut packet = DhcpPacket::new_unchecked(&mut bytes[..]);
    packet.set_opcode(DhcpOpCode::Request);
    packet.set_hardware_type(smoltcp::wire::ArpHardware::Ethernet);
    packet.set_hardware_len(6);
    packet.set_transaction_id(client.transaction);
    packet.set_client_hardware_address(EthernetAddress(mac));
    packet.set_secs(u16::try_from(now.saturating_sub(client.started) / SECOND).unwrap_or(u16::MAX));
    packet.set_magic_number(0x6382_5363);
    let (mut src, mut dst) = (Addr::ANY4, Addr::BROADCAST);
    let mut ask = None;
    let kind = match &client.state {
        State::Discovering => DhcpMessageType::Discover,
        State::Requesting { offer, .. } => {
            ask = Some((offer.address, offer.server));
            DhcpMessageType::Request
        }
        State::Bound { lease, since } => {
            packet.set_client_ip(lease.address);
            src = Addr::from_v4(lease.address);
            // Renew with the server that gave it; when it is silent, with any.
            if now < *since + u64::from(lease.times.2) * SECOND && !lease.server.is_unspecified() {
                dst = Addr::from_v4(lease.server);
            }
            DhcpMessageType::Request
        }
    };
    let mut id = [1; 7];
    id[1..].copy_from_slice(&mac);
    let parameters = [option::SUBNET_MASK, option::ROUTER, option::DNS, option::DOMAIN];
    let hostname = interface.hostname.as_bytes();
    let hostname = &hostname[..hostname.len().min(63)];
    let mut options = packet.options_mut();
    // The buffer holds all of these with room to spare, so that emitting cannot fail.
    let mut emit = |kind, data: &[u8]| options.emit(DhcpOption { kind, data }).is_ok();
    let mut fits = emit(option::MESSAGE_TYPE, &[u8::from(kind)]) && emit(option::CLIENT_ID, &id);
    if let Some((address, server)) = ask {
        fits &= emit(option::REQUESTED_IP, &address.octets()) && emit(option::SERVER_ID, &server.octets());
    }
    if !hostname.is_empty() {
        fits &= emit(option::HOSTNAME, hostname);
    }
    fits &= emit(option::MAX_SIZE, &1500u16.to_be_bytes()) && emit(option::PARAMETERS, &parameters);
    if !fits || options.end().is_err() {
        return;
    }
    let udp_len = (8 + MESSAGE_LEN) as u16;
    let mut header = [0; 8];
    header[..2].copy_from_slice(&CLIENT_PORT.to_be_bytes());
    header[2..4].copy_from_slice(&SERVER_PORT.to_be_bytes());
    header[4..6].copy_from_slice(&udp_len.to_be_bytes());
    let id = net.next_ip_id();
    let ip = IpHeader { src, dst, protocol: protocol::UDP, ttl: 64, tos: 0, id, dont_fragment: false };
    let outgoing = Outgoing {
        ip,
        interface: Some(position),
        header: &header,
        checksum_at: Some(6),
        payload: &&bytes[..],
        payload_len: MESSAGE_LEN,
        segment: None,
    };
    // Lost messages are repeated.
    let _ = net.send(&outgoing, None);
}
