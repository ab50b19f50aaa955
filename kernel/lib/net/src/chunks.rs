//! A byte queue made of chunks: what a TCP connection has received and not read, or written and not had acknowledged.
//!
//! It grows with use and gives memory back as it drains, so that an idle connection holds next to nothing. Chunks go in and out whole, which
//! lets user copies happen without a lock: a filled chunk is pushed, a chunk to be read is taken off.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;

/// Chunks up to this size are kept for reuse when they run empty (one per queue).
const SPARE_MAX: usize = 2048;
const CHUNK_MIN: usize = 512;
const CHUNK_MAX: usize = 16 * 1024;

/// A piece of memory of which `start..end` holds data.
#[derive(Debug)]
pub struct Chunk {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Chunk {
    /// An empty chunk that `len` bytes fit into.
    pub fn with_room(len: usize) -> Chunk {
        Chunk { memory: vec![0; len.max(CHUNK_MIN)].into_boxed_slice(), start: 0, end: 0 }
    }
    /// The data.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }
    /// Memory behind the data.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.memory[self.end..]
    }
    /// Says that the first `count` bytes of [`room`](Self::room) are data now.
    pub fn grow(&mut self, count: usize) {
        self.end = (self.end + count).min(self.memory.len());
    }
    /// Drops `count` bytes from the front.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
    fn len(&self) -> usize {
        self.end - self.start
    }
}

/// The queue.
#[derive(Debug, Default)]
pub struct ChunkQueue {
    chunks: VecDeque<Chunk>,
    len: usize,
    spare: Option<Chunk>,
}

impl ChunkQueue {
    /// Bytes queued.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// An empty chunk for `len` bytes, reusing memory when there is some.
    pub fn empty_chunk(&mut self, len: usize) -> Chunk {
        match self.spare.take() {
            Some(spare) if spare.memory.len() >= len => spare,
            other => {
                self.spare = other;
                Chunk::with_room(len)
            }
        }
    }

    /// Appends a copy of `bytes`.
    pub fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if let Some(last) = self.chunks.back_mut() {
                let room = last.room();
                let n = room.len().min(bytes.len());
                if n > 0 {
                    room[..n].copy_from_slice(&bytes[..n]);
                    last.grow(n);
                    self.len += n;
                    bytes = &bytes[n..];
                    continue;
                }
            }
            // The more waits, the larger the pieces: few allocations for a bulk transfer, little waste for a request.
            let chunk = self.empty_chunk(bytes.len().max(self.len).clamp(CHUNK_MIN, CHUNK_MAX));
            self.chunks.push_back(chunk);
        }
    }

    /// Whether `len` more bytes fit behind the last chunk's data, so that [`append`](Self::append) needs no new memory.
    pub fn fits_in_last(&self, len: usize) -> bool {
        self.chunks.back().is_some_and(|last| last.memory.len() - last.end >= len)
    }

    /// Appends a filled chunk.
    pub fn push(&mut self, chunk: Chunk) {
        if chunk.len() == 0 {
            self.keep(chunk);
        } else {
            self.len += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// Takes the first chunk off.
    pub fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.len -= chunk.len();
        Some(chunk)
    }

    /// Puts back what [`pop`](Self::pop) took off, as far as it still holds data.
    pub fn unpop(&mut self, chunk: Chunk) {
        if chunk.len() == 0 {
            self.keep(chunk);
        } else {
            self.len += chunk.len();
            self.chunks.push_front(chunk);
        }
    }

    /// Drops `count` bytes (at most all) from the front.
    pub fn consume(&mut self, mut count: usize) {
        while count > 0 {
            let Some(first) = self.chunks.front_mut() else { return };
            let n = first.len().min(count);
            first.consume(n);
            self.len -= n;
            count -= n;
            if first.len() == 0
                && let Some(empty) = self.chunks.pop_front()
            {
                self.keep(empty);
            }
        }
    }

    /// Copies from `offset` on into `out`; returns how many bytes there were.
    pub fn copy(&self, mut offset: usize, out: &mut [u8]) -> usize {
        let mut done = 0;
        for chunk in &self.chunks {
            let bytes = chunk.bytes();
            if offset >= bytes.len() {
                offset -= bytes.len();
                continue;
            }
            let n = (bytes.len() - offset).min(out.len() - done);
            out[done..done + n].copy_from_slice(&bytes[offset..offset + n]);
            done += n;
            offset = 0;
            if done == out.len() {
                break;
            }
        }
        done
    }

    /// Drops everything, memory included.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn keep(&mut self, mut chunk: Chunk) {
        let larger = self.spare.as_ref().is_none_or(|spare| spare.memory.len() < chunk.memory.len());
        if chunk.memory.len() <= SPARE_MAX && larger {
            chunk.start = 0;
            chunk.end = 0;
            self.spare = Some(chunk);
        }
        if self.chunks.is_empty() && self.chunks.capacity() > 16 {
            self.chunks = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_whatever_the_mix_of_calls() {
        let mut queue = ChunkQueue::default();
        let mut model: Vec<u8> = Vec::new();
        let mut seed = 12345u32;
        let mut next = |n: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 8) % n) as usize
        };
        let mut value = 0u8;
        for _ in 0..5000 {
            let n = next(3000);
            let data: Vec<u8> = (0..n)
                .map(|_| {
                    value = value.wrapping_add(1);
                    value
                })
                .collect();
            match next(5) {
                0 => {
                    queue.append(&data);
                    model.extend(&data);
                }
                1 if !data.is_empty() => {
                    let mut chunk = queue.empty_chunk(n);
                    chunk.room()[..n].copy_from_slice(&data);
                    chunk.grow(n);
                    queue.push(chunk);
                    model.extend(&data);
                }
                2 => {
                    let n = n.min(model.len());
                    queue.consume(n);
                    model.drain(..n);
                }
                3 => {
                    if let Some(mut chunk) = queue.pop() {
                        let n = next(chunk.bytes().len() as u32 + 1);
                        chunk.consume(n);
                        model.drain(..n);
                        queue.unpop(chunk);
                    }
                }
                _ => {
                    let at = next(model.len() as u32 + 1);
                    let mut out = vec![0; n];
                    let got = queue.copy(at, &mut out);
                    assert_eq!(out[..got], model[at..(at + n).min(model.len())]);
                }
            }
            assert_eq!(queue.len(), model.len());
        }
    }
}
