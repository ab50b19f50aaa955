//! One machine, from its monitor's start to its end.
//!
//! One thread, one `poll` over everything: the machine's channels, our own standard streams, signals, the control socket, the end of the
//! monitor. Output is copied byte for byte to the user's streams and to the machine's log. Input flows the other
//! way, only as fast as the guest takes it. A kernel with an agent ([`agent`]) is spoken to over that one channel from its first word on; any other over its
//! serial lines ([`serial`]). A signal to this process becomes a request to the application and starts a deadline; past it, or at a second signal, the
//! monitor is ended.

mod agent;
mod input;
mod life;
mod monitor_control;
mod output;
mod poll_set;
mod serial;
mod server;

use crate::ending::Ending;
use crate::logs::LogWriter;
use life::Life;
use pith_abi::record::Record;
use pith_monitor::Running;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// Where a machine's streams go. A `None` stream goes to its log only.
#[derive(Debug)]
pub struct Streams<'a> {
    /// Standard input; `None` is an empty one.
    pub input: Option<BorrowedFd<'a>>,
    /// Standard output.
    pub output: Option<BorrowedFd<'a>>,
    /// Standard error.
    pub error: Option<BorrowedFd<'a>>,
    /// What each line of both begins with, for the user.
    pub prefix: Vec<u8>,
    /// Copy of both.
    pub log: LogWriter,
    /// The kernel's records.
    pub kernel_log: File,
    /// Where other processes ask for things ([`control::listen`](crate::control::listen)).
    pub control: Option<UnixListener>,
    /// The user's terminal, whose size is the application's too.
    pub window: Option<BorrowedFd<'a>>,
}

/// Something that happened to a running machine.
#[derive(Debug)]
pub enum Event<'a> {
    /// The monitor accepted everything (ports included) and runs the machine.
    Started,
    /// The kernel wrote a record.
    Record(Record<'a>),
    /// The kernel, or firmware, wrote a line that is no record.
    Noise(&'a str),
    /// The application was asked to stop.
    Stopping,
    /// The user stopped the virtual CPU.
    Paused,
    /// It goes on.
    Resumed,
}

/// Signals that are passed on; of SIGWINCH, the terminal's new size.
const FORWARDED: [i32; 7] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH];

/// Receives this process's signals; make one before the monitor is started, so that none is missed.
pub struct Supervisor<'a> {
    pipes: Vec<(i32, UnixStream)>,
    stop_deadline: &'a dyn Fn() -> Duration,
    stop_signal: u8,
    was_stopped: bool,
}

impl<'a> Supervisor<'a> {
    /// Takes over the signals. `stop_signal` (Linux number) asks the application to stop; `stop_deadline`, asked when it is
    /// needed, is the time between that and ending the monitor.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn new(stop_signal: u8, stop_deadline: &'a dyn Fn() -> Duration) -> io::Result<Self> {
        let mut pipes = Vec::new();
        for signal in FORWARDED {
            let (read, write) = UnixStream::pair()?;
            read.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(signal, write)?;
            pipes.push((signal, read));
        }
        Ok(Self { pipes, stop_deadline, stop_signal, was_stopped: false })
    }

    /// Whether someone asked the machine to stop; it did not end by itself then.
    #[must_use]
    pub fn was_stopped(&self) -> bool {
        self.was_stopped
    }

    /// Waits before the machine is started again, unless it is told to stop.
    ///
    /// # Errors
    /// When polling fails.
    pub fn rest(&mut self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        while !self.was_stopped && Instant::now() < until {
            let mut set = poll_set::PollSet::default();
            for (_, pipe) in &self.pipes {
                set.add(pipe, true, false);
            }
            set.wait(Some(until))?;
            for (signal, pipe) in &mut self.pipes {
                while pipe.read(&mut [0; 16]).is_ok_and(|got| got > 0) {
                    self.was_stopped |= matches!(*signal, SIGTERM | SIGINT | SIGHUP);
                }
            }
        }
        Ok(())
    }

    /// Runs the machine to its end. `diagnostics` yields what the monitor itself said, when that is all there is.
    ///
    /// # Errors
    /// When polling fails, which means that the system is out of something.
    pub fn run(
        &mut self,
        running: Running,
        streams: Streams<'_>,
        on_event: &mut dyn FnMut(Event<'_>),
        diagnostics: &dyn Fn() -> String,
    ) -> io::Result<Ending> {
        let mut life = Life::new(running, streams, self.stop_signal, self.stop_deadline)?;
        loop {
            let signals: Vec<&UnixStream> = self.pipes.iter().map(|(_, pipe)| pipe).collect();
            let is_over = life.turn(&signals, on_event)?;
            for (signal, pipe) in &mut self.pipes {
                while pipe.read(&mut [0; 16]).is_ok_and(|got| got > 0) {
                    life.signal(*signal, on_event);
                }
            }
            self.was_stopped |= life.was_stopped();
            if is_over {
                return life.finish(diagnostics);
            }
        }
    }
}
