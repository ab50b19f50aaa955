//! `pith start`, `stop`, `restart`, `wait`, `rm`, `prune`, `rename`.

use super::filter::Filters;
use super::select::{each, names};
use crate::cli::{PruneArgs, RenameArgs, RestartArgs, RmArgs, StartArgs, StopArgs, WaitArgs};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::run::supervise::{self, STOP_SECONDS};
use crate::settings::Settings;
use pith_machine::events::{self, Happening};
use pith_machine::state::Process;
use pith_machine::{Control, Machine, Status, Store, StoreError, wait};
use rustix::process::Signal;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// What a supervisor needs beyond the deadline to end its monitor and to clean up, on a busy host too.
const GRACE: Duration = Duration::from_secs(20);

/// Starts machines that were created or have ended.
///
/// # Errors
/// When one of them cannot be started.
pub fn start(settings: &Settings, arguments: &StartArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let all = names(&store, &arguments.select, |status| !status.is_live())?;
    let started = each(settings, report, &all, |name| {
        start_one(settings, &store, name, arguments.rm, report)?;
        Ok(name.to_owned())
    });
    if !arguments.attach && (arguments.detach || !settings.is_kraft) {
        return started;
    }
    super::logs::attach(settings, &store, &all, arguments.no_prefix, report)?;
    started
}

/// Starts one machine. One that runs is started already; one that is paused goes on, as kraft has it.
fn start_one(settings: &Settings, store: &Store, name: &str, remove: bool, report: &Report) -> Result<()> {
    let machine = store.get(name)?;
    match machine.status() {
        Status::Running | Status::Restarting => return Ok(()),
        Status::Paused => return super::signal::resume_one(store, name),
        Status::Created | Status::Exited | Status::Failed => {}
    }
    let mut machine = match store.get_locked(name) {
        // Someone else is starting it right now.
        Err(StoreError::Busy(_)) => return Ok(()),
        other => other?,
    };
    if remove {
        machine.update(|record| record.remove = true)?;
    }
    supervise::in_background(settings, &machine, report)
}

/// Stops machines.
///
/// # Errors
/// When one of them is not there or cannot be stopped.
pub fn stop(settings: &Settings, arguments: &StopArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let all = names(&store, &arguments.select, Status::is_live)?;
    each(settings, report, &all, |name| {
        stop_one(&store, name, arguments.time)?;
        Ok(name.to_owned())
    })
}

/// Asks the machine's supervisor to stop it within `seconds`, and waits. One that does not run is stopped already.
///
/// # Errors
/// Not ours to stop, or still there after everything.
pub fn stop_one(store: &Store, name: &str, seconds: Option<u32>) -> Result<()> {
    let mut machine = store.get(name)?;
    let was_live = machine.status().is_live();
    let patience = Duration::from_secs(seconds.unwrap_or(machine.record.config.stop_seconds).into()) + GRACE;
    if let Some(seconds) = seconds {
        let path = machine.path(STOP_SECONDS);
        match fs::write(&path, seconds.to_string()) {
            // It has just removed itself.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|error| Error::new(format!("{}: {error}", path.display())))?,
        }
    }
    let seconds = seconds.unwrap_or(machine.record.config.stop_seconds);
    for (signal, patience) in [(Signal::TERM, patience), (Signal::KILL, GRACE)] {
        // Past the deadline the supervisor itself hangs; the monitor dies with it.
        let mut deadline = Instant::now() + patience;
        let mut told: Option<Process> = None;
        loop {
            // A machine that is being started changes hands: whoever looks after it now is told.
            let supervisor = machine.record.supervisor.filter(Process::is_alive);
            if supervisor.is_some() && supervisor != told && machine.status() != Status::Exited {
                told = supervisor;
                if signal != Signal::TERM || !is_asked(&machine, seconds) {
                    tell(name, supervisor, signal)?;
                }
                deadline = Instant::now() + patience;
            }
            let (last, has_ended) = wait::until_end(store, machine, Some(deadline.min(Instant::now() + Duration::from_secs(1))))?;
            machine = last;
            if has_ended {
                if was_live {
                    events::note(store.data(), &Happening::now("stop", &machine.record));
                }
                return Ok(());
            }
            if Instant::now() >= deadline {
                break;
            }
        }
    }
    Err(Error::new(format!("{name} could not be stopped")))
}

/// Asks over the control socket, where each request is one of its own with its own deadline; `false` when nobody is at it (yet).
fn is_asked(machine: &Machine, seconds: u32) -> bool {
    let asked = Control::connect(machine.directory())
        .and_then(|mut control| control.stop(machine.record.config.stop_signal, Duration::from_secs(seconds.into())));
    asked.is_ok()
}

fn tell(name: &str, process: Option<Process>, signal: Signal) -> Result<()> {
    let Some(process) = process else { return Ok(()) };
    match pith_machine::signal::send(process, signal) {
        // It has just ended.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(Error::new(format!("{name} belongs to another user")).with_help("if it was started with sudo, use sudo for this too"))
        }
        other => other.map_err(|error| Error::new(format!("{name}: {error}"))),
    }
}

/// Stops machines and starts them again.
///
/// # Errors
/// When that fails for one of them.
pub fn restart(settings: &Settings, arguments: &RestartArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let all = names(&store, &arguments.select, Status::is_live)?;
    each(settings, report, &all, |name| {
        stop_one(&store, name, arguments.time)?;
        start_one(settings, &store, name, false, report)?;
        Ok(name.to_owned())
    })
}

/// Waits until machines have ended; prints their exit codes.
///
/// # Errors
/// When one of them is not there.
pub fn wait(settings: &Settings, arguments: &WaitArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    each(settings, report, &arguments.machines, |name| {
        let machine = store.get(name)?;
        if machine.status() == Status::Created && !machine.record.supervisor.is_some_and(|process| process.is_alive()) {
            return Err(Error::new(format!("{name} has not been started")).with_help(format!("start it with `pith start {name}`")));
        }
        let (last, _) = wait::until_end(&store, machine, None)?;
        match last.record.exit_code {
            Some(code) => Ok(code.to_string()),
            None => Err(Error::new(format!("{name} has ended, but its exit code is lost: its supervisor was killed"))),
        }
    })
}

/// Removes machines.
///
/// # Errors
/// When one of them is not there or runs.
pub fn rm(settings: &Settings, arguments: &RmArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let mut all = names(&store, &arguments.select, |status| arguments.force || !status.is_live())?;
    if arguments.select.all {
        // What cannot be read can still be removed.
        all.extend(store.list()?.into_iter().filter(|(_, machine)| machine.is_err()).map(|(id, _)| id));
    }
    each(settings, report, &all, |name| {
        if arguments.force && store.get(name).is_ok() {
            stop_one(&store, name, Some(0))?;
        }
        match remove_one(&store, name) {
            // One that was started with --rm has removed itself.
            Err(StoreError::NotFound(_)) if arguments.force => {}
            other => other?,
        }
        Ok(name.to_owned())
    })
}

/// Removes a machine that does not run.
///
/// # Errors
/// Those of the store.
pub fn remove_one(store: &Store, name: &str) -> std::result::Result<(), StoreError> {
    let gone = store.get(name).ok().map(|machine| Happening::now("destroy", &machine.record));
    store.remove(name)?;
    if let Some(gone) = gone {
        events::note(store.data(), &gone);
    }
    Ok(())
}

/// Removes every machine that has ended.
///
/// # Errors
/// When the user says no, or one cannot be removed.
pub fn prune(settings: &Settings, arguments: &PruneArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let filters = Filters::parse(&arguments.filter)?;
    let ended = |machine: &Machine| matches!(machine.status(), Status::Exited | Status::Failed);
    let list: Vec<Machine> = store.list()?.into_iter().filter_map(|(_, machine)| machine.ok()).filter(|m| ended(m)).collect();
    let list: Vec<String> =
        list.iter().filter(|machine| filters.fit(machine, machine.status(), &list)).map(|m| m.record.name.clone()).collect();
    if list.is_empty() {
        return Ok(0);
    }
    if !arguments.force {
        confirm(settings, &format!("Remove {} that ended", count(list.len(), "machine")))?;
    }
    each(settings, report, &list, |name| {
        remove_one(&store, name)?;
        Ok(name.to_owned())
    })
}

/// `1 machine`, `2 machines`.
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Asks before something is lost.
///
/// # Errors
/// No terminal to ask at, prompts switched off, or an answer other than yes.
pub fn confirm(settings: &Settings, question: &str) -> Result<()> {
    if !settings.may_prompt() || !io::stdin().is_terminal() {
        return Err(Error::new(format!("{question}? Nobody can be asked")).with_help("give -f to do it without asking"));
    }
    eprint!("{question}? [y/N] ");
    // Without a question on the screen the answer can only be no.
    let _ = io::stderr().flush();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| Error::new(format!("standard input: {error}")))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Error::new("nothing was removed")) }
}

/// Gives a machine another name.
///
/// # Errors
/// No such machine, a name that is none or taken.
pub fn rename(settings: &Settings, arguments: &RenameArgs) -> Result<u8> {
    let store = settings.store()?;
    let machine = store.get(&arguments.machine)?;
    store.rename(&arguments.machine, &arguments.name)?;
    let happening = Happening::now("rename", &store.get(&arguments.name)?.record).with("oldName", &machine.record.name);
    events::note(store.data(), &happening);
    Ok(0)
}
