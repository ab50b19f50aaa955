//! Taking signals on the way back to the application.

#[cfg(feature = "handlers")]
use crate::action::SaFlags;
use crate::action::{Action, DefaultAction};
#[cfg(feature = "handlers")]
use crate::group::State;
use crate::{SigInfo, Signal, SignalGroup, SignalSet, ThreadSignals};
use core::sync::atomic::Ordering;

/// What the thread must do before it goes back to the application.
#[derive(Debug, PartialEq)]
pub enum Delivery {
    /// Nothing.
    None,
    /// Run a handler.
    Handler {
        /// Which signal.
        signal: Signal,
        /// What the handler is told.
        info: SigInfo,
        /// Where and how it runs.
        action: Action,
        /// The mask to record in the frame and go back to; the handler's is in force already.
        mask: SignalSet,
    },
    /// End the process.
    Terminate {
        /// By which signal.
        signal: Signal,
        /// What is known about it.
        info: SigInfo,
        /// Whether the default asks for a core dump.
        core: bool,
    },
    /// Wait until [`SignalGroup::is_stopped`] is false, then ask again.
    Stop,
}

impl SignalGroup {
    /// What `thread` does next; called when [`ThreadSignals::needs_attention`] until it answers [`Delivery::None`].
    pub fn next(&self, thread: &ThreadSignals) -> Delivery {
        let mut state = self.state.lock();
        loop {
            let taken = {
                let mut own = thread.pending.lock();
                let open = SignalSet::ALL.without(thread.blocked());
                // SIGKILL comes before everything, a stop included.
                let kill = SignalSet::single(Signal::KILL);
                let killed = own.take(kill).or_else(|| state.pending.take(kill));
                match killed {
                    Some(killed) => Some(killed),
                    None if state.stopped => return Delivery::Stop,
                    None => own.take(open).or_else(|| state.pending.take(open)),
                }
            };
            #[cfg_attr(not(feature = "posix-timers"), expect(unused_mut, reason = "timers count what they send"))]
            let Some((signal, mut info)) = taken else {
                let saved = thread.saved_mask.lock().take();
                if let Some(mask) = saved {
                    thread.blocked.store(mask.0, Ordering::Relaxed);
                    continue;
                }
                thread.set_hint(false);
                return Delivery::None;
            };
            #[cfg(feature = "posix-timers")]
            if info.timer_id().is_some() {
                drop(state);
                self.timers.delivered(&mut info);
                state = self.state.lock();
            }
            let action = state.action(signal);
            #[cfg(feature = "handlers")]
            if action.is_handler() {
                return self.deliver_handler(&mut state, thread, signal, info, action);
            }
            if action.handler == Action::IGNORE {
                continue;
            }
            match DefaultAction::of(signal) {
                DefaultAction::Ignore | DefaultAction::Continue => {}
                DefaultAction::Terminate => return Delivery::Terminate { signal, info, core: false },
                DefaultAction::Core => return Delivery::Terminate { signal, info, core: true },
                DefaultAction::Stop => {
                    state.stopped = true;
                    let threads = state.threads.clone();
                    drop(state);
                    threads.iter().for_each(|t| t.poke());
                    return Delivery::Stop;
                }
            }
        }
    }

    #[cfg(feature = "handlers")]
    fn deliver_handler(&self, state: &mut State, thread: &ThreadSignals, signal: Signal, info: SigInfo, action: Action) -> Delivery {
        if action.flags.contains(SaFlags::RESETHAND) {
            state.actions[signal.index()].handler = Action::DEFAULT;
        }
        let blocked = thread.blocked();
        let mask = thread.saved_mask.lock().take().unwrap_or(blocked);
        let mut during = blocked.union(action.mask);
        if !action.flags.contains(SaFlags::NODEFER) {
            during = during.union(SignalSet::single(signal));
        }
        thread.blocked.store(during.without(SignalSet::UNBLOCKABLE).0, Ordering::Relaxed);
        Delivery::Handler { signal, info, action, mask }
    }
}
