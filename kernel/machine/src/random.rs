//! The machine's random number generator, and what it is seeded from.

use arch_x86_64::cpu;
use random::Rng;

/// The generator.
pub static RNG: Rng = Rng::new();

/// Fresh random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    RNG.fill(&mut bytes);
    bytes
}

/// Seeds the generator from the CPU, the command line and time. A virtio entropy device is asked when the others gave too little.
pub fn seed(seed: Option<&[u32; 8]>) {
    // All at once: each piece for itself would cost a block of the cipher.
    let mut words = [0; 9];
    let mut bits = 0;
    for word in &mut words[..4] {
        if let Some(random) = cpu::rdrand() {
            *word = random;
            bits += 64;
        }
    }
    if let Some(seed) = seed {
        for (word, pair) in words[4..8].iter_mut().zip(seed.chunks_exact(2)) {
            *word = u64::from(pair[1]) << 32 | u64::from(pair[0]);
        }
        bits += 256;
    }
    words[8] = cpu::rdtsc();
    let mut bytes = [0; 72];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    RNG.add_entropy(&bytes, bits);
}
