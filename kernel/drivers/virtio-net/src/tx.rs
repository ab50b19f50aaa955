//! The transmit side: pages that are filled by the stack and kept for the next frame.

use crate::header;
use alloc::vec::Vec;
use frame::FrameAllocator;
use net::{TxFull, TxOffload};
use virtqueue::{DmaBuffer, Queue, Span};

const PAGE: usize = 4096;
const RING: u16 = 128;
/// Most pages that one frame takes: 64 KiB and its headers.
const MAX_PAGES: usize = 17;
/// Pages kept for later when nothing is in flight.
const KEEP: usize = 32;

pub struct Transmitter {
    frames: &'static FrameAllocator,
    queue: Queue,
    header_len: usize,
    /// The pages of the frame that starts at each descriptor.
    in_flight: Vec<Vec<DmaBuffer>>,
    spare: Vec<DmaBuffer>,
    /// Emptied page lists, kept for their memory.
    lists: Vec<Vec<DmaBuffer>>,
    broken: bool,
}

impl Transmitter {
    /// `None` when memory is short or the queue does not exist.
    pub fn new(frames: &'static FrameAllocator, max: u16, event_idx: bool, header_len: usize) -> Option<Self> {
        let mut queue = Queue::new(frames, (max > 0).then_some(max.min(RING))?, event_idx)?;
        queue.disable_interrupts();
        let in_flight = (0..queue.size()).map(|_| Vec::new()).collect();
        Some(Self { frames, queue, header_len, in_flight, spare: Vec::new(), lists: Vec::new(), broken: false })
    }

    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    pub fn publish(&mut self) -> bool {
        self.queue.publish()
    }

    /// Takes back what the device has sent.
    fn collect(&mut self) {
        loop {
            match self.queue.pop() {
                Ok(Some((head, _))) => {
                    let mut pages = core::mem::take(&mut self.in_flight[usize::from(head)]);
                    while let Some(page) = pages.pop() {
                        if self.spare.len() < KEEP {
                            self.spare.push(page);
                        }
                    }
                    self.lists.push(pages);
                }
                Ok(None) => {
                    self.queue.disable_interrupts();
                    return;
                }
                Err(_) => {
                    self.broken = true;
                    return;
                }
            }
        }
    }

    pub fn transmit(&mut self, len: usize, offload: TxOffload, fill: &mut dyn FnMut(usize, &mut [u8])) -> Result<(), TxFull> {
        let total = self.header_len + len;
        let count = total.div_ceil(PAGE);
        if self.broken || count > MAX_PAGES {
            // Nothing that waiting would mend: the frame is lost, as on a cut cable.
            return Ok(());
        }
        if self.queue.has_used() {
            self.collect();
        }
        if usize::from(self.queue.free_descriptors()) < count {
            // The device may have finished between the look and the request.
            if !self.queue.enable_interrupts() {
                return Err(TxFull);
            }
            self.collect();
            if usize::from(self.queue.free_descriptors()) < count {
                return Err(TxFull);
            }
        }
        let mut pages = self.lists.pop().unwrap_or_default();
        while pages.len() < count {
            match self.spare.pop().or_else(|| DmaBuffer::new(self.frames, 1)) {
                Some(page) => pages.push(page),
                None => {
                    self.spare.append(&mut pages);
                    // With frames in flight their memory comes back with an interrupt; with none there is nothing to wait for.
                    return if self.queue.enable_interrupts() || self.queue.free_descriptors() < self.queue.size() {
                        Err(TxFull)
                    } else {
                        Ok(())
                    };
                }
            }
        }
        let mut spans = [Span { phys: 0, len: 0 }; MAX_PAGES];
        let mut done = 0;
        for (index, page) in pages.iter_mut().enumerate() {
            let skip = if index == 0 { self.header_len } else { 0 };
            let piece = (len - done).min(PAGE - skip);
            let bytes = page.bytes_mut();
            if index == 0 {
                header::write(&mut bytes[..skip], offload);
            }
            fill(done, &mut bytes[skip..skip + piece]);
            done += piece;
            spans[index] = Span { phys: page.phys(), len: (skip + piece) as u32 };
        }
        match self.queue.add(&spans[..count], &[]) {
            Ok(head) => self.in_flight[usize::from(head)] = pages,
            Err(_) => self.spare.append(&mut pages),
        }
        Ok(())
    }
}
