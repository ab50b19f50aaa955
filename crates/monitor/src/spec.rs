//! What a machine is made of.

use pith_abi::cmdline::CmdlineBuilder;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

/// Processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// AMD64.
    X86_64,
}

/// How instructions are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// Hardware virtualisation.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

/// QEMU's machine type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineType {
    /// No PCI, no firmware tables, virtio-mmio: starts in half the time.
    Microvm,
    /// 440FX with PCI.
    Pc,
    /// Q35 with PCI Express.
    Q35,
}

impl MachineType {
    /// How many devices of ours it has room for.
    #[must_use]
    pub const fn devices(self) -> usize {
        match self {
            Self::Microvm => crate::qemu::TRANSPORTS,
            Self::Pc | Self::Q35 => 26,
        }
    }

    /// QEMU's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Microvm => "microvm",
            Self::Pc => "pc",
            Self::Q35 => "q35",
        }
    }
}

impl FromStr for MachineType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "microvm" => Ok(Self::Microvm),
            "pc" => Ok(Self::Pc),
            "q35" => Ok(Self::Q35),
            _ => Err(format!("PITH_QEMU_MACHINE is {text:?}; expected microvm, pc or q35")),
        }
    }
}

/// Transport of a published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A host port that leads to a guest port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortForward {
    /// Address to listen on; unspecified means every address.
    pub host: IpAddr,
    /// Port on the host.
    pub host_port: u16,
    /// Port in the guest.
    pub guest_port: u16,
    /// Transport.
    pub protocol: Protocol,
}

impl fmt::Display for PortForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        };
        write!(f, "{host}:{}->{}/{}", self.host_port, self.guest_port, self.protocol.name())
    }
}

/// A `-p` value that is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?}: {problem}; expected [HOSTIP:]HOSTPORT:GUESTPORT[/tcp|/udp], ranges as 8000-8002:80-82")]
pub struct PortParseError {
    text: String,
    problem: &'static str,
}

impl PortForward {
    /// Reads `[hostip:]host:guest[/proto]`, Docker's syntax; a range gives several.
    ///
    /// # Errors
    /// [`PortParseError`], naming the part that is wrong.
    pub fn parse(text: &str) -> Result<Vec<Self>, PortParseError> {
        let fail = |problem| PortParseError { text: text.to_owned(), problem };
        let (ports, protocol) = match text.rsplit_once('/') {
            None => (text, Protocol::Tcp),
            Some((ports, "tcp")) => (ports, Protocol::Tcp),
            Some((ports, "udp")) => (ports, Protocol::Udp),
            Some(_) => return Err(fail("unknown protocol")),
        };
        let (rest, guest) = ports.rsplit_once(':').ok_or_else(|| fail("no guest port"))?;
        let (host_ip, host) = match rest.rsplit_once(':') {
            Some((ip, host)) => (Some(ip), host),
            None => (None, rest),
        };
        let host_ip = match host_ip {
            None | Some("") => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Some("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(ip) => {
                let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'));
                if bare.is_none() && ip.contains(':') {
                    return Err(fail("an IPv6 host address needs brackets"));
                }
                bare.unwrap_or(ip).parse().map_err(|_| fail("the host address is no IP address"))?
            }
        };
        let range = |text: &str| -> Option<(u16, u16)> {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first > 0 && first <= last).then_some((first, last))
        };
        let (host, guest) = (range(host), range(guest));
        let (first, last) = host.ok_or_else(|| fail("the host port is no number from 1 to 65535"))?;
        let (guest_first, guest_last) = guest.ok_or_else(|| fail("the guest port is no number from 1 to 65535"))?;
        if last - first != guest_last - guest_first {
            return Err(fail("the two ranges differ in length"));
        }
        let forward = |offset| Self { host: host_ip, host_port: first + offset, guest_port: guest_first + offset, protocol };
        Ok((0..=last - first).map(forward).collect())
    }
}

/// The machine's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// None.
    None,
    /// The monitor's own user-mode network: outgoing connections and published ports, no privileges.
    User {
        /// Published ports.
        ports: Vec<PortForward>,
    },
}

/// A directory of the host that a machine sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Absolute path on the host.
    pub source: PathBuf,
    /// Absolute path in the machine, without `.`, `..` and doubled slashes.
    pub destination: String,
    /// Whether the machine may only read it.
    #[serde(default)]
    pub is_read_only: bool,
}

/// Whose files in a volume are shown as whose: the user and group that the monitor runs as, and those of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeOwners {
    /// Users: on the host, in the machine.
    pub uid: (u32, u32),
    /// Groups, in the same order.
    pub gid: (u32, u32),
}

/// Everything a monitor needs to know.
#[derive(Clone, Debug)]
pub struct MachineSpec {
    /// The machine's name, shown in process lists.
    pub name: String,
    /// Processor.
    pub arch: Arch,
    /// Machine type.
    pub machine: MachineType,
    /// Accelerator.
    pub accelerator: Accelerator,
    /// Bootable kernel.
    pub kernel: PathBuf,
    /// Root file system archive.
    pub initrd: Option<PathBuf>,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub cpus: u32,
    /// Network.
    pub network: Network,
    /// Directories of the host that the machine sees, those that lie in another's destination behind that.
    pub volumes: Vec<Volume>,
    /// Whose files in them are shown as whose; `None` shows the host's numbers.
    pub volume_owners: Option<VolumeOwners>,
    /// The guest's command line so far; the monitor adds its devices and addresses.
    pub cmdline: CmdlineBuilder,
}
