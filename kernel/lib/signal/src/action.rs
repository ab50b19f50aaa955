//! What a process does about a signal (sigaction(2)).

use crate::{Signal, SignalSet};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags::bitflags! {
    /// `sa_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct SaFlags: u64 {
        /// SA_NOCLDSTOP.
        const NOCLDSTOP = 0x1;
        /// SA_NOCLDWAIT.
        const NOCLDWAIT = 0x2;
        /// SA_SIGINFO: the handler takes three arguments. The kernel passes them always.
        const SIGINFO = 0x4;
        /// SA_EXPOSE_TAGBITS: no effect on these CPUs, and allowed.
        const EXPOSE_TAGBITS = 0x800;
        /// SA_RESTORER: `restorer` is set; x86_64 needs it.
        const RESTORER = 0x0400_0000;
        /// SA_ONSTACK: on the alternate stack.
        const ONSTACK = 0x0800_0000;
        /// SA_RESTART: interrupted calls go on.
        const RESTART = 0x1000_0000;
        /// SA_NODEFER: the signal itself is not blocked while its handler runs.
        const NODEFER = 0x4000_0000;
        /// SA_RESETHAND: back to the default once taken.
        const RESETHAND = 0x8000_0000;
    }
}

/// `struct sigaction` as rt_sigaction(2) takes it on x86_64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct KernelSigaction {
    /// 0: default, 1: ignore, else the handler's address.
    pub handler: u64,
    /// [`SaFlags`] bits.
    pub flags: u64,
    /// Where the handler returns to.
    pub restorer: u64,
    /// Blocked while the handler runs.
    pub mask: u64,
}

/// The action for one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Action {
    /// 0: default ([`Self::DEFAULT`]), 1: ignore ([`Self::IGNORE`]), else the handler's address.
    pub handler: u64,
    /// Flags.
    pub flags: SaFlags,
    /// Where the handler returns to.
    pub restorer: u64,
    /// Blocked while the handler runs.
    pub mask: SignalSet,
}

impl Action {
    /// SIG_DFL.
    pub const DEFAULT: u64 = 0;
    /// SIG_IGN.
    pub const IGNORE: u64 = 1;

    /// From the application's structure: unknown flags cleared, SIGKILL and SIGSTOP taken out of the mask.
    pub fn from_kernel(raw: KernelSigaction) -> Self {
        Self {
            handler: raw.handler,
            flags: SaFlags::from_bits_truncate(raw.flags),
            restorer: raw.restorer,
            mask: SignalSet(raw.mask).without(SignalSet::UNBLOCKABLE),
        }
    }

    /// Back to the application's structure.
    pub fn to_kernel(self) -> KernelSigaction {
        KernelSigaction { handler: self.handler, flags: self.flags.bits(), restorer: self.restorer, mask: self.mask.0 }
    }

    /// Whether a handler runs.
    pub fn is_handler(&self) -> bool {
        self.handler > Self::IGNORE
    }

    /// Whether `signal` has no effect at all under this action.
    pub fn ignores(&self, signal: Signal) -> bool {
        match self.handler {
            Self::IGNORE => true,
            Self::DEFAULT => DefaultAction::of(signal) == DefaultAction::Ignore,
            _ => false,
        }
    }
}

/// What happens without a handler (signal(7), "Standard signals").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends with a core dump.
    Core,
    /// Nothing.
    Ignore,
    /// The process stops.
    Stop,
    /// A stopped process goes on.
    Continue,
}

impl DefaultAction {
    /// The default for `signal`.
    pub fn of(signal: Signal) -> DefaultAction {
        match signal {
            Signal::CHLD | Signal::URG | Signal::WINCH => DefaultAction::Ignore,
            Signal::CONT => DefaultAction::Continue,
            Signal::STOP | Signal::TSTP | Signal::TTIN | Signal::TTOU => DefaultAction::Stop,
            Signal::QUIT | Signal::ILL | Signal::TRAP | Signal::ABRT | Signal::BUS | Signal::FPE | Signal::SEGV => DefaultAction::Core,
            Signal::XCPU | Signal::XFSZ | Signal::SYS => DefaultAction::Core,
            _ => DefaultAction::Terminate,
        }
    }
}
