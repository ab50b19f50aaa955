//! Reading a command line: meaning on top of [`super::lexer`].

use super::lexer::{Lexer, Value, is_space};
use super::types::{FstabEntry, GuestConfig, IpCidr, LogLevel, MmioDevice, NetdevIp, RandomSeed, StderrChannel, User, WindowSize};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What was wrong with a command line, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset of the offending text.
    pub position: usize,
    /// What would have been right there.
    pub expected: &'static str,
    /// What stood there.
    pub found: String,
}

impl ParseError {
    pub(super) fn new(position: usize, expected: &'static str, found: &str) -> Self {
        Self { position, expected, found: found.to_owned() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command line, byte {}: expected {}, found \"", self.position, self.expected)?;
        // Not `{:?}`, which brings tables of Unicode's printable characters into every kernel.
        for c in self.found.chars() {
            if c.is_control() || matches!(c, '"' | '\\') {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        f.write_char('"')
    }
}

impl core::error::Error for ParseError {}

/// Parameters of the Linux kernel that VMMs pass by habit: ignored also where no `--` says what is a parameter.
const BOOT_WORDS: [&str; 18] = [
    "acpi",
    "console",
    "debug",
    "earlycon",
    "earlyprintk",
    "init",
    "loglevel",
    "maxcpus",
    "nokaslr",
    "nomodules",
    "noapic",
    "panic",
    "pci",
    "quiet",
    "reboot",
    "ro",
    "root",
    "rw",
];

fn is_boot_word(word: &str) -> bool {
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    BOOT_WORDS.contains(&name) || name.starts_with("i8042.")
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
        let mut config = Self::parse(carried)?;
        let argv = core::mem::take(&mut config.argv);
        config.read(text)?;
        if config.argv.is_empty() {
            config.argv = argv;
        }
        Ok(config)
    }

    fn read(&mut self, text: &str) -> Result<(), ParseError> {
        let (text, trailing_devices) = split_trailing_mmio(text);
        let separator = find_separator(text)?;
        let end = separator.unwrap_or(text.len());
        let parameters = text.get(..end).unwrap_or_default();
        let mut lexer = Lexer::new(parameters);
        let mut argv_from = separator.map(|at| at + 2);
        while lexer.next_word_start() {
            let start = lexer.pos();
            if let Some(name) = lexer.parameter_name().filter(|name| separator.is_some() || name.contains('.')) {
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
            "netdev.ip" => each(value, |pos, text| {
                self.netdev_ip.push(netdev_ip(pos, text)?);
                Ok(())
            })?,
            "vfs.fstab" => each(value, |pos, text| {
                self.fstab.push(fstab_entry(pos, text)?);
                Ok(())
            })?,
            "env.vars" | "environ.vars" | "posix-environ.vars" | "posix_environ.vars" => each(value, |pos, text| {
                if text.find('=').is_none_or(|at| at == 0) {
                    return Err(ParseError::new(pos, "NAME=VALUE", text));
                }
                self.env.push(text.to_owned());
                Ok(())
            })?,
            "virtio_mmio.device" => each(value, |pos, text| {
                let device = mmio_device(text).ok_or_else(|| ParseError::new(pos, "SIZE@BASE:IRQ", text))?;
                self.virtio_mmio.push(device);
                Ok(())
            })?,
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
                let size = text.split_once('x').and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
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
    text.get(..at).is_some_and(|before| before.chars().all(is_space))
}

/// Whether a `lib.param=` follows the word that stands here.
fn precedes_parameter(lexer: &Lexer<'_>) -> bool {
    let mut ahead = lexer.clone();
    ahead.word().is_ok() && ahead.next_word_start() && ahead.parameter_name().is_some_and(|name| name.contains('.'))
}

fn each(value: &Value, mut take: impl FnMut(usize, &str) -> Result<(), ParseError>) -> Result<(), ParseError> {
    match value {
        Value::One { pos, text } => take(*pos, text),
        Value::List(items) => items.iter().try_for_each(|(pos, text)| take(*pos, text)),
    }
}

fn one<'v>(value: &'v Value, expected: &'static str) -> Result<(usize, &'v str), ParseError> {
    match value {
        Value::One { pos, text } => Ok((*pos, text)),
        Value::List(items) => match items.as_slice() {
            [(pos, text)] => Ok((*pos, text)),
            [] => Err(ParseError::new(0, expected, "[ ]")),
            [_, (pos, text), ..] => Err(ParseError::new(*pos, expected, text)),
        },
    }
}

/// QEMU's microvm appends its transports after everything, also after the arguments. The builder quotes arguments
/// that look like one, so that a bare one at the end is always a transport.
fn split_trailing_mmio(text: &str) -> (&str, impl Iterator<Item = MmioDevice>) {
    let mut text = text.trim_end_matches(is_space);
    let mut found = Vec::new();
    loop {
        let start = text.rfind(is_space).map_or(0, |at| at + 1);
        let word = text.get(start..).unwrap_or_default();
        let Some(device) = word.strip_prefix("virtio_mmio.device=").and_then(mmio_device) else { break };
        found.push(device);
        text = text.get(..start).unwrap_or_default().trim_end_matches(is_space);
    }
    (text, found.into_iter().rev())
}

/// Where the bare word `--` stands, outside quotes and lists.
fn find_separator(text: &str) -> Result<Option<usize>, ParseError> {
    let mut lexer = Lexer::new(text);
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
    let (digits, shift) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (text.get(..at)?, 10),
        (at, 'm' | 'M') => (text.get(..at)?, 20),
        (at, 'g' | 'G') => (text.get(..at)?, 30),
        _ => (text, 0),
    };
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    value.checked_mul(1 << shift)
}

fn mmio_device(text: &str) -> Option<MmioDevice> {
    let (size, rest) = text.split_once('@')?;
    let mut fields = rest.split(':');
    let base = number(fields.next()?)?;
    let irq = u32::try_from(number(fields.next()?)?).ok()?;
    if let Some(id) = fields.next() {
        number(id)?;
    }
    fields.next().is_none().then_some(MmioDevice { base, size: number(size)?, irq })
}

fn random_seed(value: &Value) -> Result<RandomSeed, ParseError> {
    let mut words = [0; 8];
    let mut count = 0;
    each(value, |pos, text| {
        let word = number(text).and_then(|n| u32::try_from(n).ok());
        let word = word.ok_or_else(|| ParseError::new(pos, "a 32-bit number", text))?;
        *words.get_mut(count).ok_or_else(|| ParseError::new(pos, "eight numbers", "a ninth"))? = word;
        count += 1;
        Ok(())
    })?;
    if count < words.len() {
        return Err(ParseError::new(0, "eight numbers for random.seed", "fewer"));
    }
    Ok(RandomSeed(words))
}

/// Splits at `:` outside of brackets.
fn split_fields(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ':' && depth == 0
    })
    .collect()
}

fn ip(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// `10.0.2.15/24`, `[fd00::2]/64` or `[fd00::2/64]`.
fn cidr(text: &str) -> Option<IpCidr> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|inner| inner.contains('/'));
    let (address, prefix) = match inner {
        Some(inner) => {
            let (address, prefix) = inner.split_once('/')?;
            (IpAddr::V6(address.parse().ok()?), prefix)
        }
        None => {
            let (address, prefix) = text.split_once('/')?;
            (ip(address)?, prefix)
        }
    };
    let prefix: u8 = prefix.parse().ok()?;
    let limit = if address.is_ipv4() { 32 } else { 128 };
    (prefix <= limit).then_some(IpCidr { address, prefix })
}

fn netdev_ip(pos: usize, text: &str) -> Result<NetdevIp, ParseError> {
    let fields = split_fields(text);
    if fields.len() > 6 {
        return Err(ParseError::new(pos, "at most six fields (address, gateway, two name servers, host, domain)", text));
    }
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let address = |index: usize| match field(index) {
        "" => Ok(None),
        given => match ip(given) {
            Some(address) => Ok(Some(address)),
            None => Err(ParseError::new(pos, "an address (IPv6 in brackets)", given)),
        },
    };
    let name = |index: usize| Some(field(index)).filter(|name| !name.is_empty()).map(ToOwned::to_owned);
    Ok(NetdevIp {
        cidr: cidr(field(0)).ok_or_else(|| ParseError::new(pos, "ADDRESS/PREFIX", field(0)))?,
        gateway: address(1)?,
        dns: [address(2)?, address(3)?].into_iter().flatten().collect(),
        hostname: name(4),
        domain: name(5),
    })
}

fn fstab_entry(pos: usize, text: &str) -> Result<FstabEntry, ParseError> {
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
    let entry = FstabEntry { device: next(), mountpoint: next(), driver: next(), flags: next(), opts: next(), ukopts: next() };
    if !entry.mountpoint.starts_with('/') || entry.driver.is_empty() {
        return Err(ParseError::new(pos, "device:/mountpoint:driver", text));
    }
    Ok(entry)
}
