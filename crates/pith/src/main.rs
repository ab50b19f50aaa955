//! `pith`: runs applications as unikernels. Also answers to `kraft`.
//!
//! [`cli`] is what a user types, [`commands`] carries it out, [`run`] is the longest of them, [`report`] is how Pith speaks.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod embedded;
mod error;
mod report;
mod run;

use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are a success; anything else is a usage error.
            let is_error = error.use_stderr();
            // A closed pipe is the reader's choice.
            let _ = error.print();
            return if is_error { ExitCode::from(pith_abi::exit::PITH_ERROR) } else { ExitCode::SUCCESS };
        }
    };
    let report = report::Report::new(&cli.global);
    let result = match cli.command {
        Command::Run(arguments) => run::run(&cli.global, &arguments, &report),
        Command::Ps(arguments) => commands::ps::ps(&cli.global, &arguments),
        Command::Logs(arguments) => commands::logs::logs(&cli.global, &arguments),
        Command::Stop(arguments) => commands::stop::stop(&cli.global, &arguments, &report),
        Command::Rm(arguments) => commands::rm::rm(&cli.global, &arguments, &report),
        Command::Version => {
            println!("pith {}", env!("CARGO_PKG_VERSION"));
            Ok(0)
        }
        Command::KvmProbe => {
            // The reader has left when it has seen enough.
            let _ = pith_monitor::probe::vcpu::report(&mut std::io::stdout());
            Ok(0)
        }
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report.failure(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
