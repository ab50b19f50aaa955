//! Who is bound where: one table per transport (bind(2), SO_REUSEADDR, SO_REUSEPORT, dual-stack sockets).

use crate::addr::{Addr, Endpoint};
use alloc::vec::Vec;
use sortedmap::ChunkedMap;

/// First and last port that the stack chooses by itself (ip_local_port_range).
const EPHEMERAL: core::ops::RangeInclusive<u16> = 32768..=60999;

/// One socket's claim on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The socket.
    pub id: u32,
    /// Address bound to, possibly a wildcard.
    pub addr: Addr,
    /// The peer of a connected datagram socket.
    pub remote: Option<Endpoint>,
    /// Only packets of this interface.
    pub interface: Option<usize>,
    /// IPV6_V6ONLY: `::` does not mean `0.0.0.0` too.
    pub v6only: bool,
    /// SO_REUSEADDR.
    pub reuse_addr: bool,
    /// SO_REUSEPORT.
    pub reuse_port: bool,
    /// A TCP socket that listens.
    pub listening: bool,
}

impl Binding {
    /// Whether packets to `addr` can be for this socket; higher is better.
    fn score(&self, local: Addr, remote: Endpoint, interface: usize) -> Option<u32> {
        let by_addr = if self.addr == local {
            4
        } else if self.addr.is_any() && self.covers(local) {
            // An IPv4 wildcard is closer to an IPv4 packet than a dual-stack one.
            u32::from(self.addr.is_v4() == local.is_v4())
        } else {
            return None;
        };
        let by_remote = match self.remote {
            Some(peer) if peer == remote => 16,
            Some(_) => return None,
            None => 0,
        };
        let by_interface = match self.interface {
            Some(i) if i == interface => 8,
            Some(_) => return None,
            None => 0,
        };
        Some(by_addr + by_remote + by_interface)
    }

    /// Whether a wildcard stands for addresses of `addr`'s family.
    fn covers(&self, addr: Addr) -> bool {
        if self.addr == Addr::ANY6 { !addr.is_v4() || !self.v6only } else { addr.is_v4() }
    }

    fn overlaps(&self, other: &Binding) -> bool {
        let interfaces = match (self.interface, other.interface) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        let addrs =
            self.addr == other.addr || (self.addr.is_any() && self.covers(other.addr)) || (other.addr.is_any() && other.covers(self.addr));
        interfaces && addrs
    }

    /// Whether `other` may not have the port as well.
    fn conflicts(&self, other: &Binding) -> bool {
        let shared_addr = self.reuse_addr && other.reuse_addr && !self.listening;
        let shared_port = self.reuse_port && other.reuse_port;
        self.overlaps(other) && !shared_addr && !shared_port
    }
}

/// What a connection keeps of the claim of its listener (or of its own bind(2), in TIME-WAIT): no packets, but others need the same
/// options to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Local address.
    pub addr: Addr,
    /// SO_REUSEADDR at the time.
    pub reuse_addr: bool,
    /// SO_REUSEPORT at the time.
    pub reuse_port: bool,
}

impl Share {
    fn conflicts(&self, other: &Binding) -> bool {
        let overlaps = self.addr == other.addr || (other.addr.is_any() && other.covers(self.addr));
        overlaps && !(self.reuse_addr && other.reuse_addr) && !(self.reuse_port && other.reuse_port)
    }
}

/// Everybody on one port.
#[derive(Default)]
struct Port {
    bindings: Vec<Binding>,
    /// Shares that are alike, and how many connections have each.
    shares: Vec<(Share, u32)>,
}

/// The table.
#[derive(Default)]
pub struct Ports {
    map: ChunkedMap<Port>,
}

impl Ports {
    /// Whether `binding` could take `port`.
    pub fn is_free(&self, port: u16, binding: &Binding) -> bool {
        self.map.get(port.into()).is_none_or(|held| {
            held.bindings.iter().all(|b| b.id == binding.id || !b.conflicts(binding))
                && held.shares.iter().all(|(s, _)| !s.conflicts(binding))
        })
    }

    /// Whether nobody at all is bound to `port`.
    pub fn is_unused(&self, port: u16) -> bool {
        !self.map.contains_key(port.into())
    }

    /// Enters a binding, or replaces the socket's old one on that port. `false` on a conflict.
    pub fn bind(&mut self, port: u16, binding: Binding) -> bool {
        if !self.is_free(port, &binding) {
            return false;
        }
        let list = &mut self.map.get_or_insert(port.into(), Port::default()).bindings;
        list.retain(|b| b.id != binding.id);
        list.push(binding);
        true
    }

    /// Removes a socket's binding.
    pub fn unbind(&mut self, port: u16, id: u32) {
        if let Some(held) = self.map.get_mut(port.into()) {
            held.bindings.retain(|b| b.id != id);
            self.tidy(port);
        }
    }

    /// One connection more has this share of a port.
    pub fn share(&mut self, port: u16, share: Share) {
        let shares = &mut self.map.get_or_insert(port.into(), Port::default()).shares;
        match shares.iter_mut().find(|(s, _)| *s == share) {
            Some((_, count)) => *count += 1,
            None => shares.push((share, 1)),
        }
    }

    /// Takes one [`share`](Self::share) back.
    pub fn unshare(&mut self, port: u16, share: Share) {
        if let Some(held) = self.map.get_mut(port.into()) {
            if let Some(at) = held.shares.iter().position(|(s, _)| *s == share) {
                held.shares[at].1 -= 1;
                if held.shares[at].1 == 0 {
                    held.shares.swap_remove(at);
                }
            }
            self.tidy(port);
        }
    }

    fn tidy(&mut self, port: u16) {
        if self.map.get(port.into()).is_some_and(|held| held.bindings.is_empty() && held.shares.is_empty()) {
            self.map.remove(port.into());
        }
    }

    /// The socket that a packet from `remote` to `local`, come in at `interface`, is for. Sockets of equal standing (SO_REUSEPORT)
    /// share by the peer's endpoint.
    pub fn find(&self, local: Endpoint, remote: Endpoint, interface: usize, listening: bool) -> Option<u32> {
        let list = &self.map.get(local.port.into())?.bindings;
        let score = |b: &Binding| b.score(local.addr, remote, interface).filter(|_| b.listening == listening);
        let best = list.iter().filter_map(score).max()?;
        let mut equal = list.iter().filter(|b| score(b) == Some(best));
        let count = equal.clone().count();
        if count > 1 && list.iter().all(|b| b.reuse_port) {
            let bits = remote.addr.bits() ^ u128::from(remote.port) << 13;
            let mixed = ((bits ^ bits >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            return equal.nth(mixed as usize % count).map(|b| b.id);
        }
        // With SO_REUSEADDR alone the last to bind gets the packets.
        equal.next_back().map(|b| b.id)
    }

    /// Every socket that a broadcast or multicast packet is for.
    pub fn find_all(&self, local: Endpoint, remote: Endpoint, interface: usize) -> Vec<u32> {
        let list = self.map.get(local.port.into()).map_or(&[][..], |held| &held.bindings);
        list.iter().filter(|b| b.score(local.addr, remote, interface).is_some()).map(|b| b.id).collect()
    }

    /// A free port for which `usable` holds, from a random start on.
    pub fn choose(&self, random: u32, usable: impl Fn(&Ports, u16) -> bool) -> Option<u16> {
        let count = EPHEMERAL.end() - EPHEMERAL.start() + 1;
        let start = (random % u32::from(count)) as u16;
        (0..count).map(|i| EPHEMERAL.start() + (start + i) % count).find(|port| usable(self, *port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(id: u32, addr: Addr) -> Binding {
        Binding { id, addr, remote: None, interface: None, v6only: false, reuse_addr: false, reuse_port: false, listening: false }
    }

    #[test]
    fn conflicts_follow_linux() {
        let mut ports = Ports::default();
        let other = Addr::from_v4("10.0.0.1".parse().unwrap());
        assert!(ports.bind(80, binding(1, Addr::LOCALHOST4)));
        assert!(ports.bind(80, binding(2, other)));
        assert!(!ports.bind(80, binding(3, Addr::ANY4)));
        assert!(!ports.bind(80, binding(3, Addr::ANY6)));
        assert!(ports.bind(80, Binding { v6only: true, ..binding(3, Addr::ANY6) }));
        let reuse = |id, listening| Binding { reuse_addr: true, listening, ..binding(id, Addr::ANY4) };
        assert!(ports.bind(81, reuse(1, false)) && ports.bind(81, reuse(2, false)));
        assert!(!ports.bind(81, reuse(1, true)) || !ports.bind(81, reuse(2, true)));
    }

    #[test]
    fn the_closest_binding_gets_the_packet() {
        let mut ports = Ports::default();
        let remote = Endpoint { addr: Addr::LOCALHOST4, port: 9 };
        let local = |addr| Endpoint { addr, port: 53 };
        let reuse = |b: Binding| Binding { reuse_addr: true, ..b };
        assert!(ports.bind(53, reuse(binding(1, Addr::ANY6))));
        assert_eq!(ports.find(local(Addr::LOCALHOST4), remote, 0, false), Some(1));
        assert!(ports.bind(53, reuse(binding(2, Addr::ANY4))));
        assert!(ports.bind(53, reuse(binding(3, Addr::LOCALHOST4))));
        assert_eq!(ports.find(local(Addr::LOCALHOST4), remote, 0, false), Some(3));
        assert_eq!(ports.find(local(Addr::LOCALHOST6), remote, 0, false), Some(1));
        ports.unbind(53, 3);
        assert_eq!(ports.find(local(Addr::LOCALHOST4), remote, 0, false), Some(2));
        assert!(ports.bind(53, reuse(Binding { remote: Some(remote), ..binding(4, Addr::ANY4) })));
        assert_eq!(ports.find(local(Addr::LOCALHOST4), remote, 0, false), Some(4));
    }

    #[test]
    fn connections_keep_their_port_from_those_without_the_option() {
        let mut ports = Ports::default();
        let share = Share { addr: Addr::LOCALHOST4, reuse_addr: true, reuse_port: false };
        ports.share(80, share);
        ports.share(80, share);
        assert!(!ports.bind(80, binding(1, Addr::ANY4)) && !ports.is_unused(80));
        assert!(ports.bind(80, Binding { reuse_addr: true, listening: true, ..binding(1, Addr::ANY4) }));
        ports.unbind(80, 1);
        ports.unshare(80, share);
        assert!(!ports.bind(80, binding(1, Addr::ANY6)));
        ports.unshare(80, share);
        assert!(ports.is_unused(80) && ports.bind(80, binding(1, Addr::ANY6)));
    }

    #[test]
    fn a_reuseport_group_shares() {
        let mut ports = Ports::default();
        for id in 0..4 {
            assert!(ports.bind(80, Binding { reuse_port: true, listening: true, ..binding(id, Addr::ANY4) }));
        }
        let mut hits = [0; 4];
        for port in 1000..1400 {
            let remote = Endpoint { addr: Addr::LOCALHOST4, port };
            let id = ports.find(Endpoint { addr: Addr::LOCALHOST4, port: 80 }, remote, 0, true).unwrap();
            hits[id as usize] += 1;
        }
        assert!(hits.iter().all(|h| *h > 50), "{hits:?}");
    }
}
