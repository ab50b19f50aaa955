//! Processes and threads: descriptors, credentials, limits, clone, exec, signals on the way back to the application, the end.
//!
//! A [`Process`] owns what its threads share (address space, [`FileTable`], working directory, credentials, limits, signal group); a
//! [`Thread`] is one flow of control in it, run by a `sched` task. [`Services`] is what all processes of a machine share and [`Platform`]
//! what the machine does for them; there are no globals.
//!
//! The way back to the application is [`return_to_user`]: it ends threads, gives way, delivers signals, restarts system calls. Traps come in
//! by [`fault`]. With the feature `exec`, [`Process::prepare`] starts the first program from its file and [`exec`] replaces
//! one; both go through [`load`]. With `laid-out`, [`Process::prepare_laid_out`] starts one that lies in memory already.
//!
//! Neighbours: `sched`, `signal`, `mm`, `vfs`, `futex` below; `syscall` and `image` above.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(all(feature = "execve", feature = "dynamic", feature = "laid-out", feature = "threads", feature = "handlers")),
    allow(dead_code, unused_imports, reason = "what only some of these need stands beside what all do")
)]

extern crate alloc;

#[cfg(target_arch = "x86_64")]
pub(crate) use arch_x86_64 as arch;

mod block;
#[cfg(feature = "threads")]
mod clone;
mod credentials;
mod deliver;
#[cfg(feature = "exec")]
mod exec;
mod exit;
mod fault;
mod files;
#[cfg(feature = "laid-out")]
mod laid_out;
#[cfg(feature = "exec")]
mod load;
mod mapped;
mod platform;
mod process;
mod rlimits;
mod services;
mod start;
mod thread;
#[cfg(feature = "procfs")]
mod view;

pub use arch::UserRegs;
pub use block::Interruptible;
#[cfg(feature = "threads")]
pub use clone::{CloneArgs, CloneFlags, clone};
pub use credentials::{CAP_LAST, CAP_SETGID, CAP_SETPCAP, CAP_SETUID, CAP_SYS_RESOURCE, Capabilities, Credentials, Ids, SECBIT_KEEP_CAPS};
#[cfg(feature = "handlers")]
pub use deliver::sigreturn;
pub use deliver::{Resume, return_from_call, return_to_user};
#[cfg(feature = "execve")]
pub use exec::exec;
pub use exit::{exit_group, exit_thread};
pub use fault::{Trap, fault};
pub use files::{Description, FileTable, OnExec};
#[cfg(feature = "laid-out")]
pub use laid_out::{LaidOut, LaidOutSegment};
#[cfg(feature = "exec")]
pub use load::load;
pub use mapped::MappedPlace;
pub use platform::{Arguments, End, Level, Platform};
pub use process::{CpuTimes, Process, ProgramInfo};
pub use rlimits::{INFINITY, NR_OPEN, Raise, Resource, Rlimit, Rlimits};
pub use services::Services;
pub use start::{LoadError, Program};
pub use thread::Thread;

#[cfg(test)]
mod tests;
