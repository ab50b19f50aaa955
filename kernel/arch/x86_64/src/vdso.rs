//! The vDSO's image and the page of data it reads (vdso(7)). The code is in `vdso/vdso.rs`.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// The shared object, to be mapped read-execute with the data page right below it. Starts on a page boundary in memory when mapped, not here.
pub static IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/vdso.so"));

/// The clock's parameters as the vDSO reads them, at the start of the data page. `sequence` is odd while they change.
#[repr(C)]
#[derive(Default)]
pub struct Data {
    sequence: AtomicU32,
    mult: AtomicU32,
    shift: AtomicU32,
    reserved: u32,
    base_ticks: AtomicU64,
    base_ns: AtomicU64,
    realtime_offset_ns: AtomicU64,
}

impl Data {
    /// Publishes new parameters: monotonic ns = `base_ns + ((tsc - base_ticks) * mult >> shift)`, real time that much later.
    pub fn publish(&self, base_ticks: u64, base_ns: u64, mult: u32, shift: u32, realtime_offset_ns: u64) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.base_ticks.store(base_ticks, Ordering::Relaxed);
        self.base_ns.store(base_ns, Ordering::Relaxed);
        self.mult.store(mult, Ordering::Relaxed);
        self.shift.store(shift, Ordering::Relaxed);
        self.realtime_offset_ns.store(realtime_offset_ns, Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_one_page_and_exports_the_five_calls() {
        assert!(IMAGE.len() <= 4096, "{} bytes", IMAGE.len());
        for name in ["clock_gettime", "clock_getres", "gettimeofday", "time", "getcpu"] {
            let name = format!("__vdso_{name}\0");
            assert!(IMAGE.windows(name.len()).any(|w| w == name.as_bytes()), "{name}");
        }
    }
}
