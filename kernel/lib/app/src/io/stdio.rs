//! Standard input, output and error: the machine's console.

use super::{Error, Read, Result, Write};
use crate::sys;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use machine::application::surroundings;
use machine::console::Stream;
use spinlock::Mutex;
use uapi::Errno;
use wait::Events;

/// Writes some of `buf`, waiting until the host takes something.
fn put(stream: Stream, buf: &[u8]) -> Result<usize> {
    let console = &surroundings().console;
    let mut result = Err(Errno::EAGAIN);
    sys::wait_on(&[(console.queue(), Events::WRITABLE)], None, &mut || {
        let mut source = buf;
        result = console.write(stream, &mut source);
        result != Err(Errno::EAGAIN)
    });
    result.map_err(Error::from)
}

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

/// Standard error.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

/// Standard input.
#[derive(Clone, Copy, Debug)]
pub struct Stdin;

/// Standard output.
pub fn stdout() -> Stdout {
    Stdout
}

/// Standard error.
pub fn stderr() -> Stderr {
    Stderr
}

/// Standard input.
pub fn stdin() -> Stdin {
    Stdin
}

impl Write for Stdout {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        put(Stream::Output, buf)
    }
}

impl Write for Stderr {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        put(Stream::Error, buf)
    }
}

/// What was read behind the end of a line.
static REST: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Reads from the console itself.
fn get(buf: &mut [u8]) -> Result<usize> {
    let console = &surroundings().console;
    let mut result = Err(Errno::EAGAIN);
    sys::wait_on(&[(console.queue(), Events::READABLE)], None, &mut || {
        result = console.read(buf);
        result != Err(Errno::EAGAIN)
    });
    result.map_err(Error::from)
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut rest = REST.lock();
        if rest.is_empty() {
            drop(rest);
            return get(buf);
        }
        let count = buf.len().min(rest.len());
        buf[..count].copy_from_slice(&rest[..count]);
        rest.drain(..count);
        Ok(count)
    }
}

impl Stdin {
    /// Adds a line, with what ends it, to `line`; how many bytes that were, 0 at the end.
    ///
    /// # Errors
    /// A line that is not UTF-8.
    pub fn read_line(&self, line: &mut String) -> Result<usize> {
        let mut bytes = Vec::new();
        loop {
            let mut buf = [0; 256];
            let count = Stdin.read(&mut buf)?;
            match buf[..count].iter().position(|byte| *byte == b'\n') {
                Some(at) => {
                    bytes.extend_from_slice(&buf[..=at]);
                    // In front of what another thread may have left meanwhile: it was read before.
                    REST.lock().splice(..0, buf[at + 1..count].iter().copied());
                    break;
                }
                None if count == 0 => break,
                None => bytes.extend_from_slice(&buf[..count]),
            }
        }
        line.push_str(core::str::from_utf8(&bytes).map_err(|_| Error::NOT_UTF8)?);
        Ok(bytes.len())
    }
}

#[doc(hidden)]
pub fn _print(is_error: bool, text: fmt::Arguments<'_>) {
    // In one piece, so that threads' lines do not mix.
    let text = alloc::fmt::format(text);
    // Who prints cannot be told that nobody hears.
    let _ = if is_error { Stderr.write_all(text.as_bytes()) } else { Stdout.write_all(text.as_bytes()) };
}

/// Writes to standard output.
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => { $crate::io::_print(false, ::core::format_args!($($arg)*)) };
}

/// Writes a line to standard output.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($arg:tt)*) => { $crate::io::_print(false, ::core::format_args!("{}\n", ::core::format_args!($($arg)*))) };
}

/// Writes to standard error.
#[macro_export]
macro_rules! eprint {
    ($($arg:tt)*) => { $crate::io::_print(true, ::core::format_args!($($arg)*)) };
}

/// Writes a line to standard error.
#[macro_export]
macro_rules! eprintln {
    () => { $crate::eprint!("\n") };
    ($($arg:tt)*) => { $crate::io::_print(true, ::core::format_args!("{}\n", ::core::format_args!($($arg)*))) };
}
