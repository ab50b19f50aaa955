//! Two stacks joined by a simulated link: virtual time, and seeded loss, reordering, duplication, delay and damage.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use file::{Events, File, MsgFlags, Registration, Share, SliceSink, SockAddr, Socket, WaitQueue};
use net::{Capabilities, InterfaceConfig, Ipv4Config, Ipv6Config, NetDevice, RxBuffer, RxChecksum, RxStorage, Stack, TxFull, TxOffload};
use std::cell::Cell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use uapi::{Errno, Result};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000_000_000;

pub struct FakeClock(AtomicU64);
impl time::Clock for FakeClock {
    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
    fn realtime_ns(&self) -> u64 {
        1_700_000_000 * SECOND + self.monotonic_ns()
    }
    fn set_realtime_ns(&self, _: u64) {}
}

pub struct Random(u64);
impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
    pub fn percent(&mut self, p: u64) -> bool {
        self.below(100) < p
    }
}

/// What the link does to frames.
#[derive(Clone, Copy)]
pub struct Weather {
    pub delay: u64,
    /// Extra delay, random: reorders.
    pub jitter: u64,
    /// Percentages.
    pub loss: u64,
    pub duplicate: u64,
    pub damage: u64,
}

pub const FAIR: Weather = Weather { delay: 100_000, jitter: 0, loss: 0, duplicate: 0, damage: 0 };

pub struct Wire {
    pub weather: Weather,
    pub random: Random,
    /// Frames under way to each end.
    pub under_way: [Vec<(u64, Vec<u8>)>; 2],
    pub arrived: [VecDeque<Vec<u8>>; 2],
    /// Frames seen, for inspection.
    pub count: u64,
    pub largest: usize,
    /// Called for each frame from an end; `false` drops it.
    pub filter: Option<Filter>,
    pub now: u64,
}

/// Whether a frame from this end may pass.
pub type Filter = Box<dyn FnMut(usize, &[u8]) -> bool + Send>;

impl Wire {
    pub fn send(&mut self, from: usize, frame: Vec<u8>) {
        self.count += 1;
        self.largest = self.largest.max(frame.len());
        if let Some(filter) = &mut self.filter
            && !filter(from, &frame)
        {
            return;
        }
        let w = self.weather;
        if self.random.percent(w.loss) {
            return;
        }
        let copies = 1 + usize::from(self.random.percent(w.duplicate));
        for _ in 0..copies {
            let mut frame = frame.clone();
            if self.random.percent(w.damage) {
                let at = self.random.below(frame.len() as u64) as usize;
                frame[at] ^= 1 << self.random.below(8);
            }
            let jitter = if w.jitter > 0 { self.random.below(w.jitter) } else { 0 };
            self.under_way[1 - from].push((self.now + w.delay + jitter, frame));
        }
    }

    fn next_arrival(&self) -> Option<u64> {
        self.under_way.iter().flatten().map(|(at, _)| *at).min()
    }

    fn deliver(&mut self, now: u64) {
        self.now = now;
        for end in 0..2 {
            let mut due: Vec<(u64, Vec<u8>)> = self.under_way[end].extract_if(.., |(at, _)| *at <= now).collect();
            due.sort_by_key(|(at, _)| *at);
            self.arrived[end].extend(due.into_iter().map(|(_, frame)| frame));
        }
    }
}

struct Storage(Vec<u8>);
impl RxStorage for Storage {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
        self
    }
}

pub struct Port {
    pub wire: Arc<Mutex<Wire>>,
    pub end: usize,
    pub caps: Capabilities,
    /// Frames that fit until the next flush; for exercising a full ring.
    pub ring: usize,
    used: usize,
}

/// What a device does for a frame handed over with offloads: sums and cuts.
pub fn carry_out(frame: Vec<u8>, offload: TxOffload) -> Vec<Vec<u8>> {
    let Some((start, at)) = offload.checksum else { return vec![frame] };
    let (start, at) = (usize::from(start), usize::from(at));
    let sum16 = |bytes: &[u8]| {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b));
        }
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        sum
    };
    let Some(tso) = offload.segment else {
        let mut frame = frame;
        let sum = !(sum16(&frame[start..]) as u16);
        frame[start + at..start + at + 2].copy_from_slice(&sum.to_be_bytes());
        return vec![frame];
    };
    let header = &frame[..usize::from(tso.header_len)];
    let payload = &frame[usize::from(tso.header_len)..];
    let count = payload.len().div_ceil(usize::from(tso.size));
    let mut out = Vec::new();
    for (i, piece) in payload.chunks(usize::from(tso.size)).enumerate() {
        let mut segment = [header, piece].concat();
        let old_len = frame.len() - start;
        let len = segment.len();
        let new_len = len - start;
        if tso.ipv6 {
            segment[18..20].copy_from_slice(&((len - 54) as u16).to_be_bytes());
        } else {
            segment[16..18].copy_from_slice(&((len - 14) as u16).to_be_bytes());
            segment[24..26].fill(0);
            let sum = !(sum16(&segment[14..34]) as u16);
            segment[24..26].copy_from_slice(&sum.to_be_bytes());
        }
        let seq = u32::from_be_bytes(segment[start + 4..start + 8].try_into().unwrap());
        let seq = seq.wrapping_add(i as u32 * u32::from(tso.size));
        segment[start + 4..start + 8].copy_from_slice(&seq.to_be_bytes());
        if i + 1 < count {
            segment[start + 13] &= !(1 | 8);
        }
        // The pseudo-header sum in the field is over the whole length: correct it.
        let pseudo = u32::from(u16::from_be_bytes(segment[start + at..start + at + 2].try_into().unwrap()));
        let corrected = pseudo + (0xffff - (old_len as u32 & 0xffff)) + new_len as u32;
        let folded = (corrected >> 16) + (corrected & 0xffff);
        let folded = ((folded >> 16) + (folded & 0xffff)) as u16;
        segment[start + at..start + at + 2].copy_from_slice(&folded.to_be_bytes());
        let sum = !(sum16(&segment[start..]) as u16);
        segment[start + at..start + at + 2].copy_from_slice(&sum.to_be_bytes());
        out.push(segment);
    }
    out
}

impl NetDevice for Port {
    fn capabilities(&self) -> Capabilities {
        self.caps
    }
    fn transmit(&mut self, len: usize, offload: TxOffload, fill: &mut dyn FnMut(usize, &mut [u8])) -> Result<(), TxFull> {
        if self.used == self.ring {
            self.used = 0;
            return Err(TxFull);
        }
        self.used += 1;
        let mut frame = vec![0; len];
        // In pieces, as a ring of small buffers would take it.
        let mut at = 0;
        for piece in frame.chunks_mut(512) {
            fill(at, piece);
            at += piece.len();
        }
        let mut wire = self.wire.lock().unwrap();
        for frame in carry_out(frame, offload) {
            wire.send(self.end, frame);
        }
        Ok(())
    }
    fn flush(&mut self) {
        self.used = 0;
    }
    fn receive(&mut self) -> Option<RxBuffer> {
        let frame = self.wire.lock().unwrap().arrived[self.end].pop_front()?;
        let len = frame.len();
        Some(RxBuffer { storage: Box::new(Storage(frame)), start: 0, len, checksum: RxChecksum::Unknown })
    }
    fn recycle(&mut self, _: RxBuffer) {}
    fn enable_interrupts(&mut self) -> bool {
        !self.wire.lock().unwrap().arrived[self.end].is_empty()
    }
    fn ack_interrupt(&mut self) {}
}

pub struct World {
    pub clock: &'static FakeClock,
    pub wire: Arc<Mutex<Wire>>,
    pub stacks: Vec<Stack>,
}

/// How to build a world.
#[derive(Clone)]
pub struct Plan {
    pub seed: u64,
    pub weather: Weather,
    pub mtu: u16,
    pub offload: bool,
    pub ring: usize,
    pub limit: usize,
    pub dhcp: bool,
    pub ipv6: Ipv6Config,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { seed: 1, weather: FAIR, mtu: 1500, offload: true, ring: usize::MAX, limit: 64 << 20, dhcp: false, ipv6: Ipv6Config::Auto }
    }
}

impl World {
    pub fn new(plan: Plan) -> World {
        let clock: &'static FakeClock = Box::leak(Box::new(FakeClock(AtomicU64::new(SECOND))));
        let wire = Arc::new(Mutex::new(Wire {
            weather: plan.weather,
            random: Random::new(plan.seed),
            under_way: Default::default(),
            arrived: Default::default(),
            count: 0,
            largest: 0,
            filter: None,
            now: SECOND,
        }));
        let stacks = (0..2)
            .map(|end| {
                let mut random = Random::new(plan.seed * 2 + end as u64 + 77);
                let fill = move |bytes: &mut [u8]| bytes.iter_mut().for_each(|b| *b = (random.next() >> 24) as u8);
                let stack = Stack::new(clock, Box::new(fill), plan.limit);
                let tso = if plan.offload { 60_000 } else { 0 };
                let mac = [2, 0, 0, 0, 0, end as u8 + 1];
                let caps = Capabilities { mac, mtu: plan.mtu, tx_checksum: plan.offload, max_tso4: tso, max_tso6: tso };
                let port = Port { wire: wire.clone(), end, caps, ring: plan.ring, used: 0 };
                let ipv4 = if plan.dhcp {
                    Ipv4Config::Dhcp
                } else {
                    Ipv4Config::Static { address: v4(end), prefix: 24, gateway: Some(Ipv4Addr::new(10, 0, 0, 254)) }
                };
                let ipv6 = plan.ipv6.clone();
                stack.add_interface(Box::new(port), InterfaceConfig { name: "eth0".into(), ipv4, ipv6, ..Default::default() });
                stack
            })
            .collect();
        World { clock, wire, stacks }
    }

    pub fn now(&self) -> u64 {
        self.clock.0.load(Ordering::SeqCst)
    }

    /// Advances to the next event, at most to `until`; `false` when nothing is left before it.
    pub fn step(&self, until: u64) -> bool {
        let arrival = self.wire.lock().unwrap().next_arrival();
        let timers = self.stacks.iter().filter_map(|s| s.next_deadline());
        let next = timers.chain(arrival).min().filter(|t| *t <= until);
        let now = next.unwrap_or(until).max(self.now());
        self.clock.0.store(now, Ordering::SeqCst);
        self.wire.lock().unwrap().deliver(now);
        for stack in &self.stacks {
            stack.poll(now);
        }
        next.is_some()
    }

    /// Lets `ns` pass.
    pub fn run(&self, ns: u64) {
        let until = self.now() + ns;
        while self.step(until) {}
    }

    /// Runs until `done`, at most `ns`; says whether it was.
    pub fn run_until(&self, ns: u64, mut done: impl FnMut() -> bool) -> bool {
        let until = self.now() + ns;
        loop {
            if done() {
                return true;
            }
            if !self.step(until) {
                return done();
            }
        }
    }

    /// A listener at end 1 and a connected pair (end 0's, end 1's).
    pub fn connected(&self, port: u16) -> (Sock, Sock, Sock) {
        let listener = self.listen(1, port);
        let client = tcp(&self.stacks[0]);
        assert_eq!(client.s().connect(&addr4(1, port)), Err(Errno::EINPROGRESS));
        let accepted = Cell::new(None);
        let ok = self.run_until(60 * SECOND, || {
            if let Ok((file, _)) = listener.s().accept() {
                accepted.set(Some(Sock(file)));
            }
            let is = accepted.take();
            let done = is.is_some() && client.poll().contains(Events::OUT);
            accepted.set(is);
            done
        });
        assert!(ok, "not connected");
        assert_eq!(client.s().take_error(), None);
        let server = accepted.take().unwrap();
        (listener, client, server)
    }

    pub fn listen(&self, end: usize, port: u16) -> Sock {
        let listener = tcp(&self.stacks[end]);
        listener.s().bind(&SockAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))).unwrap();
        listener.s().listen(128).unwrap();
        listener
    }
}

#[derive(Clone)]
pub struct Sock(pub Arc<dyn File>);

impl Sock {
    pub fn s(&self) -> &dyn Socket {
        self.0.as_socket().unwrap()
    }
    pub fn poll(&self) -> Events {
        self.0.poll()
    }
    pub fn send(&self, mut bytes: &[u8]) -> Result<usize> {
        self.s().send(&mut bytes, None, MsgFlags::empty(), Vec::new())
    }
    pub fn send_to(&self, mut bytes: &[u8], to: &SockAddr) -> Result<usize> {
        self.s().send(&mut bytes, Some(to), MsgFlags::empty(), Vec::new())
    }
    pub fn recv(&self, max: usize) -> Result<Vec<u8>> {
        self.recv_flags(max, MsgFlags::empty()).map(|(data, _)| data)
    }
    pub fn recv_flags(&self, max: usize, flags: MsgFlags) -> Result<(Vec<u8>, file::Received)> {
        let mut buf = vec![0; max];
        let mut sink = SliceSink::new(&mut buf);
        let received = self.s().recv(&mut sink, flags)?;
        buf.truncate(received.copied);
        Ok((buf, received))
    }
    pub fn set_int(&self, level: u32, name: u32, value: i32) -> Result<()> {
        self.s().set_option(level as i32, name as i32, &value.to_ne_bytes())
    }
    pub fn get_int(&self, level: u32, name: u32) -> Result<i32> {
        let value = self.s().get_option(level as i32, name as i32)?;
        Ok(i32::from_ne_bytes(value[..4].try_into().unwrap()))
    }
}

pub fn v4(end: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, end as u8 + 1)
}
pub fn addr4(end: usize, port: u16) -> SockAddr {
    SockAddr::V4(SocketAddrV4::new(v4(end), port))
}
pub fn addr6(addr: &str, port: u16, scope: u32) -> SockAddr {
    SockAddr::V6(SocketAddrV6::new(addr.parse::<Ipv6Addr>().unwrap(), port, 0, scope))
}
pub fn loopback(port: u16) -> SockAddr {
    SockAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}
pub fn tcp(stack: &Stack) -> Sock {
    Sock(stack.socket(2, 1, 0).unwrap())
}
pub fn udp(stack: &Stack) -> Sock {
    Sock(stack.socket(2, 2, 0).unwrap())
}

/// Counts wake-ups of a queue.
#[derive(Default)]
pub struct Counter(pub AtomicUsize);
impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
pub fn count_wakes(queue: &WaitQueue, events: Events) -> (Arc<Counter>, Registration) {
    let counter = Arc::new(Counter::default());
    let registration = queue.register(events, Share::All, counter.clone().into());
    (counter, registration)
}

/// Sends `stream` from one socket to the other, reading in pieces; compares byte for byte.
pub fn transfer(world: &World, from: &Sock, to: &Sock, stream: &[u8], read_max: usize, limit: u64) {
    let mut sent = 0;
    let mut got: Vec<u8> = Vec::with_capacity(stream.len());
    let mut random = Random::new(stream.len() as u64);
    let ok = world.run_until(limit, || {
        loop {
            let end = (sent + 1 + random.below(20_000) as usize).min(stream.len());
            if sent == stream.len() {
                break;
            }
            match from.send(&stream[sent..end]) {
                Ok(n) => sent += n,
                Err(Errno::EAGAIN) => break,
                Err(e) => panic!("send: {e:?} after {sent}"),
            }
        }
        loop {
            match to.recv(1 + random.below(read_max as u64) as usize) {
                Ok(data) if data.is_empty() => panic!("end of file after {}", got.len()),
                Ok(data) => got.extend(data),
                Err(Errno::EAGAIN) => break,
                Err(e) => panic!("recv: {e:?} after {}", got.len()),
            }
        }
        got.len() >= stream.len()
    });
    assert!(ok, "{} of {} bytes after {} ns", got.len(), stream.len(), limit);
    assert!(got == stream, "stream differs");
}

pub fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..len).map(|_| (random.next() >> 17) as u8).collect()
}
