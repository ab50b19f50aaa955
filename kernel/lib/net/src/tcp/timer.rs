//! A connection's deadlines: retransmission, persist, delayed acknowledgement, keep-alive, the end of TIME-WAIT.

use super::output::Force;
use super::{Ack, Connection, Owned, QUICK_ACKS, State};
use crate::output::Net;
use crate::timers::{MS, NEVER, SECOND};
use uapi::Errno;

/// Retransmissions before giving up, as Linux's tcp_retries2 and tcp_orphan_retries.
const DATA_RETRIES: u32 = 15;
const ORPHAN_RETRIES: u32 = 8;
const SYN_ACK_RETRIES: u32 = 5;

impl Connection {
    /// Runs what is due at `net.now`, and enters the next deadline.
    pub(super) fn run_timers(&mut self, net: &mut Net) {
        let now = net.now;
        if self.end_at <= now {
            self.kill(net, None);
            return;
        }
        if self.delayed_ack_at <= now {
            self.delayed_ack_at = NEVER;
            if self.ack == Ack::Delayed {
                self.quick = QUICK_ACKS;
                self.ack = Ack::Now;
                self.output(net, Force::No);
            }
        }
        if self.rto_at <= now {
            self.rto_at = NEVER;
            self.retransmission_timeout(net);
        }
        if self.persist_at <= now {
            self.persist_at = NEVER;
            self.persist_timeout(net);
        }
        if self.keepalive_at <= now {
            self.keepalive_at = NEVER;
            self.keepalive_timeout(net);
        }
        self.arm(net);
    }

    /// Whether TCP_USER_TIMEOUT has passed since `una` last moved.
    fn user_timed_out(&self, net: &Net) -> bool {
        let limit = u64::from(self.tcp.user_timeout) * MS;
        limit > 0 && net.now.saturating_sub(self.unacked_since) >= limit
    }

    fn retransmission_timeout(&mut self, net: &mut Net) {
        if self.una == self.sent && self.state.synchronised() {
            return;
        }
        self.retries += 1;
        let limit = match self.state {
            State::SynSent => self.tcp.syn_retries,
            State::SynReceived => SYN_ACK_RETRIES,
            _ if self.owned == Owned::Nobody => ORPHAN_RETRIES,
            _ => DATA_RETRIES,
        };
        if self.retries > limit || self.user_timed_out(net) {
            self.kill(net, Some(Errno::ETIMEDOUT));
            return;
        }
        self.go_back(net);
    }

    fn persist_timeout(&mut self, net: &mut Net) {
        if self.unsent() == 0 {
            return;
        }
        if self.peer_window > 0 {
            // Held back by the cork, by silly-window avoidance or by a full ring: it has waited long enough.
            self.output(net, Force::Yes);
            return;
        }
        // A peer that answers may keep its window closed for ever; one that does not is given up like any other.
        self.probes += 1;
        if self.probes > DATA_RETRIES || self.user_timed_out(net) {
            self.kill(net, Some(Errno::ETIMEDOUT));
            return;
        }
        self.send_probe(net);
        self.rtt.backoff = (self.rtt.backoff + 1).min(10);
        self.persist_at = net.now + self.rtt.timeout();
    }

    /// Starts keep-alive probing, if the application wants it.
    pub(super) fn start_keepalive(&mut self, net: &mut Net) {
        self.keepalive_at = NEVER;
        if self.options.keepalive && self.state.synchronised() && self.state != State::TimeWait {
            self.last_received_at = self.last_received_at.max(1);
            self.keepalive_at = net.now + u64::from(self.tcp.keep_idle) * SECOND;
            self.arm(net);
        }
    }

    fn keepalive_timeout(&mut self, net: &mut Net) {
        let idle = net.now.saturating_sub(self.last_received_at);
        let wanted = u64::from(self.tcp.keep_idle) * SECOND;
        if idle < wanted {
            self.keepalive_at = self.last_received_at + wanted;
            return;
        }
        let user_limit = u64::from(self.tcp.user_timeout) * MS;
        let gone = if user_limit > 0 { self.probes > 0 && idle >= user_limit } else { self.probes >= self.tcp.keep_count };
        if gone {
            self.send_reset(net);
            self.kill(net, Some(Errno::ETIMEDOUT));
            return;
        }
        self.probes += 1;
        self.send_probe(net);
        self.keepalive_at = net.now + u64::from(self.tcp.keep_interval) * SECOND;
    }
}
