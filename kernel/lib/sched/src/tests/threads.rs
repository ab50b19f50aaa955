//! Two CPUs for real: an operating-system thread stands for each task, and a switch hands a CPU's number from one to the other.

use crate::*;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};
use time::TimerQueue;

std::thread_local! {
    static CPU: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// A place where a task waits to be given a CPU.
#[derive(Default)]
struct Parking {
    cpu: Mutex<Option<usize>>,
    changed: Condvar,
}

impl Parking {
    fn resume(&self, cpu: usize) {
        let mut held = self.cpu.lock().unwrap();
        assert_eq!(*held, None, "a task is switched to while it has a CPU");
        *held = Some(cpu);
        self.changed.notify_one();
    }
    fn wait(&self) {
        let mut held = self.cpu.lock().unwrap();
        while held.is_none() {
            held = self.changed.wait(held).unwrap();
        }
        CPU.set(held.take().unwrap());
    }
}

struct Parked(usize);

impl Context for Parked {
    fn raw(&self) -> usize {
        self.0
    }
}

struct Cpus {
    start: Instant,
    parking: Vec<Parking>,
    interrupts: [(Mutex<bool>, Condvar); 2],
}

impl Machine for Cpus {
    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
    fn cpu_id(&self) -> usize {
        CPU.get()
    }
    fn cpu_count(&self) -> usize {
        2
    }
    fn switch(&self, prev: usize, next: usize) {
        self.parking[next].resume(CPU.replace(usize::MAX));
        self.parking[prev].wait();
    }
    fn idle(&self) {
        // A kick that came before ends it at once; a time limit stands for the timer interrupt.
        let (pending, arrived) = &self.interrupts[CPU.get()];
        let pending = pending.lock().unwrap();
        let (mut pending, _) = arrived.wait_timeout_while(pending, Duration::from_millis(1), |p| !*p).unwrap();
        *pending = false;
    }
    fn set_deadline(&self, _deadline: Option<u64>) {}
    fn kick(&self, cpu: usize) {
        let (pending, arrived) = &self.interrupts[cpu];
        *pending.lock().unwrap() = true;
        arrived.notify_one();
    }
}

const TASKS: usize = 6;
const ROUNDS: usize = 3000;

/// Tasks pass tokens to each other in a ring, blocking for them, yielding and being preempted in between; every token must arrive.
#[test]
fn no_wake_up_is_lost_between_two_cpus() {
    let machine = Arc::new(Cpus {
        start: Instant::now(),
        parking: (0..TASKS + 2).map(|_| Parking::default()).collect(),
        interrupts: Default::default(),
    });
    let scheduler = Scheduler::new(machine.clone(), TimerQueue::new());
    CPU.set(0);
    let tasks: Arc<Vec<Arc<Task>>> = Arc::new((0..TASKS).map(|i| scheduler.create(Box::new(Parked(i)))).collect());
    let tokens: Arc<Vec<AtomicU64>> = Arc::new((0..TASKS).map(|_| AtomicU64::new(0)).collect());
    let running: Arc<Vec<AtomicBool>> = Arc::new((0..TASKS).map(|_| AtomicBool::new(false)).collect());
    let (through, done) = std::sync::mpsc::channel();
    for i in 0..TASKS {
        let (machine, scheduler) = (machine.clone(), scheduler.clone());
        let (tasks, tokens, running, through) = (tasks.clone(), tokens.clone(), running.clone(), through.clone());
        std::thread::spawn(move || {
            machine.parking[i].wait();
            scheduler.finish_switch();
            for round in 0..ROUNDS {
                tokens[(i + 1) % TASKS].fetch_add(1, Ordering::SeqCst);
                tasks[(i + 1) % TASKS].waker().wake();
                loop {
                    tasks[i].clear_wake();
                    if tokens[i].load(Ordering::SeqCst) > round as u64 {
                        break;
                    }
                    scheduler.block(None);
                }
                assert!(!running[i].swap(true, Ordering::SeqCst), "a task runs twice");
                let current = scheduler.current().unwrap();
                assert_eq!(current.context().raw(), i);
                running[i].store(false, Ordering::SeqCst);
                match round % 7 {
                    0 => scheduler.yield_now(),
                    1 => scheduler.preempt(),
                    2 => drop(scheduler.set_affinity(&current, 1 << (round / 7 % 2))),
                    3 => drop(scheduler.set_affinity(&current, 3)),
                    _ => {}
                }
            }
            through.send(i).unwrap();
            // The end of a task: the thread stays parked for ever.
            scheduler.bury_current();
        });
    }
    for cpu in 0..2 {
        let (scheduler, tasks) = (scheduler.clone(), tasks.clone());
        std::thread::spawn(move || {
            CPU.set(cpu);
            if cpu == 0 {
                tasks.iter().for_each(|task| scheduler.start(task));
            }
            scheduler.run(Box::new(Parked(TASKS + cpu)));
        });
    }
    for count in 0..TASKS {
        assert!(done.recv_timeout(Duration::from_secs(60)).is_ok(), "{count} of {TASKS} tasks are through");
    }
}
