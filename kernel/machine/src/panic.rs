//! A bug in the kernel: what it is as far as this image can tell, the functions it happened in, power-off.

use crate::log::Text;
#[cfg(feature = "messages")]
use crate::space::STACK_BYTES;
use arch_x86_64::{UserRegs, cpu};
#[cfg(feature = "messages")]
use arch_x86_64::{boot, percpu};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use pith_abi::exit;
use pith_abi::record::Record;
use plat_pc::power;

/// The most frames that are said.
#[cfg(feature = "messages")]
const FRAMES_MAX: usize = 32;

/// Says it once, with the code at `rip` and what is on the stack from `stack` on, and ends the machine.
fn end(what: &str, rip: Option<u64>, stack: u64) -> ! {
    static AGAIN: AtomicBool = AtomicBool::new(false);
    if AGAIN.swap(true, Ordering::SeqCst) {
        power::off(exit::KERNEL_PANIC);
    }
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

/// What the CPU found wrong in the kernel's code, with the registers of the code that did it.
#[inline(always)]
pub fn trapped(what: fmt::Arguments<'_>, regs: &UserRegs) -> ! {
    let r = regs;
    crate::log!(Error, "rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", r.rax, r.rbx, r.rcx, r.rdx);
    crate::log!(Error, "rsi {:016x} rdi {:016x} rbp {:016x} rsp {:016x}", r.rsi, r.rdi, r.rbp, r.rsp);
    crate::log!(Error, "r8  {:016x} r9  {:016x} r10 {:016x} r11 {:016x}", r.r8, r.r9, r.r10, r.r11);
    crate::log!(Error, "r12 {:016x} r13 {:016x} r14 {:016x} r15 {:016x} flags {:x}", r.r12, r.r13, r.r14, r.r15, r.rflags);
    end(Text::format(what).as_str(), Some(regs.rip), regs.rsp)
}

/// What the kernel found wrong itself. Words and line of each place where it looks are a feature of their own; the functions tell nearly as much.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "panic-text")]
    match info.location() {
        Some(at) => failed(format_args!("{} at {}:{}", info.message(), at.file(), at.line())),
        None => failed(format_args!("{}", info.message())),
    }
    // Not even looked at, so that the optimiser drops all that would be said from the image.
    #[cfg(not(feature = "panic-text"))]
    {
        let _ = info;
        failed()
    }
}

#[cfg(feature = "panic-text")]
fn failed(what: fmt::Arguments<'_>) -> ! {
    end(Text::format(what).as_str(), None, cpu::stack_pointer())
}

#[cfg(not(feature = "panic-text"))]
#[inline(never)]
fn failed() -> ! {
    end(
        if cfg!(feature = "messages") { "a check of its own failed, in these functions" } else { "a check of its own failed" },
        None,
        cpu::stack_pointer(),
    )
}
