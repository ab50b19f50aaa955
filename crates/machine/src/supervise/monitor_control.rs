//! The little of QMP that is needed: whether the monitor is up, whether it stopped the machine, and stopping it for a while.

use rustix::io::Errno;
use std::os::fd::BorrowedFd;

/// Something QMP said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It answered our first command: all devices and ports are set up.
    Started,
    /// The virtual CPU was stopped.
    Stopped,
    /// It goes on.
    Resumed,
}

/// Our side of the conversation.
pub(super) struct Control {
    to_send: Vec<u8>,
    line: Vec<u8>,
    has_started: bool,
}

impl Control {
    pub(super) fn new() -> Self {
        let mut control = Self { to_send: Vec::new(), line: Vec::new(), has_started: false };
        control.execute("qmp_capabilities");
        control
    }

    /// Sends a command that has no arguments; commands are carried out in order.
    pub(super) fn execute(&mut self, command: &str) {
        self.to_send.extend(format!("{{\"execute\":\"{command}\"}}\n").bytes());
    }

    pub(super) fn has_output(&self) -> bool {
        !self.to_send.is_empty()
    }

    /// Sends and receives what is possible now.
    pub(super) fn turn(&mut self, channel: BorrowedFd<'_>) -> Option<Said> {
        if self.has_output() {
            match rustix::io::write(channel, &self.to_send) {
                Ok(written) => drop(self.to_send.drain(..written)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                // The monitor is gone; its process will say so.
                Err(_) => self.to_send.clear(),
            }
        }
        let mut buffer = [0; 4096];
        let mut said = None;
        while let Ok(got @ 1..) = rustix::io::read(channel, &mut buffer) {
            for byte in buffer.iter().take(got) {
                if *byte == b'\n' {
                    let line = std::mem::take(&mut self.line);
                    said = self.take_line(&line).or(said);
                } else {
                    self.line.push(*byte);
                }
            }
        }
        said
    }

    fn take_line(&mut self, line: &[u8]) -> Option<Said> {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        if message.get("return").is_some() && !self.has_started {
            self.has_started = true;
            return Some(Said::Started);
        }
        match message.get("event")?.as_str()? {
            "STOP" => Some(Said::Stopped),
            "RESUME" => Some(Said::Resumed),
            _ => None,
        }
    }
}
