//! What the socket calls do to a connection and to the table: bind, connect, close, and the checks before data moves.

use super::output::Force;
use super::table::{Flow, Table};
use super::{Connection, Owned, State};
use crate::addr::{Addr, Endpoint};
use crate::chunks::Chunk;
use crate::output::Net;
use crate::ports::Binding;
use uapi::{Errno, Result};

impl Connection {
    /// Whether bytes may be queued now: the pending error, EPIPE, EAGAIN while connecting, ENOTCONN... as Linux orders them.
    pub(super) fn may_send(&mut self) -> Result<()> {
        if let Some(error) = self.error.take() {
            self.publish();
            return Err(error);
        }
        match self.state {
            _ if self.tx_shut => Err(Errno::EPIPE),
            State::Established | State::CloseWait => Ok(()),
            State::SynSent | State::SynReceived => Err(Errno::EAGAIN),
            _ => Err(Errno::EPIPE),
        }
    }

    /// Whether reading makes sense: `Ok` with nothing queued is end of file.
    pub(super) fn may_receive(&mut self) -> Result<()> {
        if self.urgent.readable(self.rx.len()) > 0 {
            return Ok(());
        }
        if self.fin_received {
            return Ok(());
        }
        if let Some(error) = self.error.take() {
            self.publish();
            return Err(error);
        }
        match self.state {
            _ if self.rx_shut => Ok(()),
            State::Listen | State::Closed => Err(Errno::ENOTCONN),
            _ => Err(Errno::EAGAIN),
        }
    }

    /// `len` more bytes are in `tx`.
    pub(super) fn queued_for_sending(&mut self, net: &mut Net, len: usize, more: bool) {
        net.buffered += len;
        self.quick = 0;
        self.more = more;
        self.output(net, Force::No);
        if !self.writable() || self.no_space {
            self.publish();
        }
    }

    /// A reader brings back what it took off, `used` bytes shorter.
    pub(super) fn read_finished(&mut self, net: &mut Net, chunk: Chunk, used: usize) {
        let rest = chunk.bytes().len();
        self.reading = self.reading.saturating_sub(rest + used);
        net.buffered = net.buffered.saturating_sub(used);
        self.urgent.read(used);
        self.rx.unpop(chunk);
        if used > 0 {
            self.window_opened(net);
        }
    }
}

impl Table {
    pub(super) fn bind(&mut self, net: &mut Net, id: u32, to: Endpoint) -> Result<()> {
        let connection = self.get(id)?;
        if connection.bound || connection.state != State::Closed {
            return Err(Errno::EINVAL);
        }
        if !connection.options.free_bind && !net.is_bindable(to.addr) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let binding = Binding { addr: to.addr, ..connection.binding() };
        let port = match to.port {
            0 => self.ports.choose(net.random_u32(), |ports, port| ports.is_free(port, &binding)).ok_or(Errno::EADDRINUSE)?,
            port => port,
        };
        if !self.ports.bind(port, binding) {
            return Err(Errno::EADDRINUSE);
        }
        let connection = self.get(id)?;
        connection.local = Endpoint { addr: to.addr, port };
        connection.bound = true;
        Ok(())
    }

    /// Binds to the wildcard and a port of our choice (listen(2) without bind(2)).
    pub(super) fn bind_any(&mut self, net: &mut Net, id: u32) -> Result<()> {
        let addr = self.get(id)?.family.any();
        self.bind(net, id, Endpoint { addr, port: 0 })
    }

    pub(super) fn connect(&mut self, net: &mut Net, id: u32, to: Endpoint, scope: u32) -> Result<()> {
        let connection = self.get(id)?;
        match connection.state {
            State::Closed => {}
            State::SynSent | State::SynReceived => return Err(Errno::EALREADY),
            State::Listen => return Err(Errno::EISCONN),
            _ if core::mem::take(&mut connection.connecting) => return Ok(()),
            _ => return Err(Errno::EISCONN),
        }
        if core::mem::take(&mut connection.connecting) {
            // The attempt has failed: the socket is as it was before, and the next call is a new one.
            let error = connection.error.take().unwrap_or(Errno::ECONNABORTED);
            connection.forget_connection();
            return Err(error);
        }
        if connection.options.v6only && to.addr.is_v4() {
            return Err(Errno::ENETUNREACH);
        }
        let addr = match to.addr {
            Addr::ANY4 => Addr::LOCALHOST4,
            Addr::ANY6 => Addr::LOCALHOST6,
            addr if addr.is_multicast() || addr == Addr::BROADCAST => return Err(Errno::ENETUNREACH),
            addr => addr,
        };
        let remote = Endpoint { addr, port: to.port };
        if connection.options.interface.is_none() && addr.is_link_local6() {
            connection.options.interface = crate::options::by_index(i32::try_from(scope).unwrap_or(0), &net.interfaces)?;
        }
        let interface = connection.options.interface;
        let mut local = connection.local;
        if local.addr.is_any() {
            local.addr = net.source_for(addr, interface)?;
        } else if local.addr.is_v4() != addr.is_v4() {
            return Err(Errno::EINVAL);
        }
        if local.port == 0 {
            let usable = |ports: &crate::ports::Ports, port| {
                ports.is_unused(port) && !self.has_flow(&Flow { local: Endpoint { port, ..local }, remote })
            };
            local.port = self.ports.choose(net.random_u32(), usable).ok_or(Errno::EADDRNOTAVAIL)?;
        }
        let flow = Flow { local, remote };
        if self.has_flow(&flow) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let (_, next_hop) = net.route(addr, interface)?;
        if self.get(id)?.options.dont_route && next_hop != addr {
            return Err(Errno::ENETUNREACH);
        }
        let secret = self.secret;
        let connection = self.get(id)?;
        connection.start_connecting(net, flow, secret);
        self.connect_flow(flow, id);
        let connection = self.get(id)?;
        connection.output(net, Force::No);
        // Even over the loopback: the answer is there when the lock is released, and told by the next call.
        Err(Errno::EINPROGRESS)
    }

    /// connect(2) with AF_UNSPEC, and a listener's shutdown for reading.
    pub(super) fn disconnect(&mut self, net: &mut Net, id: u32) -> Result<()> {
        let connection = self.get(id)?;
        if connection.state == State::Listen {
            self.unlisten(net, id);
            return Ok(());
        }
        if connection.state.synchronised() && connection.state != State::TimeWait {
            connection.send_reset(net);
        }
        connection.kill(net, None);
        self.forget_flow(id);
        self.get(id)?.forget_connection();
        Ok(())
    }

    pub(super) fn close(&mut self, net: &mut Net, id: u32) {
        let Ok(connection) = self.get(id) else { return };
        connection.owned = Owned::Nobody;
        let abort = connection.options.linger == Some(0) || (!connection.rx.is_empty() && connection.state.synchronised());
        let before = connection.state;
        match before {
            State::Listen => {
                self.unlisten(net, id);
                return self.remove(net, id);
            }
            State::Closed | State::SynSent => return self.remove(net, id),
            State::TimeWait => {}
            _ if abort => {
                connection.send_reset(net);
                return self.remove(net, id);
            }
            _ => {
                connection.shut_writing(net);
                connection.keepalive_at = u64::MAX;
                if connection.state == State::FinWait2 {
                    connection.limit_fin_wait(net);
                }
            }
        }
        self.after(net, id, before);
    }
}

impl Connection {
    /// Makes a closed socket one that never was connected. What the peer has sent can still be read.
    pub(super) fn forget_connection(&mut self) {
        self.remote = Endpoint { addr: self.family.any(), port: 0 };
        if !self.bound {
            self.local = self.remote;
        }
        self.error = None;
        self.urgent = self.urgent.forgotten();
        self.connecting = false;
        self.tx_shut = false;
        self.rx_shut = false;
        self.fin_received = false;
        self.publish();
    }

    fn start_connecting(&mut self, net: &mut Net, flow: Flow, secret: (u64, u64)) {
        self.forget_connection();
        self.rx.clear();
        self.retries = 0;
        self.rtt = super::Rtt::new();
        self.path = Default::default();
        (self.local, self.remote) = (flow.local, flow.remote);
        self.connecting = true;
        self.choose_iss(net, secret);
        self.rcv_nxt = super::Seq(0);
        self.state = State::SynSent;
        self.publish();
    }

    /// The application will write no more: the FIN follows what is queued.
    pub(super) fn shut_writing(&mut self, net: &mut Net) {
        if self.tx_shut {
            return;
        }
        self.tx_shut = true;
        match self.state {
            State::Established => self.state = State::FinWait1,
            State::CloseWait => self.state = State::LastAck,
            _ => {}
        }
        self.output(net, Force::No);
        self.publish();
    }
}
