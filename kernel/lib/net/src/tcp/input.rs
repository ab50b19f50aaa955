//! Receiving: what a segment does to a connection (RFC 9293 §3.10.7).

use super::congestion::OnDuplicate;
use super::output::Force;
use super::segment::{Segment, flags};
use super::{Ack, Connection, Owned, State, WINDOW_SCALE};
use crate::output::Net;
use crate::timers::{MS, NEVER, SECOND};
use file::Events;
use uapi::Errno;

/// How long data may wait for an acknowledgement that could ride on an answer.
const DELAYED_ACK_NS: u64 = 40 * MS;
/// Bytes received that are acknowledged at once, however large segments are (the loopback's hold 64 KiB, and Nagle's algorithm waits).
const ACK_AT_MOST: usize = 8192;
/// TIME-WAIT lasts as long as Linux's.
pub(super) const TIME_WAIT_NS: u64 = 60 * SECOND;

impl Connection {
    /// Takes a segment in any state but CLOSED and LISTEN. Anything to be sent is left to [`output`](Self::output), except resets.
    pub(super) fn receive(&mut self, net: &mut Net, segment: &Segment<'_>) {
        self.last_received_at = net.now;
        self.probes = 0;
        if self.state == State::SynSent {
            return self.receive_in_syn_sent(net, segment);
        }
        if !self.acceptable(segment) {
            if !segment.has(flags::RST) {
                self.ack = Ack::Now;
                if self.state == State::SynReceived && segment.has(flags::SYN) && segment.seq == self.irs {
                    if segment.has(flags::ACK) {
                        // Both sides have opened at once, and this is the answer to our SYN.
                        self.take_ack(net, segment);
                        self.ack = Ack::Now;
                    } else {
                        // Our SYN-ACK was lost: it is repeated rather than the SYN acknowledged.
                        self.nxt = self.iss;
                    }
                }
                if self.state == State::TimeWait && segment.has(flags::FIN) {
                    self.end_at = net.now + TIME_WAIT_NS;
                }
            }
            return;
        }
        if segment.has(flags::RST) {
            // Only an exact match ends the connection; else the peer must confirm (RFC 5961 §3).
            if segment.seq == self.rcv_nxt {
                self.reset_by_peer(net);
            } else {
                self.ack = Ack::Now;
            }
            return;
        }
        if segment.has(flags::SYN) {
            self.ack = Ack::Now;
            return;
        }
        if !segment.has(flags::ACK) || !self.take_ack(net, segment) {
            return;
        }
        self.note_urgent(segment);
        if !segment.payload.is_empty() {
            self.take_data(net, segment);
        }
        if segment.has(flags::FIN) {
            self.take_fin(net, segment);
        }
    }

    /// The first check of RFC 9293 §3.10.7.4: some of the segment lies in the window.
    fn acceptable(&self, segment: &Segment<'_>) -> bool {
        let len = segment.seq_len();
        let edge = self.rcv_edge.max(self.rcv_nxt);
        if len == 0 {
            // One before is a keep-alive: not acceptable, and so acknowledged.
            return !segment.seq.before(self.rcv_nxt) && !segment.seq.after(edge);
        }
        let end = segment.seq.plus(len);
        if edge == self.rcv_nxt {
            // Closed window: acknowledgements and resets still count, data does not.
            return segment.seq == self.rcv_nxt && segment.payload.is_empty();
        }
        segment.seq.before(edge) && end.after(self.rcv_nxt)
    }

    fn reset_by_peer(&mut self, net: &mut Net) {
        let error = match self.state {
            State::SynSent => Some(Errno::ECONNREFUSED),
            State::CloseWait => Some(Errno::EPIPE),
            State::TimeWait | State::Closing | State::LastAck => None,
            _ => Some(Errno::ECONNRESET),
        };
        self.kill(net, error);
    }

    fn receive_in_syn_sent(&mut self, net: &mut Net, segment: &Segment<'_>) {
        let acks = segment.has(flags::ACK);
        if acks && (!segment.ack.after(self.iss) || segment.ack.after(self.sent)) {
            if !segment.has(flags::RST) {
                // Somebody's old connection: tell them (the connection itself goes on trying).
                self.nxt = segment.ack;
                self.send_reset(net);
                self.nxt = self.sent;
            }
            return;
        }
        if segment.has(flags::RST) {
            if acks {
                self.reset_by_peer(net);
            }
            return;
        }
        if !segment.has(flags::SYN) {
            return;
        }
        self.take_syn(net, segment);
        if acks {
            self.una = segment.ack;
            self.nxt = self.sent;
            self.sample_rtt(net, segment);
            self.window_seq = segment.seq;
            self.window_ack = segment.ack;
            self.set_peer_window(u32::from(segment.window));
            self.establish(net);
            self.ack = Ack::Now;
            if !segment.payload.is_empty() {
                self.take_data(net, &Segment { seq: segment.seq + 1, ..*segment });
            }
            if segment.has(flags::FIN) {
                self.take_fin(net, &Segment { seq: segment.seq + 1, ..*segment });
            }
        } else {
            // Both sides open at once: answer with a SYN-ACK of the same number.
            self.state = State::SynReceived;
            self.nxt = self.iss;
            self.rto_at = NEVER;
        }
    }

    /// Notes what a SYN says: numbers, segment size, window scale, SACK.
    pub(super) fn take_syn(&mut self, net: &mut Net, segment: &Segment<'_>) {
        let options = segment.syn_options();
        self.irs = segment.seq;
        self.rcv_nxt = segment.seq + 1;
        self.rcv_edge = self.rcv_nxt.plus(self.options.receive_buffer.min(usize::from(u16::MAX)));
        match options.window_scale {
            Some(shift) => {
                self.peer_scale = shift;
                self.rcv_scale = WINDOW_SCALE;
            }
            None => {
                self.peer_scale = 0;
                self.rcv_scale = 0;
            }
        }
        self.sack = options.sack;
        self.settle_mss(net, options.mss);
    }

    /// The connection is up.
    pub(super) fn establish(&mut self, net: &mut Net) {
        self.state = State::Established;
        self.retries = 0;
        self.rto_at = NEVER;
        self.rtt.backoff = 0;
        self.start_keepalive(net);
        self.wake(net, Events::WRITABLE);
    }

    fn set_peer_window(&mut self, window: u32) {
        let opened = self.peer_window == 0 && window > 0;
        self.peer_window = window;
        self.peer_window_max = self.peer_window_max.max(window);
        if opened {
            self.persist_at = NEVER;
        }
    }

    fn sample_rtt(&mut self, net: &Net, segment: &Segment<'_>) {
        if let Some((end, at)) = self.timed
            && !segment.ack.before(end)
        {
            self.rtt.sample(net.now.saturating_sub(at));
            self.timed = None;
        }
    }

    /// The acknowledgement and window of a segment. Returns whether the rest of the segment counts.
    fn take_ack(&mut self, net: &mut Net, segment: &Segment<'_>) -> bool {
        if self.state == State::SynReceived {
            if segment.ack != self.iss + 1 {
                self.nxt = segment.ack;
                self.send_reset(net);
                self.nxt = self.sent;
                return false;
            }
            self.una = segment.ack;
            self.nxt = self.sent;
            self.sample_rtt(net, segment);
            self.window_seq = segment.seq;
            self.window_ack = segment.ack;
            self.establish(net);
            self.set_peer_window(u32::from(segment.window) << self.peer_scale);
            if self.tx_shut {
                // shutdown(2) came before the handshake was over.
                self.state = State::FinWait1;
            }
            return true;
        }
        if segment.ack.after(self.sent) {
            self.ack = Ack::Now;
            return false;
        }
        let window = u32::from(segment.window) << self.peer_scale;
        if segment.ack.after(self.una) {
            self.acknowledged(net, segment);
        } else if segment.ack == self.una
            && segment.payload.is_empty()
            && !segment.has(flags::FIN)
            && window == self.peer_window
            && self.sent != self.una
        {
            let flight = self.sent - self.una;
            match self.congestion.duplicate(self.una, self.sent, flight, self.mss32()) {
                OnDuplicate::Wait => {}
                OnDuplicate::Retransmit => self.retransmit_first(net),
                OnDuplicate::SendMore => net.work_tcp(&mut self.queued, self.id),
            }
        }
        if self.window_seq.before(segment.seq) || (self.window_seq == segment.seq && !segment.ack.before(self.window_ack)) {
            let grew = window > self.peer_window;
            self.window_seq = segment.seq;
            self.window_ack = segment.ack;
            self.set_peer_window(window);
            if grew && self.unsent() > 0 {
                net.work_tcp(&mut self.queued, self.id);
            }
        }
        true
    }

    fn acknowledged(&mut self, net: &mut Net, segment: &Segment<'_>) {
        let advance = segment.ack - self.una;
        let data = (advance as usize).min(self.tx.len());
        let fin_acked = advance as usize > data;
        self.sample_rtt(net, segment);
        self.tx.consume(data);
        net.buffered = net.buffered.saturating_sub(data);
        self.una = segment.ack;
        self.urgent.acknowledged(self.una);
        self.nxt = self.nxt.max(self.una);
        self.retries = 0;
        self.rtt.backoff = 0;
        self.unacked_since = net.now;
        self.rto_at = if self.una == self.sent { NEVER } else { net.now + self.rtt.timeout() };
        if self.congestion.acknowledged(segment.ack, advance, self.mss32()) {
            self.retransmit_first(net);
        }
        if fin_acked {
            self.fin_acknowledged(net);
        }
        if self.unsent() > 0 || (self.tx_shut && !fin_acked) {
            net.work_tcp(&mut self.queued, self.id);
        }
        self.wake_writers(net);
    }

    fn fin_acknowledged(&mut self, net: &mut Net) {
        match self.state {
            State::FinWait1 => {
                self.state = State::FinWait2;
                if self.owned == Owned::Nobody {
                    self.limit_fin_wait(net);
                }
            }
            State::Closing => self.enter_time_wait(net),
            State::LastAck => self.kill(net, None),
            _ => {}
        }
    }

    /// An orphan waits only so long for the peer's FIN.
    pub(super) fn limit_fin_wait(&mut self, net: &Net) {
        self.end_at = net.now + u64::from(self.tcp.linger2) * SECOND;
    }

    fn enter_time_wait(&mut self, net: &mut Net) {
        self.state = State::TimeWait;
        self.rto_at = NEVER;
        self.persist_at = NEVER;
        self.keepalive_at = NEVER;
        self.end_at = net.now + TIME_WAIT_NS;
        self.wake(net, Events::HUP | Events::READABLE);
    }

    fn take_data(&mut self, net: &mut Net, segment: &Segment<'_>) {
        if !matches!(self.state, State::Established | State::FinWait1 | State::FinWait2) {
            return;
        }
        let known = self.rcv_nxt.since(segment.seq);
        let Some(data) = segment.payload.get(known..) else { return };
        let seq = self.rcv_nxt.max(segment.seq);
        let room = self.rcv_edge.since(seq);
        let data = &data[..data.len().min(room)];
        if data.is_empty() {
            self.ack = Ack::Now;
            return;
        }
        if self.owned == Owned::Nobody {
            // The application has closed: nobody will ever read this (RFC 1122 §4.2.2.13).
            self.rcv_nxt = seq.plus(data.len());
            self.nxt = self.sent;
            self.send_reset(net);
            self.kill(net, None);
            return;
        }
        if seq != self.rcv_nxt {
            // A gap: keep it, tell the peer at once what is missing.
            let before = self.reorder.len();
            self.reorder.insert(seq, data);
            net.buffered += self.reorder.len() - before;
            self.ack = Ack::Now;
            return;
        }
        let len = data.len();
        self.rcv_nxt = seq.plus(len);
        if !self.rx_shut {
            self.rx.append(data);
            net.buffered += len;
        }
        self.unacked += len;
        if !self.reorder.is_empty() {
            let before = self.reorder.len();
            let queued = self.rx.len();
            self.rcv_nxt = self.reorder.take_ready(self.rcv_nxt, &mut self.rx);
            // Moved bytes were counted while they waited; what overlapped is no longer held.
            net.buffered = (net.buffered + self.rx.len() - queued).saturating_sub(before - self.reorder.len());
            if self.rx_shut {
                net.buffered = net.buffered.saturating_sub(self.rx.len());
                self.rx.clear();
            }
            self.ack = Ack::Now;
        }
        self.find_urgent(net);
        // Every second full segment (RFC 9293 §3.8.6.3), and before the sender runs into the edge.
        let left = self.rcv_edge.since(self.rcv_nxt);
        let quick = self.tcp.quickack || self.quick > 0;
        self.quick = self.quick.saturating_sub(1);
        if quick || self.unacked >= (2 * usize::from(self.mss)).min(ACK_AT_MOST) || self.unacked >= left {
            self.ack = Ack::Now;
        } else if self.ack == Ack::None {
            self.ack = Ack::Delayed;
            self.delayed_ack_at = net.now + DELAYED_ACK_NS;
        }
        if self.readable() {
            self.wake(net, Events::READABLE);
        }
    }

    fn take_fin(&mut self, net: &mut Net, segment: &Segment<'_>) {
        // The FIN counts once everything before it is here.
        if segment.seq.plus(segment.payload.len()) != self.rcv_nxt {
            return;
        }
        if !matches!(self.state, State::Established | State::FinWait1 | State::FinWait2) {
            self.ack = Ack::Now;
            return;
        }
        self.rcv_nxt = self.rcv_nxt + 1;
        self.fin_received = true;
        self.ack = Ack::Now;
        match self.state {
            State::Established => self.state = State::CloseWait,
            // Our FIN's acknowledgement, if this segment had it, has been taken already.
            State::FinWait1 => self.state = State::Closing,
            _ => self.enter_time_wait(net),
        }
        self.wake(net, Events::READABLE | Events::RDHUP);
    }

    /// An ICMP error about this connection (RFC 1122 §4.2.3.9).
    pub(super) fn unreachable(&mut self, net: &mut Net, error: Errno, hard: bool) {
        if matches!(self.state, State::SynSent) && (hard || self.retries > 0) {
            self.kill(net, Some(error));
        }
    }

    /// A router says that packets of this size don't get through (RFC 1191).
    pub(super) fn too_big(&mut self, net: &mut Net, mtu: usize) {
        let headers = if self.remote.addr.is_v4() { 40 } else { 60 };
        let floor = if self.remote.addr.is_v4() { 552 } else { 1280 };
        let mss = u16::try_from(mtu.max(floor).saturating_sub(headers)).unwrap_or(u16::MAX);
        if mss < self.mss && self.state.synchronised() {
            self.mss = mss;
            self.nxt = self.una;
            self.timed = None;
            self.output(net, Force::Yes);
        }
    }
}
