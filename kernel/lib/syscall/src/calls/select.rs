//! select(2), pselect6(2).

use super::poll::{Deadline, Watched, until_any};
use crate::Cx;
use crate::codec::time::{timespec, timeval};
use alloc::vec::Vec;
use file::Events;
use time::ns_to_timeval;
use uapi::{Errno, Result};

/// The events behind each of the three sets (select(2), "Correspondence between select() and poll() notifications").
const SETS: [Events; 3] = [
    Events::IN.union(Events::RDNORM).union(Events::RDBAND).union(Events::HUP).union(Events::ERR),
    Events::OUT.union(Events::WRNORM).union(Events::WRBAND).union(Events::ERR),
    Events::PRI,
];

pub fn select(cx: &mut Cx<'_>, count: i32, read: u64, write: u64, except: u64, timeout: u64) -> Result<u64> {
    let deadline = Deadline::after(cx, timeval(cx.user(), timeout)?);
    let result = wait(cx, count, [read, write, except], deadline);
    if let Deadline::At(at) = deadline {
        // As on Linux the time left is written back, and a fault there is no error.
        let _ = cx.user().write(timeout, &ns_to_timeval(at.saturating_sub(cx.now_ns())));
    }
    result
}

pub fn pselect6(cx: &mut Cx<'_>, count: i32, read: u64, write: u64, except: u64, timeout: u64, mask: u64) -> Result<u64> {
    let deadline = Deadline::after(cx, timespec(cx.user(), timeout)?);
    // The sixth argument points to a pair: the address of the mask and its size.
    let [mask, size] = cx.user().read_optional::<[u64; 2]>(mask)?.unwrap_or([0, 8]);
    let masked = cx.mask_signals(mask, size)?;
    let result = wait(cx, count, [read, write, except], deadline);
    cx.unmask_signals(masked, &result);
    deadline.write_left(cx, timeout);
    result
}

/// The three bit maps, as 64-bit words.
struct Sets([Vec<u64>; 3]);

impl Sets {
    fn has(&self, set: usize, fd: usize) -> bool {
        self.0[set].get(fd / 64).is_some_and(|word| word & (1 << (fd % 64)) != 0)
    }
    fn set(&mut self, set: usize, fd: usize) {
        if let Some(word) = self.0[set].get_mut(fd / 64) {
            *word |= 1 << (fd % 64);
        }
    }
}

fn wait(cx: &Cx<'_>, count: i32, addrs: [u64; 3], deadline: Deadline) -> Result<u64> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    // Bits beyond the table's size stand for nothing (select(2)).
    let count = count.min(usize::try_from(cx.descriptor_limit()).unwrap_or(usize::MAX));
    let words = count.div_ceil(64);
    let read = |addr: u64| if addr == 0 { Ok(Vec::new()) } else { cx.user().read_vec(addr, words) };
    let asked = Sets([read(addrs[0])?, read(addrs[1])?, read(addrs[2])?]);
    let mut fds = Vec::new();
    let mut watched = Vec::new();
    for fd in 0..count {
        let mut events = Events::empty();
        for (set, meaning) in SETS.iter().enumerate() {
            if asked.has(set, fd) {
                events |= *meaning;
            }
        }
        if !events.is_empty() {
            let open = cx.file(i32::try_from(fd).map_err(|_| Errno::EBADF)?)?;
            fds.push(fd);
            watched.push(Watched { open: Some(open), asked: events });
        }
    }
    let mut found = Sets(core::array::from_fn(|set| alloc::vec![0; asked.0[set].len()]));
    let bits = until_any(cx, &watched, deadline, &mut || {
        let mut bits = 0;
        for (fd, watch) in fds.iter().zip(&watched) {
            let ready = watch.ready();
            for (set, meaning) in SETS.iter().enumerate() {
                if asked.has(set, *fd) && ready.intersects(*meaning) {
                    found.set(set, *fd);
                    bits += 1;
                }
            }
        }
        bits
    })?;
    for (addr, words) in addrs.iter().zip(&found.0) {
        for (index, word) in words.iter().enumerate() {
            cx.user().write(addr + index as u64 * 8, word)?;
        }
    }
    Ok(bits)
}
