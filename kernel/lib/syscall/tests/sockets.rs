//! Sockets through whole system calls, on the unix family.
#![allow(clippy::unwrap_used, reason = "tests")]

mod harness;

use harness::World;
use libc::{AF_UNIX, MSG_CMSG_CLOEXEC, MSG_CTRUNC, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM};
use uapi::Errno;
use uapi::types::{CmsgHeader, Iovec, MmsgHeader, MsgHeader};
use zerocopy::IntoBytes;

fn pair(w: &World, kind: i32) -> (u64, u64) {
    let at = w.room(8);
    w.call(libc::SYS_socketpair, &[AF_UNIX as u64, kind as u64, 0, at]).unwrap();
    let [a, b] = w.read::<[i32; 2]>(at);
    (a as u64, b as u64)
}

fn unix_name(w: &World, name: &[u8]) -> (u64, u64) {
    let mut bytes = vec![1, 0];
    bytes.extend_from_slice(name);
    (w.bytes(&bytes), bytes.len() as u64)
}

#[test]
fn a_pair_talks_both_ways() {
    let w = World::new();
    let (a, b) = pair(&w, SOCK_STREAM | SOCK_NONBLOCK);
    let buf = w.bytes(b"question");
    assert_eq!(w.call(libc::SYS_sendto, &[a, buf, 8, 0, 0, 0]), Ok(8));
    let into = w.room(16);
    assert_eq!(w.call(libc::SYS_recvfrom, &[b, into, 16, MSG_PEEK as u64, 0, 0]), Ok(8));
    assert_eq!(w.call(libc::SYS_read, &[b, into, 16]), Ok(8));
    assert_eq!(w.call(libc::SYS_recvfrom, &[b, into, 16, MSG_DONTWAIT as u64, 0, 0]), Err(Errno::EAGAIN));
    assert_eq!(w.call(libc::SYS_read, &[b, into, 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_shutdown, &[a, 1]), Ok(0));
    assert_eq!(w.call(libc::SYS_read, &[b, into, 16]), Ok(0));
    assert_eq!(w.call(libc::SYS_shutdown, &[a, 3]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_socketpair, &[2, 1, 0, buf]), Err(Errno::EAFNOSUPPORT));
    assert_eq!(w.call(libc::SYS_socket, &[1, 1 | 0x100, 0]), Err(Errno::EINVAL));
}

#[test]
fn a_send_to_nobody_is_epipe_with_a_signal_unless_asked_without() {
    let w = World::new();
    let (a, b) = pair(&w, SOCK_STREAM);
    w.call(libc::SYS_close, &[b]).unwrap();
    let buf = w.bytes(b"x");
    assert_eq!(w.call(libc::SYS_sendto, &[a, buf, 1, MSG_NOSIGNAL as u64, 0, 0]), Err(Errno::EPIPE));
    assert!(!w.thread.signals().needs_attention());
    assert_eq!(w.call(libc::SYS_write, &[a, buf, 1]), Err(Errno::EPIPE));
    assert!(w.thread.signals().needs_attention());
}

#[test]
fn listen_connect_accept() {
    let w = World::new();
    let socket = || w.call(libc::SYS_socket, &[AF_UNIX as u64, SOCK_STREAM as u64, 0]).unwrap();
    let (server, client) = (socket(), socket());
    let (name, len) = unix_name(&w, b"\0here");
    assert_eq!(w.call(libc::SYS_connect, &[client, name, len]), Err(Errno::ECONNREFUSED));
    assert_eq!(w.call(libc::SYS_bind, &[server, name, len]), Ok(0));
    assert_eq!(w.call(libc::SYS_listen, &[server, 5]), Ok(0));
    assert_eq!(w.call(libc::SYS_connect, &[client, name, len]), Ok(0));
    let (addr, addr_len) = (w.room(128), w.value(&128i32));
    let accepted = w.call(libc::SYS_accept4, &[server, addr, addr_len, (libc::SOCK_CLOEXEC | SOCK_NONBLOCK) as u64]).unwrap();
    assert_eq!(w.read::<i32>(addr_len), 2);
    assert_eq!(w.call(libc::SYS_fcntl, &[accepted, libc::F_GETFD as u64]), Ok(1));
    let buf = w.room(8);
    assert_eq!(w.call(libc::SYS_read, &[accepted, buf, 8]), Err(Errno::EAGAIN));
    w.user().write(addr_len, &128i32).unwrap();
    assert_eq!(w.call(libc::SYS_getpeername, &[client, addr, addr_len]), Ok(0));
    assert_eq!(w.read_bytes(addr + 2, 5), b"\0here");
    assert_eq!(w.read::<i32>(addr_len), 7);
    assert_eq!(w.call(libc::SYS_accept4, &[server, 0, 0, 1]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_bind, &[socket(), name, 200]), Err(Errno::EINVAL));
    let file = w.open("/f", libc::O_CREAT | libc::O_RDWR);
    assert_eq!(w.call(libc::SYS_listen, &[file, 1]), Err(Errno::ENOTSOCK));
    let inet = w.bytes(&[2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(w.call(libc::SYS_connect, &[socket(), inet, 16]), Err(Errno::EINVAL));
}

#[test]
fn general_options_need_no_family() {
    let w = World::new();
    let (a, _b) = pair(&w, SOCK_DGRAM);
    let (value, len) = (w.room(8), w.value(&4i32));
    for (name, wanted) in [(libc::SO_TYPE, SOCK_DGRAM), (libc::SO_DOMAIN, AF_UNIX), (libc::SO_ERROR, 0), (libc::SO_PROTOCOL, 0)] {
        assert_eq!(w.call(libc::SYS_getsockopt, &[a, libc::SOL_SOCKET as u64, name as u64, value, len]), Ok(0));
        assert_eq!((w.read::<i32>(value), w.read::<i32>(len)), (wanted, 4));
    }
    assert_eq!(w.call(libc::SYS_getsockopt, &[a, 1, 9999, value, len]), Err(Errno::ENOPROTOOPT));
    assert_eq!(w.call(libc::SYS_setsockopt, &[a, 1, 9999, value, 4]), Err(Errno::ENOPROTOOPT));
    assert_eq!(w.call(libc::SYS_setsockopt, &[a, 1, 9999, value, -1i64 as u64]), Err(Errno::EINVAL));
}

fn header(w: &World, buf: u64, len: u64, control: u64, room: u64) -> MsgHeader {
    let iov = w.value(&Iovec { base: buf, len });
    MsgHeader { iov, iovlen: 1, control, controllen: room, ..MsgHeader::default() }
}

fn rights(w: &World, fds: &[u64]) -> (u64, u64) {
    let mut bytes = CmsgHeader { len: 16 + 4 * fds.len() as u64, level: 1, kind: 1 }.as_bytes().to_vec();
    fds.iter().for_each(|fd| bytes.extend_from_slice(&(*fd as i32).to_ne_bytes()));
    (w.bytes(&bytes), bytes.len() as u64)
}

#[test]
fn descriptors_travel_and_what_does_not_fit_is_closed() {
    let w = World::new();
    let (a, b) = pair(&w, SOCK_STREAM);
    let file = w.open("/f", libc::O_CREAT | libc::O_RDWR);
    let (control, len) = rights(&w, &[file, a]);
    let byte = w.bytes(b"!");
    let out = w.value(&header(&w, byte, 1, control, len));
    assert_eq!(w.call(libc::SYS_sendmsg, &[a, out, 0]), Ok(1));
    let area = w.room(64);
    let into = w.value(&header(&w, byte, 1, area, 64));
    assert_eq!(w.call(libc::SYS_recvmsg, &[b, into, MSG_CMSG_CLOEXEC as u64]), Ok(1));
    let got: MsgHeader = w.read(into);
    assert_eq!((got.controllen, w.read::<CmsgHeader>(area).len), (24, 24));
    let fd = w.read::<i32>(area + 16) as u64;
    assert_eq!(w.call(libc::SYS_fcntl, &[fd, libc::F_GETFD as u64]), Ok(1));
    assert_eq!(w.call(libc::SYS_ftruncate, &[fd, 3]), Ok(0));
    // Room for one of two.
    assert_eq!(w.call(libc::SYS_sendmsg, &[a, out, 0]), Ok(1));
    let small = w.value(&header(&w, byte, 1, area, 20));
    assert_eq!(w.call(libc::SYS_recvmsg, &[b, small, 0]), Ok(1));
    let got: MsgHeader = w.read(small);
    assert_eq!(got.flags & MSG_CTRUNC as u32, MSG_CTRUNC as u32);
    assert_eq!(w.read::<CmsgHeader>(area).len, 20);
    let (bad, bad_len) = rights(&w, &[99]);
    let wrong = w.value(&header(&w, byte, 1, bad, bad_len));
    assert_eq!(w.call(libc::SYS_sendmsg, &[a, wrong, 0]), Err(Errno::EBADF));
    let long = w.value(&MsgHeader { iovlen: 1025, ..header(&w, byte, 1, 0, 0) });
    assert_eq!(w.call(libc::SYS_sendmsg, &[a, long, 0]), Err(Errno::EMSGSIZE));
}

#[test]
fn several_datagrams_in_one_call_and_their_real_lengths() {
    let w = World::new();
    let (a, b) = pair(&w, SOCK_DGRAM);
    let messages = w.room(128);
    for i in 0..2 {
        let buf = w.bytes(&[b'a'; 8]);
        let message = MmsgHeader { header: header(&w, buf, 4 + 4 * i, 0, 0), ..MmsgHeader::default() };
        w.user().write(messages + 64 * i, &message).unwrap();
    }
    assert_eq!(w.call(libc::SYS_sendmmsg, &[a, messages, 2, 0]), Ok(2));
    assert_eq!(w.read::<MmsgHeader>(messages + 64).len, 8);
    let buf = w.room(16);
    assert_eq!(w.call(libc::SYS_recvfrom, &[b, buf, 2, libc::MSG_TRUNC as u64, 0, 0]), Ok(4));
    assert_eq!(w.call(libc::SYS_recvmmsg, &[b, messages, 2, MSG_DONTWAIT as u64, 0]), Ok(1));
    assert_eq!(w.read::<MmsgHeader>(messages).len, 4);
    assert_eq!(w.read::<MmsgHeader>(messages).header.flags & libc::MSG_TRUNC as u32, libc::MSG_TRUNC as u32);
    assert_eq!(w.call(libc::SYS_recvmmsg, &[b, messages, 2, MSG_DONTWAIT as u64, 0]), Err(Errno::EAGAIN));
}
