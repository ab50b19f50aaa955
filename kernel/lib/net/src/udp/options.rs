//! Options that only datagram sockets have: group membership.

use super::{Datagrams, Table};
use crate::addr::{Addr, Family};
use crate::options::{Handled, by_index, give, int};
use crate::output::Net;
use alloc::vec::Vec;
use uapi::net as c;
use uapi::{Errno, Result};

/// Whether a membership option joins or leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Membership {
    Join,
    Leave,
}

impl Table {
    /// setsockopt(2).
    pub(super) fn set_option(&mut self, net: &mut Net, id: u32, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let socket = self.get(id)?;
        let v6only = socket.options.v6only;
        if socket.options.set(socket.family, level, name, value, &net.interfaces)? == Handled::Yes {
            if socket.options.v6only != v6only && socket.bound {
                socket.options.v6only = v6only;
                return Err(Errno::EINVAL);
            }
            if socket.local.port != 0 {
                let (addr, port) = (socket.local.addr, socket.local.port);
                return self.claim(net, id, addr, port);
            }
            return Ok(());
        }
        match (u32::try_from(level), u32::try_from(name)) {
            (Ok(c::SOL_IP), Ok(c::IP_ADD_MEMBERSHIP)) => socket.membership4(net, value, Membership::Join),
            (Ok(c::SOL_IP), Ok(c::IP_DROP_MEMBERSHIP)) => socket.membership4(net, value, Membership::Leave),
            (Ok(c::SOL_IPV6), Ok(c::IPV6_ADD_MEMBERSHIP)) if socket.family == Family::V6 => {
                socket.membership6(net, value, Membership::Join)
            }
            (Ok(c::SOL_IPV6), Ok(c::IPV6_DROP_MEMBERSHIP)) if socket.family == Family::V6 => {
                socket.membership6(net, value, Membership::Leave)
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}

impl Datagrams {
    /// getsockopt(2).
    pub(super) fn get_option(&self, net: &Net, level: i32, name: i32) -> Result<Vec<u8>> {
        match self.options.get(self.family, level, name, &net.interfaces) {
            Some(value) => value,
            None if (u32::try_from(level), u32::try_from(name)) == (Ok(c::SOL_SOCKET), Ok(c::SO_ACCEPTCONN)) => give(0),
            None => Err(crate::options::unknown(self.family, u32::try_from(level).ok())),
        }
    }

    /// `struct ip_mreq` or `struct ip_mreqn`.
    fn membership4(&mut self, net: &mut Net, value: &[u8], what: Membership) -> Result<()> {
        let group = Addr::from_v4_bytes(*value.first_chunk().ok_or(Errno::EINVAL)?);
        let own = Addr::from_v4_bytes(*value.get(4..).and_then(|v| v.first_chunk()).ok_or(Errno::EINVAL)?);
        let interface = match value.get(8..) {
            Some(index) if index.len() >= 4 && int(index)? != 0 => by_index(int(index)?, &net.interfaces)?,
            _ if own.is_any() => None,
            _ => Some(net.interfaces.iter().position(|i| i.has(own)).ok_or(Errno::ENODEV)?),
        };
        self.membership(net, group, interface, what)
    }

    /// `struct ipv6_mreq`.
    fn membership6(&mut self, net: &mut Net, value: &[u8], what: Membership) -> Result<()> {
        let group = Addr::from_v6_bytes(*value.first_chunk().ok_or(Errno::EINVAL)?);
        let interface = by_index(value.get(16..).ok_or(Errno::EINVAL).and_then(int)?, &net.interfaces)?;
        self.membership(net, group, interface, what)
    }

    fn membership(&mut self, net: &mut Net, group: Addr, interface: Option<usize>, what: Membership) -> Result<()> {
        if !group.is_multicast() {
            return Err(Errno::EINVAL);
        }
        let interface = match interface {
            Some(interface) => interface,
            None => net.route(group, None).map_err(|_| Errno::ENODEV)?.0,
        };
        let held = self.groups.iter().position(|g| *g == (group, interface));
        match (what, held) {
            (Membership::Join, Some(_)) => return Err(Errno::EADDRINUSE),
            (Membership::Leave, None) => return Err(Errno::EADDRNOTAVAIL),
            (Membership::Join, None) => {
                net.join(group, interface);
                self.groups.push((group, interface));
            }
            (Membership::Leave, Some(at)) => {
                self.groups.remove(at);
                net.leave(group, interface);
            }
        }
        Ok(())
    }
}

impl Net {
    /// Wants packets to `group` on an interface, once more.
    pub fn join(&mut self, group: Addr, position: usize) {
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        match interface.groups.iter_mut().find(|(g, _)| *g == group) {
            Some((_, count)) => *count += 1,
            None => interface.groups.push((group, 1)),
        }
    }

    /// Takes one [`join`](Self::join) back.
    pub fn leave(&mut self, group: Addr, position: usize) {
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        if let Some((_, count)) = interface.groups.iter_mut().find(|(g, _)| *g == group) {
            *count -= 1;
        }
        interface.groups.retain(|(_, count)| *count > 0);
    }
}
