//! Data that has arrived ahead of a gap.

use super::seq::Seq;
use crate::chunks::ChunkQueue;
use alloc::vec::Vec;

#[derive(Debug)]
struct Block {
    seq: Seq,
    data: Vec<u8>,
}

impl Block {
    fn end(&self) -> Seq {
        self.seq.plus(self.data.len())
    }
}

/// Out-of-order data, sorted by sequence number, without overlaps.
#[derive(Debug, Default)]
pub struct Reorder {
    blocks: Vec<Block>,
    len: usize,
    /// Start of the block that changed last: the first in a SACK option (RFC 2018 §4).
    latest: Seq,
}

impl Reorder {
    /// Bytes kept.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no gap.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Keeps what is new of `data`; what is known already wins over a retransmission that says otherwise.
    pub fn insert(&mut self, mut seq: Seq, mut data: &[u8]) {
        self.latest = seq;
        let mut at = self.blocks.partition_point(|b| !b.seq.after(seq));
        if let Some(previous) = at.checked_sub(1).and_then(|i| self.blocks.get(i)) {
            let overlap = previous.end().since(seq).min(data.len());
            seq = seq.plus(overlap);
            data = &data[overlap..];
        }
        while !data.is_empty() {
            let next = self.blocks.get(at).map(|b| (b.seq, b.end()));
            let room = next.map_or(data.len(), |(start, _)| start.since(seq).min(data.len()));
            if room > 0 {
                self.blocks.insert(at, Block { seq, data: data[..room].to_vec() });
                self.len += room;
                at += 1;
            }
            let skip = next.map_or(data.len(), |(_, end)| end.since(seq).min(data.len()));
            seq = seq.plus(skip);
            data = &data[skip..];
            at += 1;
        }
    }

    /// Moves what follows `next` without a gap into `queue`; returns the new next sequence number.
    pub fn take_ready(&mut self, mut next: Seq, queue: &mut ChunkQueue) -> Seq {
        let mut taken = 0;
        for block in &self.blocks {
            if block.seq.after(next) {
                break;
            }
            taken += 1;
            let known = next.since(block.seq).min(block.data.len());
            queue.append(&block.data[known..]);
            next = next.max(block.end());
        }
        for block in self.blocks.drain(..taken) {
            self.len -= block.data.len();
        }
        if self.blocks.is_empty() {
            self.blocks = Vec::new();
        }
        next
    }

    /// The ranges held, the most recently changed first, at most three; returns how many.
    pub fn ranges(&self, out: &mut [(Seq, Seq); 3]) -> usize {
        let mut count = 0;
        let mut first = None;
        let mut current: Option<(Seq, Seq)> = None;
        let mut give = |range: (Seq, Seq), latest: Seq| {
            if first.is_none() && !range.0.after(latest) && range.1.after(latest) {
                first = Some(range);
            } else if count < 2 {
                out[count + 1] = range;
                count += 1;
            }
        };
        for block in &self.blocks {
            match &mut current {
                Some((_, end)) if *end == block.seq => *end = block.end(),
                _ => {
                    if let Some(range) = current.replace((block.seq, block.end())) {
                        give(range, self.latest);
                    }
                }
            }
        }
        if let Some(range) = current {
            give(range, self.latest);
        }
        match first {
            Some(range) => {
                out[0] = range;
                count + 1
            }
            None => {
                out.rotate_left(1);
                count
            }
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_with_overlaps_gives_the_stream() {
        let stream: Vec<u8> = (0..10_000u32).map(|i| ((i * 31) >> 4) as u8).collect();
        let base = Seq(u32::MAX - 4000);
        let mut seed = 7u64;
        let mut next = |n: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % n
        };
        for _ in 0..50 {
            let mut reorder = Reorder::default();
            let mut queue = ChunkQueue::default();
            let mut at = base;
            while queue.len() < stream.len() {
                let start = next(stream.len());
                let end = (start + 1 + next(1500)).min(stream.len());
                let done = at.since(base);
                if end > done {
                    let start = start.max(done);
                    reorder.insert(base.plus(start), &stream[start..end]);
                }
                let mut ranges = [(Seq(0), Seq(0)); 3];
                let count = reorder.ranges(&mut ranges);
                for (from, to) in &ranges[..count] {
                    assert!(from.before(*to));
                }
                at = reorder.take_ready(at, &mut queue);
                assert_eq!(queue.len(), at.since(base));
            }
            let mut out = vec![0; stream.len()];
            queue.copy(0, &mut out);
            assert_eq!(out, stream);
            assert_eq!(reorder.len(), 0);
        }
    }
}
