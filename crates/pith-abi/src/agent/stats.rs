//! Counters of a machine.
//!
//! On the wire: the number of values (u16), the values (u64 each, in the order of [`Stat`]); then for every network interface the length of its entry
//! (u16), the number of its values (u16), these, and its name. New values are added at the end, so that either side may know more than the other.

use alloc::vec::Vec;

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Stat {
    /// Nanoseconds since the kernel's start.
    UptimeNs,
    /// CPU time of the application's threads, their system calls included, in nanoseconds.
    ApplicationNs,
    /// CPU time without a thread, the interrupts in it included, in nanoseconds.
    IdleNs,
    /// Bytes of memory that the kernel hands out: the machine's without the kernel image and the root file system's archive.
    MemoryTotal,
    /// Bytes of it that nobody uses.
    MemoryFree,
    /// Bytes of anonymous memory of the application (heap, stacks, private copies of file pages).
    MemoryAnonymous,
    /// Bytes of file contents in memory, without those that lie in the root file system's archive.
    MemoryFiles,
    /// Threads.
    Threads,
    /// System calls.
    SystemCalls,
    /// Switches between threads.
    Switches,
    /// Files opened.
    Opens,
    /// Calls of the read family, on whatever kind of file (as `syscr` of proc_pid_io(5)).
    Reads,
    /// Calls of the write family (`syscw`).
    Writes,
    /// Bytes that they read (`rchar`).
    ReadBytes,
    /// Bytes that they wrote (`wchar`).
    WrittenBytes,
}

/// How many there are.
const VALUES: usize = Stat::WrittenBytes as usize + 1;

/// One network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceStats {
    /// Received packets, received bytes, packets received and dropped, sent packets, sent bytes. Bytes count link-layer headers.
    pub values: [u64; Self::VALUES],
    /// Name, as in `eth0`.
    pub name: Vec<u8>,
}

impl InterfaceStats {
    /// How many values one has.
    pub const VALUES: usize = 5;
}

/// All counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    values: [u64; VALUES],
    /// Network interfaces, by number.
    pub interfaces: Vec<InterfaceStats>,
}

impl Stats {
    /// Sets one value.
    pub fn set(&mut self, stat: Stat, value: u64) {
        if let Some(slot) = self.values.get_mut(stat as usize) {
            *slot = value;
        }
    }

    /// One value; 0 when the other side does not count it.
    #[must_use]
    pub fn get(&self, stat: Stat) -> u64 {
        self.values.get(stat as usize).copied().unwrap_or(0)
    }

    /// Appends the wire form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_values(out, &self.values);
        for interface in &self.interfaces {
            let start = out.len();
            put_u16(out, 0);
            put_values(out, &interface.values);
            out.extend_from_slice(&interface.name);
            let len = u16::try_from(out.len() - start - 2).unwrap_or(u16::MAX).to_le_bytes();
            out.iter_mut().skip(start).zip(len).for_each(|(slot, byte)| *slot = byte);
        }
    }

    /// Reads the wire form; `None` when it is cut short.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut stats = Self::default();
        take_values(&mut bytes, &mut stats.values)?;
        while !bytes.is_empty() {
            let len = usize::from(take_u16(&mut bytes)?);
            let (mut entry, rest) = bytes.split_at_checked(len)?;
            bytes = rest;
            let mut interface = InterfaceStats::default();
            take_values(&mut entry, &mut interface.values)?;
            interface.name = entry.to_vec();
            stats.interfaces.push(interface);
        }
        Some(stats)
    }
}

fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_values(out: &mut Vec<u8>, values: &[u64]) {
    put_u16(out, u16::try_from(values.len()).unwrap_or(u16::MAX));
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn take_u16(bytes: &mut &[u8]) -> Option<u16> {
    let (value, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u16::from_le_bytes(*value))
}

/// Reads values into as many slots as there are; what is missing stays as it is, what is too much is passed over.
fn take_values(bytes: &mut &[u8], slots: &mut [u64]) -> Option<()> {
    let count = usize::from(take_u16(bytes)?);
    let (values, rest) = bytes.split_at_checked(count * 8)?;
    *bytes = rest;
    for (slot, value) in slots.iter_mut().zip(values.chunks_exact(8)) {
        *slot = u64::from_le_bytes(*value.first_chunk()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Stats {
        let mut stats = Stats::default();
        stats.set(Stat::UptimeNs, 1);
        stats.set(Stat::WrittenBytes, u64::MAX);
        stats.interfaces.push(InterfaceStats { values: [1, 2, 3, 4, 5], name: b"lo".to_vec() });
        stats.interfaces.push(InterfaceStats { values: [0; 5], name: b"eth0".to_vec() });
        stats
    }

    #[test]
    fn stats_read_back_and_shorter_ones_do_not() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        assert_eq!(Stats::decode(&bytes), Some(sample()));
        let whole = (0..bytes.len()).filter(|len| Stats::decode(&bytes[..*len]).is_some()).collect::<Vec<_>>();
        // Complete up to an interface is complete.
        assert_eq!(whole, [2 + VALUES * 8, 2 + VALUES * 8 + 46]);
    }

    #[test]
    fn more_and_fewer_values_are_understood() {
        let mut bytes = Vec::new();
        put_values(&mut bytes, &[7; VALUES + 3]);
        let stats = Stats::decode(&bytes).unwrap();
        assert_eq!((stats.get(Stat::UptimeNs), stats.get(Stat::WrittenBytes)), (7, 7));
        bytes.clear();
        put_values(&mut bytes, &[7]);
        let stats = Stats::decode(&bytes).unwrap();
        assert_eq!((stats.get(Stat::UptimeNs), stats.get(Stat::WrittenBytes)), (7, 0));
    }
}
