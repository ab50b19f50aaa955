//! A store of the test's own.

use pith_machine::state::{Process, now_ms};
use pith_machine::{MachineRecord, Phase, Store};

/// The record of a machine that is being made.
pub fn record() -> MachineRecord {
    MachineRecord {
        version: 1,
        name: String::new(),
        source: "/bin/true".to_owned(),
        args: vec![],
        target: "qemu/x86_64".to_owned(),
        accelerator: "tcg".to_owned(),
        memory_mib: 64,
        ports: vec![],
        created_ms: now_ms(),
        started_ms: None,
        ended_ms: None,
        supervisor: Process::of(std::process::id()),
        monitor: None,
        phase: Phase::Created,
        exit_code: None,
        reason: None,
        remove: false,
    }
}

/// An empty store and the directory that it goes with.
pub fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(Some(directory.path().join("data"))).unwrap();
    (directory, store)
}
