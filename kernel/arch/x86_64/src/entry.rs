//! Entry and exit: system calls, interrupts and exceptions.
//!
//! Every entry ends on the running thread's kernel stack with [`UserRegs`] and, below them, the vector registers that the kernel uses, and calls one of two
//! functions that the image defines: `pith_syscall` and `pith_trap`. Interrupts and exceptions first arrive on a small IST stack, because neither the application's
//! nor our own code's red zone may be touched; the stub copies the frame away at once, so that a handler may block and the IST stack is free again.
//!
//! Whether the application was interrupted is told by the sign of RIP, which holds for both rings. What else the kernel's own code can come to are interrupts while
//! it waits and faults in user copies. Anything besides is a bug, and whatever stack and GS it happened with may be part of it: the application may have jumped here
//! with its own, a kernel stack may have ended. So that goes to `pith_bug`, on this CPU's stack for faults, with the kernel's GS.

use crate::UserRegs;
use crate::cpu::{self, msr};
use crate::percpu::{FAULT_STACK_TOP, KERNEL_STACK, PointerRegister, UNUSUAL, USER_CS, USER_RSP, USER_SS, selector};
use core::arch::{asm, global_asm};

/// Vectors with an entry stub: exceptions 0-31, device interrupts from [`FIRST_INTERRUPT`].
pub const VECTORS: usize = 64;
/// Vector registers that are kept at every entry; the others only in an image whose code uses more than these.
const FEW_VECTORS: usize = 6;
/// First vector that is no exception.
pub const FIRST_INTERRUPT: u8 = 32;
/// The vector by which the kernel reports a bug itself: reserved, so that no CPU raises it (SDM volume 3, table 6-1).
pub const BUG: u8 = 15;

/// How `pith_syscall` wants the application to go on.
#[repr(u64)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// The ordinary way: RCX and R11 are lost, as syscall(2) says.
    Fast = 0,
    /// Every register exactly as in [`UserRegs`] (after `rt_sigreturn`, `execve`, a delivered signal).
    Exact = 1,
}

global_asm!(
    r#"
// The application's vector registers that the kernel's own code uses. How many that are the build finds out in the finished image
// (`crates/builder`) and leaves in arch_vector_registers: 16 before that.
.macro SAVE_FEW_XMM
    sub rsp, 264
    movups [rsp], xmm0
    movups [rsp + 16], xmm1
    movups [rsp + 32], xmm2
    movups [rsp + 48], xmm3
    movups [rsp + 64], xmm4
    movups [rsp + 80], xmm5
.endm
.macro SAVE_XMM
    SAVE_FEW_XMM
    cmp byte ptr [rip + arch_vector_registers], {few_vectors}
    jbe 77f
    call arch_vectors_save
77:
.endm
.macro RESTORE_FEW_XMM
    movups xmm0, [rsp]
    movups xmm1, [rsp + 16]
    movups xmm2, [rsp + 32]
    movups xmm3, [rsp + 48]
    movups xmm4, [rsp + 64]
    movups xmm5, [rsp + 80]
.endm
.macro RESTORE_XMM
    RESTORE_FEW_XMM
    cmp byte ptr [rip + arch_vector_registers], {few_vectors}
    jbe 78f
    call arch_vectors_restore
78: add rsp, 264
.endm

.section .rodata.arch_vector_registers, "a"
.global arch_vector_registers
arch_vector_registers:
    .byte 16

.text
// Above the return address: the others, where SAVE_XMM has room for them.
arch_vectors_save:
    movups [rsp + 104], xmm6
    movups [rsp + 120], xmm7
    movups [rsp + 136], xmm8
    movups [rsp + 152], xmm9
    movups [rsp + 168], xmm10
    movups [rsp + 184], xmm11
    movups [rsp + 200], xmm12
    movups [rsp + 216], xmm13
    movups [rsp + 232], xmm14
    movups [rsp + 248], xmm15
    ret
arch_vectors_restore:
    movups xmm6, [rsp + 104]
    movups xmm7, [rsp + 120]
    movups xmm8, [rsp + 136]
    movups xmm9, [rsp + 152]
    movups xmm10, [rsp + 168]
    movups xmm11, [rsp + 184]
    movups xmm12, [rsp + 200]
    movups xmm13, [rsp + 216]
    movups xmm14, [rsp + 232]
    movups xmm15, [rsp + 248]
    ret

// The entry of an image whose code uses more than a few vector registers: the others go where they belong in the frame that is about to be made.
arch_syscall_entry_all:
    swapgs
    mov gs:[{user_rsp}], rsp
    mov rsp, gs:[{kernel_stack}]
    sub rsp, {frame}
    call arch_vectors_save
    mov rsp, gs:[{user_rsp}]
    swapgs
.global arch_syscall_entry
.align 16
arch_syscall_entry:
    swapgs
    mov gs:[{user_rsp}], rsp
    mov rsp, gs:[{kernel_stack}]
    push qword ptr gs:[{user_ss}]
    push qword ptr gs:[{user_rsp}]
    push r11
    push qword ptr gs:[{user_cs}]
    push rcx
    push rax
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    SAVE_FEW_XMM
    lea rdi, [rsp + 264]
    xor ebp, ebp
    call pith_syscall
    // Everything that is not the usual way is found out by one branch: exact resumption (rax), flags that must be restored (trap, direction, alignment check,
    // id; arithmetic flags are nobody's after a system call), and what is unusual about every return: further vector registers, ring 3.
    mov ecx, [rsp + 264 + 144]
    and ecx, 0x257500
    or ecx, gs:[{unusual}]
    or ecx, eax
    jnz 5f
    RESTORE_FEW_XMM
1:  add rsp, 264
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    add rsp, 8
    pop r10
    pop r9
    pop r8
    pop rax
    add rsp, 8
    pop rdx
    pop rsi
    pop rdi
    mov rcx, [rsp + 8]
    mov r11, [rsp + 24]
    mov rsp, [rsp + 32]
    swapgs
    // `sti` holds interrupts back until the jump has been made.
    sti
    jmp rcx
5:  test al, al
    jnz arch_exit_exact
    cmp byte ptr [rsp + 264 + 136], 8
    jne 6f
    test dword ptr [rsp + 264 + 144], 0x257500
    jnz arch_exit_exact
    call arch_vectors_restore
    RESTORE_FEW_XMM
    jmp 1b
6:  // Ring 3. Exact resumption is used whenever RCX might not be canonical.
    RESTORE_XMM
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    add rsp, 8
    pop r10
    pop r9
    pop r8
    pop rax
    add rsp, 8
    pop rdx
    pop rsi
    pop rdi
    mov rcx, [rsp + 8]
    mov r11, [rsp + 24]
    mov rsp, [rsp + 32]
    swapgs
    sysretq

// A thread's very first way out: the scheduler switched to it, its registers lie above.
.global arch_first_exit
arch_first_exit:
    xor ebp, ebp
    lea rdi, [rsp + 264]
    call pith_first_exit
arch_exit_exact:
    RESTORE_XMM
arch_exit_regs:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    add rsp, 8
    cmp dword ptr [rsp + 4], 0
    jl 3f
    bt qword ptr [rsp], 63
    jc 3f
    swapgs
3:  iretq

.align 16
arch_trap_common:
    // rdx rcx rax vector error rip cs rflags rsp ss
    push rax
    push rcx
    push rdx
    mov rax, offset pith_trap
    cmp byte ptr [rsp + 47], 0
    js 2f
    swapgs
    mov rcx, gs:[{kernel_stack}]
    jmp 3f
2:  mov rcx, [rsp + 64]
    test rcx, rcx
    jns 4f
    cmp byte ptr [rsp + 24], {first_interrupt}
    jae 5f
    mov rdx, [rsp + 40]
    cmp rdx, offset arch_user_copy
    jb 4f
    cmp rdx, offset arch_user_end
    jb 5f
4:  // A bug. Two GS bases wait to be told apart; only the kernel's is in the upper half.
    mov ecx, {gs_base}
    rdmsr
    test edx, edx
    js 6f
    swapgs
6:  mov rcx, gs:[{fault_stack_top}]
    mov rax, offset pith_bug
    jmp 3f
5:  sub rcx, 128
    and rcx, -16
3:  mov rdx, [rsp + 72]
    mov [rcx - 8], rdx
    mov rdx, [rsp + 64]
    mov [rcx - 16], rdx
    mov rdx, [rsp + 56]
    mov [rcx - 24], rdx
    mov rdx, [rsp + 48]
    mov [rcx - 32], rdx
    mov rdx, [rsp + 40]
    mov [rcx - 40], rdx
    mov qword ptr [rcx - 48], -1
    mov [rcx - 56], rdi
    mov [rcx - 64], rsi
    // An entry on an IST stack may leave a null stack segment (SDM volume 3, 6.14.4). The code would do with that, but TCG keeps translations apart by whether
    // the stack segment is a 32-bit one, and would translate again here what ran elsewhere before.
    mov edx, {kernel_data}
    mov ss, edx
    mov rdx, [rsp]
    mov [rcx - 72], rdx
    mov rdx, [rsp + 8]
    mov [rcx - 80], rdx
    mov rdx, [rsp + 16]
    mov [rcx - 88], rdx
    mov [rcx - 96], r8
    mov [rcx - 104], r9
    mov [rcx - 112], r10
    mov [rcx - 120], r11
    mov [rcx - 128], rbx
    mov [rcx - 136], rbp
    mov [rcx - 144], r12
    mov [rcx - 152], r13
    mov [rcx - 160], r14
    mov [rcx - 168], r15
    mov rsi, [rsp + 24]
    mov rdx, [rsp + 32]
    lea rsp, [rcx - 168]
    SAVE_XMM
    cld
    lea rdi, [rsp + 264]
    call rax
    jmp arch_exit_exact

/* Eight bytes each; sixteen reach the jump behind them by its short form (STUB_BYTES, GROUP). */
.align 8
arch_trap_stubs:
.set vector, 0
.rept {vectors}
    .align 8
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    push 0
    .endif
    push vector
    jmp 9f
    .set vector, vector + 1
    .if vector % {group} == 0
    .align 8
9:
    jmp arch_trap_common
    .endif
.endr
"#,
    kernel_stack = const KERNEL_STACK,
    user_rsp = const USER_RSP,
    user_cs = const USER_CS,
    user_ss = const USER_SS,
    unusual = const UNUSUAL,
    frame = const size_of::<UserRegs>() + 264,
    kernel_data = const selector::KERNEL_DATA,
    vectors = const VECTORS,
    group = const GROUP,
    few_vectors = const FEW_VECTORS,
    first_interrupt = const FIRST_INTERRUPT,
    fault_stack_top = const FAULT_STACK_TOP,
    gs_base = const msr::GS_BASE,
);

/// Bytes between the first instructions of neighbouring vectors, and how many vectors share a jump, which takes the place of one more.
const STUB_BYTES: u64 = 8;
const GROUP: usize = 16;
const _: () = assert!(VECTORS.is_multiple_of(GROUP));

unsafe extern "C" {
    fn arch_syscall_entry();
    fn arch_syscall_entry_all();
    fn arch_trap_stubs();
}

#[repr(C, align(16))]
struct Gate([u64; 2]);

#[repr(C, align(4096))]
struct InterruptTable(core::cell::UnsafeCell<[Gate; VECTORS]>);
// SAFETY: written once by `install`, before any other CPU runs; afterwards only the CPU reads it.
unsafe impl Sync for InterruptTable {}
static TABLE: InterruptTable = InterruptTable(core::cell::UnsafeCell::new([const { Gate([0; 2]) }; VECTORS]));

/// Loads the interrupt table and the system-call registers of the running CPU.
///
/// # Safety
/// The CPU's [`PerCpu`](crate::percpu::PerCpu) must be installed; `pith_trap`, `pith_bug` and `pith_syscall` may run from here on.
pub unsafe fn install() {
    let table = TABLE.0.get().cast::<Gate>();
    for vector in 0..VECTORS {
        let stub = arch_trap_stubs as *const () as u64 + STUB_BYTES * (vector + vector / GROUP) as u64;
        // Non-maskable and machine-check exceptions may come at any instruction, double faults on the way to the stack of all others: a stack of their own.
        let stack: u64 = if matches!(vector, 2 | 8 | 18) { 2 } else { 1 };
        // Breakpoints may be raised from ring 3.
        let level: u64 = if vector == 3 { 3 } else { 0 };
        let low =
            stub & 0xffff | u64::from(selector::KERNEL_CODE) << 16 | stack << 32 | 0x8e << 40 | level << 45 | (stub >> 16 & 0xffff) << 48;
        // SAFETY: in bounds; the table is static. Every CPU writes the same values.
        unsafe { table.add(vector).write(Gate([low, stub >> 32])) };
    }
    let register = PointerRegister { limit: (VECTORS * 16 - 1) as u16, base: table as u64 };
    let entry = if saves_all_vectors() { arch_syscall_entry_all } else { arch_syscall_entry };
    let star = u64::from(selector::USER_BASE) << 48 | u64::from(selector::KERNEL_CODE) << 32;
    // SAFETY: the gates are complete; LSTAR points at the entry code, which finds its stack through the installed block.
    unsafe {
        asm!("lidt [{}]", in(reg) &raw const register, options(nostack, readonly));
        cpu::wrmsr(msr::STAR, star);
        cpu::wrmsr(msr::LSTAR, entry as *const () as u64);
        // Interrupts, trap, direction, alignment check and nested task are off at entry.
        cpu::wrmsr(msr::SFMASK, 0x4_4700);
    }
}

/// How many vector registers entry code keeps on the kernel stack, from xmm0 on: all that the kernel's own code uses. The others are the application's at
/// all times.
pub(crate) fn saved_vectors() -> usize {
    if saves_all_vectors() { 16 } else { FEW_VECTORS }
}

/// Whether the kernel's own code uses more than a few.
pub(crate) fn saves_all_vectors() -> bool {
    unsafe extern "C" {
        #[link_name = "arch_vector_registers"]
        static USED: u8;
    }
    // SAFETY: a constant of the image; volatile because the build writes it after the compiler has seen it.
    usize::from(unsafe { (&raw const USED).read_volatile() }) > FEW_VECTORS
}

/// Goes to `pith_bug`, as a fault would, with vector [`BUG`] and `argument` in RDI.
#[inline(always)]
pub fn bug(argument: u64) -> ! {
    // SAFETY: the gate leads to a function that does not return.
    unsafe { asm!("int {}", const BUG, in("rdi") argument, options(noreturn)) };
}

/// An exception or interrupt, as `pith_trap` gets it.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// Vector number.
    pub vector: u8,
    /// The CPU's error code, 0 for vectors without.
    pub error: u64,
}

/// Whether the registers are the application's (and not the kernel's own, interrupted by a fault or in the idle loop).
pub fn from_application(regs: &UserRegs) -> bool {
    regs.rip >> 63 == 0
}
