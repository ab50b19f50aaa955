//! Signals: rt_sigaction(2), masks, sending, waiting for them, the alternate stack.

use crate::Cx;
use crate::codec::time::timespec;
use crate::wait::Woke;
use process::Thread;
#[cfg(feature = "signals")]
use signal::{Action, KernelSigaction};
use signal::{SigInfo, Signal, SignalSet, StackT, Target, code};
use uapi::{Errno, Result};

/// Size of the kernel's `sigset_t`; every rt_ call is told it.
const SET_SIZE: u64 = 8;

/// Reads an optional signal set; EINVAL for a size that is not 8.
pub fn read_set(cx: &Cx<'_>, addr: u64, size: u64) -> Result<Option<SignalSet>> {
    if size != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    Ok(cx.user().read_optional::<u64>(addr)?.map(SignalSet))
}

#[cfg(feature = "signals")]
pub fn rt_sigaction(cx: &mut Cx<'_>, number: i32, action: u64, old: u64, set_size: u64) -> Result<u64> {
    if set_size != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let signal = Signal::new(number)?;
    let before = match cx.user().read_optional::<KernelSigaction>(action)? {
        Some(new) => cx.signals().set_action(signal, Action::from_kernel(new))?,
        None => cx.signals().action(signal),
    };
    cx.user().write_optional(old, &before.to_kernel())?;
    Ok(0)
}

pub fn rt_sigprocmask(cx: &mut Cx<'_>, how: i32, set: u64, old: u64, set_size: u64) -> Result<u64> {
    let before = cx.thread.signals().blocked();
    if let Some(set) = read_set(cx, set, set_size)? {
        let new = match how {
            0 => before.union(set),
            1 => before.without(set),
            2 => set,
            _ => return Err(Errno::EINVAL),
        };
        cx.signals().set_mask(cx.thread.signals(), new);
    }
    cx.user().write_optional(old, &before.0)?;
    Ok(0)
}

pub fn rt_sigpending(cx: &mut Cx<'_>, set: u64, set_size: u64) -> Result<u64> {
    if set_size > SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let thread = cx.thread.signals();
    let pending = cx.signals().pending(thread).intersection(thread.blocked());
    cx.user().write_bytes(set, &pending.0.to_ne_bytes()[..set_size as usize])?;
    Ok(0)
}

pub fn rt_sigsuspend(cx: &mut Cx<'_>, mask: u64, set_size: u64) -> Result<u64> {
    let mask = read_set(cx, mask, set_size)?.ok_or(Errno::EFAULT)?;
    cx.prepare_to_block();
    cx.signals().set_temporary_mask(cx.thread.signals(), mask);
    sleep_until_signal(cx)
}

pub fn pause(cx: &mut Cx<'_>) -> Result<u64> {
    cx.prepare_to_block();
    sleep_until_signal(cx)
}

/// ERESTARTNOHAND always: the mask in force, if temporary, is taken off on the way back to the application.
fn sleep_until_signal(cx: &Cx<'_>) -> Result<u64> {
    while !cx.interrupted() {
        let _: Woke = cx.block(None);
    }
    Err(Errno::ERESTARTNOHAND)
}

pub fn rt_sigtimedwait(cx: &mut Cx<'_>, set: u64, info: u64, timeout: u64, set_size: u64) -> Result<u64> {
    // Nobody can wait for those two: they act (sigwaitinfo(2), NOTES).
    let set = read_set(cx, set, set_size)?.ok_or(Errno::EFAULT)?.without(SignalSet::UNBLOCKABLE);
    let timeout_ns = timespec(cx.user(), timeout)?;
    let taken = take_or_wait(cx, set, timeout_ns)?;
    if info != 0 {
        cx.user().write(info, &taken)?;
    }
    Ok(u64::from(taken.signo.unsigned_abs()))
}

/// EAGAIN when the time is up, EINTR when a signal outside `set` came.
fn take_or_wait(cx: &Cx<'_>, set: SignalSet, timeout_ns: Option<u64>) -> Result<SigInfo> {
    let (group, thread) = (cx.signals(), cx.thread.signals());
    if let Some(info) = group.take(thread, set) {
        return Ok(info);
    }
    if timeout_ns == Some(0) {
        return Err(Errno::EAGAIN);
    }
    let deadline = timeout_ns.map(|ns| cx.now_ns().saturating_add(ns));
    cx.prepare_to_block();
    group.await_signals(thread, set);
    let mut expired = false;
    let result = loop {
        if let Some(info) = group.take(thread, set) {
            break Ok(info);
        }
        if expired {
            break Err(Errno::EAGAIN);
        }
        if cx.interrupted() {
            break Err(Errno::EINTR);
        }
        expired = cx.block(deadline) == Woke::TimedOut;
    };
    group.await_signals(thread, SignalSet::EMPTY);
    result
}

#[cfg(feature = "signals")]
pub fn rt_sigreturn(cx: &mut Cx<'_>) -> Result<u64> {
    // The result register is one of those that come back.
    Ok(process::sigreturn(cx.thread, cx.regs))
}

pub fn sigaltstack(cx: &mut Cx<'_>, new: u64, old: u64) -> Result<u64> {
    let sp = cx.stack_pointer();
    let thread = cx.thread.signals();
    let before = thread.alt_stack().to_user(sp);
    if let Some(stack) = cx.user().read_optional::<StackT>(new)? {
        thread.set_alt_stack(stack, sp)?;
    }
    cx.user().write_optional(old, &before)?;
    Ok(0)
}

/// The signal of a kill-like call; `None` for 0, which only asks whether the target exists.
fn optional_signal(number: i32) -> Result<Option<Signal>> {
    if number == 0 { Ok(None) } else { Signal::new(number).map(Some) }
}

pub fn kill(cx: &mut Cx<'_>, pid: i32, number: i32) -> Result<u64> {
    let signal = optional_signal(number)?;
    let ours = match pid {
        0 => true,
        // Everybody but init and the caller itself: nobody is left.
        -1 => return Err(Errno::ESRCH),
        // A thread's id names its process too.
        pid if pid > 0 => pid == cx.pid() || cx.thread_by_id(pid).is_ok(),
        group => group.checked_neg() == Some(cx.pid()),
    };
    if !ours {
        return Err(Errno::ESRCH);
    }
    if let Some(signal) = signal {
        cx.signals().send(SigInfo::sent(signal, code::SI_USER, cx.pid(), cx.uid()), Target::Process)?;
    }
    Ok(0)
}

pub fn tkill(cx: &mut Cx<'_>, tid: i32, number: i32) -> Result<u64> {
    if tid <= 0 {
        return Err(Errno::EINVAL);
    }
    let signal = optional_signal(number)?;
    let thread = cx.thread_by_id(tid)?;
    if let Some(signal) = signal {
        send_to_thread(cx, &thread, SigInfo::sent(signal, code::SI_TKILL, cx.pid(), cx.uid()))?;
    }
    Ok(0)
}

pub fn tgkill(cx: &mut Cx<'_>, group: i32, tid: i32, number: i32) -> Result<u64> {
    if group <= 0 {
        return Err(Errno::EINVAL);
    }
    if tid > 0 && group != cx.pid() {
        optional_signal(number)?;
        return Err(Errno::ESRCH);
    }
    tkill(cx, tid, number)
}

fn send_to_thread(cx: &Cx<'_>, thread: &Thread, info: SigInfo) -> Result<()> {
    cx.signals().send(info, Target::Thread(thread.signals())).map(|_| ())
}

/// What the application gives to the sigqueue calls. EPERM for codes that only the kernel sends; the process may pretend only to itself,
/// and there is nobody else.
fn queued_info(cx: &Cx<'_>, number: i32, addr: u64) -> Result<Option<SigInfo>> {
    let mut info: SigInfo = cx.user().read(addr)?;
    info.signo = number;
    Ok(optional_signal(number)?.map(|_| info))
}

pub fn rt_sigqueueinfo(cx: &mut Cx<'_>, pid: i32, number: i32, info: u64) -> Result<u64> {
    let info = queued_info(cx, number, info)?;
    if pid != cx.pid() && cx.thread_by_id(pid).is_err() {
        return Err(Errno::ESRCH);
    }
    if let Some(info) = info {
        cx.signals().send(info, Target::Process)?;
    }
    Ok(0)
}

pub fn rt_tgsigqueueinfo(cx: &mut Cx<'_>, group: i32, tid: i32, number: i32, info: u64) -> Result<u64> {
    if group <= 0 || tid <= 0 {
        return Err(Errno::EINVAL);
    }
    let info = queued_info(cx, number, info)?;
    if group != cx.pid() {
        return Err(Errno::ESRCH);
    }
    let thread = cx.thread_by_id(tid)?;
    if let Some(info) = info {
        send_to_thread(cx, &thread, info)?;
    }
    Ok(0)
}
