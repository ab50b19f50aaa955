//! `siginfo_t`: what a handler is told about its signal (sigaction(2)).

use crate::Signal;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Values of `si_code` (asm-generic/siginfo.h).
#[allow(missing_docs)]
pub mod code {
    pub const SI_USER: i32 = 0;
    pub const SI_KERNEL: i32 = 0x80;
    pub const SI_QUEUE: i32 = -1;
    pub const SI_TIMER: i32 = -2;
    pub const SI_TKILL: i32 = -6;
    pub const ILL_ILLOPN: i32 = 2;
    pub const FPE_INTDIV: i32 = 1;
    pub const FPE_INTOVF: i32 = 2;
    pub const FPE_FLTDIV: i32 = 3;
    pub const FPE_FLTOVF: i32 = 4;
    pub const FPE_FLTUND: i32 = 5;
    pub const FPE_FLTRES: i32 = 6;
    pub const FPE_FLTINV: i32 = 7;
    pub const SEGV_MAPERR: i32 = 1;
    pub const SEGV_ACCERR: i32 = 2;
    pub const BUS_ADRALN: i32 = 1;
    pub const BUS_ADRERR: i32 = 2;
    pub const BUS_OBJERR: i32 = 3;
    pub const TRAP_BRKPT: i32 = 1;
    pub const TRAP_TRACE: i32 = 2;
}

/// `siginfo_t`, 128 bytes as on every 64-bit Linux. The union's fields lie at fixed offsets from byte 16.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigInfo {
    /// Signal number.
    pub signo: i32,
    /// Error number; almost always 0.
    pub errno: i32,
    /// Where it came from, [`code`].
    pub code: i32,
    padding: i32,
    fields: [u32; 28],
}

fn halves(value: u64) -> (u32, u32) {
    (value as u32, (value >> 32) as u32)
}

impl SigInfo {
    /// Only number and code.
    pub fn new(signal: Signal, code: i32) -> Self {
        Self { signo: i32::from(signal.number()), errno: 0, code, padding: 0, fields: [0; 28] }
    }

    /// Sent by a process: kill(2) (SI_USER), tgkill(2) (SI_TKILL).
    pub fn sent(signal: Signal, code: i32, pid: i32, uid: u32) -> Self {
        let mut info = Self::new(signal, code);
        info.fields[0] = pid.cast_unsigned();
        info.fields[1] = uid;
        info
    }

    /// Sent by the kernel itself (SI_KERNEL).
    pub fn kernel(signal: Signal) -> Self {
        Self::new(signal, code::SI_KERNEL)
    }

    /// Caused by an instruction: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP at `address`.
    pub fn fault(signal: Signal, code: i32, address: u64) -> Self {
        let mut info = Self::new(signal, code);
        (info.fields[0], info.fields[1]) = halves(address);
        info
    }

    /// A POSIX timer's (SI_TIMER): its id, how often it has expired unseen, and the value given to timer_create(2).
    pub fn timer(signal: Signal, id: i32, overrun: i32, value: u64) -> Self {
        let mut info = Self::new(signal, code::SI_TIMER);
        info.fields[0] = id.cast_unsigned();
        info.fields[1] = overrun.cast_unsigned();
        (info.fields[2], info.fields[3]) = halves(value);
        info
    }

    /// The signal, if the number is one.
    pub fn signal(&self) -> Option<Signal> {
        Signal::new(self.signo).ok()
    }

    /// Sender's process id, or a timer's id.
    pub fn pid(&self) -> i32 {
        self.fields[0].cast_signed()
    }

    /// Sender's user id, or a timer's overrun count.
    pub fn uid(&self) -> u32 {
        self.fields[1]
    }

    /// Address of a fault.
    pub fn address(&self) -> u64 {
        u64::from(self.fields[0]) | u64::from(self.fields[1]) << 32
    }

    /// `si_value` of SI_QUEUE and SI_TIMER; `si_status` is its low half.
    pub fn value(&self) -> u64 {
        u64::from(self.fields[2]) | u64::from(self.fields[3]) << 32
    }

    /// The id of the timer that sent it, if one did.
    pub fn timer_id(&self) -> Option<i32> {
        (self.code == code::SI_TIMER).then(|| self.pid())
    }

    #[cfg(feature = "posix-timers")]
    pub(crate) fn set_overrun(&mut self, overrun: i32) {
        self.fields[1] = overrun.cast_unsigned();
    }
}

impl core::fmt::Debug for SigInfo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SigInfo {{ signo: {}, code: {}, fields: {:x?} }}", self.signo, self.code, &self.fields[..4])
    }
}

const _: () = assert!(size_of::<SigInfo>() == 128);
