//! ICMP and ICMPv6 (RFC 792, RFC 4443): echo, and errors in both directions.

use crate::addr::Addr;
use crate::checksum;
use crate::output::{Net, Outgoing};
use crate::stack::Core;
use crate::timers::SECOND;
use crate::wire::{HeaderCheck, IpHeader, IpPacket, be16, be32, protocol};
use uapi::{Errno, Result};

/// Errors sent per second, at most.
const ERRORS_PER_SECOND: u32 = 100;
/// How much of an offending packet is quoted (RFC 1812 §4.3.2.3).
const QUOTE_MAX: usize = 520;

/// An error that came back for a packet of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// The packet was larger than this MTU somewhere on the way.
    TooBig(usize),
    /// It did not get there.
    Unreachable {
        /// What the socket is told.
        error: Errno,
        /// Trying again is of no use.
        hard: bool,
    },
}

/// Why we send an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody is bound to the port.
    Port,
    /// We do not speak the protocol.
    Protocol,
}

/// How many errors have been sent in the current second.
#[derive(Default)]
pub(crate) struct RateLimit {
    second: u64,
    count: u32,
}

impl RateLimit {
    fn allow(&mut self, now: u64) -> bool {
        let second = now / SECOND;
        if second != self.second {
            *self = RateLimit { second, count: 0 };
        }
        self.count += 1;
        self.count <= ERRORS_PER_SECOND
    }
}

/// Takes an ICMP message (v6: its checksum is verified and it is not neighbour discovery).
pub(crate) fn receive(core: &mut Core, position: usize, packet: &IpPacket<'_>) {
    let message = packet.payload;
    let (Some(header), v4) = (message.first_chunk::<8>(), packet.src.is_v4()) else { return };
    if v4 && checksum::fold(checksum::add(0, message)) != [0xff; 2] {
        return;
    }
    match (v4, header[0]) {
        (true, 8) => echo_reply(&mut core.net, position, packet, 0),
        (false, 128) => echo_reply(&mut core.net, position, packet, 129),
        (true, 0) | (false, 129) => core.input_echo_reply(position, packet),
        _ => {
            if let Some(error) = error_of(v4, header) {
                report(core, &message[8..], error);
            }
        }
    }
}

/// What an error message means, as Linux converts it.
fn error_of(v4: bool, header: &[u8; 8]) -> Option<IcmpError> {
    let unreachable = |error, hard| Some(IcmpError::Unreachable { error, hard });
    match (v4, header[0], header[1]) {
        (true, 3, 4) => Some(IcmpError::TooBig(usize::from(be16(header, 6)))),
        (false, 2, _) => Some(IcmpError::TooBig(be32(header, 4) as usize)),
        (true, 3, 0 | 5) => unreachable(Errno::ENETUNREACH, false),
        (true, 3, 2) => unreachable(Errno::ENOPROTOOPT, true),
        (true, 3, 3) | (false, 1, 4) => unreachable(Errno::ECONNREFUSED, true),
        (true, 3, 9) => unreachable(Errno::ENETUNREACH, true),
        (true, 3, 10 | 13) => unreachable(Errno::EHOSTUNREACH, true),
        (true, 3 | 11, _) | (false, 3, _) => unreachable(Errno::EHOSTUNREACH, false),
        (true, 12, _) | (false, 4, _) => unreachable(Errno::EPROTO, true),
        (false, 1, 0) => unreachable(Errno::ENETUNREACH, false),
        (false, 1, 1 | 5 | 6) => unreachable(Errno::EACCES, true),
        (false, 1, _) => unreachable(Errno::EHOSTUNREACH, false),
        _ => None,
    }
}

/// Tells the transport whose packet is quoted.
fn report(core: &mut Core, quoted: &[u8], error: IcmpError) {
    let Some(ours) = IpPacket::parse(quoted, HeaderCheck::Skip) else { return };
    if ours.payload.len() < 8 || !core.net.is_local(ours.src) {
        return;
    }
    match ours.protocol {
        protocol::TCP => core.tcp.icmp_error(&mut core.net, ours.src, ours.dst, ours.payload, error),
        protocol::UDP => core.udp.icmp_error(&mut core.net, ours.src, ours.dst, ours.payload, error),
        _ => {}
    }
}

/// A neighbour did not answer: what its packets' senders are told.
pub(crate) fn no_neighbour(core: &mut Core, packet: &[u8]) {
    report(core, packet, IcmpError::Unreachable { error: Errno::EHOSTUNREACH, hard: true });
}

fn echo_reply(net: &mut Net, position: usize, packet: &IpPacket<'_>, kind: u8) {
    // Answers to a group come from our own address; echo to a broadcast is not answered (RFC 1122 §3.2.2.6 leaves it to us).
    let src = match (packet.dst.is_multicast(), net.is_local(packet.dst)) {
        (false, true) => packet.dst,
        (true, _) => match net.source_for(packet.src, Some(position)) {
            Ok(src) => src,
            Err(_) => return,
        },
        _ => return,
    };
    let (Some(header), data) = (packet.payload.first_chunk::<8>(), packet.payload.get(8..).unwrap_or(&[])) else { return };
    let header = [kind, 0, 0, 0, header[4], header[5], header[6], header[7]];
    let _ = send(net, Some(position), src, packet.src, header, data, 64);
}

/// Sends an ICMP message with its checksum computed.
pub(crate) fn send(net: &mut Net, position: Option<usize>, src: Addr, dst: Addr, mut header: [u8; 8], data: &[u8], ttl: u8) -> Result<()> {
    let v4 = dst.is_v4();
    let id = net.next_ip_id();
    let protocol = if v4 { protocol::ICMP } else { protocol::ICMPV6 };
    // ICMP sums no pseudo-header, and devices sum only TCP and UDP: it is done here.
    let start = if v4 { 0 } else { checksum::pseudo_header(src, dst, protocol, 8 + data.len()) };
    let sum = checksum::finish(checksum::add(checksum::add(start, &header), data));
    header[2..4].copy_from_slice(&sum);
    let ip = IpHeader { src, dst, protocol, ttl, tos: 0, id, dont_fragment: false };
    let interface = position.filter(|p| *p != 0 && (dst.is_link_local6() || dst.is_multicast()));
    let outgoing = Outgoing { ip, interface, header: &header, checksum_at: None, payload: &data, payload_len: data.len(), segment: None };
    net.send(&outgoing, None)
}

/// Tells a sender that its packet is not wanted here.
pub(crate) fn send_unreachable(net: &mut Net, position: usize, packet: &IpPacket<'_>, reason: Reason) {
    let group = packet.dst.is_multicast() || net.interfaces.get(position).is_none_or(|i| i.is_broadcast(packet.dst));
    if group || packet.src.is_any() || !net.is_local(packet.dst) || !net.icmp_limit.allow(net.now) {
        return;
    }
    let header = match (packet.src.is_v4(), reason) {
        (true, Reason::Port) => [3, 3, 0, 0, 0, 0, 0, 0],
        (true, Reason::Protocol) => [3, 2, 0, 0, 0, 0, 0, 0],
        (false, Reason::Port) => [1, 4, 0, 0, 0, 0, 0, 0],
        // Parameter problem, unrecognised next header, at the next-header field.
        (false, Reason::Protocol) => [4, 1, 0, 0, 0, 0, 0, 6],
    };
    let quote = &packet.whole[..packet.whole.len().min(QUOTE_MAX)];
    let _ = send(net, Some(position), packet.dst, packet.src, header, quote, 64);
}
