//! One direction of communication: messages on their way to one reader.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use file::{Credentials, Events, Sink, WaitQueue};
use spinlock::Mutex;
use uapi::{Errno, Result};

/// Linux's net.core.wmem_default: bytes that a sender may have on their way.
pub const DEFAULT_LIMIT: usize = 212_992;

/// net.unix.max_dgram_qlen: messages that may wait at a datagram socket that does not talk back to the sender.
pub const MAX_QUEUED: usize = 10;

/// What a message costs its sender besides its bytes, as Linux's buffers do; keeps empty messages from being free.
const OVERHEAD: usize = 768;

/// Stream writes smaller than this are joined to the last message.
const JOIN: usize = 4096;

/// SCM_RIGHTS: open file descriptions on their way.
pub type Rights = Vec<Arc<dyn Any + Send + Sync>>;

/// One write's worth.
pub struct Message {
    pub bytes: Vec<u8>,
    /// How much of it has been read (streams).
    pub read: usize,
    pub from: Arc<[u8]>,
    pub credentials: Credentials,
    pub rights: Rights,
}

impl Message {
    fn charge(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }

    fn unread(&self) -> &[u8] {
        &self.bytes[self.read..]
    }
}

/// How the reader's end behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Bytes without boundaries (SOCK_STREAM).
    None,
    /// Message by message.
    Kept,
}

/// Why a send must wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Bytes on their way are limited to this.
    Bytes(usize),
    /// As [`Bytes`](Self::Bytes), and messages to [`MAX_QUEUED`].
    Queue(usize),
}

/// Whether a read takes what it sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Yes.
    Consume,
    /// MSG_PEEK.
    Peek,
}

/// Whether reads stop where the sender changes (SO_PASSCRED).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Senders {
    /// No.
    Mixed,
    /// Yes.
    Apart,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    charged: usize,
    /// The writer has shut down or is gone: end of file after what is queued.
    ended: bool,
    /// The reader has shut down or is gone: writes are EPIPE.
    refused: bool,
    /// Writers that were told to wait.
    waiting: Vec<WaitQueue>,
}

/// A channel. The reader's queue is woken when messages come; writers' queues are remembered when they must wait.
pub struct Channel {
    state: Mutex<State>,
    reader: WaitQueue,
    bounds: Bounds,
}

/// What a read found besides bytes.
pub struct Got {
    pub copied: usize,
    pub full_len: usize,
    pub from: Arc<[u8]>,
    pub credentials: Credentials,
    pub rights: Rights,
}

impl Channel {
    pub fn new(reader: &WaitQueue, bounds: Bounds) -> Arc<Channel> {
        Arc::new(Channel { state: Mutex::default(), reader: reader.clone(), bounds })
    }

    /// Whether a writer with `room` should wait; if so it is remembered and `writer` woken with [`Events::OUT`] later.
    pub fn must_wait(&self, room: Room, writer: &WaitQueue) -> bool {
        let mut state = self.state.lock();
        let wait = !state.refused && state.is_full(room);
        if wait {
            state.remember(writer);
        }
        wait
    }

    /// Whether a writer counts as writable for poll(2): at most a quarter of its bytes on their way. Remembers it if not.
    pub fn writable(&self, room: Room, writer: &WaitQueue) -> bool {
        let mut state = self.state.lock();
        let (limit, queue_full) = match room {
            Room::Bytes(limit) => (limit, false),
            Room::Queue(limit) => (limit, state.is_full(room)),
        };
        let writable = state.charged * 4 <= limit && !queue_full;
        if !writable {
            state.remember(writer);
        }
        writable
    }

    /// Queues a message. EPIPE when the reader does not want any.
    pub fn push(&self, message: Message) -> Result<()> {
        {
            let mut state = self.state.lock();
            if state.refused {
                return Err(Errno::EPIPE);
            }
            let state = &mut *state;
            let joined = match state.messages.back_mut() {
                Some(last) if self.bounds == Bounds::None && last.joins(&message) => {
                    last.bytes.extend_from_slice(&message.bytes);
                    state.charged += message.bytes.len();
                    true
                }
                _ => false,
            };
            if !joined {
                state.charged += message.charge();
                state.messages.push_back(message);
            }
        }
        self.reader.wake(Events::READABLE);
        Ok(())
    }

    /// Reads. `None`: nothing queued, and [`ended`](Self::ended) tells whether more will come. The copy runs with the channel locked.
    pub fn pull(&self, dst: &mut dyn Sink, take: Take, senders: Senders) -> Result<Option<Got>> {
        let (result, woken) = {
            let mut state = self.state.lock();
            if state.messages.is_empty() {
                return Ok(None);
            }
            let before = state.charged;
            let result = match self.bounds {
                Bounds::Kept => state.pull_one(dst, take),
                Bounds::None => state.pull_bytes(dst, take, senders),
            };
            // Stream writers are woken when enough is free to be worth it, as Linux does.
            let drained = state.charged < before && (self.bounds == Bounds::Kept || state.charged * 4 <= DEFAULT_LIMIT);
            (result, if drained { core::mem::take(&mut state.waiting) } else { Vec::new() })
        };
        woken.iter().for_each(|writer| writer.wake(Events::WRITABLE));
        result.map(Some)
    }

    /// No more will be written. `more` is what the reader is told besides.
    pub fn end(&self, more: Events) {
        self.state.lock().ended = true;
        self.reader.wake(Events::READABLE | Events::RDHUP | more);
    }

    /// No more will be read: further writes are EPIPE. Whether unread messages were left.
    pub fn refuse(&self) -> bool {
        let (left, waiting) = {
            let mut state = self.state.lock();
            state.refused = true;
            (!state.messages.is_empty(), core::mem::take(&mut state.waiting))
        };
        waiting.iter().for_each(|writer| writer.wake(Events::WRITABLE));
        left
    }

    /// Throws away what is queued (the reader is gone). The messages are dropped without the lock: they may hold sockets.
    pub fn clear(&self) {
        let messages = {
            let mut state = self.state.lock();
            state.charged = 0;
            core::mem::take(&mut state.messages)
        };
        drop(messages);
    }

    pub fn ended(&self) -> bool {
        self.state.lock().ended
    }

    pub fn refused(&self) -> bool {
        self.state.lock().refused
    }

    pub fn is_empty(&self) -> bool {
        self.state.lock().messages.is_empty()
    }

    /// All unread bytes.
    pub fn unread_bytes(&self) -> usize {
        self.state.lock().messages.iter().map(|message| message.unread().len()).sum()
    }

    /// The next message's bytes.
    pub fn next_len(&self) -> usize {
        self.state.lock().messages.front().map_or(0, |message| message.unread().len())
    }
}

impl Message {
    fn joins(&self, next: &Message) -> bool {
        self.rights.is_empty()
            && next.rights.is_empty()
            && self.credentials == next.credentials
            && self.bytes.len() + next.bytes.len() <= JOIN
    }
}

impl State {
    fn is_full(&self, room: Room) -> bool {
        match room {
            Room::Bytes(limit) => self.charged >= limit,
            // More than the backlog, not as many: Linux's arithmetic.
            Room::Queue(limit) => self.charged >= limit || self.messages.len() > MAX_QUEUED,
        }
    }

    fn remember(&mut self, writer: &WaitQueue) {
        if !self.waiting.iter().any(|other| other.is_same(writer)) {
            self.waiting.push(writer.clone());
        }
    }

    fn pull_one(&mut self, dst: &mut dyn Sink, take: Take) -> Result<Got> {
        let Some(message) = self.messages.front_mut() else { return Err(Errno::EAGAIN) };
        let want = message.bytes.len().min(dst.remaining());
        let copied = if want == 0 { Ok(0) } else { dst.put(&message.bytes[..want]) };
        let full_len = message.bytes.len();
        let (from, credentials) = (message.from.clone(), message.credentials);
        let rights = match take {
            Take::Peek => message.rights.clone(),
            Take::Consume => core::mem::take(&mut message.rights),
        };
        if take == Take::Consume {
            // Also when the copy failed: the message is lost, as on Linux.
            self.charged = self.charged.saturating_sub(message.charge());
            self.messages.pop_front();
        }
        Ok(Got { copied: copied?, full_len, from, credentials, rights })
    }

    fn pull_bytes(&mut self, dst: &mut dyn Sink, take: Take, senders: Senders) -> Result<Got> {
        let mut got: Option<Got> = None;
        let mut index = 0;
        while let Some(message) = self.messages.get_mut(index) {
            let want = message.unread().len().min(dst.remaining());
            if want == 0 {
                break;
            }
            if let Some(got) = got.as_ref().filter(|_| senders == Senders::Apart)
                && got.credentials != message.credentials
            {
                break;
            }
            let copied = match dst.put(message.unread()) {
                Ok(copied) => copied,
                Err(error) if got.is_none() => return Err(error),
                Err(_) => break,
            };
            let got = got.get_or_insert_with(|| Got {
                copied: 0,
                full_len: 0,
                from: message.from.clone(),
                credentials: message.credentials,
                rights: Vec::new(),
            });
            got.copied += copied;
            let with_rights = !message.rights.is_empty();
            let whole = copied == message.unread().len();
            match take {
                Take::Peek => {
                    got.rights.extend(message.rights.iter().cloned());
                    index += 1;
                }
                Take::Consume => {
                    got.rights.append(&mut message.rights);
                    message.read += copied;
                    if whole {
                        self.charged = self.charged.saturating_sub(message.charge());
                        self.messages.pop_front();
                    }
                }
            }
            // Descriptors belong to the bytes they came with: a read goes no further.
            if with_rights || !whole {
                break;
            }
        }
        let mut got = got.ok_or(Errno::EAGAIN)?;
        got.full_len = got.copied;
        Ok(got)
    }
}
