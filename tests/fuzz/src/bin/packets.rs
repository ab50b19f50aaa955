//! A hostile network: frames of every kind into a stack with a listener, a connection under way, a UDP socket and a DHCP client.
//!
//! Input: pieces of a kind byte, a length byte and that many bytes. Most kinds bring correct headers along, so that mutations get past the
//! first checks; the device vouches for checksums.
#![no_main]
use file::{File, MsgFlags, SliceSink, SockAddr};
use net::{Capabilities, InterfaceConfig, Ipv4Config, Ipv6Config, NetDevice, RxBuffer, RxChecksum, RxStorage, Stack, TxFull, TxOffload};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, OnceLock};
use time::Clock;
use time::testing::ManualClock;

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const PEER: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x57];

const FIXED: Ipv4Config =
    Ipv4Config::Static { address: Ipv4Addr::new(10, 0, 2, 15), prefix: 24, gateway: Some(Ipv4Addr::new(10, 0, 2, 2)) };

type Frames = Arc<Mutex<VecDeque<Vec<u8>>>>;

struct Storage(Vec<u8>);
impl RxStorage for Storage {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send> {
        self
    }
}

/// Delivers what the input says and swallows what the stack sends, after writing every byte of it.
struct Device {
    frames: Frames,
}

impl NetDevice for Device {
    fn capabilities(&self) -> Capabilities {
        Capabilities { mac: MAC, mtu: 1500, tx_checksum: true, max_tso4: 65_000, max_tso6: 65_000 }
    }
    fn transmit(&mut self, len: usize, offload: TxOffload, fill: &mut dyn FnMut(usize, &mut [u8])) -> Result<(), TxFull> {
        let mut frame = vec![0; len];
        fill(0, &mut frame);
        if let Some((start, field)) = offload.checksum {
            assert!(usize::from(start) + usize::from(field) + 2 <= len, "a checksum outside its frame");
        }
        assert!(offload.segment.is_some() || len <= 1514, "a frame of {len} bytes without segmentation");
        Ok(())
    }
    fn flush(&mut self) {}
    fn receive(&mut self) -> Option<RxBuffer> {
        let frame = self.frames.lock().expect("nobody panics with it").pop_front()?;
        Some(RxBuffer { start: 0, len: frame.len(), storage: Box::new(Storage(frame)), checksum: RxChecksum::Good })
    }
    fn recycle(&mut self, _: RxBuffer) {}
    fn enable_interrupts(&mut self) -> bool {
        !self.frames.lock().expect("nobody panics with it").is_empty()
    }
    fn ack_interrupt(&mut self) {}
}

fn ethernet(kind: u16, payload: &[&[u8]]) -> Vec<u8> {
    [&MAC[..], &PEER, &kind.to_be_bytes()].into_iter().chain(payload.iter().copied()).flatten().copied().collect()
}

fn ipv4(protocol: u8, to: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len() as u16).to_be_bytes();
    let mut header = [0x45, 0, len[0], len[1], 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 2, 2, to[0], to[1], to[2], to[3]];
    let sum = header.chunks(2).fold(0_u32, |sum, pair| sum + u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    ethernet(0x0800, &[&header, payload])
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, len[0], len[1], next, 255];
    header.extend("fe80::1".parse::<std::net::Ipv6Addr>().expect("an address").octets());
    header.extend("ff02::1".parse::<std::net::Ipv6Addr>().expect("an address").octets());
    ethernet(0x86dd, &[&header, payload])
}

/// A frame from a kind and its bytes.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    match kind % 9 {
        0 => body.to_vec(),
        1 => ethernet(0x0806, &[&[0, 1, 8, 0, 6, 4], body]),
        2 => ethernet(0x0800, &[body]),
        3 => ethernet(0x86dd, &[body]),
        4 => ipv4(6, [10, 0, 2, 15], &[&[0x30, 0x39, 0, 80], body].concat()),
        5 => ipv4(17, [10, 0, 2, 15], &[&[0, 53, 0x30, 0x39], &(4 + body.len() as u16).to_be_bytes()[..], body].concat()),
        6 => ipv4(1, [10, 0, 2, 15], body),
        7 => ipv6(58, body),
        _ => ipv4(17, [255; 4], &[&[0, 67, 0, 68], &(8 + body.len() as u16).to_be_bytes()[..], &[0, 0, 2, 1, 6, 0], body].concat()),
    }
}

fn socket(stack: &Stack, kind: u32, port: u16) -> Arc<dyn File> {
    let socket = stack.socket(2, kind, 0).expect("a socket");
    let address = SockAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    socket.as_socket().expect("a socket").bind(&address).expect("a free port");
    socket
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static CLOCK: OnceLock<ManualClock> = OnceLock::new();
    let clock = CLOCK.get_or_init(ManualClock::default);
    let mut word = 0_u8;
    let random = Box::new(move |bytes: &mut [u8]| {
        bytes.fill_with(|| {
            word = word.wrapping_mul(5).wrapping_add(1);
            word
        })
    });
    let stack = Stack::new(clock, random, 1 << 20);
    let frames = Frames::default();
    let config = InterfaceConfig { name: "eth0".into(), ..InterfaceConfig::default() };
    let [first, pieces @ ..] = data else { return };
    let config = if first & 2 == 0 { InterfaceConfig { ipv6: Ipv6Config::Auto, ..config } } else { config };
    let config =
        if first & 1 == 0 { InterfaceConfig { ipv4: FIXED, ..config } } else { InterfaceConfig { ipv4: Ipv4Config::Dhcp, ..config } };
    let index = stack.add_interface(Box::new(Device { frames: frames.clone() }), config);
    let listener = socket(&stack, 1, 80);
    listener.as_socket().expect("a socket").listen(8).expect("a listener");
    let udp = socket(&stack, 2, 12345);
    let client = stack.socket(2, 1, 0).expect("a socket");
    let peer = SockAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 2), 80));
    let _ = client.as_socket().expect("a socket").connect(&peer);
    let mut accepted = Vec::new();
    let mut rest = pieces;
    while let [kind, len, more @ ..] = rest {
        let (body, tail) = more.split_at((*len as usize).min(more.len()));
        rest = tail;
        frames.lock().expect("nobody panics with it").push_back(frame(*kind, body));
        clock.advance(u64::from(kind / 9) * 50_000_000);
        let now = clock.monotonic_ns();
        stack.interrupt(index, now);
        stack.poll(now);
        while let Ok((socket, _)) = listener.as_socket().expect("a socket").accept() {
            accepted.push(socket);
        }
        for socket in accepted.iter().chain([&udp, &client]) {
            let socket = socket.as_socket().expect("a socket");
            let mut bytes = [0; 256];
            while socket.recv(&mut SliceSink::new(&mut bytes), MsgFlags::empty()).is_ok_and(|received| received.copied > 0) {}
            let _ = socket.send(&mut &b"answer"[..], None, MsgFlags::empty(), Vec::new());
        }
    }
    // Every timer once more, far away.
    for _ in 0..8 {
        clock.advance(10_000_000_000);
        stack.poll(clock.monotonic_ns());
    }
});
