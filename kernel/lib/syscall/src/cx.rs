//! What a handler gets besides its arguments: who calls, and the machine's services.

use crate::arch::UserRegs;
use crate::calls::signal::read_set;
use crate::system::System;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Waker;
use file::{AccessMode, Credentials as Sender, File, FileType, OpenFlags, SeekFrom, Source, Stat, UserMemory};
use mm::AddressSpace;
use process::{Credentials, Description, INFINITY, OnExec, Platform, Process, Resource, Thread};
use sched::Wakeup;
use signal::{SigInfo, Signal, SignalGroup};
use time::Clock;
use uapi::{Errno, Result};
use vfs::{Context, Location, LockOwner, opened};

/// AT_FDCWD: relative paths start in the working directory.
pub const AT_FDCWD: i32 = -100;

/// The context of one system call.
pub struct Cx<'a> {
    /// The calling thread.
    pub thread: &'a Arc<Thread>,
    /// Its process.
    pub process: &'a Arc<Process>,
    /// Its registers: what they hold when the call is over is what it goes on with.
    pub regs: &'a mut UserRegs,
    /// The machine.
    pub system: &'a System,
}

/// Whether a temporary signal mask is on (ppoll(2) and relatives).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Masked {
    /// It is.
    Yes,
    /// The caller gave none.
    No,
}

/// A place that a `*at` call names: a path and where it starts.
pub struct At {
    /// The caller's view of the files.
    pub fs: Arc<Context>,
    start: Option<Location>,
    /// The path.
    pub path: Vec<u8>,
}

impl At {
    /// Where a relative path starts; `None` is the working directory.
    pub fn dir(&self) -> Option<&Location> {
        self.start.as_ref()
    }
}

impl Cx<'_> {
    /// The application's memory.
    #[inline]
    pub fn user(&self) -> &'static dyn UserMemory {
        self.thread.user()
    }

    /// The machine below the process.
    pub fn platform(&self) -> &dyn Platform {
        &*self.process.services().platform
    }

    /// The clocks.
    #[inline]
    pub fn clock(&self) -> &dyn Clock {
        &*self.process.services().clock
    }

    /// Monotonic nanoseconds.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.clock().monotonic_ns()
    }

    /// Process id.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Thread id.
    pub fn tid(&self) -> i32 {
        self.thread.tid()
    }

    /// Real user id.
    pub fn uid(&self) -> u32 {
        self.process.credentials().uid.real
    }

    /// The application's stack pointer.
    pub fn stack_pointer(&self) -> u64 {
        crate::arch::stack_pointer(self.regs)
    }

    /// The process's signals.
    pub fn signals(&self) -> &SignalGroup {
        self.process.signals()
    }

    /// The process's address space.
    pub fn space(&self) -> Arc<AddressSpace> {
        self.process.mm()
    }

    /// The process's credentials.
    pub fn credentials(&self) -> Arc<Credentials> {
        self.process.credentials()
    }

    /// Changes the credentials; the call's result is 0.
    pub fn change_credentials(&self, change: &mut dyn FnMut(&mut Credentials) -> Result<()>) -> Result<u64> {
        self.process.change_credentials(|who| change(who)).map(|()| 0)
    }

    /// EPERM unless the effective user is root.
    pub fn require_root(&self) -> Result<()> {
        if self.process.credentials().uid.effective == 0 { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Whether SCM_CREDENTIALS may carry `claim`: one's own ids, or any for root. EPERM.
    pub fn check_credentials(&self, claim: &Sender) -> Result<()> {
        let mine = self.process.credentials();
        let one_of = |id: u32, ids: process::Ids| [ids.real, ids.effective, ids.saved].contains(&id);
        let honest = claim.pid == self.pid() && one_of(claim.uid, mine.uid) && one_of(claim.gid, mine.gid);
        if honest || mine.uid.effective == 0 { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// A thread of this process by its id, 0 being the caller; ESRCH.
    pub fn thread_by_id(&self, tid: i32) -> Result<Arc<Thread>> {
        if tid == 0 { Ok(self.thread.clone()) } else { self.process.thread(tid) }
    }

    /// Starts or stops ticks as CPU-time timers need.
    pub fn cpu_timers_changed(&self) {
        self.process.update_ticks();
    }

    // Sleeping.

    /// To be called before anything is registered that wakes the thread.
    #[inline]
    pub fn prepare_to_block(&self) {
        self.thread.prepare_to_block();
    }

    /// What wakes the calling thread.
    #[inline]
    pub fn waker(&self) -> Waker {
        self.thread.waker()
    }

    /// Whether a signal ends the wait.
    pub fn interrupted(&self) -> bool {
        self.thread.interrupted()
    }

    /// Sleeps until woken or `deadline`; wake-ups may be spurious. Only where [`interrupted`](Self::interrupted) has just said that no signal is there: what is
    /// answered to one depends on the call, so callers ask that themselves.
    pub fn block(&self, deadline: Option<u64>) -> Wakeup {
        self.process.services().scheduler.block(deadline)
    }

    /// Puts on the signal mask at `mask`, if there is one, for the time of the call.
    pub fn mask_signals(&self, mask: u64, set_size: u64) -> Result<Masked> {
        if mask == 0 {
            return Ok(Masked::No);
        }
        let Some(set) = read_set(self, mask, set_size)? else { return Ok(Masked::No) };
        self.signals().set_temporary_mask(self.thread.signals(), set);
        Ok(Masked::Yes)
    }

    /// Takes the temporary mask off, unless a signal interrupted the call: then its handler still runs under it.
    pub fn unmask_signals(&self, masked: Masked, result: &Result<u64>) {
        if masked == Masked::Yes && !matches!(result, Err(Errno::ERESTARTNOHAND | Errno::EINTR)) {
            self.signals().restore_mask(self.thread.signals());
        }
    }

    // Descriptors.

    /// The description behind `fd`, whatever it was opened for; EBADF.
    #[inline]
    pub fn any_file(&self, fd: i32) -> Result<Arc<Description>> {
        self.process.files().get(fd)
    }

    /// The description behind `fd`; EBADF for O_PATH too.
    #[inline]
    pub fn file(&self, fd: i32) -> Result<Arc<Description>> {
        let open = self.process.files().get(fd)?;
        if open.flags().contains(OpenFlags::PATH) { Err(Errno::EBADF) } else { Ok(open) }
    }

    /// The description behind `fd`, open for reading; EBADF.
    #[inline]
    pub fn readable(&self, fd: i32) -> Result<Arc<Description>> {
        let open = self.process.files().get(fd)?;
        if open.access().readable() { Ok(open) } else { Err(Errno::EBADF) }
    }

    /// The description behind `fd`, open for writing; EBADF.
    #[inline]
    pub fn writable(&self, fd: i32) -> Result<Arc<Description>> {
        let open = self.process.files().get(fd)?;
        if open.access().writable() { Ok(open) } else { Err(Errno::EBADF) }
    }

    /// A new descriptor for `file`; EMFILE.
    pub fn install(&self, file: Arc<dyn File>, access: AccessMode, flags: OpenFlags, on_exec: OnExec) -> Result<i32> {
        self.install_description(Description::new(file, access, flags), on_exec)
    }

    /// A new descriptor for a description that may have others.
    pub fn install_description(&self, open: Arc<Description>, on_exec: OnExec) -> Result<i32> {
        self.process.files().insert(open, on_exec, 0)
    }

    /// Writes two new descriptors where the application wants them; closes both when it cannot be written to.
    pub fn write_pair(&self, addr: u64, first: i32, second: i32) -> Result<u64> {
        if let Err(fault) = self.user().write(addr, &[first, second]) {
            for fd in [first, second] {
                let _ = self.close(fd);
            }
            return Err(fault);
        }
        Ok(0)
    }

    /// Frees a descriptor; EBADF.
    pub fn close(&self, fd: i32) -> Result<()> {
        let open = self.process.files().close(fd)?;
        self.closed(&open);
        Ok(())
    }

    /// What closing any descriptor of a file does besides: the process's record locks on it go (fcntl(2)).
    pub fn closed(&self, open: &Description) {
        if let Some(file) = opened(&*open.file) {
            file.release_record_locks(self.lock_owner());
        }
    }

    /// As whom the process holds POSIX record locks.
    pub fn lock_owner(&self) -> LockOwner {
        LockOwner::Process(u64::from(self.pid().unsigned_abs()))
    }

    /// RLIMIT_NOFILE.
    pub fn descriptor_limit(&self) -> u64 {
        self.process.rlimit(Resource::Files).current
    }

    /// The error of a write: EPIPE sends SIGPIPE to the thread besides.
    pub fn broken_pipe(&self, error: Errno) -> Errno {
        if error == Errno::EPIPE {
            let info = SigInfo::sent(Signal::PIPE, signal::code::SI_USER, self.pid(), self.uid());
            // Nothing is lost when it is pending already.
            let _ = self.process.send_signal(info, Some(self.thread));
        }
        error
    }

    /// How many bytes RLIMIT_FSIZE lets be written to `open` (at `offset`, or its own); `None` is any number. EFBIG, and SIGXFSZ, when not one.
    pub fn write_limit(&self, open: &Description, src: &dyn Source, offset: Option<u64>) -> Result<Option<usize>> {
        let limit = self.process.rlimit(Resource::FileSize).current;
        if cfg!(not(feature = "limits")) || limit == INFINITY || src.remaining() == 0 {
            return Ok(None);
        }
        let stat = open.file.stat()?;
        if stat.kind != FileType::Regular {
            return Ok(None);
        }
        let start = match offset {
            Some(offset) => offset,
            None if open.flags().contains(OpenFlags::APPEND) => stat.size,
            None => open.file.seek(SeekFrom::Current(0))?,
        };
        if start >= limit {
            return Err(self.too_large());
        }
        Ok(Some(usize::try_from(limit - start).unwrap_or(usize::MAX)))
    }

    /// Whether RLIMIT_FSIZE lets a file grow to `size` bytes: EFBIG, and SIGXFSZ, when not. `stat` is asked only where there is a limit.
    pub fn check_size(&self, size: u64, stat: impl FnOnce() -> Result<Stat>) -> Result<()> {
        let limit = self.process.rlimit(Resource::FileSize).current;
        if cfg!(not(feature = "limits")) || limit == INFINITY || size <= limit {
            return Ok(());
        }
        let stat = stat()?;
        if stat.kind == FileType::Regular && size > stat.size { Err(self.too_large()) } else { Ok(()) }
    }

    fn too_large(&self) -> Errno {
        // Nothing is lost when it is pending already.
        let _ = self.process.send_signal(SigInfo::kernel(Signal::XFSZ), Some(self.thread));
        Errno::EFBIG
    }

    /// What fstat(2) shows of a new object without a name.
    pub fn anonymous_stat(&self, kind: FileType) -> Stat {
        let ids = self.process.credentials();
        let now = self.clock().now();
        Stat {
            ino: self.system.next_inode(),
            kind,
            mode: 0o600,
            nlink: 1,
            uid: ids.uid.fs,
            gid: ids.gid.fs,
            block_size: 4096,
            atime: now,
            mtime: now,
            ctime: now,
            btime: now,
            ..Stat::default()
        }
    }

    // Paths.

    /// The place that a path argument names, starting at `dir`. ENOTDIR when a relative path starts at something without entries.
    pub fn at(&self, dir: i32, path: u64) -> Result<At> {
        let path = self.user().read_path(path)?;
        let start = if dir == AT_FDCWD || path.first() == Some(&b'/') { None } else { Some(self.directory(dir)?) };
        Ok(At { fs: self.process.fs(), start, path })
    }

    /// As [`at`](Self::at) for a walk that treats where it starts as its root, so that absolute paths start there too.
    pub fn at_root(&self, dir: i32, path: u64) -> Result<At> {
        let start = if dir == AT_FDCWD { None } else { Some(self.directory(dir)?) };
        Ok(At { fs: self.process.fs(), start, path: self.user().read_path(path)? })
    }

    /// The place that a path argument names, starting in the working directory.
    pub fn path(&self, path: u64) -> Result<At> {
        self.at(AT_FDCWD, path)
    }

    fn directory(&self, fd: i32) -> Result<Location> {
        let open = self.any_file(fd)?;
        opened(&*open.file).map(|file| file.location().clone()).ok_or(Errno::ENOTDIR)
    }

    /// Where the file behind `fd` was opened, AT_FDCWD being the working directory. EINVAL for what no path led to (sockets, pipes).
    pub fn location(&self, fd: i32) -> Result<Location> {
        if fd == AT_FDCWD {
            return Ok(self.process.fs().cwd.clone());
        }
        location_of(&*self.any_file(fd)?)
    }
}

/// Where a file was opened; EINVAL for what no path led to.
pub fn location_of(open: &Description) -> Result<Location> {
    opened(&*open.file).map(|file| file.location().clone()).ok_or(Errno::EINVAL)
}
