//! The network stack: Ethernet, ARP, IPv4, IPv6, ICMP, UDP, TCP, DHCP, and the sockets on top.
//!
//! A reader's way through: [`Stack`] (in `stack`) is what the image has: it adds interfaces, polls on interrupts and timers, makes sockets.
//! One lock guards [`stack::Core`](stack), which is [`output::Net`](output) (interfaces, routes, neighbours, the way out), the TCP and UDP
//! tables, and `input` (the way in). Applications see `tcp::TcpSocket` and `udp::UdpSocket`, which implement [`file::Socket`].
//!
//! Nothing here blocks and nothing here is global: time, randomness and devices ([`NetDevice`]) are handed in, so that two stacks joined by a
//! simulated link run in a host test. TCP's state machine is our own; colder wire formats (ARP, neighbour discovery, DHCP) are smoltcp's.
//!
//! Neighbours: `virtio-net` implements [`NetDevice`]; `syscall` calls sockets; `time` gives the clock; `epoll` waits on their queues.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod addr;
mod arp;
mod checksum;
mod chunks;
mod device;
mod dhcp;
mod handle;
mod icmp;
mod input;
mod interface;
mod ioctl;
mod nd;
mod ndp;
mod neighbour;
mod netlink;
mod options;
mod output;
mod ports;
mod reassembly;
mod route;
mod stack;
mod tcp;
mod timers;
mod udp;
mod wire;

pub use addr::Addr;
pub use device::{Capabilities, Mac, NetDevice, RxBuffer, RxChecksum, RxStorage, Segmentation, TxFull, TxOffload};
pub use dhcp::Lease;
pub use interface::{Counters, InterfaceAddr, InterfaceConfig, InterfaceInfo, Ipv4Config, Ipv6Config};
pub use output::RandomSource;
pub use route::Route;
pub use stack::Stack;
