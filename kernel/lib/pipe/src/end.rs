//! The ends of a pipe as files.

use crate::slots::{Mode, Slots};
use crate::{DEFAULT_CAPACITY, PIPE_BUF};
use alloc::sync::Arc;
use core::any::Any;
use file::{AccessMode, Events, File, FileType, OpenFlags, Sink, Source, Stat, UserMemory, WaitQueue};
use spinlock::Mutex;
use uapi::{Errno, Result, ioctl};

struct State {
    slots: Slots,
    readers: usize,
    writers: usize,
    /// How often a reading or a writing end was ever opened: a waiting open sees a peer that has come and gone.
    readers_seen: u64,
    writers_seen: u64,
}

/// The pipe itself, shared by its ends.
pub(crate) struct Pipe {
    state: Mutex<State>,
    queue: WaitQueue,
}

/// One open end of a pipe, or an opened FIFO. Dropping it closes it: EOF or EPIPE for the other side when it was the last of its kind.
///
/// Reads and writes copy to and from the application with the pipe locked; neither side of the copy may be the same pipe.
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    access: AccessMode,
    stat: Stat,
    /// The count of peers ever seen when this end was opened without one: no hang-up is reported until one has come.
    alone_since: Option<u64>,
}

/// pipe(2): the reading and the writing end of a new pipe. `inode` is what fstat(2) shows, as far as the caller knows it (device, number,
/// owner, times).
pub fn pipe(inode: Stat) -> (Arc<PipeEnd>, Arc<PipeEnd>) {
    let stat = Stat { kind: FileType::Fifo, mode: 0o600, nlink: 1, block_size: 4096, ..inode };
    let pipe = Pipe::new();
    (PipeEnd::attach(&pipe, AccessMode::Read, stat), PipeEnd::attach(&pipe, AccessMode::Write, stat))
}

impl Pipe {
    pub(crate) fn new() -> Arc<Pipe> {
        let slots = Slots::new(DEFAULT_CAPACITY / PIPE_BUF);
        let state = State { slots, readers: 0, writers: 0, readers_seen: 0, writers_seen: 0 };
        Arc::new(Pipe { state: Mutex::new(state), queue: WaitQueue::new() })
    }

    /// Whether anybody has the pipe open for reading.
    pub(crate) fn has_readers(&self) -> bool {
        self.state.lock().readers > 0
    }
}

impl PipeEnd {
    pub(crate) fn attach(pipe: &Arc<Pipe>, access: AccessMode, stat: Stat) -> Arc<PipeEnd> {
        let alone_since = {
            let mut state = pipe.state.lock();
            if access.readable() {
                state.readers += 1;
                state.readers_seen += 1;
            }
            if access.writable() {
                state.writers += 1;
                state.writers_seen += 1;
            }
            match access {
                AccessMode::Read if state.writers == 0 => Some(state.writers_seen),
                AccessMode::Write if state.readers == 0 => Some(state.readers_seen),
                _ => None,
            }
        };
        // Opens that wait for a peer look again.
        pipe.queue.wake(Events::READABLE | Events::WRITABLE);
        Arc::new(PipeEnd { pipe: pipe.clone(), access, stat, alone_since })
    }

    /// Whether no peer has opened the FIFO since this end was opened without one: while so, an open(2) without O_NONBLOCK waits on
    /// the file's queue.
    pub fn awaits_peer(&self) -> bool {
        let state = self.pipe.state.lock();
        match self.access {
            AccessMode::Read => self.alone_since == Some(state.writers_seen),
            AccessMode::Write => self.alone_since == Some(state.readers_seen),
            _ => false,
        }
    }

    /// F_GETPIPE_SZ: capacity in bytes.
    pub fn capacity(&self) -> usize {
        self.pipe.state.lock().slots.limit() * PIPE_BUF
    }

    /// F_SETPIPE_SZ: rounds up to a power of two of pages and returns what was set. 0 is one page, as on Linux. EBUSY: more than
    /// that is in the pipe; EINVAL: more than 2 GiB. The caller refuses what is beyond [`MAX_CAPACITY`](crate::MAX_CAPACITY) to those without CAP_SYS_RESOURCE.
    pub fn set_capacity(&self, bytes: usize) -> Result<usize> {
        if bytes > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        let limit = bytes.div_ceil(PIPE_BUF).next_power_of_two();
        let grown = {
            let mut state = self.pipe.state.lock();
            let was_full = state.slots.is_full();
            state.slots.set_limit(limit)?;
            was_full && !state.slots.is_full()
        };
        if grown {
            self.pipe.queue.wake(Events::WRITABLE);
        }
        Ok(limit * PIPE_BUF)
    }

    /// tee(2): puts copies of the first `len` bytes here into the pipe `to`. 0: this pipe has ended. EAGAIN: this pipe is empty or the other
    /// full, see their [`poll`](File::poll). EPIPE: nobody reads the other. EINVAL: they are the same. EBADF: not a reading and a writing end.
    pub fn tee(&self, to: &PipeEnd, len: usize) -> Result<usize> {
        if !self.access.readable() || !to.access.writable() {
            return Err(Errno::EBADF);
        }
        if Arc::ptr_eq(&self.pipe, &to.pipe) {
            return Err(Errno::EINVAL);
        }
        // The pipes are locked one after the other: two that are copied into each other must not wait for each other.
        let slots = {
            let state = self.pipe.state.lock();
            if state.slots.is_empty() {
                return if state.writers == 0 { Ok(0) } else { Err(Errno::EAGAIN) };
            }
            state.slots.front(len)
        };
        let done = {
            let mut state = to.pipe.state.lock();
            if state.readers == 0 {
                return Err(Errno::EPIPE);
            }
            if state.slots.is_full() {
                return Err(Errno::EAGAIN);
            }
            state.slots.append(slots)
        };
        to.pipe.queue.wake(Events::READABLE);
        Ok(done)
    }

    /// Whether both are ends of the same pipe.
    pub fn same_pipe(&self, other: &PipeEnd) -> bool {
        Arc::ptr_eq(&self.pipe, &other.pipe)
    }

    /// What this end was opened for.
    pub fn access(&self) -> AccessMode {
        self.access
    }
}

impl File for PipeEnd {
    fn read(&self, dst: &mut dyn Sink, _flags: OpenFlags) -> Result<usize> {
        if !self.access.readable() {
            return Err(Errno::EBADF);
        }
        if dst.remaining() == 0 {
            return Ok(0);
        }
        let (result, freed) = {
            let mut state = self.pipe.state.lock();
            if state.slots.is_empty() {
                return if state.writers == 0 { Ok(0) } else { Err(Errno::EAGAIN) };
            }
            let was_full = state.slots.is_full();
            (state.slots.read(dst), was_full && !state.slots.is_full())
        };
        if freed {
            self.pipe.queue.wake(Events::WRITABLE);
        }
        result
    }

    fn write(&self, src: &mut dyn Source, flags: OpenFlags) -> Result<usize> {
        if !self.access.writable() {
            return Err(Errno::EBADF);
        }
        if src.remaining() == 0 {
            return Ok(0);
        }
        let mode = if flags.contains(OpenFlags::DIRECT) { Mode::Packet } else { Mode::Stream };
        let result = {
            let mut state = self.pipe.state.lock();
            if state.readers == 0 {
                return Err(Errno::EPIPE);
            }
            state.slots.write(src, mode)
        };
        if result.is_ok() {
            self.pipe.queue.wake(Events::READABLE);
        }
        result
    }

    fn poll(&self) -> Events {
        let state = self.pipe.state.lock();
        let mut ready = Events::empty();
        if self.access.readable() {
            ready.set(Events::READABLE, !state.slots.is_empty());
            ready.set(Events::HUP, state.writers == 0 && self.alone_since != Some(state.writers_seen));
        }
        if self.access.writable() {
            ready.set(Events::WRITABLE, !state.slots.is_full());
            ready.set(Events::ERR, state.readers == 0);
        }
        ready
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.pipe.queue)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.stat)
    }

    fn ioctl(&self, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
        if command != ioctl::FIONREAD {
            return Err(Errno::ENOTTY);
        }
        let bytes = self.pipe.state.lock().slots.len();
        user.write(arg, &i32::try_from(bytes).unwrap_or(i32::MAX))?;
        Ok(0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let gone = {
            let mut state = self.pipe.state.lock();
            let mut gone = Events::empty();
            if self.access.readable() {
                state.readers -= 1;
                gone.set(Events::ERR | Events::WRITABLE, state.readers == 0);
            }
            if self.access.writable() {
                state.writers -= 1;
                gone.set(Events::HUP | Events::READABLE, state.writers == 0);
            }
            if state.readers == 0 && state.writers == 0 {
                // A FIFO that nobody has open forgets what was in it.
                let limit = state.slots.limit();
                state.slots = Slots::new(limit);
            }
            gone
        };
        if !gone.is_empty() {
            self.pipe.queue.wake(gone);
        }
    }
}
