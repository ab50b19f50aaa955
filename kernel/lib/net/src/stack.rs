//! The stack as its users see it ([`Stack`]), and its lock.
//!
//! One lock guards everything ([`Core`]): work under it is short (protocol processing of one call or one burst of frames), and user memory is
//! copied and wait queues are woken only after it is released. It is a leaf: nothing under it takes another lock, except that a device may
//! take its own. Before it is released, [`Core::settle`] sees to it that packets to ourselves have arrived, that what may be sent is sent, and
//! that devices are told.

use crate::addr::{Addr, Endpoint, Family};
use crate::device::NetDevice;
use crate::dhcp;
use crate::handle::Handle;
use crate::interface::{Interface, InterfaceAddr, InterfaceConfig, InterfaceInfo, Ipv4Config, Ipv6Config};
use crate::nd::AutoConfig;
use crate::options::give;
use crate::output::{Net, RandomSource};
use crate::reassembly::Reassembly;
use crate::route::Route;
use crate::tcp::{self, TcpSocket};
use crate::timers::Owner;
use crate::udp::{self, UdpSocket};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Waker;
use file::{File, SockAddr, Socket, WaitQueue};
use spin::Once;
use spinlock::{Mutex, MutexGuard};
use time::Clock;
use uapi::net as c;
use uapi::{Errno, Result};

/// Frames taken from a device before the lock is released for a moment.
const BURST: usize = 64;

/// All state.
pub(crate) struct Core {
    pub net: Net,
    pub tcp: tcp::Table,
    pub udp: udp::Table,
    pub reassembly: Reassembly,
    /// Woken when an interface's configuration changes.
    pub configured: Arc<Handle>,
}

/// What sockets and the image share.
pub(crate) struct Shared {
    core: Mutex<Core>,
    pub clock: &'static dyn Clock,
    /// The deadline that the image knows of.
    announced: AtomicU64,
    on_earlier: Once<Box<dyn Fn(u64) + Send + Sync>>,
}

impl Shared {
    /// Does something under the lock that may send, wake and set timers.
    pub fn with<R>(&self, f: impl FnOnce(&mut Core) -> R) -> R {
        let now = self.clock.monotonic_ns();
        let mut core = self.core.lock();
        core.net.now = core.net.now.max(now);
        let result = f(&mut core);
        self.finish(core);
        result
    }

    /// The same for what rarely has consequences: the clock is read only if it has.
    pub fn quietly<R>(&self, f: impl FnOnce(&mut Core) -> R) -> R {
        let mut core = self.core.lock();
        let result = f(&mut core);
        if core.is_settled() {
            return result;
        }
        core.net.now = core.net.now.max(self.clock.monotonic_ns());
        self.finish(core);
        result
    }

    /// Settles, releases the lock, then wakes and announces.
    fn finish(&self, mut core: MutexGuard<'_, Core>) {
        core.settle();
        // An empty list stays where it is, with its memory.
        let wakes = if core.net.wakes.is_empty() { Vec::new() } else { core.net.wakes.take() };
        let next = core.net.timers.next().unwrap_or(u64::MAX);
        drop(core);
        if !wakes.is_empty() {
            for (handle, events) in &wakes {
                handle.queue.wake(*events);
            }
            // Handles are let go of outside the lock too.
            let mut wakes = wakes;
            wakes.clear();
            self.core.lock().net.wakes.restore(wakes);
        }
        // Looked at first: nearly always the deadline is known, and then nothing need be written.
        if next < self.announced.load(Ordering::Acquire)
            && next < self.announced.fetch_min(next, Ordering::AcqRel)
            && let Some(hook) = self.on_earlier.get()
        {
            hook(next);
        }
    }

    /// Takes frames and runs timers. `interrupted`: the interface whose device asks for it.
    fn poll(&self, now: u64, mut interrupted: Option<u32>) {
        // The announced deadline may be the reason for this call: from here on a later one is news again.
        if self.announced.load(Ordering::Acquire) <= now {
            self.announced.store(u64::MAX, Ordering::Release);
        }
        loop {
            let mut core = self.core.lock();
            core.net.now = core.net.now.max(now);
            if let Some(index) = interrupted.take() {
                core.net.ack_interrupt(index);
            }
            let more = core.receive_burst();
            core.run_timers();
            self.finish(core);
            if !more {
                return;
            }
        }
    }
}

/// The network stack: clones are the same stack.
#[derive(Clone)]
pub struct Stack {
    shared: Arc<Shared>,
}

impl Stack {
    /// A stack with only a loopback. `random` fills buffers from a CSPRNG; `buffer_limit` is how many bytes all sockets together should hold
    /// (beyond it, windows and write room shrink to almost nothing).
    pub fn new(clock: &'static dyn Clock, mut random: RandomSource, buffer_limit: usize) -> Stack {
        let tcp = tcp::Table::new(&mut *random);
        let core = Core {
            net: Net::new(random, buffer_limit),
            tcp,
            udp: udp::Table::default(),
            reassembly: Reassembly::default(),
            configured: Handle::new(),
        };
        let shared = Shared { core: Mutex::new(core), clock, announced: AtomicU64::new(u64::MAX), on_earlier: Once::new() };
        Stack { shared: Arc::new(shared) }
    }

    /// Adds an interface; returns its index as applications see it (the first is 2; `lo` is 1). The image calls
    /// [`interrupt`](Self::interrupt) when its device interrupts.
    pub fn add_interface(&self, mut device: Box<dyn NetDevice>, config: InterfaceConfig) -> u32 {
        let mut caps = device.capabilities();
        caps.mtu = config.mtu.map_or(caps.mtu, |mtu| mtu.clamp(576, caps.mtu.max(576)));
        device.enable_interrupts();
        self.shared.with(|core| {
            let net = &mut core.net;
            let position = net.interfaces.len();
            let mut interface = Interface::new(config.name, Some(device), caps);
            interface.hostname = config.hostname;
            if config.ipv4 == Ipv4Config::Dhcp {
                interface.dhcp = Some(Box::new(dhcp::Client::new(net.random_u32())));
                net.timers.enter(net.now, Owner::Dhcp(position));
            }
            if config.ipv6 == Ipv6Config::Auto {
                interface.auto = Some(Box::new(AutoConfig::new()));
                net.timers.enter(net.now, Owner::AutoConfig(position));
            }
            net.interfaces.push(interface);
            if let Ipv4Config::Static { address, prefix, gateway } = config.ipv4 {
                net.add_address(position, Addr::from_v4(address), prefix, gateway.map(Addr::from_v4));
            }
            if config.ipv6 != Ipv6Config::None {
                net.add_address(position, Addr::link_local_of(caps.mac), 64, None);
            }
            if let Ipv6Config::Static { address, prefix, gateway } = config.ipv6 {
                net.add_address(position, Addr::from_v6(address), prefix, gateway.map(Addr::from_v6));
            }
            position as u32 + 1
        })
    }

    /// Takes received frames, runs timers, sends what may be sent, wakes who waits. Called from timers, and from anywhere that wants to see
    /// packets early.
    pub fn poll(&self, now_ns: u64) {
        self.shared.poll(now_ns, None);
    }

    /// What the interrupt handler of interface `index` calls: acknowledges the device and polls.
    pub fn interrupt(&self, index: u32, now_ns: u64) {
        self.shared.poll(now_ns, Some(index));
    }

    /// When [`poll`](Self::poll) must be called next, in monotonic nanoseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        self.shared.core.lock().net.timers.next()
    }

    /// Sets what is called, without locks held, when the next deadline has become earlier than the last one announced. Once. The image arms
    /// its timer queue with [`waker`](Self::waker).
    pub fn set_on_earlier(&self, hook: Box<dyn Fn(u64) + Send + Sync>) {
        let hook = self.shared.on_earlier.call_once(|| hook);
        if let Some(next) = self.next_deadline() {
            self.shared.announced.store(next, Ordering::Release);
            hook(next);
        }
    }

    /// A waker that polls the stack.
    pub fn waker(&self) -> Waker {
        struct Poll(Arc<Shared>);
        impl alloc::task::Wake for Poll {
            fn wake(self: Arc<Self>) {
                self.0.poll(self.0.clock.monotonic_ns(), None);
            }
        }
        Waker::from(Arc::new(Poll(self.shared.clone())))
    }

    /// socket(2) for AF_INET and AF_INET6. `kind` without SOCK_CLOEXEC and SOCK_NONBLOCK. EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT.
    pub fn socket(&self, domain: u16, kind: u32, protocol: u32) -> Result<Arc<dyn File>> {
        let family = match u32::from(domain) {
            c::AF_INET => Family::V4,
            c::AF_INET6 => Family::V6,
            c::AF_NETLINK => return crate::netlink::socket(&self.shared, kind, protocol),
            _ => return Err(Errno::EAFNOSUPPORT),
        };
        let icmp = if family == Family::V4 { crate::wire::protocol::ICMP } else { crate::wire::protocol::ICMPV6 };
        match (kind, protocol) {
            (c::SOCK_STREAM, 0 | 6) => Ok(TcpSocket::create(&self.shared, family)),
            (c::SOCK_DGRAM, 0 | 17) => Ok(UdpSocket::create(&self.shared, family, udp::Kind::Udp)),
            (c::SOCK_DGRAM, p) if p == u32::from(icmp) => Ok(UdpSocket::create(&self.shared, family, udp::Kind::Ping)),
            (c::SOCK_STREAM | c::SOCK_DGRAM, _) => Err(Errno::EPROTONOSUPPORT),
            // Raw sockets ask for CAP_NET_RAW, which we do not give.
            (c::SOCK_RAW, _) => Err(Errno::EPERM),
            _ => Err(Errno::ESOCKTNOSUPPORT),
        }
    }

    /// An interface's ioctl(2) for sockets of other families (netdevice(7)); ENOTTY for others.
    pub fn interface_ioctl(&self, command: u32, arg: u64, user: &dyn file::UserMemory) -> Result<u64> {
        crate::ioctl::interface_ioctl(&self.shared, command, arg, user)
    }

    /// All interfaces, `lo` first.
    pub fn interfaces(&self) -> Vec<InterfaceInfo> {
        self.shared.quietly(|core| core.net.interfaces.iter().enumerate().map(|(i, interface)| interface.info(i)).collect())
    }

    /// Whether an interface gets its address by DHCP.
    pub fn wants_leases(&self) -> bool {
        self.shared.quietly(|core| core.net.interfaces.iter().any(|interface| interface.dhcp.is_some()))
    }

    /// All routes, longest prefix first; interfaces by position (index minus one).
    pub fn routes(&self) -> Vec<Route> {
        self.shared.quietly(|core| core.net.routes.iter().copied().collect())
    }

    /// Woken with [`file::Events::PRI`] when an interface's addresses change (a lease has come).
    pub fn configured_queue(&self) -> WaitQueue {
        self.shared.quietly(|core| core.configured.queue.clone())
    }
}

impl Core {
    fn is_settled(&self) -> bool {
        let net = &self.net;
        net.tcp_work.is_empty() && net.loopback.is_empty() && net.wakes.is_empty() && net.interfaces.iter().all(|i| !i.unflushed)
    }

    /// Brings everything to rest: loopback packets, connections with work, rung doorbells.
    fn settle(&mut self) {
        loop {
            self.tcp.run_work(&mut self.net);
            let Some(packet) = self.net.loopback.pop_front() else { break };
            self.input_loopback(&packet);
        }
        self.net.flush();
    }

    /// Takes up to [`BURST`] frames from each device. Returns whether more are there.
    fn receive_burst(&mut self) -> bool {
        let mut more = false;
        for position in 1..self.net.interfaces.len() {
            let mut count = 0;
            loop {
                let device = |net: &mut Net| net.interfaces.get_mut(position).and_then(|i| i.device.as_mut().map(|d| d.receive()));
                let Some(Some(buffer)) = device(&mut self.net) else { break };
                self.input_frame(position, buffer.frame(), buffer.checksum);
                let Some(interface) = self.net.interfaces.get_mut(position) else { break };
                if let Some(device) = &mut interface.device {
                    device.recycle(buffer);
                }
                count += 1;
                if count == BURST {
                    break;
                }
            }
            let Some(interface) = self.net.interfaces.get_mut(position) else { continue };
            if count > 0 {
                interface.unflushed = true;
            }
            if count == BURST || interface.device.as_mut().is_some_and(|d| d.enable_interrupts()) {
                more = true;
            }
            if core::mem::take(&mut interface.stalled) {
                self.tcp.retry_stalled(&mut self.net);
                self.udp.unstall(&mut self.net);
            }
        }
        more
    }

    fn run_timers(&mut self) {
        let now = self.net.now;
        while let Some((at, owner)) = self.net.timers.take_due(now) {
            match owner {
                Owner::Tcp(id, generation) => self.tcp.run_timer(&mut self.net, id, generation, at),
                Owner::Neighbours(position) => self.run_neighbours(position),
                Owner::Dhcp(position) => self.run_dhcp(position),
                Owner::AutoConfig(position) => self.net.run_auto_config(position),
                Owner::Reassembly => self.reassembly.expire(&mut self.net),
            }
        }
    }
}

impl Net {
    /// Acknowledges the interrupt of interface `index`.
    fn ack_interrupt(&mut self, index: u32) {
        let interface = (index as usize).checked_sub(1).and_then(|i| self.interfaces.get_mut(i));
        if let Some(device) = interface.and_then(|i| i.device.as_mut()) {
            device.ack_interrupt();
        }
    }

    /// Gives an interface an address, its network a route, and possibly a default route.
    pub fn add_address(&mut self, position: usize, addr: Addr, prefix: u8, gateway: Option<Addr>) {
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        interface.addrs.retain(|a| a.addr != addr);
        interface.addrs.push(InterfaceAddr { addr, prefix });
        let mask = |addr: Addr| addr.network(prefix);
        self.routes.add(Route { network: mask(addr), prefix, gateway: None, interface: position });
        if let Some(gateway) = gateway {
            if !gateway.in_network(addr, prefix) {
                let host = if gateway.is_v4() { 32 } else { 128 };
                self.routes.add(Route { network: gateway, prefix: host, gateway: None, interface: position });
            }
            let any = if addr.is_v4() { Addr::ANY4 } else { Addr::ANY6 };
            self.routes.add(Route { network: any, prefix: 0, gateway: Some(gateway), interface: position });
        }
        self.generation = self.generation.wrapping_add(1);
    }

    /// Takes an interface's addresses for which `test` holds away, with all routes of their family over it.
    pub fn remove_addresses(&mut self, position: usize, test: impl Fn(Addr) -> bool) {
        let Some(interface) = self.interfaces.get_mut(position) else { return };
        interface.addrs.retain(|a| !test(a.addr));
        self.routes.remove(|r| r.interface == position && test(r.network));
        self.generation = self.generation.wrapping_add(1);
    }
}

impl Interface {
    pub fn info(&self, position: usize) -> InterfaceInfo {
        let lease = self.dhcp.as_ref().and_then(|d| d.lease().cloned());
        InterfaceInfo {
            index: position as u32 + 1,
            name: self.name.clone(),
            mac: self.device.is_some().then(|| self.mac()),
            mtu: self.caps.mtu,
            addrs: self.addrs.clone(),
            counters: self.counters,
            configured: self.dhcp.is_none() || lease.is_some(),
            lease,
        }
    }
}

/// An address that an application gave to a socket of `family`. EAFNOSUPPORT for another family. With an IPv6 scope id.
pub(crate) fn endpoint_of(addr: &SockAddr, family: Family) -> Result<(Endpoint, u32)> {
    match (addr, family) {
        (SockAddr::V4(a), Family::V4) => Ok((Endpoint { addr: Addr::from_v4(*a.ip()), port: a.port() }, 0)),
        (SockAddr::V6(a), Family::V6) => Ok((Endpoint { addr: Addr::from_v6(*a.ip()), port: a.port() }, a.scope_id())),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// AF_INET or AF_INET6.
pub(crate) fn domain(family: Family) -> u16 {
    match family {
        Family::V4 => c::AF_INET as u16,
        Family::V6 => c::AF_INET6 as u16,
    }
}

/// The options that every socket answers the same way: SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR.
pub(crate) fn identity_option(socket: &dyn Socket, level: i32, name: i32) -> Option<Result<Vec<u8>>> {
    if u32::try_from(level) != Ok(c::SOL_SOCKET) {
        return None;
    }
    let (domain, kind, protocol) = socket.identity();
    Some(give(match u32::try_from(name).ok()? {
        c::SO_TYPE => kind.cast_signed(),
        c::SO_DOMAIN => i32::from(domain),
        c::SO_PROTOCOL => protocol.cast_signed(),
        c::SO_ERROR => socket.take_error().map_or(0, |e| i32::from(e.code())),
        _ => return None,
    }))
}
