//! Event counters (eventfd(2)).
//!
//! [`EventFd`] is the whole library: a 64-bit counter as a file. Neighbours: `file`, `syscall`.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::sync::Arc;
use core::any::Any;
use file::{Events, File, FileType, OpenFlags, SeekFrom, Sink, Source, Stat, WaitQueue};
use spinlock::Mutex;
use uapi::{Errno, Result};

/// What a read takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The whole count.
    Counter,
    /// One (EFD_SEMAPHORE).
    Semaphore,
}

/// The counter never holds more than this: u64::MAX is kept for errors.
const MAX: u64 = u64::MAX - 1;

/// An eventfd.
pub struct EventFd {
    count: Mutex<u64>,
    queue: WaitQueue,
    mode: Mode,
    stat: Stat,
}

impl EventFd {
    /// eventfd2(2) with the counter at `initial`. `inode` is what fstat(2) shows, as far as the caller knows it.
    pub fn new(initial: u32, mode: Mode, inode: Stat) -> Arc<EventFd> {
        let stat = Stat { kind: FileType::Anonymous, mode: 0o600, nlink: 1, block_size: 4096, ..inode };
        Arc::new(EventFd { count: Mutex::new(u64::from(initial)), queue: WaitQueue::new(), mode, stat })
    }

    /// Adds to the count from inside the kernel, stopping at the maximum.
    pub fn signal(&self, add: u64) {
        {
            let mut count = self.count.lock();
            *count = count.saturating_add(add).min(MAX);
        }
        self.queue.wake(Events::READABLE);
    }

    /// The count now (/proc/self/fdinfo).
    pub fn count(&self) -> u64 {
        *self.count.lock()
    }
}

impl File for EventFd {
    /// EINVAL: room for less than 8 bytes. EAGAIN: the count is 0.
    fn read(&self, dst: &mut dyn Sink, _flags: OpenFlags) -> Result<usize> {
        if dst.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let value = {
            let mut count = self.count.lock();
            let value = match (*count, self.mode) {
                (0, _) => return Err(Errno::EAGAIN),
                (all, Mode::Counter) => all,
                (_, Mode::Semaphore) => 1,
            };
            *count -= value;
            value
        };
        self.queue.wake(Events::WRITABLE);
        // As on Linux, a bad buffer loses the count.
        if dst.put(&value.to_ne_bytes())? == 8 { Ok(8) } else { Err(Errno::EFAULT) }
    }

    /// EINVAL: less than 8 bytes, or u64::MAX. EAGAIN: the count would pass the maximum.
    fn write(&self, src: &mut dyn Source, _flags: OpenFlags) -> Result<usize> {
        let mut bytes = [0; 8];
        if src.remaining() < bytes.len() {
            return Err(Errno::EINVAL);
        }
        // Only looked at: a blocking writer comes back with the same bytes when there is no room.
        if src.peek(&mut bytes)? < bytes.len() {
            return Err(Errno::EFAULT);
        }
        let add = u64::from_ne_bytes(bytes);
        if add == u64::MAX {
            return Err(Errno::EINVAL);
        }
        {
            let mut count = self.count.lock();
            *count = count.checked_add(add).filter(|sum| *sum <= MAX).ok_or(Errno::EAGAIN)?;
        }
        src.skip(bytes.len());
        self.queue.wake(Events::READABLE);
        Ok(8)
    }

    /// There are no offsets, and yet no complaint: Linux's noop_llseek.
    fn seek(&self, _to: SeekFrom) -> Result<u64> {
        Ok(0)
    }

    fn poll(&self) -> Events {
        let count = *self.count.lock();
        let mut ready = Events::empty();
        ready.set(Events::IN, count > 0);
        ready.set(Events::OUT, count < MAX);
        ready
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use file::SliceSink;

    fn read(fd: &EventFd) -> Result<u64> {
        let mut buf = [0; 8];
        assert_eq!(fd.read(&mut SliceSink::new(&mut buf), OpenFlags::empty())?, 8);
        Ok(u64::from_ne_bytes(buf))
    }
    fn write(fd: &EventFd, value: u64) -> Result<usize> {
        fd.write(&mut &value.to_ne_bytes()[..], OpenFlags::empty())
    }

    #[test]
    fn a_counter_sums_and_a_read_empties_it() {
        let fd = EventFd::new(2, Mode::Counter, Stat::default());
        assert_eq!(write(&fd, 5), Ok(8));
        assert_eq!(fd.poll(), Events::IN | Events::OUT);
        assert_eq!(read(&fd), Ok(7));
        assert_eq!((read(&fd), fd.poll()), (Err(Errno::EAGAIN), Events::OUT));
    }

    #[test]
    fn a_semaphore_gives_one_at_a_time() {
        let fd = EventFd::new(2, Mode::Semaphore, Stat::default());
        assert_eq!((read(&fd), read(&fd), read(&fd)), (Ok(1), Ok(1), Err(Errno::EAGAIN)));
    }

    #[test]
    fn the_limits_are_linuxs() {
        let fd = EventFd::new(0, Mode::Counter, Stat::default());
        assert_eq!(write(&fd, u64::MAX), Err(Errno::EINVAL));
        assert_eq!(write(&fd, MAX), Ok(8));
        assert_eq!((write(&fd, 1), write(&fd, 0)), (Err(Errno::EAGAIN), Ok(8)));
        assert_eq!(fd.poll(), Events::IN);
        let (mut refused, bytes) = (&[1, 0, 0, 0, 0, 0, 0, 0][..], 8);
        assert_eq!((fd.write(&mut refused, OpenFlags::empty()), refused.len()), (Err(Errno::EAGAIN), bytes));
        assert_eq!(fd.read(&mut SliceSink::new(&mut [0; 7]), OpenFlags::empty()), Err(Errno::EINVAL));
        assert_eq!(fd.write(&mut &[0u8; 7][..], OpenFlags::empty()), Err(Errno::EINVAL));
    }
}
