//! IPv4 and IPv6 headers: parsing into a checked view, and writing.
//!
//! These and TCP's and UDP's are on the path of every packet, so they are read here field by field; the colder formats (ARP, ICMP,
//! neighbour discovery, DHCP) are smoltcp's.

use crate::addr::Addr;
use crate::checksum;

/// Ethernet header length in bytes.
pub const ETHERNET_LEN: usize = 14;
/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;

/// IP protocol numbers.
pub mod protocol {
    /// ICMP
    pub const ICMP: u8 = 1;
    /// TCP
    pub const TCP: u8 = 6;
    /// UDP
    pub const UDP: u8 = 17;
    /// ICMPv6
    pub const ICMPV6: u8 = 58;
}

/// A big-endian 16-bit field; 0 beyond the end.
pub fn be16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_be_bytes)
}

/// A big-endian 32-bit field; 0 beyond the end.
pub fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification.
    pub id: u32,
    /// Offset of its first byte in the whole payload.
    pub offset: usize,
    /// Whether more follow.
    pub more: bool,
}

/// A received IP packet with valid header and length.
#[derive(Clone, Copy, Debug)]
pub struct IpPacket<'a> {
    /// Source.
    pub src: Addr,
    /// Destination.
    pub dst: Addr,
    /// Transport protocol.
    pub protocol: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Type of service or traffic class.
    pub tos: u8,
    /// Set for one piece of a larger packet.
    pub fragment: Option<Fragment>,
    /// The whole packet, as an ICMP error quotes it.
    pub whole: &'a [u8],
    /// Transport header and data.
    pub payload: &'a [u8],
}

/// Which header checksum a caller wants verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderCheck {
    /// Verify the IPv4 header checksum.
    Verify,
    /// It is known to be good (loopback), or the packet is quoted and cut (ICMP errors).
    Skip,
}

impl<'a> IpPacket<'a> {
    /// Checks and takes apart; `None` for anything malformed. With [`HeaderCheck::Skip`] the payload may be shorter than the header says.
    pub fn parse(bytes: &'a [u8], check: HeaderCheck) -> Option<IpPacket<'a>> {
        match bytes.first()? >> 4 {
            4 => Self::parse4(bytes, check),
            6 => Self::parse6(bytes, check),
            _ => None,
        }
    }

    fn parse4(bytes: &'a [u8], check: HeaderCheck) -> Option<IpPacket<'a>> {
        let header_len = usize::from(bytes.first()? & 15) * 4;
        let total = usize::from(be16(bytes, 2));
        if header_len < 20 || bytes.len() < header_len || total < header_len {
            return None;
        }
        if check == HeaderCheck::Verify && (total > bytes.len() || checksum::fold(checksum::add(0, &bytes[..header_len])) != [0xff; 2]) {
            return None;
        }
        let whole = &bytes[..total.min(bytes.len())];
        let flags = be16(bytes, 6);
        let offset = usize::from(flags & 0x1fff) * 8;
        let more = flags & 0x2000 != 0;
        let fragment = (more || offset != 0).then(|| Fragment { id: u32::from(be16(bytes, 4)), offset, more });
        Some(IpPacket {
            src: Addr::from_v4_bytes(*bytes[12..].first_chunk()?),
            dst: Addr::from_v4_bytes(*bytes[16..].first_chunk()?),
            protocol: bytes[9],
            ttl: bytes[8],
            tos: bytes[1],
            fragment,
            whole,
            payload: &whole[header_len..],
        })
    }

    fn parse6(bytes: &'a [u8], check: HeaderCheck) -> Option<IpPacket<'a>> {
        if bytes.len() < 40 {
            return None;
        }
        let total = 40 + usize::from(be16(bytes, 4));
        if check == HeaderCheck::Verify && total > bytes.len() {
            return None;
        }
        let whole = &bytes[..total.min(bytes.len())];
        let mut packet = IpPacket {
            src: Addr::from_v6_bytes(*bytes[8..].first_chunk()?),
            dst: Addr::from_v6_bytes(*bytes[24..].first_chunk()?),
            protocol: bytes[6],
            ttl: bytes[7],
            tos: (be16(bytes, 0) >> 4 & 0xff) as u8,
            fragment: None,
            whole,
            payload: &whole[40..],
        };
        // A v4-mapped address never stands on the wire (RFC 4942 §2.2).
        if packet.src.is_v4() || packet.dst.is_v4() {
            return None;
        }
        // Extension headers (RFC 8200 §4): few are legitimate, each at least 8 bytes, so this ends.
        loop {
            let rest = packet.payload;
            let len = match packet.protocol {
                0 | 60 => 8 + usize::from(*rest.get(1)?) * 8,
                // Routing headers with segments left ask us to forward: we do not.
                43 if *rest.get(3)? == 0 => 8 + usize::from(*rest.get(1)?) * 8,
                43 => return None,
                44 => {
                    let field = be16(rest, 2);
                    let fragment = Fragment { id: be32(rest, 4), offset: usize::from(field & 0xfff8), more: field & 1 != 0 };
                    packet.fragment = (fragment.more || fragment.offset != 0).then_some(fragment);
                    8
                }
                _ => return Some(packet),
            };
            packet.protocol = *rest.first()?;
            packet.payload = rest.get(len..)?;
            if packet.fragment.is_some() {
                return Some(packet);
            }
        }
    }
}

/// What an IP header to be written says.
#[derive(Clone, Copy, Debug)]
pub struct IpHeader {
    /// Source.
    pub src: Addr,
    /// Destination; same family.
    pub dst: Addr,
    /// Transport protocol.
    pub protocol: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Type of service or traffic class.
    pub tos: u8,
    /// Identification (IPv4) and whether routers may cut the packet.
    pub id: u16,
    /// DF (IPv4).
    pub dont_fragment: bool,
}

impl IpHeader {
    /// Header length in bytes.
    pub fn len(&self) -> usize {
        if self.dst.is_v4() { 20 } else { 40 }
    }

    /// EtherType of the packet.
    pub fn ethertype(&self) -> u16 {
        if self.dst.is_v4() { ETHERTYPE_IPV4 } else { ETHERTYPE_IPV6 }
    }

    /// Writes the header into the front of `out` ([`len`](Self::len) bytes) for `payload_len` bytes of transport.
    pub fn write(&self, out: &mut [u8], payload_len: usize) {
        if self.dst.is_v4() {
            let flags = if self.dont_fragment { 0x4000 } else { 0 };
            self.write4(out, payload_len, flags);
        } else {
            self.write6(out, payload_len);
        }
    }

    fn write6(&self, out: &mut [u8], payload_len: usize) {
        let out = &mut out[..40];
        out[..4].copy_from_slice(&(6 << 28 | u32::from(self.tos) << 20).to_be_bytes());
        out[4..6].copy_from_slice(&(payload_len as u16).to_be_bytes());
        out[6] = self.protocol;
        out[7] = self.ttl;
        out[8..24].copy_from_slice(&self.src.bits().to_be_bytes());
        out[24..40].copy_from_slice(&self.dst.bits().to_be_bytes());
    }

    /// Writes an IPv4 header with the given flags-and-offset field.
    pub fn write4(&self, out: &mut [u8], payload_len: usize, flags_and_offset: u16) {
        let Some(out) = out.first_chunk_mut::<20>() else { return };
        out[..2].copy_from_slice(&[0x45, self.tos]);
        out[2..4].copy_from_slice(&((20 + payload_len) as u16).to_be_bytes());
        out[4..6].copy_from_slice(&self.id.to_be_bytes());
        out[6..8].copy_from_slice(&flags_and_offset.to_be_bytes());
        out[8..12].copy_from_slice(&[self.ttl, self.protocol, 0, 0]);
        out[12..16].copy_from_slice(&self.src.low32().to_be_bytes());
        out[16..20].copy_from_slice(&self.dst.low32().to_be_bytes());
        let sum = checksum::finish(checksum::add(0, out));
        out[10..12].copy_from_slice(&sum);
    }
}

/// Writes an Ethernet header.
pub fn write_ethernet(out: &mut [u8], dst: [u8; 6], src: [u8; 6], ethertype: u16) {
    out[..6].copy_from_slice(&dst);
    out[6..12].copy_from_slice(&src);
    out[12..14].copy_from_slice(&ethertype.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_a_round_trip_and_damage_is_seen() {
        for (src, dst) in [("10.0.0.1", "10.0.0.2"), ("fe80::1", "2001:db8::2")] {
            let addr = |s: &str| match s.parse().unwrap() {
                core::net::IpAddr::V4(a) => Addr::from_v4(a),
                core::net::IpAddr::V6(a) => Addr::from_v6(a),
            };
            let header = IpHeader { src: addr(src), dst: addr(dst), protocol: 17, ttl: 3, tos: 0x2e, id: 7, dont_fragment: true };
            let mut bytes = vec![9; header.len() + 5];
            header.write(&mut bytes, 5);
            let packet = IpPacket::parse(&bytes, HeaderCheck::Verify).unwrap();
            assert_eq!((packet.src, packet.dst, packet.protocol, packet.ttl, packet.tos), (header.src, header.dst, 17, 3, 0x2e));
            assert_eq!((packet.payload, packet.fragment), (&[9; 5][..], None));
            assert!(IpPacket::parse(&bytes[..header.len() + 4], HeaderCheck::Verify).is_none());
            if packet.src.is_v4() {
                bytes[8] ^= 1;
                assert!(IpPacket::parse(&bytes, HeaderCheck::Verify).is_none());
            }
        }
    }

    #[test]
    fn extension_headers_are_walked_and_never_past_the_end() {
        let mut bytes = vec![0u8; 40 + 16 + 2];
        bytes[0] = 0x60;
        bytes[5] = 18;
        bytes[6] = 0;
        bytes[23] = 1;
        bytes[39] = 2;
        bytes[40] = 60;
        bytes[48] = 17;
        let packet = IpPacket::parse(&bytes, HeaderCheck::Verify).unwrap();
        assert_eq!((packet.protocol, packet.payload.len()), (17, 2));
        bytes[49] = 200;
        assert!(IpPacket::parse(&bytes, HeaderCheck::Verify).is_none());
    }
}
