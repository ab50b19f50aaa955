//! Interval timers: when next, and how many expirations since (timer_getoverrun(2), timerfd_create(2)).

/// A timer's schedule: the next expiration and, for a periodic timer, the interval. Pure arithmetic; arms nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Periodic {
    /// The next expiration in nanoseconds, on whichever clock the caller uses; `None` is disarmed.
    pub next_ns: Option<u64>,
    /// Nanoseconds between expirations; 0 is one-shot.
    pub interval_ns: u64,
}

impl Periodic {
    /// Counts the expirations up to and including `now_ns` and moves on past them; a one-shot timer is disarmed by its only one.
    pub fn advance(&mut self, now_ns: u64) -> u64 {
        let Some(due) = self.next_ns.filter(|due| *due <= now_ns) else {
            return 0;
        };
        if self.interval_ns == 0 {
            self.next_ns = None;
            return 1;
        }
        let count = (now_ns - due) / self.interval_ns + 1;
        self.next_ns = count.checked_mul(self.interval_ns).and_then(|passed| due.checked_add(passed));
        count
    }

    /// Nanoseconds until the next expiration as timer_gettime(2) tells it: 0 when disarmed, at least 1 when armed.
    pub fn remaining_ns(&self, now_ns: u64) -> u64 {
        self.next_ns.map_or(0, |due| due.saturating_sub(now_ns).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_shot_timer_expires_once() {
        let mut timer = Periodic { next_ns: Some(100), interval_ns: 0 };
        assert_eq!((timer.advance(99), timer.remaining_ns(99)), (0, 1));
        assert_eq!((timer.advance(5000), timer.next_ns), (1, None));
        assert_eq!((timer.advance(9000), timer.remaining_ns(0)), (0, 0));
    }

    #[test]
    fn a_periodic_timer_counts_what_it_missed_and_keeps_its_phase() {
        let mut timer = Periodic { next_ns: Some(100), interval_ns: 10 };
        assert_eq!((timer.advance(100), timer.next_ns), (1, Some(110)));
        assert_eq!((timer.advance(145), timer.next_ns), (4, Some(150)));
        assert_eq!(timer.remaining_ns(150), 1);
    }

    #[test]
    fn the_end_of_time_disarms() {
        let mut timer = Periodic { next_ns: Some(u64::MAX - 1), interval_ns: u64::MAX };
        assert_eq!((timer.advance(u64::MAX), timer.next_ns), (1, None));
    }
}
