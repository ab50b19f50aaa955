//! Sending: what may go out now, and how it looks.

use super::congestion::First;
use super::segment::{CHECKSUM_AT, HeaderBuilder, SynOptions, flags};
use super::seq::Seq;
use super::{Ack, Connection, State, WINDOW_SCALE};
use crate::chunks::ChunkQueue;
use crate::output::{Net, Outgoing, Payload};
use crate::timers::{MS, NEVER};
use crate::wire::{IpHeader, protocol};
use uapi::{Errno, Result};

/// Longest that TCP_CORK and MSG_MORE hold back a partial segment.
const CORK_NS: u64 = 200 * MS;
/// A frame that the device cuts is at most this long: the ring's descriptors are few.
const TSO_MAX: usize = 32 * 1024;

/// A connection's queued bytes from an offset on.
struct Queued<'a> {
    queue: &'a ChunkQueue,
    offset: usize,
}

impl Payload for Queued<'_> {
    fn copy(&self, offset: usize, out: &mut [u8]) {
        self.queue.copy(self.offset + offset, out);
    }
}

/// Whether a segment that Nagle's algorithm would hold back goes out all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    No,
    Yes,
}

impl Connection {
    /// Sends whatever may be sent: data, FIN, acknowledgement.
    pub(super) fn output(&mut self, net: &mut Net, force: Force) {
        match self.state {
            State::SynSent | State::SynReceived => {
                if self.nxt == self.iss {
                    self.send_syn(net);
                } else if self.ack == Ack::Now {
                    self.send_ack(net);
                }
            }
            State::Closed | State::Listen => {}
            _ => self.output_data(net, force),
        }
        self.arm(net);
    }

    fn output_data(&mut self, net: &mut Net, force: Force) {
        if self.nxt == self.una && self.unsent() > 0 && net.now.saturating_sub(self.last_sent_at) > self.rtt.timeout() {
            self.congestion.idle(self.mss32());
        }
        let tso = self.tso_payload(net);
        while let Some((len, fin)) = self.next_piece(tso, force) {
            let mut header_flags = flags::ACK;
            if fin {
                header_flags |= flags::FIN;
            }
            if self.nxt.plus(len) == self.data_end() && len > 0 {
                header_flags |= flags::PSH;
            }
            let seq = self.nxt;
            if self.send_segment(net, seq, len, header_flags) == Err(Errno::ENOBUFS) {
                net.stalled_tcp.push(self.id);
                break;
            }
            let end = seq.plus(len + usize::from(fin));
            if !seq.before(self.sent) {
                if self.timed.is_none() {
                    self.timed = Some((end, net.now));
                }
                if self.una == seq {
                    self.unacked_since = net.now;
                }
            } else {
                self.retransmissions += 1;
            }
            self.nxt = end;
            self.sent = self.sent.max(end);
            self.last_sent_at = net.now;
            self.persist_at = NEVER;
            if self.rto_at == NEVER {
                self.rto_at = net.now + self.rtt.timeout();
            }
        }
        if self.ack == Ack::Now {
            self.send_ack(net);
        }
        // Data waits, nothing is in flight to bring an acknowledgement: somebody must ask (RFC 9293 §3.8.6.1), or the cork comes out.
        if self.nxt == self.una && self.unsent() > 0 && self.persist_at == NEVER && self.rto_at == NEVER {
            let wait = if self.peer_window == 0 { self.rtt.timeout() } else { CORK_NS };
            self.persist_at = net.now + wait;
        }
    }

    /// Payload bytes of the largest frame that the device will cut for us; one segment when it does not.
    fn tso_payload(&self, net: &Net) -> usize {
        let mss = usize::from(self.mss);
        if self.unsent() <= mss || self.urgent.sending() {
            return mss;
        }
        let (_, tso) = net.mtu_and_tso(self.remote.addr, self.interface());
        (tso.min(TSO_MAX).saturating_sub(120) / mss).max(1) * mss
    }

    /// How many bytes to send next, and whether the FIN goes with them; `None` when nothing may go now.
    fn next_piece(&self, limit: usize, force: Force) -> Option<(usize, bool)> {
        let mss = usize::from(self.mss);
        let flight = self.nxt.since(self.una);
        let window = self.peer_window.min(self.congestion.window) as usize;
        let room = window.saturating_sub(flight);
        let unsent = self.unsent();
        let mut len = unsent.min(room).min(limit);
        if len > mss && len < unsent {
            // No crumbs behind a train of full segments.
            len -= len % mss;
        }
        let fin_due = self.tx_shut && !self.nxt.after(self.data_end()) && !matches!(self.state, State::FinWait2 | State::TimeWait);
        let fin = fin_due && len == unsent;
        let retransmitting = self.nxt.before(self.sent);
        if len == 0 {
            return (fin && unsent == 0).then_some((0, true));
        }
        let all = len == unsent;
        let held = (self.tcp.cork || self.more) && !self.tx_shut;
        let go = len >= mss
            || force == Force::Yes
            || retransmitting
            || fin
            || (all && !held && (self.tcp.nodelay || flight == 0))
            || (!all && len as u32 >= self.peer_window_max / 2 && self.peer_window_max > 0);
        go.then_some((len, fin))
    }

    /// Sends the first unacknowledged segment again.
    pub(super) fn retransmit_first(&mut self, net: &mut Net) {
        let len = self.tx.len().min(usize::from(self.mss)).min(self.sent.since(self.una));
        let fin = self.tx_shut && len == self.tx.len() && self.sent.after(self.data_end());
        let header_flags = flags::ACK | if fin { flags::FIN } else { 0 };
        if len == 0 && !fin {
            return;
        }
        self.retransmissions += 1;
        self.timed = None;
        // A full ring leaves it to the retransmission timer.
        let _ = self.send_segment(net, self.una, len, header_flags);
        self.rto_at = net.now + self.rtt.timeout();
    }

    /// The retransmission timer ran out: go back to the first unacknowledged byte.
    pub(super) fn go_back(&mut self, net: &mut Net) {
        let first = if self.retries == 1 { First::Yes } else { First::No };
        let flight = self.sent - self.una;
        self.congestion.timed_out(flight, self.mss32(), first);
        self.rtt.backoff += 1;
        self.timed = None;
        self.nxt = self.una;
        self.rto_at = net.now + self.rtt.timeout();
        if matches!(self.state, State::SynSent | State::SynReceived) {
            self.retransmissions += 1;
        } else if self.peer_window == 0 && !self.tx.is_empty() {
            // The peer has closed its window on data in flight: probe instead.
            self.nxt = self.sent;
            self.send_probe(net);
            return;
        }
        self.output(net, Force::Yes);
    }

    /// Sends (or repeats) a SYN or SYN-ACK.
    fn send_syn(&mut self, net: &mut Net) {
        let mut syn = SynOptions { mss: Some(self.our_mss(net)), window_scale: None, sack: false };
        let mut header_flags = flags::SYN;
        if self.state == State::SynReceived {
            header_flags |= flags::ACK;
            syn.window_scale = (self.rcv_scale > 0).then_some(self.rcv_scale);
            syn.sack = self.sack;
        } else {
            syn.window_scale = Some(WINDOW_SCALE);
            syn.sack = true;
        }
        // Windows in SYN segments are never scaled.
        let window = self.options.receive_buffer.min(usize::from(u16::MAX));
        self.rcv_edge = self.rcv_nxt.plus(window);
        let ack = if header_flags & flags::ACK != 0 { self.rcv_nxt } else { Seq(0) };
        let mut header = HeaderBuilder::new(self.ports(), self.iss, ack, header_flags, window as u16);
        header.syn_options(syn);
        if self.timed.is_none() && self.retries == 0 {
            self.timed = Some((self.iss + 1, net.now));
            self.unacked_since = net.now;
        }
        let result = self.transmit(net, header.bytes(), 0, 0);
        if result == Err(Errno::ENOBUFS) {
            net.stalled_tcp.push(self.id);
            return;
        }
        self.nxt = self.iss + 1;
        self.sent = self.sent.max(self.nxt);
        self.last_sent_at = net.now;
        self.ack = Ack::None;
        if self.rto_at == NEVER {
            self.rto_at = net.now + self.rtt.timeout();
        }
    }

    /// Sends an acknowledgement without data.
    pub(super) fn send_ack(&mut self, net: &mut Net) {
        let seq = self.sent;
        if self.send_segment(net, seq, 0, flags::ACK) == Err(Errno::ENOBUFS) {
            net.stalled_tcp.push(self.id);
        }
    }

    /// Asks the peer for an acknowledgement with a byte that it already has (keep-alive, zero window).
    pub(super) fn send_probe(&mut self, net: &mut Net) {
        let seq = self.una - 1;
        let _ = self.send_segment(net, seq, 0, flags::ACK);
    }

    /// Tells the peer that the connection is gone.
    pub(super) fn send_reset(&mut self, net: &mut Net) {
        let seq = self.nxt;
        let _ = self.send_segment(net, seq, 0, flags::RST | flags::ACK);
    }

    fn ports(&self) -> (u16, u16) {
        (self.local.port, self.remote.port)
    }

    /// Sends `len` queued bytes from `seq` on, with the current acknowledgement and window.
    fn send_segment(&mut self, net: &mut Net, seq: Seq, len: usize, header_flags: u8) -> Result<()> {
        let window = self.advertise(net);
        let mut header = HeaderBuilder::new(self.ports(), seq, self.rcv_nxt, header_flags, window);
        if self.sack && !self.reorder.is_empty() {
            let mut ranges = [(Seq(0), Seq(0)); 3];
            let count = self.reorder.ranges(&mut ranges);
            // Options must not make a full segment too long for the link.
            if len + 4 + 8 * count <= usize::from(self.mss) {
                header.sack(&ranges[..count]);
            }
        }
        if let Some(pointer) = self.urgent.pointer(seq) {
            header.urgent(pointer);
        }
        let offset = seq.since(self.data_start());
        self.transmit(net, header.bytes(), offset, len)?;
        self.ack = Ack::None;
        self.unacked = 0;
        self.delayed_ack_at = NEVER;
        Ok(())
    }

    fn transmit(&mut self, net: &mut Net, header: &[u8], offset: usize, len: usize) -> Result<()> {
        let id = net.next_ip_id();
        let ip = IpHeader {
            src: self.local.addr,
            dst: self.remote.addr,
            protocol: protocol::TCP,
            ttl: self.options.ttl_for(self.remote.addr),
            tos: self.options.tos,
            id,
            dont_fragment: true,
        };
        let interface = self.interface();
        let packet = Outgoing {
            ip,
            interface,
            header,
            checksum_at: Some(CHECKSUM_AT),
            payload: &Queued { queue: &self.tx, offset },
            payload_len: len,
            segment: Some(self.mss),
        };
        net.send(&packet, Some(&mut self.path))
    }

    /// Bytes that the peer may send beyond `rcv_nxt`, before rounding and silly-window avoidance.
    fn free_window(&self, net: &Net) -> usize {
        // No more than what the window field can say: without window scaling that is less than the buffer may be.
        let sayable = usize::from(u16::MAX) << self.rcv_scale;
        let free = self.options.receive_buffer.saturating_sub(self.rx.len() + self.reading).min(sayable);
        // Short of memory: enough to go on, not enough to hurt.
        if net.buffered >= net.buffer_limit { free.min(2 * usize::from(self.mss)) } else { free }
    }

    /// The window field; remembers the edge. Never takes back what was offered (RFC 9293 §3.8.6), never offers crumbs (RFC 1122 §4.2.3.3).
    fn advertise(&mut self, net: &Net) -> u16 {
        let offered = self.rcv_edge.since(self.rcv_nxt);
        let free = self.free_window(net);
        let step = (self.options.receive_buffer / 2).min(usize::from(self.mss));
        let window = if free >= offered + step { free } else { offered };
        let unit = 1usize << self.rcv_scale;
        let field = window.div_ceil(unit).min(usize::from(u16::MAX));
        let window = field << self.rcv_scale;
        if window > offered {
            self.rcv_edge = self.rcv_nxt.plus(window);
        }
        field as u16
    }

    /// After the application has read: tells the peer when the window has grown by enough to matter.
    pub(super) fn window_opened(&mut self, net: &mut Net) {
        if !self.state.synchronised() || self.fin_received {
            return;
        }
        let offered = self.rcv_edge.since(self.rcv_nxt);
        let gain = self.free_window(net).saturating_sub(offered);
        let full = usize::from(self.mss);
        let enough = gain >= self.options.receive_buffer / 2 || (gain >= 2 * full && offered < 2 * full);
        if enough {
            self.ack = Ack::Now;
            self.output(net, Force::No);
        }
    }
}
