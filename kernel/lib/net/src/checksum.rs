//! The Internet checksum (RFC 1071).

use crate::addr::Addr;

/// Adds `bytes` to a running sum that is folded only at the end. A piece of odd length must be the last.
pub fn add(sum: u64, bytes: &[u8]) -> u64 {
    // Summing in native order and swapping once at the end is the same sum (RFC 1071 §2 (B)); 8 bytes at a time with end-around carry.
    let mut sum = u128::from(sum);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        sum += u128::from(u64::from_ne_bytes(*word));
    }
    let mut tail = [0; 8];
    tail[..rest.len()].copy_from_slice(rest);
    sum += u128::from(u64::from_ne_bytes(tail));
    fold64(sum)
}

fn fold64(sum: u128) -> u64 {
    let low = |v: u128| (v & u128::from(u64::MAX)) as u64;
    let (folded, carry) = low(sum).overflowing_add(low(sum >> 64));
    folded + u64::from(carry)
}

/// The 16-bit ones' complement sum of a running sum, in the byte order of the wire.
pub fn fold(sum: u64) -> [u8; 2] {
    let mut sum = (sum >> 32) + (sum & 0xffff_ffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    ((sum & 0xffff) as u16).to_ne_bytes()
}

/// The checksum field for a running sum.
pub fn finish(sum: u64) -> [u8; 2] {
    let [a, b] = fold(sum);
    [!a, !b]
}

/// Sum of the pseudo-header of a transport packet (RFC 9293 §3.1, RFC 8200 §8.1).
pub fn pseudo_header(src: Addr, dst: Addr, protocol: u8, len: usize) -> u64 {
    let mut bytes = [0u8; 40];
    let len = (len as u32).to_be_bytes();
    if src.is_v4() {
        bytes[..4].copy_from_slice(&src.low32().to_be_bytes());
        bytes[4..8].copy_from_slice(&dst.low32().to_be_bytes());
    } else {
        bytes[..16].copy_from_slice(&src.bits().to_be_bytes());
        bytes[16..32].copy_from_slice(&dst.bits().to_be_bytes());
    }
    bytes[32..36].copy_from_slice(&len);
    bytes[39] = protocol;
    add(0, &bytes)
}

/// Whether a transport packet with its checksum field in place adds up.
pub fn verify(src: Addr, dst: Addr, protocol: u8, transport: &[u8]) -> bool {
    fold(add(pseudo_header(src, dst, protocol, transport.len()), transport)) == [0xff; 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook form: big-endian words, carry added at the end.
    fn reference(bytes: &[u8]) -> [u8; 2] {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b));
        }
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        (!(sum as u16)).to_be_bytes()
    }

    #[test]
    fn agrees_with_the_textbook_for_every_length() {
        let bytes: Vec<u8> = (0..2000u32).map(|i| ((i * 7919) >> 3) as u8).collect();
        for len in 0..bytes.len() {
            assert_eq!(finish(add(0, &bytes[..len])), reference(&bytes[..len]), "length {len}");
        }
        assert_eq!(finish(add(add(0, &bytes[..10]), &bytes[10..33])), reference(&bytes[..33]));
        assert_eq!(finish(add(u64::MAX, &[0xff; 64])), [0, 0]);
    }
}
