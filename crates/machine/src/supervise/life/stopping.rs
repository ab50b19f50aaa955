//! How a machine is brought to its end: the application is asked, then the monitor, then nobody.

use super::requests::refused;
use super::{AgentState, Event, Life, READY_PATIENCE};
use crate::control::{Refusal, Reply};
use pith_abi::agent::Operation;
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGWINCH};
use std::time::{Duration, Instant};

/// Time for the monitor to end on SIGTERM before SIGKILL, and for the guest to end after its last word or after SIGKILL.
pub(super) const MONITOR_PATIENCE: Duration = Duration::from_secs(2);
/// A signal that comes again so soon is the same request: timeout(1) and shells send it to the process and to its group.
const SAME_REQUEST: Duration = Duration::from_millis(300);

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
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

impl Life<'_> {
    pub(super) fn deadlines(&mut self) {
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

    /// A signal came to this process.
    pub(in crate::supervise) fn signal(&mut self, signal: i32, on_event: &mut dyn FnMut(Event<'_>)) {
        // Also when it is about to end by itself: it is not to be started again then.
        self.was_stopped |= matches!(signal, SIGTERM | SIGINT | SIGHUP);
        match (signal, self.stop) {
            (SIGTERM | SIGINT | SIGHUP, _) if self.has_ended => self.output.abandon(),
            (SIGTERM | SIGINT | SIGHUP, Stop::Not) => self.ask_to_stop(self.stop_signal, (self.stop_deadline)(), on_event),
            (SIGTERM | SIGINT | SIGHUP, Stop::Asked { since, .. }) if since.elapsed() >= SAME_REQUEST => self.end_monitor(),
            (SIGTERM | SIGINT | SIGHUP, _) => {}
            (SIGWINCH, _) => self.tell_size(),
            (other, _) => {
                if let Ok(number) = u8::try_from(other) {
                    self.pass_on(number);
                }
            }
        }
    }

    /// Passes a signal on to the application; `false` when there is no way to.
    pub(super) fn pass_on(&mut self, number: u8) -> bool {
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

    pub(super) fn ask_to_stop(&mut self, number: u8, deadline: Duration, on_event: &mut dyn FnMut(Event<'_>)) {
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

    pub(super) fn end_monitor(&mut self) {
        // It may have ended just now.
        let _ = rustix::process::kill_process(Pid::from_child(&self.running.child), Signal::TERM);
        self.stop = Stop::Ending(Instant::now() + MONITOR_PATIENCE);
    }

    pub(super) fn stop_for_client(&mut self, number: u8, deadline: Duration, on_event: &mut dyn FnMut(Event<'_>)) -> Reply {
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
}
