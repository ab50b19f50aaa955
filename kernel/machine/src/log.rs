//! The kernel's own words: log lines and control records, one line each, on the monitor's debug console.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU8, Ordering};
pub use pith_abi::cmdline::LogLevel;
use pith_abi::record::Record;
use plat_pc::debugcon::LogPort;
use spin::Once;
use spinlock::Mutex;

static PORT: Once<LogPort> = Once::new();
static LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Info as u8);
/// Monotonic time, for those who log before there is a clock: 0.
static NOW_NS: Once<fn() -> u64> = Once::new();
static LOCK: Mutex<()> = Mutex::new(());

/// The port in use.
pub fn port() -> LogPort {
    *PORT.call_once(LogPort::probe)
}

/// Least important level that is written; on a serial console shared with the application only warnings and worse unless the command line asks for more.
pub fn set_level(level: Option<LogLevel>) {
    let default = if port() == LogPort::Serial { LogLevel::Warn } else { LogLevel::Info };
    LEVEL.store(level.unwrap_or(default) as u8, Ordering::Relaxed);
}

/// Where log lines get their time from.
pub fn set_clock(now_ns: fn() -> u64) {
    NOW_NS.call_once(|| now_ns);
}

/// Bytes of a line on the console.
const LINE_BYTES: usize = 512;
/// Bytes of a text: there is none in an image without words.
const TEXT_BYTES: usize = if cfg!(feature = "messages") { LINE_BYTES } else { 0 };

/// A short text without the heap.
pub struct Text {
    bytes: [u8; TEXT_BYTES],
    len: usize,
}

impl Text {
    /// What fits of it.
    #[cfg(feature = "messages")]
    pub fn format(args: fmt::Arguments<'_>) -> Self {
        let mut text = Self::default();
        let _ = text.write_fmt(args);
        text
    }
    /// Nothing, in an image without words: what would be said is dropped from it.
    #[cfg(not(feature = "messages"))]
    #[inline(always)]
    pub fn format(_args: fmt::Arguments<'_>) -> Self {
        Self::default()
    }
    /// What was kept.
    pub fn as_str(&self) -> &str {
        match core::str::from_utf8(&self.bytes[..self.len]) {
            Ok(s) => s,
            Err(e) => core::str::from_utf8(&self.bytes[..e.valid_up_to()]).unwrap_or(""),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; TEXT_BYTES], len: 0 }
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

/// One line, so that it is written in one go.
struct Line {
    bytes: [u8; LINE_BYTES],
    len: usize,
}

impl Line {
    /// What fits, with a line feed behind it.
    fn push(&mut self, piece: &[u8]) {
        let room = self.bytes.len() - 1 - self.len;
        let take = piece.len().min(room);
        self.bytes[self.len..self.len + take].copy_from_slice(&piece[..take]);
        self.len += take;
    }
}

/// Writes one record.
pub fn record(record: &Record<'_>) {
    let mut line = Line { bytes: [0; LINE_BYTES], len: 0 };
    record.write(&mut |piece| line.push(piece));
    line.bytes[line.len] = b'\n';
    let _guard = LOCK.try_lock();
    port().write(&line.bytes[..=line.len]);
}

/// The line for a system call that is absent, in an image without words: its number.
pub fn absent_call(number: u64) {
    if LogLevel::Info as u8 > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let mut line = Line { bytes: [0; LINE_BYTES], len: 0 };
    line.push(b"system call ");
    line.push(pith_abi::record::decimal(number, &mut [0; 20]));
    line.push(b": ENOSYS");
    let text = core::str::from_utf8(&line.bytes[..line.len]).unwrap_or_default();
    record(&Record::Log { level: LogLevel::Info, micros: NOW_NS.get().map_or(0, |now| now() / 1000), text });
}

/// Nothing, in an image without words: what would be said is dropped from it.
#[cfg(not(feature = "messages"))]
#[inline(always)]
pub fn write(_level: LogLevel, _text: fmt::Arguments<'_>) {}

/// Writes one log line, if its level is wanted.
#[cfg(feature = "messages")]
pub fn write(level: LogLevel, text: fmt::Arguments<'_>) {
    if level as u8 > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let line = Text::format(text);
    let micros = NOW_NS.get().map_or(0, |now| now() / 1000);
    record(&Record::Log { level, micros, text: line.as_str() });
}

/// `info!("... {x}")` and its relatives.
#[macro_export]
macro_rules! log {
    ($level:ident, $($arg:tt)*) => { $crate::log::write($crate::log::LogLevel::$level, format_args!($($arg)*)) };
}
