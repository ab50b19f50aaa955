use super::*;
use eventfd::{EventFd, Mode};
use file::{OpenFlags, Share, SliceSink};
use std::task::Wake;

const IN: u32 = 1;
const OUT: u32 = 4;
const EDGE: u32 = 1 << 31;
const ONESHOT: u32 = 1 << 30;
const EXCLUSIVE: u32 = 1 << 28;

fn eventfd() -> Arc<EventFd> {
    EventFd::new(0, Mode::Counter, Stat::default())
}
fn epoll() -> Arc<EpollFile> {
    EpollFile::new(Stat::default())
}
fn dynamic(file: &Arc<impl File>) -> Arc<dyn File> {
    file.clone()
}
fn drain(fd: &EventFd) {
    let _ = fd.read(&mut SliceSink::new(&mut [0; 8]), OpenFlags::empty());
}

#[test]
fn level_triggered_reports_while_ready() {
    let (ep, fd) = (epoll(), eventfd());
    ep.ctl(Op::Add(IN, 42), 3, &dynamic(&fd)).unwrap();
    assert_eq!((ep.collect(8), ep.poll()), (vec![], Events::empty()));
    fd.signal(1);
    assert_eq!(ep.poll(), Events::READABLE);
    assert_eq!((ep.collect(8), ep.collect(8)), (vec![(IN, 42)], vec![(IN, 42)]));
    drain(&fd);
    assert_eq!((ep.collect(8), ep.poll()), (vec![], Events::empty()));
}

#[test]
fn edge_triggered_reports_each_event_once() {
    let (ep, fd) = (epoll(), eventfd());
    fd.signal(1);
    ep.ctl(Op::Add(IN | EDGE, 1), 3, &dynamic(&fd)).unwrap();
    assert_eq!((ep.collect(8).len(), ep.collect(8).len()), (1, 0));
    fd.signal(1);
    assert_eq!((ep.collect(8).len(), ep.collect(8).len()), (1, 0));
    ep.ctl(Op::Modify(IN | OUT | EDGE, 2), 3, &dynamic(&fd)).unwrap();
    assert_eq!(ep.collect(8), [(IN | OUT, 2)]);
}

#[test]
fn oneshot_is_silent_until_modified_and_a_failed_report_is_not_lost() {
    let (ep, fd) = (epoll(), eventfd());
    ep.ctl(Op::Add(IN | ONESHOT, 1), 3, &dynamic(&fd)).unwrap();
    fd.signal(1);
    assert_eq!(ep.collect_with(8, &mut |_, _| Err(Errno::EFAULT)), Err(Errno::EFAULT));
    assert_eq!(ep.collect(8).len(), 1);
    fd.signal(1);
    assert_eq!(ep.collect(8).len(), 0);
    ep.ctl(Op::Modify(IN | ONESHOT, 1), 3, &dynamic(&fd)).unwrap();
    assert_eq!(ep.collect(8).len(), 1);
}

#[test]
fn errors_are_linuxs() {
    let (ep, fd) = (epoll(), eventfd());
    let file = dynamic(&fd);
    assert_eq!(ep.ctl(Op::Modify(IN, 0), 3, &file), Err(Errno::ENOENT));
    assert_eq!(ep.ctl(Op::Delete, 3, &file), Err(Errno::ENOENT));
    ep.ctl(Op::Add(IN, 0), 3, &file).unwrap();
    assert_eq!(ep.ctl(Op::Add(IN, 0), 3, &file), Err(Errno::EEXIST));
    ep.ctl(Op::Add(IN, 0), 4, &file).unwrap();
    assert_eq!(ep.ctl(Op::Add(IN, 0), 5, &dynamic(&ep)), Err(Errno::EINVAL));
    assert_eq!(ep.ctl(Op::Add(IN | EXCLUSIVE | ONESHOT, 0), 6, &file), Err(Errno::EINVAL));
    ep.ctl(Op::Add(IN | EXCLUSIVE, 0), 6, &file).unwrap();
    assert_eq!(ep.ctl(Op::Modify(IN, 0), 6, &file), Err(Errno::EINVAL));
    struct Always;
    impl File for Always {
        fn stat(&self) -> Result<Stat> {
            Ok(Stat::default())
        }
        fn as_any(&self) -> &dyn Any {
            self
        }
    }
    let always: Arc<dyn File> = Arc::new(Always);
    assert_eq!(ep.ctl(Op::Add(IN, 0), 7, &always), Err(Errno::EPERM));
}

#[test]
fn a_closed_file_is_gone_and_its_number_can_be_used_again() {
    let ep = epoll();
    for round in 0..5 {
        let fd = eventfd();
        fd.signal(1);
        ep.ctl(Op::Add(IN, round), 3, &dynamic(&fd)).unwrap();
        assert_eq!(ep.collect(8), [(IN, round)]);
        let weak = Arc::downgrade(&fd);
        drop(fd);
        assert!(weak.upgrade().is_none());
        assert!(ep.collect(8).is_empty());
    }
    assert_eq!(ep.interest_len(), 1);
}

#[test]
fn dropping_the_instance_leaves_the_files_queue_empty() {
    let (ep, fd) = (epoll(), eventfd());
    fd.signal(1);
    ep.ctl(Op::Add(IN, 0), 3, &dynamic(&fd)).unwrap();
    assert!(!fd.wait_queue().unwrap().is_empty());
    drop(ep);
    assert!(fd.wait_queue().unwrap().is_empty());
    let ep = epoll();
    ep.ctl(Op::Add(IN, 0), 3, &dynamic(&fd)).unwrap();
    ep.ctl(Op::Delete, 3, &dynamic(&fd)).unwrap();
    assert!(fd.wait_queue().unwrap().is_empty() && ep.collect(1).is_empty());
}

#[test]
fn items_take_turns_when_there_are_more_than_asked_for() {
    let ep = epoll();
    let fds: Vec<_> = (0..4).map(|_| eventfd()).collect();
    for (n, fd) in (0..).zip(&fds) {
        fd.signal(1);
        ep.ctl(Op::Add(IN, n), 10 + n as i32, &dynamic(fd)).unwrap();
    }
    let seen: Vec<u64> = (0..4).flat_map(|_| ep.collect(2)).map(|(_, data)| data).collect();
    assert_eq!(seen, [0, 1, 2, 3, 0, 1, 2, 3]);
}

#[test]
fn hang_up_is_reported_unasked() {
    let (r, w) = pipe::pipe(Stat::default());
    let ep = epoll();
    ep.ctl(Op::Add(EDGE, 9), 3, &dynamic(&r)).unwrap();
    drop(w);
    assert_eq!(ep.collect(8), [(0x10, 9)]);
}

#[test]
fn instances_nest_up_to_five_and_never_in_a_circle() {
    let eps: Vec<_> = (0..6).map(|_| epoll()).collect();
    let fd = eventfd();
    eps[0].ctl(Op::Add(IN, 1), 3, &dynamic(&fd)).unwrap();
    for n in 0..4 {
        eps[n + 1].ctl(Op::Add(IN, 1), 4, &dynamic(&eps[n])).unwrap();
    }
    assert_eq!(eps[5].ctl(Op::Add(IN, 1), 4, &dynamic(&eps[4])), Err(Errno::ELOOP));
    assert_eq!(eps[0].ctl(Op::Add(IN, 1), 9, &dynamic(&eps[3])), Err(Errno::ELOOP));
    assert_eq!(eps[0].ctl(Op::Add(IN, 1), 9, &dynamic(&eps[5])), Err(Errno::ELOOP));
    fd.signal(1);
    assert_eq!(eps[4].collect(8), [(IN, 1)]);
    assert_eq!(eps[0].collect(8), [(IN, 1)]);
    drain(&fd);
    assert!(eps[4].collect(8).is_empty());
}

#[test]
fn no_edge_is_lost_between_threads() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    const ROUNDS: u64 = 20_000;
    let ep = epoll();
    let fds: Vec<_> = (0..3).map(|_| eventfd()).collect();
    for (n, fd) in (0..).zip(&fds) {
        ep.ctl(Op::Add(IN | EDGE, n), n as i32, &dynamic(fd)).unwrap();
    }
    let total: u64 = std::thread::scope(|scope| {
        for fd in &fds {
            scope.spawn(|| (0..ROUNDS).for_each(|_| fd.signal(1)));
        }
        let waker = Arc::new(Unpark(std::thread::current())).into();
        let _registered = ep.wait_queue().unwrap().register(Events::IN, Share::All, waker);
        let mut total = 0;
        while total < 3 * ROUNDS {
            let ready = ep.collect(2);
            if ready.is_empty() {
                std::thread::park_timeout(std::time::Duration::from_secs(5));
            }
            for (_, n) in ready {
                let mut buf = [0; 8];
                if fds[n as usize].read(&mut SliceSink::new(&mut buf), OpenFlags::empty()).is_ok() {
                    total += u64::from_ne_bytes(buf);
                }
            }
        }
        total
    });
    assert_eq!(total, 3 * ROUNDS);
}
