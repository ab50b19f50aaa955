use crate::Port;
use frame::FrameAllocator;
use frame::testing::arena;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use virtqueue::testing::{DeviceRing, Piece};
use virtqueue::{NoDevice, Transport, feature};

const MULTIPORT: u64 = 2;

/// A console device with several ports, of which one is there: what QEMU does, in small.
struct Device {
    frames: &'static FrameAllocator,
    features: u64,
    /// The port that is announced.
    port: u32,
    status: u8,
    rings: HashMap<u16, DeviceRing>,
    /// Control messages of the driver: port, event, value.
    said: Vec<(u32, u16, u16)>,
    /// What came out of the port.
    sent: Vec<u8>,
    /// Takes nothing that is sent, as a monitor whose reader is slow.
    throttled: bool,
    notified: usize,
}

impl Device {
    /// Offers a control message.
    fn tell(&mut self, port: u32, event: u16) {
        let message = [&port.to_le_bytes()[..], &event.to_le_bytes(), &1u16.to_le_bytes(), b"name"].concat();
        self.put(2, &message);
    }

    /// Writes to the next buffers of a queue as much as fits; returns how much that is.
    fn put(&mut self, queue: u16, mut bytes: &[u8]) -> usize {
        let ring = self.rings.get_mut(&queue).unwrap();
        let mut done = 0;
        while !bytes.is_empty() {
            let Some((head, pieces)) = ring.take() else { break };
            let count = ring.write(&pieces[0], bytes);
            ring.give(head.into(), count as u32);
            bytes = &bytes[count..];
            done += count;
        }
        done
    }

    fn chains(&mut self, queue: u16) -> Vec<Vec<u8>> {
        let ring = self.rings.get_mut(&queue).unwrap();
        let mut all = Vec::new();
        while let Some((head, pieces)) = ring.take() {
            all.push(pieces.iter().flat_map(|piece: &Piece| ring.read(piece)).collect());
            ring.give(head.into(), 0);
        }
        all
    }

    fn work(&mut self) {
        for message in self.chains(3) {
            let word = |at: usize| u16::from_le_bytes([message[at], message[at + 1]]);
            let port = u32::from(word(0)) | u32::from(word(2)) << 16;
            self.said.push((port, word(4), word(6)));
            if word(4) == 0 {
                // Other ports are announced as well, and come first.
                self.tell(0, 1);
                self.tell(7, 1);
                self.tell(self.port, 1);
            }
        }
        if !self.throttled {
            let sent = self.chains(5).concat();
            self.sent.extend(sent);
        }
    }
}

#[derive(Clone)]
struct Handle(Arc<Mutex<Device>>);

impl Transport for Handle {
    fn device_id(&self) -> u32 {
        crate::DEVICE_ID
    }
    fn status(&self) -> u8 {
        self.0.lock().unwrap().status
    }
    fn set_status(&mut self, status: u8) {
        self.0.lock().unwrap().status = status;
    }
    fn device_features(&mut self) -> u64 {
        self.0.lock().unwrap().features
    }
    fn set_driver_features(&mut self, _: u64) {}
    fn config(&self, _: u64) -> u8 {
        0
    }
    fn queue_max(&mut self, index: u16) -> u16 {
        if index < 6 { 128 } else { 0 }
    }
    fn start_queue(&mut self, index: u16, size: u16, descriptors: u64, _: u64, device: u64) {
        let mut inner = self.0.lock().unwrap();
        let ring = DeviceRing::new(inner.frames, size, descriptors, device);
        inner.rings.insert(index, ring);
    }
    fn notify(&self, index: u16) {
        let mut inner = self.0.lock().unwrap();
        inner.notified += usize::from(index == 5);
        inner.work();
    }
    fn ack_interrupt(&mut self) -> bool {
        true
    }
}

fn device(features: u64, port: u32) -> (Handle, &'static FrameAllocator) {
    let frames = arena(4 << 20);
    let device = Device {
        frames,
        features: features | feature::VERSION_1,
        port,
        status: 0,
        rings: HashMap::new(),
        said: Vec::new(),
        sent: Vec::new(),
        throttled: false,
        notified: 0,
    };
    (Handle(Arc::new(Mutex::new(device))), frames)
}

fn open() -> (Handle, Port) {
    let (device, frames) = device(MULTIPORT, 1);
    let port = Port::open(Box::new(device.clone()), frames, 1).unwrap();
    (device, port)
}

fn send(port: &mut Port, bytes: &[u8]) -> bool {
    let Some(mut page) = port.page() else { return false };
    page.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
    port.send(page, bytes.len());
    true
}

#[test]
fn the_port_is_announced_before_it_is_opened() {
    let (device, _port) = open();
    assert_eq!(device.0.lock().unwrap().said, [(0, 0, 1), (1, 3, 1), (1, 6, 1)]);
}

#[test]
fn without_that_port_the_device_is_left_alone() {
    for (features, port) in [(0, 1), (MULTIPORT, 2)] {
        let (device, frames) = device(features, port);
        assert!(matches!(Port::open(Box::new(device.clone()), frames, 1), Err(NoDevice::Absent)));
        if features & MULTIPORT != 0 {
            assert_eq!(device.0.lock().unwrap().status, 0, "reset");
        }
    }
    let (device, frames) = device(MULTIPORT, 1);
    for number in [0, 3, u32::from(u16::MAX) / 2, u32::MAX] {
        assert!(Port::open(Box::new(device.clone()), frames, number).is_err(), "port {number}");
    }
}

#[test]
fn everything_sent_arrives_in_order_with_one_notification_a_flush() {
    let (device, mut port) = open();
    let mut expected = Vec::new();
    for round in 0..1000u32 {
        let bytes = round.to_le_bytes().repeat(1 + round as usize % 1024);
        assert!(send(&mut port, &bytes));
        expected.extend(bytes);
        if round % 3 == 0 {
            port.flush();
        }
    }
    assert!(port.is_settled());
    let inner = device.0.lock().unwrap();
    assert_eq!(inner.sent, expected);
    assert!(inner.notified <= 335, "{} notifications", inner.notified);
}

#[test]
fn a_device_that_takes_nothing_holds_back_the_sender_and_no_more() {
    let (device, mut port) = open();
    device.0.lock().unwrap().throttled = true;
    let mut expected = Vec::new();
    let mut count = 0u8;
    while send(&mut port, &[count; 100]) {
        expected.extend([count; 100]);
        count += 1;
    }
    assert_eq!(count, 16);
    assert!(!port.has_room() && !port.is_settled() && port.page().is_none());
    device.0.lock().unwrap().throttled = false;
    device.0.lock().unwrap().work();
    assert!(port.has_room() && send(&mut port, b"more"));
    assert!(port.is_settled());
    expected.extend(b"more");
    assert_eq!(device.0.lock().unwrap().sent, expected);
}

#[test]
fn what_is_received_comes_out_in_order() {
    let (device, mut port) = open();
    let bytes: Vec<u8> = (0..50_000u32).map(|i| (i * 7 % 251) as u8).collect();
    let (mut rest, mut got) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        let taken = device.0.lock().unwrap().put(4, &rest[..rest.len().min(6000)]);
        assert!(taken > 0, "no buffer was posted again");
        rest = &rest[taken..];
        port.interrupt(&mut |piece| got.extend_from_slice(piece));
    }
    assert_eq!(got, bytes);
}

#[test]
fn a_device_that_lies_stops_the_port_and_nothing_else() {
    let (device, mut port) = open();
    device.0.lock().unwrap().throttled = true;
    assert!(send(&mut port, b"x"));
    port.flush();
    device.0.lock().unwrap().rings.get_mut(&5).unwrap().give(9, 0);
    assert!(port.page().is_none() && port.is_broken() && port.is_settled());

    let (device, mut port) = open();
    device.0.lock().unwrap().rings.get_mut(&4).unwrap().give(0, 5000);
    port.interrupt(&mut |_| panic!("nothing was received"));
    assert!(port.is_broken());
}
