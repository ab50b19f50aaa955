use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::thread;

fn main() {
    let dir = std::env::temp_dir().join(format!("rs_unix-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let path = dir.join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (mut s, peer) = listener.accept().unwrap();
        let mut text = String::new();
        s.read_to_string(&mut text).unwrap();
        s.write_all(text.chars().rev().collect::<String>().as_bytes()).unwrap();
        peer.is_unnamed()
    });
    let mut c = UnixStream::connect(&path).unwrap();
    c.write_all(b"backwards").unwrap();
    c.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    c.read_to_string(&mut answer).unwrap();
    println!("{answer} {} {}", server.join().unwrap(), c.peer_addr().unwrap().as_pathname() == Some(&path));
    println!("{:?} {:?}", UnixListener::bind(&path).unwrap_err().kind(), UnixStream::connect(&path).unwrap_err().kind());
    let (mut a, mut b) = UnixStream::pair().unwrap();
    let t = thread::spawn(move || {
        let mut buf = vec![0; 300_000];
        b.read_exact(&mut buf).unwrap();
        buf.iter().map(|b| u64::from(*b)).sum::<u64>()
    });
    a.write_all(&(0..300_000u32).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    println!("{}", t.join().unwrap());
    let (d, e) = UnixDatagram::pair().unwrap();
    d.send(b"one").unwrap();
    d.send(b"three").unwrap();
    let mut buf = [0; 16];
    println!("{} {}", e.recv(&mut buf).unwrap(), e.recv(&mut buf).unwrap());
    std::fs::remove_dir_all(&dir).unwrap();
}
