//! One CPU's run queue: tasks that could run, the one that has had least CPU time first.

use crate::Task;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

/// Ready tasks in order of virtual run time. Few are ready at a time, so a sorted ring beats a tree.
#[derive(Default)]
pub(crate) struct Queue {
    ready: VecDeque<Arc<Task>>,
    /// Never falls: where newcomers and sleepers start, so that nobody saves up CPU time.
    floor: u64,
}

fn vruntime(task: &Task) -> u64 {
    task.vruntime.load(Ordering::Relaxed)
}

impl Queue {
    /// Puts a task behind all that have had no more CPU time than it.
    pub(crate) fn insert(&mut self, task: Arc<Task>) {
        let key = vruntime(&task);
        if self.ready.back().is_none_or(|last| vruntime(last) <= key) {
            return self.ready.push_back(task);
        }
        let at = self.ready.partition_point(|t| vruntime(t) <= key);
        self.ready.insert(at, task);
    }

    /// As [`insert`](Self::insert) for a task that slept or is new: it may not be further behind than `credit_ns`.
    pub(crate) fn insert_from_sleep(&mut self, task: Arc<Task>, credit_ns: u64) -> u64 {
        let placed = vruntime(&task).max(self.floor.saturating_sub(credit_ns));
        task.vruntime.store(placed, Ordering::Relaxed);
        self.insert(task);
        placed
    }

    /// The running task, which is in no queue, has got to `reached`: the floor follows the last in the race.
    pub(crate) fn raise_floor(&mut self, reached: u64) {
        let first = self.ready.front().map_or(reached, |t| vruntime(t));
        self.floor = self.floor.max(reached.min(first));
    }

    /// Puts a task behind all others (sched_yield(2)).
    pub(crate) fn insert_last(&mut self, task: Arc<Task>) {
        let last = self.ready.back().map_or(0, |t| vruntime(t));
        task.vruntime.store(vruntime(&task).max(last), Ordering::Relaxed);
        self.ready.push_back(task);
    }

    /// Takes the task that is to run next.
    pub(crate) fn pop(&mut self) -> Option<Arc<Task>> {
        let task = self.ready.pop_front()?;
        self.floor = self.floor.max(vruntime(&task));
        Some(task)
    }

    /// Takes the least urgent task that `may_go` lets go to another CPU; the answer's number is how far it was behind the floor here.
    pub(crate) fn steal(&mut self, may_go: impl Fn(&Task) -> bool) -> Option<(Arc<Task>, u64)> {
        let at = self.ready.iter().rposition(|t| may_go(t))?;
        let task = self.ready.remove(at)?;
        let ahead = vruntime(&task).saturating_sub(self.floor);
        Some((task, ahead))
    }

    /// Takes this very task out, if it waits here.
    pub(crate) fn remove(&mut self, task: &Task) -> Option<Arc<Task>> {
        let at = self.ready.iter().position(|t| core::ptr::eq(&**t, task))?;
        self.ready.remove(at)
    }

    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    pub(crate) fn len(&self) -> usize {
        self.ready.len()
    }
}
