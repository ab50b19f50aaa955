//! Socket options (socket(7), unix(7)).

use crate::UnixSocket;
use crate::socket::{DEFAULT_BUFFER, Role};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use uapi::{Errno, Result};

const SOL_SOCKET: i32 = 1;

mod name {
    pub const REUSEADDR: i32 = 2;
    pub const DONTROUTE: i32 = 5;
    pub const BROADCAST: i32 = 6;
    pub const SNDBUF: i32 = 7;
    pub const RCVBUF: i32 = 8;
    pub const KEEPALIVE: i32 = 9;
    pub const OOBINLINE: i32 = 10;
    pub const PRIORITY: i32 = 12;
    pub const LINGER: i32 = 13;
    pub const PASSCRED: i32 = 16;
    pub const PEERCRED: i32 = 17;
    pub const RCVLOWAT: i32 = 18;
    pub const RCVTIMEO: i32 = 20;
    pub const SNDTIMEO: i32 = 21;
    pub const ACCEPTCONN: i32 = 30;
    pub const SNDBUFFORCE: i32 = 32;
    pub const RCVBUFFORCE: i32 = 33;
}

/// Options that are stored and mean nothing to this family, as on Linux.
const STORED: [i32; 6] = [name::REUSEADDR, name::DONTROUTE, name::BROADCAST, name::KEEPALIVE, name::OOBINLINE, name::PRIORITY];

const MIN_SEND_BUFFER: usize = 4608;
const MIN_RECEIVE_BUFFER: usize = 2304;

/// What setsockopt(2) has set.
pub(crate) struct Options {
    pass_credentials: AtomicBool,
    send_buffer: AtomicUsize,
    receive_buffer: AtomicUsize,
    low_water: AtomicUsize,
    /// Nanoseconds, 0 is for ever.
    receive_timeout: AtomicU64,
    send_timeout: AtomicU64,
    linger: AtomicU64,
    stored: [AtomicU32; STORED.len()],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pass_credentials: AtomicBool::new(false),
            send_buffer: AtomicUsize::new(DEFAULT_BUFFER),
            receive_buffer: AtomicUsize::new(DEFAULT_BUFFER),
            low_water: AtomicUsize::new(1),
            receive_timeout: AtomicU64::new(0),
            send_timeout: AtomicU64::new(0),
            linger: AtomicU64::new(0),
            stored: Default::default(),
        }
    }
}

impl Options {
    pub fn send_limit(&self) -> usize {
        self.send_buffer.load(Ordering::Relaxed)
    }

    pub fn passes_credentials(&self) -> bool {
        self.pass_credentials.load(Ordering::Relaxed)
    }

    pub fn low_water(&self) -> usize {
        self.low_water.load(Ordering::Relaxed)
    }

    /// Receive and send timeouts in nanoseconds.
    pub fn timeouts_ns(&self) -> (Option<u64>, Option<u64>) {
        let some = |timeout: &AtomicU64| Some(timeout.load(Ordering::Relaxed)).filter(|ns| *ns != 0);
        (some(&self.receive_timeout), some(&self.send_timeout))
    }

    /// What an accepted socket takes over from the listening one.
    pub fn inherit(&self, listener: &Options) {
        self.pass_credentials.store(listener.passes_credentials(), Ordering::Relaxed);
    }
}

fn int(value: &[u8]) -> Result<i32> {
    let bytes = value.first_chunk::<4>().ok_or(Errno::EINVAL)?;
    Ok(i32::from_ne_bytes(*bytes))
}

fn long(value: &[u8], at: usize) -> Result<i64> {
    let bytes = value.get(at..).and_then(|rest| rest.first_chunk::<8>()).ok_or(Errno::EINVAL)?;
    Ok(i64::from_ne_bytes(*bytes))
}

/// `struct timeval` as nanoseconds; negative times do not wait (1 ns), as on Linux. EDOM: microseconds out of range.
fn timeout(value: &[u8]) -> Result<u64> {
    let (sec, usec) = (long(value, 0)?, long(value, 8)?);
    if !(0..1_000_000).contains(&usec) {
        return Err(Errno::EDOM);
    }
    let Ok(sec) = u64::try_from(sec) else { return Ok(1) };
    Ok(sec.saturating_mul(1_000_000_000).saturating_add(usec.cast_unsigned() * 1000))
}

fn timeval(ns: u64) -> Vec<u8> {
    [ns / 1_000_000_000, ns % 1_000_000_000 / 1000].iter().flat_map(|part| part.to_ne_bytes()).collect()
}

/// Linux doubles what is asked, for its own overhead, and caps it at net.core.wmem_max (here the default size).
fn buffer(value: &[u8], min: usize) -> Result<usize> {
    let asked = usize::try_from(int(value)?).unwrap_or(usize::MAX).min(DEFAULT_BUFFER);
    Ok((asked * 2).max(min))
}

impl UnixSocket {
    pub(crate) fn set_option_value(&self, level: i32, option: i32, value: &[u8]) -> Result<()> {
        if level != SOL_SOCKET {
            return Err(Errno::ENOPROTOOPT);
        }
        let options = &self.options;
        match option {
            name::PASSCRED => options.pass_credentials.store(int(value)? != 0, Ordering::Relaxed),
            name::SNDBUF | name::SNDBUFFORCE => options.send_buffer.store(buffer(value, MIN_SEND_BUFFER)?, Ordering::Relaxed),
            name::RCVBUF | name::RCVBUFFORCE => options.receive_buffer.store(buffer(value, MIN_RECEIVE_BUFFER)?, Ordering::Relaxed),
            name::RCVLOWAT => {
                let bytes = usize::try_from(int(value)?).unwrap_or(i32::MAX as usize);
                options.low_water.store(bytes.max(1), Ordering::Relaxed);
            }
            name::RCVTIMEO => options.receive_timeout.store(timeout(value)?, Ordering::Relaxed),
            name::SNDTIMEO => options.send_timeout.store(timeout(value)?, Ordering::Relaxed),
            name::LINGER => options.linger.store(long(value, 0)?.cast_unsigned(), Ordering::Relaxed),
            other => {
                let index = STORED.iter().position(|stored| *stored == other).ok_or(Errno::ENOPROTOOPT)?;
                let asked = int(value)?;
                let kept = if other == name::PRIORITY { asked } else { i32::from(asked != 0) };
                options.stored[index].store(kept.cast_unsigned(), Ordering::Relaxed);
            }
        }
        Ok(())
    }

    pub(crate) fn option_value(&self, level: i32, option: i32) -> Result<Vec<u8>> {
        if level != SOL_SOCKET {
            return Err(Errno::ENOPROTOOPT);
        }
        let options = &self.options;
        let int = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
        let value = match option {
            name::PASSCRED => i32::from(options.passes_credentials()),
            name::SNDBUF => int(options.send_limit()),
            name::RCVBUF => int(options.receive_buffer.load(Ordering::Relaxed)),
            name::RCVLOWAT => int(options.low_water()),
            name::ACCEPTCONN => i32::from(matches!(self.state.lock().role, Role::Listening(_))),
            name::RCVTIMEO => return Ok(timeval(options.receive_timeout.load(Ordering::Relaxed))),
            name::SNDTIMEO => return Ok(timeval(options.send_timeout.load(Ordering::Relaxed))),
            name::LINGER => return Ok(options.linger.load(Ordering::Relaxed).to_ne_bytes().to_vec()),
            name::PEERCRED => return Ok(self.peer_credentials()),
            other => {
                let index = STORED.iter().position(|stored| *stored == other).ok_or(Errno::ENOPROTOOPT)?;
                options.stored[index].load(Ordering::Relaxed).cast_signed()
            }
        };
        Ok(value.to_ne_bytes().to_vec())
    }

    /// `struct ucred`: of the peer when it connected or listened, of the owner for a listening socket; without a peer, pid 0 and ids -1.
    fn peer_credentials(&self) -> Vec<u8> {
        let (pid, uid, gid) = match &self.state.lock().role {
            Role::Connected(connection) if self.is_connection_oriented() || connection.peer_credentials != Default::default() => {
                let peer = connection.peer_credentials;
                (peer.pid, peer.uid, peer.gid)
            }
            Role::Listening(listening) => (listening.credentials.pid, listening.credentials.uid, listening.credentials.gid),
            _ => (0, u32::MAX, u32::MAX),
        };
        [pid.cast_unsigned(), uid, gid].iter().flat_map(|part| part.to_ne_bytes()).collect()
    }
}
