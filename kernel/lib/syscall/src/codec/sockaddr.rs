//! Socket addresses (sockaddr(3type), unix(7), ip(7), ipv6(7), netlink(7)).

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use file::{SockAddr, UserMemory};
use uapi::types::{SockaddrIn, SockaddrIn6, SockaddrNl};
use uapi::{Errno, Result};
use zerocopy::{FromBytes, IntoBytes};

/// AF_UNSPEC.
pub const AF_UNSPEC: u16 = 0;
/// AF_UNIX.
pub const AF_UNIX: u16 = 1;
/// AF_INET.
pub const AF_INET: u16 = 2;
/// AF_INET6.
pub const AF_INET6: u16 = 10;
/// AF_NETLINK.
pub const AF_NETLINK: u16 = 16;

/// `sizeof(struct sockaddr_storage)`: no address is longer.
const STORAGE: usize = 128;
/// `sizeof(struct sockaddr_un)`.
const UNIX_MAX: usize = 110;
/// An IPv6 address may leave out `sin6_scope_id` (RFC 2133).
const IN6_MIN: usize = 24;

/// Reads the `len` bytes of address at `addr`. EINVAL: a length that does not fit the family; EAFNOSUPPORT: a family nobody knows.
pub fn read(user: &dyn UserMemory, addr: u64, len: i32) -> Result<SockAddr> {
    let len = usize::try_from(len).ok().filter(|len| *len <= STORAGE).ok_or(Errno::EINVAL)?;
    let mut storage = [0u8; STORAGE];
    user.read_bytes(addr, &mut storage[..len])?;
    decode(&storage[..len])
}

/// As [`read`] for a socket of family `domain`, whose own address must fit whatever family the bytes name (EINVAL comes before
/// EAFNOSUPPORT).
pub fn read_for(user: &dyn UserMemory, addr: u64, len: i32, domain: u16) -> Result<SockAddr> {
    let unspecified = len >= 2 && user.read::<u16>(addr) == Ok(AF_UNSPEC);
    let least = match domain {
        _ if unspecified => 0,
        AF_INET => size_of::<SockaddrIn>(),
        AF_INET6 => IN6_MIN,
        _ => 0,
    };
    if usize::try_from(len).is_ok_and(|len| len < least) {
        return Err(Errno::EINVAL);
    }
    match (read(user, addr, len), domain) {
        // Too short for what it says it is, and of the wrong family anyway.
        (Err(Errno::EINVAL), AF_INET) if user.read::<u16>(addr) != Ok(AF_INET) => Err(Errno::EAFNOSUPPORT),
        (other, _) => other,
    }
}

/// As [`read_for`], for bind(2) on a socket of family `domain`: an IPv4 socket takes the any-address with AF_UNSPEC too.
pub fn read_to_bind(user: &dyn UserMemory, addr: u64, len: i32, domain: u16) -> Result<SockAddr> {
    let decoded = read_for(user, addr, len, domain)?;
    if decoded == SockAddr::Unspecified && domain == AF_INET && len as usize >= size_of::<SockaddrIn>() {
        let raw: SockaddrIn = user.read(addr)?;
        if raw.addr == [0; 4] {
            return Ok(SockAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, u16::from_be_bytes(raw.port))));
        }
    }
    Ok(decoded)
}

/// Decodes the bytes of an address.
pub fn decode(bytes: &[u8]) -> Result<SockAddr> {
    let family = bytes.first_chunk::<2>().map(|b| u16::from_ne_bytes(*b)).ok_or(Errno::EINVAL)?;
    match family {
        AF_UNSPEC => Ok(SockAddr::Unspecified),
        AF_UNIX => decode_unix(bytes.get(2..).unwrap_or_default()),
        AF_INET => {
            let (raw, _) = SockaddrIn::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
            Ok(SockAddr::V4(SocketAddrV4::new(Ipv4Addr::from(raw.addr), u16::from_be_bytes(raw.port))))
        }
        AF_INET6 => {
            if bytes.len() < IN6_MIN {
                return Err(Errno::EINVAL);
            }
            let mut raw = SockaddrIn6::default();
            let len = bytes.len().min(size_of::<SockaddrIn6>());
            raw.as_mut_bytes()[..len].copy_from_slice(&bytes[..len]);
            let ip = Ipv6Addr::from(raw.addr);
            Ok(SockAddr::V6(SocketAddrV6::new(ip, u16::from_be_bytes(raw.port), u32::from_be_bytes(raw.flowinfo), raw.scope_id)))
        }
        AF_NETLINK => {
            let (raw, _) = SockaddrNl::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
            Ok(SockAddr::Netlink { pid: raw.pid, groups: raw.groups })
        }
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

fn decode_unix(path: &[u8]) -> Result<SockAddr> {
    if path.len() + 2 > UNIX_MAX {
        return Err(Errno::EINVAL);
    }
    // An abstract name is all its bytes; a path ends at its NUL or with the address.
    let end = match path.first() {
        None | Some(0) => path.len(),
        Some(_) => path.iter().position(|b| *b == 0).unwrap_or(path.len()),
    };
    Ok(SockAddr::Unix(path[..end].to_vec()))
}

/// The bytes of an address as getsockname(2) returns them.
pub fn encode(addr: &SockAddr) -> Vec<u8> {
    match addr {
        SockAddr::Unspecified => AF_UNSPEC.to_ne_bytes().to_vec(),
        SockAddr::Unix(path) => {
            let mut bytes = AF_UNIX.to_ne_bytes().to_vec();
            bytes.extend_from_slice(path);
            if path.first().is_some_and(|b| *b != 0) {
                bytes.push(0);
            }
            bytes
        }
        SockAddr::V4(v4) => {
            let raw = SockaddrIn { family: AF_INET, port: v4.port().to_be_bytes(), addr: v4.ip().octets(), zero: [0; 8] };
            raw.as_bytes().to_vec()
        }
        SockAddr::V6(v6) => {
            let raw = SockaddrIn6 {
                family: AF_INET6,
                port: v6.port().to_be_bytes(),
                flowinfo: v6.flowinfo().to_be_bytes(),
                addr: v6.ip().octets(),
                scope_id: v6.scope_id(),
            };
            raw.as_bytes().to_vec()
        }
        SockAddr::Netlink { pid, groups } => {
            let raw = SockaddrNl { family: AF_NETLINK, pad: 0, pid: *pid, groups: *groups };
            raw.as_bytes().to_vec()
        }
    }
}

/// Writes as much of `addr` as fits the buffer whose size is in the `int` at `len_at`, and stores the full length there (getsockname(2)).
/// EINVAL: a negative size.
pub fn write(user: &dyn UserMemory, addr_at: u64, len_at: u64, addr: &SockAddr) -> Result<()> {
    let room: i32 = user.read(len_at)?;
    let full = write_sized(user, addr_at, room, addr)?;
    user.write(len_at, &full)
}

/// As [`write()`] with the buffer's size at hand; returns the full length.
pub fn write_sized(user: &dyn UserMemory, addr_at: u64, room: i32, addr: &SockAddr) -> Result<i32> {
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    let bytes = encode(addr);
    user.write_bytes(addr_at, &bytes[..bytes.len().min(room)])?;
    i32::try_from(bytes.len()).map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use usermem::testing::FakeMemory;

    fn both_ways(addr: SockAddr) {
        assert_eq!(decode(&encode(&addr)), Ok(addr));
    }

    #[test]
    fn every_family_goes_both_ways() {
        both_ways(SockAddr::V4("10.0.2.15:8080".parse().unwrap()));
        both_ways(SockAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 53, 7, 2)));
        both_ways(SockAddr::Netlink { pid: 12, groups: 1 });
        both_ways(SockAddr::Unix(b"/run/x.sock".to_vec()));
        both_ways(SockAddr::Unix(b"\0abstract\0name".to_vec()));
        both_ways(SockAddr::Unix(Vec::new()));
        both_ways(SockAddr::Unspecified);
    }

    #[test]
    fn lengths_are_linux_ones() {
        assert_eq!(encode(&SockAddr::Unix(b"/a".to_vec())).len(), 5);
        assert_eq!(encode(&SockAddr::Unix(b"\0a".to_vec())).len(), 4);
        assert_eq!(encode(&SockAddr::V4("1.2.3.4:5".parse().unwrap())).len(), 16);
        assert_eq!(encode(&SockAddr::V6("[::1]:5".parse().unwrap())).len(), 28);
        assert_eq!(decode(&[2, 0, 0, 80, 1, 2, 3, 4]), Err(Errno::EINVAL));
        assert_eq!(decode(&[10, 0, 0, 80]), Err(Errno::EINVAL));
        assert_eq!(decode(&[2]), Err(Errno::EINVAL));
        assert_eq!(decode(&[77, 0, 0, 0]), Err(Errno::EAFNOSUPPORT));
        assert!(decode(&[10, 0].into_iter().chain([0; 22]).collect::<Vec<u8>>()).is_ok());
        assert_eq!(decode(&[1, 0].into_iter().chain([b'x'; 109]).collect::<Vec<u8>>()), Err(Errno::EINVAL));
    }

    #[test]
    fn a_short_buffer_gets_the_front_and_the_full_length() {
        let memory = FakeMemory::new(0x1000, 64);
        let user: &dyn UserMemory = &memory;
        user.write(0x1030, &4i32).unwrap();
        let addr = SockAddr::V4("1.2.3.4:80".parse().unwrap());
        write(user, 0x1000, 0x1030, &addr).unwrap();
        assert_eq!(user.read::<[u8; 8]>(0x1000).unwrap(), [2, 0, 0, 80, 0, 0, 0, 0]);
        assert_eq!(user.read::<i32>(0x1030), Ok(16));
        user.write(0x1030, &-1i32).unwrap();
        assert_eq!(write(user, 0x1000, 0x1030, &addr), Err(Errno::EINVAL));
        assert_eq!(read(user, 0x1000, 129), Err(Errno::EINVAL));
        assert_eq!(read(user, 0x2000, 16), Err(Errno::EFAULT));
    }
}
