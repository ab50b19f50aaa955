//! The ChaCha20 block function (RFC 8439, section 2.3).

/// 256 bits, as little-endian words.
pub type Key = [u32; 8];

/// One block of key stream.
pub type Block = [u32; 16];

const fn quarter(state: &mut Block, a: usize, b: usize, c: usize, d: usize) {
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(16);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(12);
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(8);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(7);
}

/// The block for `key`, `counter` and `nonce`.
pub fn block(key: &Key, counter: u32, nonce: &[u32; 3]) -> Block {
    let mut start = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0, 0, 0, 0, 0, 0, 0, 0, counter, 0, 0, 0];
    start[4..12].copy_from_slice(key);
    start[13..].copy_from_slice(nonce);
    let mut state = start;
    for _ in 0..10 {
        quarter(&mut state, 0, 4, 8, 12);
        quarter(&mut state, 1, 5, 9, 13);
        quarter(&mut state, 2, 6, 10, 14);
        quarter(&mut state, 3, 7, 11, 15);
        quarter(&mut state, 0, 5, 10, 15);
        quarter(&mut state, 1, 6, 11, 12);
        quarter(&mut state, 2, 7, 8, 13);
        quarter(&mut state, 3, 4, 9, 14);
    }
    for (word, first) in state.iter_mut().zip(start) {
        *word = word.wrapping_add(first);
    }
    state
}

/// The first 32 bytes of a block as a key.
pub fn first_half(block: &Block) -> Key {
    let mut key = [0; 8];
    key.copy_from_slice(&block[..8]);
    key
}

/// The last 32 bytes of a block as a key.
pub fn second_half(block: &Block) -> Key {
    let mut key = [0; 8];
    key.copy_from_slice(&block[8..]);
    key
}

/// Words as little-endian bytes, as far as `bytes` reaches.
pub fn words_to_bytes(words: &[u32], bytes: &mut [u8]) {
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        let bytes: Vec<u8> = (0..32).collect();
        core::array::from_fn(|i| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap()))
    }

    /// RFC 8439, 2.1.1.
    #[test]
    fn quarter_round_test_vector() {
        let mut state = [0; 16];
        state[..4].copy_from_slice(&[0x11111111, 0x01020304, 0x9b8d6f43, 0x01234567]);
        quarter(&mut state, 0, 1, 2, 3);
        assert_eq!(state[..4], [0xea2a92f4, 0xcb1cf8ce, 0x4581472e, 0x5881c4bb]);
    }

    /// RFC 8439, 2.3.2.
    #[test]
    fn block_test_vector() {
        let out = block(&key(), 1, &[0x0900_0000, 0x4a00_0000, 0]);
        let expected = [
            0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07,
            0x05d7c214, 0xa2028bd9, 0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
        ];
        assert_eq!(out, expected);
    }

    /// RFC 8439, A.1, test vectors 1 and 2: the zero key.
    #[test]
    fn zero_key_test_vectors() {
        let mut bytes = [0; 64];
        words_to_bytes(&block(&[0; 8], 0, &[0; 3]), &mut bytes);
        assert_eq!(bytes[..8], [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]);
        words_to_bytes(&block(&[0; 8], 1, &[0; 3]), &mut bytes);
        assert_eq!(bytes[..8], [0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a]);
    }
}
