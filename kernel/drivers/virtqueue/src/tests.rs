use crate::testing::DeviceRing;
use crate::*;
use frame::testing::arena;
use std::collections::VecDeque;

fn device_of(queue: &Queue, frames: &'static frame::FrameAllocator) -> DeviceRing {
    let (descriptors, _, device) = queue.addresses();
    DeviceRing::new(frames, queue.size(), descriptors, device)
}

fn span(phys: u64, len: u32) -> Span {
    Span { phys, len }
}

#[test]
fn chains_go_round_many_times_in_any_order() {
    let frames = arena(1 << 20);
    let mut queue = Queue::new(frames, 8, false).unwrap();
    let mut device = device_of(&queue, frames);
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
    let mut device = device_of(&queue, frames);
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
    let mut device = device_of(&queue, frames);
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
        let mut device = device_of(&queue, frames);
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
        let device = device_of(&queue, frames);
        (queue, device)
    };
    for (id, len) in [(4, 0), (u32::MAX, 0), (0x1_0000, 0), (1, 0), (3, 0), (0, 101), (0, u32::MAX)] {
        let (mut queue, mut device) = fresh();
        device.give(id, len);
        assert_eq!(queue.pop(), Err(Broken), "{id} {len}");
    }
    let (mut queue, mut device) = fresh();
    device.set_used_index(5);
    assert_eq!(queue.pop(), Err(Broken));
    // The same chain twice.
    let (mut queue, mut device) = fresh();
    device.give(0, 100);
    device.give(0, 100);
    assert_eq!((queue.pop(), queue.pop()), (Ok(Some((0, 100))), Err(Broken)));
}
