//! What processes ask of the machine: contexts, floating-point state, address spaces, the end.

use crate::thread;
use alloc::boxed::Box;
use alloc::sync::Arc;
use arch_x86_64::context;
#[cfg(any(feature = "signals", feature = "execve"))]
use arch_x86_64::context::set_application_fpu;
use arch_x86_64::fpu;
#[cfg(any(feature = "signals", feature = "execve"))]
use arch_x86_64::fpu::FpuState;
use arch_x86_64::paging::Domain;
use arch_x86_64::usercopy::CurrentUserMemory;
use arch_x86_64::{UserRegs, cpu};
use core::fmt;
use machine::end;
use machine::pc::{self, KernelContext};
use machine::random::RNG;
use machine::space::{STACK_BYTES, kernel_space};
use mm::AddressSpace;
use pith_abi::cmdline::LogLevel;
use process::{End, Level, Platform, Thread};
#[cfg(feature = "signals")]
use uapi::Errno;
use uapi::Result;
use usermem::UserMemory;

/// The platform of this machine.
pub struct PcPlatform;

/// The running thread's context.
fn running() -> &'static context::Context {
    // SAFETY: called for application threads only, which run on a live context; the reference does not outlive the call that asked.
    unsafe { &*(context::current() as *const context::Context) }
}

impl Platform for PcPlatform {
    fn user(&self) -> &'static dyn UserMemory {
        &CurrentUserMemory
    }

    fn spawn_context(&self, regs: &UserRegs, fs_base: u64) -> Result<Box<dyn sched::Context>> {
        let stack = kernel_space().alloc_stack(STACK_BYTES)?;
        let gs_base = if context::current() == 0 { 0 } else { running().gs_base() };
        let mut regs = *regs;
        // The application runs in the kernel's ring.
        regs.cs = arch_x86_64::percpu::selector::KERNEL_CODE.into();
        regs.ss = arch_x86_64::percpu::selector::KERNEL_DATA.into();
        Ok(Box::new(KernelContext::user(stack, &regs, fs_base, gs_base)))
    }

    fn bind(&self, context: &dyn sched::Context, thread: &Arc<Thread>) {
        // SAFETY: every context of this machine was made by `spawn_context`, whose address `raw` is.
        thread::bind(unsafe { &*(context.raw() as *const KernelContext) }, thread);
    }

    fn fs_base(&self) -> u64 {
        running().fs_base()
    }
    fn set_fs_base(&self, base: u64) {
        running().set_fs_base(base);
    }
    fn gs_base(&self) -> u64 {
        running().gs_base()
    }
    fn set_gs_base(&self, base: u64) {
        running().set_gs_base(base);
    }

    fn fpu_size(&self) -> usize {
        fpu::size()
    }
    #[cfg(feature = "signals")]
    fn fpu_features(&self) -> u64 {
        fpu::components()
    }
    #[cfg(feature = "signals")]
    fn fpu_save(&self, area: &mut [u8]) -> usize {
        // SAFETY: asked for by a thread that entered from the application.
        let state = unsafe { context::application_fpu() };
        let count = area.len().min(fpu::size());
        area[..count].copy_from_slice(&state.bytes()[..count]);
        count
    }
    #[cfg(feature = "signals")]
    fn fpu_restore(&self, area: &[u8]) -> Result<()> {
        let mut state = FpuState::initial();
        let count = area.len().min(fpu::size());
        state.bytes_mut()[..count].copy_from_slice(&area[..count]);
        if !state.is_loadable() {
            return Err(Errno::EINVAL);
        }
        // SAFETY: as above; the state was just checked.
        unsafe { set_application_fpu(&state) };
        Ok(())
    }
    #[cfg(any(feature = "signals", feature = "execve"))]
    fn fpu_reset(&self) {
        // SAFETY: as above.
        unsafe { set_application_fpu(&FpuState::initial()) };
    }

    fn new_address_space(&self) -> Result<Arc<AddressSpace>> {
        AddressSpace::new(kernel_space(), Domain::Ring0, RNG.next_u64())
    }
    fn activate(&self, space: &Arc<AddressSpace>) {
        space.activate();
    }
    fn map_vdso(&self, space: &Arc<AddressSpace>) -> Result<Option<u64>> {
        #[cfg(not(feature = "vdso"))]
        {
            let _ = space;
            Ok(None)
        }
        #[cfg(feature = "vdso")]
        crate::vdso::map(space).map(Some)
    }
    fn hwcap(&self) -> (u64, u64) {
        (cpu::features().1.into(), 0)
    }

    fn random(&self, out: &mut [u8]) {
        RNG.fill(out);
    }

    fn end_machine(&self, how: End) -> ! {
        #[cfg(feature = "ninep")]
        machine::volumes::flush();
        let scheduler = &crate::kernel::get().scheduler;
        let cpus = scheduler.cpu_count() as u64;
        let busy_ns = (pc::now_ns() * cpus).saturating_sub(scheduler.idle_all_ns());
        machine::log!(Debug, "busy {busy_ns} ns, {} switches", scheduler.switches());
        match how {
            End::Exit(status) => end::exited(status),
            End::Signal(signal) => end::killed(signal.number()),
            End::OutOfMemory => end::out_of_memory(format_args!("no page is left for the application")),
        }
    }

    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        let level = match level {
            Level::Error => LogLevel::Error,
            Level::Warn => LogLevel::Warn,
            Level::Info => LogLevel::Info,
            Level::Debug => LogLevel::Debug,
        };
        machine::log::write(level, message);
    }
    fn log_absent_call(&self, number: u64) {
        machine::log::absent_call(number);
    }
}
