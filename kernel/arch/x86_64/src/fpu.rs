//! Floating-point and vector state: XSAVE with every component the CPU offers (SDM volume 1, chapter 13), FXSAVE where there is none.
//!
//! The kernel's own code uses some of xmm0-15 only; entry code keeps the application's low halves of those on the kernel stack, so the other registers,
//! all *upper* halves and the control words are the application's at all times. A state saved here therefore takes the ones on the stack from the entry
//! frame when it is shown to a signal handler.

use crate::cpu;
use alloc::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use core::arch::{asm, global_asm};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

static SIZE: AtomicU32 = AtomicU32::new(512);
static COMPONENTS: AtomicU64 = AtomicU64::new(0);
/// Whether XGETBV tells which components are in use.
static TELLS_USE: AtomicBool = AtomicBool::new(false);

/// State components (SDM volume 1, 13.1).
const X87: u64 = 1;
const SSE: u64 = 1 << 1;
const AVX: u64 = 1 << 2;
const PKRU: u64 = 1 << 9;
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

global_asm!(
    r#"
.text
// The registers that entry code does not keep on the stack, to and from an area of 512 bytes at rdi (SDM volume 1, table 10-2).
arch_vectors_store:
    movups [rdi + 256], xmm6
    movups [rdi + 272], xmm7
    movups [rdi + 288], xmm8
    movups [rdi + 304], xmm9
    movups [rdi + 320], xmm10
    movups [rdi + 336], xmm11
    movups [rdi + 352], xmm12
    movups [rdi + 368], xmm13
    movups [rdi + 384], xmm14
    movups [rdi + 400], xmm15
    ret
arch_vectors_load:
    movups xmm6, [rdi + 256]
    movups xmm7, [rdi + 272]
    movups xmm8, [rdi + 288]
    movups xmm9, [rdi + 304]
    movups xmm10, [rdi + 320]
    movups xmm11, [rdi + 336]
    movups xmm12, [rdi + 352]
    movups xmm13, [rdi + 368]
    movups xmm14, [rdi + 384]
    movups xmm15, [rdi + 400]
    ret

// Whether anything but SSE is in use, by its value: rax 0 if not. rdi: whether there are upper halves. Uses xmm0 and xmm1.
arch_vectors_examine:
    sub rsp, 40
    mov eax, 1
    fnstenv [rsp]
    // The initial control word masks all exceptions, which is what fnstenv leaves behind.
    cmp word ptr [rsp], 0x37f
    jne 3f
    cmp word ptr [rsp + 4], 0
    jne 2f
    cmp word ptr [rsp + 8], 0xffff
    jne 2f
    test edi, edi
    jz 1f
    vextractf128 [rsp], ymm0, 1
    vextractf128 [rsp + 16], ymm1, 1
    vextractf128 xmm0, ymm0, 1
    vextractf128 xmm1, ymm1, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm2, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm3, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm4, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm5, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm6, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm7, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm8, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm9, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm10, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm11, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm12, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm13, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm14, 1
    vpor xmm0, xmm0, xmm1
    vextractf128 xmm1, ymm15, 1
    vpor xmm0, xmm0, xmm1
    vptest xmm0, xmm0
    jz 1f
    vinsertf128 ymm0, ymm0, [rsp], 1
    vinsertf128 ymm1, ymm1, [rsp + 16], 1
    jmp 2f
1:  xor eax, eax
2:  add rsp, 40
    ret
3:  fldcw [rsp]
    jmp 2b
"#
);

unsafe extern "C" {
    fn arch_vectors_store(area: *mut u8);
    fn arch_vectors_load(area: *const u8);
    fn arch_vectors_examine(avx: u64) -> u64;
}

/// Whether nothing but SSE is in use, so that the rest of the state is the initial one. The processor knows (XINUSE, SDM volume 1, 13.6); where it does not
/// tell or says "everything", as emulators do, the registers themselves are looked at.
fn only_sse_in_use() -> bool {
    let components = components();
    if components == 0 {
        return false;
    }
    if TELLS_USE.load(Ordering::Relaxed) {
        let low: u32;
        // SAFETY: CPUID offers XGETBV with 1 in ECX.
        unsafe { asm!("xgetbv", in("ecx") 1, out("eax") low, out("edx") _, options(nomem, nostack, preserves_flags)) };
        if low & !SSE as u32 == 0 {
            return true;
        }
    }
    // Protection keys are off (CR4.PKE), whatever their register holds.
    // SAFETY: clobbers what the calling convention lets it; upper halves only exist, and are only looked at, with AVX.
    components & !(X87 | SSE | AVX | PKRU) == 0 && unsafe { arch_vectors_examine(components & AVX) } == 0
}

/// Puts `next` into the registers, after saving what is there in `previous`, if that is anybody's. As long as threads use nothing but SSE that is a few
/// moves instead of XSAVE and XRSTOR.
pub(crate) fn switch(previous: Option<&mut FpuState>, next: &FpuState) {
    let only_sse = only_sse_in_use();
    let mut control = 0u32;
    // SAFETY: CR4.OSFXSR is on.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack, preserves_flags)) };
    match previous {
        Some(previous) if only_sse => {
            previous.sse_only = true;
            // SAFETY: the area holds the legacy region and the header (SDM volume 1, 13.4), which says that nothing but SSE is in it.
            unsafe {
                let area = previous.area.as_ptr();
                arch_vectors_store(area);
                area.add(MXCSR).cast::<u32>().write(control);
                area.add(HEADER).cast::<u64>().write(SSE);
            }
        }
        Some(previous) => save(previous),
        None => {}
    }
    if !(only_sse && next.sse_only) {
        return restore(next);
    }
    // SAFETY: as above; the control word was in the register before.
    unsafe {
        let area = next.area.as_ptr();
        arch_vectors_load(area);
        let wanted = area.add(MXCSR).cast::<u32>();
        if wanted.read() != control {
            asm!("ldmxcsr [{}]", in(reg) wanted, options(nostack, preserves_flags, readonly));
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
