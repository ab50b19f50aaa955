//! The loop's one turn, and what is known between two of them.
//!
//! [`hearing`] takes what guest and monitor say, [`requests`] what other processes ask for, [`stopping`] brings it to its end.

mod hearing;
mod requests;
mod stopping;

use super::agent::Agent;
use super::input::Input;
use super::monitor_control::Control;
use super::output::Output;
use super::poll_set::{PollSet, Slot};
use super::serial::Serial;
use super::server::{ClientId, Server};
use super::{Event, Streams};
use crate::control::AgentState;
use crate::ending::{Ending, EndingReader};
use pith_abi::agent::{Message, Operation, Stream};
use pith_monitor::Running;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};
use stopping::Stop;

/// A guest that never says a word gets its input on the serial line after this time.
const READY_PATIENCE: Duration = Duration::from_secs(3);

pub(super) struct Life<'a> {
    running: Running,
    exit: OwnedFd,
    output: Output<'a>,
    input: Input<'a>,
    agent: Agent,
    serial: Serial,
    mode: AgentState,
    /// Signals for the application that came before it was known for certain how to pass them on.
    early_signals: Vec<u8>,
    server: Server,
    monitor: Control,
    kernel_log: File,
    line: Vec<u8>,
    records: EndingReader,
    started: Instant,
    stop: Stop,
    /// The user stopped the virtual CPU, or is about to.
    is_paused: bool,
    /// Clients who wait for the monitor to stop the virtual CPU or let it go on.
    waiting: Vec<ClientId>,
    /// Someone asked for the end: a signal to this process, a client, a reader who left.
    was_stopped: bool,
    stop_signal: u8,
    stop_deadline: &'a dyn Fn() -> Duration,
    is_stuck: bool,
    /// The user's terminal, if it is the application's too.
    window: Option<BorrowedFd<'a>>,
    /// The monitor has ended; what is left is to be delivered.
    has_ended: bool,
}

impl<'a> Life<'a> {
    pub(super) fn new(
        running: Running,
        streams: Streams<'a>,
        stop_signal: u8,
        stop_deadline: &'a dyn Fn() -> Duration,
    ) -> io::Result<Self> {
        Ok(Self {
            exit: running.exit_watch()?,
            output: Output::new(streams.output, streams.error, streams.prefix, streams.log),
            input: Input::new(streams.input),
            agent: Agent::new(),
            serial: Serial::default(),
            mode: AgentState::Starting,
            early_signals: Vec::new(),
            server: Server::new(streams.control),
            monitor: Control::new(),
            kernel_log: streams.kernel_log,
            line: Vec::new(),
            records: EndingReader::default(),
            started: Instant::now(),
            stop: Stop::Not,
            is_paused: false,
            waiting: Vec::new(),
            was_stopped: false,
            stop_signal,
            stop_deadline,
            is_stuck: false,
            window: streams.window,
            has_ended: false,
            running,
        })
    }

    /// Waits for something and deals with it. `true` when the monitor has ended and everything is delivered.
    pub(super) fn turn(&mut self, signals: &[&UnixStream], on_event: &mut dyn FnMut(Event<'_>)) -> io::Result<bool> {
        let mut set = PollSet::default();
        let (running, is_serial) = (&self.running, self.mode == AgentState::Serial);
        let mut exit = Slot::NONE;
        let [mut console, mut stderr, mut log, mut control, mut agent, mut input] = [Slot::NONE; 6];
        if !self.has_ended {
            exit = set.add(&self.exit, true, false);
            let has_data = is_serial && self.serial.has_data(&self.input);
            console = set.add(&running.console, self.output.has_room(Stream::Output), has_data);
            stderr = set.add(&running.stderr, self.output.has_room(Stream::Error), is_serial && self.serial.has_control());
            log = set.add(&running.log, true, false);
            control = set.add(&running.control, true, self.monitor.has_output());
            if self.agent.wants_to_read() {
                agent = set.add(&running.agent, self.output.has_any_room(), self.agent.has_output());
            }
            input = self.input.wanted().map_or(Slot::NONE, |fd| set.add_fd(fd, true, false));
        }
        for pipe in signals {
            set.add(*pipe, true, false);
        }
        let users = self.output.add_to(&mut set);
        let clients = self.server.add_to(&mut set);
        let ready = set.wait(self.next_deadline())?;

        // First of all: that the monitor is up comes before what the guest says.
        if ready.is(control) {
            self.hear_monitor(on_event);
        }
        if ready.is(agent) {
            self.read_agent(on_event);
        }
        if ready.is(console) && self.output.has_room(Stream::Output) {
            self.read_serial(Stream::Output);
        }
        if ready.is(stderr) && self.output.has_room(Stream::Error) {
            self.read_serial(Stream::Error);
        }
        if ready.is(log) {
            self.read_log(on_event);
        }
        if ready.is(input) {
            self.input.fill();
        }
        self.output.turn(&ready, &users);
        for (client, request) in self.server.turn(&ready, &clients) {
            self.answer(client, request, on_event);
        }
        if ready.is(exit) {
            self.has_ended = true;
            self.running.child.wait()?;
            self.take_the_rest(on_event);
        }
        self.deadlines();
        self.send();
        if self.output.is_broken() && self.stop == Stop::Not {
            // Nobody reads on: a native program would get SIGPIPE.
            self.ask_to_stop(15, (self.stop_deadline)(), on_event);
        }
        Ok(self.has_ended && self.output.is_drained())
    }

    /// Sends the guest what there is for it, the way it listens.
    fn send(&mut self) {
        match self.mode {
            AgentState::Starting => {}
            AgentState::Serial => self.serial.send(&mut self.input, self.running.console.as_fd(), self.running.stderr.as_fd()),
            AgentState::Agent => {
                for (stream, total) in self.output.grants() {
                    self.agent.say(&Message::Window { stream: Some(stream), total });
                }
                self.agent.feed(&mut self.input);
                self.agent.send(self.running.agent.as_fd());
            }
        }
    }

    /// When something must happen without an event; `None` means never.
    fn next_deadline(&self) -> Option<Instant> {
        if self.server.has_backlog() {
            return Some(Instant::now());
        }
        if self.has_ended {
            return None;
        }
        let stop = match self.stop {
            Stop::Asked { until: at, .. } | Stop::Leaving(at) | Stop::Ending(at) => Some(at),
            Stop::Not | Stop::Killed => None,
        };
        let ready = (self.mode == AgentState::Starting).then(|| self.started + READY_PATIENCE);
        [stop, ready].into_iter().flatten().min()
    }

    /// Tells the guest the size of the user's terminal. A kernel without an agent keeps the size that it started with.
    fn tell_size(&mut self) {
        if self.mode != AgentState::Agent {
            return;
        }
        if let Some(Ok(size)) = self.window.map(rustix::termios::tcgetwinsize) {
            let ([r0, r1], [c0, c1]) = (size.ws_row.to_le_bytes(), size.ws_col.to_le_bytes());
            self.agent.ask(None, Operation::Resize, &[r0, r1, c0, c1]);
        }
    }

    /// From here on it is known how to speak with the guest.
    fn listen(&mut self, mode: AgentState) {
        self.mode = mode;
        // It may have changed since the machine was started.
        self.tell_size();
        for number in std::mem::take(&mut self.early_signals) {
            self.pass_on(number);
        }
    }

    /// The guest was seen to use its serial lines.
    fn confirm_serial(&mut self) {
        if self.mode == AgentState::Starting {
            self.listen(AgentState::Serial);
        }
        if self.mode == AgentState::Serial {
            self.serial.confirm(&mut self.input);
            self.early_signals.clear();
        }
    }

    /// Whether someone asked for the end.
    pub(super) fn was_stopped(&self) -> bool {
        self.was_stopped
    }

    /// Says how it went.
    pub(super) fn finish(mut self, diagnostics: &dyn Fn() -> String) -> io::Result<Ending> {
        let status = self.running.child.wait()?;
        let stop = self.stop;
        if let Some(ending) = self.records.into_ending() {
            return Ok(ending);
        }
        Ok(if self.is_stuck {
            Ending::Stuck
        } else if stop != Stop::Not {
            Ending::Killed
        } else if let Some(signal) = status.signal().and_then(|signal| u8::try_from(signal).ok()) {
            Ending::MonitorKilled(signal)
        } else {
            Ending::Silent { diagnostics: diagnostics() }
        })
    }
}
