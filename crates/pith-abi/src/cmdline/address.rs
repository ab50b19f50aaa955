//! Addresses of network devices.

use super::parse::ParseError;
use super::types::{IpCidr, NetdevIp};
use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Splits at `:` outside of brackets.
fn split_fields(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ':' && depth == 0
    })
    .collect()
}

fn ip(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// `10.0.2.15/24`, `[fd00::2]/64` or `[fd00::2/64]`.
fn cidr(text: &str) -> Option<IpCidr> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|inner| inner.contains('/'));
    let (address, prefix) = match inner {
        Some(inner) => {
            let (address, prefix) = inner.split_once('/')?;
            (IpAddr::V6(address.parse().ok()?), prefix)
        }
        None => {
            let (address, prefix) = text.split_once('/')?;
            (ip(address)?, prefix)
        }
    };
    let prefix: u8 = prefix.parse().ok()?;
    let limit = if address.is_ipv4() { 32 } else { 128 };
    (prefix <= limit).then_some(IpCidr { address, prefix })
}

pub(super) fn netdev_ip(pos: usize, text: &str) -> Result<NetdevIp, ParseError> {
    let fields = split_fields(text);
    if fields.len() > 6 {
        return Err(ParseError::new(pos, "at most six fields (address, gateway, two name servers, host, domain)", text));
    }
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let address = |index: usize| match field(index) {
        "" => Ok(None),
        given => match ip(given) {
            Some(address) => Ok(Some(address)),
            None => Err(ParseError::new(pos, "an address (IPv6 in brackets)", given)),
        },
    };
    let name = |index: usize| Some(field(index)).filter(|name| !name.is_empty()).map(ToOwned::to_owned);
    Ok(NetdevIp {
        cidr: cidr(field(0)).ok_or_else(|| ParseError::new(pos, "ADDRESS/PREFIX", field(0)))?,
        gateway: address(1)?,
        dns: [address(2)?, address(3)?].into_iter().flatten().collect(),
        hostname: name(4),
        domain: name(5),
    })
}
