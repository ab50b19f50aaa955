//! One flag for everything a thread has to look at before it goes back to the application.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

/// Whether something was left for a thread: a signal, a turn to give up, its own end. Whoever leaves something raises it afterwards; the way back to the
/// application lowers it before it looks. So the usual way back reads this and nothing else. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct Attention(Arc<AtomicBool>);

impl Attention {
    /// There is something to look at.
    #[inline]
    pub fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether there may be something to look at.
    #[inline]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The thread looks now: what is left from here on raises the flag again.
    #[inline]
    pub fn lower(&self) {
        self.0.swap(false, Ordering::SeqCst);
    }
}
