//! The console as a file.

use crate::terminal::{Terminal, TerminalSignal};
use crate::termios;
use alloc::sync::Arc;
use core::any::Any;
use file::{AccessMode, Events, File, FileType, OpenFlags, Sink, Source, Stat, UserMemory, WaitQueue};
use uapi::ioctl::{FIONREAD, TIOCGPGRP, TIOCGSID, TIOCGWINSZ, TIOCSCTTY, TIOCSPGRP, TIOCSWINSZ};
use uapi::{Errno, Result};
use vfs::{Device, make_dev};

/// Size of a terminal, in characters and pixels (`struct winsize`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
    /// Width in pixels; 0 is unknown.
    pub width: u16,
    /// Height in pixels; 0 is unknown.
    pub height: u16,
}

/// The machine's console: a byte stream out and one in.
pub trait Console: Send + Sync {
    /// Writes the front of `bytes`, as much as is taken now; EAGAIN when that is nothing (wait for [`Events::OUT`]).
    fn write_some(&self, bytes: &[u8]) -> Result<usize>;
    /// Whether [`write_some`](Self::write_some) would take something.
    fn writable(&self) -> bool {
        true
    }
    /// Reads bytes that have come: EAGAIN when there are none (wait for [`Events::IN`]), 0 when there will never be any again.
    fn read(&self, buf: &mut [u8]) -> Result<usize>;
    /// How many bytes have come and not been read; `None` when there will never be any again.
    fn pending(&self) -> Option<usize>;
    /// Woken (with [`Events::IN`]) when bytes come, and (with [`Events::OUT`]) when more can be written.
    fn queue(&self) -> &WaitQueue;
    /// The size of the terminal at the other end; `None` when it is not one (a file, a pipe, a log).
    fn window_size(&self) -> Option<WindowSize> {
        None
    }
    /// Gives the terminal another size.
    fn set_window_size(&self, size: WindowSize) {
        let _ = size;
    }
    /// A signal character was typed (Ctrl-C): for the foreground processes.
    fn signal(&self, signal: TerminalSignal) {
        let _ = signal;
    }
}

/// An open console. One for all: what is typed goes to whoever reads first.
pub struct ConsoleFile {
    console: Arc<dyn Console>,
    terminal: Option<Terminal>,
}

/// Bytes moved at a time.
const CHUNK: usize = 256;

impl ConsoleFile {
    /// The file on `console`.
    pub fn new(console: Arc<dyn Console>) -> ConsoleFile {
        let terminal = console.window_size().map(|_| Terminal::new());
        ConsoleFile { console, terminal }
    }

    /// Whether there is a terminal at the other end.
    pub fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Takes what was typed, also where nobody reads: a signal character is to be heard by a program that is busy. Whether there is something to read.
    pub fn receive(&self) -> bool {
        self.terminal.as_ref().is_some_and(|terminal| {
            self.pump(terminal);
            terminal.readable()
        })
    }

    /// Lets the line discipline have what was typed.
    fn pump(&self, terminal: &Terminal) {
        let mut chunk = [0; CHUNK];
        while terminal.has_room() {
            match self.console.read(&mut chunk) {
                Ok(0) => return terminal.end(),
                Ok(n) => terminal.receive(&chunk[..n], &*self.console),
                Err(_) => return,
            }
        }
    }
}

impl File for ConsoleFile {
    fn read(&self, dst: &mut dyn Sink, _: OpenFlags) -> Result<usize> {
        if let Some(terminal) = &self.terminal {
            self.pump(terminal);
            return terminal.read(dst);
        }
        let mut chunk = [0; CHUNK];
        let mut done = 0;
        while dst.remaining() > 0 {
            let want = dst.remaining().min(CHUNK);
            let n = match self.console.read(&mut chunk[..want]) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            };
            match dst.put(&chunk[..n]) {
                Ok(put) => done += put,
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
            if n < want {
                break;
            }
        }
        Ok(done)
    }

    fn write(&self, src: &mut dyn Source, _: OpenFlags) -> Result<usize> {
        let mut chunk = [0; CHUNK];
        let mut done = 0;
        while src.remaining() > 0 {
            // What is not taken now is asked for again.
            let taken = src.peek(&mut chunk).and_then(|count| match &self.terminal {
                Some(terminal) => terminal.write(&chunk[..count], &*self.console),
                None => self.console.write_some(&chunk[..count]),
            });
            match taken {
                Ok(0) => break,
                Ok(count) => {
                    src.skip(count);
                    done += count;
                }
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn poll(&self) -> Events {
        let readable = match &self.terminal {
            Some(terminal) => {
                self.pump(terminal);
                terminal.readable()
            }
            None => self.console.pending().is_none_or(|n| n > 0),
        };
        let mut events = Events::empty();
        events.set(Events::READABLE, readable);
        events.set(Events::WRITABLE, self.console.writable());
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.console.queue())
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat { kind: FileType::CharDevice, mode: 0o620, nlink: 1, rdev: make_dev(5, 1), block_size: 1024, ..Stat::default() })
    }

    fn ioctl(&self, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
        if command == FIONREAD {
            let count = match &self.terminal {
                Some(terminal) => {
                    self.pump(terminal);
                    terminal.available()
                }
                None => self.console.pending().unwrap_or(0),
            };
            user.write(arg, &i32::try_from(count).unwrap_or(i32::MAX))?;
            return Ok(0);
        }
        let terminal = self.terminal.as_ref().ok_or(Errno::ENOTTY)?;
        match command {
            TIOCGWINSZ => {
                let size = self.console.window_size().unwrap_or_default();
                user.write(arg, &[size.rows, size.columns, size.width, size.height])?;
            }
            TIOCSWINSZ => {
                let [rows, columns, width, height] = user.read(arg)?;
                self.console.set_window_size(WindowSize { rows, columns, width, height });
            }
            // One session, one foreground group: the first process's.
            TIOCGPGRP | TIOCGSID => user.write(arg, &1i32)?,
            TIOCSPGRP | TIOCSCTTY => {}
            _ => return termios::ioctl(terminal, command, arg, user),
        }
        Ok(0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(crate) struct ConsoleDevice(pub(crate) Arc<ConsoleFile>);

impl Device for ConsoleDevice {
    fn open(&self, _: AccessMode, _: OpenFlags) -> Result<Arc<dyn File>> {
        Ok(self.0.clone())
    }
}
