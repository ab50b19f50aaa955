//! Structures that cross the user boundary, laid out as the x86_64 and arm64 kernels lay them out.
//!
//! All are plain bytes (`zerocopy`), so `user.read::<Pollfd>(addr)` needs no `unsafe`. Field names are the manual pages' without their
//! prefixes (`st_size` is `size`); a field called `pad` is written as zero. `tests/layout.rs` compares every size and offset with libc's.

mod fs;
mod machine;
mod net;
mod poll;
mod process;
mod signal;
mod time;

pub use fs::{Dirent64Header, Flock, OpenHow, StatAarch64, StatX64, Statfs, Statx, StatxTime};
pub use machine::{NewUtsname, Rusage, Sysinfo};
pub use net::{CmsgHeader, Linger, MmsgHeader, MsgHeader, SockaddrIn, SockaddrIn6, SockaddrNl, Ucred};
pub use poll::{EpollEvent, EpollEventPacked, PollFd};
pub use process::{CapData, CapHeader, FOwnerEx, RobustListHead, SchedAttr};
pub use signal::Sigevent;
pub use time::{Iovec, Itimerspec, Itimerval, Timespec, Timeval, Timex, Timezone, Tms, Utimbuf};
