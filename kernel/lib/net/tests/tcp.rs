//! TCP between two stacks, in all weathers.

mod common;
use common::*;
use file::{Events, MsgFlags, Shutdown, SockAddr};
use uapi::Errno;
use uapi::net as c;

#[test]
fn hello_over_the_link_and_a_clean_end() {
    let world = World::new(Plan::default());
    let (_listener, client, server) = world.connected(80);
    assert_eq!(client.s().peer_addr(), Ok(addr4(1, 80)));
    assert_eq!(client.s().local_addr(), server.s().peer_addr());
    assert_eq!(client.send(b"GET /"), Ok(5));
    assert_eq!(server.recv(100), Err(Errno::EAGAIN));
    assert!(!server.poll().contains(Events::IN));
    world.run(MS);
    assert!(server.poll().contains(Events::IN));
    assert_eq!(server.recv_flags(3, MsgFlags::PEEK).unwrap().0, b"GET");
    assert_eq!(server.recv(100).unwrap(), b"GET /");
    assert_eq!(server.send(b"200"), Ok(3));
    server.s().shutdown(Shutdown::Write).unwrap();
    world.run(MS);
    assert!(client.poll().contains(Events::IN | Events::RDHUP) && !client.poll().contains(Events::HUP));
    assert_eq!(client.recv(2).unwrap(), b"20");
    assert_eq!(client.recv(2).unwrap(), b"0");
    assert_eq!(client.recv(2).unwrap(), b"");
    assert_eq!(server.send(b"x"), Err(Errno::EPIPE));
    // Half closed: the other direction still works.
    assert_eq!(client.send(b"bye"), Ok(3));
    drop(client);
    world.run(MS);
    assert_eq!(server.recv(10).unwrap(), b"bye");
    assert_eq!(server.recv(10).unwrap(), b"");
    assert!(server.poll().contains(Events::HUP));
}

#[test]
fn loopback_needs_no_device_and_no_time() {
    let world = World::new(Plan::default());
    let stack = &world.stacks[0];
    let listener = world.listen(0, 7);
    let client = tcp(stack);
    // As on Linux, the outcome is told by the next call.
    assert_eq!(client.s().connect(&loopback(7)), Err(Errno::EINPROGRESS));
    assert_eq!((client.s().take_error(), client.s().connect(&loopback(7))), (None, Ok(())));
    assert_eq!(client.s().connect(&loopback(7)), Err(Errno::EISCONN));
    let (server, peer) = listener.s().accept().unwrap();
    let server = Sock(server);
    assert_eq!(client.s().local_addr(), Ok(peer));
    for size in [1, 100, 5000, 100_000] {
        let data = pattern(size, size as u64);
        assert_eq!(client.send(&data), Ok(size));
        let mut got = Vec::new();
        while got.len() < size {
            got.extend(server.recv(7000).unwrap());
        }
        assert!(got == data);
    }
    let refused = tcp(stack);
    for _ in 0..2 {
        assert_eq!(refused.s().connect(&loopback(8)), Err(Errno::EINPROGRESS));
        assert!(refused.poll().contains(Events::ERR | Events::HUP));
        assert_eq!(refused.s().connect(&loopback(8)), Err(Errno::ECONNREFUSED));
        assert_eq!(refused.recv(1), Err(Errno::ENOTCONN));
    }
    // Only ARP and router solicitations may have left.
    assert!(world.wire.lock().unwrap().largest < 100);
}

#[test]
fn one_byte_goes_out_of_band() {
    let world = World::new(Plan::default());
    let listener = world.listen(0, 7);
    let client = tcp(&world.stacks[0]);
    assert_eq!(client.s().connect(&loopback(7)), Err(Errno::EINPROGRESS));
    let server = Sock(listener.s().accept().unwrap().0);
    let urgent = |sock: &Sock, flags| {
        let mut byte = [0];
        let received = sock.s().recv(&mut file::SliceSink::new(&mut byte), flags)?;
        Ok::<_, Errno>((byte[0], received.flags))
    };
    assert_eq!(urgent(&server, MsgFlags::OOB), Err(Errno::EINVAL));
    client.send(b"before").unwrap();
    assert_eq!(client.s().send(&mut &b"xU"[..], None, MsgFlags::OOB, Vec::new()), Ok(2));
    client.send(b"after").unwrap();
    assert!(server.poll().contains(Events::PRI));
    assert_eq!(server.recv(3).unwrap(), b"bef");
    assert_eq!(urgent(&server, MsgFlags::OOB | MsgFlags::PEEK), Ok((b'U', MsgFlags::OOB)));
    assert_eq!(urgent(&server, MsgFlags::OOB), Ok((b'U', MsgFlags::OOB)));
    assert_eq!((urgent(&server, MsgFlags::OOB), server.poll().contains(Events::PRI)), (Err(Errno::EINVAL), false));
    // Reading stops at the mark, and then goes on without the byte.
    assert_eq!(server.recv(100).unwrap(), b"orex");
    assert_eq!(server.recv(100).unwrap(), b"after");
    let (level, name) = (uapi::net::SOL_SOCKET.cast_signed(), uapi::net::SO_OOBINLINE.cast_signed());
    server.s().set_option(level, name, &1i32.to_ne_bytes()).unwrap();
    assert_eq!(client.s().send(&mut &b"in"[..], None, MsgFlags::OOB, Vec::new()), Ok(2));
    assert_eq!(urgent(&server, MsgFlags::OOB), Err(Errno::EINVAL));
    assert_eq!(server.recv(100).unwrap(), b"in");
}

#[test]
fn long_transfers_in_bad_weather() {
    let bad = Weather { delay: 5 * MS, jitter: 4 * MS, loss: 3, duplicate: 3, damage: 2 };
    let stream = pattern(400_000, 9);
    for (seed, mtu, offload, weather) in [
        (1, 1500, true, FAIR),
        (2, 1500, false, FAIR),
        (3, 1500, true, bad),
        (4, 1500, false, bad),
        (5, 576, false, bad),
        (6, 9000, true, bad),
        (7, 1500, true, Weather { loss: 20, ..bad }),
        (8, 1500, true, Weather { jitter: 20 * MS, loss: 0, damage: 0, ..bad }),
    ] {
        let world = World::new(Plan { seed, mtu, offload, weather, ..Plan::default() });
        let (_l, client, server) = world.connected(80);
        transfer(&world, &client, &server, &stream, 30_000, 600 * SECOND);
        transfer(&world, &server, &client, &stream[..100_000], 500, 600 * SECOND);
        assert!(world.wire.lock().unwrap().largest <= usize::from(mtu) + 14);
    }
}

#[test]
fn small_buffers_and_a_full_ring_only_make_it_slower() {
    let stream = pattern(100_000, 3);
    let world = World::new(Plan { ring: 2, ..Plan::default() });
    let (listener, client, server) = world.connected(80);
    server.set_int(c::SOL_SOCKET, c::SO_RCVBUF, 1500).unwrap();
    client.set_int(c::SOL_SOCKET, c::SO_SNDBUF, 2000).unwrap();
    transfer(&world, &client, &server, &stream, 900, 600 * SECOND);
    drop(listener);
    // A machine short of memory goes on, with small windows.
    let world = World::new(Plan { limit: 20_000, ..Plan::default() });
    let (_l, client, server) = world.connected(80);
    transfer(&world, &client, &server, &stream, 3000, 600 * SECOND);
}

#[test]
fn a_closed_window_is_probed_until_it_opens() {
    let world = World::new(Plan::default());
    let (_l, client, server) = world.connected(80);
    server.set_int(c::SOL_SOCKET, c::SO_RCVBUF, 4000).unwrap();
    let stream = pattern(600_000, 5);
    let mut sent = 0;
    while let Ok(n) = client.send(&stream[sent..]) {
        sent += n;
        world.run(10 * MS);
    }
    assert!(sent < stream.len() && !client.poll().contains(Events::OUT));
    world.run(100 * SECOND);
    // Window updates get lost: only probes can bring the news.
    let mut got = Vec::new();
    world.wire.lock().unwrap().weather.loss = 100;
    while let Ok(data) = server.recv(3000) {
        got.extend(data);
    }
    world.run(10 * MS);
    world.wire.lock().unwrap().weather.loss = 0;
    let ok = world.run_until(1000 * SECOND, || {
        while let Ok(data) = server.recv(3000) {
            got.extend(data);
        }
        got.len() == sent
    });
    assert!(ok, "{} of {sent}", got.len());
    assert!(got == stream[..sent]);
    assert!(client.poll().contains(Events::OUT));
}

#[test]
fn refused_reset_and_timed_out() {
    let world = World::new(Plan::default());
    let client = tcp(&world.stacks[0]);
    assert_eq!(client.s().connect(&addr4(1, 9)), Err(Errno::EINPROGRESS));
    assert_eq!(client.s().connect(&addr4(1, 9)), Err(Errno::EALREADY));
    assert!(!client.poll().contains(Events::OUT));
    world.run(10 * MS);
    assert!(client.poll().contains(Events::OUT | Events::ERR | Events::HUP));
    assert_eq!(client.get_int(c::SOL_SOCKET, c::SO_ERROR), Ok(i32::from(Errno::ECONNREFUSED.code())));
    assert_eq!(client.s().take_error(), None);

    // Closing with unread data, or with a zero linger, resets.
    let (_l, client, server) = world.connected(80);
    client.send(b"unread").unwrap();
    world.run(MS);
    drop(server);
    world.run(MS);
    assert_eq!(client.recv(9), Err(Errno::ECONNRESET));
    assert_eq!(client.recv(9).unwrap(), b"");
    assert_eq!(client.send(b"x"), Err(Errno::EPIPE));

    // Nobody there: the neighbour does not answer.
    let client = tcp(&world.stacks[0]);
    let nobody: SockAddr = SockAddr::V4("10.0.0.77:80".parse().unwrap());
    assert_eq!(client.s().connect(&nobody), Err(Errno::EINPROGRESS));
    world.run(10 * SECOND);
    assert_eq!(client.s().take_error(), Some(Errno::EHOSTUNREACH));

    // The peer falls silent.
    let (_l, client, _server) = world.connected(81);
    world.wire.lock().unwrap().weather.loss = 100;
    client.set_int(c::SOL_TCP, c::TCP_USER_TIMEOUT, 5000).unwrap();
    client.send(b"anybody?").unwrap();
    world.run(3 * SECOND);
    assert_eq!(client.s().take_error(), None);
    world.run(20 * SECOND);
    assert_eq!(client.s().take_error(), Some(Errno::ETIMEDOUT));
}

#[test]
fn keep_alive_finds_out() {
    let world = World::new(Plan::default());
    let (_l, client, server) = world.connected(80);
    for socket in [&client, &server] {
        socket.set_int(c::SOL_TCP, c::TCP_KEEPIDLE, 10).unwrap();
        socket.set_int(c::SOL_TCP, c::TCP_KEEPINTVL, 2).unwrap();
        socket.set_int(c::SOL_TCP, c::TCP_KEEPCNT, 3).unwrap();
        socket.set_int(c::SOL_SOCKET, c::SO_KEEPALIVE, 1).unwrap();
    }
    world.run(200 * SECOND);
    assert_eq!(client.recv(1), Err(Errno::EAGAIN));
    world.wire.lock().unwrap().weather.loss = 100;
    world.run(3 * SECOND);
    assert_eq!(client.recv(1), Err(Errno::EAGAIN));
    world.run(20 * SECOND);
    assert_eq!(client.recv(1), Err(Errno::ETIMEDOUT));
}

#[test]
fn simultaneous_open_and_close() {
    let world = World::new(Plan::default());
    let ends: Vec<Sock> = (0..2).map(|end| tcp(&world.stacks[end])).collect();
    for (end, socket) in ends.iter().enumerate() {
        socket.s().bind(&addr4(end, 5000 + end as u16)).unwrap();
    }
    for (end, socket) in ends.iter().enumerate() {
        let other = 1 - end;
        assert_eq!(socket.s().connect(&addr4(other, 5000 + other as u16)), Err(Errno::EINPROGRESS));
    }
    world.run(3 * SECOND);
    assert!(ends.iter().all(|s| s.poll().contains(Events::OUT) && !s.poll().contains(Events::ERR)), "{:?}", ends[0].poll());
    ends[0].send(b"0").unwrap();
    ends[1].send(b"1").unwrap();
    world.run(SECOND);
    assert_eq!((ends[0].recv(9).unwrap(), ends[1].recv(9).unwrap()), (b"1".to_vec(), b"0".to_vec()));
    for socket in &ends {
        socket.s().shutdown(Shutdown::Both).unwrap();
    }
    world.run(SECOND);
    assert!(ends.iter().all(|s| s.poll().contains(Events::HUP) && s.recv(1) == Ok(Vec::new())));
    drop(ends);
    world.run(200 * SECOND);
}

#[test]
fn a_full_backlog_delays_but_loses_nobody() {
    let world = World::new(Plan::default());
    let listener = world.listen(1, 80);
    listener.s().listen(2).unwrap();
    let clients: Vec<Sock> = (0..10)
        .map(|_| {
            let client = tcp(&world.stacks[0]);
            assert_eq!(client.s().connect(&addr4(1, 80)), Err(Errno::EINPROGRESS));
            client
        })
        .collect();
    world.run(SECOND);
    let mut accepted = Vec::new();
    world.run_until(120 * SECOND, || {
        while let Ok((server, _)) = listener.s().accept() {
            accepted.push(server);
        }
        accepted.len() == clients.len()
    });
    assert_eq!(accepted.len(), clients.len());
    assert!(clients.iter().all(|c| c.poll().contains(Events::OUT)));
}

#[test]
fn thousands_of_connections() {
    let world = World::new(Plan::default());
    let listener = world.listen(1, 80);
    listener.s().listen(4000).unwrap();
    let clients: Vec<Sock> = (0..3000)
        .map(|_| {
            let client = tcp(&world.stacks[0]);
            assert_eq!(client.s().connect(&addr4(1, 80)), Err(Errno::EINPROGRESS));
            client
        })
        .collect();
    let mut servers = Vec::new();
    let done = world.run_until(60 * SECOND, || {
        while let Ok((server, _)) = listener.s().accept() {
            servers.push(Sock(server));
        }
        servers.len() == clients.len()
    });
    assert!(done, "{} accepted", servers.len());
    world.run(10 * MS);
    for (i, client) in clients.iter().enumerate() {
        assert_eq!(client.send(&(i as u32).to_le_bytes()), Ok(4));
    }
    world.run(SECOND);
    for server in &servers {
        let data = server.recv(10).unwrap();
        server.send(&data).unwrap();
    }
    world.run(SECOND);
    for (i, client) in clients.iter().enumerate() {
        assert_eq!(client.recv(10).unwrap(), (i as u32).to_le_bytes());
    }
    drop(clients);
    world.run(SECOND);
    assert!(servers.iter().all(|s| s.recv(1) == Ok(Vec::new())));
    drop(servers);
    world.run(100 * SECOND);
    // All is given back: the same port can be used for as many again.
    assert_eq!(listener.s().accept().err(), Some(Errno::EAGAIN));
}

#[test]
fn wake_ups_come_when_something_becomes_true() {
    let world = World::new(Plan::default());
    let listener = world.listen(1, 80);
    let (accepts, _r1) = count_wakes(listener.0.wait_queue().unwrap(), Events::IN);
    let client = tcp(&world.stacks[0]);
    let (writable, _r2) = count_wakes(client.0.wait_queue().unwrap(), Events::OUT);
    client.s().connect(&addr4(1, 80)).unwrap_err();
    world.run(10 * MS);
    let count = |c: &std::sync::Arc<Counter>| c.0.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!((count(&accepts), count(&writable)), (1, 1));
    let server = Sock(listener.s().accept().unwrap().0);
    let (readable, _r3) = count_wakes(server.0.wait_queue().unwrap(), Events::IN);
    client.set_int(c::SOL_TCP, c::TCP_NODELAY, 1).unwrap();
    client.send(b"1").unwrap();
    world.run(10 * MS);
    client.send(b"2").unwrap();
    world.run(10 * MS);
    // Edge-triggered waiters count on one per arrival.
    assert_eq!(count(&readable), 2);
    // A writer that was turned away is told once there is room.
    let data = pattern(3_000_000, 1);
    let mut sent = 0;
    while let Ok(n) = client.send(&data[sent..]) {
        sent += n;
        world.run(MS);
    }
    let before = count(&writable);
    world.run(10 * MS);
    assert_eq!(count(&writable), before);
    while server.recv(100_000).is_ok() {
        world.run(MS);
    }
    assert!(count(&writable) > before);
    drop(client);
    world.run(10 * MS);
    assert!(count(&readable) > 2);
}

#[test]
fn nagle_nodelay_and_cork() {
    let world = World::new(Plan::default());
    let (_l, client, server) = world.connected(80);
    let frames = || world.wire.lock().unwrap().count;
    let burst = |n: usize| {
        let before = frames();
        for _ in 0..n {
            client.send(b"x").unwrap();
        }
        let sent = frames() - before;
        world.run(SECOND);
        while server.recv(100).is_ok() {}
        sent
    };
    assert_eq!(burst(10), 1);
    client.set_int(c::SOL_TCP, c::TCP_NODELAY, 1).unwrap();
    assert_eq!(burst(10), 10);
    client.set_int(c::SOL_TCP, c::TCP_CORK, 1).unwrap();
    assert_eq!(burst(10), 0);
    client.send(b"corked").unwrap();
    client.set_int(c::SOL_TCP, c::TCP_CORK, 0).unwrap();
    world.run(MS);
    assert_eq!(server.recv(100).unwrap(), b"corked");
    let mut rest: &[u8] = b"more";
    client.s().send(&mut rest, None, MsgFlags::MORE, Vec::new()).unwrap();
    world.run(MS);
    assert_eq!(server.recv(100), Err(Errno::EAGAIN));
    client.send(b"and").unwrap();
    world.run(MS);
    assert_eq!(server.recv(100).unwrap(), b"moreand");
}

#[test]
fn random_bytes_do_no_harm() {
    let world = World::new(Plan::default());
    let (_l, client, server) = world.connected(80);
    let mut random = Random::new(4711);
    // Real frames, mutated; checksums off so that mutations get through to the parsers.
    let samples = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let keep = samples.clone();
    world.wire.lock().unwrap().filter = Some(Box::new(move |_, frame| {
        keep.lock().unwrap().push(frame.to_vec());
        true
    }));
    client.send(&pattern(20_000, 1)).unwrap();
    world.run(SECOND);
    world.wire.lock().unwrap().filter = None;
    while server.recv(10_000).is_ok() {}
    let samples = samples.lock().unwrap().clone();
    for round in 0..30_000u64 {
        let mut frame = samples[random.below(samples.len() as u64) as usize].clone();
        for _ in 0..1 + random.below(6) {
            let at = random.below(frame.len() as u64) as usize;
            frame[at] = random.next() as u8;
        }
        frame.truncate(1 + random.below(frame.len() as u64) as usize);
        world.wire.lock().unwrap().arrived[(round % 2) as usize].push_back(frame);
        if round % 16 == 0 {
            world.step(world.now() + MS);
        }
    }
    world.run(SECOND);
}

#[test]
fn linger_options_and_info() {
    let world = World::new(Plan::default());
    let (_l, client, server) = world.connected(80);
    assert_eq!(client.get_int(c::SOL_SOCKET, c::SO_TYPE), Ok(1));
    assert_eq!(client.get_int(c::SOL_TCP, c::TCP_MAXSEG), Ok(1460));
    let info = client.s().get_option(c::SOL_TCP as i32, c::TCP_INFO as i32).unwrap();
    assert_eq!((info[0], info.len()), (1, 104));
    assert_eq!(client.set_int(c::SOL_TCP, 9999, 1), Err(Errno::ENOPROTOOPT));
    let linger = [1i32.to_ne_bytes(), 0i32.to_ne_bytes()].concat();
    client.s().set_option(c::SOL_SOCKET as i32, c::SO_LINGER as i32, &linger).unwrap();
    assert_eq!(client.s().get_option(c::SOL_SOCKET as i32, c::SO_LINGER as i32).unwrap(), linger);
    drop(client);
    world.run(MS);
    assert_eq!(server.recv(1), Err(Errno::ECONNRESET));
}

#[test]
fn a_time_wait_port_can_be_used_again() {
    let world = World::new(Plan::default());
    let listener = world.listen(1, 80);
    for _ in 0..5 {
        let client = tcp(&world.stacks[0]);
        client.s().bind(&addr4(0, 3333)).unwrap();
        assert_eq!(client.s().connect(&addr4(1, 80)), Err(Errno::EINPROGRESS));
        world.run(10 * MS);
        let (server, _) = listener.s().accept().unwrap();
        // The server closes first: its end is in TIME-WAIT when the same port comes again.
        drop(server);
        world.run(10 * MS);
        drop(client);
        world.run(10 * MS);
    }
}
