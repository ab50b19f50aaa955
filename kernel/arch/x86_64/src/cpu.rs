//! Single instructions: ports, model-specific registers, CPUID, control registers (Intel SDM volumes 2 and 4).

use core::arch::asm;
use core::arch::x86_64::{__cpuid_count, CpuidResult};
use core::sync::atomic::{AtomicU64, Ordering};

/// EFER, IA32_STAR and friends (SDM volume 4, table 2-2).
pub mod msr {
    pub const APIC_BASE: u32 = 0x1b;
    pub const TSC_DEADLINE: u32 = 0x6e0;
    pub const EFER: u32 = 0xc000_0080;
    pub const STAR: u32 = 0xc000_0081;
    pub const LSTAR: u32 = 0xc000_0082;
    pub const SFMASK: u32 = 0xc000_0084;
    pub const FS_BASE: u32 = 0xc000_0100;
    pub const GS_BASE: u32 = 0xc000_0101;
    pub const KERNEL_GS_BASE: u32 = 0xc000_0102;
    /// First of the x2APIC registers: register `r` of the memory-mapped page is MSR `0x800 + r / 16`.
    pub const X2APIC: u32 = 0x800;
    /// Wall clock and system time of KVM (Linux Documentation/virt/kvm/x86/msr.rst).
    pub const KVM_WALL_CLOCK: u32 = 0x4b56_4d00;
    pub const KVM_SYSTEM_TIME: u32 = 0x4b56_4d01;
}

/// CPUID leaf `leaf`, sub-leaf `sub`.
pub fn cpuid(leaf: u32, sub: u32) -> CpuidResult {
    __cpuid_count(leaf, sub)
}

/// Features in ECX of leaf 1 (SDM volume 2, CPUID, table 3-10).
pub mod feature {
    pub const X2APIC: u32 = 1 << 21;
    pub const TSC_DEADLINE: u32 = 1 << 24;
    pub const XSAVE: u32 = 1 << 26;
    pub const RDRAND: u32 = 1 << 30;
    pub const HYPERVISOR: u32 = 1 << 31;
}

/// ECX and EDX of leaf 1. Asked for once: under a hypervisor every CPUID is an exit.
pub fn features() -> (u32, u32) {
    static FEATURES: AtomicU64 = AtomicU64::new(0);
    let known = FEATURES.load(Ordering::Relaxed);
    if known != 0 {
        return (known as u32, (known >> 32) as u32);
    }
    let leaf = cpuid(1, 0);
    FEATURES.store(u64::from(leaf.edx) << 32 | u64::from(leaf.ecx), Ordering::Relaxed);
    (leaf.ecx, leaf.edx)
}

/// Whether leaf 1 has a [`feature`].
pub fn has(feature: u32) -> bool {
    features().0 & feature != 0
}

/// The highest basic leaf that CPUID answers.
pub fn cpuid_max() -> u32 {
    cpuid(0, 0).eax
}

/// The signature of the hypervisor below (leaf 0x4000_0000), zeros on bare metal.
pub fn hypervisor_signature() -> [u8; 12] {
    let mut out = [0; 12];
    if has(feature::HYPERVISOR) {
        let r = cpuid(0x4000_0000, 0);
        out[0..4].copy_from_slice(&r.ebx.to_le_bytes());
        out[4..8].copy_from_slice(&r.ecx.to_le_bytes());
        out[8..12].copy_from_slice(&r.edx.to_le_bytes());
    }
    out
}

/// Time-stamp counter, in ticks. Not serialising.
#[inline]
pub fn rdtsc() -> u64 {
    // SAFETY: reading the counter has no side effect; CR4.TSD is never set.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// One random word from RDRAND, `None` when the CPU lacks it or has none to give.
pub fn rdrand() -> Option<u64> {
    if !has(feature::RDRAND) {
        return None;
    }
    let (mut value, mut ok): (u64, u8);
    for _ in 0..10 {
        // SAFETY: CPUID says the instruction exists; it writes only its outputs.
        unsafe { asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack)) };
        if ok != 0 {
            return Some(value);
        }
    }
    None
}

/// Reads a model-specific register.
///
/// # Safety
/// The register must exist, else the CPU raises #GP.
#[inline]
pub unsafe fn rdmsr(register: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller says the register exists; reading has no memory effect.
    unsafe { asm!("rdmsr", in("ecx") register, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags)) };
    u64::from(high) << 32 | u64::from(low)
}

/// Writes a model-specific register.
///
/// # Safety
/// The register must exist and the value keep the machine sound: this can redirect system calls and move segments.
#[inline]
pub unsafe fn wrmsr(register: u32, value: u64) {
    let (low, high) = (value as u32, (value >> 32) as u32);
    // SAFETY: the caller answers for register and value.
    unsafe { asm!("wrmsr", in("ecx") register, in("eax") low, in("edx") high, options(nostack, preserves_flags)) };
}

/// Reads one byte from an I/O port.
///
/// # Safety
/// The read must not upset a device that someone else drives.
#[inline]
pub unsafe fn inb(port: u16) -> u8 {
    let value;
    // SAFETY: the caller owns the port.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nostack, preserves_flags)) };
    value
}

/// Writes one byte to an I/O port.
///
/// # Safety
/// As [`inb`]; a device may write memory in answer.
#[inline]
pub unsafe fn outb(port: u16, value: u8) {
    // SAFETY: the caller owns the port.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nostack, preserves_flags)) };
}

/// Writes two bytes to an I/O port.
///
/// # Safety
/// As [`outb`].
#[inline]
pub unsafe fn outw(port: u16, value: u16) {
    // SAFETY: the caller owns the port.
    unsafe { asm!("out dx, ax", in("dx") port, in("ax") value, options(nostack, preserves_flags)) };
}

/// Reads four bytes from an I/O port.
///
/// # Safety
/// As [`inb`].
#[inline]
pub unsafe fn inl(port: u16) -> u32 {
    let value;
    // SAFETY: the caller owns the port.
    unsafe { asm!("in eax, dx", in("dx") port, out("eax") value, options(nostack, preserves_flags)) };
    value
}

/// Writes four bytes to an I/O port.
///
/// # Safety
/// As [`outb`].
#[inline]
pub unsafe fn outl(port: u16, value: u32) {
    // SAFETY: the caller owns the port.
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nostack, preserves_flags)) };
}

/// Writes `bytes` to one I/O port in order (`rep outsb`): one instruction, so a hypervisor may take them in one go.
///
/// # Safety
/// As [`outb`].
#[inline]
pub unsafe fn outsb(port: u16, bytes: &[u8]) {
    // SAFETY: the caller owns the port; the instruction reads exactly `bytes`.
    unsafe {
        asm!("rep outsb", in("dx") port, inout("rsi") bytes.as_ptr() => _, inout("rcx") bytes.len() => _, options(readonly, nostack, preserves_flags));
    }
}

/// The address whose access raised the page fault being handled.
#[inline]
pub fn fault_address() -> u64 {
    let value;
    // SAFETY: reading CR2 has no side effect in ring 0, where the kernel always runs.
    unsafe { asm!("mov {}, cr2", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// The physical address of the top-level page table in use.
#[inline]
pub fn page_table_root() -> u64 {
    let value: u64;
    // SAFETY: reading CR3 has no side effect.
    unsafe { asm!("mov {}, cr3", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value & 0x000f_ffff_ffff_f000
}

/// Loads a top-level page table; flushes all non-global translations.
///
/// # Safety
/// The table must map the kernel as it is mapped now.
#[inline]
pub unsafe fn load_page_table_root(phys: u64) {
    // SAFETY: the caller says that kernel text, stacks and data stay mapped.
    unsafe { asm!("mov cr3, {}", in(reg) phys, options(nostack, preserves_flags)) };
}

/// Forgets the translation of one page on this CPU.
#[inline]
pub fn flush_page(virt: u64) {
    // SAFETY: dropping a cached translation is always sound; the page tables are the truth.
    unsafe { asm!("invlpg [{}]", in(reg) virt, options(nostack, preserves_flags)) };
}

/// Forgets all translations on this CPU, global ones (the kernel's) included.
#[cfg(feature = "smp")]
pub fn flush_global() {
    // SAFETY: turning global pages off and on again changes nothing but what is cached (SDM volume 3, 4.10.4.1).
    unsafe {
        asm!("mov {t}, cr4", "btr {t}, 7", "mov cr4, {t}", "bts {t}, 7", "mov cr4, {t}", t = out(reg) _, options(nostack));
    }
}

/// Turns interrupts on, waits for one, and turns them off again: no wake-up can fall between the test that led here and the wait.
#[inline]
pub fn wait_for_interrupt() {
    // SAFETY: `sti` takes effect after `hlt`; handlers preserve all registers.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
}

/// Lets one pending interrupt in, without waiting.
#[inline]
pub fn poll_interrupts() {
    // SAFETY: handlers preserve all registers; the `nop` gives them one instruction to come in.
    unsafe { asm!("sti", "nop", "cli", options(nostack)) };
}

/// Stops this CPU for good.
pub fn halt_forever() -> ! {
    loop {
        // SAFETY: with interrupts off nothing runs any more on this CPU.
        unsafe { asm!("cli", "hlt", options(nostack)) };
    }
}

/// Resets the machine by a triple fault: an empty interrupt table and a breakpoint.
pub fn triple_fault() -> ! {
    let empty = [0u8; 10];
    // SAFETY: meant to be the last thing that happens.
    unsafe { asm!("lidt [{}]", "int3", in(reg) empty.as_ptr(), options(nostack)) };
    halt_forever()
}
