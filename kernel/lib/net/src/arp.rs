//! ARP (RFC 826), on smoltcp's formats; and which question goes out for an unknown neighbour.

use crate::addr::Addr;
use crate::device::Mac;
use crate::neighbour::{Evidence, Question};
use crate::output::Net;
use crate::stack::Core;
use crate::{icmp, nd, wire};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress};

/// Takes an ARP packet: answers questions about us, learns from answers.
pub(crate) fn receive(net: &mut Net, position: usize, bytes: &[u8]) {
    let Ok(packet) = ArpPacket::new_checked(bytes) else { return };
    let Ok(ArpRepr::EthernetIpv4 { operation, source_hardware_addr, source_protocol_addr, target_protocol_addr, .. }) =
        ArpRepr::parse(&packet)
    else {
        return;
    };
    let (sender, mac) = (Addr::from_v4(source_protocol_addr), source_hardware_addr.0);
    let Some(interface) = net.interfaces.get(position) else { return };
    if !source_hardware_addr.is_unicast() || sender.is_multicast() || sender.is_loopback() || interface.has(sender) {
        return;
    }
    let ours = interface.has(Addr::from_v4(target_protocol_addr));
    if !sender.is_any() {
        let evidence = match operation {
            ArpOperation::Reply if ours => Evidence::Answer,
            ArpOperation::Request if ours => Evidence::TheirQuestion,
            _ => Evidence::Unsolicited,
        };
        net.learn(position, sender, mac, evidence);
    }
    if operation == ArpOperation::Request && ours {
        send(net, position, ArpOperation::Reply, target_protocol_addr, mac, source_protocol_addr);
    }
}

fn send(net: &mut Net, position: usize, operation: ArpOperation, source: Ipv4Addr, to: Mac, target: Ipv4Addr) {
    let Some(interface) = net.interfaces.get(position) else { return };
    let unknown = [0; 6];
    let repr = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: EthernetAddress(interface.mac()),
        source_protocol_addr: source,
        target_hardware_addr: EthernetAddress(if operation == ArpOperation::Request { unknown } else { to }),
        target_protocol_addr: target,
    };
    let mut bytes = [0; 28];
    repr.emit(&mut ArpPacket::new_unchecked(&mut bytes[..]));
    // A question that is not sent is asked again.
    let _ = net.send_raw(position, to, wire::ETHERTYPE_ARP, &bytes);
}

impl Net {
    /// Puts a question about a neighbour on the wire.
    pub fn ask(&mut self, position: usize, question: Question) {
        let Some(target) = question.target.v4() else { return nd::solicit(self, position, question) };
        let Some(interface) = self.interfaces.get(position) else { return };
        let source = interface.source_for(question.target, question.target).and_then(|a| a.v4());
        let source = source.unwrap_or(Ipv4Addr::UNSPECIFIED);
        send(self, position, ArpOperation::Request, source, question.only.unwrap_or([0xff; 6]), target);
    }

    /// Takes what was said about a neighbour; sends what has waited for it.
    pub fn learn(&mut self, position: usize, addr: Addr, mac: Mac, evidence: Evidence) {
        let now = self.now;
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        let (waiting, changed) = interface.neighbours.learn(addr, mac, evidence, now);
        if changed {
            self.generation = self.generation.wrapping_add(1);
        }
        self.send_waiting(position, mac, waiting);
        self.arm_neighbours(position);
    }

    fn send_waiting(&mut self, position: usize, mac: Mac, waiting: VecDeque<Vec<u8>>) {
        for packet in waiting {
            let ethertype = if packet.first().is_some_and(|b| b >> 4 == 6) { wire::ETHERTYPE_IPV6 } else { wire::ETHERTYPE_IPV4 };
            let _ = self.send_raw(position, mac, ethertype, &packet);
        }
    }
}

impl Core {
    /// Runs the deadlines of a neighbour cache: repeats questions, gives up on neighbours that do not answer.
    pub fn run_neighbours(&mut self, position: usize) {
        let now = self.net.now;
        let Some(interface) = self.net.interfaces.get_mut(position) else { return };
        interface.neighbours_at = u64::MAX;
        let expired = interface.neighbours.expire(now);
        if expired.changed {
            self.net.generation = self.net.generation.wrapping_add(1);
        }
        for question in expired.questions {
            self.net.ask(position, question);
        }
        for (_, packets) in expired.unreachable {
            if let Some(interface) = self.net.interfaces.get_mut(position) {
                interface.counters.tx_dropped += packets.len() as u64;
            }
            for packet in packets {
                icmp::no_neighbour(self, &packet);
            }
        }
        self.net.arm_neighbours(position);
    }
}
