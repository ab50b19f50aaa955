//! Lines on the debug console (port [`crate::LOG_PORT`]).
//!
//! A log line is `L seconds.micros text` with `L` one of `E W I D T`. A control record starts with `@`:
//!
//! | line | meaning |
//! |---|---|
//! | `@ready` | both serial lines are set up; the host sends nothing before (setting up a UART drops what it holds) |
//! | `@exit N` | the application exited with status N (0..=255) |
//! | `@signal N` | signal N ended the application |
//! | `@oom TEXT` | memory ran out |
//! | `@panic TEXT` | the kernel panicked; `@frame` lines may follow |
//! | `@frame HEX` | one return address of the backtrace, innermost first |
//! | `@fail CODE TEXT` | the application could not be started; CODE (125..=127) is the exit code to report |
//!
//! Writing needs no heap: a panicking kernel can format a record straight onto the port. A control character in a text
//! is written as a space, so a record is always exactly one line.

use crate::cmdline::LogLevel;
use core::fmt;

/// One line, borrowing its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// Something the kernel has to say.
    Log {
        /// How important it is.
        level: LogLevel,
        /// Time since the machine started, in microseconds.
        micros: u64,
        /// The message.
        text: &'a str,
    },
    /// The serial lines are set up: standard input and control bytes may come.
    Ready,
    /// The application exited with this status.
    Exit(u8),
    /// This signal (Linux number) ended the application.
    Signal(u8),
    /// Memory ran out; the text names who asked for how much.
    Oom(&'a str),
    /// The kernel panicked.
    Panic(&'a str),
    /// A return address of the panic's backtrace.
    Frame(u64),
    /// The application could not be started.
    Fail {
        /// Exit code for `pith run`: 125 for the machine, 126 not executable, 127 not found.
        code: u8,
        /// What was wrong, naming the file.
        text: &'a str,
    },
}

impl<'a> Record<'a> {
    /// Reads one line without its line feed. `None` when it is no record: firmware noise, or a line cut short.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        Some(match word {
            "@ready" => Self::Ready,
            "@exit" => Self::Exit(rest.parse().ok()?),
            "@signal" => Self::Signal(rest.parse().ok()?),
            "@oom" => Self::Oom(rest),
            "@panic" => Self::Panic(rest),
            "@frame" => Self::Frame(u64::from_str_radix(rest.strip_prefix("0x").unwrap_or(rest), 16).ok()?),
            "@fail" => {
                let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
                let code: u8 = code.parse().ok()?;
                if !(crate::exit::PITH_ERROR..=crate::exit::NOT_FOUND).contains(&code) {
                    return None;
                }
                Self::Fail { code, text }
            }
            _ => {
                let level = LogLevel::from_letter(word)?;
                let (time, text) = rest.split_once(' ').unwrap_or((rest, ""));
                let (seconds, micros) = time.split_once('.')?;
                if micros.len() != 6 {
                    return None;
                }
                let micros: u64 = micros.parse().ok()?;
                let micros = seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?;
                Self::Log { level, micros, text }
            }
        })
    }
}

/// Text on one line: control characters become spaces.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.0.split(|c: char| c.is_ascii_control());
        if let Some(first) = parts.next() {
            f.write_str(first)?;
        }
        for part in parts {
            f.write_str(" ")?;
            f.write_str(part)?;
        }
        Ok(())
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Log { level, micros, text } => {
                write!(f, "{} {}.{:06} {}", level.letter(), micros / 1_000_000, micros % 1_000_000, OneLine(text))
            }
            Self::Ready => f.write_str("@ready"),
            Self::Exit(status) => write!(f, "@exit {status}"),
            Self::Signal(number) => write!(f, "@signal {number}"),
            Self::Oom(text) => write!(f, "@oom {}", OneLine(text)),
            Self::Panic(text) => write!(f, "@panic {}", OneLine(text)),
            Self::Frame(address) => write!(f, "@frame {address:x}"),
            Self::Fail { code, text } => write!(f, "@fail {code} {}", OneLine(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_reads_back() {
        for record in [
            Record::Log { level: LogLevel::Info, micros: 1_000_023, text: "two virtio devices" },
            Record::Log { level: LogLevel::Error, micros: 0, text: "" },
            Record::Ready,
            Record::Exit(255),
            Record::Signal(11),
            Record::Oom("pid 1 asked for 4096 KiB"),
            Record::Panic("assertion failed: x"),
            Record::Frame(0xffff_ffff_8000_1234),
            Record::Fail { code: 127, text: "/bin/nope: no such file" },
        ] {
            assert_eq!(Record::parse(&record.to_string()), Some(record), "{record}");
        }
    }

    #[test]
    fn a_record_is_one_line() {
        assert_eq!(Record::Panic("a\nb\r\tc").to_string(), "@panic a b  c");
    }

    #[test]
    fn noise_is_no_record() {
        for line in [
            "",
            "SeaBIOS (version 1.16.2)",
            "@exit",
            "@exit 256",
            "@exit -1",
            "@fail 3 x",
            "@frame xyz",
            "I 1.2 x",
            "X 0.000001 x",
            "@",
            "I",
        ] {
            assert_eq!(Record::parse(line), None, "{line}");
        }
    }
}
