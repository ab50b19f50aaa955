//! The user's terminal, while the application has it.

use pith_abi::cmdline::WindowSize;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// The size of a terminal that nobody looks at.
const UNSEEN: WindowSize = WindowSize { rows: 24, columns: 80 };

/// The size of the terminal that this process is on.
pub fn size() -> WindowSize {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let sizes = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()].into_iter().filter_map(|fd| tcgetwinsize(fd).ok());
    sizes.map(|size| WindowSize { rows: size.ws_row, columns: size.ws_col }).find(|size| size.rows > 0).unwrap_or(UNSEEN)
}

/// A terminal that hands every key on, until this is dropped: what a key means, the guest's own line discipline says.
pub struct Raw<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> Raw<'a> {
    /// `None` for what is no terminal.
    ///
    /// # Errors
    /// A terminal that cannot be set.
    pub fn new(terminal: BorrowedFd<'a>) -> io::Result<Option<Self>> {
        if !isatty(terminal) {
            return Ok(None);
        }
        let before = tcgetattr(terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(terminal, OptionalActions::Drain, &raw)?;
        Ok(Some(Self { terminal, before }))
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(self.terminal, OptionalActions::Drain, &self.before);
    }
}
