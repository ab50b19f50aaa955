//! Deadlines of everything in the stack: one heap, entries never removed early.
//!
//! A TCP connection changes its deadlines with every packet. Instead of moving heap entries each time, an owner remembers the earliest
//! entry it has in the heap; when that comes due too early, the owner looks at its real deadlines and enters the next.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A TCP connection, by slot and generation of the slot.
    Tcp(u32, u32),
    /// The neighbour cache of an interface.
    Neighbours(usize),
    /// The DHCP client of an interface.
    Dhcp(usize),
    /// IPv6 address configuration of an interface.
    AutoConfig(usize),
    /// Packets waiting for their other fragments.
    Reassembly,
}

/// The heap.
#[derive(Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, Owner)>>,
}

impl Timers {
    /// Enters a deadline (monotonic nanoseconds).
    pub fn enter(&mut self, at: u64, owner: Owner) {
        self.heap.push(Reverse((at, owner)));
    }

    /// The earliest entry.
    pub fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes an entry that is due.
    pub fn take_due(&mut self, now: u64) -> Option<(u64, Owner)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

/// Milliseconds in the stack's unit.
pub const MS: u64 = 1_000_000;
/// Seconds in the stack's unit.
pub const SECOND: u64 = 1_000_000_000;
/// A deadline that never comes.
pub const NEVER: u64 = u64::MAX;
