//! A bug in the kernel: what it is as far as this image can tell, the functions it happened in, power-off.

use crate::log::Text;
#[cfg(feature = "messages")]
use crate::space::STACK_BYTES;
#[cfg(feature = "messages")]
use arch_x86_64::boot;
#[cfg(feature = "smp")]
use arch_x86_64::cpu;
#[cfg(any(feature = "messages", feature = "smp"))]
use arch_x86_64::percpu;
use arch_x86_64::{UserRegs, entry};
use core::sync::atomic::{AtomicU8, Ordering};
use pith_abi::exit;
use pith_abi::record::Record;
use plat_pc::power;

/// The most frames that are said.
#[cfg(feature = "messages")]
const FRAMES_MAX: usize = 32;

/// The first bug is told, however it came to be: on the stack for faults and by the CPU that found it. One in the telling is the last thing that is said, for the case
/// that the first was not; not even that in an image without words.
#[inline(always)]
pub fn begin() {
    static BEGUN: AtomicU8 = AtomicU8::new(0);
    #[cfg(feature = "smp")]
    {
        use core::sync::atomic::AtomicUsize;
        static TELLER: AtomicUsize = AtomicUsize::new(usize::MAX);
        let here = percpu::cpu_id();
        if TELLER.compare_exchange(usize::MAX, here, Ordering::SeqCst, Ordering::SeqCst).is_err_and(|teller| teller != here) {
            cpu::halt_forever();
        }
    }
    let before = BEGUN.fetch_add(1, Ordering::SeqCst);
    if before == 0 {
        return;
    }
    if cfg!(feature = "messages") && before == 1 {
        crate::log::record(&Record::Panic("another fault, while the first was being told"));
    }
    power::off(exit::KERNEL_PANIC)
}

/// Says it, with the code at `rip` and what is on the stack from `stack` on, and ends the machine.
#[inline(always)]
pub fn end(what: &str, rip: Option<u64>, stack: u64) -> ! {
    crate::log::record(&Record::Panic(what));
    if let Some(rip) = rip {
        crate::log::record(&Record::Frame(rip));
    }
    #[cfg(feature = "messages")]
    return_addresses(stack);
    #[cfg(not(feature = "messages"))]
    let _ = stack;
    if let Some(console) = crate::console::get() {
        console.settle();
    }
    power::off(exit::KERNEL_PANIC)
}

/// Says what on the kernel stack looks like a return address. The image keeps no frame pointers, so a few may be left from calls that are over.
#[cfg(feature = "messages")]
fn return_addresses(stack: u64) {
    let top = percpu::kernel_stack();
    if !stack.is_multiple_of(8) || top.checked_sub(stack).is_none_or(|depth| depth > STACK_BYTES) {
        return;
    }
    let (text, text_end) = boot::text_range();
    let mut said = 0;
    for slot in (stack..top).step_by(8) {
        // SAFETY: on the running kernel stack, which is mapped up to its top.
        let address = unsafe { (slot as *const u64).read_volatile() };
        if (text + CALL_BYTES..text_end).contains(&address) && follows_call(address) {
            crate::log::record(&Record::Frame(address));
            said += 1;
            if said == FRAMES_MAX {
                return;
            }
        }
    }
}

/// Bytes of the longest call that is looked for.
#[cfg(feature = "messages")]
const CALL_BYTES: u64 = 7;

/// Whether a call instruction ends at `address`, which has [`CALL_BYTES`] of code before it: E8 with a distance, or FF /2 with what its operand needs (SDM
/// volume 2, CALL).
#[cfg(feature = "messages")]
fn follows_call(address: u64) -> bool {
    // SAFETY: the caller says that this is code.
    let byte = |back: u64| unsafe { ((address - back) as *const u8).read() };
    let is_indirect = |back: u64| byte(back) == 0xff && byte(back - 1) >> 3 & 7 == 2;
    byte(5) == 0xe8 || [2, 3, 4, 6, 7].into_iter().any(is_indirect)
}

/// Says the registers of the code that did it.
#[inline(always)]
pub fn registers(regs: &UserRegs) {
    let r = regs;
    crate::log!(Error, "rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", r.rax, r.rbx, r.rcx, r.rdx);
    crate::log!(Error, "rsi {:016x} rdi {:016x} rbp {:016x} rsp {:016x}", r.rsi, r.rdi, r.rbp, r.rsp);
    crate::log!(Error, "r8  {:016x} r9  {:016x} r10 {:016x} r11 {:016x}", r.r8, r.r9, r.r10, r.r11);
    crate::log!(Error, "r12 {:016x} r13 {:016x} r14 {:016x} r15 {:016x} flags {:x}", r.r12, r.r13, r.r14, r.r15, r.rflags);
}

/// What the kernel found wrong itself. It is told from where exceptions are: the stack here may have no room for that.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    // Without the words not even looked at, so that the optimiser drops all that would be said from the image.
    #[cfg(not(feature = "panic-text"))]
    let _ = info;
    entry::bug(if cfg!(feature = "panic-text") { &raw const *info as u64 } else { 0 })
}

/// What is said of a check of the kernel's own without its words. Words and line of each place where the kernel looks are a feature of their own; the functions tell
/// nearly as much.
pub const CHECK: &str =
    if cfg!(feature = "messages") { "a check of its own failed, in these functions" } else { "a check of its own failed" };

/// The words with which [`panic`] was called.
#[cfg(feature = "panic-text")]
pub fn failed(regs: &UserRegs) -> Text {
    // SAFETY: of `panic`, which still waits on its stack.
    let info = unsafe { &*(regs.rdi as *const core::panic::PanicInfo<'_>) };
    match info.location() {
        Some(at) => Text::format(format_args!("{} at {}:{}", info.message(), at.file(), at.line())),
        None => Text::format(format_args!("{}", info.message())),
    }
}

/// None, without the words.
#[cfg(not(feature = "panic-text"))]
pub fn failed(_: &UserRegs) -> Text {
    Text::default()
}
