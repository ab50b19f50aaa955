//! The values a guest command line carries, each with the text form that parses back to it.

use super::lexer::cut;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

/// Everything the command line says; see the module's table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestConfig {
    /// Addresses, in the order of the network devices.
    pub netdev_ip: Vec<NetdevIp>,
    /// Mounts, in order.
    pub fstab: Vec<FstabEntry>,
    /// `NAME=VALUE` strings; a later one wins.
    pub env: Vec<String>,
    /// virtio-mmio transports, as told by a VMM without PCI, ACPI or device tree.
    pub virtio_mmio: Vec<MmioDevice>,
    /// Least important level that the kernel should write.
    pub log_level: Option<LogLevel>,
    /// Seed from the host for machines without a random number instruction.
    pub random_seed: Option<RandomSeed>,
    /// The application's working directory.
    pub workdir: Option<String>,
    /// Whom the application runs as; root when absent.
    pub user: Option<User>,
    /// Host name.
    pub hostname: Option<String>,
    /// Where the application's standard error goes.
    pub stderr: StderrChannel,
    /// The terminal that the application gets instead of three pipes.
    pub tty: Option<WindowSize>,
    /// The application and its arguments.
    pub argv: Vec<String>,
    /// Words that mean nothing to Pith, as written.
    pub unknown: Vec<String>,
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

impl fmt::Display for WindowSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

/// Whom the application runs as, in numbers: names are the host's to look up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
}

impl User {
    /// Reads `UID:GID[:GROUP,...]`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The highest number means "leave it" to system calls.
        let id = |text: &str| u32::try_from(super::parse::decimal(text)?).ok().filter(|id| *id != u32::MAX);
        let (uid, rest) = cut(text, b':')?;
        let (gid, mut list) = cut(rest, b':').map_or((rest, None), |(gid, groups)| (gid, Some(groups)));
        let mut groups = Vec::new();
        while let Some(rest) = list {
            let (group, more) = cut(rest, b',').map_or((rest, None), |(group, more)| (group, Some(more)));
            groups.push(id(group)?);
            list = more;
        }
        Some(Self { uid: id(uid)?, gid: id(gid)?, groups })
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)?;
        for (index, group) in self.groups.iter().enumerate() {
            write!(f, "{}{group}", if index == 0 { ':' } else { ',' })?;
        }
        Ok(())
    }
}

/// Where file descriptor 2 of the application ends up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StderrChannel {
    /// On COM2, apart from standard output.
    #[default]
    Separate,
    /// On COM1 with standard output: one stream, in the order written.
    Merge,
}

/// Importance of a log line, most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is not as the user would expect.
    Warn,
    /// Worth knowing.
    Info,
    /// For those who look for a fault.
    Debug,
    /// Every step.
    Trace,
}

impl LogLevel {
    /// All levels, most important first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The word used on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The letter used in log records.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Error => 'E',
            Self::Warn => 'W',
            Self::Info => 'I',
            Self::Debug => 'D',
            Self::Trace => 'T',
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    pub(crate) fn from_letter(word: &str) -> Option<Self> {
        let mut chars = word.chars();
        let letter = chars.next().filter(|_| chars.next().is_none())?;
        Self::ALL.into_iter().find(|level| level.letter() == letter)
    }
}

/// An address with the length of its network prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpCidr {
    /// The address itself.
    pub address: IpAddr,
    /// Bits of the network part, 0..=32 or 0..=128.
    pub prefix: u8,
}

impl fmt::Display for IpCidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(v4) => write!(f, "{v4}/{}", self.prefix),
            IpAddr::V6(v6) => write!(f, "[{v6}]/{}", self.prefix),
        }
    }
}

/// Static configuration of one network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetdevIp {
    /// The device's address and its network.
    pub cidr: IpCidr,
    /// Default gateway.
    pub gateway: Option<IpAddr>,
    /// Name servers, at most two.
    pub dns: Vec<IpAddr>,
    /// Host name.
    pub hostname: Option<String>,
    /// Search domain.
    pub domain: Option<String>,
}

impl fmt::Display for NetdevIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = |ip: &IpAddr| match ip {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => alloc::format!("[{v6}]"),
        };
        let mut text = self.cidr.to_string();
        for field in [
            self.gateway.as_ref().map(bracketed),
            self.dns.first().map(bracketed),
            self.dns.get(1).map(bracketed),
            self.hostname.clone(),
            self.domain.clone(),
        ] {
            text.push(':');
            text.push_str(&field.unwrap_or_default());
        }
        f.write_str(text.trim_end_matches(':'))
    }
}

/// One mount, in the order of Unikraft's fields. Empty strings stand for "nothing given".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FstabEntry {
    /// `initrd0`, `embedded`, `fs0`, ... or empty.
    pub device: String,
    /// Absolute path in the guest.
    pub mountpoint: String,
    /// `extract`, `ramfs`, `9pfs`, ...
    pub driver: String,
    /// Mount flags, a number or empty.
    pub flags: String,
    /// Options for the driver.
    pub opts: String,
    /// Options for the mounting code, comma separated: `mkmp`, `ifinitrd0`, `ifnoinitrd0`.
    pub ukopts: String,
}

impl fmt::Display for FstabEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [&self.device, &self.mountpoint, &self.driver, &self.flags, &self.opts, &self.ukopts];
        for (index, field) in fields.into_iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            for c in field.chars() {
                if matches!(c, ':' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// One virtio-mmio transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmioDevice {
    /// Physical address of the registers.
    pub base: u64,
    /// Size of the register window in bytes.
    pub size: u64,
    /// Interrupt line (I/O APIC pin on x86).
    pub irq: u32,
}

impl fmt::Display for MmioDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:#x}:{}", self.size, self.base, self.irq)
    }
}

/// Randomness from the host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RandomSeed(pub [u32; 8]);

impl fmt::Debug for RandomSeed {
    /// Never prints the seed: it would end in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RandomSeed(..)")
    }
}
