//! The virtio transport of the 9P protocol (Virtual I/O Device 1.2 reserves device id 9 for it; queue and configuration are those of Linux's
//! `net/9p/trans_virtio.c` and QEMU's `hw/9pfs/virtio-9p-device.c`).
//!
//! [`Virtio9p`] is a [`ninep::Transport`]: one queue; a request is one chain, the message that the device reads and then the room for its answer. The mount
//! tag in the device's configuration says which directory it is. Answers are waited for by looking at the ring.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec::Vec;
use frame::FrameAllocator;
use ninep::Size;
use spinlock::Mutex;
use uapi::{Errno, Result};
use virtqueue::{DmaBuffer, NoDevice, Queue, Span, Transport, negotiate, status};

/// The device id of a 9P transport.
pub const DEVICE_ID: u32 = 9;

/// VIRTIO_9P_MOUNT_TAG: the configuration has a tag.
const MOUNT_TAG: u64 = 1;
/// Entries of the queue that are used.
const QUEUE_SIZE: u16 = 64;
/// Bytes in the longest message: 128 KiB of data and a page for what is around it.
const MAX_MESSAGE: usize = (128 << 10) + SHORT;
/// Bytes in the other half of an exchange.
const SHORT: usize = 4096;
/// Buffers that are kept for the next request.
const KEPT: usize = 2;

/// Why a device cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is no device, or takes no features.
    Device(NoDevice),
    /// It has no queue.
    NoQueue,
    /// There is no memory for its queue.
    OutOfMemory,
}

/// One shared directory's device.
pub struct Virtio9p {
    tag: Vec<u8>,
    frames: &'static FrameAllocator,
    ring: Mutex<Ring>,
    /// Buffers that no request has.
    idle: Mutex<Vec<DmaBuffer>>,
}

struct Ring {
    device: Box<dyn Transport>,
    queue: Queue,
    /// Answers that came while another was waited for: chain and length.
    answered: Vec<(u16, u32)>,
    /// The device wrote something impossible and was reset: it answers nothing any more.
    is_broken: bool,
}

impl Virtio9p {
    /// Readies the device behind `device`.
    pub fn new(mut device: Box<dyn Transport>, frames: &'static FrameAllocator) -> Result<Self, Unusable> {
        let features = negotiate(&mut *device, MOUNT_TAG).map_err(Unusable::Device)?;
        let size = device.queue_max(0).min(QUEUE_SIZE);
        if size < 2 {
            return Err(Unusable::NoQueue);
        }
        let mut queue = Queue::new(frames, size, false).ok_or(Unusable::OutOfMemory)?;
        queue.disable_interrupts();
        let (descriptors, driver, used) = queue.addresses();
        device.start_queue(0, queue.size(), descriptors, driver, used);
        device.set_status(device.status() | status::DRIVER_OK);
        let len = if features & MOUNT_TAG != 0 { u16::from_le_bytes([device.config(0), device.config(1)]) } else { 0 };
        let tag = (0..u64::from(len)).map(|at| device.config(2 + at)).collect();
        let ring = Ring { device, queue, answered: Vec::new(), is_broken: false };
        Ok(Self { tag, frames, ring: Mutex::new(ring), idle: Mutex::default() })
    }

    /// What the host calls the directory.
    pub fn tag(&self) -> &[u8] {
        &self.tag
    }

    fn buffer(&self) -> Result<DmaBuffer> {
        let kept = self.idle.lock().pop();
        kept.or_else(|| DmaBuffer::new(self.frames, (SHORT + MAX_MESSAGE) / SHORT)).ok_or(Errno::ENOMEM)
    }

    /// Sends the chain and waits for its answer's length.
    fn transact(&self, request: Span, answer: Span) -> Result<usize> {
        let head = {
            let mut ring = self.ring.lock();
            if ring.is_broken {
                return Err(Errno::EIO);
            }
            let head = ring.queue.add(&[request], &[answer]).map_err(|_| Errno::EBUSY)?;
            if ring.queue.publish() {
                ring.device.notify(0);
            }
            head
        };
        loop {
            if let Some(len) = self.ring.lock().take(head)? {
                return Ok(len as usize);
            }
            core::hint::spin_loop();
        }
    }
}

impl Ring {
    /// The length of the answer to the chain `head`, once it is there.
    fn take(&mut self, head: u16) -> Result<Option<u32>> {
        if let Some(at) = self.answered.iter().position(|(known, _)| *known == head) {
            return Ok(Some(self.answered.swap_remove(at).1));
        }
        while !self.is_broken {
            match self.queue.pop() {
                Ok(Some((found, len))) if found == head => return Ok(Some(len)),
                Ok(Some(other)) => self.answered.push(other),
                Ok(None) => return Ok(None),
                Err(_) => {
                    // It lets go of all buffers at a reset.
                    self.device.set_status(0);
                    self.is_broken = true;
                }
            }
        }
        Err(Errno::EIO)
    }
}

impl ninep::Transport for Virtio9p {
    fn max_message(&self) -> u32 {
        MAX_MESSAGE as u32
    }

    fn exchange(
        &self,
        size: Size,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<usize>,
        reply: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = self.buffer()?;
        let phys = buffer.phys();
        let (short, long) = buffer.bytes_mut().split_at_mut(SHORT);
        let (short_at, long_at) = (phys, phys + SHORT as u64);
        let (request, request_at, answer_at, answer_len) = match size {
            Size::LongReply => (short, short_at, long_at, long.len()),
            Size::LongRequest => (long, long_at, short_at, short.len()),
        };
        let done = match fill(request) {
            Ok(len) => {
                let len = len.min(request.len()) as u32;
                self.transact(Span { phys: request_at, len }, Span { phys: answer_at, len: answer_len as u32 })
            }
            Err(error) => Err(error),
        };
        let done = done.and_then(|len| {
            let from = (answer_at - phys) as usize;
            reply(buffer.bytes().get(from..from + len).ok_or(Errno::EIO)?)
        });
        let mut idle = self.idle.lock();
        if idle.len() < KEPT {
            idle.push(buffer);
        }
        done
    }
}
