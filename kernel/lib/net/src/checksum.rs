//! The Internet checksum (RFC 1071).

use crate::addr::Addr;

/// Adds `bytes` to a running sum that is folded only at the end. A piece of odd length must be the last.
pub fn add(sum: u64, bytes: &[u8]) -> u64 {
    // Summing in native order and swapping once at the end is the same sum (RFC 1071 §2 (B)); 8 bytes at a time with end-around carry,
    // 64 bytes per turn of the loop.
    let word = |word: &[u8; 8]| u128::from(u64::from_ne_bytes(*word));
    let mut sum = u128::from(sum);
    let (blocks, rest) = bytes.as_chunks::<64>();
    for block in blocks {
        // Written out, because a compiler that looks for small code does not unroll.
        if let [a, b, c, d, e, f, g, h] = block.as_chunks::<8>().0 {
            sum += word(a);
            sum += word(b);
            sum += word(c);
            sum += word(d);
            sum += word(e);
            sum += word(f);
            sum += word(g);
            sum += word(h);
        }
    }
    let (words, mut rest) = rest.as_chunks::<8>();
    for eight in words {
        sum += word(eight);
    }
    // The last seven bytes in pieces whose length the compiler knows: no call for so little.
    if let Some((four, after)) = rest.split_first_chunk::<4>() {
        sum += u128::from(u32::from_ne_bytes(*four));
        rest = after;
    }
    if let Some((two, after)) = rest.split_first_chunk::<2>() {
        sum += u128::from(u16::from_ne_bytes(*two));
        rest = after;
    }
    if let [last] = rest {
        sum += u128::from(u16::from_ne_bytes([*last, 0]));
    }
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
    // Each term is a field as it stands on the wire, read in native order.
    let rest = u64::from((len as u32).to_be()) + u64::from(u32::from(protocol).to_be());
    if src.is_v4() {
        return rest + u64::from(src.low32().to_be()) + u64::from(dst.low32().to_be());
    }
    add(add(rest, &src.bits().to_be_bytes()), &dst.bits().to_be_bytes())
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

    #[test]
    fn the_pseudo_header_is_the_sum_of_its_bytes() {
        let v4 = |s: &str| Addr::from_v4(s.parse().unwrap());
        let bytes = [10, 200, 3, 4, 192, 168, 255, 1, 0, 6, 0x12, 0x34];
        assert_eq!(finish(pseudo_header(v4("10.200.3.4"), v4("192.168.255.1"), 6, 0x1234)), reference(&bytes));
        let v6 = |s: &str| Addr::from_v6(s.parse().unwrap());
        let (src, dst) = (v6("fe80::ff:1"), v6("2001:db8:ffff:ffff::8"));
        let mut bytes = [src.bits().to_be_bytes(), dst.bits().to_be_bytes()].concat();
        bytes.extend([0, 1, 0x23, 0x45, 0, 0, 0, 17]);
        assert_eq!(finish(pseudo_header(src, dst, 17, 0x12345)), reference(&bytes));
    }
}
