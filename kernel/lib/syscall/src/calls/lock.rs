//! File locks: flock(2), and the record locks of fcntl(2).

use crate::Cx;
use crate::wait::{self, Wait};
use file::{Events, SeekFrom};
use process::Description;
use uapi::types::Flock;
use uapi::{Errno, Result};
use vfs::{LockKind, LockOwner, LockRange, OpenFile, opened};

/// F_RDLCK, F_WRLCK, F_UNLCK.
const READ: i16 = 0;
const WRITE: i16 = 1;
const UNLOCK: i16 = 2;

/// Whether a call waits for a lock that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// EAGAIN.
    Try,
    /// Until it is gone.
    Wait,
}

fn target(open: &Description) -> Result<&OpenFile> {
    // Locks live on inodes; what has none with a name is locked by nobody else.
    opened(&*open.file).ok_or(Errno::EINVAL)
}

fn acquire(cx: &Cx<'_>, file: &OpenFile, patience: Patience, attempt: &mut dyn FnMut() -> Result<u64>) -> Result<u64> {
    match attempt() {
        Err(Errno::EAGAIN) if patience == Patience::Wait => {
            let freed = Wait { interest: Events::IN | Events::OUT, ..Wait::READABLE };
            wait::until_woken(cx, &file.lock_queue(), freed, attempt)
        }
        other => other,
    }
}

pub fn flock(cx: &mut Cx<'_>, fd: i32, operation: i32) -> Result<u64> {
    const NONBLOCK: i32 = 4;
    let kind = match operation & !NONBLOCK {
        1 => Some(LockKind::Shared),
        2 => Some(LockKind::Exclusive),
        8 => None,
        _ => return Err(Errno::EINVAL),
    };
    let open = cx.file(fd)?;
    let file = target(&open)?;
    let patience = if operation & NONBLOCK == 0 { Patience::Wait } else { Patience::Try };
    acquire(cx, file, patience, &mut || file.flock(kind).map(|()| 0))
}

/// Whose lock a fcntl command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// F_SETLK: the process.
    Process,
    /// F_OFD_SETLK: the open file description.
    Description,
}

impl Owner {
    fn of(self, cx: &Cx<'_>, file: &OpenFile) -> LockOwner {
        match self {
            Owner::Process => cx.lock_owner(),
            Owner::Description => file.lock_owner(),
        }
    }
}

fn read(cx: &Cx<'_>, open: &Description, owner: Owner, addr: u64) -> Result<(Flock, LockRange)> {
    let raw: Flock = cx.user().read(addr)?;
    if owner == Owner::Description && raw.pid != 0 {
        return Err(Errno::EINVAL);
    }
    let base = match raw.whence {
        0 => 0,
        1 => open.file.seek(SeekFrom::Current(0))?.cast_signed(),
        2 => open.file.stat()?.size.cast_signed(),
        _ => return Err(Errno::EINVAL),
    };
    let start = base.checked_add(raw.start).ok_or(Errno::EOVERFLOW)?;
    Ok((raw, LockRange::new(start, raw.len)?))
}

fn kind(raw: &Flock) -> Result<Option<LockKind>> {
    match raw.kind {
        READ => Ok(Some(LockKind::Shared)),
        WRITE => Ok(Some(LockKind::Exclusive)),
        UNLOCK => Ok(None),
        _ => Err(Errno::EINVAL),
    }
}

/// F_SETLK, F_SETLKW and their OFD forms.
pub fn set(cx: &Cx<'_>, open: &Description, owner: Owner, patience: Patience, addr: u64) -> Result<u64> {
    let file = target(open)?;
    let (raw, range) = read(cx, open, owner, addr)?;
    let kind = kind(&raw)?;
    let owner = owner.of(cx, file);
    acquire(cx, file, patience, &mut || file.set_record_lock(owner, cx.pid(), kind, range).map(|()| 0))
}

/// F_GETLK, F_OFD_GETLK.
pub fn get(cx: &Cx<'_>, open: &Description, owner: Owner, addr: u64) -> Result<u64> {
    let file = target(open)?;
    let (raw, range) = read(cx, open, owner, addr)?;
    let kind = kind(&raw)?.ok_or(Errno::EINVAL)?;
    let answer = match file.record_lock(owner.of(cx, file), kind, range) {
        None => Flock { kind: UNLOCK, ..raw },
        Some(conflict) => Flock {
            kind: if conflict.kind == LockKind::Shared { READ } else { WRITE },
            whence: 0,
            start: conflict.range.start.cast_signed(),
            // A lock to the end has length 0.
            len: match conflict.range.last {
                u64::MAX => 0,
                last => (last - conflict.range.start + 1).cast_signed(),
            },
            pid: conflict.pid,
            ..Flock::default()
        },
    };
    cx.user().write(addr, &answer)?;
    Ok(0)
}
