//! The line discipline: what happens between keys and read(2) (termios(3)).

use crate::Console;
use crate::termios::{Input, Local, Output, Termios, VEOF, VEOL, VERASE, VINTR, VKILL, VMIN, VQUIT, VSUSP};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use file::Sink;
use spinlock::Mutex;
use uapi::{Errno, Result};

/// Bytes of input kept (Linux's N_TTY_BUF_SIZE); more is dropped.
const CAPACITY: usize = 4096;

/// What a signal character asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalSignal {
    /// SIGINT (Ctrl-C).
    Interrupt,
    /// SIGQUIT (Ctrl-\).
    Quit,
    /// SIGTSTP (Ctrl-Z).
    Suspend,
}

/// A terminal's settings and input.
pub struct Terminal {
    state: Mutex<State>,
}

struct State {
    termios: Termios,
    /// Ready to be read.
    ready: VecDeque<u8>,
    /// Lengths of the lines in `ready` (canonical mode), newline included; a length of 0 is an end of file typed at the start of a line.
    lines: VecDeque<usize>,
    /// The line being edited.
    editing: Vec<u8>,
    ended: bool,
    /// The return that goes before a line feed is out, the line feed is not.
    has_returned: bool,
}

impl State {
    fn canonical(&self) -> bool {
        self.termios.local().contains(Local::ICANON)
    }

    fn readable(&self) -> bool {
        let enough =
            if self.canonical() { !self.lines.is_empty() } else { self.ready.len() >= usize::from(self.termios.chars[VMIN].max(1)) };
        enough || self.ended
    }

    fn finish_line(&mut self) {
        let line = core::mem::take(&mut self.editing);
        self.lines.push_back(line.len());
        self.ready.extend(line);
    }

    /// Whether another character may be taken; a line that nobody can read before its end may overflow.
    fn has_room(&self) -> bool {
        !self.ended && (self.ready.is_empty() || self.ready.len() + self.editing.len() < CAPACITY)
    }

    /// Takes one character; what is to be shown is appended to `echo`.
    fn accept(&mut self, byte: u8, echo: &mut Vec<u8>) -> Option<TerminalSignal> {
        let input = self.termios.input();
        let local = self.termios.local();
        let byte = match byte {
            b'\r' if input.contains(Input::IGNCR) => return None,
            b'\r' if input.contains(Input::ICRNL) => b'\n',
            b'\n' if input.contains(Input::INLCR) => b'\r',
            byte => byte,
        };
        let chars = self.termios.chars;
        let is = |index: usize| chars[index] != 0 && chars[index] == byte;
        if local.contains(Local::ISIG) {
            let signals = [(VINTR, TerminalSignal::Interrupt), (VQUIT, TerminalSignal::Quit), (VSUSP, TerminalSignal::Suspend)];
            if let Some((_, signal)) = signals.into_iter().find(|(index, _)| is(*index)) {
                if !local.contains(Local::NOFLSH) {
                    self.editing.clear();
                    self.ready.clear();
                    self.lines.clear();
                }
                self.echo(byte, echo);
                return Some(signal);
            }
        }
        if !self.canonical() {
            if self.ready.len() < CAPACITY {
                self.ready.push_back(byte);
                self.echo(byte, echo);
            }
            return None;
        }
        if is(VERASE) {
            self.erase(echo);
        } else if is(VKILL) {
            while self.erase(echo) {}
        } else if is(VEOF) {
            self.finish_line();
        } else if self.editing.len() + self.ready.len() < CAPACITY || byte == b'\n' {
            self.editing.push(byte);
            let end = byte == b'\n' || is(VEOL);
            if byte == b'\n' && local.contains(Local::ECHONL) && !local.contains(Local::ECHO) {
                echo.push(byte);
            }
            self.echo(byte, echo);
            if end {
                self.finish_line();
            }
        }
        None
    }

    /// Takes the last character (all bytes of it, in UTF-8) off the line; false when there is none.
    fn erase(&mut self, echo: &mut Vec<u8>) -> bool {
        while let Some(byte) = self.editing.pop() {
            if byte & 0xc0 != 0x80 {
                if self.termios.local().contains(Local::ECHO | Local::ECHOE) {
                    echo.extend_from_slice(b"\x08 \x08");
                    if byte < 0x20 && byte != b'\t' {
                        echo.extend_from_slice(b"\x08 \x08");
                    }
                }
                return true;
            }
        }
        false
    }

    fn echo(&self, byte: u8, echo: &mut Vec<u8>) {
        if !self.termios.local().contains(Local::ECHO) {
            return;
        }
        match byte {
            b'\n' | b'\t' | 0x20..=0x7e | 0x80.. => echo.push(byte),
            _ => echo.extend_from_slice(&[b'^', byte ^ 0x40]),
        }
    }
}

/// Output with newlines as the settings want them.
fn processed(output: Output, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    for byte in bytes {
        if *byte == b'\n' && output.contains(Output::OPOST | Output::ONLCR) {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

impl Terminal {
    pub(crate) fn new() -> Terminal {
        let state = State {
            termios: Termios::initial(),
            ready: VecDeque::new(),
            lines: VecDeque::new(),
            editing: Vec::new(),
            ended: false,
            has_returned: false,
        };
        Terminal { state: Mutex::new(state) }
    }

    pub(crate) fn settings(&self) -> Termios {
        self.state.lock().termios
    }

    pub(crate) fn set(&self, termios: Termios) {
        let mut state = self.state.lock();
        let was = state.canonical();
        state.termios = termios;
        if was && !state.canonical() {
            // What was typed so far can be read at once.
            state.finish_line();
            state.lines.clear();
        } else if !was && state.canonical() && !state.ready.is_empty() {
            let pending = state.ready.len();
            state.lines.push_back(pending);
        }
    }

    pub(crate) fn flush(&self) {
        let mut state = self.state.lock();
        state.ready.clear();
        state.lines.clear();
        state.editing.clear();
    }

    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        if !state.editing.is_empty() {
            state.finish_line();
        }
        state.ended = true;
    }

    pub(crate) fn has_room(&self) -> bool {
        self.state.lock().has_room()
    }

    pub(crate) fn receive(&self, bytes: &[u8], console: &dyn Console) {
        let mut echo = Vec::new();
        let mut signals = Vec::new();
        let output = {
            let mut state = self.state.lock();
            for byte in bytes {
                signals.extend(state.accept(*byte, &mut echo));
            }
            state.termios.output()
        };
        // What the other end does not take now is not shown at all, as on Linux: nobody could wait for it here.
        let echo = processed(output, &echo);
        let mut rest = echo.as_slice();
        while !rest.is_empty()
            && let Ok(taken @ 1..) = console.write_some(rest)
        {
            rest = &rest[taken..];
        }
        for signal in signals {
            console.signal(signal);
        }
    }

    pub(crate) fn readable(&self) -> bool {
        self.state.lock().readable()
    }

    pub(crate) fn available(&self) -> usize {
        let state = self.state.lock();
        if state.canonical() { state.lines.front().copied().unwrap_or(0) } else { state.ready.len() }
    }

    pub(crate) fn read(&self, dst: &mut dyn Sink) -> Result<usize> {
        let bytes: Vec<u8> = {
            let mut state = self.state.lock();
            if !state.readable() {
                // VMIN of 0: a read that does not wait. Of VTIME nothing is known here.
                return if !state.canonical() && state.termios.chars[VMIN] == 0 { Ok(0) } else { Err(Errno::EAGAIN) };
            }
            let room = dst.remaining();
            let mut count = state.ready.len().min(room);
            if state.canonical() {
                let Some(line) = state.lines.pop_front() else { return Ok(0) };
                count = line.min(room);
                if count < line {
                    state.lines.push_front(line - count);
                }
            }
            state.ready.drain(..count).collect()
        };
        // Outside the lock: the copy may fault.
        dst.put(&bytes)
    }

    /// Writes the front of `bytes`, as much as is taken now; EAGAIN when that is nothing.
    pub(crate) fn write(&self, bytes: &[u8], console: &dyn Console) -> Result<usize> {
        let (output, has_returned) = {
            let state = self.state.lock();
            (state.termios.output(), state.has_returned)
        };
        let shown = processed(output, bytes);
        let skipped = usize::from(has_returned && shown.starts_with(b"\r\n"));
        let mut left = skipped + console.write_some(&shown[skipped..])?;
        let mut done = 0;
        for byte in bytes {
            let width = processed(output, &[*byte]).len();
            if width > left {
                break;
            }
            (left, done) = (left - width, done + 1);
        }
        // Half of a line's end is no character that was written.
        self.state.lock().has_returned = left > 0;
        if done == 0 && !bytes.is_empty() { Err(Errno::EAGAIN) } else { Ok(done) }
    }
}
