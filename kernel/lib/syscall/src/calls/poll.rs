//! poll(2), ppoll(2).

use crate::Cx;
use crate::codec::time::{millis, timespec};
use crate::wait::Woke;
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::{Events, Registration, Share};
use process::Description;
use time::ns_to_timespec;
use uapi::types::PollFd;
use uapi::{Errno, Result};

pub fn poll(cx: &mut Cx<'_>, fds: u64, count: u32, timeout_ms: i32) -> Result<u64> {
    let deadline = Deadline::after(cx, millis(timeout_ms));
    wait(cx, fds, count, deadline)
}

pub fn ppoll(cx: &mut Cx<'_>, fds: u64, count: u32, timeout: u64, mask: u64, set_size: u64) -> Result<u64> {
    let deadline = Deadline::after(cx, timespec(cx.user(), timeout)?);
    let masked = cx.mask_signals(mask, set_size)?;
    let result = wait(cx, fds, count, deadline);
    cx.unmask_signals(masked, &result);
    deadline.write_left(cx, timeout);
    result
}

/// When a wait for several files ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Does not wait at all.
    Now,
    /// At this monotonic time in nanoseconds.
    At(u64),
    /// Never.
    Never,
}

impl Deadline {
    /// `timeout_ns` from now; `None` is never.
    pub fn after(cx: &Cx<'_>, timeout_ns: Option<u64>) -> Deadline {
        match timeout_ns {
            None => Deadline::Never,
            Some(0) => Deadline::Now,
            Some(ns) => Deadline::At(cx.now_ns().saturating_add(ns)),
        }
    }

    /// For [`Cx::block`].
    pub fn monotonic_ns(self) -> Option<u64> {
        match self {
            Deadline::Now => Some(0),
            Deadline::At(at) => Some(at),
            Deadline::Never => None,
        }
    }

    /// The time left, which ppoll(2) and pselect(2) write back; a fault there is no error.
    pub fn write_left(self, cx: &Cx<'_>, timeout: u64) {
        let left = match self {
            Deadline::Never => return,
            Deadline::Now => 0,
            Deadline::At(at) => at.saturating_sub(cx.now_ns()),
        };
        let _ = cx.user().write(timeout, &ns_to_timespec(left));
    }
}

/// One watched file.
pub struct Watched {
    /// `None` for an entry that is skipped or whose descriptor is not open.
    pub open: Option<Arc<Description>>,
    /// What was asked for.
    pub asked: Events,
}

impl Watched {
    /// What is ready of what was asked for.
    pub fn ready(&self) -> Events {
        match &self.open {
            Some(open) => open.file.poll() & (self.asked | Events::ALWAYS),
            None => Events::empty(),
        }
    }
}

/// Calls `look` (which counts what is ready) until it finds something or `deadline` passes: 0. ERESTARTNOHAND: a signal came. Wakers are
/// only registered when the first look finds nothing.
pub fn until_any(cx: &Cx<'_>, watched: &[Watched], deadline: Deadline, look: &mut dyn FnMut() -> u64) -> Result<u64> {
    let found = look();
    if found > 0 || deadline == Deadline::Now {
        return Ok(found);
    }
    cx.prepare_to_block();
    let _registrations: Vec<Registration> = watched
        .iter()
        .filter_map(|w| Some(w.open.as_ref()?.file.wait_queue()?.register(w.asked | Events::ALWAYS, Share::All, cx.waker())))
        .collect();
    let mut expired = false;
    loop {
        let found = look();
        if found > 0 || expired {
            return Ok(found);
        }
        if cx.interrupted() {
            return Err(Errno::ERESTARTNOHAND);
        }
        expired = cx.block(deadline.monotonic_ns()) == Woke::TimedOut;
    }
}

fn wait(cx: &Cx<'_>, fds: u64, count: u32, deadline: Deadline) -> Result<u64> {
    if u64::from(count) > cx.descriptor_limit() {
        return Err(Errno::EINVAL);
    }
    let mut entries: Vec<PollFd> = cx.user().read_vec(fds, count as usize)?;
    let watched: Vec<Watched> = entries
        .iter()
        .map(|entry| {
            let open = if entry.fd < 0 { None } else { cx.file(entry.fd).ok() };
            Watched { open, asked: Events::from_bits_truncate(entry.events.into()) }
        })
        .collect();
    let found = until_any(cx, &watched, deadline, &mut || {
        let mut found = 0;
        for (entry, watch) in entries.iter_mut().zip(&watched) {
            let ready = if entry.fd >= 0 && watch.open.is_none() { Events::NVAL } else { watch.ready() };
            entry.revents = ready.bits() as u16;
            found += u64::from(!ready.is_empty());
        }
        found
    });
    // Only the results go back, each at its place.
    let at = |index: usize| fds + index as u64 * size_of::<PollFd>() as u64 + 6;
    for (index, entry) in entries.iter().enumerate() {
        cx.user().write(at(index), &entry.revents)?;
    }
    found
}
