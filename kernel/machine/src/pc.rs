//! The CPU side of scheduling and time: what `sched` asks of the machine, over `arch` and `plat`.

use crate::interrupts;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use arch_x86_64::context::Context;
#[cfg(feature = "vdso")]
use arch_x86_64::vdso;
use arch_x86_64::{UserRegs, context, cpu, percpu};
use core::sync::atomic::{AtomicPtr, Ordering};
use mm::KernelStack;
use plat_pc::apic::{LocalApic, TimerMode};
use plat_pc::clock::{self, Refiner};
use spin::Once;
use spinlock::Mutex;
use time::{Clock, Counter, Rate, Timer, TimerQueue};

static MACHINE: Once<Arc<PcMachine>> = Once::new();

/// The machine, after [`init`].
pub fn get() -> &'static Arc<PcMachine> {
    match MACHINE.get() {
        Some(machine) => machine,
        None => panic!("the machine is asked for before it is there"),
    }
}

/// Monotonic nanoseconds, 0 before there is a clock.
pub fn now_ns() -> u64 {
    MACHINE.get().map_or(0, |m| m.clock.monotonic_ns())
}

/// CPUs that take part in scheduling.
pub fn cpu_count() -> usize {
    #[cfg(feature = "smp")]
    return crate::cpus::count();
    #[cfg(not(feature = "smp"))]
    1
}

/// The time-stamp counter.
pub struct Tsc;

impl Counter for Tsc {
    #[inline]
    fn ticks(&self) -> u64 {
        cpu::rdtsc()
    }
}

/// The clock that runs by it.
pub type Timekeeper = time::Timekeeper<Tsc>;

/// CPU, timer and clock of a PC.
pub struct PcMachine {
    /// The interrupt controller of the running CPU.
    pub apic: LocalApic,
    /// The machine's clocks.
    pub clock: &'static Timekeeper,
    mode: TimerMode,
    apic_rate: Rate,
    refiner: Option<Refiner>,
}

/// Finds controller and clock. Interrupts can be routed from here on.
pub fn init() -> &'static Arc<PcMachine> {
    let apic = LocalApic::enable(interrupts::SPURIOUS);
    let started = cpu::rdtsc();
    let found = clock::find(&apic);
    crate::log!(Debug, "clock: {} MHz by {}", found.rate.hz() / 1_000_000, found.source);
    let mode = apic.setup_timer(interrupts::TIMER);
    let keeper = Timekeeper::new(Tsc, started, 0, found.rate, found.realtime_ns);
    let clock: &'static Timekeeper = Box::leak(Box::new(keeper));
    MACHINE.call_once(|| Arc::new(PcMachine { apic, clock, mode, apic_rate: found.apic_rate, refiner: found.refiner }))
}

impl sched::Machine for PcMachine {
    fn now_ns(&self) -> u64 {
        self.clock.monotonic_ns()
    }

    fn cpu_id(&self) -> usize {
        percpu::cpu_id()
    }

    fn cpu_count(&self) -> usize {
        cpu_count()
    }

    fn switch(&self, prev: usize, next: usize) {
        // SAFETY: both numbers come from `KernelContext::raw`; the scheduler keeps the tasks that own them alive over the switch, runs a
        // context on one CPU at a time, and interrupts are off in the kernel.
        unsafe { context::switch(&*(prev as *const Context), &*(next as *const Context)) };
    }

    fn idle(&self) {
        #[cfg(feature = "smp")]
        crate::cpus::idle();
        #[cfg(not(feature = "smp"))]
        cpu::wait_for_interrupt();
    }

    fn set_deadline(&self, deadline: Option<u64>) {
        match (self.mode, deadline) {
            (TimerMode::OneShot, None) => self.apic.arm_ticks(0),
            (TimerMode::OneShot, Some(at)) => {
                let ticks = self.apic_rate.ns_to_ticks(at.saturating_sub(self.clock.monotonic_ns()));
                self.apic.arm_ticks(u32::try_from(ticks).unwrap_or(u32::MAX).max(1));
            }
            (TimerMode::TscDeadline, None) => self.apic.arm_deadline(0),
            (TimerMode::TscDeadline, Some(at)) => {
                let now = self.parameters_ticks(at);
                self.apic.arm_deadline(now.max(1));
            }
        }
    }

    fn kick(&self, cpu: usize) {
        // Without the feature one CPU takes part in scheduling (`cpu_count`), and it never kicks itself.
        let _ = cpu;
        #[cfg(feature = "smp")]
        crate::cpus::kick(cpu);
    }
}

impl PcMachine {
    /// The time-stamp count at monotonic time `at_ns`.
    fn parameters_ticks(&self, at_ns: u64) -> u64 {
        let p = self.clock.parameters();
        p.base_ticks.saturating_add(p.rate.ns_to_ticks(at_ns.saturating_sub(p.base_ns)))
    }

    /// Publishes the clock to the vDSO's data page from here on.
    #[cfg(feature = "vdso")]
    pub fn feed_vdso(&self, data: &'static vdso::Data) {
        self.clock.set_on_change(Box::new(|p| {
            data.publish(p.base_ticks, p.base_ns, p.rate.mult, p.rate.shift, p.realtime_offset_ns);
        }));
    }

    /// Lets the clock's rate get better while the machine runs: after 50 ms (by then most machines run their application), then after five times as
    /// long each time, up to 7 s.
    pub fn refine_over_time(self: &Arc<Self>, timers: &TimerQueue) {
        if self.refiner.is_some() {
            let step = Arc::new(RefineStep { machine: self.clone(), timers: timers.clone(), next_ns: Mutex::new((50_000_000, None)) });
            step.arm();
        }
    }
}

struct RefineStep {
    machine: Arc<PcMachine>,
    timers: TimerQueue,
    /// When the next step is due, and its timer.
    next_ns: Mutex<(u64, Option<Timer>)>,
}

impl RefineStep {
    fn arm(self: &Arc<Self>) {
        let mut next = self.next_ns.lock();
        next.1 = Some(self.timers.arm(next.0, self.clone().into()));
    }
}

impl Wake for RefineStep {
    fn wake(self: Arc<Self>) {
        if let Some(rate) = self.machine.refiner.as_ref().and_then(Refiner::refine) {
            self.machine.clock.refine(rate);
        }
        let due = {
            let mut next = self.next_ns.lock();
            next.0 = next.0.saturating_mul(5);
            next.0
        };
        if due <= 12_500_000_000 {
            self.arm();
        }
    }
}

/// A thread's kernel side: arch's context with the stack it runs on and what it belongs to. The context comes first, so that its address is
/// also this structure's.
#[repr(C)]
pub struct KernelContext {
    context: Context,
    /// What the layer above keeps for whoever runs on it; null until bound.
    owner: AtomicPtr<()>,
    /// Kept as long as the context; `None` for the boot stack.
    _stack: Option<KernelStack>,
}

/// What the running context belongs to, as [`KernelContext::bind`] was told; null when it was told nothing, and before the first switch.
#[inline(always)]
pub fn current_owner() -> *const () {
    let context = context::current() as *const KernelContext;
    if context.is_null() {
        return core::ptr::null();
    }
    // SAFETY: every context that is switched to is the first field of a live `KernelContext`.
    unsafe { (*context).owner.load(Ordering::Relaxed).cast_const() }
}

/// As [`current_owner`], without looking.
///
/// # Safety
/// Only once a context was switched to.
#[inline(always)]
pub unsafe fn running_owner() -> *const () {
    // SAFETY: as in `current_owner`; the caller says that there is a context.
    unsafe { (*(context::current() as *const KernelContext)).owner.load(Ordering::Relaxed).cast_const() }
}

impl KernelContext {
    /// What runs now, on the stack that ends at `stack_top`, which is no thread's.
    pub fn boot(stack_top: u64) -> Self {
        Self { context: Context::current(stack_top), owner: AtomicPtr::default(), _stack: None }
    }

    /// A new application thread that starts with `regs`.
    pub fn user(stack: KernelStack, regs: &UserRegs, fs_base: u64, gs_base: u64) -> Self {
        // SAFETY: the stack is whole, writable, page-aligned, and owned by the very value that owns the context.
        let context = unsafe { Context::new_user(stack.top(), regs, fs_base, gs_base) };
        Self { context, owner: AtomicPtr::default(), _stack: Some(stack) }
    }

    /// A new context that begins by calling `entry` with `argument`.
    #[cfg(feature = "application")]
    pub fn call(stack: KernelStack, entry: extern "C" fn(usize) -> !, argument: usize) -> Self {
        // SAFETY: as above.
        let context = unsafe { Context::new_kernel(stack.top(), entry, argument) };
        Self { context, owner: AtomicPtr::default(), _stack: Some(stack) }
    }

    /// Says what this context belongs to: what `owner` points at must live as long as the context.
    pub fn bind(&self, owner: *const ()) {
        self.owner.store(owner.cast_mut(), Ordering::Relaxed);
    }
}

impl sched::Context for KernelContext {
    fn raw(&self) -> usize {
        &raw const self.context as usize
    }
}

/// The machine's clock behind an `Arc`, for those who share it.
pub struct SharedClock(pub &'static Timekeeper);

impl Clock for SharedClock {
    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
    fn realtime_ns(&self) -> u64 {
        self.0.realtime_ns()
    }
    fn set_realtime_ns(&self, ns: u64) {
        // No other call sets it.
        #[cfg(feature = "admin")]
        self.0.set_realtime_ns(ns);
        #[cfg(not(feature = "admin"))]
        let _ = ns;
    }
    #[cfg(feature = "admin")]
    fn realtime_changes(&self) -> u64 {
        self.0.realtime_changes()
    }
    #[cfg(feature = "admin")]
    fn realtime_set(&self) -> Option<&wait::WaitQueue> {
        self.0.realtime_set()
    }
}

/// What everything above the CPU needs of the clock.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SharedClock(get().clock))
}
