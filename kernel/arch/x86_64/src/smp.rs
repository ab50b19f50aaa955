//! Other CPUs: from the start-up message in real mode to [`pith_cpu_start`](start) in long mode, each on a stack of its own.
//!
//! A start-up message names a page below 1 MiB (Intel SDM volume 3, 9.4): [`TRAMPOLINE`], which the memory map must leave alone. [`prepare`] puts a stub of a few
//! instructions there that leads into the boot section, which goes on as the first CPU did: same page tables, same control registers. The identity map that
//! this needs is there only until [`finish`].

use crate::{DIRECT_MAP, boot};
use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Physical address of the page where a CPU begins.
pub const TRAMPOLINE: u64 = 0x8000;
/// Its number, as start-up messages give it.
pub const TRAMPOLINE_PAGE: u8 = (TRAMPOLINE >> 12) as u8;

/// CPUs that have come as far as waiting for a stack.
static ARRIVED: AtomicU32 = AtomicU32::new(0);
/// Address of a table of stack tops, one for each CPU in the order of arrival; 0 until there is one.
static STACKS: AtomicU64 = AtomicU64::new(0);

global_asm!(
    r#"
.section .rodata.arch_start_stub, "a"
// 16-bit code, written out because its addresses count from wherever it is copied to.
.global arch_start_stub
arch_start_stub:
    .byte 0xfa                          // cli
    .byte 0x8c, 0xc8                    // mov ax, cs
    .byte 0x8e, 0xd8                    // mov ds, ax
    .byte 0x66, 0x0f, 0x01, 0x16        // lgdt [start_gdtr]
    .word start_gdtr - arch_start_stub
    .byte 0x0f, 0x20, 0xc0              // mov eax, cr0
    .byte 0x0c, 0x01                    // or al, 1
    .byte 0x0f, 0x22, 0xc0              // mov cr0, eax
    .byte 0x66, 0xea                    // jmp far 8:start_protected
    .long start_protected
    .word 8
start_gdtr:
    .word 31
    .long start_gdt
.global arch_start_stub_end
arch_start_stub_end:

.section .text.boot, "ax"
.code32
start_protected:
    mov ax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, offset boot_pml4
    mov cr3, eax
    mov eax, cr4
    or eax, 0x6a0               // PAE, PGE, OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov ecx, 0xc0000080         // EFER: SCE, LME, NXE
    rdmsr
    or eax, 0x901
    wrmsr
    mov eax, cr0
    or eax, 0x80010022          // PG, WP, NE, MP
    and eax, 0x9ffffffb         // EM, NW, CD off: caches on
    mov cr0, eax
    .byte 0xea                  // jmp far 24:start_long
    .long start_long
    .word 24
.code64
start_long:
    xor eax, eax
    mov fs, ax
    mov gs, ax
    movabs rax, offset arch_start_high
    jmp rax

.section .data.boot, "aw"
.align 8
start_gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff

.text
arch_start_high:
    mov eax, 1
    lock xadd [rip + {arrived}], eax
2:  mov rcx, [rip + {stacks}]
    test rcx, rcx
    jnz 3f
    pause
    jmp 2b
3:  mov rsp, [rcx + rax * 8]
    mov edi, eax
    xor ebp, ebp
    call pith_cpu_start
4:  cli
    hlt
    jmp 4b
"#,
    arrived = sym ARRIVED,
    stacks = sym STACKS,
);

unsafe extern "C" {
    static arch_start_stub: u8;
    static arch_start_stub_end: u8;
}

/// Lays out the stub and the identity map: from here on CPUs may be sent to [`TRAMPOLINE`].
///
/// # Safety
/// The page at [`TRAMPOLINE`] is RAM that nobody uses, and the caller's address space is not the boot tables' lower half.
pub unsafe fn prepare() {
    let (from, end) = (&raw const arch_start_stub, &raw const arch_start_stub_end);
    // SAFETY: the stub is some fifty bytes of the image; the caller gives the page, which the direct map reaches.
    unsafe { core::ptr::copy_nonoverlapping(from, (TRAMPOLINE + DIRECT_MAP) as *mut u8, end as usize - from as usize) };
    boot::set_identity_map(true);
}

/// How many CPUs have arrived. Each waits for its stack, touching nothing.
pub fn arrived() -> usize {
    ARRIVED.load(Ordering::Acquire) as usize
}

/// Takes the identity map away and lets those who arrived go on: CPU `i` of them calls the image's `pith_cpu_start(i)` on the stack that ends at `stacks[i]`.
///
/// # Safety
/// There is a stack for each that arrived, mapped in the boot tables, whole, of its own, for ever.
pub unsafe fn finish(stacks: &'static [u64]) {
    boot::set_identity_map(false);
    STACKS.store(stacks.as_ptr() as u64, Ordering::Release);
}
