//! How the machine ends: the application's exit status or signal, a kernel panic, out of memory, a start that failed. Each is one control record, then
//! power-off, at once.

use arch_x86_64::boot;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};
use pith_abi::exit;
use pith_abi::record::Record;
use plat_pc::debugcon::LogPort;
use plat_pc::power;

/// A short text without the heap.
struct Text {
    bytes: [u8; 256],
    len: usize,
}

impl Text {
    fn format(args: fmt::Arguments<'_>) -> Self {
        let mut text = Text { bytes: [0; 256], len: 0 };
        let _ = text.write_fmt(args);
        text
    }
    fn as_str(&self) -> &str {
        match core::str::from_utf8(&self.bytes[..self.len]) {
            Ok(s) => s,
            Err(e) => core::str::from_utf8(&self.bytes[..e.valid_up_to()]).unwrap_or(""),
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let take = s.len().min(self.bytes.len() - self.len);
        self.bytes[self.len..self.len + take].copy_from_slice(&s.as_bytes()[..take]);
        self.len += take;
        Ok(())
    }
}

/// Says it, once, and ends: to the agent's host behind everything that the application wrote, else on the debug console. Success is not announced on a
/// console that the application shares.
fn finish(record: &Record<'_>, status: u8) -> ! {
    let is_said = crate::console::get().is_some_and(|console| console.finish(record));
    if !is_said && (crate::log::port() == LogPort::Debugcon || !matches!(record, Record::Exit(_))) {
        crate::log::record(record);
    }
    power::off(status)
}

/// The application exited.
pub fn exited(status: u8) -> ! {
    finish(&Record::Exit(status), status)
}

/// A signal ended the application.
pub fn killed(signal: u8) -> ! {
    finish(&Record::Signal(signal), exit::from_signal(signal))
}

/// Memory ran out.
pub fn out_of_memory(what: fmt::Arguments<'_>) -> ! {
    finish(&Record::Oom(Text::format(what).as_str()), exit::OUT_OF_MEMORY)
}

/// The application could not be started; `code` is one of [`exit`]'s 125 to 127.
pub fn failed(code: u8, what: fmt::Arguments<'_>) -> ! {
    finish(&Record::Fail { code, text: Text::format(what).as_str() }, code)
}

/// A bug: says what and where, with the return addresses that frame pointers lead to.
pub fn panicked(what: fmt::Arguments<'_>, rip: Option<u64>, mut rbp: u64) -> ! {
    static AGAIN: AtomicBool = AtomicBool::new(false);
    if AGAIN.swap(true, Ordering::SeqCst) {
        power::off(exit::KERNEL_PANIC);
    }
    crate::log::record(&Record::Panic(Text::format(what).as_str()));
    let (text, text_end) = boot::text_range();
    if let Some(rip) = rip {
        crate::log::record(&Record::Frame(rip));
    }
    for _ in 0..32 {
        // Frames lie on kernel stacks, in the upper half, and rise.
        if rbp < 0xffff_8000_0000_0000 || !rbp.is_multiple_of(8) || rbp > u64::MAX - 16 {
            break;
        }
        // SAFETY: a frame pointer found through frame pointers; if it is wrong the second fault ends the machine all the same.
        let (next, address) = unsafe { (*(rbp as *const u64), *((rbp + 8) as *const u64)) };
        if !(text..text_end).contains(&address) {
            break;
        }
        crate::log::record(&Record::Frame(address));
        if next <= rbp {
            break;
        }
        rbp = next;
    }
    if let Some(console) = crate::console::get() {
        console.settle();
    }
    power::off(exit::KERNEL_PANIC)
}

/// A bug that the CPU found: with the registers of the code that did it.
pub fn panicked_with(what: fmt::Arguments<'_>, regs: &arch_x86_64::UserRegs) -> ! {
    let r = regs;
    crate::log!(Error, "rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", r.rax, r.rbx, r.rcx, r.rdx);
    crate::log!(Error, "rsi {:016x} rdi {:016x} rbp {:016x} rsp {:016x}", r.rsi, r.rdi, r.rbp, r.rsp);
    crate::log!(Error, "r8  {:016x} r9  {:016x} r10 {:016x} r11 {:016x}", r.r8, r.r9, r.r10, r.r11);
    crate::log!(Error, "r12 {:016x} r13 {:016x} r14 {:016x} r15 {:016x} flags {:x}", r.r12, r.r13, r.r14, r.r15, r.rflags);
    panicked(what, Some(regs.rip), regs.rbp)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let rbp: u64;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags)) };
    match info.location() {
        Some(at) => panicked(format_args!("{} at {}:{}", info.message(), at.file(), at.line()), None, rbp),
        None => panicked(format_args!("{}", info.message()), None, rbp),
    }
}
