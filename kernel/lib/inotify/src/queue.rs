//! Queued events and their form for read(2).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use uapi::{Errno, Result};

/// Most events queued (fs.inotify.max_queued_events).
const MAX_EVENTS: usize = 16384;
/// IN_Q_OVERFLOW.
const OVERFLOW: u32 = 0x4000;
/// Bytes in `struct inotify_event` without the name; names are padded to multiples of it.
const HEADER: usize = 16;

#[derive(PartialEq, Eq)]
struct Event {
    wd: i32,
    mask: u32,
    cookie: u32,
    name: Box<[u8]>,
}

impl Event {
    fn name_bytes(&self) -> usize {
        if self.name.is_empty() { 0 } else { (self.name.len() + 1).next_multiple_of(HEADER) }
    }
    fn bytes(&self) -> usize {
        HEADER + self.name_bytes()
    }
}

/// Events in the order in which they happened.
#[derive(Default)]
pub(crate) struct Queue {
    events: VecDeque<Event>,
    bytes: usize,
}

impl Queue {
    /// Adds an event. One that equals the last is left out; one too many becomes IN_Q_OVERFLOW.
    pub(crate) fn push(&mut self, wd: i32, mask: u32, cookie: u32, name: &[u8]) {
        let event = if self.events.len() < MAX_EVENTS {
            Event { wd, mask, cookie, name: name.into() }
        } else {
            Event { wd: -1, mask: OVERFLOW, cookie: 0, name: Box::default() }
        };
        if self.events.back() != Some(&event) {
            self.bytes += event.bytes();
            self.events.push_back(event);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// As many whole events as fit into `room` bytes: EAGAIN when there are none, EINVAL when the first does not fit.
    pub(crate) fn take(&mut self, room: usize) -> Result<Vec<u8>> {
        let first = self.events.front().ok_or(Errno::EAGAIN)?;
        if first.bytes() > room {
            return Err(Errno::EINVAL);
        }
        let mut out = Vec::new();
        while let Some(event) = self.events.pop_front_if(|event| out.len() + event.bytes() <= room) {
            self.bytes -= event.bytes();
            let name_bytes = event.name_bytes();
            out.extend_from_slice(&event.wd.to_ne_bytes());
            out.extend_from_slice(&event.mask.to_ne_bytes());
            out.extend_from_slice(&event.cookie.to_ne_bytes());
            out.extend_from_slice(&(name_bytes as u32).to_ne_bytes());
            let end = out.len() + name_bytes;
            out.extend_from_slice(&event.name);
            out.resize(end, 0);
        }
        Ok(out)
    }
}
