//! The application's registers as the entry code leaves them on the kernel stack.

/// General-purpose registers, instruction pointer, stack pointer and flags of the application at the moment it entered the kernel
/// (system call, interrupt or exception). What is here when the kernel returns is what the application goes on with: signal delivery,
/// `rt_sigreturn`, `execve` and `clone` edit it. SSE registers are saved below it by the entry code, see `entry`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct UserRegs {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The system-call number at entry by `syscall`; `u64::MAX` for interrupts and exceptions (so that nothing is restarted).
    pub orig_rax: u64,
    pub rip: u64,
    /// Code selector the CPU pushed or will load; kernel business, never shown to the application.
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    /// Stack selector; as `cs`.
    pub ss: u64,
}

/// `orig_rax` of an entry that was no system call.
pub const NO_SYSCALL: u64 = u64::MAX;

/// The code selector that Linux shows in signal frames and core files.
pub const LINUX_USER_CS: u64 = 0x33;
/// The stack selector that Linux shows.
pub const LINUX_USER_SS: u64 = 0x2b;

impl UserRegs {
    /// Whether the registers are those of a system call (and not of an interrupt or exception).
    pub fn is_syscall(&self) -> bool {
        self.orig_rax != NO_SYSCALL
    }

    /// The six arguments of a system call, in order (syscall(2)).
    pub fn syscall_args(&self) -> [u64; 6] {
        [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9]
    }

    /// Flags an application may set by `rt_sigreturn`: arithmetic, direction, trap, alignment, resume, id.
    pub const FLAGS_FROM_USER: u64 = 0x0025_4dd5;
    /// Flags every application runs with: interrupts on, the always-one bit.
    pub const FLAGS_ALWAYS: u64 = 0x202;
}
