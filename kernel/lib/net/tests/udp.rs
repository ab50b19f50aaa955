//! UDP, ICMP, IPv6, DHCP and the rest below TCP.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
use common::*;
use file::{Control, Events, MsgFlags, SockAddr};
use net::Ipv6Config;
use std::net::{Ipv4Addr, SocketAddrV4};
use uapi::Errno;
use uapi::net as c;

fn bound(world: &World, end: usize, port: u16) -> Sock {
    let socket = udp(&world.stacks[end]);
    socket.s().bind(&SockAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))).unwrap();
    socket
}

#[test]
fn datagrams_keep_their_borders_and_their_senders() {
    for mtu in [576, 1500, 9000] {
        let world = World::new(Plan { mtu, ..Plan::default() });
        let server = bound(&world, 1, 53);
        let client = udp(&world.stacks[0]);
        assert_eq!(client.send(b"x"), Err(Errno::EDESTADDRREQ));
        for size in [0, 1, 500, 1472, 3000, 20_000, 65_507] {
            let data = pattern(size, 3);
            assert_eq!(client.send_to(&data, &addr4(1, 53)), Ok(size));
            world.run(10 * MS);
            let (got, received) = server.recv_flags(70_000, MsgFlags::empty()).unwrap();
            assert!(got == data, "size {size} mtu {mtu}");
            let from = received.from.unwrap();
            server.send_to(b"answer", &from).unwrap();
            world.run(10 * MS);
            assert_eq!(client.recv(100).as_deref(), Ok(&b"answer"[..]), "size {size} mtu {mtu}");
        }
        assert_eq!(client.send_to(&pattern(65_508, 1), &addr4(1, 53)), Err(Errno::EMSGSIZE));
    }
}

#[test]
fn truncation_peeking_and_queue_limits() {
    let world = World::new(Plan::default());
    let server = bound(&world, 1, 53);
    let client = udp(&world.stacks[0]);
    client.s().connect(&addr4(1, 53)).unwrap();
    client.send(b"0123456789").unwrap();
    world.run(MS);
    let (data, received) = server.recv_flags(4, MsgFlags::PEEK).unwrap();
    assert_eq!((data.as_slice(), received.full_len, received.flags), (&b"0123"[..], 10, MsgFlags::TRUNC));
    assert_eq!(server.recv(4).unwrap(), b"0123");
    assert_eq!(server.recv(4), Err(Errno::EAGAIN));
    server.set_int(c::SOL_SOCKET, c::SO_RCVBUF, 5000).unwrap();
    for _ in 0..1000 {
        client.send(&[7; 1000]).unwrap();
        world.run(MS);
    }
    let mut count = 0;
    while server.recv(2000).is_ok() {
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn nobody_listening_is_told_to_connected_sockets() {
    let world = World::new(Plan::default());
    let client = udp(&world.stacks[0]);
    client.s().connect(&addr4(1, 9)).unwrap();
    client.send(b"?").unwrap();
    world.run(10 * MS);
    assert!(client.poll().contains(Events::ERR));
    assert_eq!(client.recv(10), Err(Errno::ECONNREFUSED));
    assert_eq!(client.recv(10), Err(Errno::EAGAIN));
    // The same over the loopback, at once.
    let client = udp(&world.stacks[0]);
    client.s().connect(&loopback(9)).unwrap();
    client.send(b"?").unwrap();
    assert_eq!(client.send(b"?"), Err(Errno::ECONNREFUSED));
}

#[test]
fn connected_sockets_hear_only_their_peer() {
    let world = World::new(Plan::default());
    let server = bound(&world, 1, 53);
    server.s().connect(&addr4(0, 1000)).unwrap();
    let (friend, stranger) = (bound(&world, 0, 1000), bound(&world, 0, 1001));
    friend.send_to(b"friend", &addr4(1, 53)).unwrap();
    stranger.send_to(b"stranger", &addr4(1, 53)).unwrap();
    world.run(10 * MS);
    assert_eq!(server.recv(100).unwrap(), b"friend");
    assert_eq!(server.recv(100), Err(Errno::EAGAIN));
    server.s().connect(&SockAddr::Unspecified).unwrap();
    stranger.send_to(b"stranger", &addr4(1, 53)).unwrap();
    world.run(10 * MS);
    assert_eq!(server.recv(100).unwrap(), b"stranger");
}

#[test]
fn addresses_in_use_and_not_ours() {
    let world = World::new(Plan::default());
    let _first = bound(&world, 0, 53);
    let second = udp(&world.stacks[0]);
    assert_eq!(second.s().bind(&addr4(0, 53)), Err(Errno::EADDRINUSE));
    assert_eq!(second.s().bind(&addr4(1, 53)), Err(Errno::EADDRNOTAVAIL));
    assert_eq!(second.s().bind(&addr6("::1", 53, 0)), Err(Errno::EAFNOSUPPORT));
    second.s().bind(&addr4(0, 54)).unwrap();
    assert_eq!(second.s().bind(&addr4(0, 55)), Err(Errno::EINVAL));
    assert_eq!(second.send_to(b"x", &SockAddr::V4("10.0.0.255:1".parse().unwrap())), Err(Errno::EACCES));
    let listener = world.listen(0, 80);
    let other = tcp(&world.stacks[0]);
    assert_eq!(other.s().bind(&addr4(0, 80)), Err(Errno::EADDRINUSE));
    drop(listener);
    other.s().bind(&addr4(0, 80)).unwrap();
    assert!(matches!(world.stacks[0].socket(2, 3, 1), Err(Errno::EPERM)));
    assert!(matches!(world.stacks[0].socket(2, 1, 17), Err(Errno::EPROTONOSUPPORT)));
    assert!(matches!(world.stacks[0].socket(4, 1, 0), Err(Errno::EAFNOSUPPORT)));
}

#[test]
fn broadcast_multicast_and_packet_info() {
    let world = World::new(Plan::default());
    let server = bound(&world, 1, 5353);
    server.set_int(c::SOL_IP, c::IP_PKTINFO, 1).unwrap();
    server.set_int(c::SOL_IP, c::IP_RECVTTL, 1).unwrap();
    server.set_int(c::SOL_SOCKET, c::SO_TIMESTAMP, 1).unwrap();
    let client = udp(&world.stacks[0]);
    client.set_int(c::SOL_SOCKET, c::SO_BROADCAST, 1).unwrap();
    let to = |s: &str| SockAddr::V4(s.parse().unwrap());
    for target in ["10.0.0.255:5353", "255.255.255.255:5353"] {
        client.send_to(b"all", &to(target)).unwrap();
        world.run(10 * MS);
        assert_eq!(server.recv(10).unwrap(), b"all");
    }
    client.send_to(b"group", &to("224.0.0.251:5353")).unwrap();
    world.run(10 * MS);
    assert_eq!(server.recv(10), Err(Errno::EAGAIN));
    let membership = [[224, 0, 0, 251], [0; 4]].concat();
    server.s().set_option(c::SOL_IP as i32, c::IP_ADD_MEMBERSHIP as i32, &membership).unwrap();
    client.send_to(b"group", &to("224.0.0.251:5353")).unwrap();
    world.run(10 * MS);
    let (data, received) = server.recv_flags(10, MsgFlags::empty()).unwrap();
    assert_eq!(data, b"group");
    let raw: Vec<(i32, i32, usize)> = received
        .control
        .iter()
        .map(|c| match c {
            Control::Raw { level, kind, data } => (*level, *kind, data.len()),
            _ => panic!(),
        })
        .collect();
    assert_eq!(raw, [(1, 29, 16), (0, 8, 12), (0, 2, 4)]);
    server.s().set_option(c::SOL_IP as i32, c::IP_DROP_MEMBERSHIP as i32, &membership).unwrap();
    client.send_to(b"group", &to("224.0.0.251:5353")).unwrap();
    world.run(10 * MS);
    assert_eq!(server.recv(10), Err(Errno::EAGAIN));
}

#[test]
fn dual_stack_sockets_and_link_local_addresses() {
    let world = World::new(Plan::default());
    let listener = Sock(world.stacks[1].socket(10, 1, 0).unwrap());
    listener.s().bind(&addr6("::", 80, 0)).unwrap();
    listener.s().listen(10).unwrap();
    let (_, link_local) = world.stacks[1].interfaces()[1].addrs.iter().map(|a| (a.prefix, a.addr.ip())).find(|(_, a)| a.is_ipv6()).unwrap();
    let client4 = tcp(&world.stacks[0]);
    client4.s().connect(&addr4(1, 80)).unwrap_err();
    world.run(10 * MS);
    let (server, peer) = listener.s().accept().unwrap();
    assert!(matches!(&peer, SockAddr::V6(a) if a.ip().to_ipv4_mapped() == Some(v4(0))), "{peer:?}");
    drop(server);
    let client6 = Sock(world.stacks[0].socket(10, 1, 0).unwrap());
    assert_eq!(client6.s().connect(&addr6(&link_local.to_string(), 80, 2)), Err(Errno::EINPROGRESS));
    world.run(10 * MS);
    let server = Sock(listener.s().accept().unwrap().0);
    let stream = pattern(200_000, 2);
    transfer(&world, &client6, &server, &stream, 10_000, 60 * SECOND);
    // A v6-only listener leaves IPv4 alone.
    drop(listener);
    let listener = Sock(world.stacks[1].socket(10, 1, 0).unwrap());
    listener.set_int(c::SOL_IPV6, c::IPV6_V6ONLY, 1).unwrap();
    // The old listener's connection keeps the port from those without SO_REUSEADDR.
    assert_eq!(listener.s().bind(&addr6("::", 80, 0)), Err(Errno::EADDRINUSE));
    listener.s().bind(&addr6("::", 81, 0)).unwrap();
    listener.s().listen(10).unwrap();
    let client4 = tcp(&world.stacks[0]);
    client4.s().connect(&addr4(1, 81)).unwrap_err();
    world.run(10 * MS);
    assert_eq!(client4.s().take_error(), Some(Errno::ECONNREFUSED));
    assert_eq!(world.listen(1, 81).s().listen(1), Ok(()));
}

#[test]
fn pings_are_answered() {
    let world = World::new(Plan {
        ipv6: Ipv6Config::Static { address: "2001:db8::1".parse().unwrap(), prefix: 64, gateway: None },
        ..Plan::default()
    });
    let ping = Sock(world.stacks[0].socket(2, 2, 1).unwrap());
    ping.send_to(&[8, 0, 0, 0, 0, 0, 0, 1, b'h', b'i'], &addr4(1, 0)).unwrap();
    world.run(10 * MS);
    let answer = ping.recv(100).unwrap();
    assert_eq!((answer[0], &answer[6..]), (0, &b"\0\x01hi"[..]));
    let ping = Sock(world.stacks[0].socket(10, 2, 58).unwrap());
    ping.send_to(&[128, 0, 0, 0, 0, 0, 0, 1, b'h', b'i'], &addr6("::1", 0, 0)).unwrap();
    world.run(10 * MS);
    assert_eq!(ping.recv(100).unwrap()[0], 129);
}

#[test]
fn dhcp_gets_an_address_renews_and_gives_it_up() {
    let world = World::new(Plan { dhcp: true, ipv6: Ipv6Config::None, ..Plan::default() });
    // The far end of the wire is a server made by hand.
    let answering = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (on, log) = (answering.clone(), asked.clone());
    let pending = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let out = pending.clone();
    world.wire.lock().unwrap().filter = Some(Box::new(move |end, frame| {
        if end == 0 && frame[12..14] == [8, 0] && frame[23] == 17 && frame[36..38] == [0, 67] {
            let message = &frame[42..];
            let kind = message[242];
            log.lock().unwrap().push(kind);
            if on.load(std::sync::atomic::Ordering::SeqCst) {
                out.lock().unwrap().push(dhcp_answer(message, if kind == 1 { 2 } else { 5 }));
            }
        }
        if end == 0 && frame[12..14] == [8, 6] {
            out.lock().unwrap().push(arp_answer(frame));
        }
        end == 1
    }));
    let run = |ns: u64| {
        let until = world.now() + ns;
        loop {
            let more = world.step(until);
            let answers: Vec<Vec<u8>> = pending.lock().unwrap().drain(..).collect();
            let some = !answers.is_empty();
            world.wire.lock().unwrap().arrived[0].extend(answers);
            if !more && !some {
                break;
            }
        }
    };
    run(2 * SECOND);
    let info = &world.stacks[0].interfaces()[1];
    assert!(info.configured);
    let lease = info.lease.clone().unwrap();
    assert_eq!((lease.address, lease.prefix, lease.gateway), (Ipv4Addr::new(10, 0, 2, 15), 24, Some(Ipv4Addr::new(10, 0, 2, 2))));
    assert_eq!((lease.dns.as_slice(), lease.domain.as_str()), (&[Ipv4Addr::new(10, 0, 2, 3)][..], "example"));
    assert_eq!(world.stacks[0].routes().iter().filter(|r| r.prefix == 0).count(), 1);
    assert_eq!(*asked.lock().unwrap(), [1, 3]);
    // Renewed at half time; the server's silence is fatal only at the end.
    run(2000 * SECOND);
    assert_eq!(*asked.lock().unwrap(), [1, 3, 3]);
    answering.store(false, std::sync::atomic::Ordering::SeqCst);
    run(3000 * SECOND);
    assert!(world.stacks[0].interfaces()[1].lease.is_some());
    run(3600 * SECOND);
    assert!(world.stacks[0].interfaces()[1].lease.is_none());
    assert!(world.stacks[0].interfaces()[1].addrs.is_empty());
}

fn arp_answer(request: &[u8]) -> Vec<u8> {
    let server = [2, 9, 9, 9, 9, 9];
    let header = [&request[6..12], &server, &request[12..20], &[0, 2]].concat();
    [&header, &server[..], &request[38..42], &request[22..32]].concat()
}

fn dhcp_answer(request: &[u8], kind: u8) -> Vec<u8> {
    let mut m = vec![0u8; 240];
    m[..4].copy_from_slice(&[2, 1, 6, 0]);
    m[4..8].copy_from_slice(&request[4..8]);
    m[16..20].copy_from_slice(&[10, 0, 2, 15]);
    m[28..34].copy_from_slice(&request[28..34]);
    m[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    m.extend([53, 1, kind, 54, 4, 10, 0, 2, 2, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 6, 4, 10, 0, 2, 3]);
    m.extend([51, 4, 0, 0, 14, 16, 15, 7]);
    m.extend(b"example");
    m.push(255);
    let mut frame = vec![0u8; 42];
    frame[..6].copy_from_slice(&request[28..34]);
    frame[6..12].copy_from_slice(&[2, 9, 9, 9, 9, 9]);
    frame[12..15].copy_from_slice(&[8, 0, 0x45]);
    let total = (28 + m.len()) as u16;
    frame[16..18].copy_from_slice(&total.to_be_bytes());
    frame[22..24].copy_from_slice(&[64, 17]);
    frame[26..34].copy_from_slice(&[10, 0, 2, 2, 10, 0, 2, 15]);
    let sum = frame[14..34].chunks(2).fold(0u32, |s, p| s + (u32::from(p[0]) << 8 | u32::from(p[1])));
    let sum = !(((sum >> 16) + (sum & 0xffff)) as u16);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame[34..38].copy_from_slice(&[0, 67, 0, 68]);
    frame[38..40].copy_from_slice(&(total - 20).to_be_bytes());
    frame.extend(m);
    frame
}
