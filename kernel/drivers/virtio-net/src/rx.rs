//! The receive side: single-page buffers that go up to the stack and come back.

use crate::header;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use frame::FrameAllocator;
use net::{RxBuffer, RxStorage};
use virtqueue::{Direction, DmaBuffer, Queue, Span};

const PAGE: u32 = 4096;
/// Entries of the ring: how many frames may arrive before the guest looks.
const RING: u16 = 64;
/// Buffers to begin with; more are made while the stack holds on to frames.
const BUFFERS: u16 = 24;
/// New receive buffers are made only while this much memory is free, in bytes.
const RECEIVE_MIN_FREE: u64 = 256 * 1024;

struct RxPage(DmaBuffer);

impl RxStorage for RxPage {
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

pub struct Receiver {
    frames: &'static FrameAllocator,
    queue: Queue,
    header_len: usize,
    /// The buffer behind each descriptor in flight.
    in_flight: Vec<Option<Box<RxPage>>>,
    #[expect(clippy::vec_box, reason = "pages travel up the stack in these boxes and come back in them")]
    spare: Vec<Box<RxPage>>,
    posted: u16,
    /// The device broke the ring: nothing is received any more.
    broken: bool,
}

impl Receiver {
    /// `None` when memory is short or the queue does not exist.
    pub fn new(frames: &'static FrameAllocator, max: u16, event_idx: bool, header_len: usize) -> Option<Self> {
        let queue = Queue::new(frames, (max > 0).then_some(max.min(RING))?, event_idx)?;
        let in_flight = (0..queue.size()).map(|_| None).collect();
        Some(Self { frames, queue, header_len, in_flight, spare: Vec::new(), posted: 0, broken: false })
    }

    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    pub fn publish(&mut self) -> bool {
        self.queue.publish()
    }

    pub fn enable_interrupts(&mut self) -> bool {
        self.queue.enable_interrupts() && !self.broken
    }

    /// Posts buffers until [`BUFFERS`] wait for frames, making new ones while memory is not short.
    pub fn refill(&mut self) {
        while self.posted < BUFFERS.min(self.queue.size()) && self.queue.free_descriptors() > 0 && !self.broken {
            let page = match self.spare.pop() {
                Some(page) => page,
                None if self.posted > 4 && self.frames.free_bytes() < RECEIVE_MIN_FREE => return,
                None => match DmaBuffer::new(self.frames, 1) {
                    Some(memory) => Box::new(RxPage(memory)),
                    None => return,
                },
            };
            self.post(page);
        }
    }

    fn post(&mut self, page: Box<RxPage>) {
        match self.queue.add_one(Span { phys: page.0.phys(), len: PAGE }, Direction::Writable) {
            Ok(head) => {
                self.in_flight[usize::from(head)] = Some(page);
                self.posted += 1;
            }
            Err(_) => self.spare.push(page),
        }
    }

    /// The next buffer that the device has filled.
    fn pop(&mut self) -> Option<(Box<RxPage>, usize)> {
        if self.broken {
            return None;
        }
        match self.queue.pop() {
            Ok(Some((head, len))) => {
                self.posted -= 1;
                let page = self.in_flight.get_mut(usize::from(head)).and_then(Option::take)?;
                Some((page, len as usize))
            }
            Ok(None) => None,
            Err(_) => {
                self.broken = true;
                None
            }
        }
    }

    pub fn receive(&mut self) -> Option<RxBuffer> {
        loop {
            let (page, len) = self.pop()?;
            let (checksum, buffers) = header::read(&page.0.bytes()[..self.header_len]);
            if buffers > 1 || len <= self.header_len {
                // No frame of ours spans buffers: none is larger than a page. Drop all of it.
                self.post(page);
                for _ in 1..buffers {
                    match self.pop() {
                        Some((page, _)) => self.post(page),
                        None => break,
                    }
                }
                continue;
            }
            let start = self.header_len;
            return Some(RxBuffer { storage: page, start, len: len - start, checksum });
        }
    }

    pub fn recycle(&mut self, storage: Box<dyn RxStorage>) {
        if let Ok(page) = storage.into_any().downcast::<RxPage>() {
            if self.posted < BUFFERS && !self.broken {
                self.post(page);
            } else if self.spare.len() < usize::from(BUFFERS) {
                self.spare.push(page);
            }
        }
    }
}
