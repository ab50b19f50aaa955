//! Published ports: read, compared with each other, tried.

use crate::error::{Error, Result};
use pith_monitor::{PortForward, Protocol};
use std::net::{SocketAddr, TcpListener, UdpSocket};

/// Reads `-p` values.
///
/// # Errors
/// A value that is none, a port published twice.
pub fn parse(texts: &[String]) -> Result<Vec<PortForward>> {
    let mut ports: Vec<PortForward> = Vec::new();
    for text in texts {
        for port in PortForward::parse(text).map_err(|error| Error::new(format!("--port {error}")))? {
            let same = |other: &&PortForward| {
                let overlaps = other.host == port.host || other.host.is_unspecified() || port.host.is_unspecified();
                overlaps && (other.host_port, other.protocol) == (port.host_port, port.protocol)
            };
            if let Some(other) = ports.iter().find(same) {
                return Err(Error::new(format!("--port {text:?}: port {} is published twice ({other})", port.host_port)));
            }
            ports.push(port);
        }
    }
    Ok(ports)
}

/// Tries every published port before a machine is started for nothing.
///
/// # Errors
/// The first that cannot be had.
pub fn check(ports: &[PortForward]) -> Result<()> {
    for port in ports {
        let address = SocketAddr::new(port.host, port.host_port);
        let tried = match port.protocol {
            Protocol::Tcp => TcpListener::bind(address).map(drop),
            Protocol::Udp => UdpSocket::bind(address).map(drop),
        };
        let Err(error) = tried else { continue };
        let what = format!("cannot publish {port}: {error}");
        let help = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there; publish a different host port".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                format!("ports below 1024 need privileges; publish for example {}:{}", u32::from(port.host_port) + 8000, port.guest_port)
            }
            _ => "is this an address of this host?".to_owned(),
        };
        return Err(Error::new(what).with_help(help));
    }
    Ok(())
}
