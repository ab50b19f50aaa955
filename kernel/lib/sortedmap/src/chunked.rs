//! [`ChunkedMap`]: what grows without bound. Two levels of sorted vectors, keys apart from values, and all keys alike: so an image has most of the code once.

use alloc::vec::Vec;
use core::ops::{Bound, RangeBounds};

/// Most entries of a chunk: moving half a chunk of pointers costs as much as a descent in a tree.
const CHUNK: usize = 64;

/// Where an entry is, or would be. Behind the last entry it is the chunk that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    chunk: usize,
    at: usize,
}

/// All keys in ascending order; no chunk is empty. Everything that decides is here, and the values follow.
#[derive(Clone, Debug)]
struct Keys(Vec<Vec<u64>>);

impl Keys {
    /// The first key that is not below `key`.
    #[inline(never)]
    fn bound(&self, key: u64) -> Position {
        let chunk = self.0.partition_point(|keys| keys.last().is_some_and(|last| *last < key));
        Position { chunk, at: self.0.get(chunk).map_or(0, |keys| keys.partition_point(|k| *k < key)) }
    }

    /// The first key above `key`.
    fn above(&self, key: u64) -> Position {
        key.checked_add(1).map_or(self.end(), |next| self.bound(next))
    }

    fn key(&self, position: Position) -> Option<u64> {
        self.0.get(position.chunk)?.get(position.at).copied()
    }

    #[inline(never)]
    fn find(&self, key: u64) -> Option<Position> {
        let position = self.bound(key);
        (self.key(position)? == key).then_some(position)
    }

    fn end(&self) -> Position {
        Position { chunk: self.0.len(), at: 0 }
    }

    fn next(&self, position: Position) -> Position {
        match self.0.get(position.chunk) {
            Some(keys) if position.at + 1 < keys.len() => Position { at: position.at + 1, ..position },
            _ => Position { chunk: position.chunk + 1, at: 0 },
        }
    }

    fn previous(&self, position: Position) -> Option<Position> {
        match position.at.checked_sub(1) {
            Some(at) => Some(Position { at, ..position }),
            None => {
                let chunk = position.chunk.checked_sub(1)?;
                Some(Position { chunk, at: self.0.get(chunk)?.len() - 1 })
            }
        }
    }

    /// The positions of a range: the first of it and the one behind it.
    #[inline(never)]
    fn ends(&self, from: Bound<&u64>, to: Bound<&u64>) -> (Position, Position) {
        let front = match from {
            Bound::Included(key) => self.bound(*key),
            Bound::Excluded(key) => self.above(*key),
            Bound::Unbounded => Position { chunk: 0, at: 0 },
        };
        let back = match to {
            Bound::Included(key) => self.above(*key),
            Bound::Excluded(key) => self.bound(*key),
            Bound::Unbounded => self.end(),
        };
        (front, back)
    }

    /// Puts in a key that is not there, where [`bound`](Self::bound) says that it belongs. The values follow: the chunk to be split first, if one is, and
    /// where the new one then belongs.
    #[inline(never)]
    fn insert(&mut self, mut position: Position, key: u64) -> (Option<Position>, Position) {
        // Between two chunks, or behind all: the end of the one before, so that chunks fill up when keys come in order.
        if position.at == 0
            && let Some(chunk) = position.chunk.checked_sub(1)
        {
            position = Position { chunk, at: self.0[chunk].len() };
        }
        let mut split = None;
        if self.0.is_empty() {
            self.0.push(Vec::new());
        } else if self.0[position.chunk].len() == CHUNK {
            let at = if position.at == CHUNK { CHUNK } else { CHUNK / 2 };
            let upper = self.0[position.chunk].split_off(at);
            self.0.insert(position.chunk + 1, upper);
            split = Some(Position { at, ..position });
            if position.at >= at {
                position = Position { chunk: position.chunk + 1, at: position.at - at };
            }
        }
        self.0[position.chunk].insert(position.at, key);
        (split, position)
    }

    /// Takes a key out; the chunk that the one behind it is then to be joined to, if one is. An empty chunk always is.
    #[inline(never)]
    fn remove(&mut self, position: Position) -> Option<usize> {
        let Position { chunk, at } = position;
        self.0[chunk].remove(at);
        let small = |first: usize| self.0.get(first..first + 2).is_some_and(|pair| pair[0].len() + pair[1].len() <= CHUNK / 2);
        let first = match chunk.checked_sub(1) {
            _ if self.0[chunk].is_empty() || small(chunk) => chunk,
            Some(before) if small(before) => before,
            _ => return None,
        };
        join(&mut self.0, first);
        Some(first)
    }
}

/// Puts the chunk behind `chunk` at its end; an empty last one goes.
fn join<T>(chunks: &mut Vec<Vec<T>>, chunk: usize) {
    if chunk + 1 < chunks.len() {
        let mut next = chunks.remove(chunk + 1);
        chunks[chunk].append(&mut next);
    } else {
        chunks.truncate(chunk);
    }
}

/// A map for any number of entries, ordered by a number. Lookups are two binary searches, insertion and removal move at most a chunk and, rarely, the
/// list of chunks.
#[derive(Clone, Debug)]
pub struct ChunkedMap<V> {
    keys: Keys,
    values: Vec<Vec<V>>,
    len: usize,
}

impl<V> Default for ChunkedMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> ChunkedMap<V> {
    /// An empty map; allocates nothing.
    pub const fn new() -> Self {
        Self { keys: Keys(Vec::new()), values: Vec::new(), len: 0 }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter().flatten()
    }

    /// The values, in the order of their keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.values.into_iter().flatten()
    }
}

impl<V> ChunkedMap<V> {
    fn value(&self, position: Position) -> &V {
        &self.values[position.chunk][position.at]
    }

    /// The value at `key`.
    pub fn get(&self, key: u64) -> Option<&V> {
        self.keys.find(key).map(|position| self.value(position))
    }

    /// The value at `key`, to be changed.
    pub fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        self.keys.find(key).map(|position| &mut self.values[position.chunk][position.at])
    }

    /// Whether there is a value at `key`.
    pub fn contains_key(&self, key: u64) -> bool {
        self.keys.find(key).is_some()
    }

    /// Puts `value` at `key`; what was there before.
    pub fn insert(&mut self, key: u64, value: V) -> Option<V> {
        let position = self.keys.bound(key);
        if self.keys.key(position) == Some(key) {
            return Some(core::mem::replace(&mut self.values[position.chunk][position.at], value));
        }
        let (split, position) = self.keys.insert(position, key);
        if self.values.is_empty() {
            self.values.push(Vec::new());
        }
        if let Some(split) = split {
            let upper = self.values[split.chunk].split_off(split.at);
            self.values.insert(split.chunk + 1, upper);
        }
        self.values[position.chunk].insert(position.at, value);
        self.len += 1;
        None
    }

    /// The value at `key`, which becomes `value` when there is none.
    pub fn get_or_insert(&mut self, key: u64, value: V) -> &mut V {
        if !self.contains_key(key) {
            self.insert(key, value);
        }
        let Position { chunk, at } = self.keys.bound(key);
        &mut self.values[chunk][at]
    }

    /// Takes the value at `key` out.
    pub fn remove(&mut self, key: u64) -> Option<V> {
        let position = self.keys.find(key)?;
        let value = self.values[position.chunk].remove(position.at);
        self.len -= 1;
        if let Some(first) = self.keys.remove(position) {
            join(&mut self.values, first);
        }
        Some(value)
    }

    /// Takes every value at `key` and above out: chunks of them, to be dropped.
    pub fn split_off(&mut self, key: u64) -> Vec<Vec<V>> {
        let Position { mut chunk, at } = self.keys.bound(key);
        let mut part = Vec::new();
        if at > 0 {
            self.keys.0[chunk].truncate(at);
            part = self.values[chunk].split_off(at);
            chunk += 1;
        }
        self.keys.0.truncate(chunk);
        let mut removed = self.values.split_off(chunk);
        removed.push(part);
        self.len = self.values.iter().map(Vec::len).sum();
        removed
    }

    /// The entries whose keys lie in `range`, in order.
    pub fn range(&self, range: impl RangeBounds<u64>) -> Range<'_, V> {
        let (front, back) = self.keys.ends(range.start_bound(), range.end_bound());
        Range { map: self, front, back }
    }

    /// The entries from the last one at or below `key` on, in order; from the first one on where there is none. One search, unlike a range of which both ends
    /// are looked for.
    pub fn range_around(&self, key: u64) -> Range<'_, V> {
        let above = self.keys.above(key);
        Range { map: self, front: self.keys.previous(above).unwrap_or(above), back: self.keys.end() }
    }

    /// All entries, in order.
    pub fn iter(&self) -> Range<'_, V> {
        self.range(..)
    }

    /// The last entry below `key`, its value to be changed.
    pub fn last_before_mut(&mut self, key: u64) -> Option<(u64, &mut V)> {
        let position = self.keys.previous(self.keys.bound(key))?;
        Some((self.keys.key(position)?, &mut self.values[position.chunk][position.at]))
    }
}

/// Entries of a [`ChunkedMap`], from either end.
pub struct Range<'a, V> {
    map: &'a ChunkedMap<V>,
    front: Position,
    back: Position,
}

impl<V> Range<'_, V> {
    /// Whether entries are left: a range that ends before it starts has none.
    fn is_over(&self) -> bool {
        (self.front.chunk, self.front.at) >= (self.back.chunk, self.back.at)
    }
}

impl<'a, V> Iterator for Range<'a, V> {
    type Item = (u64, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over() {
            return None;
        }
        let position = self.front;
        self.front = self.map.keys.next(position);
        Some((self.map.keys.key(position)?, self.map.value(position)))
    }
}

impl<V> DoubleEndedIterator for Range<'_, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.is_over() {
            return None;
        }
        self.back = self.map.keys.previous(self.back)?;
        Some((self.map.keys.key(self.back)?, self.map.value(self.back)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// What must hold after every change.
    fn check(map: &ChunkedMap<u32>) {
        assert!(map.keys.0.iter().all(|keys| !keys.is_empty() && keys.len() <= CHUNK));
        assert!(map.keys.0.iter().map(Vec::len).eq(map.values.iter().map(Vec::len)));
        assert_eq!(map.values.iter().map(Vec::len).sum::<usize>(), map.len());
    }

    #[test]
    fn behaves_as_a_btreemap_does() {
        let (mut ours, mut oracle) = (ChunkedMap::new(), BTreeMap::new());
        let mut x = 1u32;
        // First it grows to some thousand entries, then it shrinks to few.
        for step in 0..60_000u32 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = u64::from((x >> 16) % 4000);
            match (x >> 8) % 4 {
                0 => assert_eq!(*ours.get_or_insert(key, step), *oracle.entry(key).or_insert(step)),
                1 if step < 20_000 => assert_eq!(ours.insert(key, step), oracle.insert(key, step)),
                _ => assert_eq!(ours.remove(key), oracle.remove(&key)),
            }
            assert_eq!((ours.get(key), ours.len(), ours.is_empty()), (oracle.get(&key), oracle.len(), oracle.is_empty()));
            if step % 500 == 0 {
                check(&ours);
                assert!(ours.iter().eq(oracle.iter().map(|(k, v)| (*k, v))) && ours.values().eq(oracle.values()));
                assert!(ours.range(key..).eq(oracle.range(key..).map(|(k, v)| (*k, v))));
                assert!(ours.range(..=key).rev().eq(oracle.range(..=key).rev().map(|(k, v)| (*k, v))));
                assert!(ours.range(key / 2..key).eq(oracle.range(key / 2..key).map(|(k, v)| (*k, v))));
                let around = oracle.range(..=key).next_back().map_or(0, |(k, _)| *k);
                assert!(ours.range_around(key).eq(oracle.range(around..).map(|(k, v)| (*k, v))));
                assert_eq!(ours.last_before_mut(key), oracle.range_mut(..key).next_back().map(|(k, v)| (*k, v)));
            }
        }
    }

    #[test]
    fn keys_in_order_fill_their_chunks() {
        let mut map = ChunkedMap::new();
        for key in 0..1000 {
            map.insert(key, 0);
        }
        check(&map);
        assert_eq!(map.values.len(), 1000usize.div_ceil(CHUNK));
    }

    #[test]
    fn removal_joins_chunks() {
        let mut map = ChunkedMap::new();
        for key in 0..6400 {
            map.insert(key, 0);
        }
        for key in (0..6400).filter(|key| key % 10 != 0) {
            map.remove(key);
        }
        check(&map);
        assert!(map.values.len() < 60, "{} chunks for {} entries", map.values.len(), map.len());
    }

    #[test]
    fn splits_at_any_key() {
        for at in [0, 1, 63, 64, 65, 299, 300, 1000] {
            let mut map = ChunkedMap::new();
            for key in 0..300 {
                map.insert(key, u32::try_from(key).unwrap());
            }
            let removed: Vec<u32> = map.split_off(at).into_iter().flatten().collect();
            check(&map);
            assert_eq!(map.len(), usize::try_from(at.min(300)).unwrap());
            assert_eq!(removed.len(), 300 - map.len());
            assert!(map.range(at..).next().is_none());
        }
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_empty() {
        let mut map = ChunkedMap::new();
        map.insert(5, 1u32);
        map.insert(9, 2);
        #[expect(clippy::reversed_empty_ranges, reason = "the case under test")]
        let mut range = map.range(9..5);
        assert!(range.next().is_none() && range.next_back().is_none());
    }
}
