//! PVH entry (Xen docs/misc/pvh.pandoc): 32-bit protected mode, paging off, EBX = physical address of `hvm_start_info`.
//!
//! The stub builds the first page tables, enters long mode and calls `pith_start(start_info)` on the boot stack:
//! an identity map of low memory (dropped by [`drop_identity_map`]), the direct map of all memory at [`crate::DIRECT_MAP`], and the kernel at
//! [`KERNEL_BASE`]. With 1 GiB pages the direct map reaches 512 GiB and costs one page; without, it reaches 4 GiB in 2 MiB pages.
//!
//! The kernel is linked at 1 MiB: below lies what a PVH hypervisor keeps to itself, and a machine of 2.5 MiB still has room above.

use crate::{KERNEL_BASE, cpu};
use core::arch::global_asm;

global_asm!(
    r#"
.section .note.pvh, "a", @note
.align 4
.long 4, 4, 18          // namesz, descsz, XEN_ELFNOTE_PHYS32_ENTRY
.asciz "Xen"
.long pvh_start

.section .text.boot, "ax"
.code32
.global pvh_start
pvh_start:
    cld
    mov edi, ebx
    // Kernel window: the image's pages (of 4 MiB from physical 0), all writable and executable until `protect_kernel`.
    mov ecx, 0x100
    mov eax, 0x100003
2:  mov [boot_pt + ecx * 8], eax
    add eax, 4096
    inc ecx
    cmp eax, offset __image_end - {kernel_base}
    jb 2b
    mov dword ptr [boot_kernel_pd], offset boot_pt + 3
    mov dword ptr [boot_kernel_pd + 8], offset boot_pt + 4096 + 3
    mov dword ptr [boot_kernel_pdpt + 510 * 8], offset boot_kernel_pd + 3
    mov dword ptr [boot_pml4 + 511 * 8], offset boot_kernel_pdpt + 3
    mov dword ptr [boot_pml4], offset boot_direct_pdpt + 3
    mov dword ptr [boot_pml4 + 256 * 8], offset boot_direct_pdpt + 3
    mov eax, 0x80000001
    cpuid
    test edx, 1 << 26
    jz 3f
    // 1 GiB pages: 512 entries.
    xor ecx, ecx
    mov eax, 0x83
    xor edx, edx
4:  mov [boot_direct_pdpt + ecx * 8], eax
    mov [boot_direct_pdpt + ecx * 8 + 4], edx
    add eax, 0x40000000
    adc edx, 0
    inc ecx
    cmp ecx, 512
    jne 4b
    jmp 5f
3:  // 2 MiB pages: 4 GiB.
    xor ecx, ecx
    mov eax, offset boot_direct_pd + 3
6:  mov [boot_direct_pdpt + ecx * 8], eax
    add eax, 4096
    inc ecx
    cmp ecx, 4
    jne 6b
    xor ecx, ecx
    mov eax, 0x83
7:  mov [boot_direct_pd + ecx * 8], eax
    add eax, 0x200000
    inc ecx
    cmp ecx, 2048
    jne 7b
5:  mov eax, offset boot_pml4
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
    and eax, 0xfffffffb         // EM off
    mov cr0, eax
    lgdt [boot_gdtr]
    .byte 0xea                  // jmp far 8:start64
    .long start64
    .word 8
.code64
start64:
    mov ax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov rsp, offset boot_stack_top
    xor ebp, ebp
    mov edi, edi
    movabs rax, offset pith_start
    call rax
8:  cli
    hlt
    jmp 8b

.section .data.boot, "aw"
.align 8
boot_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdtr: .word 23
    .long boot_gdt

.section .bss.boot, "aw", @nobits
.align 4096
.global boot_pml4
boot_pml4: .skip 4096
boot_kernel_pdpt: .skip 4096
boot_kernel_pd: .skip 4096
boot_pt: .skip 8192
boot_direct_pdpt: .skip 4096
boot_direct_pd: .skip 16384

.section .bss.stack, "aw", @nobits
.align 4096
.global boot_stack_bottom
boot_stack_bottom: .skip 16384
.global boot_stack_top
boot_stack_top:
.text
"#,
    kernel_base = const KERNEL_BASE,
);

unsafe extern "C" {
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __image_end: u8;
    static mut boot_pml4: [u64; 512];
    static mut boot_pt: [u64; 1024];
    static boot_stack_top: u8;
    static boot_stack_bottom: u8;
}

/// Physical range of the whole image, bss included, in bytes: the memory that the frame allocator must leave alone.
pub fn image_range() -> (u64, u64) {
    (0x10_0000, &raw const __image_end as u64 - KERNEL_BASE)
}

/// Virtual range of the kernel's code, for backtraces.
pub fn text_range() -> (u64, u64) {
    (&raw const __text_start as u64, &raw const __text_end as u64)
}

/// Lowest and one-past-highest address of the boot stack.
pub fn boot_stack() -> (u64, u64) {
    (&raw const boot_stack_bottom as u64, &raw const boot_stack_top as u64)
}

/// Gives every page of the image just the rights its section needs (code: read and execute; constants: read; data: read and write) and makes
/// the direct map not executable. Pages outside the image leave the kernel window.
pub fn protect_kernel() {
    const PRESENT: u64 = 1;
    const WRITE: u64 = 2;
    const GLOBAL: u64 = 0x100;
    const NO_EXECUTE: u64 = 1 << 63;
    const DATA: u64 = PRESENT | WRITE | GLOBAL | NO_EXECUTE;
    let (image, image_end) = image_range();
    let (text, text_end) = text_range();
    let rodata_end = &raw const __rodata_end as u64 - KERNEL_BASE;
    let mut phys = image;
    // What comes first (boot tables, note, 32-bit entry) is done executing.
    for (end, rights) in [
        (text - KERNEL_BASE, DATA),
        (text_end - KERNEL_BASE, PRESENT | GLOBAL),
        (rodata_end, PRESENT | GLOBAL | NO_EXECUTE),
        (image_end, DATA),
    ] {
        while phys < end {
            // SAFETY: the table is ours and live; every page that is in use keeps the rights its section needs. The stub mapped no others.
            unsafe { (&raw mut boot_pt).cast::<u64>().add((phys / 4096) as usize).write_volatile(phys | rights) };
            phys += 4096;
        }
    }
    // SAFETY: entry 256 is the direct map: data only. Entry 0 shares its lower table, where bits are per entry, so identity stays executable.
    unsafe {
        let slot = (&raw mut boot_pml4).cast::<u64>().add(256);
        slot.write_volatile(slot.read_volatile() | NO_EXECUTE);
        cpu::load_page_table_root(root());
    }
}

/// Removes the identity map: from here on page 0 and everything below 2^47 is the application's.
pub fn drop_identity_map() {
    // SAFETY: nothing of the kernel runs or lies in the lower half any more once `pith_start` was entered.
    unsafe {
        (&raw mut boot_pml4).cast::<u64>().write_volatile(0);
        cpu::load_page_table_root(root());
    }
}

/// Puts the identity map of low memory back, or takes it away again. Address spaces of their own never have it; whoever runs in the boot tables must load them anew
/// to forget it.
#[cfg(feature = "smp")]
pub(crate) fn set_identity_map(present: bool) {
    // SAFETY: entry 256 is the direct map, whose lower tables are the identity map's; entry 0 of the boot tables is nobody's otherwise. What forbids execution
    // stands in entry 256 alone.
    unsafe {
        let table = (root() + crate::DIRECT_MAP) as *mut u64;
        let entry = if present { table.add(256).read_volatile() & !(1 << 63) } else { 0 };
        table.write_volatile(entry);
    }
}

/// Physical address of the boot top-level table, whose upper half every address space shares.
pub fn root() -> u64 {
    &raw const boot_pml4 as u64
}
