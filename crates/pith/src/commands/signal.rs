//! `pith kill`, `pause`, `resume`: what a machine's supervisor is asked for over its control socket.

use super::select::{each, names};
use crate::cli::{KillArgs, SelectArgs};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::run::signal_number;
use crate::settings::Settings;
use pith_machine::events::{self, Happening};
use pith_machine::{Control, ControlError, Machine, Status, Store, wait};

fn not_running(name: &str, status: Status) -> Error {
    Error::new(format!("{name} is not running, it is {}", status.name()))
}

/// A connection to the supervisor of a machine that is live.
fn connect(machine: &Machine) -> Result<Control> {
    let name = &machine.record.name;
    Control::connect(machine.directory()).map_err(|error| match error {
        ControlError::NotRunning => not_running(name, machine.status()),
        other => Error::new(format!("{name}: {other}")),
    })
}

/// Sends a signal to applications; SIGKILL ends the machine.
///
/// # Errors
/// When one of them is not there or does not run.
pub fn kill(settings: &Settings, arguments: &KillArgs, report: &Report) -> Result<u8> {
    let number = signal_number(&arguments.signal).map_err(|problem| Error::new(format!("--signal {problem}")))?;
    let store = settings.store()?;
    let all = names(&store, &arguments.select, Status::is_live)?;
    each(settings, report, &all, |name| {
        let machine = store.get(name)?;
        let status = machine.status();
        if !status.is_live() {
            return Err(not_running(name, status));
        }
        events::note(store.data(), &Happening::now("kill", &machine.record).with("signal", number));
        match Control::connect(machine.directory()).and_then(|mut control| control.signal(number)) {
            // Between two starts, or just gone: nobody takes signals.
            Err(ControlError::NotRunning) if number == 9 => super::lifecycle::stop_one(&store, name, Some(0))?,
            Err(ControlError::NotRunning) => return Err(not_running(name, store.get(name)?.status())),
            other => other.map_err(|error| Error::new(format!("{name}: {error}")))?,
        }
        if number == 9 {
            wait::until_end(&store, machine, None)?;
        }
        Ok(name.to_owned())
    })
}

/// Stops the processors of machines.
///
/// # Errors
/// When one of them does not run.
pub fn pause(settings: &Settings, arguments: &SelectArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let all = names(&store, arguments, |status| status == Status::Running)?;
    each(settings, report, &all, |name| {
        let machine = store.get(name)?;
        match machine.status() {
            Status::Paused => return Ok(name.to_owned()),
            Status::Running => {}
            other => return Err(not_running(name, other)),
        }
        connect(&machine)?.pause().map_err(|error| Error::new(format!("{name}: {error}")))?;
        events::note(store.data(), &Happening::now("pause", &machine.record));
        Ok(name.to_owned())
    })
}

/// Lets paused machines go on.
///
/// # Errors
/// When one of them does not run.
pub fn resume(settings: &Settings, arguments: &SelectArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let all = names(&store, arguments, |status| status == Status::Paused)?;
    each(settings, report, &all, |name| {
        resume_one(&store, name)?;
        Ok(name.to_owned())
    })
}

/// Lets a machine go on; one that is not paused does already.
///
/// # Errors
/// When it does not run.
pub fn resume_one(store: &Store, name: &str) -> Result<()> {
    let machine = store.get(name)?;
    match machine.status() {
        Status::Running => return Ok(()),
        Status::Paused => {}
        other => return Err(not_running(name, other)),
    }
    connect(&machine)?.resume().map_err(|error| Error::new(format!("{name}: {error}")))?;
    events::note(store.data(), &Happening::now("unpause", &machine.record));
    Ok(())
}
