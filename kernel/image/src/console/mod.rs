//! The application's console, and the host's way in: the agent channel where the machine has one, else serial lines.

#[cfg(feature = "agent")]
mod link;
mod serial;

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use file::Source;
pub use pith_abi::agent::Stream;
use pith_abi::cmdline::StderrChannel;
use process::Process;
use serial::Serial;
use signal::{SigInfo, Signal};
use spin::Once;
use uapi::Result;
use wait::{Events, WaitQueue};

static CONSOLE: Once<Arc<Console>> = Once::new();

/// The console, once there is one.
pub fn get() -> Option<&'static Arc<Console>> {
    CONSOLE.get()
}

enum Way {
    #[cfg(feature = "agent")]
    Link(Box<link::Link>),
    Serial(Box<Serial>),
}

/// What the host reaches of the kernel, once it is there.
#[derive(Default)]
pub struct Kernel {
    application: Once<Weak<Process>>,
    #[cfg(feature = "agent")]
    stats: Once<Box<dyn Fn() -> pith_abi::agent::Stats + Send + Sync>>,
}

impl Kernel {
    /// Sends the application a signal; `false` when there is none, or no such signal.
    fn signal(&self, number: u8) -> bool {
        match (self.application.get().and_then(Weak::upgrade), Signal::new(number.into())) {
            (Some(process), Ok(signal)) => {
                // A full queue means that the application is being told already.
                let _ = process.send_signal(SigInfo::kernel(signal), None);
                true
            }
            _ => false,
        }
    }
}

/// Three byte streams to and from the host.
pub struct Console {
    way: Once<Way>,
    kernel: Kernel,
    ready: WaitQueue,
}

impl Console {
    /// A console that does not know its way to the host yet.
    pub fn new() -> Arc<Self> {
        CONSOLE.call_once(|| Arc::new(Self { way: Once::new(), kernel: Kernel::default(), ready: WaitQueue::new() })).clone()
    }

    /// Takes a virtio console device, if it has an agent's port.
    #[cfg(feature = "agent")]
    pub fn attach(self: &Arc<Self>, found: crate::devices::Found) {
        if self.way.is_completed() {
            return;
        }
        match link::Link::open(found.transport) {
            Ok(link) => {
                self.way.call_once(|| Way::Link(Box::new(link)));
                let console = self.clone();
                found.handler.call_once(|| Box::new(move || console.interrupt()));
            }
            Err(error) => crate::log!(Debug, "the virtio console has no port for an agent: {error:?}"),
        }
    }

    /// Settles for serial lines, unless there is an agent. The host keeps standard input and requests back until it has heard of either.
    pub fn open(self: &Arc<Self>, stderr: StderrChannel) {
        if self.way.is_completed() {
            return;
        }
        match self.way.call_once(|| Way::Serial(Box::new(Serial::probe(stderr)))) {
            #[cfg(feature = "agent")]
            Way::Link(_) => {}
            Way::Serial(serial) => serial.connect(self),
        }
    }

    /// Whether the host must be told that the lines are ready.
    pub fn is_serial(&self) -> bool {
        matches!(self.way.get(), Some(Way::Serial(_)))
    }

    /// Who gets signals from the host.
    pub fn set_application(&self, process: &Arc<Process>) {
        self.kernel.application.call_once(|| Arc::downgrade(process));
    }

    /// Where the host's counters come from.
    #[cfg(feature = "agent")]
    pub fn set_stats(&self, stats: Box<dyn Fn() -> pith_abi::agent::Stats + Send + Sync>) {
        self.kernel.stats.call_once(|| stats);
    }

    /// Writes what the host takes now; EAGAIN when that is nothing, see [`queue`](Self::queue).
    pub fn write(&self, stream: Stream, src: &mut dyn Source) -> Result<usize> {
        match self.way.get() {
            #[cfg(feature = "agent")]
            Some(Way::Link(link)) => link.write(stream, src),
            Some(Way::Serial(serial)) => serial.write(stream, src),
            None => Ok(src.remaining()),
        }
    }

    /// Whether a write would not wait.
    pub fn writable(&self, stream: Stream) -> bool {
        match self.way.get() {
            #[cfg(feature = "agent")]
            Some(Way::Link(link)) => link.writable(stream),
            _ => {
                let _ = stream;
                true
            }
        }
    }

    /// Standard input: bytes moved into `buf`, 0 at its end. EAGAIN: nothing yet, see [`queue`](Self::queue).
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        match self.way.get() {
            #[cfg(feature = "agent")]
            Some(Way::Link(link)) => link.read(buf),
            Some(Way::Serial(serial)) => serial.read(buf),
            None => Ok(0),
        }
    }

    /// Whether a read would not wait.
    pub fn readable(&self) -> bool {
        match self.way.get() {
            #[cfg(feature = "agent")]
            Some(Way::Link(link)) => link.readable(),
            Some(Way::Serial(serial)) => serial.readable(),
            None => true,
        }
    }

    /// Bytes waiting to be read.
    pub fn waiting(&self) -> usize {
        match self.way.get() {
            #[cfg(feature = "agent")]
            Some(Way::Link(link)) => link.waiting(),
            Some(Way::Serial(serial)) => serial.waiting(),
            None => 0,
        }
    }

    /// Woken when standard input has something, or the host takes more output.
    pub fn queue(&self) -> &WaitQueue {
        &self.ready
    }

    /// The interrupt of whatever leads to the host.
    fn interrupt(&self) {
        let mut events = Events::empty();
        match self.way.get() {
            #[cfg(feature = "agent")]
            Some(Way::Link(link)) if link.interrupt(&self.kernel) => events = Events::WRITABLE,
            #[cfg(feature = "agent")]
            Some(Way::Link(_)) => {}
            Some(Way::Serial(serial)) => serial.interrupt(&self.kernel),
            None => {}
        }
        if self.readable() {
            events |= Events::READABLE;
        }
        if !events.is_empty() {
            self.ready.wake(events);
        }
    }

    /// Gives the host a moment to take what was written, in a kernel that has failed.
    pub fn settle(&self) {
        #[cfg(feature = "agent")]
        if let Some(Way::Link(link)) = self.way.get() {
            link.settle();
        }
    }

    /// Sends the machine's last word behind all output, and waits until the host has both; `false` when there is no way to.
    pub fn finish(&self, word: &pith_abi::record::Record<'_>) -> bool {
        match self.way.get() {
            #[cfg(feature = "agent")]
            Some(Way::Link(link)) => link.finish(word),
            _ => {
                let _ = word;
                false
            }
        }
    }
}
