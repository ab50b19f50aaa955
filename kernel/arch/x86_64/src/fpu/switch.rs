//! From one thread's state to the next one's: all of it only where more than SSE is in use.

use super::{FpuState, HEADER, MXCSR, SSE, TELLS_USE, X87, components, restore, save};
use core::arch::{asm, global_asm};
use core::sync::atomic::Ordering;

/// State components (SDM volume 1, 13.1).
const AVX: u64 = 1 << 2;
const PKRU: u64 = 1 << 9;

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
