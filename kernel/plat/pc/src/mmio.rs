//! Device registers in memory, reached through the direct map.

use arch_x86_64::DIRECT_MAP;

/// A window of device registers.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    base: u64,
    len: u64,
}

impl Window {
    /// The registers at physical `base`, `len` bytes.
    ///
    /// # Safety
    /// The range must be device registers (not memory in use), and reachable through the direct map.
    pub unsafe fn new(base: u64, len: u64) -> Self {
        Self { base: base + DIRECT_MAP, len }
    }

    /// Reads the 32-bit register at byte `offset`; all ones outside the window, as an absent device answers.
    #[inline]
    pub fn read32(&self, offset: u64) -> u32 {
        if offset + 4 > self.len {
            return u32::MAX;
        }
        // SAFETY: inside the window, which `new`'s caller says is device registers.
        unsafe { ((self.base + offset) as *const u32).read_volatile() }
    }

    /// Writes the 32-bit register at byte `offset`; ignored outside the window.
    #[inline]
    pub fn write32(&self, offset: u64, value: u32) {
        if offset + 4 <= self.len {
            // SAFETY: as above.
            unsafe { ((self.base + offset) as *mut u32).write_volatile(value) };
        }
    }

    /// Virtual address of the window, for drivers with accessors of their own.
    pub fn virt(&self) -> u64 {
        self.base
    }
}
