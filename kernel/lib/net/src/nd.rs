//! IPv6 neighbour discovery (RFC 4861) and address configuration by router advertisements (RFC 4862).
//!
//! **Not done**: duplicate address detection; addresses are used at once (as RFC 4429's optimistic ones, without its restraint).

use crate::addr::Addr;
use crate::checksum;
use crate::ndp::{self, Message, Written};
use crate::neighbour::{Evidence, Question};
use crate::output::{Net, Outgoing};
use crate::route::Route;
use crate::timers::{NEVER, Owner, SECOND};
use crate::wire::{self, ETHERNET_LEN, IpHeader, IpPacket, protocol};

/// Router solicitations sent, and the time between them (RFC 4861 §10).
const SOLICITATIONS: u8 = 3;
const SOLICITATION_NS: u64 = 4 * SECOND;
const ALL_ROUTERS: Addr = Addr::from_v6(core::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2));
const ALL_NODES: Addr = Addr::from_v6(core::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));

/// State of address configuration on one interface.
pub(crate) struct AutoConfig {
    left: u8,
    /// When the default router's life ends.
    router_until: u64,
}

impl AutoConfig {
    /// About to solicit.
    pub fn new() -> AutoConfig {
        AutoConfig { left: SOLICITATIONS, router_until: NEVER }
    }
}

impl Net {
    /// Asks for routers, up to three times; drops a default router that has not been heard of.
    pub fn run_auto_config(&mut self, position: usize) {
        let now = self.now;
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        let mac = interface.caps.mac;
        let Some(auto) = &mut interface.auto else { return };
        if auto.router_until <= now {
            auto.router_until = NEVER;
            self.routes.remove(|r| r.interface == position && r.network == Addr::ANY6 && r.prefix == 0);
            self.generation = self.generation.wrapping_add(1);
        } else if auto.left > 0 {
            auto.left -= 1;
            let again = auto.left > 0;
            send(self, position, ALL_ROUTERS, None, Written::router_solicitation(mac));
            if again {
                self.timers.enter(now + SOLICITATION_NS, Owner::AutoConfig(position));
            }
        }
    }
}

/// Sends a neighbour discovery message: hop limit 255, to a group or straight to `mac`.
fn send(net: &mut Net, position: usize, dst: Addr, mac: Option<crate::device::Mac>, mut message: Written) {
    let Some(interface) = net.interfaces.get(position) else { return };
    let Some(src) = interface.source_for(dst, dst).filter(|a| !a.is_v4()) else { return };
    let message = message.bytes();
    let len = message.len();
    let sum = checksum::finish(checksum::add(checksum::pseudo_header(src, dst, protocol::ICMPV6, len), message));
    message[2..4].copy_from_slice(&sum);
    let ip = IpHeader { src, dst, protocol: protocol::ICMPV6, ttl: 255, tos: 0, id: 0, dont_fragment: true };
    let nothing: &[u8] = &[];
    match mac {
        Some(mac) => {
            let mut packet = [0u8; ETHERNET_LEN + 40 + 32];
            ip.write(&mut packet, len);
            packet[40..40 + len].copy_from_slice(message);
            let _ = net.send_raw(position, mac, wire::ETHERTYPE_IPV6, &packet[..40 + len]);
        }
        None => {
            let outgoing = Outgoing {
                ip,
                interface: Some(position),
                header: message,
                checksum_at: None,
                payload: &nothing,
                payload_len: 0,
                segment: None,
            };
            let _ = net.send(&outgoing, None);
        }
    }
}

/// Asks for a neighbour's Ethernet address.
pub(crate) fn solicit(net: &mut Net, position: usize, question: Question) {
    let Some(interface) = net.interfaces.get(position) else { return };
    let message = Written::solicitation(question.target, interface.caps.mac);
    let dst = if question.only.is_some() { question.target } else { question.target.solicited_node() };
    send(net, position, dst, question.only, message);
}

/// Takes an ICMPv6 message if it is neighbour discovery; says whether it was.
pub(crate) fn receive(net: &mut Net, position: usize, packet: &IpPacket<'_>) -> bool {
    if !packet.payload.first().is_some_and(|kind| ndp::is_ours(*kind)) {
        return false;
    }
    // Hop limit 255 proves that it comes from this link (RFC 4861 §6.1, §7.1). Nothing of it concerns the loopback.
    if packet.ttl != 255 || position == 0 {
        return true;
    }
    // Solicitations of routers and redirects are not for us.
    let Some((message, mac)) = ndp::parse(packet.payload) else { return true };
    match message {
        Message::Solicitation { target } => {
            if net.interfaces.get(position).is_some_and(|i| i.has(target)) && !packet.src.is_any() {
                if let Some(mac) = mac {
                    net.learn(position, packet.src, mac, Evidence::TheirQuestion);
                }
                advertise(net, position, target, packet.src);
            }
        }
        Message::Advertisement { target, solicited } => {
            if let Some(mac) = mac {
                let evidence = if solicited { Evidence::Answer } else { Evidence::Unsolicited };
                net.learn(position, target, mac, evidence);
            }
        }
        Message::Router { lifetime_s, prefix } => {
            if packet.src.is_link_local6() {
                if let Some(mac) = mac {
                    net.learn(position, packet.src, mac, Evidence::TheirQuestion);
                }
                router_advertised(net, position, packet.src, lifetime_s, prefix);
            }
        }
    }
    true
}

fn advertise(net: &mut Net, position: usize, target: Addr, to: Addr) {
    let Some(interface) = net.interfaces.get(position) else { return };
    let message = Written::advertisement(target, interface.caps.mac);
    let dst = if to.is_any() { ALL_NODES } else { to };
    send(net, position, dst, None, message);
}

fn router_advertised(net: &mut Net, position: usize, router: Addr, lifetime_s: u64, prefix: Option<Addr>) {
    let now = net.now;
    let Some(interface) = net.interfaces.get_mut(position) else { return };
    let mac = interface.caps.mac;
    let Some(auto) = &mut interface.auto else { return };
    auto.left = 0;
    if lifetime_s > 0 {
        auto.router_until = now + lifetime_s * SECOND;
        net.timers.enter(auto.router_until, Owner::AutoConfig(position));
        net.routes.add(Route { network: Addr::ANY6, prefix: 0, gateway: Some(router), interface: position });
    } else {
        auto.router_until = NEVER;
        net.routes.remove(|r| r.interface == position && r.prefix == 0 && r.gateway == Some(router));
    }
    if let Some(prefix) = prefix
        && !prefix.is_link_local6()
        && !prefix.is_multicast()
        && !prefix.is_v4()
    {
        net.add_address(position, prefix.with_interface_id(Addr::link_local_of(mac)), 64, None);
    }
    net.generation = net.generation.wrapping_add(1);
}
