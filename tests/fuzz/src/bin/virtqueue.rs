//! A device that lies: it writes what it likes into the used ring. The driver's side answers `Broken` or hands back only what it gave away.
#![no_main]
use std::collections::HashMap;
use std::sync::OnceLock;
use virtqueue::{Queue, Span};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static FRAMES: OnceLock<&frame::FrameAllocator> = OnceLock::new();
    let frames = *FRAMES.get_or_init(|| frame::testing::arena(4 << 20));
    let [shape, actions @ ..] = data else { return };
    let mut queue = Queue::new(frames, 1 << (shape & 7), shape & 8 != 0).expect("memory enough for one queue");
    let size = queue.size();
    let used = frames.virt(queue.addresses().2);
    let mut given: HashMap<u16, (u32, u16)> = HashMap::new();
    let mut actions = actions.iter().copied();
    while let Some(action) = actions.next() {
        let mut next = || actions.next().unwrap_or(0);
        match action % 6 {
            0 | 1 => {
                let (readable, writable) = (usize::from(next() % 4), usize::from(next() % 4));
                let span = Span { phys: 0x1000, len: 100 };
                if let Ok(head) = queue.add(&vec![span; readable], &vec![span; writable]) {
                    let earlier = given.insert(head, (100 * writable as u32, (readable + writable) as u16));
                    assert!(earlier.is_none(), "chain {head} is in flight already");
                }
            }
            2 => drop(queue.publish()),
            3 => {
                // The index moves on, or to anywhere.
                let value = u16::from_le_bytes([next(), next() & 1]);
                // SAFETY: the used ring's index, two bytes into it; nobody else looks at this memory now.
                unsafe { used.add(2).cast::<u16>().write(value) };
            }
            4 => {
                let at = 4 + 8 * usize::from(next() as u16 % size);
                let entry = [u32::from(next()) | u32::from(next() & 1) << 16, u32::from(next())];
                // SAFETY: one of the ring's `size` entries of 8 bytes.
                unsafe { used.add(at).cast::<[u32; 2]>().write(entry) };
            }
            _ => {
                queue.disable_interrupts();
                if let Ok(Some((head, len))) = queue.pop() {
                    let (room, _) = given.remove(&head).expect("only what was given comes back");
                    assert!(len <= room);
                }
                let _ = queue.enable_interrupts();
            }
        }
        let in_flight: u16 = given.values().map(|(_, count)| count).sum();
        assert_eq!(queue.free_descriptors(), size - in_flight);
    }
});
