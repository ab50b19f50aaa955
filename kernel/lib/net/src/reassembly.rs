//! Putting fragments together (RFC 791 §3.2, RFC 8200 §4.5). Small on purpose: few packets at a time, overlaps drop the packet (RFC 5722).

use crate::addr::Addr;
use crate::output::Net;
use crate::timers::{Owner, SECOND};
use crate::wire::{Fragment, IpHeader, IpPacket};
use alloc::vec;
use alloc::vec::Vec;

/// Packets being put together at a time.
const MAX_PACKETS: usize = 8;
/// How long the first fragment waits for the last.
const TIMEOUT_NS: u64 = 30 * SECOND;
/// Longest payload.
const MAX_LEN: usize = 65_535 - 20;

#[derive(PartialEq, Eq, Clone, Copy)]
struct Key {
    src: Addr,
    dst: Addr,
    protocol: u8,
    id: u32,
}

struct Partial {
    key: Key,
    /// Sorted by offset, without overlaps.
    pieces: Vec<(usize, Vec<u8>)>,
    total: Option<usize>,
    ttl: u8,
    tos: u8,
    until: u64,
}

/// Packets that wait for more of their fragments.
#[derive(Default)]
pub struct Reassembly {
    partial: Vec<Partial>,
}

/// What became of a fragment.
pub enum Outcome {
    /// It waits, or was dropped.
    Waiting,
    /// The whole packet.
    Complete(Vec<u8>),
}

impl Reassembly {
    /// Takes a fragment.
    pub(crate) fn take(&mut self, net: &mut Net, packet: &IpPacket<'_>) -> Outcome {
        let Some(fragment) = packet.fragment else { return Outcome::Waiting };
        let key = Key { src: packet.src, dst: packet.dst, protocol: packet.protocol, id: fragment.id };
        let index = match self.partial.iter().position(|p| p.key == key) {
            Some(index) => index,
            None => {
                if self.partial.len() >= MAX_PACKETS {
                    self.partial.remove(0);
                }
                let until = net.now + TIMEOUT_NS;
                net.timers.enter(until, Owner::Reassembly);
                self.partial.push(Partial { key, pieces: Vec::new(), total: None, ttl: packet.ttl, tos: packet.tos, until });
                self.partial.len() - 1
            }
        };
        let Some(partial) = self.partial.get_mut(index) else { return Outcome::Waiting };
        if !partial.add(fragment, packet.payload) {
            self.partial.remove(index);
            return Outcome::Waiting;
        }
        match partial.whole() {
            Some(bytes) => {
                self.partial.remove(index);
                Outcome::Complete(bytes)
            }
            None => Outcome::Waiting,
        }
    }

    /// Drops what has waited too long.
    pub(crate) fn expire(&mut self, net: &mut Net) {
        let now = net.now;
        self.partial.retain(|p| p.until > now);
    }
}

impl Partial {
    /// Adds a piece; `false` when the packet can never be whole.
    fn add(&mut self, fragment: Fragment, data: &[u8]) -> bool {
        let end = fragment.offset + data.len();
        if end > MAX_LEN || data.is_empty() || (fragment.more && !data.len().is_multiple_of(8)) {
            return false;
        }
        if !fragment.more {
            if self.total.is_some_and(|t| t != end) {
                return false;
            }
            self.total = Some(end);
        }
        let at = self.pieces.partition_point(|(offset, _)| *offset < fragment.offset);
        // An exact repetition is harmless, an overlap is an attack.
        if self.pieces.get(at).is_some_and(|(offset, d)| *offset == fragment.offset && d.len() == data.len()) {
            return true;
        }
        let clear_before = at == 0 || self.pieces.get(at - 1).is_none_or(|(offset, d)| offset + d.len() <= fragment.offset);
        let clear_after = self.pieces.get(at).is_none_or(|(offset, _)| end <= *offset);
        if !clear_before || !clear_after || self.total.is_some_and(|t| end > t) {
            return false;
        }
        self.pieces.insert(at, (fragment.offset, data.to_vec()));
        true
    }

    fn whole(&self) -> Option<Vec<u8>> {
        let total = self.total?;
        if self.pieces.iter().map(|(_, d)| d.len()).sum::<usize>() != total {
            return None;
        }
        let header = IpHeader {
            src: self.key.src,
            dst: self.key.dst,
            protocol: self.key.protocol,
            ttl: self.ttl,
            tos: self.tos,
            id: 0,
            dont_fragment: false,
        };
        let mut bytes = vec![0; header.len()];
        header.write(&mut bytes, total);
        for (_, data) in &self.pieces {
            bytes.extend_from_slice(data);
        }
        Some(bytes)
    }
}
