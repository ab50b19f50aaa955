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

    /// The result register.
    pub fn result(regs: &UserRegs) -> u64 {
        regs.rax
    }
}
