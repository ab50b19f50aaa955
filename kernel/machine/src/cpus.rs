//! Several CPUs: the lock on the kernel, what each CPU is doing, messages between them, and how the others come up.
//!
//! **The kernel lock.** One CPU at a time executes the kernel; applications run on all of them at once. A CPU takes the lock when it comes from the application or
//! out of its idle wait ([`enter`]) and lets go of it on its way back ([`leave`], [`idle`]); over a switch of threads the CPU keeps it. It is the outermost lock, and what
//! was written for one CPU with interrupts off holds behind it. Taken by exchange rather than in turns: a virtual CPU whose turn it is may not be running.
//!
//! **Cached translations.** All CPUs run in one address space, that of the one process. Who changed its tables asks the others to forget ([`flush_page`] and its
//! relatives), holding the lock. Those in the application are interrupted and waited for. Those that are idle or wait for the lock forget before they do anything else in
//! the kernel, so they are not waited for unless tables themselves are to be freed. While it waits for the lock a CPU looks for such requests, since it can take no
//! interrupt then: so the one who asks never waits for one that waits for it.

use crate::pc::{self, KernelContext};
use crate::space::{self, STACK_BYTES};
use crate::{end, interrupts};
use alloc::vec::Vec;
use arch_x86_64::percpu::{AppRing, PerCpu, cpu_id};
use arch_x86_64::{DIRECT_MAP, boot, cpu, entry, fpu, smp};
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use pith_abi::exit;
use plat_pc::apic::LocalApic;
use plat_pc::fwcfg;
use spin::Once;

/// The most CPUs that take part: what the scheduler knows.
const CPUS_MAX: usize = 64;
/// How long the other CPUs may take to arrive, in nanoseconds: on a busy host each must first be given a processor there.
const ARRIVAL_NS: u64 = 30_000_000_000;
/// After how long the start-up message is repeated.
const REPEAT_NS: u64 = 20_000_000;

/// What a CPU is doing, as far as the others must know.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Place {
    /// Not there yet.
    Absent = 0,
    /// In the kernel, or waiting to be let in.
    Kernel = 1,
    /// In the application.
    Application = 2,
    /// Waiting for an interrupt.
    Idle = 3,
}

#[repr(align(64))]
struct Cpu {
    /// Its interrupt controller's id.
    controller: AtomicU32,
    place: AtomicU8,
    /// How often it has been asked to forget translations, and which of these requests it has followed.
    asked: AtomicU64,
    followed: AtomicU64,
    /// It is to forget the kernel's own translations too.
    kernel_too: AtomicBool,
}

impl Cpu {
    const fn new() -> Self {
        Cpu {
            controller: AtomicU32::new(0),
            place: AtomicU8::new(Place::Absent as u8),
            asked: AtomicU64::new(0),
            followed: AtomicU64::new(0),
            kernel_too: AtomicBool::new(false),
        }
    }

    fn is_in(&self, place: Place) -> bool {
        self.place.load(Ordering::SeqCst) == place as u8
    }

    fn set_place(&self, place: Place) {
        self.place.store(place as u8, Ordering::SeqCst);
    }

    /// Follows what this CPU (no other may call it) has been asked.
    fn follow(&self) {
        let asked = self.asked.load(Ordering::SeqCst);
        if asked == self.followed.load(Ordering::Relaxed) {
            return;
        }
        // SAFETY: every address space shares the kernel's upper half.
        unsafe { cpu::load_page_table_root(ROOT.load(Ordering::SeqCst)) };
        if self.kernel_too.swap(false, Ordering::SeqCst) {
            cpu::flush_global();
        }
        self.followed.store(asked, Ordering::SeqCst);
    }
}

static CPUS: [Cpu; CPUS_MAX] = [const { Cpu::new() }; CPUS_MAX];
static COUNT: AtomicUsize = AtomicUsize::new(1);
/// Whose the kernel lock is: a CPU's number plus one; 0 when it is free. The first CPU starts with it.
static OWNER: AtomicUsize = AtomicUsize::new(1);
/// The top-level table of the address space that all run in.
static ROOT: AtomicU64 = AtomicU64::new(0);

/// CPUs of this machine that take part.
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Finds out how many CPUs there are.
pub fn init(apic: &LocalApic) {
    let there = fwcfg::cpu_count();
    if there > CPUS_MAX {
        crate::log!(Warn, "the machine has {there} CPUs, of which {CPUS_MAX} are used");
    }
    COUNT.store(there.min(CPUS_MAX), Ordering::Relaxed);
    CPUS[0].controller.store(apic.id(), Ordering::Relaxed);
    CPUS[0].set_place(Place::Kernel);
    ROOT.store(boot::root(), Ordering::Relaxed);
}

/// Whether the running CPU has the kernel lock.
pub fn is_inside() -> bool {
    OWNER.load(Ordering::Relaxed) == cpu_id() + 1
}

/// Takes the kernel lock: on the way in from the application, from the idle wait, or for the first time.
pub fn enter() {
    let number = cpu_id();
    let this = &CPUS[number];
    this.set_place(Place::Kernel);
    while OWNER.compare_exchange_weak(0, number + 1, Ordering::SeqCst, Ordering::Relaxed).is_err() {
        while OWNER.load(Ordering::Relaxed) != 0 {
            this.follow();
            spin_loop();
        }
    }
    this.follow();
}

/// Lets go of the kernel lock on the way to `place`. Interrupts stay off until the CPU is there.
pub fn leave(place: Place) {
    CPUS[cpu_id()].set_place(place);
    OWNER.store(0, Ordering::Release);
}

/// Waits for an interrupt, without the kernel lock.
pub fn idle() {
    leave(Place::Idle);
    cpu::wait_for_interrupt();
    enter();
}

/// The interrupt by which another CPU asks for forgotten translations: needs no lock.
pub fn flush_interrupt() {
    CPUS[cpu_id()].follow();
    pc::get().apic.end_of_interrupt();
}

/// Interrupts another CPU so that it looks at its run queue.
pub fn kick(number: usize) {
    send(number, interrupts::KICK);
}

fn send(number: usize, vector: u8) {
    pc::get().apic.send(CPUS[number].controller.load(Ordering::Relaxed), vector);
}

/// Whom a request to forget is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Nobody: it is about the kernel's half, which nobody uses before he has the lock.
    Nobody,
    /// Those in the application.
    Applications,
    /// All: even what a CPU does ahead of time must not find tables that are gone.
    All,
}

/// Asks the other CPUs to forget translations.
fn ask_others(wait: Wait) {
    if count() == 1 {
        return;
    }
    let here = cpu_id();
    let others = || CPUS[..count()].iter().enumerate().filter(move |(number, cpu)| *number != here && !cpu.is_in(Place::Absent));
    for (number, other) in others() {
        // Only who has the kernel lock asks.
        other.kernel_too.fetch_or(wait == Wait::Nobody, Ordering::SeqCst);
        other.asked.fetch_add(1, Ordering::SeqCst);
        let interrupted = match wait {
            Wait::Nobody => false,
            Wait::Applications => other.is_in(Place::Application),
            Wait::All => !other.is_in(Place::Kernel),
        };
        if interrupted {
            send(number, interrupts::FLUSH);
        }
    }
    for (_, other) in others() {
        let pending = || other.followed.load(Ordering::SeqCst) != other.asked.load(Ordering::SeqCst);
        while wait != Wait::Nobody && pending() && (wait == Wait::All || other.is_in(Place::Application)) {
            spin_loop();
        }
    }
}

/// Makes every CPU run in the tables at `root`.
pub fn load_root(root: u64) {
    if ROOT.swap(root, Ordering::SeqCst) != root {
        // SAFETY: every address space shares the kernel's upper half.
        unsafe { cpu::load_page_table_root(root) };
        ask_others(Wait::All);
    }
}

/// Every CPU forgets the translations of these pages: all of the application's, or all of the kernel's.
pub fn flush_pages(pages: &[u64]) {
    pages.iter().for_each(|page| cpu::flush_page(*page));
    let is_kernels = pages.first().is_some_and(|page| *page >= DIRECT_MAP);
    ask_others(if is_kernels { Wait::Nobody } else { Wait::Applications });
}

/// Every CPU forgets all translations of the application's half.
pub fn flush_all() {
    // SAFETY: the same tables again.
    unsafe { cpu::load_page_table_root(cpu::page_table_root()) };
    ask_others(Wait::All);
}

/// Returns when every CPU has passed a full memory barrier: whoever forgets translations does, and whoever takes the kernel lock.
pub fn barrier() {
    ask_others(Wait::Applications);
}

/// What a CPU does from then on, given what runs on it now: the scheduler's loop.
pub type Run = fn(KernelContext) -> !;

/// What another CPU needs before it can ask for anything.
struct Part {
    stack_top: u64,
    block: AtomicPtr<PerCpu>,
    run: Run,
}

static PARTS: Once<Vec<Part>> = Once::new();

/// Starts the other CPUs, to do what `run` says. They come in when this one lets go of the kernel lock.
pub fn start(run: Run) {
    let others = count() - 1;
    if others == 0 {
        return;
    }
    let stacks: Vec<u64> = (0..others)
        .map(|_| match space::kernel_space().alloc_stack(STACK_BYTES) {
            // For ever.
            Ok(stack) => core::mem::ManuallyDrop::new(stack).top(),
            Err(_) => end::out_of_memory(format_args!("no memory for the stacks of {others} more CPUs")),
        })
        .collect();
    let stacks: &'static [u64] = stacks.leak();
    let part = |top: &u64| Part { stack_top: *top, block: AtomicPtr::new(PerCpu::leaked()), run };
    PARTS.call_once(|| stacks.iter().map(part).collect());
    let apic = &pc::get().apic;
    // SAFETY: `memory` leaves the page out; the address space is the application's.
    unsafe { smp::prepare() };
    apic.reset_others();
    let begun = pc::now_ns();
    let mut repeat_at = begun;
    while smp::arrived() < others {
        let now = pc::now_ns();
        if now >= repeat_at {
            // Who has been started already takes no notice.
            apic.start_others(smp::TRAMPOLINE_PAGE);
            repeat_at = now + REPEAT_NS;
        }
        if now - begun > ARRIVAL_NS {
            let there = smp::arrived() + 1;
            end::failed(exit::PITH_ERROR, format_args!("of {} CPUs {there} started within {} s", count(), ARRIVAL_NS / 1_000_000_000));
        }
        spin_loop();
    }
    BROUGHT_UP.store(cpu::rdtsc(), Ordering::SeqCst);
    // SAFETY: one stack for each, just made.
    unsafe { smp::finish(stacks) };
    crate::log!(Debug, "{} CPUs after {} us", count(), (pc::now_ns() - begun) / 1000);
}

/// The time-stamp counter of the first CPU when the others had arrived.
static BROUGHT_UP: AtomicU64 = AtomicU64::new(0);

/// Where another CPU goes on, on its own stack, in the boot tables.
#[unsafe(no_mangle)]
extern "C" fn pith_cpu_start(index: u64) -> ! {
    let ticks = cpu::rdtsc();
    let number = index as usize + 1;
    let Some(part) = PARTS.get().and_then(|parts| parts.get(index as usize)) else { cpu::halt_forever() };
    // SAFETY: once on this CPU, with interrupts off, on the stack that belongs to it; the block is used by it alone. The identity map is gone from the tables.
    let apic = unsafe {
        cpu::load_page_table_root(boot::root());
        (*part.block.load(Ordering::Acquire)).install(number, part.stack_top, AppRing::Kernel);
        entry::install();
        fpu::enable();
        LocalApic::enable(interrupts::SPURIOUS)
    };
    apic.setup_timer(interrupts::TIMER);
    CPUS[number].controller.store(apic.id(), Ordering::Relaxed);
    enter();
    // SAFETY: every address space shares the kernel's upper half.
    unsafe { cpu::load_page_table_root(ROOT.load(Ordering::SeqCst)) };
    let behind = BROUGHT_UP.load(Ordering::SeqCst).saturating_sub(ticks);
    if behind > 0 {
        crate::log!(Warn, "the time-stamp counter of CPU {number} is {behind} ticks behind the first one's: clocks may step back");
    }
    (part.run)(KernelContext::boot(part.stack_top))
}
