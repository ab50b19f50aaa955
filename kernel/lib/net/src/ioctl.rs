//! Interface ioctls on any socket (netdevice(7)): SIOCGIFCONF and the SIOCGIF* family. Setting is refused: the image configures.

use crate::addr::Addr;
use crate::interface::Interface;
use crate::stack::Shared;
use alloc::vec::Vec;
use file::UserMemory;
use uapi::ioctl as c;
use uapi::{Errno, Result};

/// Bytes written and not sent yet (tcp(7)); not among the generated constants.
pub(crate) const SIOCOUTQNSD: u32 = 0x894b;
/// Whether the next byte is where urgent data was (sockatmark(3)).
pub(crate) const SIOCATMARK: u32 = 0x8905;
const NAME_LEN: usize = 16;
const IFREQ_LEN: usize = 40;

/// Interface flags (netdevice(7)).
mod flags {
    pub const UP: u16 = 0x1;
    pub const BROADCAST: u16 = 0x2;
    pub const LOOPBACK: u16 = 0x8;
    pub const RUNNING: u16 = 0x40;
    pub const MULTICAST: u16 = 0x1000;
}

impl Interface {
    /// IFF_* flags.
    pub(crate) fn flags(&mut self) -> u16 {
        match &mut self.device {
            None => flags::UP | flags::LOOPBACK | flags::RUNNING,
            Some(device) => {
                let running = if device.link_up() { flags::RUNNING } else { 0 };
                flags::UP | flags::BROADCAST | flags::MULTICAST | running
            }
        }
    }
}

/// `struct sockaddr_in` with port 0.
fn sockaddr_in(addr: u32) -> [u8; 16] {
    let mut out = [0; 16];
    out[..2].copy_from_slice(&2u16.to_ne_bytes());
    out[4..8].copy_from_slice(&addr.to_be_bytes());
    out
}

fn name_of(interface: &Interface) -> [u8; NAME_LEN] {
    let mut out = [0; NAME_LEN];
    for (to, from) in out[..NAME_LEN - 1].iter_mut().zip(interface.name.bytes()) {
        *to = from;
    }
    out
}

/// Runs an interface ioctl; ENOTTY for others.
pub(crate) fn interface_ioctl(shared: &Shared, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
    match command {
        c::SIOCGIFCONF => list(shared, arg, user),
        c::SIOCGIFNAME => {
            let index = user.read::<i32>(arg + NAME_LEN as u64)?;
            let name = shared.quietly(|core| {
                let position = crate::options::by_index(index, &core.net.interfaces).ok().flatten();
                position.and_then(|p| core.net.interfaces.get(p)).map(name_of).ok_or(Errno::ENODEV)
            })?;
            user.write_bytes(arg, &name)?;
            Ok(0)
        }
        c::SIOCGIFFLAGS
        | c::SIOCGIFADDR
        | c::SIOCGIFNETMASK
        | c::SIOCGIFBRDADDR
        | c::SIOCGIFMTU
        | c::SIOCGIFINDEX
        | c::SIOCGIFHWADDR
        | c::SIOCGIFTXQLEN
        | c::SIOCGIFMETRIC => {
            let mut name = [0; NAME_LEN];
            user.read_bytes(arg, &mut name)?;
            let name = name.split(|b| *b == 0).next().unwrap_or(&[]);
            let answer = shared.quietly(|core| {
                let found = core.net.interfaces.iter_mut().enumerate().find(|(_, i)| i.name.as_bytes() == name);
                let (position, interface) = found.ok_or(Errno::ENODEV)?;
                answer(command, position, interface)
            })?;
            user.write_bytes(arg + NAME_LEN as u64, &answer)?;
            Ok(0)
        }
        c::SIOCSIFFLAGS | c::SIOCSIFADDR | c::SIOCSIFNETMASK | c::SIOCSIFBRDADDR | c::SIOCSIFMTU | c::SIOCSIFHWADDR => Err(Errno::EPERM),
        _ => Err(Errno::ENOTTY),
    }
}

/// The 16 bytes behind the name in `struct ifreq`.
fn answer(command: u32, position: usize, interface: &mut Interface) -> Result<[u8; 16]> {
    let mut out = [0; 16];
    let mut put = |bytes: &[u8]| out[..bytes.len()].copy_from_slice(bytes);
    let v4 = interface.addrs.iter().find(|a| a.addr.is_v4()).copied();
    let v4 = || v4.ok_or(Errno::EADDRNOTAVAIL);
    match command {
        c::SIOCGIFFLAGS => put(&interface.flags().to_ne_bytes()),
        c::SIOCGIFADDR => put(&sockaddr_in(v4()?.addr.low32())),
        c::SIOCGIFNETMASK => put(&sockaddr_in(Addr::netmask4(v4()?.prefix))),
        c::SIOCGIFBRDADDR => put(&sockaddr_in(v4().map(|a| a.addr.broadcast_of(a.prefix).low32())?)),
        c::SIOCGIFMTU => put(&i32::from(interface.caps.mtu).to_ne_bytes()),
        c::SIOCGIFINDEX => put(&(position as u32 + 1).to_ne_bytes()),
        c::SIOCGIFTXQLEN => put(&1000i32.to_ne_bytes()),
        c::SIOCGIFMETRIC => {}
        // SIOCGIFHWADDR: ARPHRD_LOOPBACK or ARPHRD_ETHER, and the address.
        _ => {
            let kind: u16 = if interface.device.is_none() { 772 } else { 1 };
            out[..2].copy_from_slice(&kind.to_ne_bytes());
            out[2..8].copy_from_slice(&interface.mac());
        }
    }
    Ok(out)
}

/// SIOCGIFCONF: `struct ifconf { int len; struct ifreq *buf; }`, IPv4 addresses only.
fn list(shared: &Shared, arg: u64, user: &dyn UserMemory) -> Result<u64> {
    let room = usize::try_from(user.read::<i32>(arg)?).map_err(|_| Errno::EINVAL)?;
    let buffer = user.read::<u64>(arg + 8)?;
    let mut out: Vec<u8> = Vec::new();
    shared.quietly(|core| {
        for interface in &core.net.interfaces {
            for addr in interface.addrs.iter().filter(|a| a.addr.is_v4()) {
                out.extend_from_slice(&name_of(interface));
                out.extend_from_slice(&sockaddr_in(addr.addr.low32()));
                out.resize(out.len().next_multiple_of(IFREQ_LEN), 0);
            }
        }
    });
    // Without a buffer only the size is asked for; else whole entries that fit.
    let len = if buffer == 0 { out.len() } else { out.len().min(room / IFREQ_LEN * IFREQ_LEN) };
    if buffer != 0 {
        user.write_bytes(buffer, &out[..len])?;
    }
    user.write(arg, &i32::try_from(len).unwrap_or(i32::MAX))?;
    Ok(0)
}
