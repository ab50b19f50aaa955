//! `pith rm`.

use super::stop::{for_each, stop_one};
use crate::cli::{Global, RmArgs};
use crate::error::Result;
use crate::report::Report;
use pith_machine::{Status, Store, StoreError};

/// Removes machines.
///
/// # Errors
/// The last machine that is not there or runs, after trying all.
pub fn rm(_global: &Global, arguments: &RmArgs, report: &Report) -> Result<u8> {
    let store = Store::open(None)?;
    let names: Vec<String> = if arguments.all {
        let wanted = |machine: &std::result::Result<pith_machine::Machine, StoreError>| {
            arguments.force || machine.as_ref().map_or(true, |machine| machine.status() != Status::Running)
        };
        store.list()?.into_iter().filter(|(_, machine)| wanted(machine)).map(|(name, _)| name).collect()
    } else {
        arguments.machines.clone()
    };
    for_each(&names, report, |name| {
        if arguments.force
            && let Ok(machine) = store.get(name)
        {
            stop_one(&machine, name, 0)?;
        }
        match store.remove(name) {
            // One that was started with --rm has removed itself.
            Err(StoreError::NotFound(_)) if arguments.force => {}
            other => other?,
        }
        println!("{name}");
        Ok(())
    })
}
