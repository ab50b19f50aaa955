//! What differs between architectures at the system-call boundary.

#[cfg(target_arch = "x86_64")]
pub use x86_64::*;

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    pub use arch_x86_64::UserRegs;
    use file::Stat;
    #[cfg(feature = "epoll")]
    pub use uapi::types::EpollEventPacked as EpollEvent;
    use uapi::types::StatX64;

    /// uname(2)'s machine.
    pub const MACHINE: &str = "x86_64";

    /// `struct stat`.
    pub fn stat(stat: &Stat) -> StatX64 {
        crate::codec::stat::x86_64(stat)
    }

    /// The application's stack pointer.
    pub fn stack_pointer(regs: &UserRegs) -> u64 {
        regs.rsp
    }

    /// Makes the registers those of a system call even when the application gave the number that says they are none.
    pub fn mark_call(regs: &mut UserRegs) {
        regs.orig_rax = regs.orig_rax.min(arch_x86_64::regs::NO_SYSCALL - 1);
    }

    /// The result register.
    #[cfg(feature = "exec")]
    pub fn result(regs: &UserRegs) -> u64 {
        regs.rax
    }
}
