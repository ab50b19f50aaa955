//! Looks at each part of `pith-app` in a machine: says `ok PART` for each, and ends with status 7.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use pith_app::alloc::collections::BTreeSet;
use pith_app::alloc::string::String;
use pith_app::alloc::vec;
use pith_app::alloc::vec::Vec;
use pith_app::io::{self, ErrorKind, Read, SeekFrom, Write};
use pith_app::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use pith_app::poll::{Interest, Poll};
use pith_app::process::{self, ExitCode};
use pith_app::sync::{Arc, Condvar, Mutex, mpsc};
use pith_app::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use pith_app::{env, eprintln, fs, println, thread};

pith_app::main!(run);

bitflags::bitflags! {
    /// From a crate of somebody else's.
    #[derive(Debug, PartialEq, Eq)]
    struct Flags: u8 {
        const ONE = 1;
        const TWO = 2;
    }
}

const MS: Duration = Duration::from_millis(1);

fn run() -> io::Result<ExitCode> {
    match env::args().nth(1).as_deref() {
        Some("panic") => panic!("as asked"),
        Some("recurse") => println!("{}", deeper(1)),
        Some("exit") => thread::spawn(|| -> () { process::exit(0x105) }).join(),
        Some("error") => drop(fs::read("/none")?),
        Some("echo") => echo()?,
        Some("wait") => thread::sleep(Duration::from_secs(3600)),
        _ => check()?,
    }
    Ok(ExitCode::from(7))
}

/// Needs more stack than there is.
fn deeper(by: u64) -> u64 {
    let room = core::hint::black_box([by; 64]);
    deeper(core::hint::black_box(by + 1)) + room[63]
}

fn echo() -> io::Result<()> {
    let mut line = String::new();
    while io::stdin().read_line(&mut line)? > 0 {
        io::stdout().write_all(line.as_bytes())?;
        line.clear();
    }
    eprintln!("the end");
    Ok(())
}

fn check() -> io::Result<()> {
    let parts: [(&str, fn() -> io::Result<()>); 6] =
        [("env", environment), ("threads", threads), ("timers", timers), ("files", files), ("udp", udp), ("tcp", tcp)];
    for (name, part) in parts {
        part()?;
        println!("ok {name}");
    }
    Ok(())
}

fn environment() -> io::Result<()> {
    let words: Vec<String> = env::args().collect();
    assert_eq!(words, ["checks", "one", "two words"]);
    assert_eq!(env::var("PLACE").as_deref(), Some("inside"));
    assert_eq!(env::var("NOWHERE"), None);
    assert_eq!(Flags::from_bits_truncate(7), Flags::ONE | Flags::TWO);
    Ok(())
}

fn threads() -> io::Result<()> {
    let shared = Arc::new((Mutex::new(0_u32), Condvar::new()));
    let (sender, receiver) = mpsc::channel();
    let workers: Vec<_> = (0..10_u32)
        .map(|number| {
            let (shared, sender) = (shared.clone(), sender.clone());
            thread::spawn(move || {
                for _ in 0..100 {
                    let mut count = shared.0.lock();
                    let seen = *count;
                    thread::yield_now();
                    *count = seen + 1;
                }
                shared.1.notify_all();
                sender.send(number).expect("the receiver is there");
                number * 2
            })
        })
        .collect();
    drop(sender);
    drop(shared.1.wait_while(shared.0.lock(), |count| *count < 1000));
    assert_eq!(receiver.iter().collect::<BTreeSet<_>>(), (0..10).collect());
    assert_eq!(workers.into_iter().map(thread::JoinHandle::join).sum::<u32>(), 90);
    // Stacks are given back.
    for _ in 0..2000 {
        thread::spawn(|| ()).join();
    }
    assert_eq!(thread::Builder::new().stack_size(1 << 40).spawn(|| ()).err().map(|error| error.kind()), Some(ErrorKind::OutOfMemory));
    Ok(())
}

fn timers() -> io::Result<()> {
    let start = Instant::now();
    thread::sleep(5 * MS);
    assert!(start.elapsed() >= 5 * MS);
    // Those who sleep less wake first, whoever began first.
    let order = Arc::new(Mutex::new(Vec::new()));
    let sleepers: Vec<_> = [60, 20, 40]
        .map(|time| {
            let order = order.clone();
            thread::spawn(move || {
                thread::sleep(time * MS);
                order.lock().push(time);
            })
        })
        .into_iter()
        .collect();
    sleepers.into_iter().for_each(thread::JoinHandle::join);
    assert_eq!(*order.lock(), [20, 40, 60]);
    // A thread that never waits lets timers fire where it yields.
    let woken = Arc::new(Mutex::new(false));
    let own = woken.clone();
    let sleeper = thread::spawn(move || {
        thread::sleep(5 * MS);
        *own.lock() = true;
    });
    while !*woken.lock() {
        thread::yield_now();
    }
    sleeper.join();
    let never = mpsc::channel::<()>();
    assert_eq!(never.1.recv_timeout(MS), Err(mpsc::RecvTimeoutError::Timeout));
    // Later than when this was written.
    assert!(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970") > Duration::from_secs(1_750_000_000));
    Ok(())
}

fn files() -> io::Result<()> {
    assert_eq!(fs::read_to_string("/note")?, "a note\n");
    assert_eq!(fs::read("/none").map_err(|error| (error.kind(), error.raw_os_error())), Err((ErrorKind::NotFound, 2)));
    fs::create_dir("/made")?;
    fs::write("/made/file", "one\ntwo\n")?;
    let mut file = fs::OpenOptions::new().read(true).write(true).open("/made/file")?;
    assert_eq!(file.seek(SeekFrom::End(-4))?, 4);
    file.write_all(b"2wo!")?;
    assert_eq!((file.metadata()?.len(), file.write_at(b"O", 0)?), (8, 1));
    let mut text = String::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_string(&mut text)?;
    assert_eq!(text, "One\n2wo!");
    fs::OpenOptions::new().append(true).open("/made/file")?.write_all(b"+")?;
    fs::rename("/made/file", "/made/other")?;
    let names: Vec<_> = fs::read_dir("/made")?.map(|entry| (String::from(entry.file_name()), entry.file_type())).collect();
    assert_eq!(names, [(String::from("other"), fs::FileType::File)]);
    assert_eq!(fs::metadata("/made/other")?.len(), 9);
    assert!(fs::metadata("/made")?.is_dir());
    assert_eq!(fs::File::open("/made/other")?.write(b"x").map_err(|error| error.raw_os_error()), Err(9));
    assert_eq!(fs::remove_dir("/made").map_err(|error| error.kind()), Err(ErrorKind::DirectoryNotEmpty));
    fs::remove_file("/made/other")?;
    fs::remove_dir("/made")
}

fn udp() -> io::Result<()> {
    let (one, two) = (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    one.send_to(b"hello", two.local_addr()?)?;
    let mut buf = [0; 16];
    assert_eq!(two.recv_from(&mut buf)?, (5, one.local_addr()?));
    two.connect(one.local_addr()?)?;
    two.send(&buf[..5])?;
    assert_eq!((one.recv(&mut buf)?, &buf[..5]), (5, &b"hello"[..]));
    one.set_read_timeout(Some(MS))?;
    assert_eq!(one.recv(&mut buf).map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
    one.set_nonblocking(true);
    assert_eq!(one.recv(&mut buf).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
    Ok(())
}

fn tcp() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let refused = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::ConnectionRefused));
    // Each client sends more than the buffers hold and has it back.
    let client = move |number: u8| -> io::Result<()> {
        let stream = TcpStream::connect_timeout(address, Duration::from_secs(30))?;
        assert_eq!(stream.peer_addr()?, address);
        let stream = Arc::new(stream);
        let own = stream.clone();
        let writer = thread::spawn(move || {
            (&*own).write_all(&vec![number; 300_000])?;
            own.shutdown(pith_app::net::Shutdown::Write)
        });
        let mut back = Vec::new();
        (&*stream).read_to_end(&mut back)?;
        writer.join()?;
        assert!(back.len() == 300_000 && back.iter().all(|byte| *byte == number));
        Ok(())
    };
    let clients: Vec<_> = (1..=4).map(|number| thread::spawn(move || client(number))).collect();
    serve(&listener, clients.len())?;
    clients.into_iter().try_for_each(thread::JoinHandle::join)
}

/// Sends back what so many connections bring, all in this thread.
fn serve(listener: &TcpListener, count: usize) -> io::Result<()> {
    let poll = Poll::new();
    poll.register(listener, 0, Interest::READABLE)?;
    assert_eq!(poll.register(listener, 0, Interest::READABLE).map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists));
    listener.set_nonblocking(true);
    let mut connections: Vec<Option<(TcpStream, Vec<u8>, bool)>> = Vec::new();
    let (mut events, mut ended) = (Vec::new(), 0);
    while ended < count {
        poll.poll(&mut events, 8, None);
        for event in &events {
            if event.token() == 0 {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true);
                    poll.register(&stream, connections.len() + 1, Interest::READABLE)?;
                    connections.push(Some((stream, Vec::new(), false)));
                }
                continue;
            }
            let place = &mut connections[event.token() - 1];
            let Some((stream, held, is_over)) = place else { continue };
            let mut buf = [0; 4096];
            if event.is_readable() && !*is_over {
                match stream.read(&mut buf) {
                    Ok(0) => *is_over = true,
                    Ok(got) => held.extend_from_slice(&buf[..got]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            match stream.write(held) {
                Ok(sent) => drop(held.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let wanted = match (held.is_empty(), *is_over) {
                (true, true) => {
                    ended += 1;
                    *place = None;
                    continue;
                }
                (true, false) => Interest::READABLE,
                (false, true) => Interest::WRITABLE,
                (false, false) => Interest::READABLE | Interest::WRITABLE,
            };
            poll.reregister(stream, event.token(), wanted)?;
        }
    }
    Ok(())
}
