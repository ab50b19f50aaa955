//! Decisions between several CPUs, one step at a time: the test says which CPU it acts as.

use super::{Number, World};
use crate::*;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

/// The boot flow of CPU `cpu` has this number.
const BOOT: usize = 100;

impl World {
    /// Goes on as this CPU.
    fn act_as(&self, cpu: usize) {
        self.machine.cpu.store(cpu, Ordering::SeqCst);
    }

    /// Another CPU comes up, and is the one to act as from here on.
    fn bring_up(&self, cpu: usize) {
        self.act_as(cpu);
        self.scheduler.adopt(Box::new(Number(BOOT + cpu, self.machine.freed.clone())));
    }

    /// What happens on CPU 0 when this CPU next has nothing to do.
    fn meanwhile(self: &Arc<Self>, cpu: usize, happens: impl FnOnce(&World) + Send + 'static) {
        let world = self.clone();
        *self.machine.interrupt.lock() = Some(Box::new(move || {
            world.act_as(0);
            happens(&world);
            world.act_as(cpu);
        }));
    }

    fn kicks(&self) -> Vec<usize> {
        core::mem::take(&mut *self.machine.kicks.lock())
    }
}

#[test]
fn a_new_task_goes_to_the_cpu_that_has_nothing_to_do() {
    let world = Arc::new(World::of(2));
    world.spawn(1);
    world.enter();
    world.bring_up(1);
    world.meanwhile(1, |world| {
        world.spawn(2);
        assert_eq!(world.kicks(), [1]);
    });
    world.enter();
    assert_eq!(world.running(), 2);
    world.act_as(0);
    assert_eq!(world.running(), 1);
    assert!(!world.scheduler.need_resched());
}

#[test]
fn an_idle_cpu_takes_what_waits_elsewhere_if_it_may() {
    let world = Arc::new(World::of(2));
    world.spawn(1);
    world.enter();
    let stays = world.spawn(2);
    world.spawn(3);
    world.scheduler.set_affinity(&stays, 0b01).unwrap();
    world.bring_up(1);
    world.enter();
    assert_eq!(world.running(), 3);
    // The other one may not come: it is still there when this one has nothing left.
    let (scheduler, third) = (world.scheduler.clone(), world.scheduler.current().unwrap());
    world.meanwhile(1, move |world| {
        world.scheduler.yield_now();
        assert_eq!(world.running(), 2);
        third.waker().wake();
    });
    assert_eq!(scheduler.block(None), Wakeup::Woken);
    assert_eq!(world.running(), 3);
}

#[test]
fn a_woken_task_goes_back_where_it_ran_when_all_are_busy() {
    let world = Arc::new(World::of(2));
    let sleeper = world.spawn(1);
    world.enter();
    world.spawn(2);
    world.scheduler.block(None);
    assert_eq!(world.running(), 2);
    world.bring_up(1);
    world.meanwhile(1, |world| drop(world.spawn(3)));
    world.enter();
    assert_eq!(world.running(), 3);
    world.kicks();
    // By CPU 1, which does not take it itself but tells CPU 0 to look.
    sleeper.waker().wake();
    assert_eq!(world.kicks(), [0]);
    world.act_as(0);
    // What the interrupt does there.
    world.scheduler.tick();
    // The other one's slice is over: the deadline for it passed while CPU 1 had nothing to do.
    assert!(world.machine.now_ns() >= SLICE_NS && world.scheduler.need_resched());
    world.scheduler.preempt();
    assert_eq!(world.running(), 1);
}

#[test]
fn the_dead_do_not_stay_on_an_idle_cpu() {
    let world = Arc::new(World::of(2));
    let payload = Arc::new(());
    let task = world.spawn(1);
    task.set_payload(payload.clone());
    world.enter();
    drop(task);
    world.scheduler.bury_current();
    assert_eq!((world.machine.freed.load(Ordering::SeqCst), Arc::strong_count(&payload)), (1, 1));
}

#[test]
fn a_task_that_waits_moves_at_once_and_one_that_runs_is_interrupted() {
    let world = Arc::new(World::of(2));
    let running = world.spawn(1);
    world.enter();
    let waiting = world.spawn(2);
    world.kicks();
    world.scheduler.set_affinity(&waiting, 0b10).unwrap();
    assert_eq!(world.kicks(), [1]);
    world.bring_up(1);
    world.enter();
    assert_eq!(world.running(), 2);
    world.kicks();
    world.scheduler.set_affinity(&running, 0b10).unwrap();
    assert_eq!(world.kicks(), [0]);
    world.act_as(0);
    assert!(world.scheduler.need_resched());
    // Nothing else is there, so the boot flow takes the CPU, and the task is queued on the other.
    world.scheduler.preempt();
    assert_eq!(world.running(), 0);
    assert_eq!(world.kicks(), [1]);
    world.act_as(1);
    world.scheduler.yield_now();
    assert_eq!(world.running(), 1);
}

#[test]
fn a_task_sent_away_in_its_sleep_leaves_when_it_wakes() {
    let world = Arc::new(World::of(2));
    let task = world.spawn(1);
    world.enter();
    let scheduler = world.scheduler.clone();
    world.meanwhile(0, move |world| {
        world.scheduler.set_affinity(&task, 0b10).unwrap();
        task.waker().wake();
    });
    assert_eq!(scheduler.block(None), Wakeup::Woken);
    assert!(scheduler.need_resched());
}

#[test]
fn what_a_thread_makes_begins_with_its_cpus() {
    let world = World::of(2);
    let parent = world.spawn(1);
    world.scheduler.set_affinity(&parent, 0b10).unwrap();
    parent.set_nice(3);
    let child = world.scheduler.create(Box::new(Number(2, world.machine.freed.clone())));
    child.inherit(&parent);
    assert_eq!((child.affinity(), child.nice()), (0b10, 3));
    world.kicks();
    world.scheduler.start(&child);
    assert_eq!(world.kicks(), [1]);
}

#[test]
fn ticks_are_wanted_from_every_cpu() {
    let world = World::of(3);
    world.spawn(1);
    world.enter();
    world.kicks();
    world.scheduler.want_ticks();
    assert_eq!(world.kicks(), [1, 2]);
}
