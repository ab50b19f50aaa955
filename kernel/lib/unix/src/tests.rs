use crate::socket::WRITABLE;
use crate::*;
use file::{Control, Credentials, Events, File, MsgFlags, OpenFlags, Received, Share, Shutdown, SliceSink, SockAddr, Socket};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use uapi::{Errno, Result};
use usermem::UserMemory;
use usermem::testing::FakeMemory;

/// A flat "file system" of socket names.
#[derive(Default)]
struct Names(Mutex<BTreeMap<Vec<u8>, Weak<dyn Any + Send + Sync>>>);

const ME: Credentials = Credentials { pid: 7, uid: 1000, gid: 100 };

impl SocketNames for Names {
    fn credentials(&self) -> Credentials {
        ME
    }
    fn bind(&self, path: &[u8], socket: Weak<dyn Any + Send + Sync>) -> Result<()> {
        match self.0.lock().unwrap().insert(path.to_vec(), socket) {
            None => Ok(()),
            Some(_) => Err(Errno::EADDRINUSE),
        }
    }
    fn lookup(&self, path: &[u8]) -> Result<Arc<dyn Any + Send + Sync>> {
        self.0.lock().unwrap().get(path).ok_or(Errno::ENOENT)?.upgrade().ok_or(Errno::ECONNREFUSED)
    }
}

const STREAM: u32 = 1;
const DGRAM: u32 = 2;
const SEQPACKET: u32 = 5;
const PEEK: MsgFlags = MsgFlags::PEEK;

fn family() -> Arc<Family> {
    Family::new(Arc::new(Names::default()))
}
fn addr(name: &[u8]) -> SockAddr {
    SockAddr::Unix(name.to_vec())
}
fn bound(family: &Arc<Family>, kind: u32, name: &[u8]) -> Arc<UnixSocket> {
    let socket = family.socket(kind, 0).unwrap();
    socket.bind(&addr(name)).unwrap();
    socket
}
fn send(socket: &UnixSocket, mut bytes: &[u8]) -> Result<usize> {
    socket.send(&mut bytes, None, MsgFlags::empty(), vec![])
}
fn receive(socket: &UnixSocket, max: usize, flags: MsgFlags) -> Result<(Vec<u8>, Received)> {
    let mut buf = vec![0; max];
    let received = socket.recv(&mut SliceSink::new(&mut buf), flags)?;
    buf.truncate(received.copied);
    Ok((buf, received))
}
fn bytes(socket: &UnixSocket, max: usize) -> Result<Vec<u8>> {
    receive(socket, max, MsgFlags::empty()).map(|(bytes, _)| bytes)
}
/// A client, the socket accepted for it, and the listener.
fn connected(family: &Arc<Family>, kind: u32) -> (Arc<UnixSocket>, Arc<dyn File>, Arc<UnixSocket>) {
    let listener = bound(family, kind, b"/sock");
    listener.listen(5).unwrap();
    let client = family.socket(kind, 0).unwrap();
    client.connect(&addr(b"/sock")).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server, listener)
}
fn unix(file: &Arc<dyn File>) -> &UnixSocket {
    file.as_any().downcast_ref().unwrap()
}

#[test]
fn a_stream_pair_carries_bytes_both_ways_and_its_end() {
    let (a, b) = family().pair(STREAM, 0).unwrap();
    assert_eq!(bytes(&b, 9), Err(Errno::EAGAIN));
    assert_eq!((send(&a, b"hel"), send(&a, b"lo")), (Ok(3), Ok(2)));
    assert_eq!(receive(&b, 2, PEEK).unwrap().0, b"he");
    assert_eq!(bytes(&b, 4).unwrap(), b"hell");
    assert_eq!(send(&b, b"back"), Ok(4));
    assert_eq!(bytes(&a, 9).unwrap(), b"back");
    drop(a);
    assert_eq!(b.poll(), Events::READABLE | WRITABLE | Events::RDHUP | Events::HUP);
    assert_eq!((bytes(&b, 9).unwrap(), bytes(&b, 9).unwrap()), (b"o".to_vec(), vec![]));
    assert_eq!(send(&b, b"x"), Err(Errno::EPIPE));
}

#[test]
fn closing_with_unread_data_resets_the_peer() {
    let (a, b) = family().pair(STREAM, 0).unwrap();
    send(&a, b"unread").unwrap();
    drop(b);
    assert!(a.poll().contains(Events::ERR));
    assert_eq!(bytes(&a, 9), Err(Errno::ECONNRESET));
    assert_eq!(bytes(&a, 9).unwrap(), b"");
}

#[test]
fn listening_connecting_and_accepting() {
    let family = family();
    let (client, server, listener) = connected(&family, STREAM);
    assert_eq!(client.peer_addr(), Ok(addr(b"/sock")));
    assert_eq!((unix(&server).local_addr(), unix(&server).peer_addr()), (Ok(addr(b"/sock")), Ok(addr(b""))));
    send(&client, b"ping").unwrap();
    assert_eq!(bytes(unix(&server), 9).unwrap(), b"ping");
    assert!(listener.accept().is_err_and(|e| e == Errno::EAGAIN));
    assert_eq!(client.connect(&addr(b"/sock")), Err(Errno::EISCONN));
    let peer = client.get_option(1, 17).unwrap();
    assert_eq!(peer, [7u32, 1000, 100].map(u32::to_ne_bytes).concat());
}

#[test]
fn connecting_fails_as_on_linux() {
    let family = family();
    let socket = family.socket(STREAM, 0).unwrap();
    assert_eq!(socket.connect(&addr(b"/nothing")), Err(Errno::ENOENT));
    assert_eq!(socket.connect(&addr(b"\0nothing")), Err(Errno::ECONNREFUSED));
    let idle = bound(&family, STREAM, b"/idle");
    assert_eq!(socket.connect(&addr(b"/idle")), Err(Errno::ECONNREFUSED));
    drop(idle);
    assert_eq!(socket.connect(&addr(b"/idle")), Err(Errno::ECONNREFUSED));
    let packets = bound(&family, SEQPACKET, b"/packets");
    packets.listen(1).unwrap();
    assert_eq!(socket.connect(&addr(b"/packets")), Err(Errno::EPROTOTYPE));
    assert_eq!((send(&socket, b"x"), bytes(&socket, 1)), (Err(Errno::ENOTCONN), Err(Errno::EINVAL)));
    assert_eq!(socket.poll(), Events::HUP | WRITABLE);
    assert_eq!(socket.listen(1), Err(Errno::EINVAL));
    assert_eq!(bound(&family, DGRAM, b"/d").listen(1), Err(Errno::EOPNOTSUPP));
    assert_eq!(family.socket(DGRAM, 0).unwrap().connect(&addr(b"/packets")), Err(Errno::EPROTOTYPE));
    assert!(matches!(family.socket(4, 0), Err(Errno::ESOCKTNOSUPPORT)));
    assert!(matches!(family.socket(STREAM, 6), Err(Errno::EPROTONOSUPPORT)));
}

#[test]
fn a_full_backlog_waits_and_closing_the_listener_resets_those_in_it() {
    let family = family();
    let listener = bound(&family, STREAM, b"\0l");
    listener.listen(1).unwrap();
    let clients: Vec<_> = (0..3).map(|_| family.socket(STREAM, 0).unwrap()).collect();
    let results: Vec<_> = clients.iter().map(|c| c.connect(&addr(b"\0l"))).collect();
    assert_eq!(results, [Ok(()), Ok(()), Err(Errno::EAGAIN)]);
    drop(listener.accept().unwrap());
    assert_eq!(clients[2].connect(&addr(b"\0l")), Ok(()));
    drop(listener);
    assert_eq!(bytes(&clients[1], 1), Err(Errno::ECONNRESET));
    assert_eq!(bytes(&clients[0], 1).unwrap(), b"");
}

#[test]
fn names_are_taken_once_and_made_up_when_empty() {
    let family = family();
    let socket = bound(&family, STREAM, b"\0abs");
    assert_eq!(socket.bind(&addr(b"/other")), Err(Errno::EINVAL));
    let other = family.socket(STREAM, 0).unwrap();
    assert_eq!(other.bind(&addr(b"\0abs")), Err(Errno::EADDRINUSE));
    drop(socket);
    assert_eq!(other.bind(&addr(b"\0abs")), Ok(()));
    let auto = bound(&family, DGRAM, b"");
    assert_eq!(auto.local_addr(), Ok(addr(b"\x0000000")));
    bound(&family, STREAM, b"/file");
    assert_eq!(family.socket(STREAM, 0).unwrap().bind(&addr(b"/file")), Err(Errno::EADDRINUSE));
}

#[test]
fn datagrams_keep_their_bounds_and_tell_who_sent_them() {
    let family = family();
    let (a, b) = (bound(&family, DGRAM, b"/a"), bound(&family, DGRAM, b"/b"));
    assert_eq!(send(&a, b"x"), Err(Errno::ENOTCONN));
    for message in [&b"one"[..], b"", b"three"] {
        a.send(&mut { message }, Some(&addr(b"/b")), MsgFlags::empty(), vec![]).unwrap();
    }
    let (cut, received) = receive(&b, 2, MsgFlags::empty()).unwrap();
    assert_eq!((cut, received.full_len, received.flags), (b"on".to_vec(), 3, MsgFlags::TRUNC));
    assert_eq!(received.from, Some(addr(b"/a")));
    assert_eq!((bytes(&b, 9).unwrap(), bytes(&b, 9).unwrap()), (vec![], b"three".to_vec()));
    b.connect(&addr(b"/a")).unwrap();
    drop(a);
    assert_eq!((send(&b, b"x"), send(&b, b"x")), (Err(Errno::ECONNREFUSED), Err(Errno::ENOTCONN)));
    let (c, _d) = family.pair(DGRAM, 0).unwrap();
    assert_eq!(send(&c, &vec![0; 300_000]), Err(Errno::EMSGSIZE));
    assert_eq!(c.connect(&SockAddr::Unspecified), Ok(()));
    assert_eq!(send(&c, b"x"), Err(Errno::ENOTCONN));
}

#[test]
fn a_connected_datagram_socket_hears_its_peer_only_and_a_full_queue_waits() {
    let family = family();
    let (a, b, c) = (bound(&family, DGRAM, b"/a"), bound(&family, DGRAM, b"/b"), bound(&family, DGRAM, b"/c"));
    a.connect(&addr(b"/b")).unwrap();
    assert_eq!(c.connect(&addr(b"/a")), Err(Errno::EPERM));
    c.connect(&addr(b"/b")).unwrap();
    let sent = (0..).take_while(|_| send(&c, b"m").is_ok()).count();
    assert_eq!((sent, send(&c, b"m")), (11, Err(Errno::EAGAIN)));
    assert!(!c.poll().contains(Events::OUT));
    bytes(&b, 1).unwrap();
    assert!(c.poll().contains(Events::OUT));
    assert_eq!(send(&c, b"m"), Ok(1));
}

#[test]
fn sequenced_packets_are_connected_and_bounded() {
    let family = family();
    let (client, server, _listener) = connected(&family, SEQPACKET);
    send(&client, b"first").unwrap();
    send(&client, b"second").unwrap();
    assert_eq!((bytes(unix(&server), 3).unwrap(), bytes(unix(&server), 9).unwrap()), (b"fir".to_vec(), b"second".to_vec()));
    drop(server);
    assert_eq!((bytes(&client, 1).unwrap(), send(&client, b"x")), (vec![], Err(Errno::EPIPE)));
}

#[test]
fn descriptors_travel_with_their_bytes() {
    let (a, b) = family().pair(STREAM, 0).unwrap();
    let passed: Arc<dyn Any + Send + Sync> = Arc::new(42u32);
    send(&a, b"before").unwrap();
    a.send(&mut &b"with"[..], None, MsgFlags::empty(), vec![Control::Rights(vec![passed])]).unwrap();
    send(&a, b"after").unwrap();
    let (data, received) = receive(&b, 100, MsgFlags::empty()).unwrap();
    assert_eq!(data, b"beforewith");
    let [Control::Rights(rights)] = &received.control[..] else { panic!("no rights") };
    assert_eq!(rights[0].downcast_ref::<u32>(), Some(&42));
    assert_eq!(bytes(&b, 100).unwrap(), b"after");
    let many = (0..254).map(|_| Arc::new(0u8) as Arc<dyn Any + Send + Sync>).collect();
    assert_eq!(a.send(&mut &b"x"[..], None, MsgFlags::empty(), vec![Control::Rights(many)]), Err(Errno::EINVAL));
}

#[test]
fn credentials_come_when_asked_for_and_cannot_be_forged() {
    let (a, b) = family().pair(DGRAM, 0).unwrap();
    b.set_option(1, 16, &1i32.to_ne_bytes()).unwrap();
    send(&a, b"x").unwrap();
    let (_, received) = receive(&b, 9, MsgFlags::empty()).unwrap();
    assert!(matches!(received.control[..], [Control::Credentials(ME)]));
    let forged = Control::Credentials(Credentials { pid: 1, uid: 0, gid: 0 });
    assert_eq!(a.send(&mut &b"x"[..], None, MsgFlags::empty(), vec![forged]), Err(Errno::EPERM));
}

#[test]
fn shutdown_is_half_or_whole() {
    let (a, b) = family().pair(STREAM, 0).unwrap();
    send(&a, b"last").unwrap();
    a.shutdown(Shutdown::Write).unwrap();
    assert_eq!(send(&a, b"x"), Err(Errno::EPIPE));
    assert_eq!(b.poll(), Events::READABLE | WRITABLE | Events::RDHUP);
    assert_eq!((bytes(&b, 9).unwrap(), bytes(&b, 9).unwrap()), (b"last".to_vec(), vec![]));
    send(&b, b"still").unwrap();
    a.shutdown(Shutdown::Read).unwrap();
    assert_eq!((bytes(&a, 9).unwrap(), bytes(&a, 9).unwrap()), (b"still".to_vec(), vec![]));
    assert_eq!(send(&b, b"x"), Err(Errno::EPIPE));
    assert!(a.poll().contains(Events::HUP) && b.poll().contains(Events::HUP));
}

#[test]
fn buffers_fill_and_drain_and_are_counted() {
    let (a, b) = family().pair(STREAM, 0).unwrap();
    a.set_option(1, 7, &10_000i32.to_ne_bytes()).unwrap();
    assert_eq!(a.get_option(1, 7).unwrap(), 20_000i32.to_ne_bytes());
    let mut sent = 0;
    while let Ok(n) = send(&a, &[1; 1000]) {
        sent += n;
    }
    assert!((10_000..=20_000).contains(&sent), "{sent}");
    assert!(!a.poll().contains(Events::OUT));
    let memory = FakeMemory::new(0x1000, 16);
    b.ioctl(0x541b, 0x1000, &memory).unwrap();
    a.ioctl(0x5411, 0x1004, &memory).unwrap();
    let counts = (&memory as &dyn UserMemory).read::<[i32; 2]>(0x1000).unwrap();
    assert_eq!(counts, [sent as i32; 2]);
    assert_eq!(bytes(&b, 1 << 20).unwrap().len(), sent);
    assert!(a.poll().contains(Events::OUT));
}

#[test]
fn options_unknown_or_bad_are_refused() {
    let (a, _b) = family().pair(STREAM, 0).unwrap();
    assert_eq!(a.set_option(6, 1, &[0; 4]), Err(Errno::ENOPROTOOPT));
    assert_eq!(a.set_option(1, 99, &[0; 4]), Err(Errno::ENOPROTOOPT));
    assert_eq!(a.set_option(1, 16, &[0; 2]), Err(Errno::EINVAL));
    let tenth = [0i64, 100_000].map(i64::to_ne_bytes).concat();
    a.set_option(1, 20, &tenth).unwrap();
    assert_eq!((a.timeouts_ns(), a.get_option(1, 20)), ((Some(100_000_000), None), Ok(tenth)));
}

#[test]
fn sockets_end_with_their_last_reference() {
    let family = family();
    let (client, server, listener) = connected(&family, STREAM);
    let weak = [Arc::downgrade(&client), unix(&server).me.clone(), Arc::downgrade(&listener)];
    send(&client, b"x").unwrap();
    drop((client, server, listener));
    assert!(weak.iter().all(|socket| socket.upgrade().is_none()));
}

#[test]
fn threads_move_everything_through_a_stream() {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    fn wait(socket: &UnixSocket, want: Events) {
        let waker = Arc::new(Unpark(std::thread::current())).into();
        let _registered = socket.wait_queue().unwrap().register(want, Share::All, waker);
        while !socket.poll().intersects(want | Events::ALWAYS) {
            std::thread::park();
        }
    }
    const TOTAL: usize = 8 << 20;
    let (a, b) = family().pair(STREAM, 0).unwrap();
    let sum: usize = std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut left = TOTAL;
            while left > 0 {
                match a.write(&mut &vec![3; 70_001.min(left)][..], OpenFlags::empty()) {
                    Ok(sent) => left -= sent,
                    Err(_) => wait(&a, Events::OUT),
                }
            }
        });
        let mut sum = 0;
        loop {
            match bytes(&b, 9_999) {
                Ok(data) if data.is_empty() => break sum,
                Ok(data) => sum += data.len(),
                Err(_) => wait(&b, Events::IN),
            }
        }
    });
    assert_eq!(sum, TOTAL);
}
