//! The store: names, atomicity, leftovers, locks.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{record, store};
use pith_machine::state::Process;
use pith_machine::{Phase, Status, Store, StoreError};
use std::fs;

#[test]
fn a_machine_lives_and_is_removed() {
    let (_directory, store) = store();
    let mut machine = store.create(Some("web"), record()).unwrap();
    assert!(matches!(store.create(Some("web"), record()), Err(StoreError::NameTaken(_))));
    assert_eq!(store.get("web").unwrap().status(), Status::Created);
    assert!(matches!(store.remove("web"), Err(StoreError::StillRunning(_))));
    machine.update(|record| record.phase = Phase::Running).unwrap();
    assert_eq!(store.get("web").unwrap().status(), Status::Running);
    machine.update(|record| (record.phase, record.exit_code) = (Phase::Exited, Some(3))).unwrap();
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
    machine.update(|record| record.phase = Phase::Running).unwrap();
    let name = machine.record.name.clone();
    drop(machine);
    assert_eq!(store.get(&name).unwrap().status(), Status::Failed);
    store.remove(&name).unwrap();
}

#[test]
fn a_machine_that_gets_ready_behind_ones_back_is_not_shown_as_failed() {
    let (_directory, store) = store();
    let mut machine = store.create(Some("a"), record()).unwrap();
    let looked_at = store.get("a").unwrap();
    machine.update(|record| record.phase = Phase::Created).unwrap();
    drop(machine);
    assert_eq!((looked_at.record.phase, looked_at.status()), (Phase::Preparing, Status::Created));
}

#[test]
fn damage_is_shown_by_id_and_can_be_removed() {
    let (_directory, store) = store();
    let id = made(&store, "a");
    fs::write(store.data().join(format!("machines/{id}/machine.json")), "{ nonsense").unwrap();
    fs::create_dir(store.data().join("machines/b")).unwrap();
    let list = store.list().unwrap();
    assert!(list.len() == 2 && list.iter().all(|(_, machine)| machine.is_err()));
    assert!(matches!(store.create(Some("a"), record()), Err(StoreError::NameTaken(_))));
    store.remove("a").unwrap();
    store.remove("b").unwrap();
    assert_eq!(fs::read_dir(store.data().join("names")).unwrap().count(), 0);
    for name in ["../x", ".new-1", "", "a/b"] {
        assert!(store.remove(name).is_err());
        assert!(matches!(store.create(Some(name), record()), Err(StoreError::BadName(_))));
    }
}

/// A machine that is made and not started; its id.
fn made(store: &Store, name: &str) -> String {
    let mut machine = store.create(Some(name), record()).unwrap();
    machine.update(|record| record.phase = Phase::Created).unwrap();
    machine.record.id
}

#[test]
fn names_ids_and_beginnings_of_ids_mean_a_machine() {
    let (_directory, store) = store();
    let id = made(&store, "web");
    for word in ["web", &id, &id[..1], &id[..6]] {
        assert_eq!(store.get(word).unwrap().record.name, "web", "{word}");
    }
    // Sixteen more must share a first digit with each other.
    let others: Vec<String> = (0..17).map(|number| made(&store, &format!("m{number}"))).collect();
    let first = |id: &String| others.iter().filter(|other| other[..1] == id[..1]).count();
    let shared = others.iter().find(|id| first(id) > 1).unwrap();
    assert!(matches!(store.get(&shared[..1]), Err(StoreError::Ambiguous(_))));
    // A name wins over an id that looks the same.
    store.rename("m0", &id).unwrap();
    assert_eq!(store.get(&id).unwrap().record.id, others[0]);
}

#[test]
fn renaming_keeps_one_name() {
    let (_directory, store) = store();
    let id = made(&store, "old");
    made(&store, "other");
    assert!(matches!(store.rename("old", "other"), Err(StoreError::NameTaken(_))));
    assert!(matches!(store.rename("old", "x/y"), Err(StoreError::BadName(_))));
    store.rename("old", "old").unwrap();
    store.rename("old", "new").unwrap();
    assert_eq!(store.get("new").unwrap().record.id, id);
    assert!(matches!(store.get("old"), Err(StoreError::NotFound(_))));
    made(&store, "old");
    // Killed between the new link and the record: the machine still has its old name, and the new one is free.
    std::os::unix::fs::symlink(format!("../machines/{id}"), store.data().join("names/half")).unwrap();
    assert!(matches!(store.get("half"), Err(StoreError::NotFound(_))));
    made(&store, "half");
    store.remove("new").unwrap();
    assert_eq!(store.get("half").unwrap().record.name, "half");
}

#[test]
fn changes_of_two_holders_are_both_kept() {
    let (_directory, store) = store();
    let mut supervisor = store.create(Some("a"), record()).unwrap();
    store.rename("a", "b").unwrap();
    supervisor.update(|record| record.phase = Phase::Running).unwrap();
    let now = store.get("b").unwrap();
    assert_eq!((now.status(), now.record.name.as_str()), (Status::Running, "b"));
}

#[test]
fn leftovers_of_killed_commands_are_swept() {
    let (_directory, store) = store();
    let machines = store.data().join("machines");
    fs::create_dir(machines.join(".new-abc")).unwrap();
    fs::create_dir(machines.join(".old-abc")).unwrap();
    let being_made = store.create(Some("held"), record()).unwrap();
    drop(store.create(Some("dropped"), record()).unwrap());
    store.list().unwrap();
    let left: Vec<_> = fs::read_dir(&machines).unwrap().map(|item| item.unwrap().file_name()).collect();
    assert_eq!(left, [being_made.record.id.as_str()]);
    drop(store.create(Some("dropped"), record()).unwrap());
}

#[test]
fn a_lock_is_handed_over_without_a_gap() {
    let (_directory, store) = store();
    let mut machine = store.create(Some("a"), record()).unwrap();
    machine.update(|record| record.phase = Phase::Running).unwrap();
    let lock = machine.lock_copy().unwrap().unwrap();
    drop(machine);
    assert_eq!(store.get("a").unwrap().status(), Status::Running);
    let taken = store.take_over("a", lock).unwrap();
    assert!(taken.is_ours() && matches!(store.get_locked("a"), Err(StoreError::Busy(_))));
    drop(taken);
    assert_eq!(store.get("a").unwrap().status(), Status::Failed);
    assert!(store.get_locked("a").unwrap().is_ours());
}

#[test]
fn a_process_is_told_apart_from_a_later_one() {
    let me = Process::of(std::process::id()).unwrap();
    assert!(me.is_alive());
    assert!(!Process { start_ticks: me.start_ticks + 1, ..me }.is_alive());
    let error = pith_machine::signal::send(Process { start_ticks: 1, ..me }, rustix::process::Signal::TERM).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(3));
}
