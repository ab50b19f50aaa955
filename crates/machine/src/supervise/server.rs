//! The answering side of the control socket.

use super::poll_set::{PollSet, Ready, Slot};
use crate::control::{Refusal, Reply, Request};
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

/// Connections at a time; more wait.
const CLIENTS: usize = 64;
/// Longest request.
const REQUEST_LIMIT: usize = 4096;

/// A client, for as long as it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientId(u64);

struct Client {
    id: ClientId,
    stream: UnixStream,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// It has asked and was not answered; what it says meanwhile waits.
    is_waiting: bool,
    is_gone: bool,
}

impl Client {
    /// Reads and writes what is possible now, and hands out a request when it is this client's turn.
    fn turn(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 1024];
        while self.incoming.len() < REQUEST_LIMIT {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.is_gone = true;
                    break;
                }
                Ok(got) => self.incoming.extend(buffer.iter().take(got)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.is_gone = true;
                    break;
                }
            }
        }
        self.flush();
        if self.is_waiting {
            return None;
        }
        let Some(end) = self.incoming.iter().position(|byte| *byte == b'\n') else {
            self.is_gone |= self.incoming.len() >= REQUEST_LIMIT;
            return None;
        };
        self.is_waiting = true;
        Some(self.incoming.drain(..=end).collect())
    }

    fn flush(&mut self) {
        match self.stream.write(&self.outgoing) {
            Ok(written) => drop(self.outgoing.drain(..written)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => self.is_gone = true,
        }
    }
}

/// The control socket and who is connected to it.
pub(super) struct Server {
    listener: Option<UnixListener>,
    clients: Vec<Client>,
    last_id: u64,
}

/// Where its descriptors are in the poll set.
pub(super) struct Slots {
    listener: Slot,
    clients: Vec<Slot>,
}

impl Server {
    /// Without a listener nobody ever asks.
    pub(super) fn new(listener: Option<UnixListener>) -> Self {
        Self { listener, clients: Vec::new(), last_id: 0 }
    }

    pub(super) fn add_to<'a>(&'a self, set: &mut PollSet<'a>) -> Slots {
        let listener = self.listener.as_ref().filter(|_| self.clients.len() < CLIENTS);
        Slots {
            listener: listener.map_or(Slot::NONE, |listener| set.add(listener, true, false)),
            clients: self.clients.iter().map(|client| set.add(&client.stream, true, !client.outgoing.is_empty())).collect(),
        }
    }

    /// Somebody has asked again who could not be heard before.
    pub(super) fn has_backlog(&self) -> bool {
        self.clients.iter().any(|client| !client.is_waiting && client.incoming.contains(&b'\n'))
    }

    /// Serves those who are ready; yields what they ask.
    pub(super) fn turn(&mut self, ready: &Ready, slots: &Slots) -> Vec<(ClientId, Request)> {
        let mut lines = Vec::new();
        for (client, slot) in self.clients.iter_mut().zip(&slots.clients) {
            if ready.is(*slot) || (!client.is_waiting && client.incoming.contains(&b'\n')) {
                lines.extend(client.turn().map(|line| (client.id, line)));
            }
        }
        self.clients.retain(|client| !client.is_gone);
        if ready.is(slots.listener) {
            self.accept();
        }
        let mut requests = Vec::new();
        for (id, line) in lines {
            match serde_json::from_slice(&line) {
                Ok(request) => requests.push((id, request)),
                Err(error) => {
                    let why = if error.is_data() { Refusal::Unsupported } else { Refusal::Invalid };
                    self.reply(id, &Reply::Refused { why, text: format!("this supervisor does not understand the request: {error}") });
                }
            }
        }
        requests
    }

    fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        // One that went away again is no error of ours.
        let Ok((stream, _)) = listener.accept() else { return };
        if stream.set_nonblocking(true).is_ok() {
            self.last_id += 1;
            let id = ClientId(self.last_id);
            self.clients.push(Client { id, stream, incoming: Vec::new(), outgoing: Vec::new(), is_waiting: false, is_gone: false });
        }
    }

    /// Answers a client, if it is still there.
    pub(super) fn reply(&mut self, id: ClientId, reply: &Reply) {
        let Some(client) = self.clients.iter_mut().find(|client| client.id == id) else { return };
        client.is_waiting = false;
        // Plain structures without maps: they can always be written.
        client.outgoing.extend(serde_json::to_vec(reply).unwrap_or_default());
        client.outgoing.push(b'\n');
        client.flush();
    }
}
