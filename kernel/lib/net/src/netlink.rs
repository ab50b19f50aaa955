//! AF_NETLINK, NETLINK_ROUTE (rtnetlink(7)): links, addresses and routes can be read; changing them is EPERM, for the image configures.
//!
//! **Not done**: notifications; joining a group is accepted and nothing is ever sent to it, as on a machine whose network never changes.

use crate::addr::Addr;
use crate::handle::Handle;
use crate::output::Net;
use crate::stack::Shared;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;
use file::{Control, Events, File, MsgFlags, OpenFlags, Received, Shutdown, Sink, SockAddr, Socket, Source, Stat, WaitQueue};
use spinlock::Mutex;
use uapi::net as c;
use uapi::{Errno, Result};

const NETLINK_ROUTE: u32 = 0;
const SOL_NETLINK: i32 = 270;
/// Answers are packed into datagrams of at most this many bytes (the kernel's NLMSG_GOODSIZE is a page; glibc's buffer is one too).
const DATAGRAM: usize = 4096;
const REQUEST_MAX: usize = 32 * 1024;

/// Message types and flags (netlink(7), rtnetlink(7)).
mod message {
    pub const ERROR: u16 = 2;
    pub const DONE: u16 = 3;
    pub const NEWLINK: u16 = 16;
    pub const GETLINK: u16 = 18;
    pub const NEWADDR: u16 = 20;
    pub const GETADDR: u16 = 22;
    pub const NEWROUTE: u16 = 24;
    pub const GETROUTE: u16 = 26;
    pub const REQUEST: u16 = 1;
    pub const MULTI: u16 = 2;
    pub const ACK: u16 = 4;
    pub const DUMP: u16 = 0x300;
}

struct State {
    answers: VecDeque<Vec<u8>>,
    bound: bool,
    groups: u32,
}

/// A netlink socket.
struct NetlinkSocket {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
    /// Our port id; the inode number, which no other socket has.
    port: u32,
    kind: u32,
    state: Mutex<State>,
}

/// socket(2) with AF_NETLINK. EPROTONOSUPPORT for any family of messages but NETLINK_ROUTE.
pub(crate) fn socket(shared: &Arc<Shared>, kind: u32, protocol: u32) -> Result<Arc<dyn File>> {
    if !matches!(kind, c::SOCK_RAW | c::SOCK_DGRAM) {
        return Err(Errno::ESOCKTNOSUPPORT);
    }
    if protocol != NETLINK_ROUTE {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let port = shared.quietly(|core| core.net.new_inode()) as u32;
    let handle = Handle::new();
    handle.set_ready(Events::WRITABLE);
    let state = Mutex::new(State { answers: VecDeque::new(), bound: false, groups: 0 });
    Ok(Arc::new(NetlinkSocket { shared: shared.clone(), handle, port, kind, state }))
}

/// One message under construction; lengths are filled in at the end.
struct Builder {
    bytes: Vec<u8>,
}

impl Builder {
    fn new(kind: u16, flags: u16, request: &Request<'_>, port: u32) -> Builder {
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&request.sequence.to_ne_bytes());
        bytes.extend_from_slice(&port.to_ne_bytes());
        Builder { bytes }
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A routing attribute, padded to four bytes.
    fn attribute(&mut self, kind: u16, data: &[u8]) -> &mut Self {
        let len = 4 + data.len() as u16;
        self.put(&len.to_ne_bytes()).put(&kind.to_ne_bytes()).put(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    fn addr(&mut self, kind: u16, addr: Addr) -> &mut Self {
        if addr.is_v4() { self.attribute(kind, &addr.low32().to_be_bytes()) } else { self.attribute(kind, &addr.bits().to_be_bytes()) }
    }

    fn finish(mut self) -> Vec<u8> {
        let len = (self.bytes.len() as u32).to_ne_bytes();
        self.bytes[..4].copy_from_slice(&len);
        self.bytes
    }
}

/// A request taken apart.
struct Request<'a> {
    whole: &'a [u8],
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The first request in `bytes`, and what follows it.
    fn parse(bytes: &'a [u8]) -> Option<(Request<'a>, &'a [u8])> {
        let header: &[u8; 16] = bytes.first_chunk()?;
        let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        let len = word(0) as usize;
        let whole = bytes.get(..len)?;
        let body = whole.get(16..)?;
        let rest = bytes.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((Request { whole, kind: half(4), flags: half(6), sequence: word(8), body }, rest))
    }

    fn family(&self) -> u8 {
        self.body.first().copied().unwrap_or(0)
    }

    /// Whether the request asks for this family (0 asks for all).
    fn wants(&self, addr: Addr) -> bool {
        self.family() == 0 || u32::from(self.family()) == family_of(addr)
    }

    fn error(&self, error: u16, port: u32) -> Vec<u8> {
        let mut builder = Builder::new(message::ERROR, 0, self, port);
        builder.put(&(-i32::from(error)).to_ne_bytes());
        // The header of the request is quoted; all of it when it failed.
        builder.put(if error == 0 { &self.whole[..16] } else { self.whole });
        builder.finish()
    }
}

fn family_of(addr: Addr) -> u32 {
    if addr.is_v4() { c::AF_INET } else { c::AF_INET6 }
}

/// RT_SCOPE_* of an address.
fn scope_of(addr: Addr) -> u8 {
    match () {
        () if addr.is_loopback() => 254,
        () if addr.is_link_local6() => 253,
        () => 0,
    }
}

fn links(net: &mut Net, request: &Request<'_>, port: u32, flags: u16, only: Option<u32>) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for (position, interface) in net.interfaces.iter_mut().enumerate() {
        let index = position as u32 + 1;
        if only.is_some_and(|wanted| wanted != index) {
            continue;
        }
        let hardware: u16 = if interface.device.is_none() { 772 } else { 1 };
        let link_flags = u32::from(interface.flags());
        // IFF_LOWER_UP goes with IFF_RUNNING (0x40).
        let link_flags = if link_flags & 0x40 != 0 { link_flags | 0x1_0000 } else { link_flags };
        let mut builder = Builder::new(message::NEWLINK, flags, request, port);
        builder.put(&[0, 0]).put(&hardware.to_ne_bytes()).put(&index.to_ne_bytes());
        builder.put(&link_flags.to_ne_bytes()).put(&[0; 4]);
        builder.attribute(3, &[interface.name.as_bytes(), &[0]].concat());
        builder.attribute(4, &u32::from(interface.caps.mtu).to_ne_bytes());
        builder.attribute(13, &1000u32.to_ne_bytes());
        // IFLA_OPERSTATE: IF_OPER_UP, or unknown for the loopback.
        builder.attribute(16, &[if interface.device.is_none() { 0 } else { 6 }]);
        builder.attribute(1, &interface.mac());
        let broadcast = if interface.device.is_none() { [0; 6] } else { [0xff; 6] };
        builder.attribute(2, &broadcast);
        out.push(builder.finish());
    }
    out
}

fn addresses(net: &Net, request: &Request<'_>, port: u32) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for (position, interface) in net.interfaces.iter().enumerate() {
        for addr in interface.addrs.iter().filter(|a| request.wants(a.addr)) {
            let mut builder = Builder::new(message::NEWADDR, message::MULTI, request, port);
            // IFA_F_PERMANENT
            builder.put(&[family_of(addr.addr) as u8, addr.prefix, 0x80, scope_of(addr.addr)]);
            builder.put(&(position as u32 + 1).to_ne_bytes());
            builder.addr(1, addr.addr);
            if addr.addr.is_v4() {
                builder.addr(2, addr.addr);
                if interface.device.is_some() {
                    builder.addr(4, addr.addr.broadcast_of(addr.prefix));
                }
                builder.attribute(3, &[interface.name.as_bytes(), &[0]].concat());
            }
            builder.attribute(8, &0x80u32.to_ne_bytes());
            // IFA_CACHEINFO: for ever.
            builder.attribute(6, &[&[0xff; 8][..], &[0; 8]].concat());
            out.push(builder.finish());
        }
    }
    out
}

fn routes(net: &Net, request: &Request<'_>, port: u32) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for route in net.routes.iter().filter(|r| request.wants(r.network)) {
        let mut builder = Builder::new(message::NEWROUTE, message::MULTI, request, port);
        // Table main, protocol boot, scope universe or link, type unicast.
        let scope = if route.gateway.is_some() { 0 } else { 253 };
        builder.put(&[family_of(route.network) as u8, route.prefix, 0, 0, 254, 3, scope, 1]).put(&[0; 4]);
        builder.attribute(15, &254u32.to_ne_bytes());
        if route.prefix > 0 {
            builder.addr(1, route.network);
        }
        if let Some(gateway) = route.gateway {
            builder.addr(5, gateway);
        }
        builder.attribute(4, &(route.interface as u32 + 1).to_ne_bytes());
        out.push(builder.finish());
    }
    out
}

impl NetlinkSocket {
    fn answer(&self, request: &Request<'_>) -> Vec<Vec<u8>> {
        let port = self.port;
        let dump = request.flags & message::DUMP == message::DUMP;
        let mut messages = match request.kind {
            message::GETLINK if dump => self.shared.quietly(|core| links(&mut core.net, request, port, message::MULTI, None)),
            message::GETADDR if dump => self.shared.quietly(|core| addresses(&core.net, request, port)),
            message::GETROUTE if dump => self.shared.quietly(|core| routes(&core.net, request, port)),
            message::GETLINK => {
                let index = request.body.get(4..8).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes);
                let found = self.shared.quietly(|core| links(&mut core.net, request, port, 0, Some(index)));
                return if found.is_empty() { vec![request.error(Errno::ENODEV.code(), port)] } else { found };
            }
            message::GETADDR | message::GETROUTE => return vec![request.error(Errno::EOPNOTSUPP.code(), port)],
            // The other GETs end in 2 (mod 4); all else wants to change something.
            kind if kind % 4 == 2 => return vec![request.error(Errno::EOPNOTSUPP.code(), port)],
            _ => return vec![request.error(Errno::EPERM.code(), port)],
        };
        let mut done = Builder::new(message::DONE, message::MULTI, request, port);
        done.put(&[0; 4]);
        messages.push(done.finish());
        messages
    }

    fn publish(&self, state: &State) {
        let readable = if state.answers.is_empty() { Events::empty() } else { Events::READABLE };
        self.handle.set_ready(readable | Events::WRITABLE);
    }
}

impl File for NetlinkSocket {
    fn read(&self, dst: &mut dyn Sink, _: OpenFlags) -> Result<usize> {
        self.recv(dst, MsgFlags::empty()).map(|r| r.copied)
    }
    fn write(&self, src: &mut dyn Source, _: OpenFlags) -> Result<usize> {
        self.send(src, None, MsgFlags::empty(), Vec::new())
    }
    fn poll(&self) -> Events {
        self.handle.ready()
    }
    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.handle.queue)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(Stat::socket(self.port.into()))
    }
    fn as_socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Socket for NetlinkSocket {
    fn identity(&self) -> (u16, u32, u32) {
        (c::AF_NETLINK as u16, self.kind, NETLINK_ROUTE)
    }

    fn bind(&self, addr: &SockAddr) -> Result<()> {
        let SockAddr::Netlink { groups, .. } = addr else { return Err(Errno::EINVAL) };
        let mut state = self.state.lock();
        if state.bound {
            return Err(Errno::EINVAL);
        }
        state.bound = true;
        state.groups = *groups;
        Ok(())
    }

    fn connect(&self, addr: &SockAddr) -> Result<()> {
        match addr {
            SockAddr::Unspecified | SockAddr::Netlink { pid: 0, .. } => Ok(()),
            SockAddr::Netlink { .. } => Err(Errno::ECONNREFUSED),
            _ => Err(Errno::EINVAL),
        }
    }

    fn local_addr(&self) -> Result<SockAddr> {
        Ok(SockAddr::Netlink { pid: self.port, groups: self.state.lock().groups })
    }

    fn peer_addr(&self) -> Result<SockAddr> {
        Ok(SockAddr::Netlink { pid: 0, groups: 0 })
    }

    fn send(&self, src: &mut dyn Source, to: Option<&SockAddr>, flags: MsgFlags, _: Vec<Control>) -> Result<usize> {
        if flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        match to {
            None | Some(SockAddr::Netlink { pid: 0, .. }) => {}
            Some(SockAddr::Netlink { .. }) => return Err(Errno::ECONNREFUSED),
            Some(_) => return Err(Errno::EINVAL),
        }
        let len = src.remaining();
        if len > REQUEST_MAX {
            return Err(Errno::EMSGSIZE);
        }
        let mut bytes = vec![0; len];
        if len > 0 && src.take(&mut bytes)? < len {
            return Err(Errno::EFAULT);
        }
        let mut rest = &bytes[..];
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        while let Some((request, next)) = Request::parse(rest) {
            rest = next;
            if request.flags & message::REQUEST == 0 {
                continue;
            }
            let messages = self.answer(&request);
            let failed = messages.first().is_some_and(|m| m.get(4..6) == Some(&message::ERROR.to_ne_bytes()));
            // A new datagram for each request; inside one, messages share datagrams while they fit.
            let mut current = Vec::new();
            for message in messages {
                if !current.is_empty() && current.len() + message.len() > DATAGRAM {
                    datagrams.push(core::mem::take(&mut current));
                }
                current.extend_from_slice(&message);
            }
            datagrams.push(current);
            if request.flags & message::ACK != 0 && !failed && request.flags & message::DUMP != message::DUMP {
                datagrams.push(request.error(0, self.port));
            }
        }
        let mut state = self.state.lock();
        state.answers.extend(datagrams);
        self.publish(&state);
        drop(state);
        self.handle.queue.wake(Events::READABLE);
        Ok(len)
    }

    fn recv(&self, dst: &mut dyn Sink, flags: MsgFlags) -> Result<Received> {
        let datagram = {
            let mut state = self.state.lock();
            let next = if flags.contains(MsgFlags::PEEK) { state.answers.front().cloned() } else { state.answers.pop_front() };
            self.publish(&state);
            next.ok_or(Errno::EAGAIN)?
        };
        let want = datagram.len().min(dst.remaining());
        let copied = if want > 0 { dst.put(&datagram[..want])? } else { 0 };
        let out = if copied < datagram.len() { MsgFlags::TRUNC } else { MsgFlags::empty() };
        let from = Some(SockAddr::Netlink { pid: 0, groups: 0 });
        Ok(Received { copied, full_len: datagram.len(), from, flags: out, control: Vec::new() })
    }

    fn shutdown(&self, _: Shutdown) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    fn set_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        let value = crate::options::int(value)?;
        match (level, u32::try_from(name)) {
            // Buffers hold one dump, whatever their nominal size.
            (1, Ok(c::SO_RCVBUF | c::SO_SNDBUF | c::SO_RCVBUFFORCE | c::SO_SNDBUFFORCE)) => Ok(()),
            // NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP
            (SOL_NETLINK, Ok(1 | 2)) => {
                let group = u32::try_from(value).ok().filter(|g| (1..=32).contains(g)).ok_or(Errno::EINVAL)?;
                let mut state = self.state.lock();
                let bit = 1 << (group - 1);
                state.groups = if name == 1 { state.groups | bit } else { state.groups & !bit };
                Ok(())
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn get_option(&self, level: i32, name: i32) -> Result<Vec<u8>> {
        crate::stack::identity_option(self, level, name).unwrap_or(Err(Errno::ENOPROTOOPT))
    }

    fn take_error(&self) -> Option<Errno> {
        None
    }
}
