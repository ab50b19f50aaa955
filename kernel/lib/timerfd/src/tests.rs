use super::*;
use file::SliceSink;
use time::testing::ManualClock;

struct Bench {
    clock: Arc<ManualClock>,
    timers: TimerQueue,
    fd: Arc<TimerFd>,
}

fn bench(base: Base) -> Bench {
    let (clock, timers) = (Arc::new(ManualClock::default()), TimerQueue::new());
    let fd = TimerFd::new(base, clock.clone(), timers.clone(), Stat::default());
    Bench { clock, timers, fd }
}

fn read(fd: &TimerFd) -> Result<u64> {
    let mut buf = [0; 8];
    fd.read(&mut SliceSink::new(&mut buf), OpenFlags::empty())?;
    Ok(u64::from_ne_bytes(buf))
}

fn every(value_ns: u64, interval_ns: u64) -> Setting {
    Setting { value_ns, interval_ns }
}

#[test]
fn a_one_shot_timer_expires_once() {
    let b = bench(Base::Monotonic);
    assert_eq!(b.fd.set(Start::Relative, every(100, 0)), every(0, 0));
    assert_eq!(b.timers.next_deadline(), Some(1_000_000_100));
    b.clock.advance(40);
    assert_eq!((b.fd.get(), read(&b.fd)), (every(60, 0), Err(Errno::EAGAIN)));
    b.clock.advance(60);
    assert_eq!(b.fd.poll(), Events::IN);
    assert_eq!((read(&b.fd), read(&b.fd)), (Ok(1), Err(Errno::EAGAIN)));
    assert_eq!((b.fd.get(), b.timers.next_deadline()), (every(0, 0), None));
}

#[test]
fn a_periodic_timer_counts_and_is_armed_again_by_the_read() {
    let b = bench(Base::Monotonic);
    b.fd.set(Start::Relative, every(100, 10));
    b.clock.advance(135);
    b.timers.expire(b.clock.monotonic_ns());
    assert_eq!(b.timers.next_deadline(), None);
    assert_eq!(b.fd.get(), every(5, 10));
    assert_eq!(read(&b.fd), Ok(4));
    assert_eq!(b.timers.next_deadline(), Some(1_000_000_140));
    assert_eq!(b.fd.set(Start::Relative, every(0, 0)), every(5, 10));
    assert_eq!(b.timers.next_deadline(), None);
}

#[test]
fn absolute_real_time_follows_the_clock_and_can_be_cancelled_by_setting_it() {
    let b = bench(Base::Realtime);
    let now = b.clock.realtime_ns();
    b.fd.set(Start::Absolute, every(now + 1_000, 0));
    b.clock.set_realtime_ns(now + 400);
    assert_eq!(b.timers.next_deadline(), Some(1_000_000_600));
    b.clock.set_realtime_ns(now + 5_000);
    assert_eq!(read(&b.fd), Ok(1));
    b.fd.set(Start::AbsoluteCancelOnSet, every(now + 90_000, 0));
    assert_eq!(b.fd.poll(), Events::empty());
    b.clock.set_realtime_ns(now);
    assert_eq!((b.fd.poll(), read(&b.fd), read(&b.fd)), (Events::IN, Err(Errno::ECANCELED), Err(Errno::EAGAIN)));
    b.fd.set(Start::Relative, every(50, 0));
    b.clock.set_realtime_ns(now + 1_000_000);
    assert_eq!(read(&b.fd), Err(Errno::EAGAIN));
}

#[test]
fn a_closed_timer_leaves_nothing_behind() {
    let b = bench(Base::Realtime);
    b.fd.set(Start::Absolute, every(u64::MAX / 2, 0));
    let core = Arc::downgrade(&b.fd.core);
    drop(b.fd);
    assert_eq!(b.timers.next_deadline(), None);
    assert!(b.clock.realtime_set().unwrap().is_empty());
    assert!(core.upgrade().is_none());
}
