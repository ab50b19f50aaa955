//! A queue of signals that wait to be taken.

use crate::{SigInfo, Signal, SignalSet};
use alloc::vec::Vec;

/// Signals sent and not yet taken, of a thread or of a process. Standard signals are held once, real-time signals as often as sent.
#[derive(Default)]
pub(crate) struct Pending {
    set: SignalSet,
    infos: Vec<SigInfo>,
}

/// How [`Pending::push`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Queued,
    /// A standard signal that is pending already.
    Coalesced,
}

impl Pending {
    pub(crate) fn push(&mut self, signal: Signal, info: SigInfo) -> Pushed {
        if !signal.is_realtime() && self.set.contains(signal) {
            return Pushed::Coalesced;
        }
        self.set = self.set.union(SignalSet::single(signal));
        self.infos.push(info);
        Pushed::Queued
    }

    pub(crate) fn set(&self) -> SignalSet {
        self.set
    }

    pub(crate) fn len(&self) -> usize {
        self.infos.len()
    }

    /// Takes the first signal out of `from`: synchronous ones first, then the lowest number, then the oldest.
    pub(crate) fn take(&mut self, from: SignalSet) -> Option<(Signal, SigInfo)> {
        let signal = self.set.intersection(from).first()?;
        let number = i32::from(signal.number());
        let at = self.infos.iter().position(|info| info.signo == number)?;
        let info = self.infos.remove(at);
        if !signal.is_realtime() || !self.infos.iter().any(|info| info.signo == number) {
            self.set = self.set.without(SignalSet::single(signal));
        }
        Some((signal, info))
    }

    /// Throws away every signal in `set`.
    pub(crate) fn discard(&mut self, set: SignalSet) {
        if !self.set.intersection(set).is_empty() {
            self.set = self.set.without(set);
            self.infos.retain(|info| info.signal().is_some_and(|signal| !set.contains(signal)));
        }
    }

    /// Throws away what the timer `id` has queued.
    #[cfg(feature = "posix-timers")]
    pub(crate) fn discard_timer(&mut self, id: i32) {
        self.infos.retain(|info| info.timer_id() != Some(id));
        let left = self.infos.iter().filter_map(SigInfo::signal);
        self.set = left.fold(SignalSet::EMPTY, |set, signal| set.union(SignalSet::single(signal)));
    }
}
