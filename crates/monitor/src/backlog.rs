//! Room for connections that come all at once.
//!
//! QEMU's user network listens on a published port with a backlog of 1 (libslirp, `slirp_add_hostfwd`). When several clients connect in the same
//! instant the host drops what does not fit, and those clients wait for a retransmission, 200 ms or a second. A listening socket takes a new backlog by
//! another listen(2), and the monitor is our child: we borrow its sockets (pidfd_getfd(2)) and ask for more room.

use rustix::net::sockopt::socket_acceptconn;
use rustix::net::{AddressFamily, getsockname, listen};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::os::fd::RawFd;
use std::process::Child;

/// Connections that wait to be accepted: Linux's own limit since 5.4 (`net.core.somaxconn`), which caps it.
const BACKLOG: i32 = 4096;

/// Gives the ports that the monitor listens on a backlog like a server's. To be called once it is up. Where the host does not allow it
/// (kernels before 5.6, a stricter ptrace policy) the ports work as the monitor set them up.
pub fn widen_backlogs(monitor: &Child) {
    let Ok(process) = pidfd_open(Pid::from_child(monitor), PidfdFlags::empty()) else { return };
    let directory = format!("/proc/{}/fd", monitor.id());
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let sockets = entries
        .flatten()
        .filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"socket:")));
    let numbers = sockets.filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
    for number in numbers {
        let Ok(socket) = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) else { continue };
        let is_internet =
            getsockname(&socket).is_ok_and(|name| [AddressFamily::INET, AddressFamily::INET6].contains(&name.address_family()));
        if is_internet && socket_acceptconn(&socket) == Ok(true) {
            let _ = listen(&socket, BACKLOG);
        }
    }
}
