//! Reading a command line: meaning on top of [`super::lexer`].

use super::lexer::{Lexer, Value, cut, is_space};
use super::types::{GuestConfig, LogLevel, MmioDevice, RandomSeed, StderrChannel, User, WindowSize};
use alloc::borrow::ToOwned;
#[cfg(any(feature = "messages", feature = "fstab"))]
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What was wrong with a command line, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset of the offending text.
    pub position: usize,
    /// What would have been right there.
    #[cfg(feature = "messages")]
    pub expected: &'static str,
    /// What stood there.
    #[cfg(feature = "messages")]
    pub found: String,
}

impl ParseError {
    #[cfg(feature = "messages")]
    #[cold]
    pub(super) fn new(position: usize, expected: &'static str, found: &str) -> Self {
        Self { position, expected, found: found.to_owned() }
    }

    /// Only where: so the optimiser drops what would be said from the kernel.
    #[cfg(not(feature = "messages"))]
    #[inline(always)]
    pub(super) fn new(position: usize, _expected: &'static str, _found: &str) -> Self {
        Self { position }
    }
}

#[cfg(not(feature = "messages"))]
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command line, byte {}", self.position)
    }
}

#[cfg(feature = "messages")]
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command line, byte {}: expected {}, found \"", self.position, self.expected)?;
        // Not `{:?}`, which brings tables of Unicode's printable characters into every kernel.
        for c in self.found.chars() {
            if c.is_control() || matches!(c, '"' | '\\') {
                write!(f, "{}", c.escape_default())?;
            } else {
                fmt::Write::write_char(f, c)?;
            }
        }
        fmt::Write::write_char(f, '"')
    }
}

impl core::error::Error for ParseError {}

/// Parameters of the Linux kernel that VMMs pass by habit: ignored also where no `--` says what is a parameter.
const BOOT_WORDS: &[u8] =
    b"acpi console debug earlycon earlyprintk init loglevel maxcpus nokaslr nomodules noapic panic pci quiet reboot ro root rw";

fn is_boot_word(word: &str) -> bool {
    let name = cut(word, b'=').map_or(word, |(name, _)| name).as_bytes();
    BOOT_WORDS.split(|b| *b == b' ').any(|known| known == name) || name.starts_with(b"i8042.")
}

impl GuestConfig {
    /// Reads a guest command line.
    ///
    /// # Errors
    /// A quote or list that is not closed, or a value of a known parameter that does not have its form.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut config = Self::default();
        config.read(text)?;
        Ok(config)
    }

    /// Reads a guest command line that adds to another one, which the image carries with it: parameters of `text` come behind those of `carried`, and its
    /// arguments, where it has any, take the place of those.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), for either text.
    pub fn parse_over(carried: &str, text: &str) -> Result<Self, ParseError> {
        let mut config = Self::default();
        config.read_over(carried, text)?;
        Ok(config)
    }

    /// As [`parse_over`](Self::parse_over), into a configuration that says nothing yet.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), for either text.
    pub fn read_over(&mut self, carried: &str, text: &str) -> Result<(), ParseError> {
        self.read(carried)?;
        let argv = core::mem::take(&mut self.argv);
        self.read(text)?;
        if self.argv.is_empty() {
            self.argv = argv;
        }
        Ok(())
    }

    fn read(&mut self, text: &str) -> Result<(), ParseError> {
        let mut trailing_devices = Vec::new();
        let text = split_trailing_mmio(text, &mut trailing_devices);
        let separator = find_separator(text)?;
        let end = separator.unwrap_or(text.len());
        let parameters = text.get(..end).unwrap_or_default();
        let mut lexer = Lexer::starting_at(parameters, 0);
        let mut argv_from = separator.map(|at| at + 2);
        while lexer.next_word_start() {
            let start = lexer.pos();
            if let Some(name) = lexer.parameter_name().filter(|name| separator.is_some() || has_dot(name)) {
                let value = lexer.value(name)?;
                if !self.set(name, &value)? {
                    self.unknown.push(lexer.since(start).to_owned());
                }
                continue;
            }
            let is_ignored =
                separator.is_some() || is_boot_word(lexer.raw_word()) || (start_of_line(parameters, start) && precedes_parameter(&lexer));
            if !is_ignored {
                argv_from = Some(start);
                break;
            }
            lexer.word()?;
            self.unknown.push(lexer.since(start).to_owned());
        }
        if let Some(from) = argv_from {
            let mut lexer = Lexer::starting_at(text, from);
            while lexer.next_word_start() {
                self.argv.push(lexer.word()?);
            }
        }
        self.virtio_mmio.extend(trailing_devices);
        Ok(())
    }

    /// Stores a parameter. `Ok(false)` when it is none of ours.
    fn set(&mut self, name: &str, value: &Value) -> Result<bool, ParseError> {
        match name {
            #[cfg(feature = "net")]
            "netdev.ip" => {
                for (pos, text) in value {
                    self.netdev_ip.push(super::address::netdev_ip(*pos, text)?);
                }
            }
            "vfs.fstab" => {
                for (pos, text) in value {
                    #[cfg(feature = "fstab")]
                    self.fstab.push(fstab_entry(*pos, text)?);
                    // What is mounted at / is what the machine was given, whoever says so.
                    #[cfg(not(feature = "fstab"))]
                    if text.as_bytes().split(|b| *b == b':').nth(1) != Some(b"/") {
                        return Err(ParseError::new(*pos, "nothing but / to be mounted", text));
                    }
                }
            }
            "env.vars" | "environ.vars" | "posix-environ.vars" | "posix_environ.vars" => {
                for (pos, text) in value {
                    if cut(text, b'=').is_none_or(|(name, _)| name.is_empty()) {
                        return Err(ParseError::new(*pos, "NAME=VALUE", text));
                    }
                    self.env.push(text.clone());
                }
            }
            #[cfg(feature = "virtio")]
            "virtio_mmio.device" => {
                for (pos, text) in value {
                    let device = mmio_device(text).ok_or_else(|| ParseError::new(*pos, "SIZE@BASE:IRQ", text))?;
                    self.virtio_mmio.push(device);
                }
            }
            "random.seed" => self.random_seed = Some(random_seed(value)?),
            "pith.log" => {
                let (pos, text) = one(value, "one log level")?;
                let level = LogLevel::from_name(text);
                self.log_level = Some(level.ok_or_else(|| ParseError::new(pos, "error, warn, info, debug or trace", text))?);
            }
            "pith.workdir" => {
                let (pos, text) = one(value, "one directory")?;
                if !text.starts_with('/') {
                    return Err(ParseError::new(pos, "an absolute path", text));
                }
                self.workdir = Some(text.to_owned());
            }
            "pith.user" => {
                let (pos, text) = one(value, "one user")?;
                self.user = Some(User::parse(text).ok_or_else(|| ParseError::new(pos, "UID:GID[:GROUP,...]", text))?);
            }
            "pith.hostname" => self.hostname = Some(one(value, "one host name")?.1.to_owned()),
            "pith.tty" => {
                let (pos, text) = one(value, "one size")?;
                let side = |text| u16::try_from(decimal(text)?).ok();
                let size = cut(text, b'x').and_then(|(columns, rows)| Some((side(columns)?, side(rows)?)));
                let (columns, rows) = size.ok_or_else(|| ParseError::new(pos, "COLUMNSxROWS", text))?;
                self.tty = Some(WindowSize { rows, columns });
            }
            "pith.stderr" => {
                let (pos, text) = one(value, "one of separate, merge")?;
                self.stderr = match text {
                    "separate" => StderrChannel::Separate,
                    "merge" => StderrChannel::Merge,
                    _ => return Err(ParseError::new(pos, "separate or merge", text)),
                };
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn start_of_line(text: &str, at: usize) -> bool {
    text.get(..at).is_some_and(|before| before.bytes().all(is_space))
}

/// Whether a `lib.param=` follows the word that stands here.
fn precedes_parameter(lexer: &Lexer<'_>) -> bool {
    let mut ahead = lexer.clone();
    ahead.word().is_ok() && ahead.next_word_start() && ahead.parameter_name().is_some_and(has_dot)
}

fn has_dot(name: &str) -> bool {
    name.as_bytes().contains(&b'.')
}

fn one<'v>(value: &'v Value, expected: &'static str) -> Result<(usize, &'v str), ParseError> {
    match value.as_slice() {
        [(pos, text)] => Ok((*pos, text)),
        [] => Err(ParseError::new(0, expected, "[ ]")),
        [_, (pos, text), ..] => Err(ParseError::new(*pos, expected, text)),
    }
}

/// `text` without the spaces at its end.
fn trimmed(text: &str) -> &str {
    let end = text.bytes().rposition(|b| !is_space(b)).map_or(0, |last| last + 1);
    text.get(..end).unwrap_or_default()
}

/// QEMU's microvm appends its transports after everything, also after the arguments. The builder quotes arguments
/// that look like one, so that a bare one at the end is always a transport. Returns what is before them.
fn split_trailing_mmio<'a>(text: &'a str, found: &mut Vec<MmioDevice>) -> &'a str {
    let mut text = trimmed(text);
    loop {
        let start = text.bytes().rposition(is_space).map_or(0, |at| at + 1);
        let word = text.get(start..).unwrap_or_default();
        let Some(value) = word.strip_prefix("virtio_mmio.device=") else { break };
        // A kernel that drives none takes it for one by its name.
        #[cfg(feature = "virtio")]
        match mmio_device(value) {
            Some(device) => found.push(device),
            None => break,
        }
        #[cfg(not(feature = "virtio"))]
        let _ = value;
        text = trimmed(text.get(..start).unwrap_or_default());
    }
    found.reverse();
    text
}

/// Where the bare word `--` stands, outside quotes and lists.
fn find_separator(text: &str) -> Result<Option<usize>, ParseError> {
    let mut lexer = Lexer::starting_at(text, 0);
    while lexer.next_word_start() {
        let start = lexer.pos();
        if lexer.raw_word() == "--" {
            return Ok(Some(start));
        }
        // A list left open is reported where its meaning is read, not here.
        let mut ahead = lexer.clone();
        match lexer.parameter_name() {
            Some(name) if ahead.value(name).is_ok() => lexer = ahead,
            _ => drop(lexer.word()?),
        }
    }
    Ok(None)
}

/// A number with an optional `0x` and an optional K, M or G, as in Linux's `memparse`.
fn number(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes() {
        [digits @ .., b'k' | b'K'] => (digits, 10),
        [digits @ .., b'm' | b'M'] => (digits, 20),
        [digits @ .., b'g' | b'G'] => (digits, 30),
        digits => (digits, 0),
    };
    let (digits, radix) = match digits {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        digits => (digits, 10),
    };
    digits_of(digits, radix)?.checked_mul(1 << shift)
}

/// The number that `digits` are.
fn digits_of(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = char::from(*digit).to_digit(radix)?;
        value = value.checked_mul(radix.into())?.checked_add(digit.into())?;
    }
    Some(value)
}

/// A number in decimal digits alone.
pub(super) fn decimal(text: &str) -> Option<u64> {
    digits_of(text.as_bytes(), 10)
}

#[cfg(feature = "virtio")]
fn mmio_device(text: &str) -> Option<MmioDevice> {
    let (size, rest) = cut(text, b'@')?;
    let (base, rest) = cut(rest, b':')?;
    let irq = match cut(rest, b':') {
        Some((irq, id)) => number(id).map(|_| irq)?,
        None => rest,
    };
    Some(MmioDevice { base: number(base)?, size: number(size)?, irq: u32::try_from(number(irq)?).ok()? })
}

fn random_seed(value: &Value) -> Result<RandomSeed, ParseError> {
    let mut words = [0; 8];
    let mut count = 0;
    for (pos, text) in value {
        let word = number(text).and_then(|n| u32::try_from(n).ok());
        let word = word.ok_or_else(|| ParseError::new(*pos, "a 32-bit number", text))?;
        *words.get_mut(count).ok_or_else(|| ParseError::new(*pos, "eight numbers", "a ninth"))? = word;
        count += 1;
    }
    if count < words.len() {
        return Err(ParseError::new(0, "eight numbers for random.seed", "fewer"));
    }
    Ok(RandomSeed(words))
}

#[cfg(feature = "fstab")]
fn fstab_entry(pos: usize, text: &str) -> Result<super::FstabEntry, ParseError> {
    let mut fields = alloc::vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let last = fields.last_mut();
        match (c, last) {
            (':', _) => fields.push(String::new()),
            ('\\', Some(field)) => match chars.next() {
                Some(escaped @ (':' | '\\')) => field.push(escaped),
                Some(other) => field.extend(['\\', other]),
                None => field.push('\\'),
            },
            (other, Some(field)) => field.push(other),
            (_, None) => {}
        }
    }
    if fields.len() > 6 {
        return Err(ParseError::new(pos, "at most six fields (device:mountpoint:driver:flags:opts:ukopts)", text));
    }
    let mut fields = fields.into_iter();
    let mut next = || fields.next().unwrap_or_default();
    let entry = super::FstabEntry { device: next(), mountpoint: next(), driver: next(), flags: next(), opts: next(), ukopts: next() };
    if !entry.mountpoint.starts_with('/') || entry.driver.is_empty() {
        return Err(ParseError::new(pos, "device:/mountpoint:driver", text));
    }
    Ok(entry)
}
