//! The loop's one turn, and what is known between two of them.

use super::agent::{Agent, refusal};
use super::input::Input;
use super::monitor_control::{Control, Said};
use super::output::Output;
use super::poll_set::{PollSet, Slot};
use super::serial::Serial;
use super::server::{ClientId, Server};
use super::{Event, Streams};
use crate::control::{AgentState, MachineState, Refusal, Reply, Request, Stats};
use crate::ending::{Ending, EndingReader};
use pith_abi::agent::{self, Message, Operation, Status, Stream};
use pith_abi::record::Record;
use pith_monitor::Running;
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGTERM};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// A guest that never says a word gets its input on the serial line after this time.
const READY_PATIENCE: Duration = Duration::from_secs(3);
/// Time for the monitor to end on SIGTERM before SIGKILL, and for the guest to end after its last word or after SIGKILL.
const MONITOR_PATIENCE: Duration = Duration::from_secs(2);
/// A signal that comes again so soon is the same request: timeout(1) and shells send it to the process and to its group.
const SAME_REQUEST: Duration = Duration::from_millis(300);
/// Longest line of the record channel that is kept.
const LINE_LIMIT: usize = 64 * 1024;
/// Bytes read from a serial line or the record channel at a time.
const CHUNK: usize = 64 * 1024;
/// Chunks of an application's output that are taken before a kernel message: more than a channel holds, and an end all the same.
const BACKLOG_CHUNKS: usize = 16;

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Not,
    /// The application was asked at `since`; the monitor is ended at `until`.
    Asked {
        since: Instant,
        until: Instant,
    },
    /// The guest has said its last word and should end by itself until this time.
    Leaving(Instant),
    /// The monitor was asked; it is killed at this time.
    Ending(Instant),
    Killed,
}

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

    fn deadlines(&mut self) {
        let now = Instant::now();
        if self.mode == AgentState::Starting && now >= self.started + READY_PATIENCE {
            self.listen(AgentState::Serial);
        }
        match self.stop {
            _ if self.has_ended => {}
            Stop::Asked { until, .. } | Stop::Leaving(until) if now >= until => self.end_monitor(),
            Stop::Ending(at) if now >= at => {
                // It may have ended just now.
                let _ = self.running.child.kill();
                self.stop = Stop::Killed;
            }
            _ => {}
        }
    }

    /// From here on it is known how to speak with the guest.
    fn listen(&mut self, mode: AgentState) {
        self.mode = mode;
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

    fn read_agent(&mut self, on_event: &mut dyn FnMut(Event<'_>)) -> bool {
        let Self { agent, output, records, kernel_log, server, running, .. } = self;
        let mut answered = Vec::new();
        let mut has_said_last_word = false;
        let any = agent.receive(running.agent.as_fd(), &mut |message| match message {
            Message::Output { stream, bytes } => output.take(stream, bytes),
            Message::Record(line) => {
                // A full disk must not stop the machine.
                let _ = writeln!(kernel_log, "{line}");
                if let Some(record) = Record::parse(line) {
                    records.push(record);
                    on_event(Event::Record(record));
                    has_said_last_word |= records.ending().is_some();
                }
            }
            Message::Response { id, status, payload } => answered.push((id, status, agent::Stats::decode(payload))),
            // Words that only we say.
            _ => {}
        });
        output.drain_ready();
        for (id, status, stats) in answered {
            let Some((client, operation)) = agent.take_pending(id) else { continue };
            let reply = match (status, operation, stats) {
                (Status::Done, Operation::Stats, Some(stats)) => Reply::Stats(Stats::from(&stats)),
                (Status::Done, Operation::Signal, _) => Reply::Done,
                (Status::Unsupported, ..) => refused(Refusal::Unsupported, refusal(status)),
                (Status::Invalid, ..) => refused(Refusal::Invalid, refusal(status)),
                _ => refused(Refusal::Failed, refusal(Status::Failed)),
            };
            server.reply(client, &reply);
        }
        if self.agent.is_up() && self.mode != AgentState::Agent {
            self.listen(AgentState::Agent);
        }
        if has_said_last_word && matches!(self.stop, Stop::Not | Stop::Asked { .. }) {
            self.stop = Stop::Leaving(Instant::now() + MONITOR_PATIENCE);
        }
        any
    }

    fn read_serial(&mut self, stream: Stream) -> bool {
        let line = if stream == Stream::Output { &self.running.console } else { &self.running.stderr };
        let Some(bytes) = read(line.as_fd()) else { return false };
        self.output.take(stream, &bytes);
        self.output.drain_ready();
        // A guest that writes has set its lines up, whether it says so or not.
        self.confirm_serial();
        true
    }

    fn hear_monitor(&mut self, on_event: &mut dyn FnMut(Event<'_>)) {
        match self.monitor.turn(self.running.control.as_fd()) {
            Some(Said::Started) => {
                pith_monitor::widen_backlogs(&self.running.child);
                on_event(Event::Started);
            }
            Some(Said::Stopped) if self.is_paused => {
                on_event(Event::Paused);
                self.answer_waiting();
            }
            Some(Said::Resumed) => {
                on_event(Event::Resumed);
                self.answer_waiting();
            }
            Some(Said::Stopped) if matches!(self.stop, Stop::Not | Stop::Asked { .. }) => {
                self.is_stuck = true;
                self.end_monitor();
            }
            Some(Said::Stopped) | None => {}
        }
    }

    /// The virtual CPU does what these clients asked for.
    fn answer_waiting(&mut self) {
        for client in std::mem::take(&mut self.waiting) {
            self.server.reply(client, &Reply::Done);
        }
    }

    /// Whether someone asked for the end.
    pub(super) fn was_stopped(&self) -> bool {
        self.was_stopped
    }

    /// A signal came to this process.
    pub(super) fn signal(&mut self, signal: i32, on_event: &mut dyn FnMut(Event<'_>)) {
        // Also when it is about to end by itself: it is not to be started again then.
        self.was_stopped |= matches!(signal, SIGTERM | SIGINT | SIGHUP);
        match (signal, self.stop) {
            (SIGTERM | SIGINT | SIGHUP, _) if self.has_ended => self.output.abandon(),
            (SIGTERM | SIGINT | SIGHUP, Stop::Not) => self.ask_to_stop(self.stop_signal, (self.stop_deadline)(), on_event),
            (SIGTERM | SIGINT | SIGHUP, Stop::Asked { since, .. }) if since.elapsed() >= SAME_REQUEST => self.end_monitor(),
            (SIGTERM | SIGINT | SIGHUP, _) => {}
            (other, _) => {
                if let Ok(number) = u8::try_from(other) {
                    self.pass_on(number);
                }
            }
        }
    }

    /// Passes a signal on to the application; `false` when there is no way to.
    fn pass_on(&mut self, number: u8) -> bool {
        if self.mode == AgentState::Agent {
            self.agent.ask(None, Operation::Signal, &[number]);
            return true;
        }
        // A kernel that only starts slowly may turn out to have an agent.
        let is_certain = self.mode == AgentState::Serial && self.serial.is_certain();
        if !is_certain {
            self.early_signals.push(number);
        }
        self.mode == AgentState::Starting || self.serial.signal(number)
    }

    fn ask_to_stop(&mut self, number: u8, deadline: Duration, on_event: &mut dyn FnMut(Event<'_>)) {
        self.was_stopped = true;
        if self.is_paused {
            // A processor that stands still cannot act on a signal.
            self.is_paused = false;
            self.monitor.execute("cont");
        }
        if i32::from(number) == SIGKILL {
            return self.end_monitor();
        }
        self.pass_on(number);
        let since = Instant::now();
        self.stop = Stop::Asked { since, until: since + deadline };
        on_event(Event::Stopping);
    }

    fn end_monitor(&mut self) {
        // It may have ended just now.
        let _ = rustix::process::kill_process(Pid::from_child(&self.running.child), Signal::TERM);
        self.stop = Stop::Ending(Instant::now() + MONITOR_PATIENCE);
    }

    /// Another process asks for something.
    fn answer(&mut self, client: ClientId, request: Request, on_event: &mut dyn FnMut(Event<'_>)) {
        let reply = match request {
            Request::State => {
                let is_stopping = self.stop != Stop::Not;
                Reply::State(MachineState { agent: self.mode, is_stopping, output_bytes: self.output.total() })
            }
            Request::Stop { number, deadline_ms } => self.stop_for_client(number, Duration::from_millis(deadline_ms), on_event),
            Request::Signal { number } if !(1..=64).contains(&number) => refused(Refusal::Invalid, "signals have numbers from 1 to 64"),
            _ if self.has_ended => refused(Refusal::Failed, "the machine has ended"),
            Request::Signal { number } => {
                self.was_stopped |= i32::from(number) == SIGKILL;
                if i32::from(number) == SIGKILL && self.is_paused {
                    self.end_monitor();
                    return self.server.reply(client, &Reply::Done);
                }
                if i32::from(number) == SIGKILL && matches!(self.stop, Stop::Not | Stop::Asked { .. }) {
                    // Must work on a guest that does not listen, too.
                    self.stop = Stop::Leaving(Instant::now() + MONITOR_PATIENCE);
                }
                if self.mode == AgentState::Agent {
                    return self.agent.ask(Some(client), Operation::Signal, &[number]);
                }
                match self.pass_on(number) || i32::from(number) == SIGKILL {
                    true => Reply::Done,
                    false => refused(
                        Refusal::Unsupported,
                        "the machine's kernel has no agent: it can be sent TERM, INT, HUP, QUIT, USR1, USR2 and WINCH",
                    ),
                }
            }
            Request::Pause | Request::Resume if (request == Request::Pause) == self.is_paused && self.waiting.is_empty() => Reply::Done,
            Request::Pause | Request::Resume => {
                self.is_paused = request == Request::Pause;
                self.monitor.execute(if self.is_paused { "stop" } else { "cont" });
                // Answered when the monitor says that it is so.
                return self.waiting.push(client);
            }
            Request::Stats if self.is_paused => refused(Refusal::Failed, "the machine is paused"),
            Request::Stats => match self.mode {
                AgentState::Agent => return self.agent.ask(Some(client), Operation::Stats, &[]),
                AgentState::Starting => refused(Refusal::Failed, "the machine's kernel is still starting"),
                AgentState::Serial => refused(Refusal::Unsupported, "the machine's kernel has no agent: there are no counters"),
            },
        };
        self.server.reply(client, &reply);
    }

    fn stop_for_client(&mut self, number: u8, deadline: Duration, on_event: &mut dyn FnMut(Event<'_>)) -> Reply {
        let until = Instant::now() + deadline;
        self.was_stopped |= (1..=64).contains(&number);
        match &mut self.stop {
            _ if self.has_ended => self.output.abandon(),
            Stop::Not if !(1..=64).contains(&number) => return refused(Refusal::Invalid, "signals have numbers from 1 to 64"),
            Stop::Not => self.ask_to_stop(number, deadline, on_event),
            Stop::Asked { until: earlier, .. } => *earlier = until.min(*earlier),
            Stop::Leaving(_) | Stop::Ending(_) | Stop::Killed => {}
        }
        Reply::Done
    }

    fn read_log(&mut self, on_event: &mut dyn FnMut(Event<'_>)) -> bool {
        let Some(bytes) = read(self.running.log.as_fd()) else { return false };
        // What the application wrote before these lines is said before them, though it came by another channel.
        for stream in [Stream::Output, Stream::Error] {
            let mut backlog = 0..BACKLOG_CHUNKS;
            while self.output.has_room(stream) && backlog.next().is_some() && self.read_serial(stream) {}
        }
        // A full disk must not stop the machine.
        let _ = self.kernel_log.write_all(&bytes);
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
        true
    }

    fn take_line(&mut self, line: &[u8], on_event: &mut dyn FnMut(Event<'_>)) {
        let text = String::from_utf8_lossy(line);
        match Record::parse(&text) {
            Some(record) => {
                if record == Record::Ready {
                    self.confirm_serial();
                }
                self.records.push(record);
                on_event(Event::Record(record));
            }
            None => on_event(Event::Noise(&text)),
        }
    }

    /// The monitor has ended: takes what is left in the channels.
    fn take_the_rest(&mut self, on_event: &mut dyn FnMut(Event<'_>)) {
        while self.read_agent(on_event) {}
        for stream in [Stream::Output, Stream::Error] {
            while self.read_serial(stream) {}
        }
        while self.read_log(on_event) {}
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, on_event);
        }
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

fn refused(why: Refusal, text: &str) -> Reply {
    Reply::Refused { why, text: text.to_owned() }
}

/// One chunk from one of the machine's channels; `None` when there is nothing (more).
fn read(from: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match rustix::io::read(from, &mut buffer) {
            Ok(got @ 1..) => {
                buffer.truncate(got);
                return Some(buffer);
            }
            Err(rustix::io::Errno::INTR) => {}
            // Nothing now, or the monitor is gone; its process will say so.
            Ok(_) | Err(_) => return None,
        }
    }
}
