//! TCP (RFC 9293).
//!
//! [`Connection`] is one transmission control block: `input` takes segments, `output` sends what may be sent, `timer` runs deadlines; the
//! arithmetic is in `congestion`, `reorder`, `seq`. [`Table`] holds all of them and finds the one a segment is for; `listen` makes new
//! ones. [`TcpSocket`](socket::TcpSocket) is what an application has in hand.
//!
//! Nothing here is proportional to the number of connections: segments find theirs by hash, timers are in a heap, and only connections with
//! something to send are on the list of work.

mod accept;
mod calls;
mod congestion;
mod input;
mod options;
mod output;
mod reorder;
mod segment;
mod seq;
mod socket;
mod table;
mod timer;
mod urgent;

pub(crate) use socket::TcpSocket;
pub(crate) use table::Table;

use crate::addr::{Endpoint, Family};
use crate::chunks::ChunkQueue;
use crate::handle::Handle;
use crate::options::Options;
use crate::output::{Net, PathCache};
use crate::ports::Share;
use crate::timers::{NEVER, Owner};
use accept::Listener;
use alloc::boxed::Box;
use alloc::sync::Arc;
use congestion::{Congestion, Rtt};
use file::Events;
use reorder::Reorder;
use seq::Seq;
use uapi::Errno;
use urgent::Urgent;

/// Window scale that we ask for: windows up to 8 MiB.
const WINDOW_SCALE: u8 = 7;
/// Maximum segment size assumed of a peer that does not say (RFC 9293 §3.7.1): IPv4, IPv6.
const DEFAULT_MSS: (u16, u16) = (536, 1220);

/// Segments acknowledged at once at the start, and after a delayed acknowledgement turned out to have waited for nothing: a peer under Nagle's
/// algorithm that writes in pieces would stall.
const QUICK_ACKS: u8 = 8;

/// Connection states (RFC 9293 §3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No connection (yet, or any more).
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

impl State {
    /// Both sides have agreed on sequence numbers.
    fn synchronised(self) -> bool {
        !matches!(self, State::Closed | State::Listen | State::SynSent | State::SynReceived)
    }

    /// The number that TCP_INFO and /proc/net/tcp use.
    fn linux(self) -> u8 {
        match self {
            State::Established => 1,
            State::SynSent => 2,
            State::SynReceived => 3,
            State::FinWait1 => 4,
            State::FinWait2 => 5,
            State::TimeWait => 6,
            State::Closed => 7,
            State::CloseWait => 8,
            State::LastAck => 9,
            State::Listen => 10,
            State::Closing => 11,
        }
    }
}

/// Whether the peer is owed an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ack {
    None,
    /// With the next data, or when the delay is over.
    Delayed,
    Now,
}

/// How the application has let go of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owned {
    /// A socket refers to it.
    Socket,
    /// It waits in a listener's queue.
    Listener(u32),
    /// Nobody: it ends by itself.
    Nobody,
}

/// TCP-level options (tcp(7)).
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpOptions {
    nodelay: bool,
    cork: bool,
    /// Acknowledge at once.
    quickack: bool,
    /// Seconds; probes are sent when `Options::keepalive` is on.
    keep_idle: u32,
    keep_interval: u32,
    keep_count: u32,
    /// Milliseconds; 0 is the system's default.
    user_timeout: u32,
    syn_retries: u32,
    /// Seconds; 0 off.
    defer_accept: u32,
    /// 0: by the path.
    max_segment: u16,
    /// Seconds an orphan stays in FIN-WAIT-2.
    linger2: u32,
    /// Bytes unsent beyond which the socket is not writable.
    notsent_low_water: u32,
}

impl Default for TcpOptions {
    fn default() -> Self {
        TcpOptions {
            nodelay: false,
            cork: false,
            quickack: false,
            keep_idle: 7200,
            keep_interval: 75,
            keep_count: 9,
            user_timeout: 0,
            syn_retries: 6,
            defer_accept: 0,
            max_segment: 0,
            linger2: 60,
            notsent_low_water: u32::MAX,
        }
    }
}

/// One transmission control block.
pub(crate) struct Connection {
    id: u32,
    generation: u32,
    state: State,
    family: Family,
    local: Endpoint,
    remote: Endpoint,
    /// bind(2) has been called: the port is claimed, and stays when a connection fails.
    bound: bool,
    /// Its part in the claim of the listener that it came from.
    share: Option<Share>,
    owned: Owned,
    /// It has been put into its listener's queue.
    offered: bool,
    /// connect(2) has been called and its outcome not been told.
    connecting: bool,
    handle: Arc<Handle>,
    options: Options,
    tcp: TcpOptions,
    error: Option<Errno>,
    path: PathCache,
    listener: Option<Box<Listener>>,

    // What we send.
    iss: Seq,
    /// Oldest unacknowledged.
    una: Seq,
    /// Next to send (goes back on a timeout).
    nxt: Seq,
    /// Beyond everything ever sent.
    sent: Seq,
    peer_window: u32,
    peer_window_max: u32,
    peer_scale: u8,
    /// Segment and acknowledgement of the last window update.
    window_seq: Seq,
    window_ack: Seq,
    mss: u16,
    /// From the byte at `una` on (in synchronised states).
    tx: ChunkQueue,
    /// The application will write no more.
    tx_shut: bool,
    /// Last write said that more follows (MSG_MORE).
    more: bool,
    /// A writer was turned away.
    no_space: bool,
    congestion: Congestion,
    rtt: Rtt,
    /// A segment being timed: its end and when it was sent.
    timed: Option<(Seq, u64)>,
    last_sent_at: u64,
    retries: u32,
    retransmissions: u32,
    /// `una` has not moved since (for TCP_USER_TIMEOUT).
    unacked_since: u64,
    /// On the list of connections with work.
    queued: bool,

    // What we receive.
    irs: Seq,
    rcv_nxt: Seq,
    /// Right edge of the window that the peer knows.
    rcv_edge: Seq,
    rcv_scale: u8,
    rx: ChunkQueue,
    reorder: Reorder,
    sack: bool,
    rx_shut: bool,
    /// The peer's FIN has been reached.
    fin_received: bool,
    ack: Ack,
    /// Segments still to be acknowledged at once: the application has not shown yet that it answers.
    quick: u8,
    /// Bytes received since the last acknowledgement.
    unacked: usize,
    last_received_at: u64,
    /// Bytes in `rx` taken off by a reader that has not come back yet.
    reading: usize,
    urgent: Urgent,

    // Deadlines in monotonic nanoseconds, `NEVER` when off.
    rto_at: u64,
    persist_at: u64,
    delayed_ack_at: u64,
    keepalive_at: u64,
    /// End of TIME-WAIT, or of an orphan's FIN-WAIT-2.
    end_at: u64,
    probes: u32,
    /// Earliest entry in the timer heap.
    entered_at: u64,
}

impl Connection {
    /// A new socket's block, closed.
    fn new(family: Family, options: Options, handle: Arc<Handle>) -> Box<Connection> {
        let none = Endpoint { addr: family.any(), port: 0 };
        let mut connection = Box::new(Connection {
            id: 0,
            generation: 0,
            state: State::Closed,
            family,
            local: none,
            remote: none,
            bound: false,
            share: None,
            owned: Owned::Socket,
            offered: false,
            connecting: false,
            handle,
            options,
            tcp: TcpOptions::default(),
            error: None,
            path: PathCache::default(),
            listener: None,
            iss: Seq(0),
            una: Seq(0),
            nxt: Seq(0),
            sent: Seq(0),
            peer_window: 0,
            peer_window_max: 0,
            peer_scale: 0,
            window_seq: Seq(0),
            window_ack: Seq(0),
            mss: DEFAULT_MSS.0,
            tx: ChunkQueue::default(),
            tx_shut: false,
            more: false,
            no_space: false,
            congestion: Congestion::new(u32::from(DEFAULT_MSS.0)),
            rtt: Rtt::new(),
            timed: None,
            last_sent_at: 0,
            retries: 0,
            retransmissions: 0,
            unacked_since: 0,
            queued: false,
            irs: Seq(0),
            rcv_nxt: Seq(0),
            rcv_edge: Seq(0),
            rcv_scale: 0,
            rx: ChunkQueue::default(),
            reorder: Reorder::default(),
            sack: false,
            rx_shut: false,
            fin_received: false,
            ack: Ack::None,
            quick: QUICK_ACKS,
            unacked: 0,
            last_received_at: 0,
            reading: 0,
            urgent: Urgent::NONE,
            rto_at: NEVER,
            persist_at: NEVER,
            delayed_ack_at: NEVER,
            keepalive_at: NEVER,
            end_at: NEVER,
            probes: 0,
            entered_at: NEVER,
        });
        connection.publish();
        connection
    }

    fn mss32(&self) -> u32 {
        u32::from(self.mss)
    }

    /// Sequence number of the first byte in `tx`.
    fn data_start(&self) -> Seq {
        self.una
    }

    /// Sequence number behind the last byte in `tx`: where our FIN goes.
    fn data_end(&self) -> Seq {
        self.una.plus(self.tx.len())
    }

    /// Bytes of `tx` not sent yet.
    fn unsent(&self) -> usize {
        self.data_end().since(self.nxt)
    }

    /// Room for the application's bytes: the socket's limit, and the machine's (but never nothing for an empty queue).
    fn write_room(&self, net: &Net) -> usize {
        let own = self.options.send_buffer.saturating_sub(self.tx.len());
        if net.buffered < net.buffer_limit { own } else { own.min(4096usize.saturating_sub(self.tx.len())) }
    }

    /// Linux's rule: writable again when a third is free.
    fn writable(&self) -> bool {
        let queued = self.tx.len();
        queued <= self.options.send_buffer / 3 * 2 && self.unsent() < self.tcp.notsent_low_water as usize
    }

    fn readable(&self) -> bool {
        let enough = self.options.receive_low_water.min(self.options.receive_buffer / 2).max(1);
        self.urgent.readable(self.rx.len()) >= enough || self.fin_received || self.rx_shut || self.error.is_some()
    }

    /// Publishes poll(2)'s answer.
    fn publish(&mut self) {
        let events = match self.state {
            State::Listen => {
                if self.listener.as_ref().is_some_and(|l| !l.ready.is_empty()) {
                    Events::READABLE
                } else {
                    Events::empty()
                }
            }
            State::SynSent | State::SynReceived => Events::empty(),
            _ => {
                let mut events = Events::empty();
                let read_ended = self.fin_received || self.rx_shut;
                if self.readable() {
                    events |= Events::READABLE;
                }
                if read_ended {
                    events |= Events::RDHUP;
                }
                if self.urgent.is_here() {
                    events |= Events::PRI;
                }
                if self.tx_shut || self.writable() {
                    events |= Events::WRITABLE;
                }
                if self.state == State::Closed || (read_ended && self.tx_shut) {
                    events |= Events::HUP;
                }
                events
            }
        };
        let error = if self.error.is_some() { Events::ERR } else { Events::empty() };
        self.handle.set_ready(events | error);
    }

    /// Publishes and wakes those who wait for `events`.
    fn wake(&mut self, net: &mut Net, events: Events) {
        self.publish();
        net.wakes.add(&self.handle, events);
    }

    /// Wakes writers that were turned away, once there is reason.
    fn wake_writers(&mut self, net: &mut Net) {
        if self.no_space && self.writable() {
            self.no_space = false;
            self.wake(net, Events::WRITABLE);
        } else if self.no_space || self.tx.is_empty() {
            self.publish();
        }
    }

    /// Enters the earliest deadline into the heap unless an earlier one is there.
    fn arm(&mut self, net: &mut Net) {
        let next = self.rto_at.min(self.persist_at).min(self.delayed_ack_at).min(self.keepalive_at).min(self.end_at);
        if next < self.entered_at {
            self.entered_at = next;
            net.timers.enter(next, Owner::Tcp(self.id, self.generation));
        }
    }

    /// Ends the connection at once, without a segment. `error` is what the application will be told.
    fn kill(&mut self, net: &mut Net, error: Option<Errno>) {
        self.state = State::Closed;
        if error.is_some() {
            self.error = error;
        }
        net.buffered = net.buffered.saturating_sub(self.tx.len() + self.reorder.len());
        self.tx.clear();
        self.reorder.clear();
        self.rx_shut = true;
        self.tx_shut = true;
        self.rto_at = NEVER;
        self.persist_at = NEVER;
        self.delayed_ack_at = NEVER;
        self.keepalive_at = NEVER;
        self.end_at = NEVER;
        self.ack = Ack::None;
        self.wake(net, Events::READABLE | Events::WRITABLE | Events::RDHUP | Events::HUP);
    }

    /// The interface that this socket is tied to.
    fn interface(&self) -> Option<usize> {
        self.options.interface_for(self.remote.addr)
    }

    /// Largest segment for the path: the peer's offer, the MTU, the application's wish.
    fn settle_mss(&mut self, net: &Net, offered: Option<u16>) {
        let ours = self.our_mss(net);
        let default = if self.remote.addr.is_v4() { DEFAULT_MSS.0 } else { DEFAULT_MSS.1 };
        // Tiny offers make us slow, not wrong; zero would stop us.
        self.mss = offered.unwrap_or(default).max(48).min(ours);
        self.congestion = Congestion::new(self.mss32());
    }

    /// What we can take and send, by the MTU of the way to the peer.
    fn our_mss(&self, net: &Net) -> u16 {
        let headers = if self.remote.addr.is_v4() { 40 } else { 60 };
        let (mtu, _) = net.mtu_and_tso(self.remote.addr, self.interface());
        let by_path = mtu.saturating_sub(headers).clamp(48, 65_000) as u16;
        if self.tcp.max_segment > 0 { by_path.min(self.tcp.max_segment) } else { by_path }
    }

    /// An initial sequence number that nobody else can foresee (RFC 6528): a clock plus a keyed hash of the endpoints.
    fn choose_iss(&mut self, net: &Net, secret: (u64, u64)) {
        #[expect(deprecated, reason = "the keyed SipHash-2-4 in `core` is what is wanted; its successor lives in `std` only")]
        let mut hasher = core::hash::SipHasher::new_with_keys(secret.0, secret.1);
        core::hash::Hash::hash(&(self.local, self.remote), &mut hasher);
        let hash = core::hash::Hasher::finish(&hasher);
        let ticks = net.now / 4000;
        self.iss = Seq((hash.wrapping_add(ticks) & 0xffff_ffff) as u32);
        self.una = self.iss;
        self.nxt = self.iss;
        self.sent = self.iss;
    }
}
