//! Where entry code arrives: system calls, exceptions, interrupts, and a thread's first way out.

use crate::{kernel, thread};
use arch_x86_64::entry::{self, Resume};
use arch_x86_64::percpu::selector;
use arch_x86_64::{UserRegs, cpu, usercopy};
use machine::end;
use machine::traps::{self, DOUBLE_FAULT, NMI, PAGE_FAULT};
#[cfg(feature = "smp")]
use machine::{cpus, interrupts};
use mm::FaultKind;
use process::Trap;

/// The selectors of the application are the kernel's business, whatever a signal frame or a new program's registers say.
fn seal(regs: &mut UserRegs) {
    regs.cs = selector::KERNEL_CODE.into();
    regs.ss = selector::KERNEL_DATA.into();
}

/// What is due before the application goes on after a trap.
fn leave(regs: &mut UserRegs) {
    if let Some(thread) = thread::current() {
        // Traps always resume with every register as it is.
        let _ = process::return_to_user(&thread, regs);
        seal(regs);
    }
}

#[unsafe(no_mangle)]
extern "C" fn pith_syscall(regs: &mut UserRegs) -> Resume {
    // SAFETY: the entry code leads here from `syscall` only, and only threads of the application run where that instruction can be.
    let (thread, kernel) = unsafe { (thread::caller(), kernel::get_running()) };
    #[cfg(feature = "smp")]
    cpus::enter();
    let result = kernel.system_call(&thread, regs);
    let resume = match process::return_from_call(&thread, regs, result) {
        process::Resume::Fast => Resume::Fast,
        process::Resume::Exact => {
            seal(regs);
            Resume::Exact
        }
    };
    #[cfg(feature = "smp")]
    cpus::leave(cpus::Place::Application);
    resume
}

#[unsafe(no_mangle)]
extern "C" fn pith_first_exit(regs: &mut UserRegs) {
    kernel::get().scheduler.finish_switch();
    leave(regs);
    #[cfg(feature = "smp")]
    cpus::leave(cpus::Place::Application);
}

#[unsafe(no_mangle)]
extern "C" fn pith_trap(regs: &mut UserRegs, vector: u64, error: u64) {
    #[cfg(feature = "smp")]
    {
        if vector == u64::from(interrupts::FLUSH) {
            return cpus::flush_interrupt();
        }
        // From the application, or in the idle wait; else a fault of the kernel's own, which has the lock already.
        if !cpus::is_inside() && vector != NMI && vector != DOUBLE_FAULT {
            let place = if entry::from_application(regs) { cpus::Place::Application } else { cpus::Place::Idle };
            cpus::enter();
            trap(regs, vector, error);
            return cpus::leave(place);
        }
    }
    trap(regs, vector, error);
}

#[inline(always)]
fn trap(regs: &mut UserRegs, vector: u64, error: u64) {
    if vector >= u64::from(entry::FIRST_INTERRUPT) {
        interrupt(regs, vector);
        return;
    }
    // The address must be read before anything else can fault.
    let address = if vector == PAGE_FAULT { cpu::fault_address() } else { 0 };
    if entry::from_application(regs) && vector != NMI && vector != DOUBLE_FAULT {
        let Some(thread) = thread::current() else {
            panic!("an exception from no thread");
        };
        process::fault(&thread, regs, Trap { vector: vector as u8, error, address });
        leave(regs);
        return;
    }
    if vector == PAGE_FAULT && user_copy_fault(regs, error, address) {
        return;
    }
    traps::pith_bug(regs, vector, error);
}

/// A page fault in one of the copies to or from application memory: brings the page in, or makes the copy end there. `false`: a bug in the kernel.
fn user_copy_fault(regs: &mut UserRegs, error: u64, address: u64) -> bool {
    let Some(after) = usercopy::fixup(regs.rip) else { return false };
    if let Some(thread) = thread::current() {
        let kind = if error & 2 != 0 { FaultKind::Write } else { FaultKind::Read };
        match thread.process().mm().handle_fault(address, kind) {
            Ok(()) => return true,
            Err(mm::Fault::OutOfMemory) => end::out_of_memory(format_args!("no frame left for the application's page at {address:#x}")),
            Err(_) => {}
        }
    }
    regs.rip = after;
    true
}

fn interrupt(regs: &mut UserRegs, vector: u64) {
    traps::interrupt(vector, || kernel::get().tick());
    if entry::from_application(regs) {
        leave(regs);
    }
}
