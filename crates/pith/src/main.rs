//! `pith`: runs applications as unikernels. Also answers to `kraft`.
//!
//! [`cli`] is what a user types, [`settings`] what was settled before, [`commands`] carries it out, [`run`] is the longest
//! of them, [`build`] makes images, [`project`] opens projects, [`variables`] fills in what they refer to, [`report`] is how Pith speaks and [`listing`] how it lists.
#![forbid(unsafe_code)]

mod build;
mod cli;
mod commands;
mod components;
mod embedded;
mod error;
mod lease;
mod listing;
mod project;
mod report;
mod run;
mod settings;
mod variables;

use clap::FromArgMatches;
use cli::{Cli, Command};
use commands::{completion, doctor, events, exec, inspect, library, lifecycle, logs, menu, ps, set, signal, stats, system, version};
use error::Result;
use pith_abi::exit;
use report::Report;
use settings::Settings;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    completion::answer();
    if let Some(code) = worker() {
        return code;
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    let name = words.first().and_then(|word| Path::new(word).file_name()).map(|name| name.to_string_lossy().into_owned());
    let is_kraft = name.as_deref() == Some("kraft");
    let parsed = cli::tree().try_get_matches_from(cli::command(words, is_kraft));
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are a success; anything else is a usage error.
            let is_error = error.use_stderr();
            // A closed pipe is the reader's choice.
            let _ = error.print();
            return if is_error { ExitCode::from(exit::PITH_ERROR) } else { ExitCode::SUCCESS };
        }
    };
    let settings = match Settings::new(&cli.global, is_kraft) {
        Ok(settings) => settings,
        Err(error) => {
            Report::plain().failure(&error);
            return ExitCode::from(error.exit_code());
        }
    };
    let report = Report::new(&settings);
    match carry_out(&settings, &cli.command, &report) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report.failure(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// A copy of this program may be asked to run a command of a Dockerfile: before anything else, as long as there is one thread.
fn worker() -> Option<ExitCode> {
    let words: Option<Vec<String>> = std::env::args_os().skip(1).map(|word| word.into_string().ok()).collect();
    pith_dockerfile::worker::run_if_asked(&words?)
}

fn carry_out(settings: &Settings, command: &Command, report: &Report) -> Result<u8> {
    match command {
        Command::Build(arguments) => commands::build::build(settings, arguments, report),
        Command::Clean(arguments) => commands::clean::clean(arguments, report),
        Command::Fetch(arguments) => commands::fetch::fetch(settings, arguments, report),
        Command::Run(arguments) => run::run(settings, arguments, report),
        Command::Create(arguments) => run::create(settings, arguments, report),
        Command::Ps(arguments) => ps::ps(settings, arguments),
        Command::Logs(arguments) => logs::logs(settings, arguments, report),
        Command::Start(arguments) => lifecycle::start(settings, arguments, report),
        Command::Stop(arguments) => lifecycle::stop(settings, arguments, report),
        Command::Restart(arguments) => lifecycle::restart(settings, arguments, report),
        Command::Kill(arguments) => signal::kill(settings, arguments, report),
        Command::Pause(arguments) => signal::pause(settings, arguments, report),
        Command::Resume(arguments) => signal::resume(settings, arguments, report),
        Command::Wait(arguments) => lifecycle::wait(settings, arguments, report),
        Command::Rm(arguments) => lifecycle::rm(settings, arguments, report),
        Command::Prune(arguments) => lifecycle::prune(settings, arguments, report),
        Command::Rename(arguments) => lifecycle::rename(settings, arguments),
        Command::Inspect(arguments) => inspect::inspect(settings, arguments, report),
        Command::Port(arguments) => inspect::port(settings, arguments),
        Command::Stats(arguments) => stats::stats(settings, arguments, report),
        Command::Events(arguments) => events::events(settings, arguments),
        Command::Exec(_) => exec::exec(),
        Command::Menu(arguments) => menu::menu(settings, arguments, report),
        Command::Set(arguments) => set::set(arguments, report),
        Command::Unset(arguments) => set::unset(arguments, report),
        Command::Lib { command } => library::library(settings, command, report),
        Command::Version(arguments) => version::version(settings, arguments),
        Command::Doctor(arguments) => doctor::doctor(settings, arguments),
        Command::System { command } => system::system(settings, command, report),
        Command::Completion(arguments) => completion::completion(arguments, if settings.is_kraft { "kraft" } else { "pith" }),
        Command::KvmProbe => {
            // The reader has left when it has seen enough.
            let _ = pith_monitor::probe::vcpu::report(&mut std::io::stdout());
            Ok(0)
        }
        Command::Supervise(arguments) => run::supervise::supervise(settings, &arguments.id, report),
    }
}
