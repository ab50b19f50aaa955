//! TCP headers on the wire (RFC 9293 §3.1) with the options MSS, window scale (RFC 7323 §2) and SACK (RFC 2018).

use super::seq::Seq;
use crate::wire::{be16, be32};

/// Header flags.
pub mod flags {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 2;
    /// Reset the connection.
    pub const RST: u8 = 4;
    /// Push.
    pub const PSH: u8 = 8;
    /// The acknowledgement field counts.
    pub const ACK: u8 = 16;
    /// The urgent pointer counts.
    pub const URG: u8 = 32;
}

/// Header length without options, in bytes.
pub const HEADER_LEN: usize = 20;
/// Longest header in bytes.
pub const MAX_HEADER_LEN: usize = 60;
/// Where the checksum field is.
pub const CHECKSUM_AT: usize = 16;

/// A received segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number of the first byte (or of the SYN).
    pub seq: Seq,
    /// Next byte that the sender expects.
    pub ack: Seq,
    /// See [`flags`].
    pub flags: u8,
    /// Window as it stands in the header.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options.
    pub options: &'a [u8],
    /// Data.
    pub payload: &'a [u8],
}

/// The options of a SYN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SynOptions {
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale shift, at most 14.
    pub window_scale: Option<u8>,
    /// SACK is understood.
    pub sack: bool,
}

impl<'a> Segment<'a> {
    /// Takes a segment apart; `None` when lengths don't fit. The checksum is the caller's.
    pub fn parse(bytes: &'a [u8]) -> Option<Segment<'a>> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk()?;
        let header_len = usize::from(header[12] >> 4) * 4;
        if header_len < HEADER_LEN {
            return None;
        }
        Some(Segment {
            src_port: be16(header, 0),
            dst_port: be16(header, 2),
            seq: Seq(be32(header, 4)),
            ack: Seq(be32(header, 8)),
            flags: header[13] & 0x3f,
            window: be16(header, 14),
            urgent: be16(header, 18),
            options: bytes.get(HEADER_LEN..header_len)?,
            payload: &bytes[header_len..],
        })
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Sequence numbers that the segment takes up.
    pub fn seq_len(&self) -> usize {
        self.payload.len() + usize::from(self.has(flags::SYN)) + usize::from(self.has(flags::FIN))
    }

    /// The options, as those of a SYN. Malformed ones end the list.
    pub fn syn_options(&self) -> SynOptions {
        let mut found = SynOptions::default();
        let mut rest = self.options;
        while let [kind, tail @ ..] = rest {
            match kind {
                0 => break,
                1 => {
                    rest = tail;
                    continue;
                }
                _ => {}
            }
            let Some(option) = tail.first().and_then(|len| rest.get(..usize::from(*len))).filter(|o| o.len() >= 2) else { break };
            match option {
                [2, 4, a, b] => found.mss = Some(u16::from_be_bytes([*a, *b])),
                [3, 3, shift] => found.window_scale = Some((*shift).min(14)),
                [4, 2] => found.sack = true,
                _ => {}
            }
            rest = &rest[option.len()..];
        }
        found
    }

    /// The ranges of a SACK option, each `(start, end)`, at most four: what our own option looks like from the other side.
    #[cfg(test)]
    fn sack_blocks(&self) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        let mut rest = self.options;
        let mut blocks: &[u8] = &[];
        while let [kind, tail @ ..] = rest {
            match (kind, tail.first()) {
                (0, _) | (_, None) => break,
                (1, _) => rest = tail,
                (kind, Some(len)) => {
                    let len = usize::from(*len);
                    let Some(option) = rest.get(2..len) else { break };
                    if *kind == 5 {
                        blocks = option;
                    }
                    rest = &rest[len..];
                }
            }
        }
        blocks.as_chunks::<8>().0.iter().map(|b| (Seq(be32(b, 0)), Seq(be32(b, 4))))
    }
}

/// A header under construction.
pub struct HeaderBuilder {
    bytes: [u8; MAX_HEADER_LEN],
    len: usize,
}

impl HeaderBuilder {
    /// A header without options.
    pub fn new(ports: (u16, u16), seq: Seq, ack: Seq, flags: u8, window: u16) -> HeaderBuilder {
        let mut bytes = [0; MAX_HEADER_LEN];
        bytes[..2].copy_from_slice(&ports.0.to_be_bytes());
        bytes[2..4].copy_from_slice(&ports.1.to_be_bytes());
        bytes[4..8].copy_from_slice(&seq.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&ack.0.to_be_bytes());
        bytes[12] = 5 << 4;
        bytes[13] = flags;
        bytes[14..16].copy_from_slice(&window.to_be_bytes());
        HeaderBuilder { bytes, len: HEADER_LEN }
    }

    fn push(&mut self, option: &[u8]) {
        self.bytes[self.len..self.len + option.len()].copy_from_slice(option);
        self.len += option.len();
        self.bytes[12] = (self.len as u8 / 4) << 4;
    }

    /// Sets the urgent pointer: bytes from the sequence number to the one behind the urgent byte.
    pub fn urgent(&mut self, pointer: u16) {
        self.bytes[13] |= flags::URG;
        self.bytes[18..20].copy_from_slice(&pointer.to_be_bytes());
    }

    /// Adds a SYN's options.
    pub fn syn_options(&mut self, options: SynOptions) {
        if let Some(mss) = options.mss {
            let [a, b] = mss.to_be_bytes();
            self.push(&[2, 4, a, b]);
        }
        if let Some(shift) = options.window_scale {
            self.push(&[1, 3, 3, shift]);
        }
        if options.sack {
            self.push(&[1, 1, 4, 2]);
        }
    }

    /// Adds SACK blocks, at most three.
    pub fn sack(&mut self, blocks: &[(Seq, Seq)]) {
        let blocks = &blocks[..blocks.len().min(3)];
        if blocks.is_empty() {
            return;
        }
        self.push(&[1, 1, 5, 2 + 8 * blocks.len() as u8]);
        for (start, end) in blocks {
            self.push(&start.0.to_be_bytes());
            self.push(&end.0.to_be_bytes());
        }
    }

    /// The header, checksum zero.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_a_round_trip() {
        let mut header = HeaderBuilder::new((80, 1234), Seq(1), Seq(2), flags::SYN | flags::ACK, 9);
        let options = SynOptions { mss: Some(1460), window_scale: Some(7), sack: true };
        header.syn_options(options);
        let segment = Segment::parse(header.bytes()).unwrap();
        assert_eq!((segment.src_port, segment.dst_port, segment.seq, segment.ack, segment.window), (80, 1234, Seq(1), Seq(2), 9));
        assert_eq!(segment.syn_options(), options);
        let mut header = HeaderBuilder::new((80, 1234), Seq(1), Seq(2), flags::ACK, 9);
        header.sack(&[(Seq(5), Seq(7)), (Seq(9), Seq(11))]);
        let segment = Segment::parse(header.bytes()).unwrap();
        assert!(segment.sack_blocks().eq([(Seq(5), Seq(7)), (Seq(9), Seq(11))]));
    }

    #[test]
    fn no_option_bytes_make_the_parser_fall_over() {
        let mut seed = 1u64;
        for _ in 0..200_000 {
            let mut bytes = [0u8; 60];
            for byte in &mut bytes {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (seed >> 56) as u8 % 12;
            }
            bytes[12] = 0xf0;
            let segment = Segment::parse(&bytes).unwrap();
            segment.syn_options();
            segment.sack_blocks().count();
        }
    }
}
