//! Sending and receiving on sockets: send(2), recv(2) and their relatives.

use super::rw::single;
use super::socket;
use crate::Cx;
use crate::codec::control::{self, Fit, Sent};
use crate::codec::sockaddr;
use crate::codec::time::timespec;
use crate::wait::{self, Wait};
use alloc::vec::Vec;
use file::{Control, MsgFlags, OpenFlags, Received, Sink, SockAddr, Socket, Source};
use process::{Description, OnExec};
use uapi::types::{MmsgHeader, MsgHeader};
use uapi::{Errno, Result};
use usermem::{MAX_TRANSFER, UserBuf};

/// SOCK_STREAM.
const STREAM: u32 = 1;
/// UIO_MAXIOV, for one message's vector and for the messages of sendmmsg(2).
const MAX_VECTOR: u64 = 1024;
/// MSG_WAITFORONE: recvmmsg(2) waits for the first message only.
const WAITFORONE: u32 = 0x10000;

pub fn sendto(cx: &mut Cx<'_>, fd: i32, buf: u64, len: u64, flags: u32, addr: u64, addr_len: i32) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = socket::of(&open)?;
    let to = if addr == 0 { None } else { destination(cx, socket, addr, addr_len)? };
    send(cx, &open, socket, &mut single(cx, buf, len.min(MAX_TRANSFER as u64))?, to.as_ref(), MsgFlags::from_bits_truncate(flags), &[])
}

pub fn sendmsg(cx: &mut Cx<'_>, fd: i32, message: u64, flags: u32) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = socket::of(&open)?;
    let header: MsgHeader = cx.user().read(message)?;
    send_header(cx, &open, socket, &header, MsgFlags::from_bits_truncate(flags))
}

pub fn sendmmsg(cx: &mut Cx<'_>, fd: i32, messages: u64, count: u32, flags: u32) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = socket::of(&open)?;
    let flags = MsgFlags::from_bits_truncate(flags);
    each_message(cx, messages, count, &mut |message| {
        let sent = send_header(cx, &open, socket, &message.header, flags)?;
        message.len = sent as u32;
        Ok(Next::Go)
    })
}

pub fn recvfrom(cx: &mut Cx<'_>, fd: i32, buf: u64, len: u64, flags: u32, addr: u64, addr_len: u64) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = socket::of(&open)?;
    let flags = MsgFlags::from_bits_truncate(flags);
    let mut received = Received::default();
    receive(cx, &open, socket, &mut single(cx, buf, len.min(MAX_TRANSFER as u64))?, flags, &mut received)?;
    if addr != 0 {
        match &received.from {
            Some(from) => sockaddr::write(cx.user(), addr, addr_len, from)?,
            None => cx.user().write(addr_len, &0i32)?,
        }
    }
    Ok(length(socket, &received, flags))
}

pub fn recvmsg(cx: &mut Cx<'_>, fd: i32, message: u64, flags: u32) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = socket::of(&open)?;
    let mut header: MsgHeader = cx.user().read(message)?;
    let result = receive_header(cx, &open, socket, &mut header, MsgFlags::from_bits_truncate(flags))?;
    cx.user().write(message, &header)?;
    Ok(result)
}

pub fn recvmmsg(cx: &mut Cx<'_>, fd: i32, messages: u64, count: u32, flags: u32, timeout: u64) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = socket::of(&open)?;
    let deadline = timespec(cx.user(), timeout)?.map(|ns| cx.now_ns().saturating_add(ns));
    let wait_for_one = flags & WAITFORONE != 0;
    let mut flags = MsgFlags::from_bits_truncate(flags);
    each_message(cx, messages, count, &mut |message| {
        let got = receive_header(cx, &open, socket, &mut message.header, flags)?;
        message.len = got as u32;
        if wait_for_one {
            flags |= MsgFlags::DONTWAIT;
        }
        // The timeout is only looked at after each message (recvmmsg(2), BUGS).
        Ok(if deadline.is_some_and(|at| cx.now_ns() >= at) { Next::Stop } else { Next::Go })
    })
}

/// Whether a multi-message call goes on.
enum Next {
    Go,
    Stop,
}

/// Runs `each` over the headers and writes them back. An error after the first message is kept for the next call.
fn each_message(cx: &Cx<'_>, messages: u64, count: u32, each: &mut dyn FnMut(&mut MmsgHeader) -> Result<Next>) -> Result<u64> {
    let mut done = 0;
    for index in 0..u64::from(count).min(MAX_VECTOR) {
        let at = messages.wrapping_add(index * size_of::<MmsgHeader>() as u64);
        let mut step = || {
            let mut message: MmsgHeader = cx.user().read(at)?;
            let next = each(&mut message)?;
            cx.user().write(at, &message)?;
            Ok(next)
        };
        match step() {
            Ok(next) => {
                done += 1;
                if matches!(next, Next::Stop) {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

fn vector(cx: &Cx<'_>, header: &MsgHeader) -> Result<UserBuf<'static>> {
    if header.iovlen > MAX_VECTOR {
        return Err(Errno::EMSGSIZE);
    }
    UserBuf::vectored(cx.user(), header.iov, header.iovlen)
}

fn send_header(cx: &Cx<'_>, open: &Description, socket: &dyn Socket, header: &MsgHeader, flags: MsgFlags) -> Result<u64> {
    let to = match header.name {
        0 => None,
        _ if header.namelen == 0 => None,
        name => destination(cx, socket, name, header.namelen)?,
    };
    let control = if header.control == 0 || header.controllen == 0 {
        Vec::new()
    } else {
        let sent = control::read(cx.user(), header.control, header.controllen)?;
        sent.into_iter().map(|piece| to_control(cx, piece)).collect::<Result<_>>()?
    };
    send(cx, open, socket, &mut vector(cx, header)?, to.as_ref(), flags, &control)
}

/// Descriptor numbers become descriptions: EBADF.
fn to_control(cx: &Cx<'_>, piece: Sent) -> Result<Control> {
    Ok(match piece {
        Sent::Rights(fds) => {
            let mut rights: Vec<alloc::sync::Arc<dyn core::any::Any + Send + Sync>> = Vec::with_capacity(fds.len());
            for fd in fds {
                rights.push(cx.any_file(fd)?);
            }
            Control::Rights(rights)
        }
        Sent::Credentials(credentials) => {
            cx.check_credentials(&credentials)?;
            Control::Credentials(credentials)
        }
        Sent::Raw { level, kind, data } => Control::Raw { level, kind, data },
    })
}

/// Where a message goes. A stream that is connected does not look at it.
fn destination(cx: &Cx<'_>, socket: &dyn Socket, addr: u64, len: i32) -> Result<Option<SockAddr>> {
    Ok(Some(sockaddr::read_for(cx.user(), addr, len, socket.identity().0)?))
}

fn blocks(open: &Description, flags: MsgFlags) -> bool {
    !flags.contains(MsgFlags::DONTWAIT) && !open.flags().contains(OpenFlags::NONBLOCK)
}

/// A blocking send on a stream goes on until all is queued; what was queued before an error is the result. Ancillary data goes with the
/// first byte.
fn send(
    cx: &Cx<'_>,
    open: &Description,
    socket: &dyn Socket,
    src: &mut dyn Source,
    to: Option<&SockAddr>,
    flags: MsgFlags,
    control: &[Control],
) -> Result<u64> {
    let stream = socket.identity().1 == STREAM;
    let mut total = 0;
    let mut attempt = || {
        let control = if total == 0 && !control.is_empty() { control.to_vec() } else { Vec::new() };
        let sent = socket.send(src, to, flags, control)? as u64;
        total += sent;
        if stream && sent > 0 && src.remaining() > 0 { Err(Errno::EAGAIN) } else { Ok(total) }
    };
    let mut result = attempt();
    if result == Err(Errno::EAGAIN) && blocks(open, flags) {
        result = wait::until(cx, &*open.file, Wait::WRITABLE.at_most(cx, socket.timeouts_ns().1), &mut attempt);
    }
    match result {
        Err(_) if total > 0 => Ok(total),
        Err(Errno::EPIPE) if stream && !flags.contains(MsgFlags::NOSIGNAL) => Err(cx.broken_pipe(Errno::EPIPE)),
        other => other,
    }
}

/// Receives once, or on a stream until SO_RCVLOWAT (MSG_WAITALL: the whole buffer) is there, the other side ends, or nothing may be waited
/// for any longer. What was received is added to `all`: the structure is large enough to be worth not moving.
fn receive(cx: &Cx<'_>, open: &Description, socket: &dyn Socket, dst: &mut dyn Sink, flags: MsgFlags, all: &mut Received) -> Result<()> {
    let stream = socket.identity().1 == STREAM;
    // An error of MSG_ERRQUEUE is there or it is not (recv(2)).
    let may_block = blocks(open, flags) && !flags.contains(MsgFlags::ERRQUEUE);
    let enough = match flags.contains(MsgFlags::WAITALL) {
        _ if !stream || flags.contains(MsgFlags::PEEK) => 1,
        true => dst.remaining(),
        false => socket.receive_low_water().min(dst.remaining()),
    };
    let mut attempt = || {
        let mut got = socket.recv(dst, flags);
        let got = match &mut got {
            Ok(got) => got,
            Err(error) => return Err(*error),
        };
        let end = got.copied == 0 || !stream;
        all.copied += got.copied;
        all.full_len += got.full_len;
        all.flags |= got.flags;
        // Streams say neither: nothing is moved for them.
        if got.from.is_some() {
            all.from = got.from.take();
        }
        let told = !got.control.is_empty();
        if told {
            all.control.append(&mut got.control);
        }
        // A stream stops at ancillary data: it belongs to the bytes it came with (unix(7)).
        if all.copied >= enough || end || told { Ok(0) } else { Err(Errno::EAGAIN) }
    };
    let mut result = attempt();
    if result == Err(Errno::EAGAIN) && may_block {
        result = wait::until(cx, &*open.file, Wait::READABLE.at_most(cx, socket.timeouts_ns().0), &mut attempt);
    }
    match result {
        Err(error) if all.copied == 0 => Err(error),
        _ => Ok(()),
    }
}

/// What a receiving call returns: with MSG_TRUNC a datagram's real length.
fn length(socket: &dyn Socket, received: &Received, flags: MsgFlags) -> u64 {
    let full = flags.contains(MsgFlags::TRUNC) && socket.identity().1 != STREAM;
    (if full { received.full_len } else { received.copied }) as u64
}

fn receive_header(cx: &Cx<'_>, open: &Description, socket: &dyn Socket, header: &mut MsgHeader, flags: MsgFlags) -> Result<u64> {
    if header.namelen < 0 {
        return Err(Errno::EINVAL);
    }
    let mut received = Received::default();
    receive(cx, open, socket, &mut vector(cx, header)?, flags, &mut received)?;
    let mut out = received.flags | flags & MsgFlags::CMSG_CLOEXEC;
    header.namelen = match &received.from {
        Some(from) if header.name != 0 => sockaddr::write_sized(cx.user(), header.name, header.namelen, from)?,
        _ => 0,
    };
    let result = length(socket, &received, flags);
    let cloexec = if flags.contains(MsgFlags::CMSG_CLOEXEC) { OnExec::Close } else { OnExec::Keep };
    let mut writer = control::Writer::new(cx.user(), header.control, header.controllen);
    for piece in received.control {
        let fit = match piece {
            Control::Rights(rights) => receive_rights(cx, &mut writer, rights, cloexec)?,
            Control::Credentials(credentials) => writer.put_credentials(credentials)?,
            Control::Raw { level, kind, data } => writer.put(level, kind, &data)?,
        };
        if fit == Fit::Cut {
            out |= MsgFlags::CTRUNC;
        }
    }
    header.controllen = writer.used();
    header.flags = out.bits();
    Ok(result)
}

/// Installs as many descriptions as the control area and the table hold; the rest are dropped, which MSG_CTRUNC tells.
fn receive_rights(
    cx: &Cx<'_>,
    writer: &mut control::Writer<'_>,
    rights: Vec<alloc::sync::Arc<dyn core::any::Any + Send + Sync>>,
    cloexec: OnExec,
) -> Result<Fit> {
    let room = writer.room_for_rights();
    let sent = rights.len();
    let mut fds = Vec::with_capacity(sent.min(room));
    for right in rights.into_iter().take(room) {
        let Ok(description) = right.downcast::<Description>() else { continue };
        match cx.install_description(description, cloexec) {
            Ok(fd) => fds.push(fd),
            Err(_) => break,
        }
    }
    if fds.is_empty() {
        return Ok(Fit::Cut);
    }
    let fit = writer.put_rights(&fds)?;
    Ok(if fds.len() < sent { Fit::Cut } else { fit })
}
