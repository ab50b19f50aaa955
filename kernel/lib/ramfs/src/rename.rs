//! Moving entries.

use crate::inode::{RamInode, State};
use crate::name::Bytes;
use spinlock::MutexGuard;
use uapi::{Errno, Result};
use vfs::{RemoveKind, RenameKind};

/// Two directories' states: one when they are the same.
enum Pair<'a> {
    Same(MutexGuard<'a, State>),
    Two(MutexGuard<'a, State>, MutexGuard<'a, State>),
}

impl Pair<'_> {
    fn from(&mut self) -> &mut State {
        match self {
            Pair::Same(state) | Pair::Two(state, _) => state,
        }
    }
    fn to(&mut self) -> &mut State {
        match self {
            Pair::Same(state) | Pair::Two(_, state) => state,
        }
    }
}

impl RamInode {
    /// Moves the entry `from` to `to` in `to_dir` (see [`vfs::Inode::rename`]).
    pub(crate) fn rename_to(&self, from: &[u8], to_dir: &RamInode, to: &[u8], kind: RenameKind) -> Result<()> {
        let _change = self.fs.change.lock();
        let now = self.fs.now_ns();
        let same = core::ptr::eq(self, to_dir);
        let mut pair = if same { Pair::Same(self.state.lock()) } else { Pair::Two(self.state.lock(), to_dir.state.lock()) };
        self.complete(pair.from())?;
        to_dir.complete(pair.to())?;
        let source = pair.from().directory()?.get(from).cloned().ok_or(Errno::ENOENT)?;
        let target = pair.to().directory()?.get(to).cloned();
        match (&target, kind) {
            (Some(_), RenameKind::NoReplace) => return Err(Errno::EEXIST),
            (None, RenameKind::Exchange) => return Err(Errno::ENOENT),
            (Some(target), RenameKind::Exchange) => {
                pair.from().directory()?.replace(from, target.clone());
                pair.to().directory()?.replace(to, source.clone());
                let (went, came) = (u32::from(source.is_dir()), u32::from(target.is_dir()));
                pair.from().nlink = pair.from().nlink + came - went;
                pair.to().nlink = pair.to().nlink + went - came;
            }
            (target, _) => {
                if let Some(target) = target {
                    target.removable(if source.is_dir() { RemoveKind::Directory } else { RemoveKind::File })?;
                }
                if pair.to().directory()?.dead {
                    return Err(Errno::ENOENT);
                }
                let entry = pair.from().directory()?.remove(from).ok_or(Errno::ENOENT)?;
                pair.from().nlink -= u32::from(source.is_dir());
                if let Some(target) = target {
                    pair.to().directory()?.remove(to);
                    pair.to().nlink -= u32::from(target.is_dir());
                }
                pair.to().directory()?.insert(Bytes::Owned(to.into()), entry.inode)?;
                pair.to().nlink += u32::from(source.is_dir());
            }
        }
        pair.from().changed(now);
        pair.to().changed(now);
        drop(pair);
        source.state.lock().ctime_ns = now;
        match target {
            Some(target) if kind == RenameKind::Exchange => target.state.lock().ctime_ns = now,
            Some(target) => target.lost_name(now),
            None => {}
        }
        Ok(())
    }
}
