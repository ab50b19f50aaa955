//! The header in front of every frame (5.1.6).

use net::{RxChecksum, TxOffload};

/// The checksum fields are valid: sum from `csum_start`.
const NEEDS_CSUM: u8 = 1;
/// The device has verified the checksum.
const DATA_VALID: u8 = 2;

const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;

/// Writes the transmit header for `offload` to the front of `out`, whose length is 10 or 12.
pub fn write(out: &mut [u8], offload: TxOffload) {
    // Spelled out for the length that every modern device has: a constant store instead of a call.
    if let Ok(out) = <&mut [u8; 12]>::try_from(&mut *out) {
        *out = [0; 12];
    } else {
        out.fill(0);
    }
    if let Some((start, offset)) = offload.checksum {
        out[0] = NEEDS_CSUM;
        out[6..8].copy_from_slice(&start.to_le_bytes());
        out[8..10].copy_from_slice(&offset.to_le_bytes());
    }
    out[1] = GSO_NONE;
    if let Some(segment) = offload.segment {
        out[1] = if segment.ipv6 { GSO_TCPV6 } else { GSO_TCPV4 };
        out[2..4].copy_from_slice(&segment.header_len.to_le_bytes());
        out[4..6].copy_from_slice(&segment.size.to_le_bytes());
    }
}

/// What a received header says: about the checksum, and how many buffers the frame takes.
pub fn read(header: &[u8]) -> (RxChecksum, u16) {
    let good = header.first().is_some_and(|flags| flags & (NEEDS_CSUM | DATA_VALID) != 0);
    let buffers = match header.get(10..12) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]).max(1),
        _ => 1,
    };
    (if good { RxChecksum::Good } else { RxChecksum::Unknown }, buffers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::Segmentation;

    #[test]
    fn offloads_land_in_their_fields() {
        let mut out = [0xff; 12];
        write(&mut out, TxOffload::default());
        assert_eq!(out, [0; 12]);
        let segment = Some(Segmentation { size: 1460, header_len: 54, ipv6: false });
        write(&mut out, TxOffload { checksum: Some((34, 16)), segment });
        assert_eq!(out, [1, 1, 54, 0, 0xb4, 0x05, 34, 0, 16, 0, 0, 0]);
    }

    #[test]
    fn a_header_without_a_buffer_count_means_one() {
        assert_eq!(read(&[2; 10]), (RxChecksum::Good, 1));
        assert_eq!(read(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0]), (RxChecksum::Unknown, 3));
    }
}
