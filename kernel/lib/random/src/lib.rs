//! The random number generator (random(7), getrandom(2)).
//!
//! [`Rng`] is a ChaCha20 generator with fast key erasure: every request replaces the key before its output leaves, so what was given
//! out cannot be computed from a later state. Entropy is handed in by whoever has a source (RDSEED, virtio-rng, a boot seed,
//! interrupt times); [`Rng::is_seeded`] tells whether it was enough.
//!
//! The cipher is our own rather than a library's: those pick AVX code at run time, and the upper vector registers are the application's while
//! the kernel runs.
//!
//! Neighbours: `devfs` (/dev/urandom), `syscall` (getrandom), `elf` (AT_RANDOM), `mm` (address space layout).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod chacha;

use chacha::Key;
use core::sync::atomic::{AtomicU32, Ordering};
use spinlock::Mutex;

/// Bits of credited entropy from which the generator counts as seeded.
pub const SEEDED_BITS: u32 = 256;

/// The key, and output that small requests may still be answered from. What was given out is gone from here, so that it cannot be learnt later.
struct State {
    key: Key,
    ready: [u8; 32],
    /// So many bytes at the end of `ready` were not given out yet.
    left: usize,
}

/// The generator.
pub struct Rng {
    state: Mutex<State>,
    /// Bits of entropy credited so far.
    credit: AtomicU32,
}

impl State {
    /// Gives out the next bytes of those that are ready; there are enough.
    fn take(&mut self, out: &mut [u8]) {
        let from = self.ready.len() - self.left;
        let given = &mut self.ready[from..from + out.len()];
        out.copy_from_slice(given);
        given.fill(0);
        self.left -= out.len();
    }
}

impl Default for Rng {
    fn default() -> Self {
        Self::new()
    }
}

impl Rng {
    /// An unseeded generator. Its output is predictable until entropy has been added.
    pub const fn new() -> Self {
        Self { state: Mutex::new(State { key: [0; 8], ready: [0; 32], left: 0 }), credit: AtomicU32::new(0) }
    }

    /// Mixes `bytes` into the key and credits them with `bits` bits of entropy: 8 a byte for a trusted hardware source, 0 for what may be
    /// guessed. Never makes the state more predictable.
    pub fn add_entropy(&self, bytes: &[u8], bits: u32) {
        {
            let mut state = self.state.lock();
            // What was made before the entropy came is not given out after it.
            (state.ready, state.left) = ([0; 32], 0);
            let key = &mut state.key;
            for chunk in bytes.chunks(32) {
                let mut padded = [0; 32];
                padded[..chunk.len()].copy_from_slice(chunk);
                for (word, part) in key.iter_mut().zip(padded.chunks_exact(4)) {
                    *word ^= u32::from_le_bytes([part[0], part[1], part[2], part[3]]);
                }
                // One block forward per chunk: the next chunk meets a key that depends on all before it.
                *key = chacha::first_half(&chacha::block(key, 0, &[0, 0, chunk.len() as u32]));
            }
        }
        let sum = |credit: u32| Some(credit.saturating_add(bits).min(SEEDED_BITS));
        // The closure never refuses.
        let _ = self.credit.fetch_update(Ordering::SeqCst, Ordering::SeqCst, sum);
    }

    /// Whether enough entropy has been credited (GRND_NONBLOCK answers EAGAIN while not).
    pub fn is_seeded(&self) -> bool {
        self.credit.load(Ordering::SeqCst) >= SEEDED_BITS
    }

    /// Fills `out` with random bytes.
    pub fn fill(&self, out: &mut [u8]) {
        let mut state = self.state.lock();
        // Several small requests share a block.
        if out.len() <= state.left {
            return state.take(out);
        }
        let block = chacha::block(&state.key, 0, &[0; 3]);
        state.key = chacha::first_half(&block);
        let once = chacha::second_half(&block);
        if out.len() <= 32 {
            chacha::words_to_bytes(&once, &mut state.ready);
            state.left = 32;
            return state.take(out);
        }
        // Large ones run on a key of their own, without the lock.
        drop(state);
        let mut bytes = [0; 64];
        for (counter, chunk) in (0u32..).zip(out.chunks_mut(64)) {
            // A request of 256 GiB would wrap the counter; none is that long.
            chacha::words_to_bytes(&chacha::block(&once, counter, &[1, 0, 0]), &mut bytes);
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    /// A random number.
    pub fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn seeded(seed: &[u8]) -> Rng {
        let random = Rng::new();
        random.add_entropy(seed, 256);
        random
    }

    #[test]
    fn is_seeded_by_credited_entropy_only() {
        let random = Rng::new();
        random.add_entropy(b"guessable", 0);
        assert!(!random.is_seeded());
        random.add_entropy(&[7; 16], 128);
        assert!(!random.is_seeded());
        random.add_entropy(&[9; 16], 128);
        assert!(random.is_seeded());
    }

    #[test]
    fn every_bit_of_the_seed_counts_and_its_length_too() {
        let first = |seed: &[u8]| seeded(seed).next_u64();
        let seeds: [&[u8]; 6] = [b"", b"a", b"a\0", b"b", &[0; 32], &[0; 33]];
        assert_eq!(seeds.map(first).into_iter().collect::<HashSet<_>>().len(), seeds.len());
        assert_eq!(first(b"same"), first(b"same"));
    }

    #[test]
    fn fills_any_length_and_never_repeats() {
        let random = seeded(b"seed");
        for len in [0, 1, 31, 32, 33, 64, 65, 1000] {
            let mut bytes = vec![0; len];
            random.fill(&mut bytes);
            assert!(len < 31 || bytes.windows(8).all(|w| w != [0; 8]));
        }
        let numbers: HashSet<u64> = (0..10_000).map(|_| random.next_u64()).collect();
        assert_eq!(numbers.len(), 10_000);
    }

    #[test]
    fn bits_are_balanced() {
        let random = seeded(b"seed");
        let mut bytes = vec![0; 1 << 16];
        random.fill(&mut bytes);
        let ones: u32 = bytes.iter().map(|b| b.count_ones()).sum();
        assert!(ones.abs_diff(1 << 18) < 2_000, "{ones}");
    }

    #[test]
    fn threads_never_see_the_same_bytes() {
        let random = seeded(b"seed");
        let all: HashSet<u64> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..5_000).map(|_| random.next_u64()).collect::<Vec<_>>())).collect();
            workers.into_iter().flat_map(|w| w.join().unwrap()).collect()
        });
        assert_eq!(all.len(), 20_000);
    }
}
