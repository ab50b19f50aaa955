//! A queue from many senders to one receiver, as `std::sync::mpsc`.

use crate::sys;
use crate::time::Duration;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use spinlock::Mutex;
use wait::{Events, WaitQueue};

struct State<T> {
    queue: VecDeque<T>,
    senders: usize,
    has_receiver: bool,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    filled: WaitQueue,
}

/// The receiver is gone: the value comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// The queue is empty and will stay so: every sender is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// Why there is nothing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing was sent yet.
    Empty,
    /// Every sender is gone.
    Disconnected,
}

/// Why nothing came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time is over.
    Timeout,
    /// Every sender is gone.
    Disconnected,
}

/// A queue without a limit.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { queue: VecDeque::new(), senders: 1, has_receiver: true };
    let shared = Arc::new(Shared { state: Mutex::new(state), filled: WaitQueue::new() });
    (Sender(shared.clone()), Receiver(shared))
}

/// The end that values go in at.
pub struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// Puts a value behind all others.
    ///
    /// # Errors
    /// The receiver is gone.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.0.state.lock();
        if !state.has_receiver {
            return Err(SendError(value));
        }
        state.queue.push_back(value);
        drop(state);
        self.0.filled.wake(Events::IN);
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().senders += 1;
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.senders -= 1;
        let is_last = state.senders == 0;
        drop(state);
        if is_last {
            self.0.filled.wake(Events::IN);
        }
    }
}

/// The end that values come out at.
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// The next value, if there is one now.
    ///
    /// # Errors
    /// There is none.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.0.state.lock();
        match state.queue.pop_front() {
            Some(value) => Ok(value),
            None if state.senders == 0 => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    fn next(&self, deadline_ns: Option<u64>) -> Result<T, TryRecvError> {
        let mut got = Err(TryRecvError::Empty);
        sys::wait_on(&[(&self.0.filled, Events::IN)], deadline_ns, &mut || {
            got = self.try_recv();
            !matches!(got, Err(TryRecvError::Empty))
        });
        got
    }

    /// Waits for the next value.
    ///
    /// # Errors
    /// Every sender is gone.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.next(None).map_err(|_| RecvError)
    }

    /// Waits for the next value, for `duration` at most.
    ///
    /// # Errors
    /// The time is over, or every sender is gone.
    pub fn recv_timeout(&self, duration: Duration) -> Result<T, RecvTimeoutError> {
        self.next(sys::deadline(duration)).map_err(|error| match error {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// Values until every sender is gone.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        core::iter::from_fn(|| self.recv().ok())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.has_receiver = false;
        let left = core::mem::take(&mut state.queue);
        drop(state);
        // Values may send when they are dropped.
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thread;

    #[test]
    fn every_value_arrives_and_the_end_is_seen() {
        let (sender, receiver) = channel();
        for first in [0, 100, 200] {
            let sender = sender.clone();
            thread::spawn(move || (first..first + 100).for_each(|value| sender.send(value).expect("the receiver is there")));
        }
        drop(sender);
        assert_eq!(receiver.iter().sum::<u32>(), (0..300).sum());
        assert_eq!((receiver.recv(), receiver.try_recv()), (Err(RecvError), Err(TryRecvError::Disconnected)));
    }

    #[test]
    fn without_a_receiver_values_come_back() {
        let (sender, receiver) = channel();
        assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
        drop(receiver);
        assert_eq!(sender.send(5), Err(SendError(5)));
    }
}
