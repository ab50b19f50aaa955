use crate::*;
use alloc::vec::Vec;
use file::{AccessMode, Events, File, OpenFlags, Share, SliceSink, Stat};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uapi::{Errno, Result, ioctl};
use usermem::UserMemory;
use usermem::testing::FakeMemory;

const NONE: OpenFlags = OpenFlags::empty();

fn write(end: &PipeEnd, mut bytes: &[u8]) -> Result<usize> {
    end.write(&mut bytes, NONE)
}
fn read(end: &PipeEnd, max: usize) -> Result<Vec<u8>> {
    let mut buf = vec![0; max];
    let n = end.read(&mut SliceSink::new(&mut buf), NONE)?;
    buf.truncate(n);
    Ok(buf)
}

#[test]
fn bytes_arrive_in_order_and_the_end_is_seen() {
    let (r, w) = pipe(Stat::default());
    assert_eq!(read(&r, 10), Err(Errno::EAGAIN));
    write(&w, b"hello ").unwrap();
    write(&w, b"world").unwrap();
    assert_eq!(read(&r, 3).unwrap(), b"hel");
    assert_eq!(read(&r, 100).unwrap(), b"lo world");
    drop(w);
    assert_eq!(read(&r, 10).unwrap(), b"");
    assert_eq!(r.poll(), Events::HUP);
    assert_eq!(r.stat().unwrap().mode, 0o600);
}

#[test]
fn capacity_is_counted_in_slots_as_linux_counts() {
    for (size, total) in [(1, 65536), (1000, 64000), (4096, 65536), (3000, 48000), (5000, 54096), (9000, 58096)] {
        let (r, w) = pipe(Stat::default());
        let message = vec![7; size];
        let mut sum = 0;
        loop {
            match write(&w, &message) {
                Ok(n) => sum += n,
                Err(e) => break assert_eq!(e, Errno::EAGAIN),
            }
        }
        assert_eq!(sum, total, "messages of {size} bytes");
        assert_eq!(read(&r, 1 << 20).unwrap().len(), sum);
    }
}

#[test]
fn small_writes_are_whole_or_not_at_all_and_large_ones_partial() {
    let (r, w) = pipe(Stat::default());
    assert_eq!(write(&w, &[1; 65000]), Ok(65000));
    assert_eq!(write(&w, &[2; 4096]), Err(Errno::EAGAIN));
    assert_eq!(write(&w, &[2; 100]), Ok(100));
    assert!(!w.poll().contains(Events::OUT));
    assert_eq!(read(&r, 4096).unwrap().len(), 4096);
    assert!(w.poll().contains(Events::OUT));
    assert_eq!(write(&w, &[3; 9000]), Ok(4096));
}

#[test]
fn writing_without_readers_is_epipe() {
    let (r, w) = pipe(Stat::default());
    drop(r);
    assert_eq!(write(&w, b"x"), Err(Errno::EPIPE));
    assert_eq!(write(&w, b""), Ok(0));
    assert_eq!(w.poll(), Events::ERR | Events::WRITABLE);
    let (r, w) = pipe(Stat::default());
    assert_eq!((read(&w, 1), write(&r, b"x")), (Err(Errno::EBADF), Err(Errno::EBADF)));
}

#[test]
fn packets_keep_their_bounds() {
    let (r, w) = pipe(Stat::default());
    for packet in [&b"abc"[..], b"defgh"] {
        w.write(&mut { packet }, OpenFlags::DIRECT).unwrap();
    }
    assert_eq!(read(&r, 2).unwrap(), b"ab");
    assert_eq!(read(&r, 100).unwrap(), b"defgh");
}

#[test]
fn the_capacity_can_be_set_and_data_in_the_way_is_ebusy() {
    let (r, w) = pipe(Stat::default());
    assert_eq!(w.capacity(), DEFAULT_CAPACITY);
    assert_eq!(w.set_capacity(5000), Ok(8192));
    assert_eq!(write(&w, &[0; 10000]), Ok(8192));
    assert_eq!(w.set_capacity(1), Err(Errno::EBUSY));
    assert_eq!(r.set_capacity(1 << 20), Ok(1 << 20));
    assert_eq!((w.set_capacity(0), w.set_capacity(1 << 40)), (Err(Errno::EBUSY), Err(Errno::EINVAL)));
    assert!(w.poll().contains(Events::OUT));
}

#[test]
fn tee_copies_and_leaves_the_bytes() {
    let ((r, w), (r2, w2)) = (pipe(Stat::default()), pipe(Stat::default()));
    assert_eq!(r.tee(&w2, 10), Err(Errno::EAGAIN));
    write(&w, &[1; 5000]).unwrap();
    assert_eq!((r.tee(&w2, 4500), r.tee(&w, 1), w.tee(&r2, 1)), (Ok(4500), Err(Errno::EINVAL), Err(Errno::EBADF)));
    assert_eq!((read(&r2, 10_000).unwrap().len(), read(&r, 10_000).unwrap().len()), (4500, 5000));
    write(&w, b"end").unwrap();
    while write(&w2, &[0; 4096]).is_ok() {}
    assert_eq!(r.tee(&w2, 3), Err(Errno::EAGAIN));
    drop(r2);
    assert_eq!(r.tee(&w2, 3), Err(Errno::EPIPE));
    read(&r, 3).unwrap();
    drop(w);
    assert_eq!(r.tee(&w2, 3), Ok(0));
}

#[test]
fn fionread_tells_the_bytes_waiting() {
    let (r, w) = pipe(Stat::default());
    let memory = FakeMemory::new(0x1000, 64);
    write(&w, &[1; 5000]).unwrap();
    r.ioctl(ioctl::FIONREAD, 0x1000, &memory).unwrap();
    assert_eq!((&memory as &dyn UserMemory).read::<i32>(0x1000), Ok(5000));
    assert_eq!(r.ioctl(ioctl::TCGETS, 0x1000, &memory), Err(Errno::ENOTTY));
}

#[test]
fn a_fault_in_the_middle_keeps_what_was_moved() {
    let (r, w) = pipe(Stat::default());
    let memory = FakeMemory::new(0x1000, 6);
    write(&w, b"0123456789").unwrap();
    let mut dst = usermem::UserBuf::single(&memory, 0x1000, 10);
    assert_eq!(r.read(&mut dst, NONE), Ok(6));
    let mut dst = usermem::UserBuf::single(&memory, 0x9000, 10);
    assert_eq!(r.read(&mut dst, NONE), Err(Errno::EFAULT));
    assert_eq!(read(&r, 10).unwrap(), b"6789");
    let mut src = usermem::UserBuf::single(&memory, 0x9000, 10);
    assert_eq!(w.write(&mut src, NONE), Err(Errno::EFAULT));
    assert_eq!(r.poll(), Events::empty());
}

#[test]
fn a_fifo_opens_as_fifo_7_says() {
    let fifo = FifoPipe::default();
    assert!(matches!(fifo.open_end(AccessMode::Write, OpenFlags::NONBLOCK), Err(Errno::ENXIO)));
    let r = fifo.open_end(AccessMode::Read, OpenFlags::NONBLOCK).unwrap();
    assert!(r.awaits_peer());
    assert_eq!((r.poll(), read(&r, 1).unwrap().len()), (Events::empty(), 0));
    let w = fifo.open_end(AccessMode::Write, OpenFlags::NONBLOCK).unwrap();
    assert!(!r.awaits_peer() && !w.awaits_peer());
    write(&w, b"left").unwrap();
    drop(w);
    assert_eq!(r.poll(), Events::READABLE | Events::HUP);
    drop(r);
    let both = fifo.open_end(AccessMode::ReadWrite, NONE).unwrap();
    assert_eq!(read(&both, 10), Err(Errno::EAGAIN));
    assert!(!both.awaits_peer());
}

#[test]
fn threads_that_wait_on_the_queue_move_everything() {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    fn wait(end: &PipeEnd, want: Events) {
        let waker = Arc::new(Unpark(std::thread::current())).into();
        let _registered = end.wait_queue().unwrap().register(want, Share::All, waker);
        while !end.poll().intersects(want | Events::ALWAYS) {
            std::thread::park();
        }
    }
    const EACH: usize = 1 << 20;
    let (r, w) = pipe(Stat::default());
    let total = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for n in 1..=3usize {
            let w = w.clone();
            scope.spawn(move || {
                let mut left = EACH;
                while left > 0 {
                    match write(&w, &vec![n as u8; (n * 2777).min(left)]) {
                        Ok(moved) => left -= moved,
                        Err(_) => wait(&w, Events::OUT),
                    }
                }
            });
        }
        drop(w);
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    match read(&r, 10_000) {
                        Ok(bytes) if bytes.is_empty() => break,
                        Ok(bytes) => drop(total.fetch_add(bytes.len(), Ordering::SeqCst)),
                        Err(_) => wait(&r, Events::IN),
                    }
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 3 * EACH);
}
