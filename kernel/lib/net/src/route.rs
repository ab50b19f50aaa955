//! Routes: longest prefix first, on-link or by a gateway.

use crate::addr::Addr;
use alloc::vec::Vec;

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destination network.
    pub network: Addr,
    /// Its prefix length, of the family's own 32 or 128 bits.
    pub prefix: u8,
    /// Next hop; `None` is on-link.
    pub gateway: Option<Addr>,
    /// Interface position in the stack's list.
    pub interface: usize,
}

/// The routing table. A handful of entries, so a list.
#[derive(Default)]
pub struct Routes {
    list: Vec<Route>,
}

impl Routes {
    /// Adds a route, replacing one to the same network over the same interface.
    pub fn add(&mut self, route: Route) {
        self.list.retain(|r| (r.network, r.prefix, r.interface) != (route.network, route.prefix, route.interface));
        // Kept longest prefix first; among equals the older wins.
        let at = self.list.iter().position(|r| r.prefix < route.prefix).unwrap_or(self.list.len());
        self.list.insert(at, route);
    }

    /// Removes the routes for which `test` holds.
    pub fn remove(&mut self, test: impl Fn(&Route) -> bool) {
        self.list.retain(|r| !test(r));
    }

    /// The route to `dst`, over `interface` if one is demanded.
    pub fn lookup(&self, dst: Addr, interface: Option<usize>) -> Option<&Route> {
        self.list.iter().find(|r| interface.is_none_or(|i| i == r.interface) && dst.in_network(r.network, r.prefix))
    }

    /// All routes, longest prefix first.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_prefix_wins() {
        let v4 = |s: &str| Addr::from_v4(s.parse().unwrap());
        let mut routes = Routes::default();
        routes.add(Route { network: Addr::ANY4, prefix: 0, gateway: Some(v4("10.0.0.1")), interface: 1 });
        routes.add(Route { network: v4("10.0.0.0"), prefix: 24, gateway: None, interface: 1 });
        routes.add(Route { network: v4("10.0.0.0"), prefix: 8, gateway: None, interface: 2 });
        assert_eq!(routes.lookup(v4("10.0.0.9"), None).unwrap().interface, 1);
        assert_eq!(routes.lookup(v4("10.1.0.9"), None).unwrap().interface, 2);
        assert_eq!(routes.lookup(v4("192.0.2.1"), None).unwrap().gateway, Some(v4("10.0.0.1")));
        assert!(routes.lookup(Addr::LOCALHOST6, None).is_none());
        assert!(routes.lookup(v4("192.0.2.1"), Some(2)).is_none());
    }
}
