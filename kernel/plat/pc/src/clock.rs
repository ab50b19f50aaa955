//! Which counter is time, how fast it runs, and what the date is.
//!
//! Time is the CPU's time-stamp counter. Its rate comes, best first, from KVM's clock page, from CPUID leaf 0x15, or from the interval timer
//! (8254, 1,193,182 Hz): a window of 200 us gives it to half a percent without a wait that anyone notices, and [`Refiner`] makes it exact
//! while the machine runs.

use arch_x86_64::cpu::{self, msr};
use spinlock::Mutex;
use time::{NS_PER_SEC, Rate, calibrate, pvclock};

/// Input frequency of the 8254 in hertz (1.193182 MHz).
const PIT_HZ: u64 = 1_193_182;
const PIT_COUNTER0: u16 = 0x40;
const PIT_COMMAND: u16 = 0x43;
const WINDOW_NS: u64 = 200_000;

/// What was found out about time at boot.
pub struct Found {
    /// Where the rate comes from.
    pub source: &'static str,
    /// Rate of the time-stamp counter.
    pub rate: Rate,
    /// Real time at this moment, in nanoseconds since 1970.
    pub realtime_ns: u64,
    /// Rate of the local APIC's timer, for one-shot mode.
    pub apic_rate: Rate,
    /// How the rate gets better; `None` when it is exact already.
    pub refiner: Option<Refiner>,
}

#[repr(C, align(4096))]
struct KvmPage(core::cell::UnsafeCell<[u32; 16]>);
// SAFETY: written by the hypervisor only, read with volatile reads.
unsafe impl Sync for KvmPage {}
static KVM_PAGE: KvmPage = KvmPage(core::cell::UnsafeCell::new([0; 16]));

fn words(offset: usize) -> [u32; 8] {
    let base = KVM_PAGE.0.get().cast::<u32>();
    // SAFETY: in bounds; volatile because the hypervisor writes it.
    core::array::from_fn(|i| unsafe { base.add(offset + i).read_volatile() })
}

/// What KVM calls itself.
const KVM: &[u8; 12] = b"KVMKVMKVM\0\0\0";

/// KVM's clock: the counter's rate and the date.
fn kvm_clock(hypervisor: &[u8; 12]) -> Option<(Rate, u64)> {
    if hypervisor != KVM || cpu::cpuid(0x4000_0001, 0).eax & (1 << 3) == 0 {
        return None;
    }
    let phys = KVM_PAGE.0.get() as u64 - arch_x86_64::KERNEL_BASE;
    // SAFETY: CPUID offers the registers; the page is ours and stays. The second half of it takes the wall clock.
    unsafe {
        cpu::wrmsr(msr::KVM_WALL_CLOCK, phys + 32);
        cpu::wrmsr(msr::KVM_SYSTEM_TIME, phys | 1);
    }
    let wall = words(8);
    let system = words(0);
    let info = pvclock::Info {
        version: system[0],
        tsc_timestamp: u64::from(system[3]) << 32 | u64::from(system[2]),
        system_time: u64::from(system[5]) << 32 | u64::from(system[4]),
        tsc_to_system_mul: system[6],
        tsc_shift: system[7].to_le_bytes()[0] as i8,
        flags: system[7].to_le_bytes()[1],
    };
    let rate = info.rate()?;
    let since = rate.ticks_to_ns(cpu::rdtsc().saturating_sub(info.tsc_timestamp));
    let boot_ns = u64::from(wall[1]) * NS_PER_SEC + u64::from(wall[2]);
    // SAFETY: writing 0 turns the clock page off again: only its rate was wanted, and the page may be used for something else.
    unsafe { cpu::wrmsr(msr::KVM_SYSTEM_TIME, 0) };
    Some((rate, boot_ns + info.system_time + since))
}

/// CPUID's crystal ratio (SDM volume 2, leaf 0x15), where the crystal's frequency is given.
fn cpuid_rate() -> Option<Rate> {
    if cpu::cpuid_max() < 0x15 {
        return None;
    }
    let leaf = cpu::cpuid(0x15, 0);
    if leaf.eax == 0 || leaf.ebx == 0 || leaf.ecx == 0 {
        return None;
    }
    Rate::from_hz(u64::from(leaf.ecx) * u64::from(leaf.ebx) / u64::from(leaf.eax))
}

/// The interval timer's counter 0, counting down modulo 65536 for ever.
struct IntervalTimer;

impl IntervalTimer {
    fn start() -> Self {
        // SAFETY: nobody else drives the timer; its interrupt line is masked.
        unsafe {
            cpu::outb(PIT_COMMAND, 0x34);
            cpu::outb(PIT_COUNTER0, 0);
            cpu::outb(PIT_COUNTER0, 0);
        }
        Self
    }

    /// Ticks since the start modulo 65536, with the time-stamp counter before and after the instant it was latched.
    fn read(&self) -> (u64, u16, u64) {
        // SAFETY: latching and reading counter 0.
        unsafe {
            let before = cpu::rdtsc();
            cpu::outb(PIT_COMMAND, 0);
            let after = cpu::rdtsc();
            let low = cpu::inb(PIT_COUNTER0);
            let high = cpu::inb(PIT_COUNTER0);
            (before, 0u16.wrapping_sub(u16::from_le_bytes([low, high])), after)
        }
    }

    fn sample(&self, pit_ticks: u64, reading: (u64, u16, u64)) -> calibrate::Sample {
        calibrate::Sample { ticks_before: reading.0, reference_ns: pit_ticks * NS_PER_SEC / PIT_HZ, ticks_after: reading.2 }
    }
}

/// Makes the rate exact: compares the counter with the interval timer over longer and longer spans.
pub struct Refiner {
    timer: IntervalTimer,
    start: (u64, u16, u64),
    state: Mutex<Rate>,
}

impl Refiner {
    /// A better rate, from boot until now. The present rate must be good enough to tell how often the timer has wrapped (55 ms).
    pub fn refine(&self) -> Option<Rate> {
        let now = self.timer.read();
        let mut rate = self.state.lock();
        let elapsed_ns = rate.ticks_to_ns(now.0.saturating_sub(self.start.0));
        let about = (u128::from(elapsed_ns) * u128::from(PIT_HZ) / u128::from(NS_PER_SEC)) as u64;
        let remainder = u64::from(now.1.wrapping_sub(self.start.1));
        // The multiple of 65536 that brings the remainder nearest to the estimate.
        let wraps = (about + 0x8000).saturating_sub(remainder) >> 16;
        let pit_ticks = (wraps << 16) + remainder;
        let estimate = calibrate::estimate(self.timer.sample(0, self.start), self.timer.sample(pit_ticks, now))?;
        *rate = estimate.rate;
        Some(estimate.rate)
    }
}

/// Finds the clock. `apic` is used to learn its timer's rate where no specification gives it.
pub fn find(apic: &crate::apic::LocalApic) -> Found {
    // Both QEMU's and KVM's local timers count nanoseconds.
    let hypervisor = &cpu::hypervisor_signature();
    let under_known = hypervisor == b"TCGTCGTCGTCG" || hypervisor == KVM;
    let nanosecond = Rate { mult: 1, shift: 0 };
    if let Some((rate, realtime_ns)) = kvm_clock(hypervisor) {
        return Found { source: "KVM", rate, realtime_ns, apic_rate: nanosecond, refiner: None };
    }
    let realtime_ns = rtc_cmos::read(&mut RtcPorts).map_or(0, |seconds| seconds * NS_PER_SEC);
    if let (Some(rate), true) = (cpuid_rate(), under_known) {
        return Found { source: "CPUID", rate, realtime_ns, apic_rate: nanosecond, refiner: None };
    }
    let timer = IntervalTimer::start();
    apic.count_from(u32::MAX);
    let start = timer.read();
    let window_ticks = (WINDOW_NS * PIT_HZ / NS_PER_SEC) as u16;
    let mut spins = 0u32;
    let (end, apic_left) = loop {
        let reading = timer.read();
        let left = apic.current_count();
        spins += 1;
        // A machine without the timer (it reads as all ones, never moving) must not hang here.
        if reading.1.wrapping_sub(start.1) >= window_ticks || spins > 100_000 {
            break (reading, left);
        }
    };
    apic.arm_ticks(0);
    let pit_ticks = u64::from(end.1.wrapping_sub(start.1));
    let estimate = calibrate::estimate(timer.sample(0, start), timer.sample(pit_ticks, end));
    let Some(estimate) = estimate else {
        return Found { source: "a guess", rate: Rate { mult: 1, shift: 1 }, realtime_ns, apic_rate: nanosecond, refiner: None };
    };
    let apic_rate = if under_known {
        nanosecond
    } else {
        Rate::from_ratio(pit_ticks * NS_PER_SEC / PIT_HZ, u64::from(u32::MAX - apic_left)).unwrap_or(nanosecond)
    };
    let refiner = Refiner { timer, start, state: Mutex::new(estimate.rate) };
    Found { source: "the interval timer", rate: estimate.rate, realtime_ns, apic_rate, refiner: Some(refiner) }
}

struct RtcPorts;

impl rtc_cmos::Registers for RtcPorts {
    fn read(&mut self, register: u8) -> u8 {
        // SAFETY: index and data port of the clock, used here only. Bit 7 keeps non-maskable interrupts as they are: off.
        unsafe {
            cpu::outb(0x70, register | 0x80);
            cpu::inb(0x71)
        }
    }
}
