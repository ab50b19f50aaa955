use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

fn echo(listener: TcpListener, clients: usize) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let handlers: Vec<_> = listener.incoming().take(clients).map(|s| {
            let mut s = s.unwrap();
            thread::spawn(move || {
                let mut total = 0;
                for line in BufReader::new(s.try_clone().unwrap()).lines() {
                    let line = line.unwrap();
                    total += line.len();
                    writeln!(s, "{}", line.to_uppercase()).unwrap();
                }
                total
            })
        }).collect();
        handlers.into_iter().map(|h| h.join().unwrap()).sum()
    })
}

fn main() {
    for ip in [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))] {
        let listener = TcpListener::bind(ip).unwrap();
        let at = listener.local_addr().unwrap();
        let server = echo(listener, 5);
        let clients: Vec<_> = (0..5).map(|i| thread::spawn(move || {
            let mut s = TcpStream::connect(at).unwrap();
            s.set_nodelay(true).unwrap();
            let mut r = BufReader::new(s.try_clone().unwrap());
            let mut ok = s.nodelay().unwrap() && s.peer_addr().unwrap() == at;
            for k in 0..10 {
                writeln!(s, "client {i} line {k}").unwrap();
                let mut answer = String::new();
                r.read_line(&mut answer).unwrap();
                ok &= answer == format!("CLIENT {i} LINE {k}\n");
            }
            s.shutdown(Shutdown::Write).unwrap();
            ok && r.read(&mut [0; 1]).unwrap() == 0
        })).collect();
        let all = clients.into_iter().all(|c| c.join().unwrap());
        println!("{} {all} {}", at.ip(), server.join().unwrap());
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let mut s = TcpStream::connect(at).unwrap();
    s.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    println!("{:?}", s.read(&mut [0; 8]).unwrap_err().kind());
    s.set_nonblocking(true).unwrap();
    println!("{:?}", s.read(&mut [0; 8]).unwrap_err().kind());
    listener.set_nonblocking(true).unwrap();
    println!("{}", listener.accept().is_ok());
    println!("{:?}", listener.accept().unwrap_err().kind());
    println!("{:?}", TcpListener::bind(at).unwrap_err().kind());
    drop(listener);
    println!("{:?}", TcpStream::connect_timeout(&at, Duration::from_secs(5)).unwrap_err().kind());
    println!("{}", TcpStream::connect("127.0.0.1:0").unwrap_err().kind() == ErrorKind::ConnectionRefused);
}
