//! futex(2).

use crate::Cx;
use crate::codec::time::timespec;
use crate::wait::Woke;
use file::{Events, Registration, Share};
use futex::{FutexKey, FutexTable, MATCH_ANY, WakeOp};
use time::realtime_to_monotonic;
use uapi::{Errno, Result};

const WAIT: i32 = 0;
const WAKE: i32 = 1;
const REQUEUE: i32 = 3;
const CMP_REQUEUE: i32 = 4;
const WAKE_OP: i32 = 5;
const WAIT_BITSET: i32 = 9;
const WAKE_BITSET: i32 = 10;
const PRIVATE_FLAG: i32 = 128;
const CLOCK_REALTIME: i32 = 256;

/// When a wait ends.
#[derive(Clone, Copy)]
enum Until {
    Forever,
    Monotonic(u64),
    Realtime(u64),
}

pub fn futex(cx: &mut Cx<'_>, word: u64, operation: i32, value: u32, timeout: u64, word2: u64, value3: u32) -> Result<u64> {
    let command = operation & !(PRIVATE_FLAG | CLOCK_REALTIME);
    if !word.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    let private = operation & PRIVATE_FLAG != 0;
    match command {
        WAIT | WAIT_BITSET => {
            let bitset = if command == WAIT { MATCH_ANY } else { value3 };
            let timeout = if timeout == 0 { None } else { timespec(cx.user(), timeout)? };
            let until = match timeout {
                None => Until::Forever,
                // FUTEX_WAIT's is relative, FUTEX_WAIT_BITSET's absolute.
                Some(ns) if command == WAIT => Until::Monotonic(cx.now_ns().saturating_add(ns)),
                Some(ns) if operation & CLOCK_REALTIME != 0 => Until::Realtime(ns),
                Some(ns) => Until::Monotonic(ns),
            };
            wait(cx, key(cx, word, private)?, word, value, bitset, until)
        }
        _ if operation & CLOCK_REALTIME != 0 => Err(Errno::ENOSYS),
        WAKE => Ok(table(cx).wake(key(cx, word, private)?, at_least_one(value), MATCH_ANY) as u64),
        WAKE_BITSET if value3 == 0 => Err(Errno::EINVAL),
        WAKE_BITSET => Ok(table(cx).wake(key(cx, word, private)?, at_least_one(value), value3) as u64),
        REQUEUE | CMP_REQUEUE => {
            let (wake, requeue) = (count(value)?, count(timeout as u32)?);
            let (from, to) = (key(cx, word, private)?, target(cx, word2, private)?);
            if command == REQUEUE {
                // Linux counts those it moved here too, whatever futex(2) says.
                let (woken, moved) = table(cx).requeue(from, to, wake, requeue);
                return Ok((woken + moved) as u64);
            }
            let user = cx.user();
            user.load_u32(word)?;
            let (woken, moved) = table(cx).cmp_requeue(from, to, wake, requeue, value3, || user.load_u32(word))?;
            Ok((woken + moved) as u64)
        }
        WAKE_OP => {
            let operation = WakeOp::decode(value3)?;
            let (first, second) = (key(cx, word, private)?, target(cx, word2, private)?);
            let user = cx.user();
            // The page is brought in before the table's lock is taken; a compare-and-exchange with itself asks for it writable.
            let held = user.load_u32(word2)?;
            user.compare_exchange_u32(word2, held, held)?;
            let (wake, wake2) = (at_least_one(value), at_least_one(timeout as u32));
            Ok(table(cx).wake_op(first, second, wake, wake2, || operation.apply(user, word2))? as u64)
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn table<'a>(cx: &'a Cx<'_>) -> &'a FutexTable {
    &cx.process.services().futexes
}

/// Linux wakes one sleeper even when asked for none, or for a negative number.
fn at_least_one(value: u32) -> usize {
    usize::try_from(value.cast_signed()).unwrap_or(1).max(1)
}

fn count(value: u32) -> Result<usize> {
    usize::try_from(value.cast_signed()).map_err(|_| Errno::EINVAL)
}

fn target(cx: &Cx<'_>, word: u64, private: bool) -> Result<FutexKey> {
    if word.is_multiple_of(4) { key(cx, word, private) } else { Err(Errno::EINVAL) }
}

/// What makes the word the same word for others. EFAULT.
fn key(cx: &Cx<'_>, word: u64, private: bool) -> Result<FutexKey> {
    if private && word < mm::USER_END { Ok(cx.process.private_futex_key(word)) } else { cx.process.futex_key(word) }
}

fn wait(cx: &Cx<'_>, key: FutexKey, word: u64, value: u32, bitset: u32, until: Until) -> Result<u64> {
    let user = cx.user();
    // Brings the page in: the look under the table's lock must find it.
    if user.load_u32(word)? != value && bitset != 0 {
        return Err(Errno::EAGAIN);
    }
    cx.prepare_to_block();
    let waiter = table(cx).wait_prepare(key, bitset, cx.waker(), value, || user.load_u32(word))?;
    let jumps = if matches!(until, Until::Realtime(_)) { cx.clock().realtime_set() } else { None };
    let _jumps: Option<Registration> = jumps.map(|queue| queue.register(Events::PRI, Share::All, cx.waker()));
    let mut expired = false;
    loop {
        if waiter.was_woken() {
            return Ok(0);
        }
        let why = if expired {
            Errno::ETIMEDOUT
        } else if cx.interrupted() {
            // With a timeout the call could not be restarted as it was (futex(2)).
            if matches!(until, Until::Forever) { Errno::ERESTARTSYS } else { Errno::EINTR }
        } else {
            expired = sleep(cx, until);
            continue;
        };
        // A wake that took this waiter meanwhile was counted and must not be lost.
        return if waiter.finish() { Ok(0) } else { Err(why) };
    }
}

/// Sleeps once; whether the time is up.
fn sleep(cx: &Cx<'_>, until: Until) -> bool {
    match until {
        Until::Forever => {
            cx.block(None);
            false
        }
        Until::Monotonic(at) => cx.block(Some(at)) == Woke::TimedOut,
        Until::Realtime(at) => {
            cx.block(Some(realtime_to_monotonic(cx.clock(), at)));
            cx.clock().realtime_ns() >= at
        }
    }
}
