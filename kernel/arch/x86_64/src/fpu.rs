//! Floating-point and vector state: XSAVE with every component the CPU offers (SDM volume 1, chapter 13), FXSAVE where there is none.
//!
//! The kernel's own code uses some of xmm0-15 only; entry code keeps the application's low halves of those on the kernel stack, so the other registers,
//! all *upper* halves and the control words are the application's at all times. A state saved here therefore takes the ones on the stack from the entry
//! frame when it is shown to a signal handler.

#[cfg(feature = "machine")]
mod switch;

#[cfg(feature = "machine")]
pub(crate) use switch::switch;

use crate::cpu;
use alloc::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

static SIZE: AtomicU32 = AtomicU32::new(512);
static COMPONENTS: AtomicU64 = AtomicU64::new(0);
/// Whether XGETBV tells which components are in use.
static TELLS_USE: AtomicBool = AtomicBool::new(false);

/// State components (SDM volume 1, 13.1).
const X87: u64 = 1;
const SSE: u64 = 1 << 1;
/// Where in a saved state MXCSR is, and the header with the set of components that are in it.
const MXCSR: usize = 24;
const HEADER: usize = 512;

/// Turns on every state component that fits the area Linux programs expect (x87, SSE, AVX, AVX-512, PKRU): not AMX, whose 8 KiB a
/// program must ask for first.
///
/// # Safety
/// Once per CPU, before application code runs.
pub unsafe fn enable() {
    if !cpu::has(cpu::feature::XSAVE) {
        return;
    }
    let offered = cpu::cpuid(0xd, 0);
    let wanted = (u64::from(offered.edx) << 32 | u64::from(offered.eax)) & 0x2e7;
    // SAFETY: CPUID offers XSAVE; OSXSAVE makes XSETBV legal, and only offered components are set.
    unsafe {
        asm!("mov {t}, cr4", "bts {t}, 18", "mov cr4, {t}", t = out(reg) _, options(nostack));
        asm!("xsetbv", in("ecx") 0, in("eax") wanted as u32, in("edx") (wanted >> 32) as u32, options(nostack, preserves_flags));
    }
    // CPUID makes every hypervisor look at the machine; one that did not honour the choice has undone it by now (QEMU's emulation of nested AMD virtualisation
    // does that). Then the legacy state is all there is.
    let size = cpu::cpuid(0xd, 0).ebx;
    let (low, high): (u32, u32);
    // SAFETY: OSXSAVE is on, so XGETBV exists; turning it off again makes XSAVE unavailable to everyone alike.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
        if (u64::from(high) << 32 | u64::from(low)) != wanted {
            asm!("mov {t}, cr4", "btr {t}, 18", "mov cr4, {t}", t = out(reg) _, options(nostack));
            return;
        }
    }
    COMPONENTS.store(wanted, Ordering::Relaxed);
    SIZE.store(size, Ordering::Relaxed);
    TELLS_USE.store(cpu::cpuid(0xd, 1).eax & 4 != 0, Ordering::Relaxed);
}

/// Bytes of a saved state (the standard, not compacted, format).
pub fn size() -> usize {
    SIZE.load(Ordering::Relaxed) as usize
}

/// The enabled components (XCR0), 0 without XSAVE.
pub fn components() -> u64 {
    COMPONENTS.load(Ordering::Relaxed)
}

/// A saved state: [`size`] bytes, 64-byte aligned.
pub struct FpuState {
    area: NonNull<u8>,
    layout: Layout,
    /// Of the area only the SSE registers that entry code does not keep and MXCSR are meaningful; all else is in its initial state.
    sse_only: bool,
}

// SAFETY: plain owned memory.
unsafe impl Send for FpuState {}

impl FpuState {
    /// The initial state: what a program starts with (x87 control word 0x37f, MXCSR 0x1f80).
    pub fn initial() -> Self {
        let layout = Layout::from_size_align(size().max(512), 64).unwrap_or(Layout::new::<[u64; 64]>());
        // SAFETY: the layout is not empty.
        let area = unsafe { alloc_zeroed(layout) };
        let Some(area) = NonNull::new(area) else { handle_alloc_error(layout) };
        // SAFETY: the legacy region (SDM volume 1, 10.5.1) lies within the 512 bytes at least allocated.
        unsafe {
            area.cast::<u16>().write(0x37f);
            area.add(MXCSR).cast::<u32>().write(0x1f80);
            if components() != 0 {
                area.add(HEADER).cast::<u64>().write(X87 | SSE);
            }
        }
        Self { area, layout, sse_only: false }
    }

    /// A copy of what is in the registers now.
    pub fn inherit() -> Self {
        let mut state = Self::initial();
        save(&mut state);
        state
    }

    /// The state as bytes, for signal frames.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: owned, initialised, `layout.size()` long.
        unsafe { core::slice::from_raw_parts(self.area.as_ptr(), self.layout.size()) }
    }

    /// As [`bytes`](Self::bytes), writable.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, uniquely borrowed.
        unsafe { core::slice::from_raw_parts_mut(self.area.as_ptr(), self.layout.size()) }
    }
}

impl Drop for FpuState {
    fn drop(&mut self) {
        // SAFETY: allocated with this very layout.
        unsafe { dealloc(self.area.as_ptr(), self.layout) };
    }
}

/// Saves all of the registers.
pub(crate) fn save(state: &mut FpuState) {
    state.sse_only = false;
    // SAFETY: the area is 64-byte aligned and as large as the enabled components need.
    unsafe {
        if components() != 0 {
            asm!("xsave64 [{}]", in(reg) state.area.as_ptr(), in("eax") u32::MAX, in("edx") u32::MAX, options(nostack, preserves_flags));
        } else {
            asm!("fxsave64 [{}]", in(reg) state.area.as_ptr(), options(nostack, preserves_flags));
        }
    }
}

/// Loads all of the registers.
pub fn restore(state: &FpuState) {
    // SAFETY: the area holds a state made by `save` or `initial`, or one whose header and MXCSR were checked.
    unsafe {
        if components() != 0 {
            asm!("xrstor64 [{}]", in(reg) state.area.as_ptr(), in("eax") u32::MAX, in("edx") u32::MAX, options(nostack, preserves_flags));
        } else {
            asm!("fxrstor64 [{}]", in(reg) state.area.as_ptr(), options(nostack, preserves_flags));
        }
    }
}

impl FpuState {
    /// Whether XRSTOR would take the state: only enabled components, the standard format, no reserved bits, a legal MXCSR (SDM volume 1, 13.8.1).
    pub fn is_loadable(&self) -> bool {
        let bytes = self.bytes();
        let word = |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        let mxcsr = word(24) as u32;
        let mask = match (word(24) >> 32) as u32 {
            0 => 0xffbf,
            mask => mask,
        };
        if mxcsr & !mask != 0 {
            return false;
        }
        components() == 0 || word(512) & !components() == 0 && (520..576).step_by(8).all(|at| word(at) == 0)
    }
}
