//! One machine, from its monitor's start to its end.
//!
//! One thread, one `poll` over everything: the machine's channels, our own standard streams, signals, the end of the
//! monitor. Output is copied byte for byte to the user's streams and to the machine's log files. Input flows the other
//! way, only as fast as the guest takes it, and not before the guest says `@ready`. A signal to this process becomes a
//! request to the application and starts a deadline; past it, or at a second signal, the monitor is ended.

mod monitor_control;
mod pump;

use crate::ending::{Ending, EndingReader};
use monitor_control::{Control, Said};
use pith_abi::record::Record;
use pith_monitor::Running;
use pump::{Feed, Sink};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A guest that never says `@ready` gets its input after this time anyway.
const READY_PATIENCE: Duration = Duration::from_secs(3);
/// Time for the monitor to end on SIGTERM before SIGKILL.
const MONITOR_PATIENCE: Duration = Duration::from_secs(2);
/// A signal that comes again so soon is the same request: timeout(1) and shells send it to the process and to its group.
const SAME_REQUEST: Duration = Duration::from_millis(300);
/// Longest line of the record channel that is kept.
const LINE_LIMIT: usize = 64 * 1024;

/// Where a machine's streams go. A `None` stream goes to its log only.
#[derive(Debug)]
pub struct Streams<'a> {
    /// Standard input; `None` is an empty one.
    pub input: Option<BorrowedFd<'a>>,
    /// Standard output.
    pub output: Option<BorrowedFd<'a>>,
    /// Standard error.
    pub error: Option<BorrowedFd<'a>>,
    /// Copy of the standard output.
    pub output_log: File,
    /// Copy of the standard error.
    pub error_log: File,
    /// The kernel's records.
    pub kernel_log: File,
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
}

/// Signals that are passed on, and their flags in the order of `flags`.
const FORWARDED: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// Receives this process's signals; make one before the monitor is started, so that none is missed.
pub struct Supervisor<'a> {
    pipes: Vec<(i32, UnixStream)>,
    stop_deadline: &'a dyn Fn() -> Duration,
}

impl<'a> Supervisor<'a> {
    /// Takes over the signals. `stop_deadline`, asked when it is needed, is the time between asking the application to
    /// stop and ending the monitor.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn new(stop_deadline: &'a dyn Fn() -> Duration) -> io::Result<Self> {
        let mut pipes = Vec::new();
        for signal in FORWARDED {
            let (read, write) = UnixStream::pair()?;
            read.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(signal, write)?;
            pipes.push((signal, read));
        }
        Ok(Self { pipes, stop_deadline })
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
        let mut life = Life::new(running, streams, self.stop_deadline)?;
        loop {
            let signals: Vec<&UnixStream> = self.pipes.iter().map(|(_, pipe)| pipe).collect();
            let has_ended = life.turn(&signals, on_event)?;
            for (signal, pipe) in &mut self.pipes {
                while pipe.read(&mut [0; 16]).is_ok_and(|got| got > 0) {
                    life.signal(*signal, on_event);
                }
            }
            if has_ended {
                return life.finish(on_event, diagnostics);
            }
        }
    }
}

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Not,
    /// The application was asked at `since`; the monitor is ended at `until`.
    Asked {
        since: Instant,
        until: Instant,
    },
    /// The monitor was asked; it is killed at this time.
    Ending(Instant),
    Killed,
}

struct Life<'a> {
    running: Running,
    exit: std::os::fd::OwnedFd,
    output: Sink<'a>,
    error: Sink<'a>,
    kernel_log: Sink<'a>,
    feed: Feed<'a>,
    control: Control,
    line: Vec<u8>,
    records: EndingReader,
    started: Instant,
    is_ready: bool,
    stop: Stop,
    stop_deadline: &'a dyn Fn() -> Duration,
    is_stuck: bool,
}

impl<'a> Life<'a> {
    fn new(running: Running, streams: Streams<'a>, stop_deadline: &'a dyn Fn() -> Duration) -> io::Result<Self> {
        Ok(Self {
            exit: running.exit_watch()?,
            output: Sink::new(streams.output, streams.output_log),
            error: Sink::new(streams.error, streams.error_log),
            kernel_log: Sink::new(None, streams.kernel_log),
            feed: Feed::new(streams.input),
            control: Control::new(),
            line: Vec::new(),
            records: EndingReader::default(),
            started: Instant::now(),
            is_ready: false,
            stop: Stop::Not,
            stop_deadline,
            is_stuck: false,
            running,
        })
    }

    /// Waits for something and deals with it. `true` when the monitor has ended.
    fn turn(&mut self, signals: &[&UnixStream], on_event: &mut dyn FnMut(Event<'_>)) -> io::Result<bool> {
        let timeout = self.timeout();
        let wanted = |yes: bool, flags: PollFlags| if yes { flags } else { PollFlags::empty() };
        let console_wants = wanted(self.output.has_room(), PollFlags::IN) | wanted(self.is_ready && self.feed.has_data(), PollFlags::OUT);
        let stderr_wants = wanted(self.error.has_room(), PollFlags::IN) | wanted(self.is_ready && self.feed.has_control(), PollFlags::OUT);
        let control_wants = PollFlags::IN | wanted(self.control.has_output(), PollFlags::OUT);
        let mut fds = vec![
            PollFd::new(&self.exit, PollFlags::IN),
            PollFd::new(&self.running.console, console_wants),
            PollFd::new(&self.running.stderr, stderr_wants),
            PollFd::new(&self.running.log, PollFlags::IN),
            PollFd::new(&self.running.control, control_wants),
        ];
        fds.extend(signals.iter().map(|pipe| PollFd::new(*pipe, PollFlags::IN)));
        let optional = fds.len();
        let input = self.feed.wanted();
        fds.extend(input.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        let output = self.output.wanted();
        fds.extend(output.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::OUT)));
        let error = self.error.wanted();
        fds.extend(error.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::OUT)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_set = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        let (exit, console, stderr, log, control) = (is_set(0), is_set(1), is_set(2), is_set(3), is_set(4));
        let input_at = optional;
        let output_at = input_at + usize::from(input.is_some());
        let error_at = output_at + usize::from(output.is_some());
        let input = input.is_some() && is_set(input_at);
        let output = output.is_some() && is_set(output_at);
        let error = error.is_some() && is_set(error_at);
        drop(fds);

        if console && self.output.has_room() {
            self.output.fill(self.running.console.as_fd());
        }
        if stderr && self.error.has_room() {
            self.error.fill(self.running.stderr.as_fd());
        }
        // A guest that writes has set its lines up, whether it says so or not.
        self.is_ready |= self.output.total() + self.error.total() > 0;
        if log {
            self.read_log(on_event);
        }
        if input {
            self.feed.fill();
        }
        if self.is_ready {
            self.feed.send(self.running.console.as_fd(), self.running.stderr.as_fd());
        }
        if control {
            match self.control.turn(self.running.control.as_fd()) {
                Some(Said::Started) => on_event(Event::Started),
                Some(Said::Stopped) if self.stop == Stop::Not => {
                    self.is_stuck = true;
                    self.end_monitor();
                }
                Some(Said::Stopped) | None => {}
            }
        }
        if output {
            self.output.drain();
        }
        if error {
            self.error.drain();
        }
        if self.output.is_broken() && self.stop == Stop::Not {
            // Nobody reads on: a native program would get SIGPIPE.
            self.ask_to_stop(15, on_event);
        }
        self.deadlines();
        Ok(exit)
    }

    /// Time until something must happen without an event; `None` means none.
    fn timeout(&self) -> Option<Timespec> {
        let stop = match self.stop {
            Stop::Asked { until: at, .. } | Stop::Ending(at) => Some(at),
            Stop::Not | Stop::Killed => None,
        };
        let ready = (!self.is_ready).then(|| self.started + READY_PATIENCE);
        let next = [stop, ready].into_iter().flatten().min()?;
        let left = next.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        Some(Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() })
    }

    fn deadlines(&mut self) {
        let now = Instant::now();
        if !self.is_ready && now >= self.started + READY_PATIENCE {
            self.is_ready = true;
        }
        match self.stop {
            Stop::Asked { until, .. } if now >= until => self.end_monitor(),
            Stop::Ending(at) if now >= at => {
                // It may have ended just now.
                let _ = self.running.child.kill();
                self.stop = Stop::Killed;
            }
            _ => {}
        }
    }

    /// A signal came to this process.
    fn signal(&mut self, signal: i32, on_event: &mut dyn FnMut(Event<'_>)) {
        match (signal, self.stop) {
            (SIGTERM | SIGINT | SIGHUP, Stop::Not) => self.ask_to_stop(15, on_event),
            (SIGTERM | SIGINT | SIGHUP, Stop::Asked { since, .. }) if since.elapsed() >= SAME_REQUEST => self.end_monitor(),
            (SIGTERM | SIGINT | SIGHUP, _) => {}
            (other, _) => {
                if let Some(byte) = u8::try_from(other).ok().and_then(pith_abi::control::signal_byte) {
                    self.feed.push_control(&[byte]);
                }
            }
        }
    }

    fn ask_to_stop(&mut self, signal: u8, on_event: &mut dyn FnMut(Event<'_>)) {
        if let Some(byte) = pith_abi::control::signal_byte(signal) {
            self.feed.push_control(&[byte]);
        }
        let since = Instant::now();
        self.stop = Stop::Asked { since, until: since + (self.stop_deadline)() };
        on_event(Event::Stopping);
    }

    fn end_monitor(&mut self) {
        // It may have ended just now.
        let _ = rustix::process::kill_process(Pid::from_child(&self.running.child), Signal::TERM);
        self.stop = Stop::Ending(Instant::now() + MONITOR_PATIENCE);
    }

    fn read_log(&mut self, on_event: &mut dyn FnMut(Event<'_>)) {
        let Some(bytes) = self.kernel_log.fill(self.running.log.as_fd()) else { return };
        for byte in bytes {
            if byte != b'\n' {
                if self.line.len() < LINE_LIMIT {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, on_event);
        }
    }

    fn take_line(&mut self, line: &[u8], on_event: &mut dyn FnMut(Event<'_>)) {
        let text = String::from_utf8_lossy(line);
        match Record::parse(&text) {
            Some(record) => {
                self.is_ready |= record == Record::Ready;
                self.records.push(record);
                on_event(Event::Record(record));
            }
            None => on_event(Event::Noise(&text)),
        }
    }

    /// The monitor has ended: takes what is left in the channels and says how it went.
    fn finish(mut self, on_event: &mut dyn FnMut(Event<'_>), diagnostics: &dyn Fn() -> String) -> io::Result<Ending> {
        while self.output.fill(self.running.console.as_fd()).is_some() {}
        while self.error.fill(self.running.stderr.as_fd()).is_some() {}
        loop {
            let before = self.kernel_log.total();
            self.read_log(on_event);
            if self.kernel_log.total() == before {
                break;
            }
        }
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, on_event);
        }
        self.output.drain_all();
        self.error.drain_all();
        self.running.child.wait()?;
        let stop = self.stop;
        if let Some(ending) = self.records.into_ending() {
            return Ok(ending);
        }
        Ok(if self.is_stuck {
            Ending::Stuck
        } else if stop != Stop::Not {
            Ending::Killed
        } else {
            Ending::Silent { diagnostics: diagnostics() }
        })
    }
}
