//! New threads: clone(2), clone3(2).

use crate::arch::UserRegs;
use crate::{Level, Thread};
use alloc::sync::Arc;
use mm::USER_END;
use uapi::{Errno, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags::bitflags! {
    /// CLONE_*.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CloneFlags: u64 {
        /// Share memory.
        const VM = 0x100;
        /// Share root, working directory, umask.
        const FS = 0x200;
        /// Share descriptors.
        const FILES = 0x400;
        /// Share signal actions.
        const SIGHAND = 0x800;
        /// A descriptor for the child.
        const PIDFD = 0x1000;
        /// Let a tracer go on.
        const PTRACE = 0x2000;
        /// The parent waits until the child execs or ends.
        const VFORK = 0x4000;
        /// The child's parent is the caller's.
        const PARENT = 0x8000;
        /// A thread of the same process.
        const THREAD = 0x1_0000;
        /// A new mount name space.
        const NEWNS = 0x2_0000;
        /// Share System V semaphore adjustments.
        const SYSVSEM = 0x4_0000;
        /// Set the thread pointer.
        const SETTLS = 0x8_0000;
        /// Write the new id to the parent's memory.
        const PARENT_SETTID = 0x10_0000;
        /// Clear the id in the child's memory at its end.
        const CHILD_CLEARTID = 0x20_0000;
        /// Historic, ignored.
        const DETACHED = 0x40_0000;
        /// Not traced.
        const UNTRACED = 0x80_0000;
        /// Write the new id to the child's memory.
        const CHILD_SETTID = 0x100_0000;
        /// A new cgroup name space.
        const NEWCGROUP = 0x200_0000;
        /// A new UTS name space.
        const NEWUTS = 0x400_0000;
        /// A new IPC name space.
        const NEWIPC = 0x800_0000;
        /// A new user name space.
        const NEWUSER = 0x1000_0000;
        /// A new pid name space.
        const NEWPID = 0x2000_0000;
        /// A new network name space.
        const NEWNET = 0x4000_0000;
        /// Share the I/O context.
        const IO = 0x8000_0000;
        /// clone3: handlers back to the default.
        const CLEAR_SIGHAND = 0x1_0000_0000;
        /// clone3: into a cgroup.
        const INTO_CGROUP = 0x2_0000_0000;
        /// clone3: a new time name space (a bit of the exit signal in clone).
        const NEWTIME = 0x80;
    }
}

impl CloneFlags {
    /// What a thread must share with its creator here.
    const THREAD_SET: CloneFlags = Self::VM.union(Self::FS).union(Self::FILES).union(Self::SIGHAND).union(Self::THREAD);
    const NAMESPACES: CloneFlags = Self::NEWNS
        .union(Self::NEWCGROUP)
        .union(Self::NEWUTS)
        .union(Self::NEWIPC)
        .union(Self::NEWUSER)
        .union(Self::NEWPID)
        .union(Self::NEWNET)
        .union(Self::NEWTIME);
}

/// `struct clone_args` (clone3(2)); clone(2)'s arguments are put into one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[allow(missing_docs)]
pub struct CloneArgs {
    pub flags: u64,
    pub pidfd: u64,
    pub child_tid: u64,
    pub parent_tid: u64,
    pub exit_signal: u64,
    pub stack: u64,
    pub stack_size: u64,
    pub tls: u64,
    pub set_tid: u64,
    pub set_tid_size: u64,
    pub cgroup: u64,
}

impl CloneArgs {
    /// From clone(2)'s registers on x86_64: flags with the exit signal in the low byte, stack top, parent and child id addresses, thread pointer.
    pub fn from_clone(flags: u64, stack: u64, parent_tid: u64, child_tid: u64, tls: u64) -> Self {
        let (exit_signal, flags) = (flags & 0xff, flags & 0xffff_ff00);
        Self { flags, child_tid, parent_tid, exit_signal, stack, tls, ..Self::default() }
    }

    /// From clone3(2)'s structure: EINVAL for unknown flags, a signal together with CLONE_THREAD, or a stack without size (or the reverse).
    pub fn from_clone3(mut self) -> Result<Self> {
        let flags = CloneFlags::from_bits(self.flags).ok_or(Errno::EINVAL)?;
        if flags.intersects(CloneFlags::DETACHED) || self.exit_signal > 64 {
            return Err(Errno::EINVAL);
        }
        if flags.intersects(CloneFlags::THREAD | CloneFlags::PARENT) && self.exit_signal != 0 {
            return Err(Errno::EINVAL);
        }
        if flags.contains(CloneFlags::SIGHAND | CloneFlags::CLEAR_SIGHAND) || (self.stack == 0) != (self.stack_size == 0) {
            return Err(Errno::EINVAL);
        }
        if self.set_tid_size != 0 {
            // Choosing ids is for restoring checkpoints.
            return Err(if self.set_tid_size > 32 { Errno::EINVAL } else { Errno::EPERM });
        }
        // From here on `stack` is its top, as clone(2) has it.
        self.stack = self.stack.checked_add(self.stack_size).ok_or(Errno::EINVAL)?;
        Ok(self)
    }
}

/// Makes a thread that begins where `regs` are, with 0 as its result; returns its id. ENOSYS (and one log line) for what would be a new
/// process.
pub fn clone(parent: &Arc<Thread>, regs: &UserRegs, args: &CloneArgs) -> Result<i32> {
    let flags = CloneFlags::from_bits_truncate(args.flags);
    if flags.contains(CloneFlags::THREAD) && !flags.contains(CloneFlags::SIGHAND)
        || flags.contains(CloneFlags::SIGHAND) && !flags.contains(CloneFlags::VM)
        || flags.contains(CloneFlags::NEWNS | CloneFlags::FS)
        || flags.contains(CloneFlags::PIDFD | CloneFlags::THREAD)
        || flags.contains(CloneFlags::PIDFD | CloneFlags::PARENT_SETTID) && args.pidfd == 0
    {
        return Err(Errno::EINVAL);
    }
    let services = parent.services();
    if flags.intersects(CloneFlags::NAMESPACES | CloneFlags::INTO_CGROUP) {
        services.platform.say(Level::Warn, format_args!("clone: name spaces and cgroups are not supported"));
        return Err(Errno::EINVAL);
    }
    if !flags.contains(CloneFlags::THREAD_SET) {
        let what = match (flags.contains(CloneFlags::THREAD), flags.contains(CloneFlags::VFORK)) {
            (true, _) => "a thread with its own descriptors or working directory",
            (false, true) => "vfork",
            (false, false) => "fork",
        };
        services.platform.say(Level::Warn, format_args!("clone: {what} needs more than one process, which this image cannot have"));
        return Err(Errno::ENOSYS);
    }
    if flags.contains(CloneFlags::SETTLS) && args.tls >= USER_END {
        return Err(Errno::EPERM);
    }
    if parent.process().ending().is_some() {
        return Err(Errno::ERESTARTSYS);
    }
    let mut child_regs = *regs;
    child_regs.set_clone_child(args.stack);
    let fs_base = if flags.contains(CloneFlags::SETTLS) { args.tls } else { services.platform.fs_base() };
    let tid = services.allocate_id()?;
    let context = services.platform.spawn_context(&child_regs, fs_base).map_err(|_| Errno::EAGAIN)?;
    let user = parent.user();
    if flags.contains(CloneFlags::PARENT_SETTID) {
        // Linux ignores a bad address here.
        let _ = user.write(args.parent_tid, &tid);
    }
    if flags.contains(CloneFlags::CHILD_SETTID) {
        let _ = user.write(args.child_tid, &tid);
    }
    let thread = Thread::create(parent.process().clone(), context, tid, parent.signals().user_mask());
    if flags.contains(CloneFlags::CHILD_CLEARTID) {
        thread.set_clear_child_tid(args.child_tid);
    }
    thread.set_name(&parent.name());
    thread.task().inherit(parent.task());
    thread.start();
    Ok(tid)
}
