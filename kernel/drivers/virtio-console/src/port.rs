//! The open port: pages out, pages in.

use crate::MULTIPORT;
use crate::control::Control;
use alloc::boxed::Box;
use alloc::vec::Vec;
use frame::FrameAllocator;
use virtqueue::{Direction, DmaBuffer, NoDevice, Queue, Span, Transport, feature, negotiate, status};

const PAGE: u32 = 4096;
/// Pages that may be on their way to the device. They are made when needed and kept.
const TX_PAGES: u16 = 16;
/// Pages that wait for bytes from the device.
const RX_PAGES: u16 = 2;

/// One direction: its queue and the page behind each descriptor in flight.
struct Lane {
    queue: Queue,
    index: u16,
    in_flight: Vec<Option<DmaBuffer>>,
}

impl Lane {
    fn new(device: &mut dyn Transport, frames: &'static FrameAllocator, index: u16, pages: u16, event_idx: bool) -> Option<Self> {
        let size = device.queue_max(index).min(pages);
        let mut queue = Queue::new(frames, (size > 0).then_some(size)?, event_idx)?;
        queue.disable_interrupts();
        let (descriptors, driver, used) = queue.addresses();
        device.start_queue(index, queue.size(), descriptors, driver, used);
        let in_flight = (0..queue.size()).map(|_| None).collect();
        Some(Self { queue, index, in_flight })
    }

    /// Hands a page to the device; gives it back when there is no descriptor left.
    fn add(&mut self, page: DmaBuffer, len: u32, direction: Direction) -> Option<DmaBuffer> {
        match self.queue.add_one(Span { phys: page.phys(), len }, direction) {
            Ok(head) => self.in_flight[usize::from(head)].replace(page),
            Err(_) => Some(page),
        }
    }

    fn publish(&mut self, device: &dyn Transport) {
        if self.queue.publish() {
            device.notify(self.index);
        }
    }

    /// The next page that the device is done with, and how many bytes it wrote.
    fn pop(&mut self, broken: &mut bool) -> Option<(DmaBuffer, usize)> {
        match self.queue.pop() {
            Ok(Some((head, len))) => Some((self.in_flight[usize::from(head)].take()?, len as usize)),
            Ok(None) => None,
            Err(_) => {
                *broken = true;
                None
            }
        }
    }
}

/// One port of the device.
pub struct Port {
    transport: Box<dyn Transport>,
    frames: &'static FrameAllocator,
    rx: Lane,
    tx: Lane,
    spare: Vec<DmaBuffer>,
    /// Pages for sending, spare ones and others.
    pages: u16,
    /// The device broke a ring.
    broken: bool,
    _control: Control,
}

impl Port {
    /// Starts the device and opens its port number `port` (1 or higher). Fails when there is no such port: the device is left reset, and the console
    /// that it may have is not touched.
    pub fn open(mut transport: Box<dyn Transport>, frames: &'static FrameAllocator, port: u32) -> Result<Self, NoDevice> {
        let (control, rx, tx) = Self::start(&mut *transport, frames, port)?;
        let mut port = Self { transport, frames, rx, tx, spare: Vec::new(), pages: 0, broken: false, _control: control };
        // The first page is there for good, so that something can be said when memory is gone.
        let first = port.take().ok_or(NoDevice::Absent)?;
        port.put_back(first);
        for _ in 0..RX_PAGES {
            if let Some(page) = DmaBuffer::new(frames, 1) {
                port.rx.add(page, PAGE, Direction::Writable);
            }
        }
        port.rx.publish(&*port.transport);
        port.rx.queue.enable_interrupts();
        Ok(port)
    }

    fn start(device: &mut dyn Transport, frames: &'static FrameAllocator, port: u32) -> Result<(Control, Lane, Lane), NoDevice> {
        let features = negotiate(device, MULTIPORT | feature::EVENT_IDX)?;
        let index = u16::try_from(port).ok().filter(|port| *port > 0).and_then(|port| port.checked_mul(2)?.checked_add(2));
        let index = index.filter(|_| features & MULTIPORT != 0).ok_or(NoDevice::Absent)?;
        let event_idx = features & feature::EVENT_IDX != 0;
        let mut queues = || {
            let control = Control::new(device, frames, event_idx)?;
            let rx = Lane::new(device, frames, index, RX_PAGES, event_idx)?;
            Some((control, rx, Lane::new(device, frames, index + 1, TX_PAGES, event_idx)?))
        };
        let (mut control, rx, tx) = queues().ok_or(NoDevice::Absent)?;
        device.set_status(device.status() | status::DRIVER_OK);
        match control.open(device, port) {
            Some(()) => Ok((control, rx, tx)),
            None => {
                // The device must let go of the queues before they are freed.
                device.set_status(0);
                Err(NoDevice::Absent)
            }
        }
    }

    /// A page to be filled and sent; `None` while the device has too many, an interrupt comes when it has one less.
    pub fn page(&mut self) -> Option<DmaBuffer> {
        self.collect();
        if let Some(page) = self.take() {
            return Some(page);
        }
        // What is queued may not have been told; then the device may be done with it at once, or between the look and the request.
        self.flush();
        self.tx.queue.enable_interrupts();
        self.collect();
        self.take()
    }

    /// A spare page or a new one: never more of them than descriptors.
    fn take(&mut self) -> Option<DmaBuffer> {
        if self.broken {
            return None;
        }
        self.spare.pop().or_else(|| {
            let page = if self.pages < self.tx.queue.size() { DmaBuffer::new(self.frames, 1) } else { None };
            self.pages += u16::from(page.is_some());
            page
        })
    }

    /// The device does not keep to the rules: nothing moves any more.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether [`page`](Self::page) would give one.
    pub fn has_room(&mut self) -> bool {
        self.page().map(|page| self.put_back(page)).is_some()
    }

    /// Takes back a page that was not needed.
    pub fn put_back(&mut self, page: DmaBuffer) {
        self.spare.push(page);
    }

    /// Queues the first `len` bytes of a page.
    pub fn send(&mut self, page: DmaBuffer, len: usize) {
        let page = self.tx.add(page, (len as u32).min(PAGE), Direction::Readable);
        // There was a descriptor for every page that was handed out.
        self.spare.extend(page);
    }

    /// Tells the device of everything queued.
    pub fn flush(&mut self) {
        self.tx.publish(&*self.transport);
    }

    /// Whether the device has taken all that was sent, or never will.
    pub fn is_settled(&mut self) -> bool {
        self.flush();
        self.collect();
        self.broken || self.tx.queue.free_descriptors() == self.tx.queue.size()
    }

    /// Takes back what the device has taken.
    fn collect(&mut self) {
        if self.tx.queue.has_used() {
            while let Some((page, _)) = self.tx.pop(&mut self.broken) {
                self.spare.push(page);
            }
            self.tx.queue.disable_interrupts();
        }
    }

    /// The device's interrupt: hands out what was received. Room for sending may have become free as well.
    pub fn interrupt(&mut self, take: &mut dyn FnMut(&[u8])) {
        self.transport.ack_interrupt();
        loop {
            while let Some((page, len)) = self.rx.pop(&mut self.broken) {
                take(&page.bytes()[..len]);
                self.rx.add(page, PAGE, Direction::Writable);
            }
            self.rx.publish(&*self.transport);
            if self.broken || !self.rx.queue.enable_interrupts() {
                return;
            }
        }
    }
}
