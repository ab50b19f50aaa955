//! Local and I/O interrupt controllers (Intel SDM volume 3, chapter 11; 82093AA data sheet).

use crate::mmio::Window;
use arch_x86_64::cpu::{self, msr};

const ID: u32 = 0x20;
const EOI: u32 = 0xb0;
const SPURIOUS: u32 = 0xf0;
#[cfg(feature = "smp")]
const COMMAND: u32 = 0x300;
#[cfg(feature = "smp")]
const COMMAND_HIGH: u32 = 0x310;
const LVT_TIMER: u32 = 0x320;
const TIMER_INITIAL: u32 = 0x380;
const TIMER_CURRENT: u32 = 0x390;
const TIMER_DIVIDE: u32 = 0x3e0;
const MASKED: u32 = 1 << 16;
const TSC_DEADLINE_MODE: u32 = 2 << 17;

/// The running CPU's local controller, by memory or by registers (x2APIC).
#[derive(Clone, Copy, Debug)]
pub enum LocalApic {
    /// Memory-mapped page.
    Mapped(Window),
    /// Model-specific registers: no exit to a hypervisor's device model.
    X2,
}

impl LocalApic {
    /// Turns the controller on and masks the old PICs. Interrupts are delivered from here on.
    pub fn enable(spurious_vector: u8) -> Self {
        // SAFETY: the PICs are masked (all lines off); APIC_BASE exists on every 64-bit CPU.
        let apic = unsafe {
            cpu::outb(0x21, 0xff);
            cpu::outb(0xa1, 0xff);
            let base = cpu::rdmsr(msr::APIC_BASE);
            if cpu::has(cpu::feature::X2APIC) {
                cpu::wrmsr(msr::APIC_BASE, base | 0xc00);
                LocalApic::X2
            } else {
                cpu::wrmsr(msr::APIC_BASE, base | 0x800);
                LocalApic::Mapped(Window::new(base & 0xf_ffff_f000, 4096))
            }
        };
        apic.write(SPURIOUS, 0x100 | u32::from(spurious_vector));
        apic
    }

    fn read(&self, register: u32) -> u32 {
        match self {
            LocalApic::Mapped(window) => window.read32(register.into()),
            // SAFETY: x2APIC mode is on, so the register exists.
            LocalApic::X2 => unsafe { cpu::rdmsr(msr::X2APIC + register / 16) as u32 },
        }
    }

    fn write(&self, register: u32, value: u32) {
        match self {
            LocalApic::Mapped(window) => window.write32(register.into(), value),
            // SAFETY: as above; values are ours.
            LocalApic::X2 => unsafe { cpu::wrmsr(msr::X2APIC + register / 16, value.into()) },
        }
    }

    /// This controller's id: the destination of interrupt messages.
    pub fn id(&self) -> u32 {
        match self {
            LocalApic::Mapped(_) => self.read(ID) >> 24,
            LocalApic::X2 => self.read(ID),
        }
    }

    /// Says that the interrupt has been taken.
    #[inline]
    pub fn end_of_interrupt(&self) {
        self.write(EOI, 0);
    }

    /// Sends a message to the controller `destination` (Intel SDM volume 3, 11.6.1).
    #[cfg(feature = "smp")]
    fn command(&self, destination: u32, low: u32) {
        match self {
            LocalApic::Mapped(_) => {
                self.write(COMMAND_HIGH, destination << 24);
                self.write(COMMAND, low);
                // Bit 12: on its way.
                while self.read(COMMAND) & (1 << 12) != 0 {
                    core::hint::spin_loop();
                }
            }
            LocalApic::X2 => {
                // This write does not wait for those to memory that came before.
                core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
                // SAFETY: x2APIC mode is on, so the register exists; messages are ours.
                unsafe { cpu::wrmsr(msr::X2APIC + COMMAND / 16, u64::from(destination) << 32 | u64::from(low)) }
            }
        }
    }

    /// Interrupts the CPU with controller id `destination`.
    #[cfg(feature = "smp")]
    pub fn send(&self, destination: u32, vector: u8) {
        self.command(destination, 1 << 14 | u32::from(vector));
    }

    /// Resets all CPUs but this one (INIT).
    #[cfg(feature = "smp")]
    pub fn reset_others(&self) {
        self.command(0, 3 << 18 | 1 << 14 | 5 << 8);
    }

    /// Starts all CPUs but this one, in real mode at the beginning of page `page`, if they wait for that (start-up message).
    #[cfg(feature = "smp")]
    pub fn start_others(&self, page: u8) {
        self.command(0, 3 << 18 | 1 << 14 | 6 << 8 | u32::from(page));
    }

    /// Prepares the timer: TSC-deadline mode where the CPU has it, else one-shot counting at full speed.
    pub fn setup_timer(&self, vector: u8) -> TimerMode {
        if cpu::has(cpu::feature::TSC_DEADLINE) {
            self.write(LVT_TIMER, TSC_DEADLINE_MODE | u32::from(vector));
            TimerMode::TscDeadline
        } else {
            self.write(TIMER_DIVIDE, 0xb);
            self.write(LVT_TIMER, vector.into());
            TimerMode::OneShot
        }
    }

    /// Starts counting down from `ticks` without an interrupt, for calibration.
    pub fn count_from(&self, ticks: u32) {
        self.write(LVT_TIMER, MASKED);
        self.write(TIMER_DIVIDE, 0xb);
        self.write(TIMER_INITIAL, ticks);
    }

    /// Ticks left.
    pub fn current_count(&self) -> u32 {
        self.read(TIMER_CURRENT)
    }

    /// One-shot mode: an interrupt after `ticks`; 0 stops the timer.
    #[inline]
    pub fn arm_ticks(&self, ticks: u32) {
        self.write(TIMER_INITIAL, ticks);
    }

    /// TSC-deadline mode: an interrupt when the counter reaches `tsc`; 0 stops the timer.
    #[inline]
    pub fn arm_deadline(&self, tsc: u64) {
        // SAFETY: CPUID offered the mode, see `setup_timer`.
        unsafe { cpu::wrmsr(msr::TSC_DEADLINE, tsc) };
    }
}

/// How the local timer is programmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerMode {
    /// By an absolute time-stamp count.
    TscDeadline,
    /// By a count of bus ticks.
    OneShot,
}

/// How a line signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// ISA devices: rising edge.
    Edge,
    /// virtio-mmio: high level until acknowledged.
    Level,
}

/// The I/O controller(s) of a PC: one at 0xfec0_0000, microvm's second at 0xfec1_0000.
#[derive(Clone, Copy, Debug)]
pub struct IoApic {
    window: Window,
    first_line: u32,
}

impl IoApic {
    /// The controller that serves global line `line`.
    pub fn for_line(line: u32) -> Self {
        let (base, first_line) = if line < 24 { (0xfec0_0000, 0) } else { (0xfec1_0000, 24) };
        // SAFETY: architectural addresses of the controllers.
        Self { window: unsafe { Window::new(base, 32) }, first_line }
    }

    fn write(&self, register: u32, value: u32) {
        self.window.write32(0, register);
        self.window.write32(16, value);
    }

    /// Sends global line `line` as `vector` to the CPU with controller id `destination`.
    pub fn route(&self, line: u32, vector: u8, trigger: Trigger, destination: u32) {
        let register = 0x10 + 2 * (line - self.first_line);
        let mode = match trigger {
            Trigger::Edge => 0,
            Trigger::Level => 1 << 15,
        };
        self.write(register + 1, destination << 24);
        self.write(register, mode | u32::from(vector));
    }
}
