//! Signals that wait to be taken, in a kernel where nothing is done with what comes along with one: which they are.

use crate::{SigInfo, Signal, SignalSet};

/// Signals sent and not yet taken, of a thread or of a process.
#[derive(Default)]
pub(crate) struct Pending {
    set: SignalSet,
}

/// How [`Pending::push`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Queued,
    /// It is pending already.
    Coalesced,
}

impl Pending {
    pub(crate) fn push(&mut self, signal: Signal, _info: SigInfo) -> Pushed {
        if self.set.contains(signal) {
            return Pushed::Coalesced;
        }
        self.set = self.set.union(SignalSet::single(signal));
        Pushed::Queued
    }

    pub(crate) fn set(&self) -> SignalSet {
        self.set
    }

    /// How many wait in a queue: none, so that there is always room for one.
    pub(crate) fn len(&self) -> usize {
        0
    }

    /// Takes the first signal out of `from`: synchronous ones first, then the lowest number.
    pub(crate) fn take(&mut self, from: SignalSet) -> Option<(Signal, SigInfo)> {
        let signal = self.set.intersection(from).first()?;
        self.set = self.set.without(SignalSet::single(signal));
        Some((signal, SigInfo::kernel(signal)))
    }

    /// Throws away every signal in `set`.
    pub(crate) fn discard(&mut self, set: SignalSet) {
        self.set = self.set.without(set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_waits_once_and_is_taken_in_order() {
        let mut pending = Pending::default();
        let mut push = |signal| pending.push(signal, SigInfo::kernel(signal));
        assert_eq!([Signal::USR1, Signal::SEGV, Signal::USR1].map(&mut push), [Pushed::Queued, Pushed::Queued, Pushed::Coalesced]);
        push(Signal::HUP);
        assert!(pending.take(SignalSet::single(Signal::TERM)).is_none());
        pending.discard(SignalSet::single(Signal::HUP));
        let mut taken = || pending.take(SignalSet::ALL).map(|(signal, info)| (signal, info.signo));
        // What an instruction caused comes first.
        assert_eq!(taken(), Some((Signal::SEGV, 11)));
        assert_eq!(taken(), Some((Signal::USR1, 10)));
        assert_eq!(taken(), None);
        assert_eq!(pending.set(), SignalSet::EMPTY);
    }
}
