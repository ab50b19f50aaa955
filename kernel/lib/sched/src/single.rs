//! The run queue of a kernel with one task: that waits here until the CPU comes back from its sleep, and is before and behind nobody.

use crate::Task;
use alloc::sync::Arc;

/// The task, when it could run.
#[derive(Default)]
pub(crate) struct Queue(Option<Arc<Task>>);

impl Queue {
    pub(crate) fn insert(&mut self, task: Arc<Task>) {
        self.0 = Some(task);
    }

    pub(crate) fn insert_from_sleep(&mut self, task: Arc<Task>, _credit_ns: u64) -> u64 {
        self.insert(task);
        0
    }

    pub(crate) fn raise_floor(&mut self, _reached: u64) {}

    pub(crate) fn insert_last(&mut self, task: Arc<Task>) {
        self.insert(task);
    }

    pub(crate) fn pop(&mut self) -> Option<Arc<Task>> {
        self.0.take()
    }

    pub(crate) fn steal(&mut self, _may_go: impl Fn(&Task) -> bool) -> Option<(Arc<Task>, u64)> {
        None
    }

    pub(crate) fn remove(&mut self, _task: &Task) -> Option<Arc<Task>> {
        None
    }

    pub(crate) fn floor(&self) -> u64 {
        0
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.0.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use crate::tests::World;

    #[test]
    fn the_task_is_here_or_runs() {
        let task = World::new().spawn(1);
        let mut queue = Queue::default();
        assert!(queue.pop().is_none() && queue.len() == 0);
        assert_eq!(queue.insert_from_sleep(task.clone(), 0), 0);
        assert!(queue.len() == 1 && queue.steal(|_| true).is_none() && queue.remove(&task).is_none());
        assert_eq!(queue.pop().map(|task| task.id()), Some(task.id()));
        assert!(queue.pop().is_none());
    }
}
