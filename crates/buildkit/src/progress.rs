//! What a caller may show during a build.

/// Something happened in the build. Steps are known by BuildKit's digest of them.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A step has started.
    Started {
        /// Which.
        step: &'a str,
        /// `[build 2/3] RUN make`
        name: &'a str,
    },
    /// A step has ended.
    Ended {
        /// Which.
        step: &'a str,
        /// `[build 2/3] RUN make`
        name: &'a str,
        /// Its result was there already.
        cached: bool,
        /// Why it failed; empty when it did not.
        error: &'a str,
    },
    /// A step wrote something.
    Output {
        /// Which.
        step: &'a str,
        /// What.
        bytes: &'a [u8],
    },
}

/// Somebody who wants to know. Called from one thread.
pub trait Progress: Send + Sync {
    /// Takes note.
    fn event(&self, event: Event<'_>);
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) {}
}
