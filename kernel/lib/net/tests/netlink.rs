//! What getifaddrs(3) and the SIOCGIF* ioctls see.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
use common::*;
use file::SockAddr;
use uapi::Errno;
use usermem::UserMemory;
use usermem::testing::FakeMemory;

fn request(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut out = (16 + body.len() as u32).to_ne_bytes().to_vec();
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(7u32.to_ne_bytes());
    out.extend([0; 4]);
    out.extend(body);
    out
}

/// Message types and lengths until NLMSG_DONE.
fn answers(socket: &Sock) -> Vec<(u16, Vec<u8>)> {
    let mut out = Vec::new();
    while let Ok(data) = socket.recv(10_000) {
        let mut rest = &data[..];
        while rest.len() >= 16 {
            let len = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], 7u32.to_ne_bytes());
            out.push((u16::from_ne_bytes(rest[4..6].try_into().unwrap()), rest[16..len].to_vec()));
            rest = &rest[len.next_multiple_of(4).min(rest.len())..];
        }
    }
    out
}

#[test]
fn links_addresses_and_routes_are_dumped() {
    let world = World::new(Plan::default());
    let socket = Sock(world.stacks[0].socket(16, 3, 0).unwrap());
    socket.s().bind(&SockAddr::Netlink { pid: 0, groups: 0 }).unwrap();
    assert!(matches!(socket.s().local_addr(), Ok(SockAddr::Netlink { pid: 1.., .. })));
    assert_eq!(socket.recv(100), Err(Errno::EAGAIN));
    socket.send(&request(18, 0x301, &[0; 16])).unwrap();
    let links = answers(&socket);
    assert_eq!(links.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [16, 16, 3]);
    assert_eq!(links[1].1[4..8], 2u32.to_ne_bytes());
    socket.send(&request(22, 0x301, &[0; 8])).unwrap();
    // 127.0.0.1, ::1, 10.0.0.1, the link-local one.
    assert_eq!(answers(&socket).len(), 5);
    socket.send(&request(22, 0x301, &[2, 0, 0, 0, 0, 0, 0, 0])).unwrap();
    let v4 = answers(&socket);
    assert_eq!((v4.len(), &v4[1].1[..4]), (3, &[2, 24, 0x80, 0][..]));
    socket.send(&request(26, 0x301, &[2; 12])).unwrap();
    assert_eq!(answers(&socket).len(), 3);
    // RTM_NEWADDR: refused by name.
    socket.send(&request(20, 5, &[0; 8])).unwrap();
    let refused = answers(&socket);
    assert_eq!((refused[0].0, &refused[0].1[..4]), (2, &(-1i32).to_ne_bytes()[..]));
    assert!(matches!(world.stacks[0].socket(16, 3, 9), Err(Errno::EPROTONOSUPPORT)));
    for len in 0..40 {
        socket.send(&vec![0xff; len]).unwrap();
    }
}

#[test]
fn interface_ioctls() {
    let world = World::new(Plan::default());
    let socket = udp(&world.stacks[0]);
    let memory = FakeMemory::new(0x1000, 400);
    let ifreq = |command: u32, name: &[u8]| {
        memory.copy_out(0x1000, &[name, &[0; 24]].concat());
        socket.0.ioctl(command, 0x1000, &memory)?;
        let mut out = [0; 16];
        memory.copy_in(0x1010, &mut out);
        Ok(out)
    };
    assert_eq!(ifreq(0x8915, b"eth0\0").unwrap()[..8], [2, 0, 0, 0, 10, 0, 0, 1]);
    assert_eq!(ifreq(0x891b, b"eth0\0").unwrap()[4..8], [255, 255, 255, 0]);
    assert_eq!(ifreq(0x8927, b"eth0\0").unwrap()[..8], [1, 0, 2, 0, 0, 0, 0, 1]);
    assert_eq!(ifreq(0x8933, b"lo\0").unwrap()[..4], [1, 0, 0, 0]);
    assert_eq!(ifreq(0x8921, b"eth0\0").unwrap()[..4], 1500i32.to_ne_bytes());
    assert_eq!(ifreq(0x8913, b"nope\0"), Err(Errno::ENODEV));
    assert_eq!(ifreq(0x8914, b"eth0\0"), Err(Errno::EPERM));
    assert_eq!(ifreq(0x5401, b""), Err(Errno::ENOTTY));
    // SIOCGIFCONF lists both interfaces.
    memory.copy_out(0x1000, &[&200u32.to_ne_bytes()[..], &[0; 4], &0x1020u64.to_ne_bytes()].concat());
    socket.0.ioctl(0x8912, 0x1000, &memory).unwrap();
    let mut len = [0; 4];
    memory.copy_in(0x1000, &mut len);
    assert_eq!(i32::from_ne_bytes(len), 80);
    let mut name = [0; 5];
    memory.copy_in(0x1020 + 40, &mut name);
    assert_eq!(&name, b"eth0\0");
}
