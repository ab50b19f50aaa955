//! Descriptors, limits, credentials.

use super::*;
use file::{AccessMode, File, OpenFlags, Stat};

struct Nothing;

impl File for Nothing {
    fn stat(&self) -> Result<Stat> {
        Ok(Stat::default())
    }
    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

fn description() -> Arc<Description> {
    Description::new(Arc::new(Nothing), AccessMode::ReadWrite, OpenFlags::empty())
}

#[test]
fn the_lowest_free_descriptor_is_taken() {
    let table = FileTable::new(8);
    let insert = |from| table.insert(description(), OnExec::Keep, from);
    assert_eq!([insert(0), insert(0), insert(0)], [Ok(0), Ok(1), Ok(2)]);
    drop(table.close(1));
    assert_eq!((insert(0), insert(0), insert(5)), (Ok(1), Ok(3), Ok(5)));
    assert_eq!((insert(0), insert(0), insert(0)), (Ok(4), Ok(6), Ok(7)));
    assert_eq!(insert(0), Err(Errno::EMFILE));
    assert_eq!((insert(8), insert(-1)), (Err(Errno::EINVAL), Err(Errno::EINVAL)));
    assert_eq!(table.list(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(table.close(9).err(), Some(Errno::EBADF));
    assert_eq!(table.get(-1).err(), Some(Errno::EBADF));
}

#[test]
fn replacing_closing_ranges_and_exec() {
    let table = FileTable::new(100);
    for _ in 0..4 {
        table.insert(description(), OnExec::Keep, 0).unwrap();
    }
    let new = description();
    assert!(table.replace(2, new.clone(), OnExec::Close).unwrap().is_some());
    assert!(table.replace(50, new.clone(), OnExec::Keep).unwrap().is_none());
    assert_eq!(table.replace(100, new.clone(), OnExec::Keep).err(), Some(Errno::EBADF));
    assert_eq!(table.on_exec(2), Ok(OnExec::Close));
    table.close_range_on_exec(3, u32::MAX);
    let copy = table.duplicate();
    assert_eq!(table.close_on_exec().len(), 3);
    assert_eq!(table.list(), [0, 1]);
    assert_eq!(copy.close_range(1, 3).len(), 3);
    assert_eq!(copy.list(), [0, 50]);
    assert_eq!(copy.insert(new, OnExec::Keep, 0), Ok(1));
}

#[test]
fn status_flags_that_can_change_do() {
    let open = Description::new(Arc::new(Nothing), AccessMode::Read, OpenFlags::DSYNC);
    open.set_flags(OpenFlags::NONBLOCK | OpenFlags::PATH);
    assert_eq!(open.flags(), OpenFlags::DSYNC | OpenFlags::NONBLOCK);
}

#[test]
fn limits() {
    let mut limits = Rlimits::default();
    let set = |limits: &mut Rlimits, current, maximum, raise| limits.set(Resource::Files, Rlimit { current, maximum }, raise);
    assert_eq!(set(&mut limits, 10, 5, Raise::Allowed), Err(Errno::EINVAL));
    assert_eq!(set(&mut limits, 10, 100, Raise::Denied), Ok(()));
    assert_eq!(set(&mut limits, 10, 101, Raise::Denied), Err(Errno::EPERM));
    assert_eq!(set(&mut limits, 10, NR_OPEN + 1, Raise::Allowed), Err(Errno::EPERM));
    assert_eq!(Resource::from_number(16), Err(Errno::EINVAL));
    assert_eq!(Resource::from_number(7), Ok(Resource::Files));
}

#[test]
fn giving_up_root_gives_up_capabilities() {
    let mut who = Credentials::default();
    who.setgroups(&[4, 5]).unwrap();
    who.setresuid(1000, 1000, 1000).unwrap();
    assert!(!who.capable(CAP_SETUID));
    assert_eq!(who.caps.permitted, 0);
    assert_eq!(who.setuid(0), Err(Errno::EPERM));
    assert_eq!(who.setgroups(&[]), Err(Errno::EPERM));
    assert_eq!((who.setfsuid(1), who.uid.fs), (1000, 1000));

    // Keeping the saved id lets a server come back.
    let mut who = Credentials::default();
    who.setresuid(u32::MAX, 33, u32::MAX).unwrap();
    assert_eq!((who.uid.real, who.uid.effective, who.uid.saved), (0, 33, 0));
    assert!(!who.capable(CAP_SETUID));
    who.setresuid(u32::MAX, 0, u32::MAX).unwrap();
    assert!(who.capable(CAP_SETUID));

    let mut who = Credentials { securebits: SECBIT_KEEP_CAPS, ..Credentials::default() };
    who.setuid(33).unwrap();
    assert_eq!(who.caps.effective, 0);
    let permitted = who.caps.permitted;
    assert_ne!(permitted, 0);
    assert_eq!(who.capset(1 << CAP_SETUID, 1 << CAP_SETUID, 0), Ok(()));
    assert_eq!(who.capset(0, permitted, 0), Err(Errno::EPERM));
}

#[test]
fn identity_reaches_the_file_system() {
    let world = World::new();
    let process = world.process().process().clone();
    process.change_credentials(|who| who.setgid(50)).unwrap();
    process.change_credentials(|who| who.setuid(40)).unwrap();
    let fs = process.fs();
    assert_eq!((fs.uid, fs.gid), (40, 50));
    assert_eq!(process.change_credentials(|who| who.setuid(0)), Err(Errno::EPERM));
    process.change_fs(|fs| fs.umask = 0o77);
    assert_eq!(process.fs().umask, 0o77);
}
