//! `pith stop`.

use crate::cli::{Global, StopArgs};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::run::STOP_SECONDS;
use pith_machine::{Machine, Status, Store};
use rustix::process::Signal;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How often a stopping machine is looked at.
const STEP: Duration = Duration::from_millis(10);
/// What a supervisor needs beyond the deadline to end its monitor and to clean up.
const GRACE: Duration = Duration::from_secs(5);

/// Stops machines.
///
/// # Errors
/// The first machine that is not there or cannot be stopped, after trying all.
pub fn stop(_global: &Global, arguments: &StopArgs, report: &Report) -> Result<u8> {
    let store = Store::open(None)?;
    let names: Vec<String> = if arguments.all {
        let running = |(name, machine): (String, std::result::Result<Machine, _>)| {
            machine.is_ok_and(|machine| machine.status() == Status::Running).then_some(name)
        };
        store.list()?.into_iter().filter_map(running).collect()
    } else {
        arguments.machines.clone()
    };
    for_each(&names, report, |name| {
        let machine = store.get(name)?;
        stop_one(&machine, name, arguments.time)?;
        println!("{name}");
        Ok(())
    })
}

/// Does something for every name; the last failure is the command's, earlier ones are reported.
pub fn for_each(names: &[String], report: &Report, mut action: impl FnMut(&str) -> Result<()>) -> Result<u8> {
    let mut failure: Option<Error> = None;
    for name in names {
        if let Err(error) = action(name)
            && let Some(earlier) = failure.replace(error)
        {
            report.failure(&earlier);
        }
    }
    failure.map_or(Ok(0), Err)
}

/// Asks the machine's supervisor to stop it within `seconds`, and waits. One that does not run is stopped already.
///
/// # Errors
/// Not ours to stop, or still there after everything.
pub fn stop_one(machine: &Machine, name: &str, seconds: u32) -> Result<()> {
    if !matches!(machine.status(), Status::Running | Status::Created) {
        return Ok(());
    }
    let Some(supervisor) = machine.record.supervisor else {
        return Err(Error::new(format!("{name}: nothing is known about its supervisor")));
    };
    let path = machine.path(STOP_SECONDS);
    fs::write(&path, seconds.to_string()).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
    let send = |signal| match pith_machine::signal::send(supervisor, signal) {
        // It has just ended.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Ok(()),
        other => other.map_err(|error| Error::new(format!("{name}: {error}"))),
    };
    send(Signal::TERM)?;
    if wait(machine, Duration::from_secs(seconds.into()) + GRACE) {
        return Ok(());
    }
    // The supervisor itself hangs; the monitor dies with it.
    send(Signal::KILL)?;
    if wait(machine, GRACE) { Ok(()) } else { Err(Error::new(format!("{name} could not be stopped"))) }
}

fn wait(machine: &Machine, limit: Duration) -> bool {
    let start = Instant::now();
    while matches!(machine.status(), Status::Running | Status::Created) {
        if start.elapsed() > limit {
            return false;
        }
        thread::sleep(STEP);
    }
    true
}
