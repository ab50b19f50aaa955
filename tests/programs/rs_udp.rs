use std::net::UdpSocket;
use std::time::Duration;

fn main() {
    let a = UdpSocket::bind("127.0.0.1:0").unwrap();
    let b = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (at, bt) = (a.local_addr().unwrap(), b.local_addr().unwrap());
    let mut buf = [0; 64];
    println!("{}", b.send_to(b"datagram", at).unwrap());
    let (n, from) = a.recv_from(&mut buf).unwrap();
    println!("{} {}", String::from_utf8_lossy(&buf[..n]), from == bt);
    a.connect(bt).unwrap();
    b.connect(at).unwrap();
    for i in 0..20u8 {
        a.send(&[i; 10]).unwrap();
        assert_eq!(b.recv(&mut buf).unwrap(), 10);
        assert_eq!(buf[9], i);
    }
    println!("{}", b.peer_addr().unwrap() == at);
    b.send(b"peeked").unwrap();
    println!("{} {}", a.peek(&mut buf).unwrap(), a.recv(&mut buf).unwrap());
    a.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    println!("{:?} {:?}", a.recv(&mut buf).unwrap_err().kind(), a.read_timeout().unwrap());
    a.set_nonblocking(true).unwrap();
    println!("{:?}", a.recv(&mut buf).unwrap_err().kind());
    a.set_broadcast(true).unwrap();
    a.set_ttl(9).unwrap();
    println!("{} {} {:?}", a.broadcast().unwrap(), a.ttl().unwrap(), a.take_error().unwrap().is_none());
    println!("{}", UdpSocket::bind("[::1]:0").unwrap().local_addr().unwrap().is_ipv6());
}
