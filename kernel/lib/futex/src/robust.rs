//! Locks held by a thread that ends (set_robust_list(2), Linux `Documentation/locking/robust-futex-ABI.rst`).

use crate::{FutexKey, FutexTable, MATCH_ANY};
use uapi::Result;
use usermem::UserMemory;

const WAITERS: u32 = 0x8000_0000;
const OWNER_DIED: u32 = 0x4000_0000;
const TID_MASK: u32 = 0x3fff_ffff;

/// ROBUST_LIST_LIMIT: a circular list ends somewhere.
const LIMIT: usize = 2048;

/// Whether the entry is the lock that was just being taken or released.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Listed,
    Pending,
}

/// Walks the list at `head` (`struct robust_list_head`) of the thread `tid` that ends: each lock it holds is marked FUTEX_OWNER_DIED and one
/// waiter is woken. `key_of` gives the key that waiters on a (shared) word use. A bad list ends the walk, as on Linux.
pub fn robust_list_exit(user: &dyn UserMemory, head: u64, tid: u32, table: &FutexTable, key_of: &dyn Fn(u64) -> Result<FutexKey>) {
    // The error is the application's own broken list, and there is nobody left to tell.
    let _ = walk(user, head, tid, table, key_of);
}

fn walk(user: &dyn UserMemory, head: u64, tid: u32, table: &FutexTable, key_of: &dyn Fn(u64) -> Result<FutexKey>) -> Result<()> {
    let first: u64 = user.read(head)?;
    let offset: u64 = user.read(head.wrapping_add(8))?;
    let pending: u64 = user.read(head.wrapping_add(16))?;
    let mut entry = first;
    for _ in 0..LIMIT {
        // Bit 0 marks a priority-inheritance lock.
        if entry & !1 == head {
            break;
        }
        // Read before the lock is released: its new owner may free it.
        let next = user.read::<u64>(entry & !1);
        if entry != pending {
            release(user, entry, offset, tid, Entry::Listed, table, key_of)?;
        }
        entry = next?;
    }
    if pending != 0 {
        release(user, pending, offset, tid, Entry::Pending, table, key_of)?;
    }
    Ok(())
}

fn release(
    user: &dyn UserMemory,
    entry: u64,
    offset: u64,
    tid: u32,
    kind: Entry,
    table: &FutexTable,
    key_of: &dyn Fn(u64) -> Result<FutexKey>,
) -> Result<()> {
    let word = (entry & !1).wrapping_add(offset);
    let inherits = entry & 1 == 1;
    let wake = || {
        table.wake(key_of(word)?, 1, MATCH_ANY);
        Ok(())
    };
    let mut value = user.load_u32(word)?;
    if kind == Entry::Pending && !inherits && value == 0 {
        // Died between releasing the lock and waking the next.
        return wake();
    }
    while value & TID_MASK == tid {
        let held = user.compare_exchange_u32(word, value, value & WAITERS | OWNER_DIED)?;
        if held == value {
            return if value & WAITERS != 0 && !inherits { wake() } else { Ok(()) };
        }
        value = held;
    }
    Ok(())
}
