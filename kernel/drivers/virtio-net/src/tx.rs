//! The transmit side: pages that are filled by the stack and kept for the next frame.

use crate::header;
use alloc::vec::Vec;
use frame::FrameAllocator;
use net::{TxFull, TxOffload};
use virtqueue::{Direction, DmaBuffer, Queue, Span};

const PAGE: usize = 4096;
const RING: u16 = 128;
/// Most pages that one frame takes: 64 KiB and its headers.
const MAX_PAGES: usize = 17;
/// Pages kept for later when nothing is in flight.
const KEEP: usize = 32;

/// The pages of a frame. Nearly all have one, and need no list.
enum Frame {
    None,
    One(DmaBuffer),
    Several(Vec<DmaBuffer>),
}

pub struct Transmitter {
    frames: &'static FrameAllocator,
    queue: Queue,
    header_len: usize,
    /// The frame that starts at each descriptor.
    in_flight: Vec<Frame>,
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
        let in_flight = (0..queue.size()).map(|_| Frame::None).collect();
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
                Ok(Some((head, _))) => match core::mem::replace(&mut self.in_flight[usize::from(head)], Frame::None) {
                    Frame::None => {}
                    Frame::One(page) => self.keep(page),
                    Frame::Several(mut pages) => {
                        while let Some(page) = pages.pop() {
                            self.keep(page);
                        }
                        self.lists.push(pages);
                    }
                },
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

    fn keep(&mut self, page: DmaBuffer) {
        if self.spare.len() < KEEP {
            self.spare.push(page);
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
        if count == 1 {
            let Some(mut page) = self.page() else { return self.no_memory() };
            let bytes = &mut page.bytes_mut()[..total];
            let (header, frame) = bytes.split_at_mut(self.header_len);
            header::write(header, offload);
            fill(0, frame);
            match self.queue.add_one(Span { phys: page.phys(), len: total as u32 }, Direction::Readable) {
                Ok(head) => self.in_flight[usize::from(head)] = Frame::One(page),
                Err(_) => self.spare.push(page),
            }
            return Ok(());
        }
        self.transmit_long(len, count, offload, fill)
    }

    /// An empty page.
    fn page(&mut self) -> Option<DmaBuffer> {
        self.spare.pop().or_else(|| DmaBuffer::new(self.frames, 1))
    }

    /// What to answer when there is no page for a frame.
    fn no_memory(&mut self) -> Result<(), TxFull> {
        // With frames in flight their memory comes back with an interrupt; with none there is nothing to wait for.
        if self.queue.enable_interrupts() || self.queue.free_descriptors() < self.queue.size() { Err(TxFull) } else { Ok(()) }
    }

    /// [`transmit`](Self::transmit) for a frame of `count` pages, for which there are descriptors.
    fn transmit_long(
        &mut self,
        len: usize,
        count: usize,
        offload: TxOffload,
        fill: &mut dyn FnMut(usize, &mut [u8]),
    ) -> Result<(), TxFull> {
        let mut pages = self.lists.pop().unwrap_or_default();
        while pages.len() < count {
            match self.page() {
                Some(page) => pages.push(page),
                None => {
                    self.spare.append(&mut pages);
                    return self.no_memory();
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
            Ok(head) => self.in_flight[usize::from(head)] = Frame::Several(pages),
            Err(_) => self.spare.append(&mut pages),
        }
        Ok(())
    }
}
