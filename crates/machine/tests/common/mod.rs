//! A store of the test's own.

use pith_machine::{MachineRecord, Store};

/// The record of a machine that is being made.
pub fn record() -> MachineRecord {
    MachineRecord::new("/bin/true", "qemu/x86_64")
}

/// An empty store and the directory that it goes with.
pub fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(Some(directory.path().join("data"))).unwrap();
    (directory, store)
}
