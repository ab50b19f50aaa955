use crate::*;
use frame::testing::arena;
use std::collections::VecDeque;

/// A device that walks the ring through its physical addresses, as a monitor does.
struct Device {
    base: *mut u8,
    size: usize,
    device_area: usize,
    next_avail: u16,
    used: u16,
}

/// Address, length, and whether the device writes it.
type Piece = (u64, u32, bool);

impl Device {
    fn new(queue: &Queue, frames: &'static frame::FrameAllocator) -> Self {
        let (descriptors, _, device) = queue.addresses();
        Self {
            base: frames.virt(descriptors),
            size: queue.size().into(),
            device_area: (device - descriptors) as usize,
            next_avail: 0,
            used: 0,
        }
    }
    fn get<T>(&self, offset: usize) -> T {
        // SAFETY: the tests keep offsets within the queue's run.
        unsafe { self.base.add(offset).cast::<T>().read_unaligned() }
    }
    fn set<T>(&self, offset: usize, value: T) {
        // SAFETY: as above.
        unsafe { self.base.add(offset).cast::<T>().write_unaligned(value) }
    }
    /// The next chain: its head and its (address, length, device writes) pieces.
    fn take(&mut self) -> Option<(u16, Vec<Piece>)> {
        let driver = self.size * 16;
        if self.get::<u16>(driver + 2) == self.next_avail {
            return None;
        }
        let head: u16 = self.get(driver + 4 + 2 * (usize::from(self.next_avail) % self.size));
        self.next_avail = self.next_avail.wrapping_add(1);
        let mut pieces = Vec::new();
        let mut at = head;
        loop {
            let d = usize::from(at) * 16;
            let flags: u16 = self.get(d + 12);
            pieces.push((self.get(d), self.get(d + 8), flags & 2 != 0));
            if flags & 1 == 0 {
                return Some((head, pieces));
            }
            at = self.get(d + 14);
        }
    }
    fn give(&mut self, id: u32, len: u32) {
        let at = self.device_area + 4 + 8 * (usize::from(self.used) % self.size);
        self.set(at, id);
        self.set(at + 4, len);
        self.used = self.used.wrapping_add(1);
        self.set(self.device_area + 2, self.used);
    }
    fn set_avail_event(&self, value: u16) {
        self.set(self.device_area + 4 + 8 * self.size, value);
    }
}

fn span(phys: u64, len: u32) -> Span {
    Span { phys, len }
}

#[test]
fn chains_go_round_many_times_in_any_order() {
    let frames = arena(1 << 20);
    let mut queue = Queue::new(frames, 8, false).unwrap();
    let mut device = Device::new(&queue, frames);
    let mut held = VecDeque::new();
    for round in 0..70_000u64 {
        let head = queue.add(&[span(round, 10)], &[span(round + 1, 20), span(round + 2, 30)]).unwrap();
        queue.publish();
        let (seen, pieces) = device.take().unwrap();
        assert_eq!((seen, pieces), (head, vec![(round, 10, false), (round + 1, 20, true), (round + 2, 30, true)]));
        held.push_back(head);
        if held.len() == 2 {
            assert_eq!(queue.add(&[span(0, 1), span(0, 1), span(0, 1)], &[]), Err(Full));
            // Last in, first out on odd rounds.
            let back = if round % 2 == 0 { held.pop_front() } else { held.pop_back() }.unwrap();
            device.give(back.into(), 50);
            assert_eq!(queue.pop(), Ok(Some((back, 50))));
            assert_eq!(queue.pop(), Ok(None));
        }
    }
    assert_eq!(queue.free_descriptors(), 5);
}

#[test]
fn a_chain_of_one_is_like_any_other() {
    let frames = arena(1 << 20);
    let mut queue = Queue::new(frames, 2, false).unwrap();
    let mut device = Device::new(&queue, frames);
    for round in 0..200_000u64 {
        let read = queue.add_one(span(round, 10), Direction::Readable).unwrap();
        let written = queue.add_one(span(round, 20), Direction::Writable).unwrap();
        assert_eq!(queue.add_one(span(0, 1), Direction::Readable), Err(Full));
        queue.publish();
        assert_eq!(device.take(), Some((read, vec![(round, 10, false)])));
        assert_eq!(device.take(), Some((written, vec![(round, 20, true)])));
        device.give(written.into(), 20);
        device.give(read.into(), 0);
        assert_eq!((queue.pop(), queue.pop()), (Ok(Some((written, 20))), Ok(Some((read, 0)))));
    }
    queue.add_one(span(0, 10), Direction::Readable).unwrap();
    queue.publish();
    let (head, _) = device.take().unwrap();
    device.give(head.into(), 1);
    assert_eq!(queue.pop(), Err(Broken), "the device may not write there");
}

#[test]
fn notifications_follow_the_event_index_over_the_wrap() {
    let frames = arena(1 << 20);
    let mut queue = Queue::new(frames, 4, true).unwrap();
    let mut device = Device::new(&queue, frames);
    let mut published = 0u16;
    for _ in 0..40_000 {
        // The device wants to hear of the very next chain, then of one long past.
        for (event, wanted) in [(published, true), (published.wrapping_sub(1), false)] {
            device.set_avail_event(event);
            queue.add(&[span(0, 1)], &[]).unwrap();
            assert_eq!(queue.publish(), wanted, "{published}");
            published = published.wrapping_add(1);
            let (head, _) = device.take().unwrap();
            device.give(head.into(), 0);
            queue.pop().unwrap().unwrap();
        }
        assert!(!queue.publish(), "nothing new");
    }
}

#[test]
fn a_finished_chain_before_enabling_is_reported() {
    let frames = arena(1 << 20);
    for event_idx in [false, true] {
        let mut queue = Queue::new(frames, 4, event_idx).unwrap();
        let mut device = Device::new(&queue, frames);
        queue.disable_interrupts();
        queue.add(&[], &[span(0, 9)]).unwrap();
        queue.publish();
        assert!(!queue.enable_interrupts());
        let (head, _) = device.take().unwrap();
        device.give(head.into(), 9);
        assert!(queue.enable_interrupts() && queue.has_used());
    }
}

#[test]
fn a_hostile_device_breaks_the_queue_and_nothing_else() {
    let frames = arena(1 << 20);
    let fresh = || {
        let mut queue = Queue::new(frames, 4, false).unwrap();
        queue.add(&[span(0, 1)], &[span(0, 100)]).unwrap();
        queue.publish();
        let device = Device::new(&queue, frames);
        (queue, device)
    };
    for (id, len) in [(4, 0), (u32::MAX, 0), (0x1_0000, 0), (1, 0), (3, 0), (0, 101), (0, u32::MAX)] {
        let (mut queue, mut device) = fresh();
        device.give(id, len);
        assert_eq!(queue.pop(), Err(Broken), "{id} {len}");
    }
    let (mut queue, device) = fresh();
    device.set(device.device_area + 2, 5u16);
    assert_eq!(queue.pop(), Err(Broken));
    // The same chain twice.
    let (mut queue, mut device) = fresh();
    device.give(0, 100);
    device.give(0, 100);
    assert_eq!((queue.pop(), queue.pop()), (Ok(Some((0, 100))), Err(Broken)));
}
