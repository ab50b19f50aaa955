//! The virtio entropy device (Virtual I/O Device 1.2, 5.4).
//!
//! [`read`] asks the device once and polls for the answer: entropy is wanted a few times in a machine's life, at start.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

use frame::FrameAllocator;
use virtqueue::{DmaBuffer, Queue, Span, Transport, negotiate, status};

/// The device id of an entropy source.
pub const DEVICE_ID: u32 = 4;

/// Looks at the ring this often before giving up on a device that does not answer.
const MAX_POLLS: u32 = 1_000_000;

/// Fills the front of `out` with what the device gives, at most 64 bytes; returns how many, 0 when it gives nothing. The device is reset afterwards.
pub fn read(device: &mut dyn Transport, frames: &'static FrameAllocator, out: &mut [u8]) -> usize {
    let got = try_read(device, frames, out).unwrap_or(0);
    device.set_status(0);
    got
}

fn try_read(device: &mut dyn Transport, frames: &'static FrameAllocator, out: &mut [u8]) -> Option<usize> {
    negotiate(device, 0).ok()?;
    let size = device.queue_max(0).min(4);
    let mut queue = Queue::new(frames, (size > 0).then_some(size)?, false)?;
    let buffer = DmaBuffer::new(frames, 1)?;
    let (descriptors, driver, used) = queue.addresses();
    device.start_queue(0, queue.size(), descriptors, driver, used);
    device.set_status(device.status() | status::DRIVER_OK);
    let want = out.len().min(64);
    queue.add(&[], &[Span { phys: buffer.phys(), len: want as u32 }]).ok()?;
    queue.publish();
    device.notify(0);
    for _ in 0..MAX_POLLS {
        if let Some((_, len)) = queue.pop().ok()? {
            let got = want.min(len as usize);
            out[..got].copy_from_slice(&buffer.bytes()[..got]);
            return Some(got);
        }
        core::hint::spin_loop();
    }
    // Still in flight: the caller's reset makes the device let go before the buffer is freed.
    device.set_status(0);
    None
}
