//! The network: the stack, its interfaces, and what the application's resolver reads.

use crate::devices::Found;
use crate::platform::RNG;
use crate::{machine, memory};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::net::IpAddr;
use net::{InterfaceConfig, Ipv4Config, Ipv6Config, Stack};
use pith_abi::cmdline::NetdevIp;
use spin::Mutex;
use time::{Timer, TimerQueue};
use virtio_net::VirtioNet;

/// The stack, polled by its own timer.
pub fn start(timers: &TimerQueue) -> Arc<Stack> {
    // A socket's buffers may take a sixteenth of memory each at most.
    let limit = (memory::FRAMES.total_bytes() / 16).clamp(64 << 10, 4 << 20) as usize;
    let stack = Arc::new(Stack::new(machine::get().clock, Box::new(|out| RNG.fill(out)), limit));
    let waker = stack.waker();
    let armed: Mutex<Option<Timer>> = Mutex::new(None);
    let timers = timers.clone();
    stack.set_on_earlier(Box::new(move |deadline| {
        let timer = timers.arm(deadline, waker.clone());
        drop(armed.lock().replace(timer));
    }));
    stack
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
    found.handler.call_once(|| Box::new(move || own.interrupt(number, machine::now_ns())));
}

/// The lines of resolv.conf(5) for the name servers that the command line gives.
pub fn resolv_conf(ips: &[NetdevIp]) -> String {
    let mut text = String::new();
    for ip in ips {
        for server in &ip.dns {
            text += &format!("nameserver {server}\n");
        }
        if let Some(domain) = &ip.domain {
            text += &format!("search {domain}\n");
        }
    }
    text
}
