//! A datagram socket as the application has it: [`File`] and [`Socket`].

use super::{Datagram, Datagrams, HEADER_LEN, Kind, Table};
use crate::addr::{Addr, Endpoint, Family};
use crate::handle::Handle;
use crate::icmp;
use crate::options::{PMTUDISC_DONT, Timestamp};
use crate::output::{Net, Outgoing};
use crate::stack::{Core, Shared};
use crate::wire::{IpHeader, protocol};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;
use file::{Control, Events, File, MsgFlags, OpenFlags, Received, Shutdown, Sink, SockAddr, Socket, Source, Stat, UserMemory, WaitQueue};
use uapi::net as c;
use uapi::{Errno, Result};

/// Largest payload: 65535 less the headers.
const MAX_PAYLOAD: usize = 65_507;

/// A datagram socket. Dropping it closes it.
pub(crate) struct UdpSocket {
    shared: Arc<Shared>,
    id: u32,
    family: Family,
    kind: Kind,
    handle: Arc<Handle>,
    inode: u64,
}

/// What a send says beyond the socket's own settings.
#[derive(Default)]
struct Extra {
    source: Option<Addr>,
    interface: Option<usize>,
    tos: Option<u8>,
    ttl: Option<u8>,
}

impl UdpSocket {
    /// socket(2).
    pub fn create(shared: &Arc<Shared>, family: Family, kind: Kind) -> Arc<UdpSocket> {
        let handle = Handle::new();
        let (id, inode) = shared.quietly(|core| (core.udp.insert(family, kind, handle.clone()), core.net.new_inode()));
        Arc::new(UdpSocket { shared: shared.clone(), id, family, kind, handle, inode })
    }

    fn with<R>(&self, f: impl FnOnce(&mut Datagrams, &mut Net) -> Result<R>) -> Result<R> {
        self.shared.with(|core| f(core.udp.get(self.id)?, &mut core.net))
    }

    /// What goes with a datagram, as this socket has asked for.
    fn controls(&self, datagram: &Datagram) -> Vec<Control> {
        let options = self.shared.quietly(|core| core.udp.get(self.id).map(|s| s.options.clone()));
        let Ok(options) = options else { return Vec::new() };
        let mut out = Vec::new();
        let v4 = datagram.to.is_v4();
        let mut add = |level: u32, kind: u32, data: Vec<u8>| {
            out.push(Control::Raw { level: level.cast_signed(), kind: kind.cast_signed(), data });
        };
        if options.timestamp != Timestamp::Off {
            let clock = self.shared.clock;
            let real = clock.realtime_ns().saturating_sub(clock.monotonic_ns().saturating_sub(datagram.at));
            let (kind, fraction) = match options.timestamp {
                Timestamp::Nano => (c::SO_TIMESTAMPNS_OLD, real % 1_000_000_000),
                _ => (c::SO_TIMESTAMP_OLD, real % 1_000_000_000 / 1000),
            };
            let mut data = (real / 1_000_000_000).to_ne_bytes().to_vec();
            data.extend_from_slice(&fraction.to_ne_bytes());
            add(c::SOL_SOCKET, kind, data);
        }
        let index = (datagram.interface as u32 + 1).to_ne_bytes();
        if options.packet_info && self.family == Family::V4 {
            let to = datagram.to.low32().to_be_bytes();
            add(c::SOL_IP, c::IP_PKTINFO, [index, to, to].concat());
        } else if options.packet_info {
            add(c::SOL_IPV6, c::IPV6_PKTINFO, [&datagram.to.bits().to_be_bytes()[..], &index].concat());
        }
        let int = |value: u8| u32::from(value).to_ne_bytes().to_vec();
        if options.receive_tos {
            if v4 { add(c::SOL_IP, c::IP_TOS, vec![datagram.tos]) } else { add(c::SOL_IPV6, c::IPV6_TCLASS, int(datagram.tos)) }
        }
        if options.receive_ttl {
            let (level, kind) = if v4 { (c::SOL_IP, c::IP_TTL) } else { (c::SOL_IPV6, c::IPV6_HOPLIMIT) };
            add(level, kind, int(datagram.ttl));
        }
        out
    }

    fn extra(&self, control: &[Control], net: &Net) -> Result<Extra> {
        let mut extra = Extra::default();
        for item in control {
            let Control::Raw { level, kind, data } = item else { continue };
            let word = || data.first_chunk().map(|b| u32::from_ne_bytes(*b)).ok_or(Errno::EINVAL);
            let byte = || data.first().copied().ok_or(Errno::EINVAL);
            let by_index = |index: u32| crate::options::by_index(i32::try_from(index).unwrap_or(-1), &net.interfaces);
            match (level.cast_unsigned(), kind.cast_unsigned()) {
                (c::SOL_IP, c::IP_PKTINFO) => {
                    extra.interface = by_index(word()?)?;
                    let source = Addr::from_v4_bytes(*data.get(4..).and_then(|d| d.first_chunk()).ok_or(Errno::EINVAL)?);
                    extra.source = (!source.is_any()).then_some(source);
                }
                (c::SOL_IPV6, c::IPV6_PKTINFO) => {
                    let source = Addr::from_v6_bytes(*data.first_chunk().ok_or(Errno::EINVAL)?);
                    extra.source = (!source.is_any()).then_some(source);
                    let index = data.get(16..).and_then(|d| d.first_chunk()).ok_or(Errno::EINVAL)?;
                    extra.interface = by_index(u32::from_ne_bytes(*index))?;
                }
                (c::SOL_IP, c::IP_TOS) | (c::SOL_IPV6, c::IPV6_TCLASS) => extra.tos = Some(byte()?),
                (c::SOL_IP, c::IP_TTL) | (c::SOL_IPV6, c::IPV6_HOPLIMIT) => extra.ttl = Some(byte()?),
                _ => return Err(Errno::EINVAL),
            }
        }
        if extra.source.is_some_and(|source| !net.is_local(source)) {
            return Err(Errno::EINVAL);
        }
        Ok(extra)
    }
}

impl Core {
    fn send_datagram(&mut self, id: u32, to: Option<(Endpoint, u32)>, data: &[u8], extra: &Extra) -> Result<()> {
        let socket = self.udp.get(id)?;
        if socket.tx_shut {
            return Err(Errno::EPIPE);
        }
        let (mut to, scope) = to.or(socket.remote.map(|r| (r, 0))).ok_or(Errno::EDESTADDRREQ)?;
        if to.port == 0 && socket.kind == Kind::Udp {
            return Err(Errno::EINVAL);
        }
        if socket.options.v6only && to.addr.is_v4() {
            return Err(Errno::ENETUNREACH);
        }
        match to.addr {
            Addr::ANY4 => to.addr = Addr::LOCALHOST4,
            Addr::ANY6 => to.addr = Addr::LOCALHOST6,
            _ => {}
        }
        let mut interface = extra.interface.or(socket.options.interface_for(to.addr));
        if interface.is_none() && scope != 0 && (to.addr.is_link_local6() || to.addr.is_multicast()) {
            interface = crate::options::by_index(i32::try_from(scope).unwrap_or(-1), &self.net.interfaces)?;
        }
        let (position, next_hop) = self.net.route(to.addr, interface)?;
        if socket.options.dont_route && next_hop != to.addr {
            return Err(Errno::ENETUNREACH);
        }
        let broadcast = self.net.interfaces.get(position).is_some_and(|i| i.is_broadcast(to.addr));
        if broadcast && !socket.options.broadcast {
            return Err(Errno::EACCES);
        }
        let source = match (extra.source, socket.local.addr) {
            (Some(source), _) => source,
            (None, addr) if addr.is_any() || addr.is_multicast() => match self.net.source_for(to.addr, interface) {
                Ok(source) => source,
                // A DHCP client of the application's own has no address yet.
                Err(Errno::EADDRNOTAVAIL) if broadcast => Addr::ANY4,
                Err(error) => return Err(error),
            },
            (None, addr) => addr,
        };
        if source.is_v4() != to.addr.is_v4() {
            return Err(Errno::EINVAL);
        }
        if socket.local.port == 0 {
            let addr = socket.local.addr;
            self.udp.claim(&mut self.net, id, addr, 0)?;
        }
        let socket = self.udp.get(id)?;
        let ttl = extra.ttl.unwrap_or_else(|| socket.options.ttl_for(to.addr));
        let port = socket.local.port;
        let result = if socket.kind == Kind::Ping {
            send_ping(&mut self.net, interface, source, to.addr, port, data, ttl)
        } else {
            let mut header = [0; HEADER_LEN];
            header[..2].copy_from_slice(&port.to_be_bytes());
            header[2..4].copy_from_slice(&to.port.to_be_bytes());
            header[4..6].copy_from_slice(&((HEADER_LEN + data.len()) as u16).to_be_bytes());
            let ip = IpHeader {
                src: source,
                dst: to.addr,
                protocol: protocol::UDP,
                ttl,
                tos: extra.tos.unwrap_or(socket.options.tos),
                id: self.net.next_ip_id(),
                // Linux's default, PMTUDISC_WANT, cuts what is too long for our own link.
                dont_fragment: socket.options.mtu_discover > PMTUDISC_DONT + 1,
            };
            let packet =
                Outgoing { ip, interface, header: &header, checksum_at: Some(6), payload: &data, payload_len: data.len(), segment: None };
            if to.addr.is_multicast() && socket.options.multicast_loop && position != 0 {
                self.net.loop_back_copy(&packet);
            }
            self.net.send(&packet, None)
        };
        match result {
            Err(Errno::ENOBUFS) => {
                let socket = self.udp.get(id)?;
                socket.stalled = true;
                socket.publish();
                self.net.stalled_udp.push(id);
                Err(Errno::EAGAIN)
            }
            other => other,
        }
    }
}

/// The application gives the ICMP header; identifier and checksum are ours (icmp(7)).
fn send_ping(net: &mut Net, interface: Option<usize>, source: Addr, to: Addr, id: u16, data: &[u8], ttl: u8) -> Result<()> {
    let (header, rest) = data.split_first_chunk::<8>().ok_or(Errno::EINVAL)?;
    let request = if to.is_v4() { 8 } else { 128 };
    if header[0] != request || header[1] != 0 {
        return Err(Errno::EINVAL);
    }
    let [id_high, id_low] = id.to_be_bytes();
    let header = [request, 0, 0, 0, id_high, id_low, header[6], header[7]];
    icmp::send(net, interface, source, to, header, rest, ttl)
}

impl Table {
    fn bind(&mut self, net: &mut Net, id: u32, to: Endpoint) -> Result<()> {
        let socket = self.get(id)?;
        if socket.bound || socket.local.port != 0 {
            return Err(Errno::EINVAL);
        }
        if !socket.options.free_bind && !net.is_bindable(to.addr) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        self.claim(net, id, to.addr, to.port)?;
        self.get(id)?.bound = true;
        Ok(())
    }

    fn connect(&mut self, net: &mut Net, id: u32, to: Option<Endpoint>) -> Result<()> {
        let Some(mut to) = to else {
            let socket = self.get(id)?;
            socket.remote = None;
            let addr = if socket.bound { socket.local.addr } else { socket.family.any() };
            let port = socket.local.port;
            return if port == 0 { Ok(()) } else { self.claim(net, id, addr, port) };
        };
        match to.addr {
            Addr::ANY4 => to.addr = Addr::LOCALHOST4,
            Addr::ANY6 => to.addr = Addr::LOCALHOST6,
            _ => {}
        }
        let socket = self.get(id)?;
        let broadcast = net.interfaces.iter().any(|i| i.is_broadcast(to.addr));
        if broadcast && !socket.options.broadcast {
            return Err(Errno::EACCES);
        }
        let interface = socket.options.interface_for(to.addr);
        let mut local = socket.local;
        if local.addr.is_any() || !socket.bound {
            local.addr = net.source_for(to.addr, interface)?;
        }
        let old = socket.remote.replace(to);
        let claimed = self.claim(net, id, local.addr, local.port);
        if claimed.is_err() {
            self.get(id)?.remote = old;
        }
        claimed
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.shared.with(|core| core.udp.remove(&mut core.net, self.id));
    }
}

impl File for UdpSocket {
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
        Ok(Stat::socket(self.inode))
    }
    fn ioctl(&self, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
        let count = match command {
            // The size of the next datagram (udp(7)).
            uapi::ioctl::FIONREAD => self.with(|socket, _| Ok(socket.queue.front().map_or(0, |d| d.data.len())))?,
            uapi::ioctl::TIOCOUTQ => 0,
            _ => return crate::ioctl::interface_ioctl(&self.shared, command, arg, user),
        };
        user.write(arg, &i32::try_from(count).unwrap_or(i32::MAX))?;
        Ok(0)
    }
    fn as_socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Socket for UdpSocket {
    fn identity(&self) -> (u16, u32, u32) {
        let protocol = match (self.kind, self.family) {
            (Kind::Udp, _) => protocol::UDP,
            (Kind::Ping, Family::V4) => protocol::ICMP,
            (Kind::Ping, Family::V6) => protocol::ICMPV6,
        };
        (crate::stack::domain(self.family), c::SOCK_DGRAM, u32::from(protocol))
    }

    fn bind(&self, addr: &SockAddr) -> Result<()> {
        let (to, _) = crate::stack::endpoint_of(addr, self.family)?;
        self.shared.with(|core| core.udp.bind(&mut core.net, self.id, to))
    }

    fn connect(&self, addr: &SockAddr) -> Result<()> {
        let to = match addr {
            SockAddr::Unspecified => None,
            addr => Some(crate::stack::endpoint_of(addr, self.family)?.0),
        };
        self.shared.with(|core| core.udp.connect(&mut core.net, self.id, to))
    }

    fn local_addr(&self) -> Result<SockAddr> {
        self.with(|socket, _| Ok(self.family.show(socket.local, 0)))
    }

    fn peer_addr(&self) -> Result<SockAddr> {
        self.with(|socket, _| socket.remote.map(|r| self.family.show(r, 0)).ok_or(Errno::ENOTCONN))
    }

    fn send(&self, src: &mut dyn Source, to: Option<&SockAddr>, flags: MsgFlags, control: Vec<Control>) -> Result<usize> {
        if flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let to = to.map(|addr| crate::stack::endpoint_of(addr, self.family)).transpose()?;
        let len = src.remaining();
        if len > MAX_PAYLOAD {
            return Err(Errno::EMSGSIZE);
        }
        let mut data = vec![0; len];
        // Only looked at: a blocking sender comes back with the same bytes when the ring is full.
        if src.peek(&mut data)? < len {
            return Err(Errno::EFAULT);
        }
        let sent = self.shared.with(|core| {
            let socket = core.udp.get(self.id)?;
            if let Some(error) = socket.error.take() {
                socket.publish();
                return Err(error);
            }
            if flags.contains(MsgFlags::MORE) || !socket.corked.is_empty() {
                if socket.corked.len() + len > MAX_PAYLOAD {
                    return Err(Errno::EMSGSIZE);
                }
                socket.corked.extend_from_slice(&data);
                if flags.contains(MsgFlags::MORE) {
                    return Ok(len);
                }
                data = core::mem::take(&mut socket.corked);
            }
            let extra = self.extra(&control, &core.net)?;
            let result = core.send_datagram(self.id, to, &data, &extra);
            if result == Err(Errno::EAGAIN) {
                data.truncate(data.len() - len);
                core.udp.get(self.id)?.corked = data;
            }
            result.map(|()| len)
        })?;
        src.skip(len);
        Ok(sent)
    }

    fn recv(&self, dst: &mut dyn Sink, flags: MsgFlags) -> Result<Received> {
        if flags.intersects(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        if flags.contains(MsgFlags::ERRQUEUE) {
            return Err(Errno::EAGAIN);
        }
        let datagram = self.shared.quietly(|core| {
            let socket = core.udp.get(self.id)?;
            if let Some(error) = socket.error.take() {
                socket.publish();
                return Err(error);
            }
            let next = if flags.contains(MsgFlags::PEEK) { socket.queue.front().cloned() } else { socket.pop(&mut core.net) };
            match next {
                Some(datagram) => Ok(Some(datagram)),
                None if socket.rx_shut => Ok(None),
                None => Err(Errno::EAGAIN),
            }
        })?;
        let Some(datagram) = datagram else { return Ok(Received::default()) };
        let len = datagram.data.len();
        let want = len.min(dst.remaining());
        let copied = if want > 0 { dst.put(&datagram.data[..want])? } else { 0 };
        let out = if copied < len { MsgFlags::TRUNC } else { MsgFlags::empty() };
        let from = self.family.show(datagram.from, datagram.interface as u32 + 1);
        Ok(Received { copied, full_len: len, from: Some(from), flags: out, control: self.controls(&datagram) })
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        self.with(|socket, net| {
            if socket.remote.is_none() {
                return Err(Errno::ENOTCONN);
            }
            socket.rx_shut |= how != Shutdown::Write;
            socket.tx_shut |= how != Shutdown::Read;
            socket.publish();
            net.wakes.add(&socket.handle, Events::READABLE | Events::WRITABLE | Events::HUP);
            Ok(())
        })
    }

    fn set_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.shared.with(|core| core.udp.set_option(&mut core.net, self.id, level, name, value))
    }

    fn get_option(&self, level: i32, name: i32) -> Result<Vec<u8>> {
        if let Some(value) = crate::stack::identity_option(self, level, name) {
            return value;
        }
        self.with(|socket, net| socket.get_option(net, level, name))
    }

    fn take_error(&self) -> Option<Errno> {
        self.with(|socket, _| {
            let error = socket.error.take();
            socket.publish();
            Ok(error)
        })
        .ok()
        .flatten()
    }

    fn timeouts_ns(&self) -> (Option<u64>, Option<u64>) {
        let timeouts = |socket: &mut Datagrams, _: &mut Net| Ok((socket.options.receive_timeout, socket.options.send_timeout));
        self.with(timeouts).unwrap_or((None, None))
    }
}
