//! Native projects: sources of an application, built to the static program that goes into an image.
//!
//! A directory is one when it has a `Makefile.uk` that lists sources, or a `Cargo.toml`. Makefile.uk is real make and is read by make, with what Unikraft's build
//! system defines for it; the sources are compiled here, those that changed, several at a time. C is compiled against musl; where there is C++, all of it
//! against glibc, because Debian has no libstdc++ over musl.

mod cargo;
mod compile;
mod error;
mod makefile;
mod origins;
mod tools;

pub use error::NativeError;
pub use makefile::{Language, Makefile, Reading};
pub use origins::fetch;

use crate::layout::{LaidOut, lay_out};
use compile::{Compilers, Place};
use pith_sources::Network;
use std::fs;
use std::path::{Path, PathBuf};

/// How a project says what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `Makefile.uk`.
    Make,
    /// A `Cargo.toml`.
    Cargo,
}

/// What kind of native project `directory` is; `None` when it is none. An empty Makefile.uk counts as none: kraft leaves one behind.
#[must_use]
pub fn kind(directory: &Path) -> Option<Kind> {
    let listed = fs::read_to_string(directory.join("Makefile.uk")).unwrap_or_default();
    if listed.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        return Some(Kind::Make);
    }
    directory.join("Cargo.toml").is_file().then_some(Kind::Cargo)
}

/// What is to be built.
pub struct Building<'a> {
    /// The project's directory.
    pub project: &'a Path,
    /// Directories of its libraries: each has a Makefile.uk.
    pub libraries: &'a [PathBuf],
    /// What the program is called.
    pub name: &'a str,
    /// Where everything that is made goes.
    pub output: &'a Path,
    /// The configuration (`.config`), whose options Makefile.uk may ask for.
    pub config: Option<&'a Path>,
    /// Compilers that the user names: `CC`, `CXX`.
    pub toolchain: &'a [(String, String)],
    /// What may be done about archives that are not here.
    pub network: Network,
    /// How many compilers at a time.
    pub jobs: usize,
    /// Told of what is fetched, before: for which library, and from where.
    pub fetching: &'a dyn Fn(&str, &str),
    /// Told of each step before it begins; from several threads.
    pub told: &'a (dyn Fn(&str) + Sync),
}

/// A program that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Where it is, with its symbols where it has any.
    pub program: PathBuf,
    /// The same, laid out.
    pub laid_out: LaidOut,
    /// How many files were compiled or linked; 0 when nothing had changed.
    pub steps: usize,
    /// Warnings of compilers, and what is to be known about the result.
    pub notes: Vec<String>,
}

/// Where everything is, whatever directory this process is in.
struct Places {
    project: PathBuf,
    libraries: Vec<PathBuf>,
    output: PathBuf,
    config: Option<PathBuf>,
    /// Where what is made of sources goes.
    directory: PathBuf,
}

impl Places {
    fn of(order: &Building<'_>) -> Result<Self, NativeError> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(NativeError::at(path));
        let output = absolute(order.output)?;
        let directory = output.join("native");
        fs::create_dir_all(&directory).map_err(NativeError::at(&directory))?;
        let libraries = order.libraries.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { project: absolute(order.project)?, libraries, output, config: order.config.map(absolute).transpose()?, directory })
    }

    fn order<'a>(&'a self, order: &Building<'a>) -> Building<'a> {
        Building { project: &self.project, output: &self.output, config: self.config.as_deref(), libraries: &self.libraries, ..*order }
    }
}

/// Builds a project's program.
///
/// # Errors
/// [`NativeError`].
pub fn build(order: &Building<'_>, kind: Kind) -> Result<Built, NativeError> {
    let places = Places::of(order)?;
    let (order, directory) = (places.order(order), &places.directory);
    let (program, steps, notes) = match kind {
        Kind::Make => from_makefile(&order, directory)?,
        Kind::Cargo => {
            let program = cargo::build(&order, directory)?;
            // cargo says it all again when nothing had changed.
            let notes = if program.said.is_empty() || program.is_fresh { Vec::new() } else { vec![program.said] };
            (program.path, usize::from(!program.is_fresh), notes)
        }
    };
    let data = fs::read(&program).map_err(NativeError::at(&program))?;
    let laid_out = lay_out(&data, order.name)?;
    Ok(Built { program, laid_out, steps, notes })
}

fn from_makefile(order: &Building<'_>, directory: &Path) -> Result<(PathBuf, usize, Vec<String>), NativeError> {
    let makefile = origins::complete(order, directory)?;
    let sources = makefile.sources()?;
    if sources.is_empty() {
        return Err(NativeError::NoSources { path: order.project.join("Makefile.uk") });
    }
    let compilers = Compilers::choose(&sources, order.toolchain)?;
    let place = Place { project: order.project, directory, jobs: order.jobs, told: order.told };
    let program = directory.join(order.name);
    let made = place.build(&compilers, &sources, &makefile.link_flags()?, &program)?;
    Ok((program, made.run, made.said))
}
