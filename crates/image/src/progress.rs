//! What a caller may show while images travel.

use crate::digest::Digest;
use crate::reference::Reference;

/// Something happened. Sizes are in bytes.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The manifest is being asked for.
    Resolving {
        /// As the user named it.
        reference: &'a Reference,
        /// Where it is really looked up, when a mapping says so.
        mapped_to: Option<&'a str>,
    },
    /// A blob is there already.
    Present {
        /// Which.
        digest: &'a Digest,
    },
    /// A blob has come, or gone, this far. The first of a blob has `done` as of an earlier, interrupted transfer.
    Transfer {
        /// Which.
        digest: &'a Digest,
        /// So far.
        done: u64,
        /// At the end.
        total: u64,
    },
    /// A blob is complete and verified.
    Done {
        /// Which.
        digest: &'a Digest,
    },
    /// A transfer failed and is tried again.
    Retry {
        /// The address.
        what: &'a str,
        /// Why.
        problem: &'a str,
    },
}

/// Somebody who wants to know. Called from several threads, so it takes turns by itself.
pub trait Reporter: Send + Sync {
    /// Takes note.
    fn event(&self, event: Event<'_>);
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: Event<'_>) {}
}
