//! Sockets: making, naming, connecting them.

use crate::Cx;
use crate::codec::sockaddr::{self, AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, AF_UNSPEC};
use crate::system::Sockets;
use crate::wait::{self, Wait};
use alloc::sync::Arc;
use file::{AccessMode, File, OpenFlags, Share, Shutdown, SockAddr, Socket};
use process::{Description, OnExec};
use uapi::{Errno, Result};

/// SOCK_NONBLOCK.
const NONBLOCK: u32 = 0o4000;
/// SOCK_CLOEXEC.
const CLOEXEC: u32 = 0o2000000;
/// SOCK_* types without their flags.
const TYPE_MASK: u32 = 0xf;
/// SOMAXCONN, the upper bound of a backlog.
const MAX_BACKLOG: i32 = 4096;

/// The type and the flags in it. EINVAL: other bits.
fn split_kind(kind: u32) -> Result<(u32, OpenFlags, OnExec)> {
    if kind & !(TYPE_MASK | NONBLOCK | CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let (flags, cloexec) = split_flags(kind & !TYPE_MASK)?;
    Ok((kind & TYPE_MASK, flags, cloexec))
}

/// SOCK_NONBLOCK and SOCK_CLOEXEC as socket(2) and accept4(2) take them.
fn split_flags(flags: u32) -> Result<(OpenFlags, OnExec)> {
    if flags & !(NONBLOCK | CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let status = if flags & NONBLOCK == 0 { OpenFlags::empty() } else { OpenFlags::NONBLOCK };
    Ok((status, cloexec_if(flags & CLOEXEC != 0)))
}

fn cloexec_if(set: bool) -> OnExec {
    if set { OnExec::Close } else { OnExec::Keep }
}

/// The families that the machine has; EAFNOSUPPORT for none.
fn families<'a>(cx: &'a Cx<'_>) -> Result<&'a dyn Sockets> {
    cx.system.sockets.as_deref().ok_or(Errno::EAFNOSUPPORT)
}

pub fn socket(cx: &mut Cx<'_>, domain: i32, kind: u32, protocol: i32) -> Result<u64> {
    let (kind, flags, cloexec) = split_kind(kind)?;
    let domain = u16::try_from(domain).map_err(|_| Errno::EAFNOSUPPORT)?;
    let protocol = u32::try_from(protocol).map_err(|_| Errno::EINVAL)?;
    if !(1..=10).contains(&kind) {
        return Err(Errno::EINVAL);
    }
    let file = families(cx)?.socket(domain, kind, protocol)?;
    install(cx, file, flags, cloexec)
}

pub fn socketpair(cx: &mut Cx<'_>, domain: i32, kind: u32, protocol: i32, fds: u64) -> Result<u64> {
    let (kind, flags, cloexec) = split_kind(kind)?;
    let domain = u16::try_from(domain).map_err(|_| Errno::EAFNOSUPPORT)?;
    let protocol = u32::try_from(protocol).map_err(|_| Errno::EINVAL)?;
    let (first, second) = families(cx)?.pair(domain, kind, protocol)?;
    let first = cx.install(first, AccessMode::ReadWrite, flags, cloexec)?;
    let second = match cx.install(second, AccessMode::ReadWrite, flags, cloexec) {
        Ok(fd) => fd,
        Err(full) => {
            cx.close(first)?;
            return Err(full);
        }
    };
    cx.write_pair(fds, first, second)
}

fn install(cx: &Cx<'_>, file: Arc<dyn File>, flags: OpenFlags, cloexec: OnExec) -> Result<u64> {
    if flags.contains(OpenFlags::NONBLOCK) {
        file.flags_changed(flags);
    }
    Ok(u64::from(cx.install(file, AccessMode::ReadWrite, flags, cloexec)?.unsigned_abs()))
}

/// The socket behind a description; ENOTSOCK.
pub fn of(open: &Description) -> Result<&dyn Socket> {
    open.file.as_socket().ok_or(Errno::ENOTSOCK)
}

pub fn bind(cx: &mut Cx<'_>, fd: i32, addr: u64, len: i32) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = of(&open)?;
    let addr = sockaddr::read_to_bind(cx.user(), addr, len, socket.identity().0)?;
    check_family(socket, &addr)?;
    socket.bind(&addr)?;
    Ok(0)
}

/// EAFNOSUPPORT (EINVAL for unix sockets) when the address is of another family than the socket.
fn check_family(socket: &dyn Socket, addr: &SockAddr) -> Result<()> {
    let family = match addr {
        SockAddr::Unspecified => AF_UNSPEC,
        SockAddr::V4(_) => AF_INET,
        SockAddr::V6(_) => AF_INET6,
        SockAddr::Unix(_) => AF_UNIX,
        SockAddr::Netlink { .. } => AF_NETLINK,
    };
    match socket.identity().0 {
        domain if domain == family => Ok(()),
        AF_UNIX | AF_NETLINK => Err(Errno::EINVAL),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

pub fn listen(cx: &mut Cx<'_>, fd: i32, backlog: i32) -> Result<u64> {
    let open = cx.file(fd)?;
    // Negative counts as unsigned on Linux: the largest there is.
    let backlog = if backlog < 0 { MAX_BACKLOG } else { backlog.min(MAX_BACKLOG) };
    of(&open)?.listen(backlog.unsigned_abs() as usize)?;
    Ok(0)
}

pub fn accept(cx: &mut Cx<'_>, fd: i32, addr: u64, len: u64) -> Result<u64> {
    accept4(cx, fd, addr, len, 0)
}

pub fn accept4(cx: &mut Cx<'_>, fd: i32, addr: u64, len: u64, flags: u32) -> Result<u64> {
    let (status, cloexec) = split_flags(flags)?;
    let open = cx.file(fd)?;
    let socket = of(&open)?;
    let mut accepted = None;
    let mut attempt = || {
        accepted = Some(socket.accept()?);
        Ok(0)
    };
    match attempt() {
        Err(Errno::EAGAIN) if !open.flags().contains(OpenFlags::NONBLOCK) => {
            // One connection wakes one of the threads that wait for it.
            let wait = Wait { share: Share::Exclusive, ..Wait::READABLE }.at_most(cx, socket.timeouts_ns().0);
            wait::until(cx, &*open.file, wait, &mut attempt)?;
        }
        other => {
            other?;
        }
    }
    let (file, peer) = accepted.ok_or(Errno::EAGAIN)?;
    if addr != 0 {
        sockaddr::write(cx.user(), addr, len, &peer)?;
    }
    install(cx, file, status, cloexec)
}

pub fn connect(cx: &mut Cx<'_>, fd: i32, addr: u64, len: i32) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = of(&open)?;
    let addr = sockaddr::read_for(cx.user(), addr, len, socket.identity().0)?;
    if addr != SockAddr::Unspecified {
        check_family(socket, &addr)?;
    }
    let blocking = !open.flags().contains(OpenFlags::NONBLOCK);
    match socket.connect(&addr) {
        // Under way already: a blocking caller waits for that one to end.
        Err(Errno::EINPROGRESS | Errno::EALREADY) if blocking => wait_connected(cx, &open, socket, &addr),
        // A unix listener whose backlog is full.
        Err(Errno::EAGAIN) if blocking => {
            let wait = Wait::WRITABLE.at_most(cx, socket.timeouts_ns().1);
            wait::until(cx, &*open.file, wait, &mut || socket.connect(&addr).map(|()| 0))
        }
        other => other.map(|()| 0),
    }
}

/// A signal leaves the attempt running: ERESTARTSYS, and the call made again finds EALREADY or EISCONN as connect(2) says. The outcome is
/// what connect says when asked once more.
fn wait_connected(cx: &Cx<'_>, open: &Description, socket: &dyn Socket, addr: &SockAddr) -> Result<u64> {
    let wait = Wait::WRITABLE.at_most(cx, socket.timeouts_ns().1);
    let result = wait::until(cx, &*open.file, wait, &mut || match socket.connect(addr) {
        Err(Errno::EALREADY | Errno::EINPROGRESS) => Err(Errno::EAGAIN),
        other => other.map(|()| 0),
    });
    // The time of SO_SNDTIMEO is up.
    result.map_err(|error| if error == Errno::EAGAIN { Errno::EINPROGRESS } else { error })
}

pub fn shutdown(cx: &mut Cx<'_>, fd: i32, how: i32) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = of(&open)?;
    let how = match how {
        0 => Shutdown::Read,
        1 => Shutdown::Write,
        2 => Shutdown::Both,
        _ => return Err(Errno::EINVAL),
    };
    socket.shutdown(how)?;
    Ok(0)
}

pub fn getsockname(cx: &mut Cx<'_>, fd: i32, addr: u64, len: u64) -> Result<u64> {
    let open = cx.file(fd)?;
    sockaddr::write(cx.user(), addr, len, &of(&open)?.local_addr()?)?;
    Ok(0)
}

pub fn getpeername(cx: &mut Cx<'_>, fd: i32, addr: u64, len: u64) -> Result<u64> {
    let open = cx.file(fd)?;
    sockaddr::write(cx.user(), addr, len, &of(&open)?.peer_addr()?)?;
    Ok(0)
}
