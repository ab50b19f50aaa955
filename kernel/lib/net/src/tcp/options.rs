//! tcp(7)'s options and TCP_INFO.

use super::{Connection, State, Table};
use crate::options::{Handled, Options, give, give_size, int};
use crate::output::Net;
use alloc::vec;
use alloc::vec::Vec;
use uapi::net as c;
use uapi::{Errno, Result};

/// The one congestion control there is, by Linux's name.
const CONGESTION: &[u8] = b"reno";

impl Table {
    /// setsockopt(2).
    pub(super) fn set_option(&mut self, net: &mut Net, id: u32, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let connection = self.get(id)?;
        let v6only = connection.options.v6only;
        let rebind = connection.options.set(connection.family, level, name, value, &net.interfaces)?;
        if rebind == Handled::Yes {
            if connection.options.v6only != v6only && connection.local.port != 0 {
                connection.options.v6only = v6only;
                return Err(Errno::EINVAL);
            }
            connection.start_keepalive(net);
            if connection.bound && connection.state != State::Listen && connection.local.port != 0 {
                let (port, binding) = (connection.local.port, connection.binding());
                if !self.ports.is_unused(port) {
                    self.ports.bind(port, binding);
                }
            }
            return Ok(());
        }
        match u32::try_from(level) {
            Ok(c::SOL_SOCKET) if u32::try_from(name) == Ok(c::SO_OOBINLINE) => {
                connection.urgent.inline = int(value)? != 0;
                connection.publish();
                Ok(())
            }
            Ok(c::SOL_TCP) => connection.set_tcp(net, u32::try_from(name).map_err(|_| Errno::ENOPROTOOPT)?, value),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}

/// A number of seconds or the like within `range`.
fn bounded(value: &[u8], range: core::ops::RangeInclusive<u32>) -> Result<u32> {
    let value = u32::try_from(int(value)?).map_err(|_| Errno::EINVAL)?;
    if range.contains(&value) { Ok(value) } else { Err(Errno::EINVAL) }
}

impl Connection {
    fn set_tcp(&mut self, net: &mut Net, name: u32, value: &[u8]) -> Result<()> {
        match name {
            c::TCP_NODELAY => {
                self.tcp.nodelay = int(value)? != 0;
                if self.tcp.nodelay && self.unsent() > 0 {
                    net.work_tcp(&mut self.queued, self.id);
                }
            }
            c::TCP_CORK => {
                self.tcp.cork = int(value)? != 0;
                if !self.tcp.cork && self.unsent() > 0 {
                    self.more = false;
                    self.output(net, super::output::Force::Yes);
                }
            }
            c::TCP_QUICKACK => {
                self.tcp.quickack = int(value)? != 0;
                if self.tcp.quickack && self.ack == super::Ack::Delayed {
                    self.ack = super::Ack::Now;
                    net.work_tcp(&mut self.queued, self.id);
                }
            }
            c::TCP_KEEPIDLE => {
                self.tcp.keep_idle = bounded(value, 1..=32767)?;
                self.start_keepalive(net);
            }
            c::TCP_KEEPINTVL => self.tcp.keep_interval = bounded(value, 1..=32767)?,
            c::TCP_KEEPCNT => self.tcp.keep_count = bounded(value, 1..=127)?,
            c::TCP_USER_TIMEOUT => self.tcp.user_timeout = bounded(value, 0..=u32::MAX >> 1)?,
            c::TCP_SYNCNT => self.tcp.syn_retries = bounded(value, 1..=127)?,
            c::TCP_DEFER_ACCEPT => self.tcp.defer_accept = bounded(value, 0..=u32::MAX >> 1)?,
            c::TCP_LINGER2 => self.tcp.linger2 = u32::try_from(int(value)?).unwrap_or(0).min(60),
            c::TCP_MAXSEG => self.tcp.max_segment = bounded(value, 88..=32767)? as u16,
            c::TCP_NOTSENT_LOWAT => {
                self.tcp.notsent_low_water = u32::from_ne_bytes(int(value)?.to_ne_bytes());
                self.publish();
            }
            c::TCP_CONGESTION => {
                let name = value.split(|b| *b == 0).next().unwrap_or(&[]);
                if name != CONGESTION {
                    return Err(Errno::ENOENT);
                }
            }
            // TCP_FASTOPEN and all else: not there, and said so.
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// getsockopt(2).
    pub(super) fn get_option(&mut self, net: &Net, level: i32, name: i32) -> Result<Vec<u8>> {
        if let Some(value) = self.options.get(self.family, level, name, &net.interfaces) {
            return value;
        }
        let name = u32::try_from(name).map_err(|_| Errno::ENOPROTOOPT)?;
        match (u32::try_from(level), name) {
            (Ok(c::SOL_SOCKET), c::SO_ACCEPTCONN) => give(i32::from(self.state == State::Listen)),
            (Ok(c::SOL_SOCKET), c::SO_OOBINLINE) => give(i32::from(self.urgent.inline)),
            (Ok(c::SOL_TCP), c::TCP_NODELAY) => give(i32::from(self.tcp.nodelay)),
            (Ok(c::SOL_TCP), c::TCP_CORK) => give(i32::from(self.tcp.cork)),
            (Ok(c::SOL_TCP), c::TCP_QUICKACK) => give(i32::from(self.tcp.quickack)),
            (Ok(c::SOL_TCP), c::TCP_KEEPIDLE) => give(self.tcp.keep_idle.cast_signed()),
            (Ok(c::SOL_TCP), c::TCP_KEEPINTVL) => give(self.tcp.keep_interval.cast_signed()),
            (Ok(c::SOL_TCP), c::TCP_KEEPCNT) => give(self.tcp.keep_count.cast_signed()),
            (Ok(c::SOL_TCP), c::TCP_USER_TIMEOUT) => give(self.tcp.user_timeout.cast_signed()),
            (Ok(c::SOL_TCP), c::TCP_SYNCNT) => give(self.tcp.syn_retries.cast_signed()),
            (Ok(c::SOL_TCP), c::TCP_DEFER_ACCEPT) => give(self.tcp.defer_accept.cast_signed()),
            (Ok(c::SOL_TCP), c::TCP_LINGER2) => give(self.tcp.linger2.cast_signed()),
            (Ok(c::SOL_TCP), c::TCP_MAXSEG) => give_size(usize::from(self.mss)),
            (Ok(c::SOL_TCP), c::TCP_NOTSENT_LOWAT) => give(self.tcp.notsent_low_water.cast_signed()),
            (Ok(c::SOL_TCP), c::TCP_CONGESTION) => {
                let mut name = CONGESTION.to_vec();
                name.resize(16, 0);
                Ok(name)
            }
            (Ok(c::SOL_TCP), c::TCP_INFO) => Ok(self.info(net)),
            (level, _) => Err(crate::options::unknown(self.family, level.ok())),
        }
    }

    /// `struct tcp_info` up to tcpi_total_retrans; times in microseconds (or milliseconds where Linux has those).
    fn info(&self, net: &Net) -> Vec<u8> {
        let micros = |ns: u64| u32::try_from(ns / 1000).unwrap_or(u32::MAX);
        let since = |at: u64| u32::try_from(net.now.saturating_sub(at) / 1_000_000).unwrap_or(u32::MAX);
        let small = |n: u32| u8::try_from(n).unwrap_or(u8::MAX);
        let mut out = vec![0u8; 8];
        out[0] = self.state.linux();
        out[2] = small(self.retries);
        out[3] = small(self.probes);
        out[4] = small(self.rtt.backoff);
        // TCPI_OPT_SACK, TCPI_OPT_WSCALE
        out[5] = u8::from(self.sack) << 1 | u8::from(self.rcv_scale > 0) << 2;
        out[6] = self.peer_scale | self.rcv_scale << 4;
        let mss = self.mss32();
        let flight = self.sent - self.una;
        let threshold =
            if self.congestion.threshold == u32::MAX { i32::MAX.cast_unsigned() } else { self.congestion.threshold / mss.max(1) };
        let fields = [
            micros(self.rtt.timeout()),
            40_000,
            mss,
            mss,
            flight.div_ceil(mss.max(1)),
            0,
            0,
            u32::from(self.congestion.recover.is_some()),
            0,
            since(self.last_sent_at),
            0,
            since(self.last_received_at),
            since(self.last_received_at),
            u32::from(self.our_mss(net)) + if self.remote.addr.is_v4() { 40 } else { 60 },
            self.rcv_edge.since(self.rcv_nxt) as u32,
            micros(self.rtt.smoothed),
            micros(self.rtt.variance),
            threshold,
            self.congestion.window / mss.max(1),
            mss,
            3,
            0,
            self.options.receive_buffer as u32,
            self.retransmissions,
        ];
        for field in fields {
            out.extend_from_slice(&field.to_ne_bytes());
        }
        out
    }

    /// Fresh options for a socket of this kind.
    pub(super) fn default_options() -> Options {
        Options::new(crate::options::TCP_BUFFER)
    }
}
