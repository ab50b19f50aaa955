//! The application's console, and the host's way in: the agent channel where the machine has one, else serial lines.

#[cfg(feature = "agent")]
mod link;
mod serial;

use alloc::boxed::Box;
use alloc::sync::Arc;
#[cfg(any(feature = "agent", feature = "devfs"))]
use core::sync::atomic::{AtomicU32, Ordering};
use file::Source;
pub use pith_abi::agent::Stream;
use pith_abi::cmdline::StderrChannel;
use pith_abi::record::Record;
use plat_pc::debugcon::LogPort;
use serial::Serial;
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

/// Linux's number of the signal for a window of another size (signal(7)).
#[cfg(any(feature = "agent", feature = "devfs"))]
const SIGWINCH: u8 = 28;

/// No size of a terminal: there is none.
#[cfg(any(feature = "agent", feature = "devfs"))]
const NO_TERMINAL: (u16, u16) = (u16::MAX, u16::MAX);

unsafe extern "Rust" {
    /// What runs on the machine delivers a signal, by Linux's number, to the application; `false` when there is nobody, or no such signal.
    safe fn pith_signal(number: u8) -> bool;
}

/// What the host reaches of the kernel, once it is there.
pub struct Kernel {
    /// The application's terminal: rows in the upper half, columns in the lower; [`NO_TERMINAL`].
    #[cfg(any(feature = "agent", feature = "devfs"))]
    window: AtomicU32,
    #[cfg(feature = "agent")]
    stats: Once<Box<dyn Fn() -> pith_abi::agent::Stats + Send + Sync>>,
}

impl Kernel {
    /// Rows and columns of the terminal, if there is one.
    #[cfg(any(feature = "agent", feature = "devfs"))]
    fn window(&self) -> Option<(u16, u16)> {
        let [r1, r0, c1, c0] = self.window.load(Ordering::Relaxed).to_be_bytes();
        let window = (u16::from_be_bytes([r1, r0]), u16::from_be_bytes([c1, c0]));
        (window != NO_TERMINAL).then_some(window)
    }

    #[cfg(any(feature = "agent", feature = "devfs"))]
    fn set_window(&self, (rows, columns): (u16, u16)) {
        self.window.store(u32::from(rows) << 16 | u32::from(columns), Ordering::Relaxed);
    }

    /// Gives the terminal another size and tells the application; `false` when there is no terminal.
    #[cfg(any(feature = "agent", feature = "devfs"))]
    fn resize(&self, rows: u16, columns: u16) -> bool {
        let (old, new) = (self.window(), (rows, columns));
        if old.is_some_and(|old| old != new) {
            self.set_window(new);
            self.signal(SIGWINCH);
        }
        old.is_some()
    }

    /// Sends the application a signal; `false` when there is none, or no such signal.
    fn signal(&self, number: u8) -> bool {
        pith_signal(number)
    }
}

/// Three byte streams to and from the host.
pub struct Console {
    way: Once<Way>,
    kernel: Kernel,
    ready: WaitQueue,
    #[cfg(feature = "devfs")]
    terminal: Once<Arc<devfs::ConsoleFile>>,
}

impl Console {
    /// A console that does not know its way to the host yet.
    pub fn new() -> Arc<Self> {
        let make = || Self {
            way: Once::new(),
            kernel: Kernel {
                #[cfg(any(feature = "agent", feature = "devfs"))]
                window: AtomicU32::new(u32::MAX),
                #[cfg(feature = "agent")]
                stats: Once::new(),
            },
            ready: WaitQueue::new(),
            #[cfg(feature = "devfs")]
            terminal: Once::new(),
        };
        CONSOLE.call_once(|| Arc::new(make())).clone()
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

    /// The application can be reached. On serial lines of its own the host keeps standard input and requests back until it is told.
    #[inline(always)]
    pub fn say_ready(&self) {
        if matches!(self.way.get(), Some(Way::Serial(_))) && crate::log::port() != LogPort::Serial {
            crate::log::record(&Record::Ready);
        }
    }

    /// Rows and columns of the terminal at the other end, if there is one.
    #[cfg(feature = "devfs")]
    pub fn window(&self) -> Option<(u16, u16)> {
        self.kernel.window()
    }

    /// There is a terminal of this size at the other end, from the start.
    #[cfg(feature = "devfs")]
    pub fn set_window(&self, rows: u16, columns: u16) {
        self.kernel.set_window((rows, columns));
    }

    /// As if the other end had done so.
    #[cfg(feature = "devfs")]
    pub fn resize(&self, rows: u16, columns: u16) {
        self.kernel.resize(rows, columns);
    }

    /// A key that means a signal.
    #[cfg(feature = "devfs")]
    pub fn signal(&self, number: u8) {
        self.kernel.signal(number);
    }

    /// The file that hears what is typed.
    #[cfg(feature = "devfs")]
    pub fn set_terminal(&self, file: Arc<devfs::ConsoleFile>) {
        self.terminal.call_once(|| file);
    }

    /// Whether there is something to read, after a terminal has heard what was typed.
    fn hears(&self) -> bool {
        #[cfg(feature = "devfs")]
        if self.kernel.window().is_some() {
            return self.terminal.get().is_some_and(|terminal| terminal.receive());
        }
        self.readable()
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
        if self.hears() {
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
    pub fn finish(&self, word: &Record<'_>) -> bool {
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
