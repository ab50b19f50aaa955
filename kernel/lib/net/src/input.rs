//! The way in: from a frame to the transport it is for.

use crate::addr::Addr;
use crate::checksum;
use crate::device::RxChecksum;
use crate::icmp;
use crate::reassembly::Outcome;
use crate::stack::Core;
use crate::wire::{self, ETHERNET_LEN, HeaderCheck, IpPacket, protocol};
use crate::{arp, nd};

impl Core {
    /// Takes an Ethernet frame.
    pub fn input_frame(&mut self, position: usize, frame: &[u8], checksum: RxChecksum) {
        let Some(interface) = self.net.interfaces.get_mut(position) else { return };
        interface.counters.rx_packets += 1;
        interface.counters.rx_bytes += frame.len() as u64;
        let (Some(dst), Some(payload)) = (frame.first_chunk::<6>(), frame.get(ETHERNET_LEN..)) else { return };
        // Frames to others come in when a bridge floods.
        if dst[0] & 1 == 0 && *dst != interface.caps.mac {
            interface.counters.rx_dropped += 1;
            return;
        }
        match wire::be16(frame, 12) {
            wire::ETHERTYPE_IPV4 | wire::ETHERTYPE_IPV6 => match IpPacket::parse(payload, HeaderCheck::Verify) {
                Some(packet) => self.input_ip(position, &packet, checksum),
                None => interface.counters.rx_dropped += 1,
            },
            wire::ETHERTYPE_ARP => arp::receive(&mut self.net, position, payload),
            _ => interface.counters.rx_dropped += 1,
        }
    }

    /// Takes a packet that we have sent to ourselves.
    pub fn input_loopback(&mut self, bytes: &[u8]) {
        if let Some(lo) = self.net.interfaces.first_mut() {
            lo.counters.rx_packets += 1;
            lo.counters.rx_bytes += bytes.len() as u64;
        }
        if let Some(packet) = IpPacket::parse(bytes, HeaderCheck::Skip) {
            self.input_ip(0, &packet, RxChecksum::Good);
        }
    }

    fn input_ip(&mut self, position: usize, packet: &IpPacket<'_>, checksum: RxChecksum) {
        if !self.is_for_us(position, packet) {
            if let Some(interface) = self.net.interfaces.get_mut(position) {
                interface.counters.rx_dropped += 1;
            }
            return;
        }
        if packet.fragment.is_some() {
            match self.reassembly.take(&mut self.net, packet) {
                Outcome::Waiting => {}
                Outcome::Complete(bytes) => {
                    if let Some(whole) = IpPacket::parse(&bytes, HeaderCheck::Skip) {
                        self.input_transport(position, &whole, RxChecksum::Unknown);
                    }
                }
            }
            return;
        }
        self.input_transport(position, packet, checksum);
    }

    fn is_for_us(&self, position: usize, packet: &IpPacket<'_>) -> bool {
        let Some(interface) = self.net.interfaces.get(position) else { return false };
        let (src, dst) = (packet.src, packet.dst);
        if src.is_multicast() || src == Addr::BROADCAST {
            return false;
        }
        if position != 0 && (src.is_loopback() || dst.is_loopback()) {
            return false;
        }
        if interface.has(dst) {
            return true;
        }
        // Before DHCP has given an address, the server's answers come to the one that it offers.
        let configuring = interface.dhcp.as_ref().is_some_and(|d| d.lease().is_none()) && packet.protocol == protocol::UDP;
        self.net.is_local(dst) || interface.is_broadcast(dst) || interface.wants_group(dst) || configuring || position == 0
    }

    fn input_transport(&mut self, position: usize, packet: &IpPacket<'_>, checksum: RxChecksum) {
        let good = |packet: &IpPacket<'_>| {
            checksum == RxChecksum::Good || checksum::verify(packet.src, packet.dst, packet.protocol, packet.payload)
        };
        match packet.protocol {
            protocol::TCP if good(packet) => self.tcp.receive(&mut self.net, packet, position),
            protocol::UDP => {
                // A zero checksum is none at all (IPv4 only, RFC 768).
                let unchecked = wire::be16(packet.payload, 6) == 0 && packet.src.is_v4();
                if unchecked || good(packet) {
                    self.input_udp(position, packet);
                }
            }
            protocol::ICMP if packet.src.is_v4() => icmp::receive(self, position, packet),
            protocol::ICMPV6 if good(packet) && !packet.src.is_v4() => {
                if !nd::receive(&mut self.net, position, packet) {
                    icmp::receive(self, position, packet);
                }
            }
            protocol::TCP | protocol::ICMPV6 => {}
            _ => icmp::send_unreachable(&mut self.net, position, packet, icmp::Reason::Protocol),
        }
    }
}
