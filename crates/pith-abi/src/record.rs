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

/// `number` in decimal, at the end of `room`.
#[must_use]
pub fn decimal(mut number: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    loop {
        at -= 1;
        room[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &room[at..];
        }
    }
}

impl Record<'_> {
    /// Hands the line's pieces to `out`, without its line feed. Not through `core::fmt`, which a small kernel has no other use for.
    pub fn write(&self, out: &mut dyn FnMut(&[u8])) {
        let mut room = [0; 20];
        let (word, text) = match *self {
            Self::Log { level, micros, text } => {
                out(&[level.letter() as u8, b' ']);
                out(decimal(micros / 1_000_000, &mut room));
                // One digit more than is shown keeps the zeroes in front.
                out(b".");
                out(&decimal(1_000_000 + micros % 1_000_000, &mut room)[1..]);
                ("", text)
            }
            Self::Ready => return out(b"@ready"),
            Self::Exit(status) => {
                out(b"@exit ");
                return out(decimal(status.into(), &mut room));
            }
            Self::Signal(number) => {
                out(b"@signal ");
                return out(decimal(number.into(), &mut room));
            }
            Self::Frame(address) => {
                out(b"@frame ");
                let digits = (16 - address.leading_zeros() / 4).max(1);
                for digit in (0..digits).rev() {
                    out(&[b"0123456789abcdef"[(address >> (digit * 4) & 15) as usize]]);
                }
                return;
            }
            Self::Oom(text) => ("@oom", text),
            Self::Panic(text) => ("@panic", text),
            Self::Fail { code, text } => {
                out(b"@fail ");
                out(decimal(code.into(), &mut room));
                ("", text)
            }
        };
        out(word.as_bytes());
        out(b" ");
        // On one line: control characters become spaces.
        for (index, part) in text.as_bytes().split(u8::is_ascii_control).enumerate() {
            if index > 0 {
                out(b" ");
            }
            out(part);
        }
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        // Every piece is ASCII, or text cut at ASCII characters.
        self.write(&mut |piece| result = result.and_then(|()| f.write_str(core::str::from_utf8(piece).unwrap_or_default())));
        result
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
            Record::Frame(0),
            Record::Frame(0x10),
            Record::Fail { code: 127, text: "/bin/nope: no such file" },
        ] {
            assert_eq!(Record::parse(&record.to_string()), Some(record), "{record}");
        }
    }

    #[test]
    fn a_record_is_one_line() {
        assert_eq!(Record::Panic("a\nb\r\tc").to_string(), "@panic a b  c");
        assert_eq!(Record::Log { level: LogLevel::Warn, micros: 2_000_040, text: "über\n" }.to_string(), "W 2.000040 über ");
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
