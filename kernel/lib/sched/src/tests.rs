//! Run-queue decisions on a simulated machine: nothing is really switched, the test acts as whichever task is current.

use crate::*;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use spinlock::Mutex;
use time::TimerQueue;

mod several;
mod threads;

struct Number(usize, Arc<AtomicUsize>);

impl Context for Number {
    fn raw(&self) -> usize {
        self.0
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Simulated {
    now: AtomicU64,
    deadline: Mutex<Option<u64>>,
    programmed: AtomicUsize,
    switches: Mutex<Vec<(usize, usize)>>,
    scheduler: Mutex<Option<Arc<Scheduler>>>,
    /// What an interrupt in the idle loop does, when there is no deadline.
    interrupt: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    freed: Arc<AtomicUsize>,
    /// CPUs beside the first, and the one that the test acts as.
    others: usize,
    cpu: AtomicUsize,
    kicks: Mutex<Vec<usize>>,
}

impl Machine for Simulated {
    fn now_ns(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }
    fn cpu_id(&self) -> usize {
        self.cpu.load(Ordering::SeqCst)
    }
    fn cpu_count(&self) -> usize {
        1 + self.others
    }
    fn switch(&self, prev: usize, next: usize) {
        self.switches.lock().push((prev, next));
    }
    fn idle(&self) {
        if let Some(deadline) = self.deadline.lock().take() {
            self.now.fetch_max(deadline, Ordering::SeqCst);
            let scheduler = self.scheduler.lock().clone().unwrap();
            scheduler.tick();
            return;
        }
        let interrupt = self.interrupt.lock().take();
        interrupt.expect("the machine sleeps for ever")();
    }
    fn set_deadline(&self, deadline: Option<u64>) {
        self.programmed.fetch_add(1, Ordering::SeqCst);
        *self.deadline.lock() = deadline;
    }
    fn kick(&self, cpu: usize) {
        self.kicks.lock().push(cpu);
    }
}

pub(crate) struct World {
    machine: Arc<Simulated>,
    scheduler: Arc<Scheduler>,
}

const MS: u64 = 1_000_000;

impl World {
    pub(crate) fn new() -> Self {
        Self::of(1)
    }

    /// Of so many CPUs, of which the first has come up.
    fn of(cpus: usize) -> Self {
        let machine = Arc::new(Simulated { others: cpus - 1, ..Simulated::default() });
        let scheduler = Scheduler::new(machine.clone(), TimerQueue::new());
        *machine.scheduler.lock() = Some(scheduler.clone());
        scheduler.adopt(Box::new(Number(0, machine.freed.clone())));
        Self { machine, scheduler }
    }

    pub(crate) fn spawn(&self, number: usize) -> Arc<Task> {
        let task = self.scheduler.create(Box::new(Number(number, self.machine.freed.clone())));
        self.scheduler.start(&task);
        task
    }

    /// Leaves the boot flow for the first task.
    fn enter(&self) {
        self.scheduler.rest();
    }

    /// Lets the current task run for `ns`, with the timer interrupts that fall into it, as the machine would.
    fn work(&self, ns: u64) {
        let end = self.machine.now_ns() + ns;
        loop {
            let due = self.machine.deadline.lock().filter(|at| *at <= end);
            let Some(at) = due else { break };
            *self.machine.deadline.lock() = None;
            self.machine.now.fetch_max(at, Ordering::SeqCst);
            self.scheduler.tick();
            if self.scheduler.need_resched() {
                self.scheduler.preempt();
            }
        }
        self.machine.now.fetch_max(end, Ordering::SeqCst);
    }

    fn running(&self) -> usize {
        self.scheduler.current().unwrap().context().raw()
    }
}

#[test]
fn equals_share_the_cpu_in_slices() {
    let world = World::new();
    let tasks = [world.spawn(1), world.spawn(2), world.spawn(3)];
    world.enter();
    assert_eq!(world.running(), 1);
    world.work(120 * MS);
    let now = world.machine.now_ns();
    for task in &tasks {
        let ran = task.stats(now).run_ns;
        assert!(ran.abs_diff(40 * MS) <= SLICE_NS, "{ran}");
    }
    let switches = world.machine.switches.lock().len();
    assert!((28..=32).contains(&switches), "{switches}");
}

#[test]
fn nice_tasks_get_less() {
    let world = World::new();
    let (normal, nice) = (world.spawn(1), world.spawn(2));
    nice.set_nice(5);
    world.enter();
    world.work(1000 * MS);
    let now = world.machine.now_ns();
    let ratio = normal.stats(now).run_ns * 10 / nice.stats(now).run_ns;
    // 1024 / 335 by Linux's weights.
    assert!((28..=33).contains(&ratio), "{ratio}");
}

#[test]
fn one_task_alone_is_never_interrupted() {
    let world = World::new();
    world.spawn(1);
    world.enter();
    world.work(5000 * MS);
    assert_eq!(world.machine.programmed.load(Ordering::SeqCst), 0);
}

#[test]
fn a_sleeper_goes_on_by_itself_without_a_switch() {
    let world = World::new();
    world.spawn(1);
    world.enter();
    let before = world.machine.switches.lock().len();
    let start = world.machine.now_ns();
    assert_eq!(world.scheduler.block(Some(start + 7 * MS)), Wakeup::TimedOut);
    assert_eq!(world.machine.now_ns(), start + 7 * MS);
    assert_eq!(world.machine.switches.lock().len(), before);
    assert_eq!(world.scheduler.idle_ns(0), 7 * MS);
}

#[test]
fn a_wake_before_the_block_is_not_lost_and_an_old_one_is_forgotten() {
    let world = World::new();
    let task = world.spawn(1);
    world.enter();
    task.clear_wake();
    task.waker().wake();
    assert_eq!(world.scheduler.block(None), Wakeup::Woken);
    task.waker().wake();
    task.clear_wake();
    let waker = task.waker();
    *world.machine.interrupt.lock() = Some(Box::new(move || waker.wake()));
    assert_eq!(world.scheduler.block(None), Wakeup::Woken);
    assert!(world.machine.interrupt.lock().is_none());
}

#[test]
fn a_past_deadline_does_not_sleep() {
    let world = World::new();
    world.spawn(1);
    world.enter();
    world.work(5 * MS);
    assert_eq!(world.scheduler.block(Some(3 * MS)), Wakeup::TimedOut);
}

#[test]
fn a_task_that_slept_long_runs_before_one_that_hogs() {
    let world = World::new();
    let sleeper = world.spawn(1);
    world.enter();
    world.spawn(2);
    world.scheduler.block(None);
    assert_eq!(world.running(), 2);
    world.work(50 * MS);
    assert_eq!(world.running(), 2);
    sleeper.waker().wake();
    assert!(world.scheduler.need_resched());
    world.scheduler.preempt();
    assert_eq!(world.running(), 1);
    // It has credit for 2 ms, not for the 50 it slept.
    world.work(20 * MS);
    let now = world.machine.now_ns();
    assert!(sleeper.stats(now).run_ns < 16 * MS);
}

#[test]
fn a_wake_by_a_task_that_just_started_does_not_interrupt_it() {
    let world = World::new();
    let other = world.spawn(1);
    world.enter();
    world.spawn(2);
    world.scheduler.block(None);
    other.waker().wake();
    assert!(!world.scheduler.need_resched());
    world.scheduler.yield_now();
    assert_eq!(world.running(), 1);
}

#[test]
fn yielding_lets_every_other_task_run_once() {
    let world = World::new();
    let _tasks = [world.spawn(1), world.spawn(2), world.spawn(3)];
    world.enter();
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(world.running());
        world.machine.now.fetch_add(1000, Ordering::SeqCst);
        world.scheduler.yield_now();
    }
    assert_eq!(order, [1, 2, 3, 1, 2, 3]);
}

#[test]
fn the_dead_are_freed_by_the_next_task() {
    let world = World::new();
    let payload = Arc::new(());
    let task = world.spawn(1);
    task.set_payload(payload.clone());
    let next = world.spawn(2);
    world.enter();
    drop(task);
    world.scheduler.bury_current();
    assert_eq!(world.running(), 2);
    assert_eq!(world.machine.freed.load(Ordering::SeqCst), 1);
    assert_eq!(Arc::strong_count(&payload), 1);
    assert!(!next.is_dead());
}

#[test]
fn an_affinity_without_cpus_is_refused() {
    let world = World::new();
    let task = world.spawn(1);
    assert_eq!(world.scheduler.set_affinity(&task, 0b10), Err(uapi::Errno::EINVAL));
    assert_eq!(world.scheduler.set_affinity(&task, 0b11), Ok(()));
    assert_eq!(task.affinity(), 1);
}
