//! The bytes in a pipe, with Linux's slot arithmetic: what fits, and when, is the same as there.

use crate::PIPE_BUF;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use file::{Sink, Source};
use uapi::{Errno, Result};

/// Whether each write is a unit of its own (O_DIRECT on a pipe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Bytes without boundaries.
    Stream,
    /// A read takes one packet and drops what does not fit.
    Packet,
}

struct Slot {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    mode: Mode,
}

impl Slot {
    fn len(&self) -> usize {
        self.end - self.start
    }
}

/// The buffer of one pipe.
pub struct Slots {
    queue: VecDeque<Slot>,
    /// The last freed slot's memory: a pipe that carries one message at a time allocates once.
    spare: Option<Box<[u8]>>,
    limit: usize,
}

impl Slots {
    pub fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), spare: None, limit }
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// No free slot: what does not fit into the last one's rest must wait.
    pub fn is_full(&self) -> bool {
        self.queue.len() >= self.limit
    }

    /// Bytes to be read.
    pub fn len(&self) -> usize {
        self.queue.iter().map(Slot::len).sum()
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    /// EBUSY when more slots than `limit` hold data.
    pub fn set_limit(&mut self, limit: usize) -> Result<()> {
        if self.queue.len() > limit {
            return Err(Errno::EBUSY);
        }
        self.limit = limit;
        Ok(())
    }

    /// Copies of the first slots with `len` bytes together, for tee(2).
    pub fn front(&self, len: usize) -> Vec<(Vec<u8>, Mode)> {
        let mut left = len;
        let mut copies = Vec::new();
        for slot in &self.queue {
            if left == 0 {
                break;
            }
            let take = slot.len().min(left);
            copies.push((slot.bytes[slot.start..slot.start + take].to_vec(), slot.mode));
            left -= take;
        }
        copies
    }

    /// Appends slots as they are while there is room; the number of bytes taken.
    pub fn append(&mut self, slots: Vec<(Vec<u8>, Mode)>) -> usize {
        let mut done = 0;
        for (mut bytes, mode) in slots {
            if self.is_full() {
                break;
            }
            let end = bytes.len();
            bytes.resize(PIPE_BUF, 0);
            self.queue.push_back(Slot { bytes: bytes.into_boxed_slice(), start: 0, end, mode });
            done += end;
        }
        done
    }

    /// Copies from the front; the number of bytes copied. The pipe must not be empty.
    pub fn read(&mut self, dst: &mut dyn Sink) -> Result<usize> {
        let room = dst.remaining();
        let mut done = 0;
        while done < room {
            let Some(slot) = self.queue.front_mut() else { break };
            let want = slot.len().min(room - done);
            let got = match dst.put(&slot.bytes[slot.start..slot.start + want]) {
                Ok(got) => got,
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            };
            slot.start += got;
            done += got;
            let packet = slot.mode == Mode::Packet;
            if got < want {
                break;
            }
            if packet || slot.len() == 0 {
                self.spare = self.queue.pop_front().map(|slot| slot.bytes);
            }
            if packet {
                break;
            }
        }
        Ok(done)
    }

    /// Appends from `src`; the number of bytes taken, EAGAIN when there is room for none. At most [`PIPE_BUF`] bytes go in whole or not
    /// at all.
    pub fn write(&mut self, src: &mut dyn Source, mode: Mode) -> Result<usize> {
        let total = src.remaining();
        let mut done = 0;
        // Linux fills the last slot's rest only with what would otherwise leave a partly filled slot.
        let odd = total % PIPE_BUF;
        if let Some(last) = self.queue.back_mut()
            && odd != 0
            && last.mode == Mode::Stream
            && mode == Mode::Stream
            && last.end + odd <= PIPE_BUF
        {
            let got = src.take(&mut last.bytes[last.end..last.end + odd])?;
            last.end += got;
            done += got;
            if got < odd {
                return Ok(done);
            }
        }
        while done < total && !self.is_full() {
            let mut bytes = self.spare.take().unwrap_or_else(|| vec![0; PIPE_BUF].into_boxed_slice());
            let want = (total - done).min(PIPE_BUF);
            match src.take(&mut bytes[..want]) {
                Ok(got) if got > 0 => {
                    self.queue.push_back(Slot { bytes, start: 0, end: got, mode });
                    done += got;
                    if got < want {
                        return Ok(done);
                    }
                }
                failed => {
                    self.spare = Some(bytes);
                    return if done == 0 { failed } else { Ok(done) };
                }
            }
        }
        if done == 0 && total > 0 { Err(Errno::EAGAIN) } else { Ok(done) }
    }
}
