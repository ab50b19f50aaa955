//! Pipes, event descriptors and the calls that wait for several files.
#![allow(clippy::unwrap_used, reason = "tests")]

mod harness;

use harness::World;
use libc::{EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT, POLLHUP, POLLIN, POLLNVAL, POLLOUT};
use uapi::Errno;
use uapi::types::{EpollEventPacked, Itimerspec, PollFd, Timespec, Timeval};

fn pipe(w: &World, flags: i32) -> (u64, u64) {
    let at = w.room(8);
    w.call(libc::SYS_pipe2, &[at, flags as u64]).unwrap();
    let [read, write] = w.read::<[i32; 2]>(at);
    (read as u64, write as u64)
}

#[test]
fn a_pipe_carries_bytes_and_ends() {
    let w = World::new();
    let (read, write) = pipe(&w, libc::O_NONBLOCK);
    let buf = w.bytes(b"12345");
    assert_eq!(w.call(libc::SYS_read, &[read, buf, 5]), Err(Errno::EAGAIN));
    assert_eq!(w.call(libc::SYS_write, &[write, buf, 5]), Ok(5));
    assert_eq!(w.call(libc::SYS_write, &[read, buf, 5]), Err(Errno::EBADF));
    assert_eq!(w.call(libc::SYS_read, &[read, buf, 5]), Ok(5));
    assert_eq!(w.call(libc::SYS_lseek, &[read, 0, 0]), Err(Errno::ESPIPE));
    assert_eq!(w.call(libc::SYS_pread64, &[read, buf, 1, 0]), Err(Errno::ESPIPE));
    w.call(libc::SYS_close, &[write]).unwrap();
    assert_eq!(w.call(libc::SYS_read, &[read, buf, 5]), Ok(0));
    assert_eq!(w.call(libc::SYS_pipe2, &[buf, libc::O_DIRECT as u64]), Ok(0));
    assert_eq!(w.call(libc::SYS_pipe2, &[buf, libc::O_APPEND as u64]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_pipe2, &[0x10, 0]), Err(Errno::EFAULT));
}

#[test]
fn a_broken_pipe_is_epipe_and_a_signal_and_leaves_a_partial_write() {
    let w = World::new();
    let (read, write) = pipe(&w, libc::O_NONBLOCK);
    let big = w.room(0x11000);
    // Only as much as fits, because the pipe does not block.
    assert_eq!(w.call(libc::SYS_write, &[write, big, 0x11000]), Ok(0x10000));
    assert_eq!(w.call(libc::SYS_write, &[write, big, 1]), Err(Errno::EAGAIN));
    w.call(libc::SYS_close, &[read]).unwrap();
    assert!(!w.thread.signals().needs_attention());
    assert_eq!(w.call(libc::SYS_write, &[write, big, 1]), Err(Errno::EPIPE));
    assert!(w.thread.signals().needs_attention());
}

#[test]
fn pipe_sizes_and_splice() {
    let w = World::new();
    let (read, write) = pipe(&w, libc::O_NONBLOCK);
    assert_eq!(w.call(libc::SYS_fcntl, &[write, libc::F_GETPIPE_SZ as u64]), Ok(65536));
    assert_eq!(w.call(libc::SYS_fcntl, &[write, libc::F_SETPIPE_SZ as u64, 5000]), Ok(8192));
    let file = w.open("/f", libc::O_CREAT | libc::O_RDWR);
    assert_eq!(w.call(libc::SYS_fcntl, &[file, libc::F_GETPIPE_SZ as u64]), Err(Errno::EBADF));
    w.call(libc::SYS_write, &[file, w.bytes(b"spliced"), 7]).unwrap();
    let offset = w.value(&2u64);
    assert_eq!(w.call(libc::SYS_splice, &[file, offset, write, 0, 100, 0]), Ok(5));
    assert_eq!(w.read::<u64>(offset), 7);
    assert_eq!(w.call(libc::SYS_splice, &[read, offset, file, 0, 100, 0]), Err(Errno::ESPIPE));
    assert_eq!(w.call(libc::SYS_splice, &[read, 0, file, 0, 100, 0]), Ok(5));
    assert_eq!(w.call(libc::SYS_splice, &[read, 0, file, 0, 100, 2]), Err(Errno::EAGAIN));
    assert_eq!(w.call(libc::SYS_splice, &[file, 0, file, 0, 100, 0]), Err(Errno::EINVAL));
}

#[test]
fn eventfds_count_and_take_single_messages_of_eight_bytes() {
    let w = World::new();
    let fd = w.call(libc::SYS_eventfd2, &[3, libc::EFD_NONBLOCK as u64]).unwrap();
    let buf = w.value(&[5u64, 7]);
    // A longer buffer is one message all the same.
    assert_eq!(w.call(libc::SYS_write, &[fd, buf, 16]), Ok(8));
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, 16]), Ok(8));
    assert_eq!(w.read::<u64>(buf), 8);
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, 8]), Err(Errno::EAGAIN));
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, 4]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_eventfd2, &[0, 2]), Err(Errno::EINVAL));
}

#[test]
fn poll_reports_what_is_ready_and_what_is_not_open() {
    let w = World::new();
    let (read, write) = pipe(&w, 0);
    let entries = [(read, POLLIN), (write, POLLOUT), (77, POLLIN), (u64::MAX, POLLIN)];
    let fds = w.room(64);
    for (i, (fd, events)) in entries.iter().enumerate() {
        let entry = PollFd { fd: *fd as i32, events: *events as u16, revents: 0xffff };
        w.user().write(fds + 8 * i as u64, &entry).unwrap();
    }
    assert_eq!(w.call(libc::SYS_poll, &[fds, 4, 0]), Ok(2));
    let found: Vec<u16> = (0..4).map(|i| w.read::<PollFd>(fds + 8 * i).revents).collect();
    assert_eq!(found, [0, POLLOUT as u16, POLLNVAL as u16, 0]);
    w.call(libc::SYS_close, &[write]).unwrap();
    assert_eq!(w.call(libc::SYS_poll, &[fds, 1, u64::MAX]), Ok(1));
    assert_eq!(w.read::<PollFd>(fds).revents, POLLHUP as u16);
    assert_eq!(w.call(libc::SYS_poll, &[fds, 1 << 30, 0]), Err(Errno::EINVAL));
    let bad = w.value(&Timespec { sec: 0, nsec: -1 });
    assert_eq!(w.call(libc::SYS_ppoll, &[fds, 1, bad, 0, 8]), Err(Errno::EINVAL));
}

#[test]
fn a_signal_interrupts_poll_and_the_temporary_mask_stays_for_its_handler() {
    let w = World::new();
    let (read, _write) = pipe(&w, 0);
    let fds = w.value(&PollFd { fd: read as i32, events: POLLIN as u16, revents: 0 });
    // SIGUSR1 (10) has a handler and is blocked; ppoll lets it in.
    w.call(libc::SYS_rt_sigaction, &[10, w.value(&[0x40_0000u64, 0, 0, 0]), 0, 8]).unwrap();
    w.call(libc::SYS_rt_sigprocmask, &[0, w.value(&(1u64 << 9)), 0, 8]).unwrap();
    w.call(libc::SYS_kill, &[1, 10]).unwrap();
    let none = w.value(&0u64);
    assert_eq!(w.call(libc::SYS_ppoll, &[fds, 1, 0, none, 8]), Err(Errno::ERESTARTNOHAND));
    assert_eq!(w.thread.signals().blocked().0, 0);
    assert_eq!(w.thread.signals().user_mask().0, 1 << 9);
}

#[test]
fn select_has_three_maps() {
    let w = World::new();
    let (read, write) = pipe(&w, 0);
    w.call(libc::SYS_write, &[write, w.bytes(b"x"), 1]).unwrap();
    let [reads, writes] = [w.value(&(1u64 << read | 1 << write)), w.value(&(1u64 << write))];
    let zero = w.value(&Timeval::default());
    assert_eq!(w.call(libc::SYS_select, &[16, reads, writes, 0, zero]), Ok(2));
    assert_eq!((w.read::<u64>(reads), w.read::<u64>(writes)), (1 << read, 1 << write));
    w.user().write(reads, &(1u64 << 40)).unwrap();
    assert_eq!(w.call(libc::SYS_select, &[64, reads, 0, 0, zero]), Err(Errno::EBADF));
    assert_eq!(w.call(libc::SYS_select, &[-1i64 as u64, reads, 0, 0, zero]), Err(Errno::EINVAL));
    w.user().write(reads, &(1u64 << write)).unwrap();
    assert_eq!(w.call(libc::SYS_pselect6, &[64, reads, 0, 0, w.value(&Timespec::default()), 0]), Ok(0));
    assert_eq!(w.read::<u64>(reads), 0);
}

#[test]
fn epoll_watches_and_forgets() {
    let w = World::new();
    let (read, write) = pipe(&w, 0);
    let epoll = w.call(libc::SYS_epoll_create1, &[libc::EPOLL_CLOEXEC as u64]).unwrap();
    let event = |events: i32, data: u64| w.value(&EpollEventPacked { events: events as u32, data });
    assert_eq!(w.call(libc::SYS_epoll_ctl, &[epoll, EPOLL_CTL_ADD as u64, read, event(EPOLLIN, 7)]), Ok(0));
    assert_eq!(w.call(libc::SYS_epoll_ctl, &[epoll, EPOLL_CTL_ADD as u64, read, event(EPOLLIN, 7)]), Err(Errno::EEXIST));
    assert_eq!(w.call(libc::SYS_epoll_ctl, &[epoll, EPOLL_CTL_ADD as u64, write, event(EPOLLOUT, 8)]), Ok(0));
    let out = w.room(64);
    assert_eq!(w.call(libc::SYS_epoll_wait, &[epoll, out, 4, u64::MAX]), Ok(1));
    assert_eq!(w.read::<EpollEventPacked>(out), EpollEventPacked { events: EPOLLOUT as u32, data: 8 });
    assert_eq!(w.call(libc::SYS_epoll_ctl, &[epoll, EPOLL_CTL_MOD as u64, write, event(0, 8)]), Ok(0));
    assert_eq!(w.call(libc::SYS_epoll_wait, &[epoll, out, 4, 0]), Ok(0));
    w.call(libc::SYS_write, &[write, out, 1]).unwrap();
    assert_eq!(w.call(libc::SYS_epoll_pwait, &[epoll, out, 4, 0, 0, 8]), Ok(1));
    assert_eq!(w.read::<EpollEventPacked>(out), EpollEventPacked { events: EPOLLIN as u32, data: 7 });
    assert_eq!(w.call(libc::SYS_epoll_ctl, &[epoll, EPOLL_CTL_DEL as u64, read, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_epoll_ctl, &[epoll, EPOLL_CTL_DEL as u64, read, 0]), Err(Errno::ENOENT));
    let file = w.open("/f", libc::O_CREAT | libc::O_RDWR);
    assert_eq!(w.call(libc::SYS_epoll_ctl, &[epoll, EPOLL_CTL_ADD as u64, file, event(EPOLLIN, 0)]), Err(Errno::EPERM));
    assert_eq!(w.call(libc::SYS_epoll_ctl, &[epoll, EPOLL_CTL_ADD as u64, epoll, event(EPOLLIN, 0)]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_epoll_wait, &[epoll, out, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_epoll_wait, &[read, out, 1, 0]), Err(Errno::EINVAL));
}

#[test]
fn timerfds_show_what_is_left() {
    let w = World::new();
    let fd = w.call(libc::SYS_timerfd_create, &[1, libc::TFD_NONBLOCK as u64]).unwrap();
    let spec = Itimerspec { interval: Timespec { sec: 5, nsec: 0 }, value: Timespec { sec: 9, nsec: 0 } };
    let at = w.value(&spec);
    assert_eq!(w.call(libc::SYS_timerfd_settime, &[fd, 0, at, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_timerfd_gettime, &[fd, at]), Ok(0));
    let now: Itimerspec = w.read(at);
    assert_eq!((now.interval.sec, now.value.sec), (5, 8));
    assert_eq!(w.call(libc::SYS_read, &[fd, at, 8]), Err(Errno::EAGAIN));
    assert_eq!(w.call(libc::SYS_timerfd_settime, &[fd, 8, at, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_timerfd_create, &[2, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_timerfd_gettime, &[99, at]), Err(Errno::EBADF));
}

#[test]
fn inotify_tells_of_new_files() {
    let w = World::new();
    let fd = w.call(libc::SYS_inotify_init1, &[libc::IN_NONBLOCK as u64]).unwrap();
    assert_eq!(w.call(libc::SYS_inotify_add_watch, &[fd, w.text("/"), u64::from(libc::IN_CREATE)]), Ok(1));
    let buf = w.room(64);
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, 64]), Err(Errno::EAGAIN));
    w.open("/new", libc::O_CREAT | libc::O_RDWR);
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, 64]), Ok(32));
    assert_eq!(w.read_bytes(buf + 16, 4), b"new\0");
    assert_eq!(w.call(libc::SYS_inotify_rm_watch, &[fd, 9]), Err(Errno::EINVAL));
}
