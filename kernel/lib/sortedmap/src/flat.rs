//! [`ChunkedMap`] in one vector: for images that would rather be small. Insertion and removal move what lies behind, so tables of many thousands are slow.

use alloc::vec::Vec;
use core::ops::{Bound, RangeBounds};

/// A map ordered by a number.
#[derive(Clone, Debug)]
pub struct ChunkedMap<V> {
    keys: Vec<u64>,
    values: Vec<V>,
}

/// Where the first key is that is not below `key`, or not at or below it.
#[inline(never)]
fn bound(keys: &[u64], key: u64, at_too: bool) -> usize {
    keys.partition_point(|k| *k < key || (at_too && *k == key))
}

/// Where `key` is.
fn find(keys: &[u64], key: u64) -> Option<usize> {
    let at = bound(keys, key, false);
    (*keys.get(at)? == key).then_some(at)
}

/// Puts in a key that is not there; where it is now.
#[inline(never)]
fn insert(keys: &mut Vec<u64>, key: u64) -> usize {
    let at = bound(keys, key, false);
    keys.insert(at, key);
    at
}

impl<V> Default for ChunkedMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> ChunkedMap<V> {
    /// An empty map; allocates nothing.
    pub const fn new() -> Self {
        Self { keys: Vec::new(), values: Vec::new() }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter()
    }

    /// The values, in the order of their keys.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.values.into_iter()
    }

    /// The value at `key`.
    pub fn get(&self, key: u64) -> Option<&V> {
        self.values.get(find(&self.keys, key)?)
    }

    /// The value at `key`, to be changed.
    pub fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        self.values.get_mut(find(&self.keys, key)?)
    }

    /// Whether there is a value at `key`.
    pub fn contains_key(&self, key: u64) -> bool {
        find(&self.keys, key).is_some()
    }

    /// Puts `value` at `key`; what was there before.
    pub fn insert(&mut self, key: u64, value: V) -> Option<V> {
        if let Some(old) = self.get_mut(key) {
            return Some(core::mem::replace(old, value));
        }
        let at = insert(&mut self.keys, key);
        self.values.insert(at, value);
        None
    }

    /// The value at `key`, which becomes `value` when there is none.
    pub fn get_or_insert(&mut self, key: u64, value: V) -> &mut V {
        let at = match find(&self.keys, key) {
            Some(at) => at,
            None => {
                let at = insert(&mut self.keys, key);
                self.values.insert(at, value);
                at
            }
        };
        &mut self.values[at]
    }

    /// Takes the value at `key` out.
    pub fn remove(&mut self, key: u64) -> Option<V> {
        let at = find(&self.keys, key)?;
        self.keys.remove(at);
        Some(self.values.remove(at))
    }

    /// Takes every value at `key` and above out: chunks of them, to be dropped.
    pub fn split_off(&mut self, key: u64) -> Vec<Vec<V>> {
        let at = bound(&self.keys, key, false);
        self.keys.truncate(at);
        Vec::from([self.values.split_off(at)])
    }

    /// The entries whose keys lie in `range`, in order.
    pub fn range(&self, range: impl RangeBounds<u64>) -> Range<'_, V> {
        let front = match range.start_bound() {
            Bound::Included(key) => bound(&self.keys, *key, false),
            Bound::Excluded(key) => bound(&self.keys, *key, true),
            Bound::Unbounded => 0,
        };
        let back = match range.end_bound() {
            Bound::Included(key) => bound(&self.keys, *key, true),
            Bound::Excluded(key) => bound(&self.keys, *key, false),
            Bound::Unbounded => self.keys.len(),
        };
        Range { map: self, front, back }
    }

    /// The entries from the last one at or below `key` on, in order; from the first one on where there is none.
    pub fn range_around(&self, key: u64) -> Range<'_, V> {
        Range { map: self, front: bound(&self.keys, key, true).saturating_sub(1), back: self.keys.len() }
    }

    /// All entries, in order.
    pub fn iter(&self) -> Range<'_, V> {
        self.range(..)
    }

    /// The last entry below `key`, its value to be changed.
    pub fn last_before_mut(&mut self, key: u64) -> Option<(u64, &mut V)> {
        let at = bound(&self.keys, key, false).checked_sub(1)?;
        Some((*self.keys.get(at)?, self.values.get_mut(at)?))
    }
}

/// Entries of a [`ChunkedMap`], from either end.
pub struct Range<'a, V> {
    map: &'a ChunkedMap<V>,
    front: usize,
    back: usize,
}

impl<'a, V> Range<'a, V> {
    fn entry(&self, at: usize) -> Option<(u64, &'a V)> {
        Some((*self.map.keys.get(at)?, self.map.values.get(at)?))
    }
}

impl<'a, V> Iterator for Range<'a, V> {
    type Item = (u64, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.front += 1;
        self.entry(self.front - 1)
    }
}

impl<V> DoubleEndedIterator for Range<'_, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back -= 1;
        self.entry(self.back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn behaves_as_a_btreemap_does() {
        let (mut ours, mut oracle) = (ChunkedMap::new(), BTreeMap::new());
        let mut x = 1u32;
        for step in 0..20_000u32 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = u64::from((x >> 16) % 500);
            match (x >> 8) % 4 {
                0 => assert_eq!(*ours.get_or_insert(key, step), *oracle.entry(key).or_insert(step)),
                1 => assert_eq!(ours.insert(key, step), oracle.insert(key, step)),
                _ => assert_eq!(ours.remove(key), oracle.remove(&key)),
            }
            assert_eq!((ours.get(key), ours.len(), ours.is_empty()), (oracle.get(&key), oracle.len(), oracle.is_empty()));
            assert_eq!(ours.contains_key(key), oracle.contains_key(&key));
            if step % 100 == 0 {
                assert!(ours.iter().eq(oracle.iter().map(|(k, v)| (*k, v))) && ours.values().eq(oracle.values()));
                assert!(ours.range(key..).eq(oracle.range(key..).map(|(k, v)| (*k, v))));
                assert!(ours.range(..=key).rev().eq(oracle.range(..=key).rev().map(|(k, v)| (*k, v))));
                assert!(ours.range(key / 2..key).eq(oracle.range(key / 2..key).map(|(k, v)| (*k, v))));
                let around = oracle.range(..=key).next_back().map_or(0, |(k, _)| *k);
                assert!(ours.range_around(key).eq(oracle.range(around..).map(|(k, v)| (*k, v))));
                assert_eq!(ours.last_before_mut(key), oracle.range_mut(..key).next_back().map(|(k, v)| (*k, v)));
            }
        }
        let removed: Vec<u32> = ours.split_off(250).into_iter().flatten().collect();
        assert!(removed.iter().eq(oracle.split_off(&250).values()) && ours.iter().eq(oracle.iter().map(|(k, v)| (*k, v))));
        #[expect(clippy::reversed_empty_ranges, reason = "the case under test")]
        let mut range = ours.range(9..5);
        assert!(range.next().is_none() && range.next_back().is_none());
        assert!(ours.into_values().eq(oracle.into_values()));
    }
}
