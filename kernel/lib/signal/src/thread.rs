//! A thread's share of signal handling: mask, queue, alternate stack.

use crate::SignalSet;
use crate::pending::Pending;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use core::task::Waker;
use spinlock::Mutex;
use uapi::{Errno, Result};
use wait::Attention;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags::bitflags! {
    /// `ss_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct SsFlags: u32 {
        /// SS_ONSTACK: the thread runs on it now (only ever reported).
        const ONSTACK = 1;
        /// SS_DISABLE: there is none.
        const DISABLE = 2;
        /// SS_AUTODISARM: forgotten while a handler runs on it.
        const AUTODISARM = 0x8000_0000;
    }
}

/// `stack_t` as sigaltstack(2) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StackT {
    /// Lowest address.
    pub sp: u64,
    /// [`SsFlags`] bits.
    pub flags: u32,
    /// Zero.
    pub padding: u32,
    /// Length in bytes.
    pub size: u64,
}

/// MINSIGSTKSZ on x86_64 as the system call checks it.
pub const MIN_STACK_BYTES: u64 = 2048;

/// An alternate stack; `size` 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AltStack {
    /// Lowest address.
    pub base: u64,
    /// Length in bytes.
    pub size: u64,
    /// Only [`SsFlags::AUTODISARM`].
    pub flags: SsFlags,
}

impl AltStack {
    /// Whether a stack pointer lies on it (never while autodisarm has taken it away).
    pub fn holds(&self, sp: u64) -> bool {
        !self.flags.contains(SsFlags::AUTODISARM) && self.covers(sp)
    }

    /// Whether `addr` lies in it.
    pub fn covers(&self, addr: u64) -> bool {
        addr > self.base && addr - self.base <= self.size
    }

    /// The address just above it; `None` when there is none.
    pub fn top(&self) -> Option<u64> {
        (self.size != 0).then(|| self.base.wrapping_add(self.size))
    }

    /// What sigaltstack(2) and signal frames tell about it for a thread whose stack pointer is `sp`.
    pub fn to_user(&self, sp: u64) -> StackT {
        let state = match self.size {
            0 => SsFlags::DISABLE,
            _ if self.holds(sp) => SsFlags::ONSTACK,
            _ => SsFlags::empty(),
        };
        StackT { sp: self.base, flags: (state | self.flags).bits(), padding: 0, size: self.size }
    }
}

/// One thread's signal state. The queue is only touched under the lock of its [`SignalGroup`](crate::SignalGroup).
pub struct ThreadSignals {
    tid: AtomicI32,
    pub(crate) blocked: AtomicU64,
    pub(crate) pending: Mutex<Pending>,
    /// Whether there may be something to deliver.
    hint: AtomicBool,
    attention: Attention,
    /// What sigtimedwait(2) waits for although it is blocked.
    pub(crate) awaited: AtomicU64,
    /// The mask to go back to after sigsuspend(2), ppoll(2) and the like.
    pub(crate) saved_mask: Mutex<Option<SignalSet>>,
    alt_stack: Mutex<AltStack>,
    waker: Mutex<Option<Waker>>,
}

impl ThreadSignals {
    /// For thread `tid`, with `blocked` as its mask (inherited from its creator); `attention` is raised when there is something to deliver.
    pub fn new(tid: i32, blocked: SignalSet, attention: Attention) -> Self {
        Self {
            tid: AtomicI32::new(tid),
            blocked: AtomicU64::new(blocked.0),
            pending: Mutex::default(),
            hint: AtomicBool::new(false),
            attention,
            awaited: AtomicU64::new(0),
            saved_mask: Mutex::new(None),
            alt_stack: Mutex::default(),
            waker: Mutex::new(None),
        }
    }

    /// The thread's id.
    pub fn tid(&self) -> i32 {
        self.tid.load(Ordering::Relaxed)
    }

    /// The thread has taken over the process's id (execve(2)).
    pub fn set_tid(&self, tid: i32) {
        self.tid.store(tid, Ordering::Relaxed);
    }

    /// Sets what wakes the thread when a signal comes for it.
    pub fn set_waker(&self, waker: Waker) {
        *self.waker.lock() = Some(waker);
    }

    /// Wakes the thread out of an interruptible wait and makes it look for signals.
    pub fn poke(&self) {
        self.set_hint(true);
        let waker = self.waker.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn set_hint(&self, due: bool) {
        self.hint.store(due, Ordering::Release);
        if due {
            self.attention.raise();
        }
    }

    /// Whether [`SignalGroup::next`](crate::SignalGroup::next) should be asked; also what interrupts a wait.
    pub fn needs_attention(&self) -> bool {
        self.hint.load(Ordering::Acquire)
    }

    /// The mask.
    pub fn blocked(&self) -> SignalSet {
        SignalSet(self.blocked.load(Ordering::Relaxed))
    }

    /// The mask as the application set it: not the one that sigsuspend(2) and its like put on for a while.
    pub fn user_mask(&self) -> SignalSet {
        self.saved_mask.lock().unwrap_or_else(|| self.blocked())
    }

    pub(crate) fn wants(&self, set: SignalSet) -> bool {
        let takes = SignalSet(!self.blocked.load(Ordering::Relaxed) | self.awaited.load(Ordering::Relaxed));
        !takes.intersection(set).is_empty()
    }

    /// The alternate stack.
    pub fn alt_stack(&self) -> AltStack {
        *self.alt_stack.lock()
    }

    /// sigaltstack(2) for a thread whose stack pointer is `sp`: EPERM while it runs on the old one, EINVAL for unknown flags, ENOMEM
    /// when too small.
    pub fn set_alt_stack(&self, new: StackT, sp: u64) -> Result<()> {
        let mut held = self.alt_stack.lock();
        if held.holds(sp) {
            return Err(Errno::EPERM);
        }
        *held = Self::parse_alt_stack(new)?;
        Ok(())
    }

    /// rt_sigreturn(2)'s, to a stack pointer `sp`: puts back what the frame holds, silently keeping the present one when the frame's makes
    /// no sense or `sp` is on it.
    pub fn restore_alt_stack(&self, saved: StackT, sp: u64) {
        // An error is ignored, as on Linux.
        let _ = self.set_alt_stack(saved, sp);
    }

    /// Takes an autodisarm stack away while its handler runs (called after the frame recorded it).
    pub fn disarm_alt_stack(&self) {
        let mut held = self.alt_stack.lock();
        if held.flags.contains(SsFlags::AUTODISARM) {
            *held = AltStack::default();
        }
    }

    /// No alternate stack any more (execve(2)).
    pub fn clear_alt_stack(&self) {
        *self.alt_stack.lock() = AltStack::default();
    }

    fn parse_alt_stack(new: StackT) -> Result<AltStack> {
        let flags = SsFlags::from_bits(new.flags).ok_or(Errno::EINVAL)?;
        let keep = flags & SsFlags::AUTODISARM;
        match flags - SsFlags::AUTODISARM {
            SsFlags::DISABLE => Ok(AltStack { flags: keep, ..AltStack::default() }),
            f if f.is_empty() || f == SsFlags::ONSTACK => {
                if new.size < MIN_STACK_BYTES {
                    return Err(Errno::ENOMEM);
                }
                new.sp.checked_add(new.size).ok_or(Errno::ENOMEM)?;
                Ok(AltStack { base: new.sp, size: new.size, flags: keep })
            }
            _ => Err(Errno::EINVAL),
        }
    }
}
