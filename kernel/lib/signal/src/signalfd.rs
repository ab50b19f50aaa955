//! signalfd(2): signals read from a descriptor.

use crate::{SigInfo, SignalGroup, SignalSet, ThreadSignals};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use file::{Events, File, FileType, OpenFlags, Sink, Stat, WaitQueue};
use uapi::{Errno, Result};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// `struct signalfd_siginfo`, 128 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[allow(missing_docs)]
pub struct SignalfdSiginfo {
    pub signo: u32,
    pub errno: i32,
    pub code: i32,
    pub pid: u32,
    pub uid: u32,
    pub fd: i32,
    pub tid: u32,
    pub band: u32,
    pub overrun: u32,
    pub trapno: u32,
    pub status: i32,
    pub int: i32,
    pub ptr: u64,
    pub utime: u64,
    pub stime: u64,
    pub addr: u64,
    padding: [u64; 6],
}

const _: () = assert!(size_of::<SignalfdSiginfo>() == 128);

impl From<&SigInfo> for SignalfdSiginfo {
    fn from(info: &SigInfo) -> Self {
        let mut out = SignalfdSiginfo::new_zeroed();
        out.signo = info.signo.cast_unsigned();
        (out.errno, out.code) = (info.errno, info.code);
        let value = info.value();
        let int = (value as u32).cast_signed();
        match info.timer_id() {
            Some(id) => (out.tid, out.overrun, out.int, out.ptr) = (id.cast_unsigned(), info.uid(), int, value),
            // Positive codes of synchronous signals carry an address, everything else a sender.
            None if info.code > 0 && info.signal().is_some_and(|s| SignalSet::SYNCHRONOUS.contains(s)) => {
                out.addr = info.address();
            }
            None => {
                (out.pid, out.uid) = (info.pid().cast_unsigned(), info.uid());
                (out.status, out.int, out.ptr) = (int, int, value);
            }
        }
        out
    }
}

/// Finds the thread that executes the call: a signalfd gives each reader its own signals besides the process's.
pub type CurrentThread = Box<dyn Fn() -> Option<Arc<ThreadSignals>> + Send + Sync>;

/// A signalfd.
pub struct SignalFd {
    mask: AtomicU64,
    group: Arc<SignalGroup>,
    current: CurrentThread,
}

impl SignalFd {
    /// Reads signals of `mask` (SIGKILL and SIGSTOP are left out silently) sent to the process or the reading thread.
    pub fn new(mask: SignalSet, group: Arc<SignalGroup>, current: CurrentThread) -> Self {
        let fd = Self { mask: AtomicU64::new(0), group, current };
        fd.set_mask(mask);
        fd
    }

    /// signalfd(2) on an existing descriptor.
    pub fn set_mask(&self, mask: SignalSet) {
        self.mask.store(mask.without(SignalSet::UNBLOCKABLE).0, Ordering::Relaxed);
        self.group.wait_queue().wake(Events::READABLE);
    }

    /// The mask (/proc/self/fdinfo).
    pub fn mask(&self) -> SignalSet {
        SignalSet(self.mask.load(Ordering::Relaxed))
    }
}

impl File for SignalFd {
    fn read(&self, dst: &mut dyn Sink, _flags: OpenFlags) -> Result<usize> {
        const SIZE: usize = size_of::<SignalfdSiginfo>();
        if dst.remaining() < SIZE {
            return Err(Errno::EINVAL);
        }
        let thread = (self.current)().ok_or(Errno::ESRCH)?;
        let mut done = 0;
        while dst.remaining() >= SIZE {
            let Some(info) = self.group.take(&thread, self.mask()) else { break };
            let copied = dst.put(SignalfdSiginfo::from(&info).as_bytes())?;
            if copied < SIZE {
                return if done == 0 { Err(Errno::EFAULT) } else { Ok(done) };
            }
            done += SIZE;
        }
        if done == 0 { Err(Errno::EAGAIN) } else { Ok(done) }
    }

    fn poll(&self) -> Events {
        let pending = (self.current)().map(|thread| self.group.pending(&thread)).unwrap_or_default();
        if pending.intersection(self.mask()).is_empty() { Events::empty() } else { Events::READABLE }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.group.wait_queue())
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat { kind: FileType::Anonymous, mode: 0o600, nlink: 1, block_size: 4096, ..Stat::default() })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
