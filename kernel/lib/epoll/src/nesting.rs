//! Epoll instances that watch each other: how deep, and never in a circle.

use crate::{EpollFile, Shared};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use file::File;
use uapi::{Errno, Result};

/// Instances in the longest chain (epoll_ctl(2), ELOOP).
const MAX_CHAIN: usize = 5;

/// Looked at after `child` was put on `parent`'s list, so that of two instances adding each other at once at least one sees the circle.
pub(crate) fn check(parent: &Arc<Shared>, child: &Arc<Shared>) -> Result<()> {
    let below = height(child, parent, MAX_CHAIN)?;
    let above = parent.above.load(Ordering::SeqCst) + 1;
    if above + below > MAX_CHAIN {
        return Err(Errno::ELOOP);
    }
    raise(child, above);
    Ok(())
}

fn watched(epoll: &Shared) -> Vec<Arc<dyn File>> {
    let items = epoll.items.lock();
    items.values().filter_map(|item| item.file()).filter(|file| file.as_any().is::<EpollFile>()).collect()
}

fn instance(file: &Arc<dyn File>) -> Option<&Arc<Shared>> {
    file.as_any().downcast_ref::<EpollFile>().map(|epoll| &epoll.shared)
}

/// Instances in the longest chain that starts with `epoll`; ELOOP when it meets `parent` or is longer than `limit`.
fn height(epoll: &Arc<Shared>, parent: &Arc<Shared>, limit: usize) -> Result<usize> {
    if limit == 0 || Arc::ptr_eq(epoll, parent) {
        return Err(Errno::ELOOP);
    }
    let mut below = 0;
    for file in watched(epoll) {
        if let Some(inner) = instance(&file) {
            below = below.max(height(inner, parent, limit - 1)?);
        }
    }
    Ok(below + 1)
}

/// Notes that `above` instances watch `epoll`, and one more each level down. Bounded: [`height`] has just walked the same tree.
fn raise(epoll: &Arc<Shared>, above: usize) {
    if above > MAX_CHAIN || epoll.above.fetch_max(above, Ordering::SeqCst) >= above {
        return;
    }
    for file in watched(epoll) {
        if let Some(inner) = instance(&file) {
            raise(inner, above + 1);
        }
    }
}
