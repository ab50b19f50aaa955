//! How the machine ends: the application's exit status or signal, out of memory, a start that failed (and `panic`: a bug in the kernel). Each is one control
//! record, then power-off, at once.

use crate::log::Text;
use core::fmt;
use pith_abi::exit;
use pith_abi::record::Record;
use plat_pc::debugcon::LogPort;
use plat_pc::power;

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
#[inline(always)]
pub fn out_of_memory(what: fmt::Arguments<'_>) -> ! {
    finish(&Record::Oom(Text::format(what).as_str()), exit::OUT_OF_MEMORY)
}

/// The application could not be started; `code` is one of [`exit`]'s 125 to 127.
#[inline(always)]
pub fn failed(code: u8, what: fmt::Arguments<'_>) -> ! {
    finish(&Record::Fail { code, text: Text::format(what).as_str() }, code)
}
