//! The console of a machine without an agent: standard output and input on COM1, standard error and control requests on COM2.

use super::{Kernel, Stream};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use arch_x86_64::cpu;
use file::Source;
use pith_abi::cmdline::StderrChannel;
use pith_abi::control::{Control, ControlParser};
use plat_pc::apic::Trigger;
use spinlock::Mutex;
use uapi::{Errno, Result};
use uart16550::{Registers, Uart};

/// Bytes of standard input kept for the application; more wait in the monitor.
const INPUT_MAX: usize = crate::config::CONSOLE_INPUT_KIB as usize * 1024;

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
    bytes: Vec<u8>,
    /// How many of them have been read: less than half, else they are dropped.
    read: usize,
    received: u64,
    /// Standard input ends after this many bytes.
    end: Option<u64>,
}

impl Input {
    /// What was not read yet.
    fn waiting(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// Moves bytes into `buf`.
    fn take(&mut self, buf: &mut [u8]) -> usize {
        let count = buf.len().min(self.waiting().len());
        buf[..count].copy_from_slice(&self.waiting()[..count]);
        self.read += count;
        if self.read * 2 >= self.bytes.len() {
            self.bytes.copy_within(self.read.., 0);
            self.bytes.truncate(self.bytes.len() - self.read);
            self.read = 0;
        }
        count
    }
}

/// Two serial lines.
pub struct Serial {
    out: Option<Mutex<Uart<Ports>>>,
    /// Requests of the host always come in here, whatever goes out.
    err: Option<Mutex<Uart<Ports>>>,
    stderr: StderrChannel,
    control: Mutex<ControlParser>,
    input: Mutex<Input>,
}

impl Serial {
    /// Finds the lines.
    pub fn probe(stderr: StderrChannel) -> Self {
        let probe = |port| Uart::probe(Ports(port)).map(Mutex::new);
        let (out, err) = (probe(pith_abi::CONSOLE_PORT), probe(pith_abi::STDERR_PORT));
        Self { out, err, stderr, control: Mutex::default(), input: Mutex::default() }
    }

    /// Has both lines' interrupts call [`super::Console::interrupt`].
    pub fn connect(&self, console: &Arc<super::Console>) {
        for (line, uart) in [(pith_abi::CONSOLE_IRQ, &self.out), (pith_abi::STDERR_IRQ, &self.err)] {
            if let Some(uart) = uart {
                let console = console.clone();
                crate::interrupts::connect_line(line.into(), Trigger::Edge, Box::new(move || console.interrupt()));
                uart.lock().enable_receive_interrupt();
            }
        }
    }

    /// Writes all bytes, however long it takes.
    pub fn write(&self, stream: Stream, src: &mut dyn Source) -> Result<usize> {
        let line = match stream {
            Stream::Error if self.stderr == StderrChannel::Separate => self.err.as_ref().or(self.out.as_ref()),
            Stream::Error | Stream::Output => self.out.as_ref(),
        };
        let mut done = 0;
        let mut buf = [0; 1024];
        while src.remaining() > 0 {
            let want = src.remaining().min(buf.len());
            match src.take(&mut buf[..want]) {
                Ok(got) => {
                    if let Some(uart) = line {
                        uart.lock().write(&buf[..got]);
                    }
                    done += got;
                }
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Standard input: bytes moved into `buf`, 0 at its end. EAGAIN: nothing yet.
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        let mut input = self.input.lock();
        let count = input.take(buf);
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
        !input.waiting().is_empty() || input.end.is_some_and(|end| input.received >= end)
    }

    /// Bytes waiting to be read.
    pub fn waiting(&self) -> usize {
        self.input.lock().waiting().len()
    }

    /// The interrupt of either line.
    pub fn interrupt(&self, kernel: &Kernel) {
        self.drain_control(kernel);
        self.drain_input();
    }

    fn drain_input(&self) {
        let Some(uart) = &self.out else { return };
        let uart = uart.lock();
        let mut input = self.input.lock();
        while input.waiting().len() < INPUT_MAX
            && let Some(byte) = uart.read()
        {
            input.bytes.push(byte);
            input.received += 1;
        }
    }

    fn drain_control(&self, kernel: &Kernel) {
        let Some(uart) = &self.err else { return };
        loop {
            let Some(byte) = uart.lock().read() else { return };
            let request = self.control.lock().push(byte);
            match request {
                Some(Control::Signal(signal)) => drop(kernel.signal(signal)),
                Some(Control::EndOfInput { total_bytes }) => self.input.lock().end = Some(total_bytes),
                None => {}
            }
        }
    }
}
