//! How the machine ends: the application's exit status or signal, out of memory, a start that failed (and `panic`: a bug in the kernel). Each is one control
//! record, then power-off, at once.

use core::fmt::{self, Write};
use pith_abi::exit;
use pith_abi::record::Record;
use plat_pc::debugcon::LogPort;
use plat_pc::power;

const TEXT_BYTES: usize = if cfg!(feature = "messages") { 256 } else { 0 };

/// A short text without the heap.
pub struct Text {
    bytes: [u8; TEXT_BYTES],
    len: usize,
}

impl Text {
    /// The first bytes of it.
    #[cfg(feature = "messages")]
    pub fn format(args: fmt::Arguments<'_>) -> Self {
        let mut text = Text { bytes: [0; TEXT_BYTES], len: 0 };
        let _ = text.write_fmt(args);
        text
    }
    /// Nothing, in an image without words: what would be said is dropped from it.
    #[cfg(not(feature = "messages"))]
    #[inline(always)]
    pub fn format(_args: fmt::Arguments<'_>) -> Self {
        Text { bytes: [0; TEXT_BYTES], len: 0 }
    }
    /// What fits of it.
    pub fn as_str(&self) -> &str {
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
#[inline(always)]
pub fn out_of_memory(what: fmt::Arguments<'_>) -> ! {
    finish(&Record::Oom(Text::format(what).as_str()), exit::OUT_OF_MEMORY)
}

/// The application could not be started; `code` is one of [`exit`]'s 125 to 127.
#[inline(always)]
pub fn failed(code: u8, what: fmt::Arguments<'_>) -> ! {
    finish(&Record::Fail { code, text: Text::format(what).as_str() }, code)
}
