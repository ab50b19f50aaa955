//! Which machines a command means, and doing something to each of them.

use crate::cli::{Plat, SelectArgs};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;
use pith_machine::{Machine, Status, Store};
use std::thread;

/// The machines that the user named, or with `--all` those that are in one of these states.
///
/// # Errors
/// When the store cannot be listed.
pub fn names(store: &Store, arguments: &SelectArgs, fits: impl Fn(Status) -> bool) -> Result<Vec<String>> {
    let named = if arguments.all {
        let running = |(_, machine): (String, std::result::Result<Machine, _>)| machine.ok().filter(|machine| fits(machine.status()));
        store.list()?.into_iter().filter_map(running).map(|machine| machine.record.name).collect()
    } else {
        arguments.machines.clone()
    };
    // Every machine is on QEMU; a filter for another monitor leaves none.
    Ok(if on_platform(arguments.plat) { named } else { Vec::new() })
}

/// Whether `-p` of kraft's commands lets QEMU's machines through.
pub fn on_platform(plat: Plat) -> bool {
    matches!(plat, Plat::Auto | Plat::Qemu)
}

/// Does something to every machine, all at once unless the user wants one thing at a time. Each fails for itself; what
/// the others print comes in the order of the names.
///
/// # Errors
/// When one of them failed; the user has been told why.
pub fn each(settings: &Settings, report: &Report, names: &[String], action: impl Fn(&str) -> Result<String> + Sync) -> Result<u8> {
    let mut code = None;
    let mut finish = |result: Result<String>| match result {
        Ok(text) if text.is_empty() => {}
        Ok(text) => println!("{text}"),
        Err(error) => {
            report.failure(&error);
            code = Some(error.exit_code());
        }
    };
    if settings.is_parallel() && names.len() > 1 {
        thread::scope(|scope| {
            let action = &action;
            let running: Vec<_> = names.iter().map(|name| scope.spawn(move || action(name))).collect();
            for (thread, name) in running.into_iter().zip(names) {
                finish(thread.join().unwrap_or_else(|_| Err(Error::new(format!("{name}: an internal error, see above")))));
            }
        });
    } else {
        names.iter().for_each(|name| finish(action(name)));
    }
    code.map_or(Ok(0), |code| Err(Error::told(code)))
}
