//! What a build tells while it goes on. The command line prints it.

use pith_diagnostic::Warning;

/// Which of a command's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'e> {
    /// The Dockerfile has something unwise.
    Warning(&'e Warning),
    /// A step begins. `step` is its number in the whole build, counted from 1.
    Started {
        /// Its number.
        step: usize,
        /// `[stage 2/5] RUN make`.
        title: &'e str,
    },
    /// A command wrote a line, without its line feed.
    Output {
        /// The step's number.
        step: usize,
        /// Where it was written.
        stream: Stream,
        /// The line.
        line: &'e [u8],
    },
    /// A step is done.
    Finished {
        /// Its number.
        step: usize,
        /// Whether an earlier build had done it.
        cached: bool,
    },
    /// A step failed; the error follows as the build's result.
    Failed {
        /// Its number.
        step: usize,
    },
}

/// Who is told. Stages are built side by side, so calls come from several threads.
pub trait Reporter: Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Reporter for Quiet {
    fn event(&self, _event: Event<'_>) {}
}
