//! Sending, taking, masks, timers, signalfd: as signal(7) and its neighbours tell it.

use crate::*;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;
use file::{Events, File, OpenFlags};
use time::testing::ManualClock;
use time::{Clock, TimerQueue};
use usermem::SliceSink;
use wait::Attention;
use zerocopy::FromBytes;

#[derive(Default)]
struct Counter(AtomicUsize);

impl alloc::task::Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct World {
    clock: Arc<ManualClock>,
    timers: TimerQueue,
    group: Arc<SignalGroup>,
    threads: Vec<Arc<ThreadSignals>>,
    wakes: Vec<Arc<Counter>>,
}

const HANDLER: u64 = 0x40_0000;

fn sig(signal: Signal) -> SigInfo {
    SigInfo::sent(signal, code::SI_USER, 1, 0)
}

impl World {
    fn new(threads: usize) -> Self {
        let (clock, timers) = (Arc::new(ManualClock::default()), TimerQueue::new());
        let group = SignalGroup::new(&timers, &(clock.clone() as Arc<dyn Clock>));
        let threads: Vec<_> =
            (1..=threads).map(|tid| Arc::new(ThreadSignals::new(tid as i32, SignalSet::EMPTY, Attention::default()))).collect();
        let wakes: Vec<Arc<Counter>> = threads.iter().map(|_| Arc::default()).collect();
        for (thread, wake) in threads.iter().zip(&wakes) {
            thread.set_waker(Waker::from(wake.clone()));
            group.add_thread(thread.clone());
        }
        Self { clock, timers, group, threads, wakes }
    }

    fn handle(&self, signal: Signal, flags: SaFlags, mask: SignalSet) {
        self.group.set_action(signal, Action { handler: HANDLER, flags, restorer: 1, mask }).unwrap();
    }

    fn send(&self, signal: Signal) -> Sent {
        self.group.send(sig(signal), Target::Process).unwrap()
    }

    fn next(&self, thread: usize) -> Delivery {
        self.group.next(&self.threads[thread])
    }

    fn next_handler(&self, thread: usize) -> Option<(Signal, SignalSet)> {
        match self.next(thread) {
            Delivery::Handler { signal, mask, .. } => Some((signal, mask)),
            Delivery::None => None,
            other => panic!("{other:?}"),
        }
    }

    fn advance(&self, ns: u64) {
        self.clock.advance(ns);
        self.timers.expire(self.clock.monotonic_ns());
    }

    fn woken(&self, thread: usize) -> usize {
        self.wakes[thread].0.swap(0, Ordering::SeqCst)
    }
}

const USR1: SignalSet = SignalSet::single(Signal::USR1);

#[test]
fn a_handler_blocks_itself_and_its_mask_until_it_returns() {
    let world = World::new(1);
    let usr2 = SignalSet::single(Signal::USR2);
    world.handle(Signal::USR1, SaFlags::empty(), usr2);
    world.send(Signal::USR1);
    assert!(world.threads[0].needs_attention());
    assert_eq!(world.next_handler(0), Some((Signal::USR1, SignalSet::EMPTY)));
    assert_eq!(world.threads[0].blocked(), USR1.union(usr2));
    world.send(Signal::USR1);
    world.send(Signal::USR1);
    assert_eq!(world.next_handler(0), None);
    assert!(!world.threads[0].needs_attention());
    world.group.set_mask(&world.threads[0], SignalSet::EMPTY);
    // Two standard signals are one.
    assert_eq!(world.next_handler(0).map(|h| h.0), Some(Signal::USR1));
    world.group.set_mask(&world.threads[0], SignalSet::EMPTY);
    assert_eq!(world.next_handler(0), None);
}

#[test]
fn nodefer_and_resethand() {
    let world = World::new(1);
    world.handle(Signal::USR1, SaFlags::NODEFER | SaFlags::RESETHAND, SignalSet::EMPTY);
    world.send(Signal::USR1);
    assert!(world.next_handler(0).is_some());
    assert_eq!(world.threads[0].blocked(), SignalSet::EMPTY);
    world.send(Signal::USR1);
    assert!(matches!(world.next(0), Delivery::Terminate { signal: Signal::USR1, core: false, .. }));
}

#[test]
fn default_actions() {
    let world = World::new(1);
    for signal in [Signal::CHLD, Signal::URG, Signal::WINCH, Signal::CONT] {
        world.send(signal);
        assert_eq!(world.next(0), Delivery::None, "{signal}");
    }
    for (signal, dumps) in
        [(Signal::TERM, false), (Signal::RTMIN, false), (Signal::ABRT, true), (Signal::SEGV, true), (Signal::KILL, false)]
    {
        world.send(signal);
        let Delivery::Terminate { signal: got, core, .. } = world.next(0) else { panic!("{signal}") };
        assert_eq!((got, core), (signal, dumps));
    }
}

#[test]
fn real_time_signals_queue_in_order_and_up_to_the_limit() {
    let world = World::new(1);
    world.group.set_limit(3);
    let rt = Signal::new(40).unwrap();
    let low = Signal::new(34).unwrap();
    world.handle(rt, SaFlags::NODEFER, SignalSet::EMPTY);
    world.handle(low, SaFlags::NODEFER, SignalSet::EMPTY);
    let queue = |signal, value: i32| world.group.send(SigInfo::sent(signal, code::SI_QUEUE, value, 0), Target::Process);
    for value in 1..=2 {
        queue(rt, value).unwrap();
    }
    queue(low, 3).unwrap();
    assert_eq!(queue(rt, 4), Err(Errno::EAGAIN));
    let mut order = Vec::new();
    while let Delivery::Handler { info, .. } = world.next(0) {
        order.push(info.pid());
    }
    assert_eq!(order, [3, 1, 2]);
}

#[test]
fn a_process_signal_goes_to_a_thread_that_takes_it() {
    let world = World::new(3);
    world.handle(Signal::TERM, SaFlags::empty(), SignalSet::EMPTY);
    let term = SignalSet::single(Signal::TERM);
    world.group.set_mask(&world.threads[0], term);
    world.send(Signal::TERM);
    assert_eq!([world.woken(0), world.woken(1), world.woken(2)], [0, 1, 0]);
    // The one that was chosen blocks it before it looks: another is woken.
    world.group.set_mask(&world.threads[1], term);
    assert_eq!([world.woken(0), world.woken(1), world.woken(2)], [0, 0, 1]);
    world.group.set_mask(&world.threads[2], term);
    assert_eq!(world.next(2), Delivery::None);
    world.group.set_mask(&world.threads[0], SignalSet::EMPTY);
    assert!(world.threads[0].needs_attention());
    assert!(world.next_handler(0).is_some());
}

#[test]
fn a_thread_signal_goes_to_that_thread_only() {
    let world = World::new(2);
    world.handle(Signal::URG, SaFlags::empty(), SignalSet::EMPTY);
    world.group.send(sig(Signal::URG), Target::Thread(&world.threads[1])).unwrap();
    assert_eq!((world.woken(0), world.woken(1)), (0, 1));
    assert_eq!(world.next(0), Delivery::None);
    assert!(world.next_handler(1).is_some());
}

#[test]
fn ignored_signals_vanish_unless_blocked() {
    let world = World::new(1);
    let ignore = Action { handler: Action::IGNORE, ..Action::default() };
    world.group.set_action(Signal::USR1, ignore).unwrap();
    assert_eq!(world.send(Signal::USR1), Sent::Ignored);
    world.group.set_mask(&world.threads[0], USR1);
    assert_eq!(world.send(Signal::USR1), Sent::Queued);
    assert_eq!(world.group.pending(&world.threads[0]), USR1);
    // Setting the action to ignore throws away what is pending.
    world.group.set_action(Signal::USR1, ignore).unwrap();
    assert_eq!(world.group.pending(&world.threads[0]), SignalSet::EMPTY);
}

#[test]
fn kill_and_stop_can_neither_be_caught_nor_blocked() {
    let world = World::new(1);
    assert_eq!(world.group.set_action(Signal::KILL, Action::default()), Err(Errno::EINVAL));
    assert_eq!(world.group.set_action(Signal::STOP, Action::default()), Err(Errno::EINVAL));
    world.group.set_mask(&world.threads[0], SignalSet::ALL);
    assert_eq!(world.threads[0].blocked(), SignalSet::ALL.without(SignalSet::UNBLOCKABLE));
}

#[test]
fn stop_holds_everybody_until_continue_or_kill() {
    let world = World::new(2);
    world.send(Signal::STOP);
    assert_eq!(world.next(0), Delivery::Stop);
    assert!(world.group.is_stopped() && world.group.interrupts(&world.threads[1]));
    assert_eq!(world.next(1), Delivery::Stop);
    world.send(Signal::TERM);
    assert_eq!(world.next(0), Delivery::Stop);
    world.send(Signal::CONT);
    assert!(!world.group.is_stopped());
    assert!(matches!(world.next(0), Delivery::Terminate { signal: Signal::TERM, .. }));
    world.send(Signal::STOP);
    assert_eq!(world.next(0), Delivery::Stop);
    world.send(Signal::KILL);
    assert!(matches!(world.next(1), Delivery::Terminate { signal: Signal::KILL, .. }));
}

#[test]
fn a_trap_cannot_be_blocked_or_ignored() {
    let world = World::new(1);
    let segv = SigInfo::fault(Signal::SEGV, code::SEGV_MAPERR, 0x1234);
    world.handle(Signal::SEGV, SaFlags::empty(), SignalSet::EMPTY);
    world.send(Signal::HUP);
    world.handle(Signal::HUP, SaFlags::empty(), SignalSet::EMPTY);
    world.group.force(&world.threads[0], segv, Force::Handler);
    // Before the lower number: the handler must see the registers of the trap.
    let Delivery::Handler { signal, info, .. } = world.next(0) else { panic!() };
    assert_eq!((signal, info.address()), (Signal::SEGV, 0x1234));
    assert_eq!(world.next_handler(0).map(|h| h.0), Some(Signal::HUP));
    // Again, inside its own handler.
    world.group.force(&world.threads[0], segv, Force::Handler);
    assert!(matches!(world.next(0), Delivery::Terminate { signal: Signal::SEGV, core: true, .. }));
}

#[test]
fn sigsuspend_runs_the_handler_and_goes_back_to_the_old_mask() {
    let world = World::new(1);
    world.handle(Signal::USR1, SaFlags::empty(), SignalSet::EMPTY);
    let thread = &world.threads[0];
    let usr2 = SignalSet::single(Signal::USR2);
    world.group.set_mask(thread, USR1);
    world.send(Signal::USR1);
    world.group.set_temporary_mask(thread, usr2);
    assert_eq!(thread.user_mask(), USR1);
    assert!(world.group.interrupts(thread));
    assert_eq!(world.next_handler(0), Some((Signal::USR1, USR1)));
    assert_eq!(thread.blocked(), USR1.union(usr2));
    // Without a handler the old mask comes back, and what it lets through.
    world.group.set_mask(thread, SignalSet::EMPTY);
    world.group.set_temporary_mask(thread, USR1);
    world.send(Signal::USR1);
    assert!(!world.group.interrupts(thread));
    assert!(world.next_handler(0).is_some());
    assert_eq!(thread.blocked(), USR1);
}

#[test]
fn sigtimedwait_wakes_for_what_it_blocks() {
    let world = World::new(2);
    let thread = &world.threads[1];
    for t in &world.threads {
        world.group.set_mask(t, USR1);
    }
    assert_eq!(world.group.take(thread, USR1), None);
    world.group.await_signals(thread, USR1);
    world.send(Signal::USR1);
    assert_eq!((world.woken(0), world.woken(1)), (0, 1));
    assert_eq!(world.group.take(thread, USR1).unwrap().signo, 10);
    world.group.await_signals(thread, SignalSet::EMPTY);
}

#[test]
fn signalfd_reads_what_it_asked_for() {
    let world = World::new(1);
    let thread = world.threads[0].clone();
    world.group.set_mask(&thread, USR1.union(SignalSet::single(Signal::RTMAX)));
    let finder = Box::new(move || Some(thread.clone()));
    let fd = SignalFd::new(USR1, world.group.clone(), finder);
    let mut buf = [0; 300];
    assert_eq!(fd.read(&mut SliceSink::new(&mut buf), OpenFlags::empty()), Err(Errno::EAGAIN));
    assert_eq!(fd.read(&mut SliceSink::new(&mut buf[..100]), OpenFlags::empty()), Err(Errno::EINVAL));
    let wake = Arc::new(Counter::default());
    let _registered = fd.wait_queue().unwrap().register(Events::IN, wait::Share::All, wake.clone().into());
    world.send(Signal::RTMAX);
    world.send(Signal::USR1);
    assert!(wake.0.load(Ordering::SeqCst) > 0);
    assert_eq!(fd.poll(), Events::READABLE);
    assert_eq!(fd.read(&mut SliceSink::new(&mut buf), OpenFlags::empty()), Ok(128));
    let info = SignalfdSiginfo::read_from_bytes(&buf[..128]).unwrap();
    assert_eq!((info.signo, info.pid), (10, 1));
    assert_eq!(fd.poll(), Events::empty());
}

#[test]
fn restart_rules() {
    let (sys, nohand) = (Errno::ERESTARTSYS, Errno::ERESTARTNOHAND);
    assert_eq!(restart_rule(sys, None), Some(Restart::Again));
    assert_eq!(restart_rule(sys, Some(SaFlags::RESTART)), Some(Restart::Again));
    assert_eq!(restart_rule(sys, Some(SaFlags::empty())), Some(Restart::Interrupted));
    assert_eq!(restart_rule(nohand, Some(SaFlags::RESTART)), Some(Restart::Interrupted));
    assert_eq!(restart_rule(nohand, None), Some(Restart::Again));
    assert_eq!(restart_rule(Errno::EINTR, None), None);
}

#[test]
fn alternate_stacks() {
    let thread = ThreadSignals::new(1, SignalSet::EMPTY, Attention::default());
    let stack = |sp, flags, size| StackT { sp, flags, padding: 0, size };
    assert_eq!(thread.set_alt_stack(stack(0x1000, 0, 100), 0), Err(Errno::ENOMEM));
    assert_eq!(thread.set_alt_stack(stack(0x1000, 8, 8192), 0), Err(Errno::EINVAL));
    thread.set_alt_stack(stack(0x1000, 0, 8192), 0).unwrap();
    assert_eq!(thread.alt_stack().to_user(0x2000).flags, SsFlags::ONSTACK.bits());
    assert_eq!(thread.set_alt_stack(stack(0, 2, 0), 0x2000), Err(Errno::EPERM));
    thread.set_alt_stack(stack(0, 2, 0), 0x9000).unwrap();
    assert_eq!(thread.alt_stack().to_user(0).flags, SsFlags::DISABLE.bits());
    thread.set_alt_stack(stack(0x1000, SsFlags::AUTODISARM.bits(), 8192), 0).unwrap();
    thread.disarm_alt_stack();
    assert_eq!(thread.alt_stack().top(), None);
}

#[test]
fn a_real_interval_timer_sends_sigalrm_each_time() {
    let world = World::new(1);
    world.handle(Signal::ALRM, SaFlags::NODEFER, SignalSet::EMPTY);
    let timers = world.group.interval_timers();
    timers.set(ItimerKind::Real, ItimerValue { value_ns: 100, interval_ns: 50 }, 0);
    world.advance(99);
    assert_eq!(world.next_handler(0), None);
    assert_eq!(timers.get(ItimerKind::Real, 0), ItimerValue { value_ns: 1, interval_ns: 50 });
    for step in [1, 50, 50] {
        world.advance(step);
        assert_eq!(world.next_handler(0).map(|h| h.0), Some(Signal::ALRM));
        assert_eq!(world.next_handler(0), None);
    }
    timers.set(ItimerKind::Real, ItimerValue::default(), 0);
    world.advance(1000);
    assert_eq!(world.next_handler(0), None);
}

#[test]
fn cpu_interval_timers_count_cpu_time() {
    let world = World::new(1);
    let timers = world.group.interval_timers();
    timers.set(ItimerKind::Prof, ItimerValue { value_ns: 10, interval_ns: 0 }, 1000);
    assert!(timers.cpu_armed());
    timers.check_cpu(1009);
    assert_eq!(world.next(0), Delivery::None);
    timers.check_cpu(1010);
    assert!(matches!(world.next(0), Delivery::Terminate { signal: Signal::PROF, .. }));
    assert!(!timers.cpu_armed());
}

#[test]
fn a_posix_timer_counts_what_its_signal_missed() {
    let world = World::new(1);
    world.handle(Signal::USR1, SaFlags::NODEFER, SignalSet::EMPTY);
    let timers = world.group.timers();
    let id = timers.create(TimerClock::Monotonic, Notify::Process(Signal::USR1), Some(77)).unwrap();
    let spec = TimerSpec { value_ns: 100, interval_ns: 10 };
    assert_eq!(timers.set(id, spec, Start::Relative, 0), Ok(TimerSpec::default()));
    world.advance(100);
    world.advance(35);
    let Delivery::Handler { info, .. } = world.next(0) else { panic!() };
    assert_eq!((info.code, info.timer_id(), info.uid(), info.value()), (code::SI_TIMER, Some(id), 3, 77));
    assert_eq!(timers.overrun(id), Ok(3));
    assert_eq!(timers.setting(id, 0), Ok(TimerSpec { value_ns: 5, interval_ns: 10 }));
    world.advance(5);
    let Delivery::Handler { info, .. } = world.next(0) else { panic!() };
    assert_eq!(info.uid(), 0);
    world.advance(10);
    timers.delete(id).unwrap();
    assert_eq!(world.next(0), Delivery::None);
    assert_eq!(timers.overrun(id), Err(Errno::EINVAL));
}

#[test]
fn posix_timers_without_signal_absolute_and_on_cpu_time() {
    let world = World::new(1);
    let timers = world.group.timers();
    let silent = timers.create(TimerClock::Realtime, Notify::None, None).unwrap();
    let at = world.clock.realtime_ns() + 500;
    timers.set(silent, TimerSpec { value_ns: at, interval_ns: 0 }, Start::Absolute, 0).unwrap();
    assert_eq!(timers.setting(silent, 0).unwrap().value_ns, 500);
    world.advance(600);
    assert_eq!(timers.setting(silent, 0).unwrap().value_ns, 0);
    let thread = Arc::downgrade(&world.threads[0]);
    let cpu = timers.create(TimerClock::ThreadCpu(1), Notify::Thread(Signal::USR1, thread), None).unwrap();
    assert_eq!(cpu, 1);
    timers.set(cpu, TimerSpec { value_ns: 100, interval_ns: 0 }, Start::Relative, 1000).unwrap();
    timers.check_cpu(&|_| Some(1099));
    assert_eq!(world.next(0), Delivery::None);
    timers.check_cpu(&|_| Some(1100));
    assert!(matches!(world.next(0), Delivery::Terminate { signal: Signal::USR1, .. }));
}

#[test]
fn a_posix_timer_set_to_the_past_has_fired_when_the_call_returns() {
    let world = World::new(1);
    world.advance(1000);
    world.handle(Signal::USR1, SaFlags::NODEFER, SignalSet::EMPTY);
    let timers = world.group.timers();
    let id = timers.create(TimerClock::Monotonic, Notify::Process(Signal::USR1), None).unwrap();
    timers.set(id, TimerSpec { value_ns: 1, interval_ns: 0 }, Start::Absolute, 0).unwrap();
    assert!(matches!(world.next(0), Delivery::Handler { .. }));
    world.advance(10);
    assert_eq!(world.next(0), Delivery::None);
    assert_eq!(timers.setting(id, 0), Ok(TimerSpec::default()));
}

#[test]
fn exec_keeps_what_is_ignored_and_forgets_handlers() {
    let world = World::new(1);
    world.handle(Signal::USR1, SaFlags::RESTART, USR1);
    world.group.set_action(Signal::HUP, Action { handler: Action::IGNORE, ..Action::default() }).unwrap();
    world.group.timers().create(TimerClock::Monotonic, Notify::None, None).unwrap();
    world.group.reset_for_exec();
    assert_eq!(world.group.action(Signal::USR1), Action::default());
    assert_eq!(world.group.action(Signal::HUP).handler, Action::IGNORE);
    assert_eq!(world.group.timers().overrun(0), Err(Errno::EINVAL));
}
