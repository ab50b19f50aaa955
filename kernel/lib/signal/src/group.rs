//! A process's signals: sending, choosing a thread, taking.

#[cfg(feature = "interval-timers")]
use crate::IntervalTimers;
#[cfg(feature = "posix-timers")]
use crate::PosixTimers;
use crate::action::Action;
use crate::pending::{Pending, Pushed};
use crate::{SigInfo, Signal, SignalSet, ThreadSignals};
#[cfg(feature = "handlers")]
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use spinlock::{Mutex, MutexGuard};
use time::{Clock, TimerQueue};
use uapi::{Errno, Result};
use wait::{Events, WaitQueue};

/// Whom a signal is for.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// The process: any thread that does not block it.
    Process,
    /// One thread.
    Thread(&'a ThreadSignals),
}

/// Whether a trap's signal may be ignored or blocked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// A handler may take it; blocked or ignored it ends the process (a trap).
    Handler,
    /// It ends the process (a signal frame that could not be written).
    Default,
}

/// What [`SignalGroup::send`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It waits to be taken (or was pending already).
    Queued,
    /// It is ignored and gone.
    Ignored,
}

pub(crate) struct State {
    #[cfg(feature = "handlers")]
    pub(crate) actions: Box<[Action; 64]>,
    pub(crate) pending: Pending,
    pub(crate) threads: Vec<Arc<ThreadSignals>>,
    pub(crate) stopped: bool,
}

impl State {
    /// What is done about `signal`.
    pub(crate) fn action(&self, signal: Signal) -> Action {
        #[cfg(feature = "handlers")]
        return self.actions[signal.index()];
        #[cfg(not(feature = "handlers"))]
        {
            let _ = signal;
            Action::default()
        }
    }
}

/// The signal state that all threads of a process share.
pub struct SignalGroup {
    pub(crate) state: Mutex<State>,
    /// Signals that may queue at once, per queue (RLIMIT_SIGPENDING).
    limit: AtomicUsize,
    queue: WaitQueue,
    resumed: WaitQueue,
    #[cfg(feature = "posix-timers")]
    pub(crate) timers: PosixTimers,
    #[cfg(feature = "interval-timers")]
    interval_timers: IntervalTimers,
}

impl SignalGroup {
    /// Default actions, nothing pending, no threads; its timers run on `queue` by `clock`.
    pub fn new(queue: &TimerQueue, clock: &Arc<dyn Clock>) -> Arc<Self> {
        #[cfg(not(any(feature = "posix-timers", feature = "interval-timers")))]
        let _ = (queue, clock);
        // Timers hold on to their group.
        Arc::new_cyclic(|_weak| Self {
            state: Mutex::new(State {
                #[cfg(feature = "handlers")]
                actions: Box::new([Action::default(); 64]),
                pending: Pending::default(),
                threads: Vec::new(),
                stopped: false,
            }),
            limit: AtomicUsize::new(4096),
            queue: WaitQueue::new(),
            resumed: WaitQueue::new(),
            #[cfg(feature = "posix-timers")]
            timers: PosixTimers::new(_weak.clone(), queue.clone(), clock.clone()),
            #[cfg(feature = "interval-timers")]
            interval_timers: IntervalTimers::new(_weak.clone(), queue.clone(), clock.clone()),
        })
    }

    /// timer_create(2) and its family.
    #[cfg(feature = "posix-timers")]
    pub fn timers(&self) -> &PosixTimers {
        &self.timers
    }

    /// setitimer(2).
    #[cfg(feature = "interval-timers")]
    pub fn interval_timers(&self) -> &IntervalTimers {
        &self.interval_timers
    }

    /// Woken with [`Events::IN`] whenever a signal is queued: where signalfd waits.
    pub fn wait_queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Woken with [`Events::IN`] when a stopped process goes on.
    pub fn resumed(&self) -> &WaitQueue {
        &self.resumed
    }

    /// RLIMIT_SIGPENDING.
    pub fn set_limit(&self, signals: usize) {
        self.limit.store(signals, Ordering::Relaxed);
    }

    /// A new thread; the first one is preferred for process-wide signals.
    pub fn add_thread(&self, thread: Arc<ThreadSignals>) {
        let mut state = self.state.lock();
        if !state.pending.set().without(thread.blocked()).is_empty() {
            thread.set_hint(true);
        }
        state.threads.push(thread);
    }

    /// A thread ends: what waits for the process finds another one.
    pub fn remove_thread(&self, thread: &ThreadSignals) {
        let mut state = self.state.lock();
        state.threads.retain(|t| !core::ptr::eq(&**t, thread));
        let left = state.pending.set();
        let wake = choose(&state.threads, left);
        drop(state);
        if let Some(thread) = wake {
            thread.poke();
        }
    }

    /// The action for `signal`.
    pub fn action(&self, signal: Signal) -> Action {
        self.state.lock().action(signal)
    }

    /// sigaction(2): returns the old action. EINVAL for SIGKILL and SIGSTOP. What the new action ignores is no longer pending.
    #[cfg(feature = "handlers")]
    pub fn set_action(&self, signal: Signal, action: Action) -> Result<Action> {
        if SignalSet::UNBLOCKABLE.contains(signal) {
            return Err(Errno::EINVAL);
        }
        let mut state = self.state.lock();
        let old = core::mem::replace(&mut state.actions[signal.index()], action);
        if action.ignores(signal) {
            discard(&mut state, SignalSet::single(signal));
        }
        Ok(old)
    }

    /// Handlers back to the default, ignored ones stay ignored (execve(2)); timers are deleted.
    pub fn reset_for_exec(&self) {
        #[cfg_attr(not(feature = "handlers"), expect(unused_mut, reason = "there are no actions to change"))]
        let mut state = self.state.lock();
        #[cfg(feature = "handlers")]
        for action in state.actions.iter_mut() {
            let handler = if action.is_handler() { Action::DEFAULT } else { action.handler };
            *action = Action { handler, ..Action::default() };
        }
        drop(state);
        #[cfg(feature = "posix-timers")]
        self.timers.delete_all();
    }

    /// Queues `info` for `target` and wakes who is to take it. EAGAIN when it is a real-time signal of sigqueue(3) and the queue is full.
    pub fn send(&self, info: SigInfo, target: Target<'_>) -> Result<Sent> {
        let signal = info.signal().ok_or(Errno::EINVAL)?;
        let mut state = self.state.lock();
        let mut resumed = false;
        if signal == Signal::CONT || signal == Signal::KILL {
            discard(&mut state, SignalSet::STOPPING);
            resumed = core::mem::take(&mut state.stopped);
        } else if SignalSet::STOPPING.contains(signal) {
            discard(&mut state, SignalSet::single(Signal::CONT));
        }
        let action = state.action(signal);
        let held_back = |t: &ThreadSignals| t.blocked().contains(signal);
        let ignored = action.ignores(signal)
            && match target {
                Target::Thread(thread) => !held_back(thread),
                Target::Process => !state.threads.iter().any(|t| held_back(t)),
            };
        let mut wake = Wake::default();
        let sent = if ignored { Ok(Sent::Ignored) } else { self.queue_locked(&mut state, signal, info, target, &mut wake) };
        if resumed {
            wake.everybody = true;
        }
        self.wake(state, wake, resumed);
        sent
    }

    fn queue_locked(&self, state: &mut State, signal: Signal, info: SigInfo, target: Target<'_>, wake: &mut Wake) -> Result<Sent> {
        let limit = self.limit.load(Ordering::Relaxed);
        let push = |pending: &mut Pending| {
            if signal.is_realtime() && pending.len() >= limit {
                return Err(Errno::EAGAIN);
            }
            Ok(pending.push(signal, info))
        };
        let pushed = match target {
            Target::Thread(thread) => push(&mut thread.pending.lock())?,
            Target::Process => push(&mut state.pending)?,
        };
        if pushed == Pushed::Queued {
            wake.readers = true;
        }
        let set = SignalSet::single(signal);
        match target {
            // Every thread notices the end.
            _ if signal == Signal::KILL => wake.everybody = true,
            Target::Thread(thread) if thread.wants(set) => {
                wake.thread = state.threads.iter().find(|t| core::ptr::eq(&***t, thread)).cloned();
            }
            Target::Thread(_) => {}
            Target::Process => wake.thread = choose(&state.threads, set),
        }
        Ok(Sent::Queued)
    }

    fn wake(&self, state: MutexGuard<'_, State>, wake: Wake, resumed: bool) {
        // Nobody is woken under the lock: wakers take locks of their own.
        let everybody = if wake.everybody { state.threads.clone() } else { Vec::new() };
        drop(state);
        for thread in everybody.iter().chain(&wake.thread) {
            thread.poke();
        }
        if wake.readers {
            self.queue.wake(Events::READABLE);
        }
        if resumed {
            self.resumed.wake(Events::READABLE);
        }
    }

    /// A trap of `thread`: the signal is taken before it runs on. Blocked or ignored it takes the default action.
    pub fn force(&self, thread: &ThreadSignals, info: SigInfo, how: Force) {
        let Some(signal) = info.signal() else { return };
        #[cfg_attr(not(feature = "handlers"), expect(unused_mut, reason = "there are no actions to change"))]
        let mut state = self.state.lock();
        let blocked = thread.blocked();
        if how == Force::Default || state.action(signal).handler == Action::IGNORE || blocked.contains(signal) {
            #[cfg(feature = "handlers")]
            {
                state.actions[signal.index()] = Action::default();
            }
            thread.blocked.store(blocked.without(SignalSet::single(signal)).0, Ordering::Relaxed);
        }
        thread.pending.lock().push(signal, info);
        thread.set_hint(true);
    }

    /// What is pending for `thread`: its own and the process's signals.
    pub fn pending(&self, thread: &ThreadSignals) -> SignalSet {
        let state = self.state.lock();
        state.pending.set().union(thread.pending.lock().set())
    }

    /// What waits for the process, what it ignores, what it has handlers for (/proc/self/status).
    pub fn summary(&self) -> (SignalSet, SignalSet, SignalSet) {
        let state = self.state.lock();
        #[cfg_attr(not(feature = "handlers"), expect(unused_mut, reason = "there are none"))]
        let (mut ignored, mut caught) = (SignalSet::EMPTY, SignalSet::EMPTY);
        #[cfg(feature = "handlers")]
        for (bit, action) in state.actions.iter().enumerate() {
            let signal = SignalSet(1 << bit);
            if action.is_handler() {
                caught = caught.union(signal);
            } else if action.handler == Action::IGNORE {
                ignored = ignored.union(signal);
            }
        }
        (state.pending.set(), ignored, caught)
    }

    /// What waits for `thread` alone.
    pub fn pending_of(&self, thread: &ThreadSignals) -> SignalSet {
        let _state = self.state.lock();
        thread.pending.lock().set()
    }

    /// sigprocmask(2): the new mask (SIGKILL and SIGSTOP are let through always). Whatever the process was sent and this thread no
    /// longer takes finds another thread.
    pub fn set_mask(&self, thread: &ThreadSignals, mask: SignalSet) {
        let mask = mask.without(SignalSet::UNBLOCKABLE);
        let state = self.state.lock();
        let newly_blocked = mask.without(thread.blocked());
        thread.blocked.store(mask.0, Ordering::Relaxed);
        self.recheck(&state, thread);
        let orphaned = state.pending.set().intersection(newly_blocked);
        let wake = choose(&state.threads, orphaned);
        drop(state);
        if let Some(other) = wake {
            other.poke();
        }
    }

    fn recheck(&self, state: &State, thread: &ThreadSignals) {
        let pending = state.pending.set().union(thread.pending.lock().set());
        let due = !pending.without(thread.blocked()).is_empty() || state.stopped || thread.saved_mask.lock().is_some();
        thread.set_hint(due);
    }

    /// Whether an interruptible wait of `thread` must end: something can be delivered, or the process is stopped.
    pub fn interrupts(&self, thread: &ThreadSignals) -> bool {
        let state = self.state.lock();
        let pending = state.pending.set().union(thread.pending.lock().set());
        let due = state.stopped || !pending.without(thread.blocked()).is_empty();
        if !due {
            self.recheck(&state, thread);
        }
        due
    }

    /// Puts `mask` on until the next return to the application (sigsuspend(2), ppoll(2), pselect(2), epoll_pwait(2)): a handler that runs
    /// then goes back to the old mask.
    pub fn set_temporary_mask(&self, thread: &ThreadSignals, mask: SignalSet) {
        let old = thread.blocked();
        thread.saved_mask.lock().get_or_insert(old);
        let state = self.state.lock();
        thread.blocked.store(mask.without(SignalSet::UNBLOCKABLE).0, Ordering::Relaxed);
        let pending = state.pending.set().union(thread.pending.lock().set());
        thread.set_hint(!pending.without(thread.blocked()).is_empty() || state.stopped);
    }

    /// Takes the temporary mask off again when the call it was for was not interrupted.
    pub fn restore_mask(&self, thread: &ThreadSignals) {
        let saved = thread.saved_mask.lock().take();
        if let Some(mask) = saved {
            self.set_mask(thread, mask);
        }
    }

    /// Takes a pending signal out of `set`, blocked or not (sigtimedwait(2), signalfd(2)).
    pub fn take(&self, thread: &ThreadSignals, set: SignalSet) -> Option<SigInfo> {
        let mut state = self.state.lock();
        let own = thread.pending.lock().take(set);
        let taken = own.or_else(|| state.pending.take(set));
        self.recheck(&state, thread);
        drop(state);
        #[cfg_attr(not(feature = "posix-timers"), expect(unused_mut, reason = "timers count what they send"))]
        let (_, mut info) = taken?;
        #[cfg(feature = "posix-timers")]
        self.timers.delivered(&mut info);
        Some(info)
    }

    /// Makes signals in `set` wake the thread although it blocks them, until called again with the empty set (sigtimedwait(2)).
    pub fn await_signals(&self, thread: &ThreadSignals, set: SignalSet) {
        thread.awaited.store(set.without(SignalSet::UNBLOCKABLE).0, Ordering::SeqCst);
    }

    /// Whether the process is stopped (SIGSTOP and its like).
    pub fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }

    #[cfg(feature = "posix-timers")]
    pub(crate) fn discard_timer(&self, id: i32) {
        let mut state = self.state.lock();
        state.pending.discard_timer(id);
        for thread in &state.threads {
            thread.pending.lock().discard_timer(id);
        }
    }
}

#[derive(Default)]
struct Wake {
    thread: Option<Arc<ThreadSignals>>,
    everybody: bool,
    readers: bool,
}

/// The thread that takes a process-wide signal of `set`: the first that does not block it.
fn choose(threads: &[Arc<ThreadSignals>], set: SignalSet) -> Option<Arc<ThreadSignals>> {
    if set.is_empty() {
        return None;
    }
    threads.iter().find(|t| t.wants(set)).cloned()
}

fn discard(state: &mut State, set: SignalSet) {
    state.pending.discard(set);
    for thread in &state.threads {
        thread.pending.lock().discard(set);
    }
}
