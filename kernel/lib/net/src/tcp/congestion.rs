//! Round-trip times and the retransmission timeout (RFC 6298), the congestion window (RFC 5681, NewReno's RFC 6582).

use super::seq::Seq;
use crate::timers::{MS, SECOND};

/// Lower and upper bound of the retransmission timeout. RFC 6298 says one second at least; Linux takes 200 ms, and so do we.
const MIN_RTO_NS: u64 = 200 * MS;
const MAX_RTO_NS: u64 = 120 * SECOND;
/// The initial window in segments (RFC 6928).
const INITIAL_WINDOW: u32 = 10;

/// Round-trip time estimate.
#[derive(Clone, Copy, Debug)]
pub struct Rtt {
    /// Smoothed round-trip time in nanoseconds; 0 before the first sample.
    pub smoothed: u64,
    /// Its mean deviation.
    pub variance: u64,
    /// Timeout before backing off.
    base: u64,
    /// Doublings since the last acknowledgement of new data.
    pub backoff: u32,
}

impl Rtt {
    /// No sample yet: one second.
    pub fn new() -> Rtt {
        Rtt { smoothed: 0, variance: 0, base: SECOND, backoff: 0 }
    }

    /// Takes a sample, never of a retransmitted segment.
    pub fn sample(&mut self, ns: u64) {
        let ns = ns.max(1);
        if self.smoothed == 0 {
            self.smoothed = ns;
            self.variance = ns / 2;
        } else {
            self.variance = (3 * self.variance + self.smoothed.abs_diff(ns)) / 4;
            self.smoothed = (7 * self.smoothed + ns) / 8;
        }
        self.base = (self.smoothed + 4 * self.variance).clamp(MIN_RTO_NS, MAX_RTO_NS);
    }

    /// The timeout, backed off.
    pub fn timeout(&self) -> u64 {
        (self.base << self.backoff.min(12)).min(MAX_RTO_NS)
    }
}

/// The congestion window, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Congestion {
    /// Bytes that may be in flight.
    pub window: u32,
    /// Slow start below, congestion avoidance above.
    pub threshold: u32,
    /// Duplicate acknowledgements in a row.
    pub duplicates: u32,
    /// In fast recovery until this is acknowledged.
    pub recover: Option<Seq>,
    /// Bytes acknowledged toward the next increase in congestion avoidance.
    counted: u32,
}

/// What a duplicate acknowledgement calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDuplicate {
    /// Nothing (yet).
    Wait,
    /// Retransmit the first unacknowledged segment now.
    Retransmit,
    /// More may be sent: the window has been inflated.
    SendMore,
}

impl Congestion {
    /// The initial window for segments of `mss` bytes.
    pub fn new(mss: u32) -> Congestion {
        Congestion { window: INITIAL_WINDOW * mss, threshold: u32::MAX, duplicates: 0, recover: None, counted: 0 }
    }

    /// New data was acknowledged up to `ack`. Returns whether to retransmit the next hole (a partial acknowledgement in recovery).
    pub fn acknowledged(&mut self, ack: Seq, bytes: u32, mss: u32) -> bool {
        self.duplicates = 0;
        if let Some(recover) = self.recover {
            if ack.before(recover) {
                // Deflate by what left the network, let one new segment in (RFC 6582 §3.2 step 3).
                self.window = self.window.saturating_sub(bytes).saturating_add(mss).max(mss);
                return true;
            }
            self.recover = None;
            self.window = self.threshold.max(2 * mss);
            return false;
        }
        if self.window < self.threshold {
            self.window = self.window.saturating_add(bytes);
        } else {
            self.counted += bytes;
            if self.counted >= self.window {
                self.counted -= self.window;
                self.window = self.window.saturating_add(mss);
            }
        }
        // Beyond any buffer we have, growth means nothing.
        self.window = self.window.min(1 << 28);
        false
    }

    /// A duplicate acknowledgement arrived with `flight` bytes outstanding up to `sent`.
    pub fn duplicate(&mut self, una: Seq, sent: Seq, flight: u32, mss: u32) -> OnDuplicate {
        self.duplicates += 1;
        if self.recover.is_some() {
            self.window = self.window.saturating_add(mss);
            return OnDuplicate::SendMore;
        }
        // With few segments in flight three duplicates never come: early retransmit (RFC 5827 §3.1).
        let needed = if flight < 4 * mss { (flight.div_ceil(mss.max(1))).saturating_sub(1).max(1) } else { 3 };
        if self.duplicates < needed {
            return OnDuplicate::Wait;
        }
        debug_assert!(!sent.before(una));
        self.threshold = (flight / 2).max(2 * mss);
        self.window = self.threshold + 3 * mss;
        self.recover = Some(sent);
        OnDuplicate::Retransmit
    }

    /// The retransmission timer has run out (RFC 5681 §3.1).
    pub fn timed_out(&mut self, flight: u32, mss: u32, first: First) {
        if first == First::Yes {
            self.threshold = (flight / 2).max(2 * mss);
        }
        self.window = mss;
        self.duplicates = 0;
        self.recover = None;
        self.counted = 0;
    }

    /// Nothing was sent for longer than a timeout: start slowly again (RFC 5681 §4.1).
    pub fn idle(&mut self, mss: u32) {
        self.window = self.window.min(INITIAL_WINDOW * mss);
    }
}

/// Whether a timeout is the first for this data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// The first.
    Yes,
    /// It has timed out before.
    No,
}
