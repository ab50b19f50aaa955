//! The conversation about ports (5.3.6.2), as far as one port needs it: it is there, and it is open.

use crate::{CONTROL_RX, CONTROL_TX};
use frame::FrameAllocator;
use virtqueue::{Direction, DmaBuffer, Queue, Span, Transport};

const DEVICE_READY: u16 = 0;
const PORT_ADD: u16 = 1;
const PORT_READY: u16 = 3;
const PORT_OPEN: u16 = 6;

/// `struct virtio_console_control`: port (u32), event (u16), value (u16).
const MESSAGE: usize = 8;
/// Room for a received message and what may follow it, such as a port's name.
const ROOM: usize = 64;
/// Entries of each queue.
const ENTRIES: u16 = 4;
/// Looks at the ring this often before giving up on a device that does not answer.
const MAX_POLLS: u32 = 10_000_000;

/// The control queues, and the page that holds the messages of both: what is received in front, what is sent behind it.
pub struct Control {
    receive: Queue,
    transmit: Queue,
    page: DmaBuffer,
}

impl Control {
    /// `None` when memory is short or the device has no such queues.
    pub fn new(device: &mut dyn Transport, frames: &'static FrameAllocator, event_idx: bool) -> Option<Self> {
        let mut queue = |index| {
            let size = device.queue_max(index).min(ENTRIES);
            let mut queue = Queue::new(frames, (size > 0).then_some(size)?, event_idx)?;
            queue.disable_interrupts();
            let (descriptors, driver, used) = queue.addresses();
            device.start_queue(index, queue.size(), descriptors, driver, used);
            Some(queue)
        };
        Some(Self { receive: queue(CONTROL_RX)?, transmit: queue(CONTROL_TX)?, page: DmaBuffer::new(frames, 1)? })
    }

    /// Says that the driver is there, waits until the device has named `port`, and opens it. `None`: there is no such port.
    pub fn open(&mut self, device: &mut dyn Transport, port: u32) -> Option<()> {
        let mut places = [0; ENTRIES as usize];
        for place in 0..self.receive.size() {
            self.post(place, &mut places)?;
        }
        self.receive.publish();
        self.say(device, &[(0, DEVICE_READY)])?;
        for _ in 0..MAX_POLLS {
            let Some((head, len)) = self.receive.pop().ok()? else {
                core::hint::spin_loop();
                continue;
            };
            let place = *places.get(usize::from(head))?;
            let bytes = self.page.bytes()[usize::from(place) * ROOM..].first_chunk::<MESSAGE>()?;
            let [p0, p1, p2, p3, e0, e1, ..] = *bytes;
            let (named, event) = (u32::from_le_bytes([p0, p1, p2, p3]), u16::from_le_bytes([e0, e1]));
            self.post(place, &mut places)?;
            if self.receive.publish() {
                device.notify(CONTROL_RX);
            }
            if len as usize >= MESSAGE && (named, event) == (port, PORT_ADD) {
                return self.say(device, &[(port, PORT_READY), (port, PORT_OPEN)]);
            }
        }
        None
    }

    /// Offers the room number `place` for a message.
    fn post(&mut self, place: u16, places: &mut [u16; ENTRIES as usize]) -> Option<()> {
        let phys = self.page.phys() + u64::from(place) * ROOM as u64;
        let head = self.receive.add_one(Span { phys, len: ROOM as u32 }, Direction::Writable).ok()?;
        *places.get_mut(usize::from(head))? = place;
        Some(())
    }

    /// Sends messages, each with the value 1, which is yes. At most three in the driver's life: each has its place in the page.
    fn say(&mut self, device: &mut dyn Transport, messages: &[(u32, u16)]) -> Option<()> {
        for (port, event) in messages {
            let used = self.transmit.size() - self.transmit.free_descriptors();
            let offset = usize::from(ENTRIES) * ROOM + usize::from(used) * MESSAGE;
            let ([p0, p1, p2, p3], [e0, e1]) = (port.to_le_bytes(), event.to_le_bytes());
            self.page.bytes_mut()[offset..offset + MESSAGE].copy_from_slice(&[p0, p1, p2, p3, e0, e1, 1, 0]);
            let span = Span { phys: self.page.phys() + offset as u64, len: MESSAGE as u32 };
            self.transmit.add_one(span, Direction::Readable).ok()?;
        }
        if self.transmit.publish() {
            device.notify(CONTROL_TX);
        }
        Some(())
    }
}
