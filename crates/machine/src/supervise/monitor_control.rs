//! The little of QMP that is needed: whether the monitor is up, and whether it stopped the machine.

use rustix::io::Errno;
use std::os::fd::BorrowedFd;

/// Something QMP said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It answered our first command: all devices and ports are set up.
    Started,
    /// The virtual CPU was stopped.
    Stopped,
}

/// Our side of the conversation.
pub(super) struct Control {
    to_send: Option<&'static [u8]>,
    line: Vec<u8>,
    has_started: bool,
}

impl Control {
    pub(super) fn new() -> Self {
        Self { to_send: Some(b"{\"execute\":\"qmp_capabilities\"}\n"), line: Vec::new(), has_started: false }
    }

    pub(super) fn has_output(&self) -> bool {
        self.to_send.is_some()
    }

    /// Sends and receives what is possible now.
    pub(super) fn turn(&mut self, channel: BorrowedFd<'_>) -> Option<Said> {
        if let Some(bytes) = self.to_send {
            match rustix::io::write(channel, bytes) {
                Ok(written) => self.to_send = bytes.get(written..).filter(|rest| !rest.is_empty()),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => self.to_send = None,
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
        (message.get("event")?.as_str()? == "STOP").then_some(Said::Stopped)
    }
}
