//! What other processes ask for.

use super::stopping::{MONITOR_PATIENCE, Stop};
use super::{AgentState, Event, Life};
use crate::control::{MachineState, Refusal, Reply, Request};
use crate::supervise::server::ClientId;
use pith_abi::agent::Operation;
use signal_hook::consts::SIGKILL;
use std::time::{Duration, Instant};

impl Life<'_> {
    /// Another process asks for something.
    pub(super) fn answer(&mut self, client: ClientId, request: Request, on_event: &mut dyn FnMut(Event<'_>)) {
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
}

pub(super) fn refused(why: Refusal, text: &str) -> Reply {
    Reply::Refused { why, text: text.to_owned() }
}
