//! Listening: from a SYN to a connection that accept(2) hands out.

use super::output::Force;
use super::segment::{Segment, flags};
use super::table::{Flow, Table, send_reset};
use super::{Connection, Owned, State};
use crate::handle::Handle;
use crate::output::Net;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use file::Events;
use uapi::{Errno, Result};

/// Upper bound of listen(2)'s backlog (net.core.somaxconn).
pub(super) const SOMAXCONN: usize = 4096;
/// Half-open connections per listener, at least.
const MIN_HALF_OPEN: usize = 64;

/// What a listening socket has besides.
pub(super) struct Listener {
    pub backlog: usize,
    /// Children in SYN-RECEIVED.
    pub half_open: usize,
    /// Established, waiting for accept(2).
    pub ready: VecDeque<u32>,
}

impl Listener {
    /// Linux lets one more in than the backlog says.
    pub fn is_full(&self) -> bool {
        self.ready.len() > self.backlog
    }

    fn half_open_limit(&self) -> usize {
        self.backlog.max(MIN_HALF_OPEN)
    }
}

impl Table {
    /// listen(2) on a bound socket. EADDRINUSE, EINVAL when connected.
    pub(super) fn listen(&mut self, net: &mut Net, id: u32, backlog: usize) -> Result<()> {
        let backlog = backlog.min(SOMAXCONN);
        let connection = self.get(id)?;
        match connection.state {
            State::Listen => {
                if let Some(listener) = &mut connection.listener {
                    listener.backlog = backlog;
                }
                return Ok(());
            }
            State::Closed => {}
            _ => return Err(Errno::EINVAL),
        }
        if !connection.bound {
            self.bind_any(net, id)?;
        }
        let connection = self.get(id)?;
        connection.state = State::Listen;
        let (port, binding) = (connection.local.port, connection.binding());
        if !self.ports.bind(port, binding) {
            self.get(id)?.state = State::Closed;
            return Err(Errno::EADDRINUSE);
        }
        let connection = self.get(id)?;
        connection.listener = Some(Box::new(Listener { backlog, half_open: 0, ready: VecDeque::new() }));
        connection.publish();
        Ok(())
    }

    /// A segment for a listening port that belongs to no connection (RFC 9293 §3.10.7.2).
    pub(super) fn receive_for_listener(&mut self, net: &mut Net, id: u32, flow: Flow, segment: &Segment<'_>, tos: u8) {
        if segment.has(flags::RST) {
            return;
        }
        if segment.has(flags::ACK) {
            return send_reset(net, flow, segment);
        }
        let group = flow.local.addr.is_multicast() || net.interfaces.iter().any(|i| i.is_broadcast(flow.local.addr));
        if !segment.has(flags::SYN) || segment.has(flags::FIN) || group || flow.remote.port == 0 {
            return;
        }
        let secret = self.secret;
        let Ok(parent) = self.get(id) else { return };
        let Some(listener) = &mut parent.listener else { return };
        if listener.is_full() || listener.half_open >= listener.half_open_limit() {
            return;
        }
        listener.half_open += 1;
        let mut child = Connection::new(parent.family, parent.options.clone(), Handle::new());
        child.tcp = parent.tcp;
        child.owned = Owned::Listener(id);
        child.state = State::SynReceived;
        (child.local, child.remote) = (flow.local, flow.remote);
        child.options.received_tos = tos;
        let share = child.port_share();
        child.share = Some(share);
        self.ports.share(flow.local.port, share);
        child.take_syn(net, segment);
        child.choose_iss(net, secret);
        child.window_seq = segment.seq;
        child.last_received_at = net.now;
        let child = self.insert(child);
        self.connect_flow(flow, child);
        if let Ok(child) = self.get(child) {
            child.output(net, Force::No);
        }
    }

    /// Puts an established child into its listener's queue, unless it is there or TCP_DEFER_ACCEPT wants data first.
    pub(super) fn offer(&mut self, net: &mut Net, listener: u32, id: u32) {
        let Ok(child) = self.get(id) else { return };
        if child.offered || !child.state.synchronised() {
            return;
        }
        if child.tcp.defer_accept > 0 && child.rx.is_empty() && !child.fin_received {
            return;
        }
        child.offered = true;
        let Ok(parent) = self.get(listener) else { return };
        if let Some(queue) = &mut parent.listener {
            queue.half_open = queue.half_open.saturating_sub(1);
            queue.ready.push_back(id);
        }
        parent.wake(net, Events::READABLE);
    }

    /// A child has ended before accept(2). One in the queue stays there, as on Linux: accept gives it, reading tells.
    pub(super) fn lost(&mut self, net: &mut Net, listener: u32, id: u32) {
        self.forget_flow(id);
        if self.get(id).is_ok_and(|c| c.offered) {
            return;
        }
        self.remove(net, id);
        if let Ok(parent) = self.get(listener)
            && let Some(queue) = &mut parent.listener
        {
            queue.half_open = queue.half_open.saturating_sub(1);
        }
    }

    /// accept(2): the next connection. EAGAIN, EINVAL when not listening.
    pub(super) fn accept(&mut self, id: u32) -> Result<u32> {
        let parent = self.get(id)?;
        let queue = parent.listener.as_mut().ok_or(Errno::EINVAL)?;
        let child = queue.ready.pop_front().ok_or(Errno::EAGAIN)?;
        parent.publish();
        let connection = self.get(child)?;
        connection.owned = Owned::Socket;
        connection.publish();
        Ok(child)
    }

    /// Stops listening: those not accepted are reset.
    pub(super) fn unlisten(&mut self, net: &mut Net, id: u32) {
        for child in self.select(|c| c.owned == Owned::Listener(id)) {
            if let Ok(child) = self.get(child)
                && child.state.synchronised()
            {
                child.send_reset(net);
            }
            self.remove(net, child);
        }
        if let Ok(connection) = self.get(id) {
            connection.listener = None;
            connection.state = State::Closed;
            let (port, binding) = (connection.local.port, connection.binding());
            connection.wake(net, Events::HUP | Events::READABLE);
            self.ports.bind(port, binding);
        }
    }
}
