//! A machine that runs: its lines with the time each came, its processor time, its end.

use crate::{Result, host};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A child with its standard output read line by line. Dropping it ends it.
pub struct Machine {
    child: Child,
    started: Instant,
    lines: Receiver<(Instant, String)>,
    /// All lines so far, for messages.
    seen: Vec<String>,
}

impl Machine {
    /// Starts it; the clock runs from just before.
    pub fn start(mut command: Command) -> Result<Self> {
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("{}: {e}", command.get_program().display()))?;
        let (sender, lines) = channel();
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || {
                let mut reader = BufReader::new(output);
                let mut line = Vec::new();
                while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    if sender.send((Instant::now(), String::from_utf8_lossy(&line).trim_end().to_owned())).is_err() {
                        break;
                    }
                    line.clear();
                }
            });
        }
        Ok(Self { child, started, lines, seen: Vec::new() })
    }

    /// The next line that holds `text`, and how long after the start it came. Firmware may leave terminal codes before it on the same line.
    ///
    /// # Errors
    /// When the machine ends before it says so, or is not done in time; with its last lines.
    pub fn wait_for(&mut self, text: &str, patience: Duration) -> Result<(Duration, String)> {
        let deadline = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((at, line)) => {
                    let found = line.find(text).map(|from| line[from..].to_owned());
                    self.seen.push(line);
                    if let Some(rest) = found {
                        return Ok((at - self.started, rest));
                    }
                }
                Err(why) => {
                    let last: Vec<&str> = self.seen.iter().rev().take(3).rev().map(String::as_str).collect();
                    let what = if why == RecvTimeoutError::Timeout { "no" } else { "it ended without" };
                    return Err(format!("{what} {text:?} in {} s; last lines: {last:?}", patience.as_secs()));
                }
            }
        }
    }

    /// Time since the start.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Gives its published ports the backlog that `pith run` gives them.
    pub fn widen_backlogs(&self) {
        pith_monitor::widen_backlogs(&self.child);
    }

    /// Processor time that it has used, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        host::cpu_seconds(self.child.id()).unwrap_or(0.0)
    }

    /// Waits for it to end by itself.
    pub fn end(mut self, patience: Duration) -> Result<(Duration, ExitStatus)> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().map_err(|e| e.to_string())? {
                return Ok((self.started.elapsed(), status));
            }
            thread::sleep(Duration::from_micros(200));
        }
        Err(format!("not ended in {} s", patience.as_secs()))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
