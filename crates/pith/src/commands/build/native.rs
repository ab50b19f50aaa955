//! The program of a project with sources of its own.

use super::artifacts::Artifact;
use super::choice::Chosen;
use super::{Job, put};
use crate::components::{Network, library_directories};
use crate::error::{Error, Result};
use crate::project::{Native, Opened, in_kernel, native};
use crate::report::Report;
use pith_kraftfile::Target;
use pith_native::project::{self, Building, Built, NativeError};
use std::num::NonZero;
use std::path::Path;

/// Builds the program of a project that has sources; `None` for others.
///
/// # Errors
/// What its compilers complain of; an option for a program that there is none of, or the contrary.
pub fn build(job: &Job<'_>, chosen: &Chosen, compilers: &[(String, String)], outdir: &Path) -> Result<Option<Built>> {
    let opened = job.opened;
    match (in_kernel(&opened.project, &opened.directory), chosen.is_application()) {
        // It is compiled with the kernel.
        (true, true) => return Ok(None),
        (false, false) => {}
        (true, false) => {
            let message = format!("{}: the project depends on pith-app, and its kernel is to be built without CONFIG_LIBAPP", opened.file);
            return Err(Error::new(message).with_help("leave CONFIG_LIBAPP and other presets than `app` out"));
        }
        (false, true) => {
            let message = format!("{}: CONFIG_LIBAPP=y wants a Cargo project that depends on pith-app", opened.file);
            return Err(
                Error::new(message).with_help("add `pith-app = \"0.1\"` to the dependencies in Cargo.toml, or leave CONFIG_LIBAPP out")
            );
        }
    }
    let sources = match (native(&opened.project, &opened.directory), chosen.carries_program()) {
        (None, false) => return Ok(None),
        (Some(sources), true) => sources,
        (None, true) => {
            let message =
                format!("{}: CONFIG_EMBEDDED_APP=y wants a program inside the image, and the project has no sources", opened.file);
            return Err(Error::new(message).with_help("list them in Makefile.uk, or make it a Cargo project"));
        }
        (Some(_), false) => {
            let message =
                format!("{}: the project's sources are to become part of the image, and CONFIG_EMBEDDED_APP=n forbids it", opened.file);
            return Err(Error::new(message).with_help("leave CONFIG_EMBEDDED_APP out"));
        }
    };
    let all = std::thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = match (job.arguments.no_fast, job.arguments.jobs) {
        (true, _) => 1,
        (false, Some(jobs)) => usize::try_from(jobs).unwrap_or(all),
        (false, None) => all,
    };
    let report = job.report;
    report.debug(&format!("building the program {}", opened.name()));
    let network = if job.arguments.no_fetch { Network::Never } else { Network::Missing };
    let making = Making { opened, sources: &sources, options: &chosen.text, outdir, network, report };
    let built = making.ordered(|order| project::build(&Building { toolchain: compilers, jobs, ..order }, sources.kind))?;
    built.notes.iter().for_each(|note| report.compiler(note));
    Ok(Some(built))
}

/// Fetches, unpacks and patches what the project's own sources and its libraries' are made from. The names of those libraries.
///
/// # Errors
/// What cannot be had.
pub fn fetch(opened: &Opened, chosen: &Chosen, outdir: &Path, network: Network, report: &Report) -> Result<Vec<String>> {
    match native(&opened.project, &opened.directory) {
        Some(sources) if chosen.carries_program() => {
            let making = Making { opened, sources: &sources, options: &chosen.text, outdir, network, report };
            making.ordered(|order| project::fetch(&order, sources.kind))
        }
        _ => Ok(Vec::new()),
    }
}

/// A project's program, about to be made.
struct Making<'a> {
    opened: &'a Opened,
    sources: &'a Native,
    /// Every option, as in `.config`.
    options: &'a str,
    outdir: &'a Path,
    network: Network,
    report: &'a Report,
}

impl Making<'_> {
    /// Does something with what there is to know of it.
    fn ordered<T>(&self, act: impl FnOnce(Building<'_>) -> std::result::Result<T, NativeError>) -> Result<T> {
        let (opened, report) = (self.opened, self.report);
        // What Makefile.uk asks for.
        let config = self.outdir.join("native/.config");
        put(&config, self.options.as_bytes()).map_err(|error| Error::new(format!("{}: {error}", config.display())))?;
        let libraries = library_directories(&opened.project, &opened.directory)?;
        act(Building {
            project: &self.sources.directory,
            libraries: &libraries,
            name: &opened.name(),
            output: self.outdir,
            config: Some(&config),
            toolchain: &[],
            network: self.network,
            jobs: 1,
            fetching: &|library, address| report.info(&format!("fetching sources of {library} from {address}")),
            told: &|what| report.debug(what),
        })
        .map_err(|error| {
            let told = Error::new(error.to_string());
            match error.help() {
                Some(help) => told.with_help(help),
                None => told,
            }
        })
    }
}

/// The program as it is shown.
pub fn artifact(built: &Built, target: &Target) -> Artifact {
    let size = std::fs::metadata(&built.program).map_or(0, |metadata| metadata.len());
    Artifact { what: "program", target: target.shown(), path: built.program.clone(), size }
}
