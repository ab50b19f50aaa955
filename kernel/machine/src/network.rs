//! The network: the stack, its interfaces, and what the application's resolver reads.

use crate::devices::Found;
use crate::files::Provided;
use crate::random::RNG;
use crate::{files, memory, pc};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write;
use core::net::IpAddr;
use core::task::Waker;
use file::{Events, Share};
use net::{InterfaceConfig, Ipv4Config, Ipv6Config, Stack};
use pith_abi::cmdline::NetdevIp;
use spinlock::Mutex;
use time::{Timer, TimerQueue};
use vfs::Context;
use virtio_net::VirtioNet;

/// The stack, polled by its own timer.
pub fn start(timers: &TimerQueue) -> Arc<Stack> {
    // A socket's buffers may take a sixteenth of memory each at most.
    let limit = (memory::FRAMES.total_bytes() / 16).clamp(64 << 10, 4 << 20) as usize;
    let stack = Arc::new(Stack::new(pc::get().clock, Box::new(|out| RNG.fill(out)), limit));
    let waker = stack.waker();
    let armed: Mutex<Option<Timer>> = Mutex::new(None);
    let timers = timers.clone();
    stack.set_on_earlier(Box::new(move |deadline| {
        let timer = timers.arm(deadline, waker.clone());
        drop(armed.lock().replace(timer));
    }));
    stack
}

/// Adds each interface's counters to the machine's.
#[cfg(feature = "agent")]
pub fn count(stack: &Stack, stats: &mut pith_abi::agent::Stats) {
    for interface in stack.interfaces() {
        let c = interface.counters;
        stats.interfaces.push(pith_abi::agent::InterfaceStats {
            values: [c.rx_packets, c.rx_bytes, c.rx_dropped, c.tx_packets, c.tx_bytes],
            name: interface.name.into_bytes(),
        });
    }
}

/// Starts a network card as interface number `index` (`eth0`, `eth1`, ...).
pub fn add(stack: &Arc<Stack>, found: Found, index: usize, ip: Option<&NetdevIp>, hostname: &str) {
    let mut mac = [0; 6];
    RNG.fill(&mut mac);
    // Locally administered, not multicast.
    mac[0] = mac[0] & 0xfc | 2;
    let card = match VirtioNet::new(found.transport, &memory::FRAMES, mac) {
        Ok(card) => card,
        Err(error) => {
            crate::log!(Error, "network card {index} cannot be used: {error:?}");
            return;
        }
    };
    let mut config = InterfaceConfig { name: format!("eth{index}"), hostname: hostname.into(), ..InterfaceConfig::default() };
    match ip {
        None => {
            config.ipv4 = Ipv4Config::Dhcp;
            config.ipv6 = Ipv6Config::Auto;
        }
        Some(ip) => match ip.cidr.address {
            IpAddr::V4(address) => {
                let gateway = match ip.gateway {
                    Some(IpAddr::V4(gateway)) => Some(gateway),
                    _ => None,
                };
                config.ipv4 = Ipv4Config::Static { address, prefix: ip.cidr.prefix, gateway };
                config.ipv6 = Ipv6Config::Auto;
            }
            IpAddr::V6(address) => {
                let gateway = match ip.gateway {
                    Some(IpAddr::V6(gateway)) => Some(gateway),
                    _ => None,
                };
                config.ipv6 = Ipv6Config::Static { address, prefix: ip.cidr.prefix, gateway };
            }
        },
    }
    let number = stack.add_interface(Box::new(card), config);
    let own = stack.clone();
    found.handler.call_once(|| Box::new(move || own.interrupt(number, pc::now_ns())));
}

/// What /etc holds because of the network: hosts(5), and resolv.conf(5) as the command line says it.
pub fn provided_files(ips: &[NetdevIp], hostname: &str) -> Vec<Provided> {
    let mut hosts = String::from("127.0.0.1 localhost ");
    hosts.push_str(hostname);
    hosts.push_str("\n::1 localhost\n");
    vec![Provided { path: "/etc/hosts", text: hosts }, Provided { path: RESOLV_CONF, text: fixed_lines(ips) }]
}

fn fixed_lines(ips: &[NetdevIp]) -> String {
    let mut fixed = String::new();
    for ip in ips {
        lines(&mut fixed, &mut ip.dns.iter().copied(), ip.domain.as_deref());
    }
    fixed
}

/// Writes into resolv.conf(5) what leases say whenever one comes. Not for one that the image brings along; nothing to do while no interface asks for a lease.
pub fn keep_resolv_conf(stack: &Arc<Stack>, context: &Context, ips: &[NetdevIp]) {
    if !stack.wants_leases() {
        return;
    }
    let writer = Arc::new(ResolvConf { stack: Arc::downgrade(stack), context: context.clone(), fixed: fixed_lines(ips) });
    let queue = stack.configured_queue();
    // For as long as the machine runs.
    core::mem::forget(queue.register(Events::PRI, Share::All, Waker::from(writer.clone())));
    writer.wake();
}

/// Where resolvers look.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Woken when an interface's configuration has changed.
struct ResolvConf {
    stack: Weak<Stack>,
    context: Context,
    /// Lines from the command line.
    fixed: String,
}

impl Wake for ResolvConf {
    fn wake(self: Arc<Self>) {
        let Some(stack) = self.stack.upgrade() else { return };
        let leases: Vec<_> = stack.interfaces().into_iter().filter_map(|interface| Some((interface.name, interface.lease?))).collect();
        if leases.is_empty() {
            return;
        }
        let mut text = self.fixed.clone();
        for (name, lease) in leases {
            crate::log!(Debug, "{name}: {}/{} from the DHCP server {}", lease.address, lease.prefix, lease.server);
            lines(&mut text, &mut lease.dns.iter().copied().map(IpAddr::from), (!lease.domain.is_empty()).then_some(&*lease.domain));
        }
        files::write(&self.context, RESOLV_CONF.as_bytes(), text.as_bytes());
    }
}

fn lines(text: &mut String, servers: &mut dyn Iterator<Item = IpAddr>, domain: Option<&str>) {
    // Writing to a string does not fail.
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if let Some(domain) = domain {
        let _ = writeln!(text, "search {domain}");
    }
}
