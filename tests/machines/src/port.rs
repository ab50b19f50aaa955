//! Ports for tests, of which many run at a time, in several processes.

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;

/// Below what Linux gives to outgoing connections (`net.ipv4.ip_local_port_range`, 32768 and up), so that none of those takes a port between its choice
/// and its use.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// What says that this process has a port; held to its end.
static OURS: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port of all addresses of this machine, TCP and UDP, that nobody uses, and that no other test is given while this process lives.
pub fn free_port() -> u16 {
    // A directory for each user: nobody may write to another's.
    let user = std::fs::metadata("/proc/self").map_or(0, |own| own.uid());
    let directory = std::env::temp_dir().join(format!("pith-test-ports-{user}"));
    std::fs::create_dir_all(&directory).expect("a directory for the locks of ports");
    let mut ours = OURS.lock().expect("nobody fails while holding it");
    // Each process begins elsewhere.
    let count = PORTS.end - PORTS.start;
    let first = u16::try_from(std::process::id().wrapping_mul(61) % u32::from(count)).expect("a remainder");
    for step in 0..count {
        let port = PORTS.start + (first + step) % count;
        let lock = File::create(directory.join(port.to_string())).expect("a file of ours");
        if lock.try_lock().is_err() {
            continue;
        }
        if TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("0.0.0.0", port)).is_ok() {
            ours.push(lock);
            return port;
        }
    }
    panic!("none of the ports {PORTS:?} is free");
}
