//! Traps of the application: page faults, and everything else that becomes a signal (SDM volume 3, chapter 6).

use crate::arch::UserRegs;
use crate::deliver::kernel_segv;
use crate::{End, Level, Thread, exit};
use alloc::sync::Arc;
use alloc::vec;
use mm::{Fault, FaultKind, SegvCode};
use signal::{Force, SigInfo, Signal, code};

/// What the CPU reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trap {
    /// Exception number, 0..=31.
    pub vector: u8,
    /// Error code; 0 for exceptions without one.
    pub error: u64,
    /// The address that could not be reached (CR2); page faults only.
    pub address: u64,
}

/// Page-fault error code bits (SDM volume 3, 4.7).
const PAGE_WRITE: u64 = 1 << 1;
const PAGE_FETCH: u64 = 1 << 4;

/// Exception numbers.
const DIVIDE: u8 = 0;
const DEBUG: u8 = 1;
const BREAKPOINT: u8 = 3;
const INVALID_OPCODE: u8 = 6;
const SEGMENT: u8 = 11;
const STACK: u8 = 12;
const PAGE: u8 = 14;
const X87: u8 = 16;
const ALIGNMENT: u8 = 17;
const SIMD: u8 = 19;

/// An exception in the application: served, or turned into a signal that [`return_to_user`](crate::return_to_user) delivers.
#[inline]
pub fn fault(thread: &Arc<Thread>, regs: &UserRegs, trap: Trap) {
    if trap.vector == PAGE {
        let kind = match trap.error {
            e if e & PAGE_FETCH != 0 => FaultKind::Exec,
            e if e & PAGE_WRITE != 0 => FaultKind::Write,
            _ => FaultKind::Read,
        };
        match thread.process().mm().handle_fault(trap.address, kind) {
            Ok(()) => {}
            Err(fault) => page_signal(thread, trap, fault),
        }
    } else {
        other_signal(thread, regs, trap);
    }
}

#[cold]
fn page_signal(thread: &Arc<Thread>, trap: Trap, fault: Fault) {
    let info = match fault {
        Fault::Segv(SegvCode::MapErr) => SigInfo::fault(Signal::SEGV, code::SEGV_MAPERR, trap.address),
        Fault::Segv(SegvCode::AccErr) => SigInfo::fault(Signal::SEGV, code::SEGV_ACCERR, trap.address),
        Fault::Bus => SigInfo::fault(Signal::BUS, code::BUS_ADRERR, trap.address),
        Fault::OutOfMemory => {
            let platform = &thread.services().platform;
            platform.say(Level::Debug, format_args!("out of memory: no page left for address {:#x}", trap.address));
            exit::exit_group(thread, End::OutOfMemory);
            return;
        }
    };
    raise(thread, trap, info);
}

#[cold]
fn other_signal(thread: &Arc<Thread>, regs: &UserRegs, trap: Trap) {
    let info = match trap.vector {
        DIVIDE => SigInfo::fault(Signal::FPE, code::FPE_INTDIV, regs.rip),
        DEBUG => SigInfo::fault(Signal::TRAP, code::TRAP_TRACE, regs.rip),
        BREAKPOINT => SigInfo::kernel(Signal::TRAP),
        INVALID_OPCODE => SigInfo::fault(Signal::ILL, code::ILL_ILLOPN, regs.rip),
        SEGMENT | STACK => SigInfo::kernel(Signal::BUS),
        X87 | SIMD => SigInfo::fault(Signal::FPE, fpu_code(thread, trap.vector), regs.rip),
        ALIGNMENT => SigInfo::fault(Signal::BUS, code::BUS_ADRALN, 0),
        // Overflow, bounds, general protection and what else there is.
        _ => kernel_segv(),
    };
    raise(thread, trap, info);
}

/// Which floating-point exception is unmasked and set; the order of tests is Linux's (fpu__exception_code).
#[cfg(feature = "handlers")]
fn fpu_code(thread: &Thread, vector: u8) -> i32 {
    let platform = &thread.services().platform;
    let mut area = vec![0; platform.fpu_size().max(32)];
    platform.fpu_save(&mut area);
    let pending = if vector == X87 {
        let (control, status) = (u16::from_le_bytes([area[0], area[1]]), u16::from_le_bytes([area[2], area[3]]));
        status & !control
    } else {
        let mxcsr = u32::from_le_bytes([area[24], area[25], area[26], area[27]]);
        (mxcsr & !(mxcsr >> 7)) as u16
    };
    match pending {
        e if e & 0x01 != 0 => code::FPE_FLTINV,
        e if e & 0x04 != 0 => code::FPE_FLTDIV,
        e if e & 0x08 != 0 => code::FPE_FLTOVF,
        e if e & 0x12 != 0 => code::FPE_FLTUND,
        e if e & 0x20 != 0 => code::FPE_FLTRES,
        _ => 0,
    }
}

/// Only a handler is told.
#[cfg(not(feature = "handlers"))]
fn fpu_code(_thread: &Thread, _vector: u8) -> i32 {
    0
}

fn raise(thread: &Thread, trap: Trap, info: SigInfo) {
    *thread.trap.lock() = trap;
    thread.process().signals().force(thread.signals(), info, Force::Handler);
}
