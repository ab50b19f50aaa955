//! The store: names, atomicity, leftovers, locks.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{record, store};
use pith_machine::state::Process;
use pith_machine::{Phase, Status, StoreError};
use std::fs;

#[test]
fn a_machine_lives_and_is_removed() {
    let (_directory, store) = store();
    let mut machine = store.create(Some("web"), record()).unwrap();
    assert!(matches!(store.create(Some("web"), record()), Err(StoreError::NameTaken(_))));
    assert_eq!(store.get("web").unwrap().status(), Status::Created);
    assert!(matches!(store.remove("web"), Err(StoreError::StillRunning(_))));
    machine.record.phase = Phase::Running;
    machine.save().unwrap();
    assert_eq!(store.get("web").unwrap().status(), Status::Running);
    machine.record.phase = Phase::Exited;
    machine.record.exit_code = Some(3);
    machine.save().unwrap();
    drop(machine);
    let list = store.list().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(store.get("web").unwrap().status(), Status::Exited);
    store.remove("web").unwrap();
    assert!(matches!(store.get("web"), Err(StoreError::NotFound(_))));
    assert_eq!(fs::read_dir(store.data().join("machines")).unwrap().count(), 0);
}

#[test]
fn a_lost_supervisor_shows_and_can_be_cleaned() {
    let (_directory, store) = store();
    let mut machine = store.create(None, record()).unwrap();
    machine.record.phase = Phase::Running;
    machine.save().unwrap();
    let name = machine.record.name.clone();
    drop(machine);
    assert_eq!(store.get(&name).unwrap().status(), Status::Failed);
    store.remove(&name).unwrap();
}

#[test]
fn damage_is_shown_by_name_and_can_be_removed() {
    let (_directory, store) = store();
    drop(store.create(Some("a"), record()).unwrap());
    fs::write(store.data().join("machines/a/machine.json"), "{ nonsense").unwrap();
    fs::create_dir(store.data().join("machines/b")).unwrap();
    let list = store.list().unwrap();
    assert!(list.iter().all(|(_, machine)| machine.is_err()));
    store.remove("a").unwrap();
    store.remove("b").unwrap();
    for name in ["../x", ".new-1", "", "a/b"] {
        assert!(store.remove(name).is_err());
        assert!(matches!(store.create(Some(name), record()), Err(StoreError::BadName(_))));
    }
}

#[test]
fn leftovers_are_swept_when_old_and_not_locked() {
    let (_directory, store) = store();
    let leftover = store.data().join("machines/.new-abc");
    fs::create_dir(&leftover).unwrap();
    store.list().unwrap();
    assert!(leftover.exists(), "a start in progress must not be disturbed");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(120);
    fs::File::open(&leftover).unwrap().set_modified(old).unwrap();
    store.list().unwrap();
    assert!(!leftover.exists());
}

#[test]
fn a_process_is_told_apart_from_a_later_one() {
    let me = Process::of(std::process::id()).unwrap();
    assert!(me.is_alive());
    assert!(!Process { start_ticks: me.start_ticks + 1, ..me }.is_alive());
    let error = pith_machine::signal::send(Process { start_ticks: 1, ..me }, rustix::process::Signal::TERM).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(3));
}
