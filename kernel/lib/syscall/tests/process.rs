//! Signals, time, identity, memory and waiting through whole system calls.
#![allow(clippy::unwrap_used, reason = "tests")]

mod harness;

use file::{File, OpenFlags, Sink, Source, Stat, WaitQueue};
use harness::{SCRATCH, World};
use process::{Description, OnExec};
use signal::{KernelSigaction, SigInfo, StackT};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uapi::types::{CapData, CapHeader, Itimerspec, Itimerval, NewUtsname, Rusage, Sysinfo, Timespec, Timeval};
use uapi::{Errno, Result};

/// Ready at the third attempt; takes three bytes at a time.
#[derive(Default)]
struct Slow {
    attempts: AtomicUsize,
    queue: WaitQueue,
}

impl Slow {
    fn attempt(&self) -> Result<()> {
        if self.attempts.fetch_add(1, Ordering::SeqCst) % 3 < 2 { Err(Errno::EAGAIN) } else { Ok(()) }
    }
}

impl File for Slow {
    fn read(&self, dst: &mut dyn Sink, _: OpenFlags) -> Result<usize> {
        self.attempt()?;
        dst.put(b"abc")
    }
    fn write(&self, src: &mut dyn Source, _: OpenFlags) -> Result<usize> {
        self.attempt()?;
        src.take(&mut [0; 3])
    }
    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(Stat { kind: file::FileType::Fifo, ..Stat::default() })
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn slow(w: &World, flags: OpenFlags) -> u64 {
    let open = Description::new(Arc::new(Slow::default()), file::AccessMode::ReadWrite, flags);
    w.thread.process().files().insert(open, OnExec::Keep, 0).unwrap() as u64
}

fn handle(w: &World, signal: u64) {
    let action = KernelSigaction { handler: 0x40_0000, ..KernelSigaction::default() };
    w.call(libc::SYS_rt_sigaction, &[signal, w.value(&action), 0, 8]).unwrap();
}

#[test]
fn a_blocking_read_waits_and_a_blocking_write_goes_on_to_its_end() {
    let w = World::new();
    let buf = w.room(8);
    let fd = slow(&w, OpenFlags::empty());
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, 8]), Ok(3));
    assert_eq!(w.call(libc::SYS_write, &[fd, buf, 8]), Ok(8));
    let impatient = slow(&w, OpenFlags::NONBLOCK);
    assert_eq!(w.call(libc::SYS_read, &[impatient, buf, 8]), Err(Errno::EAGAIN));
}

#[test]
fn a_signal_ends_a_wait() {
    let w = World::new();
    let at = w.room(8);
    w.call(libc::SYS_pipe2, &[at, 0]).unwrap();
    let [read, _] = w.read::<[i32; 2]>(at);
    handle(&w, 10);
    w.call(libc::SYS_tgkill, &[1, 1, 10]).unwrap();
    assert_eq!(w.call(libc::SYS_read, &[read as u64, at, 1]), Err(Errno::ERESTARTSYS));
    assert_eq!(w.call(libc::SYS_pause, &[]), Err(Errno::ERESTARTNOHAND));
    let (request, remain) = (w.value(&Timespec { sec: 100, nsec: 0 }), w.room(16));
    assert_eq!(w.call(libc::SYS_nanosleep, &[request, remain]), Err(Errno::ERESTARTNOHAND));
    assert!((98..100).contains(&w.read::<Timespec>(remain).sec));
    let word = w.value(&5u32);
    assert_eq!(w.call(libc::SYS_futex, &[word, 128, 5, 0]), Err(Errno::ERESTARTSYS));
    assert_eq!(w.call(libc::SYS_futex, &[word, 128, 5, request]), Err(Errno::EINTR));
    let epoll = w.call(libc::SYS_epoll_create1, &[0]).unwrap();
    assert_eq!(w.call(libc::SYS_epoll_wait, &[epoll, at, 1, u64::MAX]), Err(Errno::EINTR));
}

#[test]
fn signals_are_set_blocked_pending_and_taken() {
    let w = World::new();
    let old = w.room(32);
    handle(&w, 12);
    assert_eq!(w.call(libc::SYS_rt_sigaction, &[12, 0, old, 8]), Ok(0));
    assert_eq!(w.read::<KernelSigaction>(old).handler, 0x40_0000);
    assert_eq!(w.call(libc::SYS_rt_sigaction, &[9, old, 0, 8]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_rt_sigaction, &[12, 0, old, 4]), Err(Errno::EINVAL));
    let set = w.value(&(1u64 << 11));
    assert_eq!(w.call(libc::SYS_rt_sigprocmask, &[2, set, 0, 8]), Ok(0));
    assert_eq!(w.call(libc::SYS_rt_sigprocmask, &[7, set, 0, 8]), Err(Errno::EINVAL));
    let zero = w.value(&Timespec::default());
    assert_eq!(w.call(libc::SYS_rt_sigtimedwait, &[set, 0, zero, 8]), Err(Errno::EAGAIN));
    assert_eq!(w.call(libc::SYS_kill, &[0, 12]), Ok(0));
    assert_eq!(w.call(libc::SYS_rt_sigpending, &[old, 8]), Ok(0));
    assert_eq!(w.read::<u64>(old), 1 << 11);
    let info = w.room(128);
    assert_eq!(w.call(libc::SYS_rt_sigtimedwait, &[set, info, 0, 8]), Ok(12));
    let told: SigInfo = w.read(info);
    assert_eq!((told.signo, told.code, told.pid()), (12, 0, 1));
    assert_eq!(w.call(libc::SYS_kill, &[77, 12]), Err(Errno::ESRCH));
    assert_eq!(w.call(libc::SYS_kill, &[1, 65]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_kill, &[1, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_tgkill, &[2, 1, 12]), Err(Errno::ESRCH));
    assert_eq!(w.call(libc::SYS_tkill, &[0, 12]), Err(Errno::EINVAL));
}

#[test]
fn a_signalfd_is_made_and_changed() {
    let w = World::new();
    let set = w.value(&(1u64 << 11));
    let file = w.open("/f", libc::O_CREAT | libc::O_RDWR);
    let fd = w.call(libc::SYS_signalfd4, &[u64::MAX, set, 8, libc::SFD_NONBLOCK as u64]).unwrap();
    assert_eq!(w.call(libc::SYS_signalfd4, &[fd, set, 8, 0]), Ok(fd));
    assert_eq!(w.call(libc::SYS_signalfd4, &[file, set, 8, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_signalfd4, &[u64::MAX, set, 4, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_signalfd4, &[u64::MAX, set, 8, 1]), Err(Errno::EINVAL));
}

#[test]
fn an_alternate_stack_is_told_and_checked() {
    let w = World::new();
    let stack = w.value(&StackT { sp: 0x10_0000, flags: 0, padding: 0, size: 8192 });
    let old = w.room(24);
    assert_eq!(w.call(libc::SYS_sigaltstack, &[stack, old]), Ok(0));
    assert_eq!(w.read::<StackT>(old).flags, 2);
    assert_eq!(w.call(libc::SYS_sigaltstack, &[0, old]), Ok(0));
    assert_eq!((w.read::<StackT>(old).sp, w.read::<StackT>(old).flags), (0x10_0000, 0));
    w.user().write(stack, &StackT { sp: 0, flags: 0, padding: 0, size: 100 }).unwrap();
    assert_eq!(w.call(libc::SYS_sigaltstack, &[stack, 0]), Err(Errno::ENOMEM));
}

#[test]
fn clocks_and_sleeps() {
    let w = World::new();
    let at = w.room(16);
    assert_eq!(w.call(libc::SYS_clock_gettime, &[0, at]), Ok(0));
    assert_eq!(w.read::<Timespec>(at).sec, 1_700_000_001);
    for clock in [1, 2, 3, 4, 5, 6, 7, 11, -6i64 as u64] {
        assert_eq!(w.call(libc::SYS_clock_gettime, &[clock, at]), Ok(0), "{clock}");
        assert_eq!(w.call(libc::SYS_clock_getres, &[clock, at]), Ok(0));
    }
    assert_eq!(w.call(libc::SYS_clock_gettime, &[99, at]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_clock_gettime, &[!(77u64) << 3 | 2, at]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_time, &[0]), Ok(1_700_000_001));
    assert_eq!(w.call(libc::SYS_gettimeofday, &[at, 0]), Ok(0));
    assert_eq!(w.read::<Timeval>(at).sec, 1_700_000_001);
    let short = w.value(&Timespec { sec: 0, nsec: 20_000_000 });
    assert_eq!(w.call(libc::SYS_nanosleep, &[short, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_clock_nanosleep, &[1, 1, short, 0]), Ok(0), "an absolute time that is long past");
    let bad = w.value(&Timespec { sec: 0, nsec: 1_000_000_000 });
    assert_eq!(w.call(libc::SYS_nanosleep, &[bad, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_clock_nanosleep, &[3, 0, short, 0]), Err(Errno::EINVAL));
}

#[test]
fn timers_tell_what_is_left() {
    let w = World::new();
    assert_eq!(w.call(libc::SYS_alarm, &[10]), Ok(0));
    assert_eq!(w.call(libc::SYS_alarm, &[0]), Ok(10));
    let value = w.value(&Itimerval { interval: Timeval::default(), value: Timeval { sec: 5, usec: 0 } });
    assert_eq!(w.call(libc::SYS_setitimer, &[0, value, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_getitimer, &[0, value]), Ok(0));
    assert_eq!(w.read::<Itimerval>(value).value.sec, 4);
    assert_eq!(w.call(libc::SYS_getitimer, &[3, value]), Err(Errno::EINVAL));
    let id = w.room(4);
    assert_eq!(w.call(libc::SYS_timer_create, &[1, 0, id]), Ok(0));
    let timer = w.read::<i32>(id) as u64;
    let spec = w.value(&Itimerspec { interval: Timespec::default(), value: Timespec { sec: 9, nsec: 0 } });
    assert_eq!(w.call(libc::SYS_timer_settime, &[timer, 0, spec, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_timer_gettime, &[timer, spec]), Ok(0));
    assert_eq!(w.read::<Itimerspec>(spec).value.sec, 8);
    assert_eq!(w.call(libc::SYS_timer_getoverrun, &[timer]), Ok(0));
    assert_eq!(w.call(libc::SYS_timer_delete, &[timer]), Ok(0));
    assert_eq!(w.call(libc::SYS_timer_delete, &[timer]), Err(Errno::EINVAL));
}

#[test]
fn ids_and_capabilities() {
    let w = World::new();
    for call in [libc::SYS_getpid, libc::SYS_gettid, libc::SYS_getpgrp] {
        assert_eq!(w.call(call, &[]), Ok(1));
    }
    assert_eq!(w.call(libc::SYS_setsid, &[]), Err(Errno::EPERM));
    let list = w.value(&[10u32, 20]);
    assert_eq!(w.call(libc::SYS_setgroups, &[2, list]), Ok(0));
    assert_eq!(w.call(libc::SYS_getgroups, &[0, 0]), Ok(2));
    assert_eq!(w.call(libc::SYS_getgroups, &[1, list]), Err(Errno::EINVAL));
    let (header, data) = (w.value(&CapHeader { version: 0x2008_0522, pid: 0 }), w.room(24));
    assert_eq!(w.call(libc::SYS_capget, &[header, data]), Ok(0));
    assert_eq!(w.read::<[CapData; 2]>(data)[1].permitted, 0x1ff);
    assert_eq!(w.call(libc::SYS_setresuid, &[u64::MAX, 1000, u64::MAX]), Ok(0));
    assert_eq!(w.call(libc::SYS_geteuid, &[]), Ok(1000));
    assert_eq!(w.call(libc::SYS_setgroups, &[0, 0]), Err(Errno::EPERM));
    assert_eq!(w.call(libc::SYS_sethostname, &[data, 1]), Err(Errno::EPERM));
    assert_eq!(w.call(libc::SYS_setuid, &[u64::MAX]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_setuid, &[5]), Err(Errno::EPERM));
    w.user().write(header, &CapHeader { version: 7, pid: 0 }).unwrap();
    assert_eq!(w.call(libc::SYS_capget, &[header, data]), Err(Errno::EINVAL));
    assert_eq!(w.read::<CapHeader>(header).version, 0x2008_0522);
}

#[test]
fn memory_is_mapped_and_given_back() {
    let w = World::new();
    let map = w.call(libc::SYS_mmap, &[0, 8192, 3, 0x22, u64::MAX, 0]).unwrap();
    w.user().write(map, &7u32).unwrap();
    assert_eq!(w.call(libc::SYS_mprotect, &[map, 4096, 1]), Ok(0));
    assert_eq!(w.call(libc::SYS_read, &[99, map, 4]), Err(Errno::EBADF));
    let vec = w.room(2);
    assert_eq!(w.call(libc::SYS_mincore, &[map, 8192, vec]), Ok(0));
    assert_eq!(w.read_bytes(vec, 2), [1, 0]);
    assert_eq!(w.call(libc::SYS_madvise, &[map, 8192, 4]), Ok(0));
    assert_eq!(w.read::<u32>(map), 0);
    assert_eq!(w.call(libc::SYS_munmap, &[map, 8192]), Ok(0));
    assert_eq!(w.call(libc::SYS_mmap, &[0, 4096, 3, 0x20, u64::MAX, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_mmap, &[0, 4096, 3, 2, 99, 0]), Err(Errno::EBADF));
    let end = w.call(libc::SYS_brk, &[0]).unwrap();
    assert_eq!(w.call(libc::SYS_brk, &[end + 4096]), Ok(end + 4096));
}

#[test]
fn futexes_compare_wake_and_refuse() {
    let w = World::new();
    let word = w.value(&5u32);
    assert_eq!(w.call(libc::SYS_futex, &[word, 0, 6, 0]), Err(Errno::EAGAIN));
    assert_eq!(w.call(libc::SYS_futex, &[word, 1, 1, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_futex, &[word + 1, 1, 1, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_futex, &[0x10, 0, 6, 0]), Err(Errno::EFAULT));
    assert_eq!(w.call(libc::SYS_futex, &[word, 4, 1, 1, word, 6]), Err(Errno::EAGAIN));
    assert_eq!(w.call(libc::SYS_futex, &[word, 4, 1, 1, word, 5]), Ok(0));
    // FUTEX_WAKE_OP: the second word is set to 9.
    assert_eq!(w.call(libc::SYS_futex, &[word, 5, 1, 1, word, 9 << 12]), Ok(0));
    assert_eq!(w.read::<u32>(word), 9);
    assert_eq!(w.call(libc::SYS_futex, &[word, 6, 1, 0]), Err(Errno::ENOSYS));
    assert_eq!(w.call(libc::SYS_futex, &[word, 9, 9, 0, 0, 0]), Err(Errno::EINVAL));
    // Every look at this clock takes a millisecond: an absolute time in the past.
    let past = w.value(&Timespec { sec: 0, nsec: 1 });
    assert_eq!(w.call(libc::SYS_clock_nanosleep, &[0, 1, past, 0]), Ok(0));
}

#[test]
fn threads_are_made_and_processes_are_not() {
    let w = World::new();
    let tid = w.room(4);
    assert_eq!(w.call(libc::SYS_clone, &[0x003d_0f00, SCRATCH + 0x9_0000, tid, tid, 0x1000]), Ok(2));
    assert_eq!(w.read::<i32>(tid), 2);
    assert_eq!(w.call(libc::SYS_clone, &[17, 0, 0, 0, 0]), Err(Errno::ENOSYS));
    assert_eq!(w.call(libc::SYS_clone3, &[tid, 63]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_clone3, &[tid, 5000]), Err(Errno::E2BIG));
    assert_eq!(w.call(libc::SYS_wait4, &[u64::MAX, 0, 0, 0]), Err(Errno::ECHILD));
    assert_eq!(w.call(libc::SYS_wait4, &[u64::MAX, 0, 0x100, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_set_robust_list, &[tid, 23]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_set_robust_list, &[tid, 24]), Ok(0));
    let (head, len) = (w.room(8), w.room(8));
    assert_eq!(w.call(libc::SYS_get_robust_list, &[0, head, len]), Ok(0));
    assert_eq!((w.read::<u64>(head), w.read::<u64>(len)), (tid, 24));
    assert_eq!(w.call(libc::SYS_tgkill, &[1, 2, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_tgkill, &[1, 3, 0]), Err(Errno::ESRCH));
}

#[test]
fn the_system_describes_itself() {
    let w = World::new();
    let at = w.room(512);
    w.call(libc::SYS_sethostname, &[w.bytes(b"pith"), 4]).unwrap();
    w.call(libc::SYS_uname, &[at]).unwrap();
    let name: NewUtsname = w.read(at);
    assert_eq!((&name.sysname[..6], &name.release[..6], &name.nodename[..5]), (&b"Linux\0"[..], &b"6.1.0-"[..], &b"pith\0"[..]));
    w.call(libc::SYS_sysinfo, &[at]).unwrap();
    let info: Sysinfo = w.read(at);
    assert!(info.totalram > info.freeram && info.freeram > 0 && info.mem_unit == 1);
    assert_eq!(w.call(libc::SYS_getrandom, &[at, 300, 0]), Ok(300));
    assert_eq!(w.read_bytes(at, 300), [0x5a; 300]);
    assert_eq!(w.call(libc::SYS_getrandom, &[at, 3, 6]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_getrandom, &[0x10, 3, 0]), Err(Errno::EFAULT));
    assert_eq!(w.call(libc::SYS_getrusage, &[0, at]), Ok(0));
    assert!(w.read::<Rusage>(at).maxrss > 0);
    assert_eq!(w.call(libc::SYS_sched_getaffinity, &[0, 128, at]), Ok(8));
    assert_eq!(w.read::<u64>(at), 1);
    assert_eq!(w.call(libc::SYS_sched_getaffinity, &[0, 7, at]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_setpriority, &[0, 0, 5]), Ok(0));
    assert_eq!(w.call(libc::SYS_getpriority, &[0, 0]), Ok(15));
    assert_eq!(w.call(libc::SYS_sched_setscheduler, &[0, 1, w.value(&1i32)]), Err(Errno::EPERM));
    assert_eq!(w.call(libc::SYS_membarrier, &[0, 0, 0]), Ok(31));
    assert_eq!(w.call(libc::SYS_prlimit64, &[0, 7, 0, at]), Ok(0));
    assert_eq!(w.read::<u64>(at), 65536);
    assert_eq!(w.call(libc::SYS_prlimit64, &[0, 16, 0, at]), Err(Errno::EINVAL));
}

#[test]
fn prctl_keeps_what_it_is_told() {
    let w = World::new();
    let at = w.room(16);
    assert_eq!(w.call(libc::SYS_prctl, &[15, w.text("a-name-that-is-too-long")]), Ok(0));
    assert_eq!(w.call(libc::SYS_prctl, &[16, at]), Ok(0));
    assert_eq!(w.read_bytes(at, 16), b"a-name-that-is-\0");
    assert_eq!(w.call(libc::SYS_prctl, &[38, 1, 0, 0, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_prctl, &[39, 0, 0, 0, 0]), Ok(1));
    assert_eq!(w.call(libc::SYS_prctl, &[23, 40]), Ok(1));
    assert_eq!(w.call(libc::SYS_prctl, &[23, 41]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_prctl, &[30]), Ok(50_000));
    assert_eq!(w.call(libc::SYS_prctl, &[9999]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_arch_prctl, &[0x1003, at]), Ok(0));
    assert_eq!(w.read::<u64>(at), 0x1234);
    assert_eq!(w.call(libc::SYS_arch_prctl, &[0x1002, 1 << 63]), Err(Errno::EPERM));
}

#[test]
fn absent_calls_say_so_once() {
    let w = World::new();
    for _ in 0..3 {
        assert_eq!(w.call(libc::SYS_ptrace, &[]), Err(Errno::ENOSYS));
        assert_eq!(w.call(9999, &[]), Err(Errno::ENOSYS));
    }
    let log = w.platform.log.lock().unwrap();
    assert_eq!(log.len(), 2);
    assert!(log[0].contains("ptrace") && log[1].contains("9999"), "{log:?}");
    assert_eq!(w.call(libc::SYS_mount, &[0, 0, 0, 0, 0]), Err(Errno::EPERM));
    assert_eq!(w.call(libc::SYS_listxattr, &[w.text("/none"), 0, 0]), Err(Errno::ENOENT));
}

#[test]
fn exit_group_ends_the_machine() {
    let w = World::new();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| w.raw(libc::SYS_exit_group, &[0x1234])));
    assert_eq!(result.unwrap_err().downcast_ref::<process::End>(), Some(&process::End::Exit(0x34)));
}
