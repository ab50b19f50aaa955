//! `pith run` and `pith create`.
//!
//! [`source`] finds out what to run, [`rootfs`] turns it into an archive, [`elf`] completes a lone program with its
//! libraries, [`user`] looks up whom it runs as,
//! [`volumes`] says which directories of the host it sees, [`memory`] sizes the machine; [`plan`] puts that and the flags together into a machine's configuration, from
//! which [`boot`] starts it now or later and [`supervise`] stays with it, [`terminal`] in its hands if the application wants one.

mod boot;
mod elf;
mod environment;
mod image;
mod memory;
mod plan;
mod ports;
pub mod project;
mod rootfs;
pub mod source;
pub mod supervise;
mod terminal;
mod user;
mod volumes;

pub use plan::{cache, signal_number};
pub use rootfs::PACKED;

use crate::cli::{CreateArgs, RunArgs};
use crate::error::{Error, Result};
use crate::lease::Lease;
use crate::report::Report;
use crate::settings::Settings;
use pith_machine::events::{self, Happening};
use pith_machine::{Machine, Store};
use supervise::Presence;

/// Carries out `pith run`: the exit code is the application's.
///
/// # Errors
/// Everything that keeps a machine from being started.
pub fn run(settings: &Settings, arguments: &RunArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let mut machine = make(settings, &store, &arguments.create, report)?;
    if arguments.dry_run {
        let shown = boot::command_line(&machine, report);
        store.remove_own(machine)?;
        println!("{}", shown?);
        return Ok(0);
    }
    events::note(store.data(), &Happening::now("create", &machine.record));
    if arguments.no_start {
        println!("{}", machine.record.name);
        return Ok(0);
    }
    let result = if arguments.detach {
        supervise::in_background(settings, &machine, report).map(|()| {
            println!("{}", machine.record.name);
            0
        })
    } else {
        let prefix = arguments.prefix.clone().or_else(|| arguments.prefix_name.then(|| format!("{} | ", machine.record.name)));
        supervise::stay(&store, &mut machine, Presence::Foreground { prefix }, report)
    };
    match result {
        // It never ran: nothing to look at later.
        Err(error) => {
            if let Err(error) = store.remove_own(machine) {
                report.warn(&error.to_string());
            }
            Err(error)
        }
        Ok(code) => {
            if !arguments.detach && machine.record.remove {
                remove_ended(&store, machine, report);
            }
            Ok(code)
        }
    }
}

/// Removes a machine that was started with `--rm`.
pub fn remove_ended(store: &Store, machine: Machine, report: &Report) {
    let gone = Happening::now("destroy", &machine.record);
    match store.remove_own(machine) {
        Ok(()) => events::note(store.data(), &gone),
        Err(error) => report.warn(&error.to_string()),
    }
}

/// Carries out `pith create`.
///
/// # Errors
/// Everything that keeps a machine from being made.
pub fn create(settings: &Settings, arguments: &CreateArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let machine = make(settings, &store, arguments, report)?;
    events::note(store.data(), &Happening::now("create", &machine.record));
    println!("{}", machine.record.name);
    Ok(0)
}

/// Makes a machine that is ready to be started; this process holds its lock.
fn make(settings: &Settings, store: &Store, arguments: &CreateArgs, report: &Report) -> Result<Machine> {
    // What is found in the caches must be there until the machine has its own.
    let _lease = Lease::shared(store)?;
    let plan = plan::plan(settings, store, arguments, report)?;
    let mut machine = store.create(arguments.name.as_deref(), plan.record())?;
    match plan.prepare(&mut machine, report) {
        Ok(()) => Ok(machine),
        Err(error) => match store.remove_own(machine) {
            Ok(()) => Err(error),
            Err(more) => Err(Error::new(format!("{}; and then: {more}", error.message()))),
        },
    }
}
