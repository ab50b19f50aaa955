//! The way back to the application: ends, preemption, signals, restarted calls; and rt_sigreturn(2).

use crate::arch::UserRegs;
use crate::arch::sigframe::{self, FpuHeader, Request, Saved};
use crate::exit;
use crate::{End, Level, Thread};
use alloc::sync::Arc;
use alloc::vec;
use mm::USER_END;
use signal::{Action, Delivery, Force, Restart, SaFlags, SigInfo, Signal, SignalSet, StackT, code};
use uapi::Errno;
use wait::Events;
use zerocopy::{FromBytes, IntoBytes};

/// How the application goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// As a system call returns: registers that it may clobber need not be restored.
    Fast,
    /// With every register exactly as it is now (after a signal, rt_sigreturn(2), execve(2), a restarted call).
    Exact,
}

/// Whether the result register could hold one of the errors that ask for a restart: cheap, and seldom wrong.
#[inline]
fn may_ask_for_restart(regs: &UserRegs) -> bool {
    let first = u64::from(Errno::ERESTARTSYS.code());
    regs.rax.wrapping_neg().wrapping_sub(first) <= u64::from(Errno::ERESTARTNOHAND.code()) - first
}

/// The error with which a system call asks to be restarted, if it does.
fn restart_error(regs: &UserRegs) -> Option<Errno> {
    if !regs.is_syscall() {
        return None;
    }
    let code = u16::try_from(regs.rax.wrapping_neg()).ok()?;
    Errno::from_code(code).filter(|e| matches!(*e, Errno::ERESTARTSYS | Errno::ERESTARTNOHAND))
}

/// Everything that is due before the application goes on. Called at every kernel exit to it, with what it will run on in `regs`. Does not
/// return when the thread ends here; callers must not hold what they would have to drop.
#[inline(always)]
pub fn return_to_user(thread: &Arc<Thread>, regs: &mut UserRegs) -> Resume {
    // The usual case: two loads and one branch.
    if thread.task().attention().is_raised() | may_ask_for_restart(regs) {
        return slow_return(thread, regs);
    }
    if regs.is_syscall() { Resume::Fast } else { Resume::Exact }
}

/// As [`return_to_user`] after a system call with this `result`. One that replaced the registers (a new program, a return from a signal handler) has none.
#[inline(always)]
pub fn return_from_call(thread: &Arc<Thread>, regs: &mut UserRegs, result: u64) -> Resume {
    if !regs.is_syscall() {
        return slow_return(thread, regs);
    }
    regs.rax = result;
    if thread.task().attention().is_raised() | may_ask_for_restart(regs) { slow_return(thread, regs) } else { Resume::Fast }
}

#[cold]
#[inline(never)]
fn slow_return(thread: &Arc<Thread>, regs: &mut UserRegs) -> Resume {
    let process = thread.process();
    thread.task().attention().lower();
    loop {
        if thread.is_leaving() {
            exit::finish(thread);
            #[cfg(feature = "threads")]
            thread.services().scheduler.exit_current();
        }
        if thread.services().scheduler.need_resched() {
            thread.services().scheduler.preempt();
            continue;
        }
        #[cfg(any(feature = "posix-timers", feature = "interval-timers", feature = "limits"))]
        if process.is_ticking() {
            process.check_cpu_timers();
        }
        if !thread.signals().needs_attention() {
            break;
        }
        match process.signals().next(thread.signals()) {
            Delivery::None => break,
            Delivery::Stop => stop(thread),
            Delivery::Terminate { signal, info, .. } => terminate(thread, regs, signal, &info),
            // Nobody can have set one.
            #[cfg(not(feature = "handlers"))]
            Delivery::Handler { .. } => {}
            #[cfg(feature = "handlers")]
            Delivery::Handler { signal, info, action, mask } => {
                settle_restart(regs, Some(action.flags));
                if !enter_handler(thread, regs, signal, &info, &action, mask) {
                    process.signals().force(thread.signals(), SigInfo::kernel(Signal::SEGV), Force::Default);
                }
            }
        }
    }
    settle_restart(regs, None);
    Resume::Exact
}

/// Restarts the interrupted call or ends it with EINTR, as the handler that runs first (or none) has it.
fn settle_restart(regs: &mut UserRegs, handler: Option<SaFlags>) {
    match restart_error(regs).and_then(|error| signal::restart_rule(error, handler)) {
        Some(Restart::Again) => regs.restart_syscall(),
        Some(Restart::Interrupted) => regs.rax = Errno::EINTR.to_syscall(),
        None => {}
    }
}

/// Sleeps while the process is stopped.
fn stop(thread: &Thread) {
    let group = thread.process().signals();
    let resumed = || !group.is_stopped();
    // Ends early only when the thread has to end.
    let _ = thread.wait_on(&[(group.resumed(), Events::IN)], None, crate::Interruptible::OnlyByEnd, &mut || resumed());
}

fn terminate(thread: &Arc<Thread>, regs: &UserRegs, signal: Signal, info: &SigInfo) {
    let platform = &thread.services().platform;
    if SignalSet::SYNCHRONOUS.contains(signal) && info.code > 0 {
        let trap = *thread.trap.lock();
        platform.say(
            Level::Error,
            format_args!(
                "the application (thread {}) got {signal}: code {}, address {:#x}, trap {} error {:#x}, ip {:#x}, sp {:#x}",
                thread.tid(),
                info.code,
                info.address(),
                trap.vector,
                trap.error,
                regs.rip,
                regs.rsp
            ),
        );
    }
    exit::exit_group(thread, End::Signal(signal));
}

/// Writes the frame and turns `regs` to the handler; false when the frame cannot be written.
#[cfg(feature = "handlers")]
fn enter_handler(thread: &Thread, regs: &mut UserRegs, signal: Signal, info: &SigInfo, action: &Action, mask: SignalSet) -> bool {
    // x86_64 has no default to return by: without SA_RESTORER Linux refuses as well.
    if !action.flags.contains(SaFlags::RESTORER) {
        return false;
    }
    let platform = &thread.services().platform;
    let alt = thread.signals().alt_stack();
    let below_red_zone = regs.rsp.wrapping_sub(sigframe::RED_ZONE);
    let on_alt = alt.holds(regs.rsp);
    let switch_to = alt.top().filter(|_| action.flags.contains(SaFlags::ONSTACK) && !on_alt);
    let stack = switch_to.unwrap_or(below_red_zone);
    let Some(at) = sigframe::place(stack, platform.fpu_size()) else { return false };
    if (on_alt || switch_to.is_some()) && !alt.covers(at.frame) {
        // It would run out of the alternate stack into whatever lies below.
        return false;
    }
    let mut bytes = vec![0; at.len];
    platform.fpu_save(&mut bytes[(at.fpu - at.frame) as usize..]);
    let trap = core::mem::take(&mut *thread.trap.lock());
    let mut info_bytes = [0; 128];
    info_bytes.copy_from_slice(info.as_bytes());
    let mut alt_bytes = [0; 24];
    alt_bytes.copy_from_slice(alt.to_user(regs.rsp).as_bytes());
    let request = Request {
        signal: i32::from(signal.number()),
        info: &info_bytes,
        handler: action.handler,
        restorer: action.restorer,
        alt_stack: &alt_bytes,
        mask: mask.0,
        trap: (u64::from(trap.vector), trap.error, trap.address),
        fpu_features: platform.fpu_features(),
    };
    let mut new_regs = *regs;
    sigframe::write(at, &mut bytes, &request, &mut new_regs);
    if action.handler >= USER_END || thread.user().write_bytes(at.frame, &bytes).is_err() {
        return false;
    }
    *regs = new_regs;
    thread.signals().disarm_alt_stack();
    true
}

/// rt_sigreturn(2): goes back to where the frame on the stack says. Returns what belongs into the result register; a frame that cannot be read
/// or used is a SIGSEGV.
#[cfg(feature = "handlers")]
pub fn sigreturn(thread: &Thread, regs: &mut UserRegs) -> u64 {
    if restore_frame(thread, regs).is_none() {
        let group = thread.process().signals();
        group.force(thread.signals(), SigInfo::kernel(Signal::SEGV), Force::Handler);
    }
    // Never taken for a system call that could be restarted.
    regs.orig_rax = crate::arch::regs::NO_SYSCALL;
    regs.rax
}

#[cfg(feature = "handlers")]
fn restore_frame(thread: &Thread, regs: &mut UserRegs) -> Option<()> {
    let user = thread.user();
    let mut bytes = [0; sigframe::SAVED_BYTES];
    user.read_bytes(Saved::address(regs.rsp), &mut bytes).ok()?;
    let saved = Saved::parse(&bytes);
    // Above this lies the kernel, which the application could enter by it.
    if saved.rip() >= USER_END {
        return None;
    }
    restore_fpu(thread, saved.fpu)?;
    thread.process().signals().set_mask(thread.signals(), SignalSet(saved.mask));
    saved.restore(regs);
    if let Ok(stack) = StackT::read_from_bytes(&saved.alt_stack) {
        thread.signals().restore_alt_stack(stack, regs.rsp);
    }
    Some(())
}

#[cfg(feature = "handlers")]
fn restore_fpu(thread: &Thread, addr: u64) -> Option<()> {
    let platform = &thread.services().platform;
    if addr == 0 {
        platform.fpu_reset();
        return Some(());
    }
    let user = thread.user();
    let (size, features) = (platform.fpu_size(), platform.fpu_features());
    let mut area = vec![0; size.max(sigframe::LEGACY_BYTES)];
    user.read_bytes(addr, &mut area[..sigframe::LEGACY_BYTES]).ok()?;
    let legacy = area.first_chunk::<{ sigframe::LEGACY_BYTES }>()?;
    let mut xsave = FpuHeader::parse(legacy, size).xsave_bytes.filter(|_| features != 0);
    if let Some(len) = xsave {
        let mark: u32 = user.read(addr.checked_add(len as u64)?).ok()?;
        if FpuHeader::is_end_mark(mark) {
            user.read_bytes(addr, &mut area[..len]).ok()?;
        } else {
            xsave = None;
        }
    }
    sigframe::sanitise_fpu(&mut area, features, xsave);
    platform.fpu_restore(&area).ok()
}

/// A SIGSEGV that the kernel finds itself (SI_KERNEL): no address.
pub(crate) fn kernel_segv() -> SigInfo {
    SigInfo::new(Signal::SEGV, code::SI_KERNEL)
}
