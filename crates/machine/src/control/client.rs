//! The asking side.

use super::wire::{MachineState, Refusal, Reply, Request, path_of};
use super::{SOCKET, Stats};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take. A guest whose CPU is taken away by a busy host is slow, not dead.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer.
const ANSWER_LIMIT: u64 = 1 << 20;

/// Why a machine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens: it is not running (any more).
    #[error("the machine is not running")]
    NotRunning,
    /// The socket failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The guest does not answer.
    #[error("the machine does not answer")]
    NoAnswer,
    /// The answer was not one.
    #[error("the machine's supervisor answered {0:?}")]
    Nonsense(String),
    /// It said no.
    #[error("{text}")]
    Refused {
        /// Why, for programs.
        why: Refusal,
        /// Why, for people.
        text: String,
    },
}

/// A connection to a machine's supervisor.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Control {
    /// Connects to the machine in this directory.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`], also for a machine that is just being started; those of the socket.
    pub fn connect(directory: &Path) -> Result<Self, ControlError> {
        let path = directory.join(SOCKET);
        let connect = || -> io::Result<UnixStream> {
            let (_open, short) = path_of(directory)?;
            let stream = UnixStream::connect(short)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        match connect() {
            Ok(stream) => Ok(Self { path, stream: BufReader::new(stream) }),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Err(ControlError::NotRunning)
            }
            Err(source) => Err(ControlError::Io { path, source }),
        }
    }

    /// What the supervisor knows.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn state(&mut self) -> Result<MachineState, ControlError> {
        match self.ask(&Request::State)? {
            Reply::State(state) => Ok(state),
            other => Err(nonsense(&other)),
        }
    }

    /// The guest's counters.
    ///
    /// # Errors
    /// [`ControlError`]; [`Refusal::Unsupported`] when its kernel has no agent.
    pub fn stats(&mut self) -> Result<Stats, ControlError> {
        match self.ask(&Request::Stats)? {
            Reply::Stats(stats) => Ok(stats),
            other => Err(nonsense(&other)),
        }
    }

    /// Sends the application a signal (Linux number, 1 to 64).
    ///
    /// # Errors
    /// [`ControlError`]; [`Refusal::Unsupported`] for a signal that a kernel without agent cannot be told of.
    pub fn signal(&mut self, number: u8) -> Result<(), ControlError> {
        self.ask_done(&Request::Signal { number })
    }

    /// Stops the virtual CPU. Returns when it stands still.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn pause(&mut self) -> Result<(), ControlError> {
        self.ask_done(&Request::Pause)
    }

    /// Lets the virtual CPU go on. Returns when it does.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn resume(&mut self) -> Result<(), ControlError> {
        self.ask_done(&Request::Resume)
    }

    /// Asks the application to stop, with `signal` (SIGTERM is 15), and has the monitor ended after `deadline`. Returns at once; see
    /// [`wait_end`](Self::wait_end). Asked again, the sooner deadline counts.
    ///
    /// # Errors
    /// [`ControlError`].
    pub fn stop(&mut self, signal: u8, deadline: Duration) -> Result<(), ControlError> {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        self.ask_done(&Request::Stop { number: signal, deadline_ms })
    }

    /// Waits until the supervisor has written down how the machine ended, and is gone, at most `limit`. Whether it is.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn wait_end(mut self, limit: Duration) -> Result<bool, ControlError> {
        let limit = limit.max(Duration::from_millis(1));
        self.stream.get_ref().set_read_timeout(Some(limit)).map_err(|source| self.failed(source))?;
        match self.stream.read(&mut [0]) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
            Err(error) if is_timeout(&error) => Ok(false),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn ask_done(&mut self, request: &Request) -> Result<(), ControlError> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            other => Err(nonsense(&other)),
        }
    }

    fn failed(&self, source: io::Error) -> ControlError {
        ControlError::Io { path: self.path.clone(), source }
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, ControlError> {
        let mut line = serde_json::to_vec(request).map_err(|error| self.failed(error.into()))?;
        line.push(b'\n');
        let mut answer = String::new();
        let asked = self.stream.get_mut().write_all(&line).and_then(|()| self.stream.by_ref().take(ANSWER_LIMIT).read_line(&mut answer));
        match asked {
            Ok(_) if answer.ends_with('\n') => {}
            // It ended while we asked.
            Ok(0) => return Err(ControlError::NotRunning),
            Ok(_) => return Err(ControlError::Nonsense(answer)),
            Err(error) if is_timeout(&error) => return Err(ControlError::NoAnswer),
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                return Err(ControlError::NotRunning);
            }
            Err(source) => return Err(self.failed(source)),
        }
        match serde_json::from_str(&answer) {
            Ok(Reply::Refused { why, text }) => Err(ControlError::Refused { why, text }),
            Ok(reply) => Ok(reply),
            Err(_) => Err(ControlError::Nonsense(answer)),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn nonsense(reply: &Reply) -> ControlError {
    ControlError::Nonsense(format!("{reply:?}"))
}
