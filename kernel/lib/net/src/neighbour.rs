//! The neighbour cache of one interface: IP address to Ethernet address, for ARP (RFC 826) and neighbour discovery (RFC 4861 §7.3).
//!
//! Pure bookkeeping: it says what to ask for ([`Action`]); `arp` and `nd` put it on the wire.

use crate::addr::Addr;
use crate::device::Mac;
use crate::timers::{NEVER, SECOND};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Entries kept at most; the least recently confirmed makes room.
const MAX_ENTRIES: usize = 128;
/// Packets that wait for one unresolved address.
const MAX_WAITING: usize = 8;
/// How long a confirmed address is believed.
const REACHABLE_NS: u64 = 30 * SECOND;
/// Time between questions, and how many are asked.
const RETRY_NS: u64 = SECOND;
const MAX_QUESTIONS: u8 = 3;

#[derive(Debug)]
enum State {
    /// Never answered. Holds IP packets that wait.
    Unknown(VecDeque<Vec<u8>>),
    /// Confirmed not long ago.
    Reachable(Mac),
    /// Believed until used again.
    Stale(Mac),
    /// In use while asking again.
    Probing(Mac),
}

#[derive(Debug)]
struct Entry {
    addr: Addr,
    state: State,
    questions: u8,
    /// When the state changes by itself.
    at: u64,
}

/// A question to put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whose Ethernet address is wanted.
    pub target: Addr,
    /// Ask this one only (a probe); `None` asks all.
    pub only: Option<Mac>,
}

/// What [`Neighbours::lookup`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Send there; a question may go out besides.
    Known(Mac, Option<Question>),
    /// Not known yet: hand the packet to [`Neighbours::wait`]. A question may go out.
    Unknown(Option<Question>),
}

/// The cache.
#[derive(Debug, Default)]
pub struct Neighbours {
    entries: Vec<Entry>,
}

/// What [`Neighbours::expire`] decided.
#[derive(Debug, Default)]
pub struct Expired {
    /// Questions to ask.
    pub questions: Vec<Question>,
    /// Addresses given up, with packets that waited for them.
    pub unreachable: Vec<(Addr, Vec<Vec<u8>>)>,
    /// Cached paths must be looked up again.
    pub changed: bool,
}

impl Neighbours {
    fn find(&mut self, addr: Addr) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| e.addr == addr)
    }

    fn insert(&mut self, entry: Entry) {
        if self.entries.len() >= MAX_ENTRIES {
            self.entries.remove(0);
        }
        self.entries.push(entry);
    }

    /// The Ethernet address to send to.
    pub fn lookup(&mut self, addr: Addr, now: u64) -> Lookup {
        match self.find(addr) {
            Some(entry) => match entry.state {
                State::Reachable(mac) | State::Probing(mac) => Lookup::Known(mac, None),
                State::Stale(mac) => {
                    entry.state = State::Probing(mac);
                    entry.questions = 1;
                    entry.at = now + RETRY_NS;
                    Lookup::Known(mac, Some(Question { target: addr, only: Some(mac) }))
                }
                State::Unknown(_) => Lookup::Unknown(None),
            },
            None => {
                self.insert(Entry { addr, state: State::Unknown(VecDeque::new()), questions: 1, at: now + RETRY_NS });
                Lookup::Unknown(Some(Question { target: addr, only: None }))
            }
        }
    }

    /// Keeps an IP packet until `addr` is known; the oldest gives way when too many wait.
    pub fn wait(&mut self, addr: Addr, packet: Vec<u8>) {
        if let Some(Entry { state: State::Unknown(waiting), .. }) = self.find(addr) {
            if waiting.len() >= MAX_WAITING {
                waiting.pop_front();
            }
            waiting.push_back(packet);
        }
    }

    /// Someone said that `addr` is at `mac`. `solicited`: in answer to us, so it is confirmed; otherwise it only updates what we know, and
    /// makes a new (stale) entry when `create`. Returns the packets that waited and whether cached paths are out of date.
    pub fn learn(&mut self, addr: Addr, mac: Mac, evidence: Evidence, now: u64) -> (VecDeque<Vec<u8>>, bool) {
        let until = now + REACHABLE_NS;
        let Some(entry) = self.find(addr) else {
            if evidence == Evidence::TheirQuestion {
                self.insert(Entry { addr, state: State::Stale(mac), questions: 0, at: NEVER });
            }
            return (VecDeque::new(), false);
        };
        let old = match &mut entry.state {
            State::Unknown(waiting) => {
                let waiting = core::mem::take(waiting);
                (entry.state, entry.at) = (State::Reachable(mac), until);
                return (waiting, true);
            }
            State::Reachable(old) | State::Stale(old) | State::Probing(old) => *old,
        };
        if evidence == Evidence::Answer {
            (entry.state, entry.at) = (State::Reachable(mac), until);
        } else if old != mac {
            (entry.state, entry.at) = (State::Stale(mac), NEVER);
        }
        (VecDeque::new(), old != mac)
    }

    /// Runs what is due.
    pub fn expire(&mut self, now: u64) -> Expired {
        let mut out = Expired::default();
        let mut index = 0;
        while let Some(entry) = self.entries.get_mut(index) {
            if entry.at > now {
                index += 1;
                continue;
            }
            match &mut entry.state {
                State::Reachable(mac) => {
                    entry.state = State::Stale(*mac);
                    entry.at = NEVER;
                    out.changed = true;
                }
                State::Unknown(_) | State::Probing(_) if entry.questions < MAX_QUESTIONS => {
                    entry.questions += 1;
                    entry.at = now + RETRY_NS;
                    let only = if let State::Probing(mac) = entry.state { Some(mac) } else { None };
                    out.questions.push(Question { target: entry.addr, only });
                }
                State::Unknown(waiting) => {
                    out.unreachable.push((entry.addr, core::mem::take(waiting).into()));
                    self.entries.remove(index);
                    continue;
                }
                State::Probing(_) => {
                    out.changed = true;
                    self.entries.remove(index);
                    continue;
                }
                State::Stale(_) => entry.at = NEVER,
            }
            index += 1;
        }
        out
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn next_deadline(&self) -> u64 {
        self.entries.iter().map(|e| e.at).min().unwrap_or(NEVER)
    }
}

/// How strong a statement about a neighbour is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The answer to our question.
    Answer,
    /// They asked us: worth remembering, an answer will follow.
    TheirQuestion,
    /// Anything unasked for: updates what is known, adds nothing.
    Unsolicited,
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Addr = Addr::LOCALHOST4;

    #[test]
    fn resolve_age_probe_and_give_up() {
        let mut cache = Neighbours::default();
        let ask = |only| Some(Question { target: A, only });
        assert_eq!(cache.lookup(A, 0), Lookup::Unknown(ask(None)));
        cache.wait(A, vec![1]);
        assert_eq!(cache.lookup(A, 0), Lookup::Unknown(None));
        assert_eq!(cache.expire(RETRY_NS).questions, [Question { target: A, only: None }]);
        let (waiting, changed) = cache.learn(A, [1; 6], Evidence::Answer, RETRY_NS);
        assert_eq!((waiting.len(), changed), (1, true));
        assert_eq!(cache.lookup(A, RETRY_NS), Lookup::Known([1; 6], None));
        let later = cache.next_deadline();
        assert!(cache.expire(later).changed);
        assert_eq!(cache.lookup(A, later), Lookup::Known([1; 6], ask(Some([1; 6]))));
        cache.expire(later + RETRY_NS);
        cache.expire(later + 2 * RETRY_NS);
        assert!(cache.expire(later + 3 * RETRY_NS).changed);
        assert_eq!(cache.lookup(A, later), Lookup::Unknown(ask(None)));
    }

    #[test]
    fn unresolved_packets_are_handed_back_and_gossip_adds_nothing() {
        let mut cache = Neighbours::default();
        cache.learn(A, [9; 6], Evidence::Unsolicited, 0);
        cache.lookup(A, 0);
        for i in 0..20 {
            cache.wait(A, vec![i]);
        }
        let mut now = 0;
        let unreachable = loop {
            now += RETRY_NS;
            let expired = cache.expire(now);
            if !expired.unreachable.is_empty() {
                break expired.unreachable;
            }
        };
        assert_eq!(unreachable[0].1.len(), MAX_WAITING);
    }
}
