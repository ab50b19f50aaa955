//! A thread's kernel side: its stack pointer, thread pointers and floating-point state, and the switch between two of them.

use crate::UserRegs;
use crate::cpu::{self, msr};
use crate::entry;
use crate::fpu::{self, FpuState};
use crate::percpu;
use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};

global_asm!(
    r#"
.global arch_switch_stacks
// rdi: where to store the old stack pointer; rsi: the new stack pointer
arch_switch_stacks:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rdi], rsp
    mov rsp, rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

// A context that begins in the kernel: what to call, and with what. In a section of its own, so that images without such contexts leave it out.
.section .text.arch_first_call, "ax", @progbits
.global arch_first_call
arch_first_call:
    mov rdi, rbp
    xor ebp, ebp
    call rbx
    ud2
.text
"#
);

unsafe extern "C" {
    fn arch_switch_stacks(save: *mut u64, new: u64);
    fn arch_first_exit();
    fn arch_first_call();
}

/// The bytes of stack that entry code uses for [`UserRegs`] and, at most, xmm0-15.
const FRAME: u64 = size_of::<UserRegs>() as u64 + 264;

/// Whether more than one CPU may run: then floating-point state may not stay in registers over an idle period.
const SMP: bool = cfg!(feature = "smp");

/// A thread's kernel side. Everything that the switch touches; owned by the scheduler's task.
pub struct Context {
    rsp: UnsafeCell<u64>,
    stack_top: u64,
    fs_base: AtomicU64,
    gs_base: AtomicU64,
    /// `None` for contexts that never run application code (boot, idle).
    fpu: Option<UnsafeCell<FpuState>>,
}

// SAFETY: `rsp` and `fpu` are touched only by the CPU that runs or is switching this context; the scheduler's hand-over makes that one CPU.
unsafe impl Sync for Context {}

impl Context {
    /// The context of code already running on `stack_top`'s stack (boot, idle): saved when first switched away from.
    pub fn current(stack_top: u64) -> Self {
        Self { rsp: UnsafeCell::new(0), stack_top, fs_base: AtomicU64::new(0), gs_base: AtomicU64::new(0), fpu: None }
    }

    /// A new application thread that begins with `regs`; its floating-point state is a copy of the running thread's (clone(2)) or, when
    /// none runs, the initial state.
    ///
    /// # Safety
    /// `stack_top` must be the 16-byte aligned top of a writable stack of at least 8 KiB that lives as long as the context.
    pub unsafe fn new_user(stack_top: u64, regs: &UserRegs, fs_base: u64, gs_base: u64) -> Self {
        let frame = stack_top - FRAME;
        // Six callee-saved registers and a return address below the frame.
        let rsp = frame - 8 - 48;
        // SAFETY: all within the stack the caller gave.
        unsafe {
            core::ptr::write_bytes(rsp as *mut u8, 0, (stack_top - rsp) as usize);
            ((frame - 8) as *mut u64).write(arch_first_exit as *const () as u64);
            ((frame + 264) as *mut UserRegs).write(*regs);
        }
        Self {
            rsp: UnsafeCell::new(rsp),
            stack_top,
            fs_base: AtomicU64::new(fs_base),
            gs_base: AtomicU64::new(gs_base),
            fpu: Some(UnsafeCell::new(FpuState::inherit())),
        }
    }

    /// A new context that begins by calling `entry` with `argument`, in the kernel, with interrupts off. It keeps no floating-point state over a switch: a switch
    /// is a call, which no vector register lives through (System V ABI).
    ///
    /// # Safety
    /// As [`new_user`](Self::new_user).
    pub unsafe fn new_kernel(stack_top: u64, entry: extern "C" fn(usize) -> !, argument: usize) -> Self {
        // Six callee-saved registers (r15, r14, r13, r12, rbp, rbx) and a return address.
        let words = [0, 0, 0, 0, argument as u64, entry as *const () as u64, arch_first_call as *const () as u64];
        let rsp = stack_top - size_of_val(&words) as u64;
        // SAFETY: within the stack the caller gave.
        unsafe { (rsp as *mut [u64; 7]).write(words) };
        let mut context = Self::current(stack_top);
        context.rsp = UnsafeCell::new(rsp);
        context
    }

    /// The thread pointer (FS base).
    pub fn fs_base(&self) -> u64 {
        self.fs_base.load(Ordering::Relaxed)
    }

    /// Sets the thread pointer of the running context.
    pub fn set_fs_base(&self, base: u64) {
        self.fs_base.store(base, Ordering::Relaxed);
        // SAFETY: FS is the application's; a canonical base is checked by the caller of arch_prctl, as WRMSR would fault.
        unsafe { cpu::wrmsr(msr::FS_BASE, base) };
    }

    /// The application's GS base.
    pub fn gs_base(&self) -> u64 {
        self.gs_base.load(Ordering::Relaxed)
    }

    /// Sets the application's GS base of the running context.
    pub fn set_gs_base(&self, base: u64) {
        self.gs_base.store(base, Ordering::Relaxed);
        // SAFETY: while in the kernel the application's GS base waits in this register.
        unsafe { cpu::wrmsr(msr::KERNEL_GS_BASE, base) };
    }
}

/// Goes on with `next`; returns when something switches back to `prev`.
///
/// # Safety
/// `prev` must be the running context, `next` must not run anywhere and stay alive until switched away from; interrupts must be off.
pub unsafe fn switch(prev: &Context, next: &Context) {
    // SAFETY: GS is this CPU's block, and nobody else touches it.
    let this = unsafe { &mut *percpu::this() };
    let owner = this.fpu_owner.load(Ordering::Relaxed);
    let next_id = &raw const *next as u64;
    let prev_id = &raw const *prev as u64;
    if let Some(state) = &next.fpu {
        if owner != next_id {
            // SAFETY: a live context (forgotten on drop), `prev` or one whose state was left in the registers over an idle period; its area only this CPU
            // uses now. `next` runs nowhere else; its area holds its state.
            unsafe {
                let previous = if owner == 0 { None } else { (*(owner as *const Context)).fpu.as_ref() };
                fpu::switch(previous.map(|state| &mut *state.get()), &*state.get());
            }
            this.fpu_owner.store(next_id, Ordering::Relaxed);
        }
    } else if SMP
        && owner == prev_id
        && let Some(state) = &prev.fpu
    {
        // SAFETY: as above; another CPU may pick `prev` up next.
        unsafe { fpu::save(&mut *state.get()) };
        this.fpu_owner.store(0, Ordering::Relaxed);
    }
    this.kernel_stack = next.stack_top;
    this.current = next_id;
    if next.fpu.is_some() {
        if next.fs_base() != prev.fs_base() || prev.fpu.is_none() {
            // SAFETY: FS is the application's.
            unsafe { cpu::wrmsr(msr::FS_BASE, next.fs_base()) };
        }
        if next.gs_base() != prev.gs_base() || SMP && prev.fpu.is_none() {
            // SAFETY: waits here while in the kernel.
            unsafe { cpu::wrmsr(msr::KERNEL_GS_BASE, next.gs_base()) };
        }
    }
    // SAFETY: both stacks are whole; callee-saved registers are kept by the switch itself.
    unsafe { arch_switch_stacks(prev.rsp.get(), *next.rsp.get()) };
}

/// Address of the running context; 0 before the first switch.
#[inline(always)]
pub fn current() -> usize {
    let current: usize;
    // SAFETY: in the kernel GS is this CPU's block.
    unsafe { asm!("mov {}, gs:[{}]", out(reg) current, const percpu::CURRENT, options(nostack, readonly, preserves_flags)) };
    current
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: GS is this CPU's block; a dead context's state must not be saved into freed memory.
        let this = unsafe { &*percpu::this() };
        let id = &raw const *self as u64;
        let _ = this.fpu_owner.compare_exchange(id, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The application's registers as its entry left them on the running thread's kernel stack.
///
/// # Safety
/// The running thread must have entered from the application, and no other reference to its registers be alive.
pub unsafe fn application_regs<'a>() -> &'a mut UserRegs {
    // SAFETY: every entry from the application begins at the top of the stack, see `entry`.
    unsafe { &mut *((*percpu::this()).kernel_stack.wrapping_sub(size_of::<UserRegs>() as u64) as *mut UserRegs) }
}

/// Where the legacy region of an XSAVE area keeps xmm0-15 (SDM volume 1, table 10-2).
const XMM_OFFSET: usize = 160;

/// The application's whole floating-point state, as a signal frame shows it: the registers, with those that the kernel uses itself from the entry frame.
///
/// # Safety
/// As [`application_regs`].
pub unsafe fn application_fpu() -> FpuState {
    let mut state = FpuState::inherit();
    // SAFETY: entry code has room for 256 bytes right below the registers (plus 8 bytes of alignment above them) and saved as many registers there.
    unsafe {
        let xmm = (application_regs() as *const UserRegs as u64 - 264) as *const u8;
        core::ptr::copy_nonoverlapping(xmm, state.bytes_mut().as_mut_ptr().add(XMM_OFFSET), 16 * entry::saved_vectors());
    }
    if fpu::components() != 0 {
        // The low halves are never in their initial state as far as XSAVE can tell: mark SSE as present.
        state.bytes_mut()[512] |= 2;
    }
    state
}

/// Makes `state` the application's floating-point state. The caller has checked header and MXCSR.
///
/// # Safety
/// As [`application_regs`].
pub unsafe fn set_application_fpu(state: &FpuState) {
    fpu::restore(state);
    // SAFETY: as in `application_fpu`.
    unsafe {
        let xmm = (application_regs() as *mut UserRegs as u64 - 264) as *mut u8;
        core::ptr::copy_nonoverlapping(state.bytes().as_ptr().add(XMM_OFFSET), xmm, 16 * entry::saved_vectors());
    }
}
