//! Sockets, as in `std::net`. Addresses are numbers: there is no resolver.

mod socket;
mod tcp;
mod udp;

pub use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
pub use file::Shutdown;
pub(crate) use socket::Socket;
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
