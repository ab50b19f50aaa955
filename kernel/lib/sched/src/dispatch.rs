//! Handing CPUs over: where a woken task goes, what a CPU runs next, the switch itself.

use crate::scheduler::{After, Leave, NEVER, THREADS};
use crate::{SLICE_NS, Scheduler, Task};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// A task that slept runs before others by at most this much.
const SLEEPER_CREDIT_NS: u64 = 2_000_000;
/// A woken task interrupts the running one only when it is behind by more than this: less thrashing, bigger batches.
const WAKE_GRANULARITY_NS: u64 = 1_000_000;

impl Scheduler {
    /// Puts a woken (or new) task where it runs soonest.
    pub(crate) fn enqueue_woken(&self, task: &Arc<Task>) {
        let here = self.cpu_id();
        let at = self.choose_cpu(task, here);
        let cpu = &self.cpus[at];
        if !THREADS {
            // It slept, so the CPU is idle.
            cpu.queue.lock().insert(task.clone());
            cpu.ready.store(1, Ordering::Relaxed);
            return;
        }
        let now = self.now_ns();
        // How far the running task has got, its present slice included.
        let reached = match cpu.current.lock().as_ref() {
            Some(running) if !cpu.idle.load(Ordering::SeqCst) && !running.is_blocked() => {
                let ran = now.saturating_sub(running.since_ns.load(Ordering::Relaxed));
                Some(running.vruntime.load(Ordering::Relaxed) + running.weighted(ran))
            }
            _ => None,
        };
        let placed = {
            let mut queue = cpu.queue.lock();
            if let Some(reached) = reached {
                queue.raise_floor(reached);
            }
            let placed = queue.insert_from_sleep(task.clone(), SLEEPER_CREDIT_NS);
            cpu.ready.store(queue.len(), Ordering::Relaxed);
            placed
        };
        if cpu.idle.load(Ordering::SeqCst) {
            if at != here {
                self.machine.kick(at);
            }
            return;
        }
        let urgent = reached.is_some_and(|reached| placed + WAKE_GRANULARITY_NS < reached);
        let slice_end = cpu.slice_end_ns.load(Ordering::Relaxed);
        if urgent || now >= slice_end {
            cpu.end_turn();
            if at != here {
                self.machine.kick(at);
            }
        } else if at == here {
            self.program(cpu, slice_end);
        } else {
            // The other CPU programs its own timer when it looks.
            self.machine.kick(at);
        }
    }

    fn choose_cpu(&self, task: &Task, here: usize) -> usize {
        let last = task.cpu();
        // While a CPU is still on the task's stack only that CPU may queue it: nobody else can run it yet.
        if !self.several() || task.on_cpu.load(Ordering::Acquire) {
            return last;
        }
        let idle = |at: &usize| allowed(task, *at) && self.cpus[*at].idle.load(Ordering::Relaxed);
        if allowed(task, last) && idle(&last) {
            return last;
        }
        if let Some(at) = (0..self.cpus.len()).find(idle) {
            return at;
        }
        [last, here].into_iter().chain(0..self.cpus.len()).find(|at| allowed(task, *at)).unwrap_or(last)
    }

    /// The next task of CPU `at`: its own most urgent one, else one that waits elsewhere.
    fn pick(&self, at: usize) -> Option<Arc<Task>> {
        let cpu = &self.cpus[at];
        if cpu.ready.load(Ordering::Relaxed) > 0 {
            let mut queue = cpu.queue.lock();
            let task = queue.pop();
            cpu.ready.store(queue.len(), Ordering::Relaxed);
            if task.is_some() {
                return task;
            }
        }
        if !self.several() {
            return None;
        }
        for other in self.cpus.iter().enumerate().filter(|(i, c)| *i != at && c.ready.load(Ordering::Relaxed) > 0) {
            let mut queue = other.1.queue.lock();
            let stolen = queue.steal(|task| allowed(task, at) && !task.on_cpu.load(Ordering::Acquire));
            other.1.ready.store(queue.len(), Ordering::Relaxed);
            drop(queue);
            if let Some((task, ahead)) = stolen {
                task.vruntime.store(cpu.queue.lock().floor() + ahead, Ordering::Relaxed);
                return Some(task);
            }
        }
        None
    }

    /// Runs something else than `prev`, the current task, `now` being the time; returns when its turn has come again.
    pub(crate) fn leave(&self, prev: Arc<Task>, why: Leave, mut now: u64) {
        let at = self.cpu_id();
        let cpu = &self.cpus[at];
        let mut after = if !self.several() || allowed(&prev, at) { After::Nothing } else { After::Migrate };
        if THREADS && matches!(why, Leave::Preempted | Leave::Yielded) {
            charge(&prev, now);
            if after == After::Nothing {
                let mut queue = cpu.queue.lock();
                match why {
                    Leave::Yielded => queue.insert_last(prev.clone()),
                    _ => queue.insert(prev.clone()),
                }
                cpu.ready.store(queue.len(), Ordering::Relaxed);
            }
        }
        cpu.need_resched.store(false, Ordering::Relaxed);
        // The dead are not idled on: with them would stay what they hold, while other CPUs go on.
        let not_here = after == After::Migrate || why == Leave::Dead && self.several();
        let picked = self.pick(at).or_else(|| if not_here { cpu.fallback.lock().clone() } else { None });
        let next = match picked {
            Some(next) => next,
            None => {
                cpu.idle_since_ns.store(now, Ordering::Relaxed);
                let next = self.wait_for_task(at);
                let idle_since = core::mem::replace(&mut now, self.now_ns());
                cpu.idle_since_ns.store(NEVER, Ordering::Relaxed);
                cpu.idle_ns.fetch_add(now.saturating_sub(idle_since), Ordering::Relaxed);
                next
            }
        };
        next.since_ns.store(now, Ordering::Relaxed);
        cpu.slice_end_ns.store(now + SLICE_NS, Ordering::Relaxed);
        if THREADS && cpu.ready.load(Ordering::Relaxed) > 0 || self.tick_users.load(Ordering::Relaxed) > 0 {
            self.program(cpu, now + SLICE_NS);
        }
        if why == Leave::Blocked {
            prev.voluntary.fetch_add(1, Ordering::Relaxed);
            // Whoever wakes it queues it.
            after = After::Nothing;
        }
        if Arc::ptr_eq(&prev, &next) {
            // Its CPUs may have been changed while it slept on this one's stack.
            if self.several() && !allowed(&next, at) {
                cpu.end_turn();
            }
            return;
        }
        if THREADS && why == Leave::Preempted {
            prev.involuntary.fetch_add(1, Ordering::Relaxed);
        }
        cpu.switches.fetch_add(1, Ordering::Relaxed);
        next.on_cpu.store(true, Ordering::Relaxed);
        next.cpu.store(at, Ordering::Relaxed);
        let (from, to) = (prev.context.raw(), next.context.raw());
        // Nothing that owns a task may stay on this stack: a dead task never returns to drop it.
        *cpu.current.lock() = Some(next);
        *cpu.left.lock() = Some((prev, after));
        self.machine.switch(from, to);
        self.finish_switch();
    }

    /// Waits on the leaving task's stack until there is something to run; often that task itself.
    fn wait_for_task(&self, at: usize) -> Arc<Task> {
        let cpu = &self.cpus[at];
        cpu.idle.store(true, Ordering::SeqCst);
        loop {
            // Looked at after `idle` is set, so that whoever queues a task from now on kicks this CPU.
            if let Some(task) = self.pick(at) {
                cpu.idle.store(false, Ordering::SeqCst);
                return task;
            }
            self.machine.idle();
        }
    }

    /// Lets go of the task that this CPU switched away from. The first thing a new context calls; others come here by themselves.
    pub fn finish_switch(&self) {
        let at = self.cpu_id();
        let Some((prev, after)) = self.cpus[at].left.lock().take() else { return };
        prev.on_cpu.store(false, Ordering::Release);
        if prev.is_dead() {
            drop(prev.take_payload());
        } else if after == After::Migrate {
            self.enqueue_woken(&prev);
        } else if self.several() && self.cpus[at].ready.load(Ordering::Relaxed) > 0 {
            // It could not be taken while its registers were in this CPU; an idle one may want it now.
            let idle = |other: &usize| *other != at && self.cpus[*other].idle.load(Ordering::Relaxed);
            if let Some(other) = (0..self.cpus.len()).find(idle) {
                self.machine.kick(other);
            }
        }
    }
}

/// Counts the time since the task got its CPU (or was charged last) as used.
pub(crate) fn charge(task: &Task, now_ns: u64) {
    let since = task.since_ns.swap(now_ns, Ordering::Relaxed);
    let ran = now_ns.saturating_sub(since);
    task.run_ns.fetch_add(ran, Ordering::Relaxed);
    task.vruntime.fetch_add(task.weighted(ran), Ordering::Relaxed);
}

pub(crate) fn allowed(task: &Task, cpu: usize) -> bool {
    cpu < 64 && task.affinity() & (1 << cpu) != 0
}
