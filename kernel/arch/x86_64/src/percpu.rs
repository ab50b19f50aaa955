//! What each CPU has of its own: found through GS while in the kernel.

use crate::cpu::{self, msr};
use crate::entry;
use core::arch::asm;
use core::mem::offset_of;
use core::sync::atomic::AtomicU64;

/// Selectors of the table in [`PerCpu::gdt`]; the order is what SYSCALL and SYSRET want (SDM volume 3, 5.8.8).
pub mod selector {
    pub const KERNEL_CODE: u16 = 0x08;
    pub const KERNEL_DATA: u16 = 0x10;
    /// A data segment whose limit is the CPU's number (getcpu in the vDSO); also where SYSRET's selectors count from.
    pub const USER_BASE: u16 = 0x18 | 3;
    pub const USER_DATA: u16 = 0x20 | 3;
    pub const USER_CODE: u16 = 0x28 | 3;
    pub const TASK_STATE: u16 = 0x30;
}

/// Which privilege level the application runs at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppRing {
    /// In the kernel's own ring: a system call is no ring change.
    Kernel,
    /// In ring 3: the second wall.
    User,
}

const TRAP_STACK: usize = 1024;
/// Room to tell of a bug.
const FAULT_STACK: usize = 8192;

/// 64-bit task-state segment (SDM volume 3, 8.7).
#[repr(C, packed(4))]
struct TaskState {
    reserved0: u32,
    rsp: [u64; 3],
    reserved1: u64,
    ist: [u64; 7],
    reserved2: u64,
    reserved3: u16,
    io_map: u16,
}

/// One CPU's block. The first fields are read by entry code at fixed offsets.
#[repr(C, align(64))]
pub struct PerCpu {
    this: u64,
    /// Top of the running thread's kernel stack.
    pub(crate) kernel_stack: u64,
    /// The application's stack pointer while `syscall` entry switches stacks.
    user_rsp: u64,
    user_cs: u64,
    user_ss: u64,
    /// Not 0 where no system call returns by the shortest way.
    unusual: u64,
    cpu: u64,
    /// Top of the stack on which bugs are told.
    fault_stack_top: u64,
    /// Address of the `Context` whose FPU state is in the registers, 0 for none.
    pub(crate) fpu_owner: AtomicU64,
    /// Address of the running `Context`, 0 before the first switch.
    pub(crate) current: u64,
    gdt: [u64; 8],
    tss: TaskState,
    trap_stack: [u8; TRAP_STACK],
    nmi_stack: [u8; TRAP_STACK],
    fault_stack: [u8; FAULT_STACK],
}

pub(crate) const KERNEL_STACK: usize = offset_of!(PerCpu, kernel_stack);
pub(crate) const USER_RSP: usize = offset_of!(PerCpu, user_rsp);
pub(crate) const USER_CS: usize = offset_of!(PerCpu, user_cs);
pub(crate) const USER_SS: usize = offset_of!(PerCpu, user_ss);
pub(crate) const UNUSUAL: usize = offset_of!(PerCpu, unusual);
pub(crate) const CURRENT: usize = offset_of!(PerCpu, current);
pub(crate) const FAULT_STACK_TOP: usize = offset_of!(PerCpu, fault_stack_top);
const CPU: usize = offset_of!(PerCpu, cpu);

impl PerCpu {
    /// An empty block, all zeros so that it costs nothing in the image; [`install`](Self::install) fills it in.
    pub const fn new() -> Self {
        PerCpu {
            this: 0,
            kernel_stack: 0,
            user_rsp: 0,
            user_cs: 0,
            user_ss: 0,
            unusual: 0,
            cpu: 0,
            fault_stack_top: 0,
            fpu_owner: AtomicU64::new(0),
            current: 0,
            gdt: [0; 8],
            tss: TaskState { reserved0: 0, rsp: [0; 3], reserved1: 0, ist: [0; 7], reserved2: 0, reserved3: 0, io_map: 0 },
            trap_stack: [0; TRAP_STACK],
            nmi_stack: [0; TRAP_STACK],
            fault_stack: [0; FAULT_STACK],
        }
    }

    /// An empty block on the heap, for ever: for CPUs beside the first.
    #[cfg(feature = "smp")]
    pub fn leaked() -> &'static mut Self {
        use alloc::alloc::{Layout, alloc_zeroed, handle_alloc_error};
        let layout = Layout::new::<Self>();
        // SAFETY: the layout is not empty, zeros are what `new` makes, and the block is never freed.
        unsafe { alloc_zeroed(layout).cast::<Self>().as_mut() }.unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// Makes this the block of the running CPU: segments, task state with its interrupt stacks, GS.
    ///
    /// # Safety
    /// Once per CPU, with interrupts off; `kernel_stack` must be the top of a mapped stack that is not in use below its current frames.
    pub unsafe fn install(&'static mut self, cpu: usize, kernel_stack: u64, ring: AppRing) {
        let top = |stack: *const u8, size: usize| (stack as u64 + size as u64) & !15;
        self.this = &raw const *self as u64;
        self.cpu = cpu as u64;
        self.kernel_stack = kernel_stack;
        (self.user_cs, self.user_ss) = match ring {
            AppRing::Kernel => (selector::KERNEL_CODE.into(), selector::KERNEL_DATA.into()),
            AppRing::User => (selector::USER_CODE.into(), selector::USER_DATA.into()),
        };
        self.unusual = (ring == AppRing::User || entry::saves_all_vectors()).into();
        // Null, ring-0 code and data, CPU number, ring-3 data and code, task state (two slots).
        let number = 0x0040_f300_0000_0000 | (cpu as u64 & 0xffff);
        self.gdt = [0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, number, 0x00cf_f300_0000_ffff, 0x00af_fb00_0000_ffff, 0, 0];
        self.tss.io_map = size_of::<TaskState>() as u16;
        self.tss.rsp[0] = kernel_stack;
        self.tss.ist[0] = top(self.trap_stack.as_ptr(), TRAP_STACK);
        self.tss.ist[1] = top(self.nmi_stack.as_ptr(), TRAP_STACK);
        self.fault_stack_top = top(self.fault_stack.as_ptr(), FAULT_STACK);
        let base = &raw const self.tss as u64;
        let limit = size_of::<TaskState>() as u64 - 1;
        self.gdt[6] = limit & 0xffff | (base & 0xff_ffff) << 16 | 0x89 << 40 | (base >> 24 & 0xff) << 56;
        self.gdt[7] = base >> 32;
        let table = PointerRegister { limit: size_of_val(&self.gdt) as u16 - 1, base: self.gdt.as_ptr() as u64 };
        // SAFETY: the table is static and complete; the selectors index its entries; GS points at this very block from here on.
        unsafe {
            asm!(
                "lgdt [{table}]",
                "push {code}",
                "lea {tmp}, [rip + 2f]",
                "push {tmp}",
                "retfq",
                "2:",
                "mov ss, {data:x}",
                "ltr {tss:x}",
                table = in(reg) &raw const table,
                code = in(reg) u64::from(selector::KERNEL_CODE),
                data = in(reg) u64::from(selector::KERNEL_DATA),
                tss = in(reg) u64::from(selector::TASK_STATE),
                tmp = out(reg) _,
            );
            cpu::wrmsr(msr::GS_BASE, self.this);
            cpu::wrmsr(msr::KERNEL_GS_BASE, 0);
        }
    }
}

impl Default for PerCpu {
    fn default() -> Self {
        Self::new()
    }
}

/// What LGDT and LIDT read.
#[repr(C, packed)]
pub(crate) struct PointerRegister {
    pub limit: u16,
    pub base: u64,
}

/// Index of the running CPU.
#[inline]
pub fn cpu_id() -> usize {
    let id: u64;
    // SAFETY: in the kernel GS is this CPU's block.
    unsafe { asm!("mov {}, gs:[{}]", out(reg) id, const CPU, options(nostack, readonly, preserves_flags)) };
    id as usize
}

/// Top of the kernel stack of what runs on this CPU.
pub fn kernel_stack() -> u64 {
    // SAFETY: the block lives as long as the kernel; only its own CPU writes the field.
    unsafe { (*this()).kernel_stack }
}

/// The running CPU's block.
#[inline]
pub(crate) fn this() -> *mut PerCpu {
    let block: u64;
    // SAFETY: in the kernel GS is this CPU's block, whose first field is its own address.
    unsafe { asm!("mov {}, gs:[0]", out(reg) block, options(nostack, readonly, preserves_flags)) };
    block as *mut PerCpu
}
