//! What processes ask of the machine: contexts, floating-point state, address spaces, the end.

use crate::machine::{self, KernelContext};
use crate::{end, memory};
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
use arch_x86_64::{UserRegs, boot, cpu};
use core::fmt;
use mm::{AddressSpace, KernelSpace, Mmu};
use pith_abi::cmdline::LogLevel;
use process::{End, Level, Platform, Thread};
use random::Rng;
use spin::Once;
#[cfg(feature = "signals")]
use uapi::Errno;
use uapi::Result;
use usermem::UserMemory;

/// The machine's random number generator.
pub static RNG: Rng = Rng::new();

/// Fresh random bytes.
#[cfg(feature = "procfs")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    RNG.fill(&mut bytes);
    bytes
}

/// Seeds the generator from the CPU, the command line and time. A virtio entropy device is asked when the others gave too little.
pub fn seed_random(seed: Option<&[u32; 8]>) {
    // All at once: each piece for itself would cost a block of the cipher.
    let mut words = [0; 9];
    let mut bits = 0;
    for word in &mut words[..4] {
        if let Some(random) = cpu::rdrand() {
            *word = random;
            bits += 64;
        }
    }
    if let Some(seed) = seed {
        for (word, pair) in words[4..8].iter_mut().zip(seed.chunks_exact(2)) {
            *word = u64::from(pair[1]) << 32 | u64::from(pair[0]);
        }
        bits += 256;
    }
    words[8] = cpu::rdtsc();
    let mut bytes = [0; 72];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    RNG.add_entropy(&bytes, bits);
}

/// Bytes of kernel stack for each thread.
const STACK_BYTES: u64 = 16 * 1024;

struct Cpus;

impl Mmu for Cpus {
    fn load_root(&self, root: u64) {
        if cpu::page_table_root() != root {
            // SAFETY: every address space shares the kernel's upper half.
            unsafe { cpu::load_page_table_root(root) };
        }
    }
    fn flush_page(&self, virt: u64) {
        cpu::flush_page(virt);
    }
    fn flush_all(&self) {
        // SAFETY: the same tables again.
        unsafe { cpu::load_page_table_root(cpu::page_table_root()) };
    }
}

/// The kernel's own mappings.
pub fn kernel_space() -> &'static KernelSpace {
    static SPACE: Once<KernelSpace> = Once::new();
    SPACE.call_once(|| match KernelSpace::new(&memory::FRAMES, &Cpus, boot::root()) {
        Ok(space) => space,
        Err(_) => end::out_of_memory(format_args!("no frame left for the kernel's page tables")),
    })
}

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
        unsafe { (*(context.raw() as *const KernelContext)).bind(thread) };
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
        let scheduler = &crate::kernel::get().scheduler;
        crate::log!(Debug, "busy {} ns, {} switches", machine::now_ns().saturating_sub(scheduler.idle_ns(0)), scheduler.switches());
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
        crate::log::write(level, message);
    }
    fn log_absent_call(&self, number: u64) {
        crate::log::absent_call(number);
    }
}
