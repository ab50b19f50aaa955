//! Messages of neighbour discovery (RFC 4861 §4): what this stack reads of them and writes.

use crate::addr::Addr;
use crate::device::Mac;
use crate::wire::{be16, be32};

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const TARGET_LINK_LAYER_ADDRESS: u8 = 2;
const PREFIX_INFORMATION: u8 = 3;

/// Flags of an advertisement: it answers a solicitation, and replaces what was known.
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
/// Flag of a prefix: addresses may be made of it.
const AUTONOMOUS: u8 = 0x40;

/// Whether an ICMPv6 message of this type is neighbour discovery.
pub(crate) fn is_ours(kind: u8) -> bool {
    (ROUTER_SOLICITATION..=REDIRECT).contains(&kind)
}

/// A message that concerns us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A router and the prefix of 64 bits, if it gives one to make addresses of.
    Router { lifetime_s: u64, prefix: Option<Addr> },
    /// Who has `target`?
    Solicitation { target: Addr },
    /// `target` is here; said because somebody asked, or without.
    Advertisement { target: Addr, solicited: bool },
}

/// A message, and the Ethernet address in it: the sender's, the target's in an advertisement.
pub(crate) fn parse(message: &[u8]) -> Option<(Message, Option<Mac>)> {
    let &[kind, 0, _, _, flags, ..] = message else { return None };
    let target = || Some(Addr::from_v6_bytes(*message.get(8..)?.first_chunk()?));
    let (mut parsed, mut options, link_layer) = match kind {
        ROUTER_ADVERTISEMENT => {
            let router = Message::Router { lifetime_s: be16(message, 6).into(), prefix: None };
            (router, message.get(16..)?, SOURCE_LINK_LAYER_ADDRESS)
        }
        NEIGHBOUR_SOLICITATION => (Message::Solicitation { target: target()? }, message.get(24..)?, SOURCE_LINK_LAYER_ADDRESS),
        NEIGHBOUR_ADVERTISEMENT => {
            let solicited = flags & SOLICITED != 0;
            (Message::Advertisement { target: target()?, solicited }, message.get(24..)?, TARGET_LINK_LAYER_ADDRESS)
        }
        _ => return None,
    };
    let mut mac = None;
    // An option of length 0, or one that ends behind the message, spoils all of it (§4.6, §6.1, §7.1).
    while let &[option, units, ..] = options {
        let (body, rest) = options.split_at_checked(usize::from(units) * 8).filter(|_| units > 0)?;
        if option == link_layer && units == 1 {
            mac = body[2..].first_chunk().copied().filter(|mac: &Mac| mac[0] & 1 == 0);
        } else if option == PREFIX_INFORMATION
            && let (Message::Router { prefix, .. }, 4, [_, _, 64, flags, ..]) = (&mut parsed, units, body)
            && flags & AUTONOMOUS != 0
            && be32(body, 4) > 0
        {
            *prefix = body[16..].first_chunk().map(|bytes| Addr::from_v6_bytes(*bytes));
        }
        options = rest;
    }
    options.is_empty().then_some((parsed, mac))
}

/// A message of ours, its checksum still 0: bytes, and how many of them it has.
pub(crate) struct Written([u8; 32], usize);

impl Written {
    fn new(kind: u8, flags: u8, target: Option<Addr>, mac: Mac) -> Written {
        let mut bytes = [0; 32];
        bytes[0] = kind;
        bytes[4] = flags;
        let mut len = 8;
        if let Some(target) = target {
            bytes[8..24].copy_from_slice(&target.bits().to_be_bytes());
            len = 24;
        }
        let option = if kind == NEIGHBOUR_ADVERTISEMENT { TARGET_LINK_LAYER_ADDRESS } else { SOURCE_LINK_LAYER_ADDRESS };
        bytes[len..len + 2].copy_from_slice(&[option, 1]);
        bytes[len + 2..len + 8].copy_from_slice(&mac);
        Written(bytes, len + 8)
    }

    /// Asks for routers.
    pub fn router_solicitation(mac: Mac) -> Written {
        Written::new(ROUTER_SOLICITATION, 0, None, mac)
    }

    /// Asks who has `target`.
    pub fn solicitation(target: Addr, mac: Mac) -> Written {
        Written::new(NEIGHBOUR_SOLICITATION, 0, Some(target), mac)
    }

    /// Answers that `target` is here.
    pub fn advertisement(target: Addr, mac: Mac) -> Written {
        Written::new(NEIGHBOUR_ADVERTISEMENT, SOLICITED | OVERRIDE, Some(target), mac)
    }

    /// The message.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.0[..self.1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::time::Duration;
    use smoltcp::wire::{Icmpv6Packet, NdiscNeighborFlags, NdiscPrefixInfoFlags, NdiscPrefixInformation, NdiscRepr, NdiscRouterFlags};
    use smoltcp::wire::{Ipv6Address, RawHardwareAddress};

    const MAC: Mac = [0x52, 0x54, 0, 1, 2, 3];

    fn target() -> Ipv6Address {
        Ipv6Address::new(0xfec0, 0, 0, 0, 0, 0, 0, 0x15)
    }

    fn lladdr() -> Option<RawHardwareAddress> {
        Some(RawHardwareAddress::from_bytes(&MAC))
    }

    /// As smoltcp writes it.
    fn emitted(repr: &NdiscRepr<'_>) -> Vec<u8> {
        let mut bytes = vec![0; repr.buffer_len()];
        repr.emit(&mut Icmpv6Packet::new_unchecked(&mut bytes[..]));
        bytes[2..4].fill(0);
        bytes
    }

    fn advert(valid_s: u64, flags: NdiscPrefixInfoFlags, prefix_len: u8) -> NdiscRepr<'static> {
        let prefix_info = NdiscPrefixInformation {
            prefix_len,
            flags,
            valid_lifetime: Duration::from_secs(valid_s),
            preferred_lifetime: Duration::from_secs(10),
            prefix: Ipv6Address::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        };
        NdiscRepr::RouterAdvert {
            hop_limit: 64,
            flags: NdiscRouterFlags::empty(),
            router_lifetime: Duration::from_secs(1800),
            reachable_time: Duration::from_millis(0),
            retrans_time: Duration::from_millis(0),
            lladdr: lladdr(),
            mtu: Some(1500),
            prefix_info: Some(prefix_info),
        }
    }

    #[test]
    fn writes_what_smoltcp_writes() {
        let ours = Addr::from_v6(target());
        assert_eq!(Written::router_solicitation(MAC).bytes(), emitted(&NdiscRepr::RouterSolicit { lladdr: lladdr() }));
        let solicit = NdiscRepr::NeighborSolicit { target_addr: target(), lladdr: lladdr() };
        assert_eq!(Written::solicitation(ours, MAC).bytes(), emitted(&solicit));
        let flags = NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE;
        let advert = NdiscRepr::NeighborAdvert { flags, target_addr: target(), lladdr: lladdr() };
        assert_eq!(Written::advertisement(ours, MAC).bytes(), emitted(&advert));
    }

    #[test]
    fn reads_what_smoltcp_writes() {
        let ours = Addr::from_v6(target());
        let solicit = NdiscRepr::NeighborSolicit { target_addr: target(), lladdr: None };
        assert_eq!(parse(&emitted(&solicit)), Some((Message::Solicitation { target: ours }, None)));
        let advert_of = |flags| NdiscRepr::NeighborAdvert { flags, target_addr: target(), lladdr: lladdr() };
        for (flags, solicited) in [(NdiscNeighborFlags::SOLICITED, true), (NdiscNeighborFlags::OVERRIDE, false)] {
            let expected = Message::Advertisement { target: ours, solicited };
            assert_eq!(parse(&emitted(&advert_of(flags))), Some((expected, Some(MAC))));
        }
        let prefix = Addr::from_v6(Ipv6Address::new(0xfec0, 0, 0, 0, 0, 0, 0, 0));
        let found = |repr| parse(&emitted(&repr));
        let router = |prefix| Some((Message::Router { lifetime_s: 1800, prefix }, Some(MAC)));
        assert_eq!(found(advert(60, NdiscPrefixInfoFlags::ADDRCONF, 64)), router(Some(prefix)));
        assert_eq!(found(advert(0, NdiscPrefixInfoFlags::ADDRCONF, 64)), router(None));
        assert_eq!(found(advert(60, NdiscPrefixInfoFlags::ON_LINK, 64)), router(None));
        assert_eq!(found(advert(60, NdiscPrefixInfoFlags::ADDRCONF, 48)), router(None));
    }

    #[test]
    fn refuses_damaged_messages() {
        let message = emitted(&advert(60, NdiscPrefixInfoFlags::ADDRCONF, 64));
        assert!(parse(&message).is_some());
        for len in (0..message.len()).filter(|len| *len != 16 && *len != 24 && *len != 32) {
            assert_eq!(parse(&message[..len]), None, "{len} bytes");
        }
        let mut empty_option = message.clone();
        empty_option[17] = 0;
        assert_eq!(parse(&empty_option), None);
        let mut code = message;
        code[1] = 1;
        assert_eq!(parse(&code), None);
    }
}
