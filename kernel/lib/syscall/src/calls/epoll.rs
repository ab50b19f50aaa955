//! epoll_create(2), epoll_ctl(2), epoll_wait(2).

use super::fd::{O_CLOEXEC, on_exec, result};
use super::poll::Deadline;
use crate::Cx;
use crate::arch::EpollEvent;
use crate::codec::time::{millis, timespec};
use crate::wait::Woke;
use ::epoll::{EpollFile, Op};
use file::{AccessMode, Events, File, FileType, OpenFlags, Share};
use process::Description;
use uapi::{Errno, Result};

/// The most events that one wait may ask for.
const MAX_EVENTS: i32 = i32::MAX / size_of::<EpollEvent>() as i32;

pub fn epoll_create(cx: &mut Cx<'_>, size: i32) -> Result<u64> {
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    epoll_create1(cx, 0)
}

pub fn epoll_create1(cx: &mut Cx<'_>, flags: u32) -> Result<u64> {
    if flags & !O_CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    let file = EpollFile::new(cx.anonymous_stat(FileType::Anonymous));
    result(cx.install(file, AccessMode::ReadWrite, OpenFlags::empty(), on_exec(flags))?)
}

fn instance(open: &Description) -> Result<&EpollFile> {
    open.file.as_any().downcast_ref().ok_or(Errno::EINVAL)
}

pub fn epoll_ctl(cx: &mut Cx<'_>, epoll: i32, operation: i32, fd: i32, event: u64) -> Result<u64> {
    const ADD: i32 = 1;
    const DELETE: i32 = 2;
    const MODIFY: i32 = 3;
    // The event is read first, as on Linux: EFAULT comes before EBADF.
    let operation = match operation {
        DELETE => Op::Delete,
        ADD | MODIFY => {
            let raw: EpollEvent = cx.user().read(event)?;
            if operation == ADD { Op::Add(raw.events, raw.data) } else { Op::Modify(raw.events, raw.data) }
        }
        _ => {
            cx.file(epoll)?;
            cx.file(fd)?;
            return Err(Errno::EINVAL);
        }
    };
    let open = cx.file(epoll)?;
    let target = cx.file(fd)?;
    instance(&open)?.ctl(operation, fd, &target.file)?;
    Ok(0)
}

pub fn epoll_wait(cx: &mut Cx<'_>, epoll: i32, events: u64, max: i32, timeout_ms: i32) -> Result<u64> {
    wait(cx, epoll, events, max, millis(timeout_ms))
}

pub fn epoll_pwait(cx: &mut Cx<'_>, epoll: i32, events: u64, max: i32, timeout_ms: i32, mask: u64, set_size: u64) -> Result<u64> {
    masked(cx, epoll, events, max, millis(timeout_ms), [mask, set_size])
}

pub fn epoll_pwait2(cx: &mut Cx<'_>, epoll: i32, events: u64, max: i32, timeout: u64, mask: u64, set_size: u64) -> Result<u64> {
    let timeout_ns = timespec(cx.user(), timeout)?;
    masked(cx, epoll, events, max, timeout_ns, [mask, set_size])
}

fn masked(cx: &Cx<'_>, epoll: i32, events: u64, max: i32, timeout_ns: Option<u64>, mask: [u64; 2]) -> Result<u64> {
    let masked = cx.mask_signals(mask[0], mask[1])?;
    let result = wait(cx, epoll, events, max, timeout_ns);
    cx.unmask_signals(masked, &result);
    result
}

fn wait(cx: &Cx<'_>, epoll: i32, events: u64, max: i32, timeout_ns: Option<u64>) -> Result<u64> {
    if !(1..=MAX_EVENTS).contains(&max) {
        return Err(Errno::EINVAL);
    }
    let open = cx.file(epoll)?;
    let instance = instance(&open)?;
    let user = cx.user();
    let collect = || {
        let mut at = events;
        instance.collect_with(max.unsigned_abs() as usize, &mut |ready, data| {
            user.write(at, &EpollEvent::new(ready, data))?;
            at += size_of::<EpollEvent>() as u64;
            Ok(())
        })
    };
    let found = collect()?;
    if found > 0 || timeout_ns == Some(0) {
        return Ok(found as u64);
    }
    let deadline = Deadline::after(cx, timeout_ns);
    cx.prepare_to_block();
    let _registration = instance.wait_queue().map(|queue| queue.register(Events::IN, Share::All, cx.waker()));
    let mut expired = false;
    loop {
        let found = collect()?;
        if found > 0 || expired {
            return Ok(found as u64);
        }
        if cx.interrupted() {
            // Never restarted (signal(7)).
            return Err(Errno::EINTR);
        }
        expired = cx.block(deadline.monotonic_ns()) == Woke::TimedOut;
    }
}
