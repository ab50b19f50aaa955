//! What the guest and its monitor say.

use super::requests::refused;
use super::stopping::{MONITOR_PATIENCE, Stop};
use super::{AgentState, Event, Life};
use crate::control::{Refusal, Reply, Stats};
use crate::supervise::agent::refusal;
use crate::supervise::monitor_control::Said;
use pith_abi::agent::{self, Message, Operation, Status, Stream};
use pith_abi::record::Record;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// Longest line of the record channel that is kept.
const LINE_LIMIT: usize = 64 * 1024;
/// Bytes read from a serial line or the record channel at a time.
const CHUNK: usize = 64 * 1024;
/// Chunks of an application's output that are taken before a kernel message: more than a channel holds, and an end all the same.
const BACKLOG_CHUNKS: usize = 16;

impl Life<'_> {
    pub(super) fn read_agent(&mut self, on_event: &mut dyn FnMut(Event<'_>)) -> bool {
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
                (Status::Done, Operation::Stats, Some(stats)) => Reply::Stats(Stats::of(&stats, running.cpus)),
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

    pub(super) fn read_serial(&mut self, stream: Stream) -> bool {
        let line = if stream == Stream::Output { &self.running.console } else { &self.running.stderr };
        let Some(bytes) = read(line.as_fd()) else { return false };
        self.output.take(stream, &bytes);
        self.output.drain_ready();
        // A guest that writes has set its lines up, whether it says so or not.
        self.confirm_serial();
        true
    }

    pub(super) fn hear_monitor(&mut self, on_event: &mut dyn FnMut(Event<'_>)) {
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
    pub(super) fn answer_waiting(&mut self) {
        for client in std::mem::take(&mut self.waiting) {
            self.server.reply(client, &Reply::Done);
        }
    }

    pub(super) fn read_log(&mut self, on_event: &mut dyn FnMut(Event<'_>)) -> bool {
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

    pub(super) fn take_line(&mut self, line: &[u8], on_event: &mut dyn FnMut(Event<'_>)) {
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
    pub(super) fn take_the_rest(&mut self, on_event: &mut dyn FnMut(Event<'_>)) {
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
