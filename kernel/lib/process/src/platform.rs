//! What processes need from the machine below them.

use crate::Thread;
use crate::arch::UserRegs;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use mm::AddressSpace;
use sched::Context;
use signal::Signal;
use uapi::Result;
use usermem::UserMemory;

/// How the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The application ended with this status (0..=255).
    Exit(u8),
    /// A signal ended the application.
    Signal(Signal),
    /// There was no memory left for it.
    OutOfMemory,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// The application may not get what it expects.
    Warn,
    /// Worth knowing.
    Info,
    /// For those who look for a fault.
    Debug,
}

/// The machine as processes see it; the image implements it.
pub trait Platform: Send + Sync {
    /// Application memory of the address space that is active.
    fn user(&self) -> &'static dyn UserMemory;

    /// A new kernel stack whose first return goes to the application with `regs`; floating-point state is the running thread's, or
    /// fresh when none runs. ENOMEM.
    fn spawn_context(&self, regs: &UserRegs, fs_base: u64) -> Result<Box<dyn Context>>;
    /// Tells the context which thread it runs, once, before it runs. The thread lives longer than the context runs.
    fn bind(&self, context: &dyn Context, thread: &Arc<Thread>);

    /// The running thread's FS base.
    fn fs_base(&self) -> u64;
    /// Sets it; the caller has checked that the address is the application's.
    fn set_fs_base(&self, base: u64);
    /// The running thread's GS base.
    fn gs_base(&self) -> u64;
    /// Sets it; the caller has checked that the address is the application's.
    fn set_gs_base(&self, base: u64);

    /// Length in bytes of [`fpu_save`](Self::fpu_save)'s area: 512 without XSAVE.
    fn fpu_size(&self) -> usize;
    /// State components in that area (XCR0); 0 without XSAVE.
    #[cfg(feature = "handlers")]
    fn fpu_features(&self) -> u64;
    /// Writes the application's floating-point state (XSAVE standard format) to the front of `area`; returns its length.
    #[cfg(feature = "handlers")]
    fn fpu_save(&self, area: &mut [u8]) -> usize;
    /// Makes `area` the application's floating-point state; reserved bits were cleared by the caller. EINVAL when the CPU would refuse.
    #[cfg(feature = "handlers")]
    fn fpu_restore(&self, area: &[u8]) -> Result<()>;
    /// The state a program starts with.
    #[cfg(any(feature = "handlers", feature = "execve"))]
    fn fpu_reset(&self);

    /// An empty address space. ENOMEM.
    fn new_address_space(&self) -> Result<Arc<AddressSpace>>;
    /// Makes `space` the one that [`user`](Self::user) and the application see.
    fn activate(&self, space: &Arc<AddressSpace>);
    /// Maps the vDSO; returns its ELF header's address (AT_SYSINFO_EHDR), `None` when there is none.
    fn map_vdso(&self, space: &Arc<AddressSpace>) -> Result<Option<u64>>;
    /// CPU features for the program: AT_HWCAP and AT_HWCAP2.
    fn hwcap(&self) -> (u64, u64);

    /// Unpredictable bytes.
    fn random(&self, out: &mut [u8]);
    /// Ends the machine.
    fn end_machine(&self, end: End) -> !;
    /// One line for whoever watches the machine; [`say`](trait.Platform.html#method.say) is what calls it.
    fn log(&self, level: Level, message: fmt::Arguments<'_>);
    /// The line for a system call that is absent, in an image without words.
    fn log_absent_call(&self, number: u64);
}

impl dyn Platform + '_ {
    /// Writes a log line, in an image that has words; in others the optimiser drops it with all that it would say.
    #[inline(always)]
    pub fn say(&self, level: Level, message: fmt::Arguments<'_>) {
        #[cfg(feature = "messages")]
        self.log(level, message);
        #[cfg(not(feature = "messages"))]
        let _ = (level, message);
    }
}

/// The console's descriptors and other things that a program is started with.
#[derive(Clone, Default)]
pub struct Arguments {
    /// Arguments, the first one the program's name.
    pub argv: Vec<Vec<u8>>,
    /// Environment, `NAME=value`.
    pub envp: Vec<Vec<u8>>,
}
