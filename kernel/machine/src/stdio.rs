//! The application's first three descriptors: the console as a container sees it without a terminal, that is, as pipes.

use crate::console::{Console, Stream};
use alloc::sync::Arc;
use core::any::Any;
#[cfg(feature = "devfs")]
use devfs::{TerminalSignal, WindowSize};
use file::{Events, File, FileType, OpenFlags, Sink, Source, Stat, UserMemory, WaitQueue};
use uapi::{Errno, Result, ioctl};

/// Linux's numbers of the signals that keys mean (signal(7)).
#[cfg(feature = "devfs")]
const SIGINT: u8 = 2;
#[cfg(feature = "devfs")]
const SIGQUIT: u8 = 3;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Standard input.
    Input,
    /// Standard output or error.
    Output(Stream),
}

/// One of the three descriptors' files.
pub struct Stdio {
    console: Arc<Console>,
    end: End,
    /// Whose it is: the application may open it again by /dev/stdout.
    uid: u32,
}

impl Stdio {
    /// That end of the console, as a file of user `uid`.
    pub fn new(console: &Arc<Console>, end: End, uid: u32) -> Arc<Self> {
        Arc::new(Self { console: console.clone(), end, uid })
    }
}

impl File for Stdio {
    fn read(&self, dst: &mut dyn Sink, _flags: OpenFlags) -> Result<usize> {
        if self.end != End::Input {
            return Err(Errno::EBADF);
        }
        let mut buf = [0; 2048];
        let want = dst.remaining().min(buf.len());
        let got = self.console.read(&mut buf[..want])?;
        dst.put(&buf[..got])
    }

    fn write(&self, src: &mut dyn Source, _flags: OpenFlags) -> Result<usize> {
        let End::Output(stream) = self.end else { return Err(Errno::EBADF) };
        self.console.write(stream, src)
    }

    fn poll(&self) -> Events {
        match self.end {
            End::Output(stream) if self.console.writable(stream) => Events::WRITABLE,
            End::Input if self.console.readable() => Events::READABLE,
            _ => Events::empty(),
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.console.queue())
    }

    fn stat(&self) -> Result<Stat> {
        let ino = match self.end {
            End::Input => 1,
            End::Output(Stream::Output) => 2,
            End::Output(Stream::Error) => 3,
        };
        Ok(Stat { dev: 12, ino, kind: FileType::Fifo, mode: 0o600, uid: self.uid, nlink: 1, block_size: 4096, ..Stat::default() })
    }

    fn ioctl(&self, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
        match (command, self.end) {
            (ioctl::FIONREAD, End::Input) => user.write(arg, &(self.console.waiting() as i32)).map(|()| 0),
            _ => Err(Errno::ENOTTY),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The console as `/dev/console`; standard input and output of a machine without a terminal.
#[cfg(feature = "devfs")]
pub struct DeviceConsole(pub Arc<Console>);

#[cfg(feature = "devfs")]
impl devfs::Console for DeviceConsole {
    fn write_some(&self, bytes: &[u8]) -> Result<usize> {
        let mut source = bytes;
        self.0.write(Stream::Output, &mut source)
    }
    fn writable(&self) -> bool {
        self.0.writable(Stream::Output)
    }
    fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.0.read(buf)
    }
    fn pending(&self) -> Option<usize> {
        match self.0.waiting() {
            0 if self.0.readable() => None,
            waiting => Some(waiting),
        }
    }
    fn queue(&self) -> &WaitQueue {
        self.0.queue()
    }
    fn window_size(&self) -> Option<WindowSize> {
        self.0.window().map(|(rows, columns)| WindowSize { rows, columns, ..WindowSize::default() })
    }
    fn set_window_size(&self, size: WindowSize) {
        self.0.resize(size.rows, size.columns);
    }
    fn signal(&self, signal: TerminalSignal) {
        match signal {
            TerminalSignal::Interrupt => self.0.signal(SIGINT),
            TerminalSignal::Quit => self.0.signal(SIGQUIT),
            // There is no shell that could let it go on.
            TerminalSignal::Suspend => {}
        }
    }
}

/// The random number generator as `/dev/random`.
#[cfg(feature = "devfs")]
pub struct Entropy;

#[cfg(feature = "devfs")]
impl devfs::RandomSource for Entropy {
    fn fill(&self, bytes: &mut [u8]) {
        crate::random::RNG.fill(bytes);
    }
    fn mix(&self, bytes: &[u8]) {
        crate::random::RNG.add_entropy(bytes, 0);
    }
}
