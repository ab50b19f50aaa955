//! The agent channel: the `agent` library over a virtio-serial port.

use super::{Kernel, Stream};
use crate::memory;
use alloc::boxed::Box;
use alloc::string::ToString;
use file::Source;
use pith_abi::agent::{HEADER_BYTES, PORT, Stats};
use pith_abi::record::Record;
use spinlock::{Mutex, MutexGuard};
use uapi::{Errno, Result};
use virtio_console::Port;
use virtqueue::{DmaBuffer, NoDevice, Transport};

/// Looks at the ring this often before the end of a kernel that has failed.
const SETTLE_POLLS: u32 = 1_000_000;

/// The port and the conversation on it.
pub struct Link {
    inner: Mutex<Inner>,
}

struct Inner {
    port: Port,
    agent: agent::Agent,
}

impl agent::Kernel for Kernel {
    fn signal(&self, number: u8) -> bool {
        Kernel::signal(self, number)
    }
    fn resize(&self, rows: u16, columns: u16) -> bool {
        Kernel::resize(self, rows, columns)
    }
    fn stats(&self) -> Stats {
        self.stats.get().map_or_else(Stats::default, |stats| stats())
    }
}

impl Inner {
    /// Sends what the agent has to say; `true` when that is all out.
    fn pump(&mut self) -> bool {
        let mut sent = 0;
        let outgoing = self.agent.outgoing();
        while sent < outgoing.len() {
            let Some(mut page) = self.port.page() else { break };
            let bytes = page.bytes_mut();
            let count = bytes.len().min(outgoing.len() - sent);
            bytes[..count].copy_from_slice(&outgoing[sent..sent + count]);
            self.port.send(page, count);
            sent += count;
        }
        if sent > 0 {
            outgoing.drain(..sent);
            self.port.flush();
        }
        outgoing.is_empty()
    }

    /// A page for output, and how many bytes of it may be sent.
    fn page(&mut self, stream: Stream) -> Result<(DmaBuffer, usize)> {
        let clear = self.pump();
        let room = self.agent.room(stream);
        if self.port.is_broken() {
            return Err(Errno::EIO);
        }
        if !clear || room == 0 {
            return Err(Errno::EAGAIN);
        }
        let page = self.port.page().ok_or(Errno::EAGAIN)?;
        let most = page.bytes().len() - HEADER_BYTES;
        Ok((page, usize::try_from(room).unwrap_or(most).min(most)))
    }
}

impl Link {
    /// Opens the agent's port of a virtio console, and greets the host.
    pub fn open(transport: Box<dyn Transport>) -> core::result::Result<Self, NoDevice> {
        let mut inner = Inner { port: Port::open(transport, &memory::FRAMES, PORT)?, agent: agent::Agent::new() };
        inner.pump();
        Ok(Self { inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Sends what the host takes now. The bytes are copied once, from the application to the page that the device reads, with no lock held: the copy may
    /// fault.
    pub fn write(&self, stream: Stream, src: &mut dyn Source) -> Result<usize> {
        let mut done = 0;
        let mut result = Ok(0);
        while src.remaining() > 0 {
            let page = self.lock().page(stream);
            let got = page.and_then(|(mut page, room)| {
                let want = src.remaining().min(room);
                let got = src.take(&mut page.bytes_mut()[HEADER_BYTES..HEADER_BYTES + want]);
                self.submit(stream, page, got.unwrap_or(0));
                got
            });
            match got {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(errno) => {
                    result = Err(errno);
                    break;
                }
            }
        }
        self.lock().port.flush();
        if done > 0 { Ok(done) } else { result }
    }

    /// Queues a page with `count` bytes of output, or takes back an empty one.
    fn submit(&self, stream: Stream, mut page: DmaBuffer, count: usize) {
        let mut inner = self.lock();
        if count == 0 {
            return inner.port.put_back(page);
        }
        let header = inner.agent.output(stream, count as u32);
        page.bytes_mut()[..HEADER_BYTES].copy_from_slice(&header);
        inner.port.send(page, HEADER_BYTES + count);
    }

    /// Whether some output would be taken now (or fail).
    pub fn writable(&self, stream: Stream) -> bool {
        let mut inner = self.lock();
        match inner.page(stream) {
            Ok((page, _)) => {
                inner.port.put_back(page);
                true
            }
            Err(errno) => errno != Errno::EAGAIN,
        }
    }

    /// Standard input; EAGAIN when there is none yet.
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        let mut inner = self.lock();
        let got = inner.agent.read(buf).ok_or(Errno::EAGAIN);
        inner.pump();
        got
    }

    /// Whether a read would not wait.
    pub fn readable(&self) -> bool {
        let inner = self.lock();
        inner.agent.waiting() > 0 || inner.agent.has_input_ended()
    }

    /// Bytes of input.
    pub fn waiting(&self) -> usize {
        self.lock().agent.waiting()
    }

    /// Hears the host and answers it; `true` when it may take more output.
    pub fn interrupt(&self, kernel: &Kernel) -> bool {
        let mut inner = self.lock();
        let Inner { port, agent } = &mut *inner;
        port.interrupt(&mut |bytes| agent.receive(bytes, kernel));
        inner.pump()
    }

    /// Sends a record behind everything else and waits until the device has it all; `false` when that cannot be done here.
    pub fn finish(&self, word: &Record<'_>) -> bool {
        // Memory may have run out in the middle of a conversation.
        let Some(mut inner) = self.inner.try_lock() else { return false };
        inner.agent.record(&word.to_string());
        while !inner.pump() || !inner.port.is_settled() {
            if inner.port.is_broken() {
                return false;
            }
            core::hint::spin_loop();
        }
        !inner.port.is_broken()
    }

    /// Gives the device a moment to take what it was sent, in a kernel that has failed.
    pub fn settle(&self) {
        if let Some(mut inner) = self.inner.try_lock() {
            for _ in 0..SETTLE_POLLS {
                if inner.port.is_settled() {
                    return;
                }
                core::hint::spin_loop();
            }
        }
    }
}
