//! The application's console: standard output and input on COM1, standard error and control requests on COM2.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use arch_x86_64::cpu;
use pith_abi::cmdline::StderrChannel;
use pith_abi::control::{Control, ControlParser};
use plat_pc::apic::Trigger;
use spin::{Mutex, Once};
use uapi::{Errno, Result};
use uart16550::{Registers, Uart};
use wait::{Events, WaitQueue};

/// Bytes of standard input kept for the application; more wait in the monitor.
const INPUT_MAX: usize = 16 * 1024;

struct Ports(u16);

impl Registers for Ports {
    fn read(&self, index: u8) -> u8 {
        // SAFETY: a serial port's registers, driven here only (the log shares COM1 by whole bytes).
        unsafe { cpu::inb(self.0 + u16::from(index)) }
    }
    fn write(&self, index: u8, value: u8) {
        // SAFETY: as above.
        unsafe { cpu::outb(self.0 + u16::from(index), value) }
    }
    fn write_all(&self, index: u8, bytes: &[u8]) {
        // SAFETY: as above.
        unsafe { cpu::outsb(self.0 + u16::from(index), bytes) }
    }
}

#[derive(Default)]
struct Input {
    bytes: VecDeque<u8>,
    received: u64,
    /// Standard input ends after this many bytes.
    end: Option<u64>,
}

/// Two serial lines.
pub struct Console {
    out: Option<Mutex<Uart<Ports>>>,
    /// Requests of the host always come in here, whatever goes out.
    err: Option<Mutex<Uart<Ports>>>,
    stderr: StderrChannel,
    control: Mutex<ControlParser>,
    input: Mutex<Input>,
    readable: WaitQueue,
    on_signal: Once<Box<dyn Fn(u8) + Send + Sync>>,
}

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error; joins standard output on a machine with one serial line.
    Err,
}

impl Console {
    /// Finds the lines and takes their interrupts.
    pub fn open(stderr: StderrChannel) -> Arc<Self> {
        let probe = |port| Uart::probe(Ports(port)).map(Mutex::new);
        let console = Arc::new(Self {
            out: probe(pith_abi::CONSOLE_PORT),
            err: probe(pith_abi::STDERR_PORT),
            stderr,
            control: Mutex::default(),
            input: Mutex::default(),
            readable: WaitQueue::new(),
            on_signal: Once::new(),
        });
        let handler = |console: &Arc<Self>| -> Box<dyn Fn() + Send + Sync> {
            let console = console.clone();
            Box::new(move || console.receive())
        };
        for (line, uart) in [(pith_abi::CONSOLE_IRQ, &console.out), (pith_abi::STDERR_IRQ, &console.err)] {
            if let Some(uart) = uart {
                crate::interrupts::connect_line(line.into(), Trigger::Edge, handler(&console));
                uart.lock().enable_receive_interrupt();
            }
        }
        console
    }

    /// Who is told when the host asks for a signal.
    pub fn set_on_signal(&self, hook: Box<dyn Fn(u8) + Send + Sync>) {
        self.on_signal.call_once(|| hook);
    }

    /// Writes all bytes.
    pub fn write(&self, stream: Stream, bytes: &[u8]) {
        let line = match stream {
            Stream::Err if self.stderr == StderrChannel::Separate => self.err.as_ref().or(self.out.as_ref()),
            Stream::Err | Stream::Out => self.out.as_ref(),
        };
        if let Some(uart) = line {
            uart.lock().write(bytes);
        }
    }

    /// Standard input: bytes moved into `buf`, 0 at its end. EAGAIN: nothing yet, see [`queue`](Self::queue).
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        let mut input = self.input.lock();
        let count = buf.len().min(input.bytes.len());
        for (slot, byte) in buf.iter_mut().zip(input.bytes.drain(..count)) {
            *slot = byte;
        }
        let ended = input.end.is_some_and(|end| input.received >= end);
        drop(input);
        if count > 0 {
            self.drain_input();
            return Ok(count);
        }
        if ended || buf.is_empty() || self.out.is_none() { Ok(0) } else { Err(Errno::EAGAIN) }
    }

    /// Whether a read would not wait.
    pub fn readable(&self) -> bool {
        let input = self.input.lock();
        !input.bytes.is_empty() || input.end.is_some_and(|end| input.received >= end)
    }

    /// Bytes waiting to be read.
    pub fn waiting(&self) -> usize {
        self.input.lock().bytes.len()
    }

    /// Woken when standard input has something.
    pub fn queue(&self) -> &WaitQueue {
        &self.readable
    }

    /// The interrupt of either line.
    fn receive(&self) {
        self.drain_control();
        self.drain_input();
        if self.readable() {
            self.readable.wake(Events::READABLE);
        }
    }

    fn drain_input(&self) {
        let Some(uart) = &self.out else { return };
        let uart = uart.lock();
        let mut input = self.input.lock();
        while input.bytes.len() < INPUT_MAX
            && let Some(byte) = uart.read()
        {
            input.bytes.push_back(byte);
            input.received += 1;
        }
    }

    fn drain_control(&self) {
        let Some(uart) = &self.err else { return };
        loop {
            let Some(byte) = uart.lock().read() else { return };
            let request = self.control.lock().push(byte);
            match request {
                Some(Control::Signal(signal)) => {
                    if let Some(hook) = self.on_signal.get() {
                        hook(signal);
                    }
                }
                Some(Control::EndOfInput { total_bytes }) => self.input.lock().end = Some(total_bytes),
                None => {}
            }
        }
    }
}
