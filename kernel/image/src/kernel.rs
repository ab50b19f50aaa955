//! The running kernel: what the entry points need, and the last steps of the start, from files to the application's first thread.

use crate::application::{self, Application};
use crate::platform::PcPlatform;
#[cfg(any(feature = "net", feature = "unix"))]
use crate::sockets::Families;
use crate::system::Info;
use alloc::boxed::Box;
use alloc::sync::Arc;
use arch_x86_64::UserRegs;
use file::{AccessMode, OpenFlags};
use futex::FutexTable;
use machine::console::{Console, Stream};
use machine::pc::{self, KernelContext};
use machine::stdio::{End, Stdio};
use machine::{World, end, memory, step};
use pith_abi::cmdline::GuestConfig;
use pith_abi::exit;
use plat_pc::pvh::BootInfo;
use process::{Description, OnExec, Process, Services, Thread};
use sched::Scheduler;
use spin::Once;
use syscall::{Cx, Names, System};
use time::{Clock, TimerQueue};
use vfs::Vfs;

/// What traps and interrupts reach for.
pub struct Kernel {
    /// Runs the threads.
    pub scheduler: Arc<Scheduler>,
    /// What system calls share.
    pub system: System,
}

static KERNEL: Once<Kernel> = Once::new();

/// The kernel, once the first thread may run.
#[inline(always)]
pub fn get() -> &'static Kernel {
    match KERNEL.get() {
        Some(kernel) => kernel,
        None => panic!("an entry before the kernel was ready"),
    }
}

/// As [`get`], without looking.
///
/// # Safety
/// Only where an application's thread runs.
#[inline(always)]
pub unsafe fn get_running() -> &'static Kernel {
    // SAFETY: threads start after the kernel was made.
    unsafe { KERNEL.get_unchecked() }
}

impl Kernel {
    /// The local timer's interrupt.
    pub fn tick(&self) {
        self.scheduler.tick();
    }

    /// One system call: its result.
    #[inline(always)]
    pub fn system_call(&self, thread: &Arc<Thread>, regs: &mut UserRegs) -> u64 {
        let (number, args) = (regs.orig_rax, regs.syscall_args());
        let mut cx = Cx { thread, process: thread.process(), regs, system: &self.system };
        syscall::dispatch(&mut cx, number, &args)
    }
}

/// Starts the application and never comes back.
pub fn run(info: &BootInfo, config: GuestConfig, console: Arc<Console>) -> ! {
    let machine = pc::get();
    let timers = TimerQueue::new();
    let scheduler = Scheduler::new(machine.clone(), timers.clone());
    machine.refine_over_time(&timers);

    let clock = pc::clock();
    let vfs = surroundings(clock.clone());
    let application = Application::find(&config);
    step("files");
    let world = World::new(
        info,
        &config,
        &vfs,
        application.name(),
        &console,
        #[cfg(feature = "net")]
        &timers,
    );
    let context = world.files;
    let names = Arc::new(Names::new(world.hostname.as_bytes()));
    #[cfg(any(feature = "net", feature = "unix"))]
    let families = Families {
        #[cfg(feature = "unix")]
        unix: unix::Family::new(Arc::new(crate::sockets::Names)),
        #[cfg(feature = "net")]
        net: world.network.clone(),
    };
    KERNEL.call_once(|| {
        let system = System::new(Arc::new(Info), names.clone());
        #[cfg(any(feature = "net", feature = "unix"))]
        let system = system.with_sockets(Arc::new(families));
        #[cfg(feature = "memfd")]
        let system = system.with_memory_files(ramfs::Unnamed::new(&vfs));
        Kernel { scheduler: scheduler.clone(), system }
    });

    let services = Services::new(Arc::new(PcPlatform), scheduler.clone(), clock, FutexTable::new());
    step("services");
    let thread = application.start(&services, context.clone(), &config);
    step("loaded");
    #[cfg(feature = "devfs")]
    {
        let console = console.clone();
        #[cfg(feature = "procfs")]
        let services = services.clone();
        #[cfg(all(feature = "net", feature = "procfs"))]
        let stack = world.network.clone();
        let namespace = context.namespace.clone();
        namespace.defer(Box::new(move || {
            crate::standard::mount(
                &context,
                console,
                #[cfg(feature = "procfs")]
                Arc::new(crate::info::Proc {
                    services,
                    names,
                    boot_id: machine::random::bytes(),
                    #[cfg(feature = "net")]
                    stack,
                }),
            );
        }));
    }
    give_descriptors(&config, thread.process(), &console);
    application::reach(thread.process());
    #[cfg(feature = "agent")]
    console.set_stats(crate::stats::source(
        services.clone(),
        #[cfg(feature = "net")]
        world.network,
    ));
    console.say_ready();
    step("start");
    thread.start();
    drop(thread);
    drop(services);
    #[cfg(feature = "smp")]
    machine::cpus::start(|context| get().scheduler.run(Box::new(context)));
    scheduler.run(Box::new(KernelContext::boot(arch_x86_64::boot::boot_stack().1)))
}

/// Fills the application's first three descriptors: three pipes, or a terminal.
fn give_descriptors(config: &GuestConfig, process: &Process, console: &Arc<Console>) {
    let insert = |file, access| {
        if process.files().insert(Description::new(file, access, OpenFlags::empty()), OnExec::Keep, 0).is_err() {
            panic!("a new process has no room for its first descriptors");
        }
    };
    if let Some(size) = config.tty {
        #[cfg(feature = "devfs")]
        {
            console.set_window(size.rows, size.columns);
            match crate::standard::terminal(process) {
                Ok(terminal) => (0..3).for_each(|_| insert(terminal.clone(), AccessMode::ReadWrite)),
                Err(errno) => end::failed(exit::PITH_ERROR, format_args!("pith.tty: /dev/console: {errno}")),
            }
            return;
        }
        #[cfg(not(feature = "devfs"))]
        end::failed(exit::PITH_ERROR, format_args!("pith.tty={size}: this kernel has no terminals"));
    }
    let uid = process.credentials().uid.real;
    for end in [End::Input, End::Output(Stream::Output), End::Output(Stream::Error)] {
        insert(Stdio::new(console, end, uid), if end == End::Input { AccessMode::Read } else { AccessMode::Write });
    }
}

/// What all file systems share.
fn surroundings(clock: Arc<dyn Clock>) -> Arc<Vfs> {
    #[cfg(feature = "pipe")]
    let fifos: Option<Arc<dyn vfs::FifoFactory>> = Some(Arc::new(pipe::Fifos));
    #[cfg(not(feature = "pipe"))]
    let fifos = None;
    Vfs::new(clock, &memory::FRAMES, fifos)
}
