//! `pith lib`: libraries of a project, and new ones.

mod create;

use super::project::file;
use crate::cli::{LibCommand, LibFile, Output};
use crate::error::{Error, Result};
use crate::listing::Listing;
use crate::report::Report;
use crate::settings::Settings;
use crate::variables::host;
use pith_configuration::{Core, Meaning, library_option};
use pith_kraftfile::edit::{self, NewLibrary};
use pith_kraftfile::{ComponentSource, Project, Variables};
use pith_sources::Address;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Carries out a `pith lib` command.
///
/// # Errors
/// Those of the command.
pub fn library(settings: &Settings, command: &LibCommand, report: &Report) -> Result<u8> {
    match command {
        LibCommand::Add { libraries, file, .. } => add(libraries, file, report),
        LibCommand::Create(arguments) => create::create(settings, arguments, report),
        LibCommand::List { file, output } => list(file, *output),
        LibCommand::Remove { libraries, file } => remove(libraries, file, report),
    }
}

/// The project's file, its name for messages, its text.
fn open(arguments: &LibFile) -> Result<(PathBuf, String, String)> {
    if arguments.kraftfile.as_deref() == Some(Path::new("-")) {
        return Err(Error::new("--kraftfile -: standard input cannot be changed"));
    }
    let path = file(arguments.kraftfile.as_deref(), arguments.workdir.as_deref())?;
    let text = fs::read_to_string(&path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok((path, name, text))
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes all of the file or nothing; its mode stays.
fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", path.display()));
    let mut file = tempfile::NamedTempFile::new_in(directory(path)).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let permissions = fs::metadata(path).map_err(failed)?.permissions();
    fs::set_permissions(file.path(), permissions).map_err(failed)?;
    pith_machine::paths::give_to_user(file.path());
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// What a project is made of; that it may refer to its kernel's options elsewhere does not matter here.
fn components(name: &str, text: &str) -> Result<Project> {
    Ok(Project::parse_configuration(name, text, &Variables { options: &|_| None, host: &host })?)
}

/// What a library of that name is in Pith.
fn meaning(core: &Core, name: &str) -> Option<String> {
    let option = library_option(name);
    Some(match core.kconfig().find(&option).map(|_| Meaning::Option(vec![option.clone()])).or_else(|| core.meaning(&option).cloned())? {
        Meaning::Option(options) => options.iter().map(|option| format!("CONFIG_{option}")).collect::<Vec<_>>().join(", "),
        Meaning::BuiltIn(why) => format!("built in: {why}"),
        Meaning::Setting(why) => why,
        Meaning::Unsupported(why) => format!("not supported: {why}"),
        Meaning::Environment => "the environment".to_owned(),
    })
}

/// `lwip`, `lwip:stable`, an address or a directory.
fn wanted(core: &Core, text: &str, base: &Path) -> Result<NewLibrary> {
    if text.contains("://") || text.starts_with("git@") {
        let name = pith_kraftfile::of_address(text).0.ok_or_else(|| Error::new(format!("{text}: this address tells no name")))?;
        Address::parse(text, None).map_err(|error| Error::new(error.to_string()))?;
        return Ok(NewLibrary { name, version: None, source: Some(text.to_owned()) });
    }
    let path = Path::new(text);
    let is_path = text.contains('/') || text.starts_with('.') || path.is_dir();
    if is_path {
        if !path.is_dir() {
            return Err(Error::new(format!("{text}: there is no such directory")));
        }
        if !["Makefile.uk", "Config.uk"].iter().any(|name| path.join(name).is_file()) {
            return Err(Error::new(format!("{text} is no library: there is neither Makefile.uk nor Config.uk in it")));
        }
        let absolute = fs::canonicalize(path).map_err(|error| Error::new(format!("{text}: {error}")))?;
        let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = name.strip_prefix("lib-").unwrap_or(&name).to_owned();
        let base = fs::canonicalize(base).map_err(|error| Error::new(format!("{}: {error}", base.display())))?;
        let source = match absolute.strip_prefix(&base) {
            Ok(inside) => format!("./{}", inside.display()),
            Err(_) => absolute.display().to_string(),
        };
        return Ok(NewLibrary { name, version: None, source: Some(source) });
    }
    let (name, version) = text.split_once([':', '@']).map_or((text, None), |(name, version)| (name, Some(version)));
    if name.is_empty() || version == Some("") {
        return Err(Error::new(format!("{text:?}: expected NAME[:VERSION]")));
    }
    match core.meaning(&library_option(name)) {
        Some(Meaning::Unsupported(why)) => Err(Error::new(format!("{name}: {why}"))),
        None if core.kconfig().find(&library_option(name)).is_none() => {
            let error = Error::new(format!("there is no library {name}"));
            Err(error.with_help("a library of your own is given by its directory: `pith lib add ./lib-NAME`"))
        }
        _ => Ok(NewLibrary { name: name.to_owned(), version: version.map(ToOwned::to_owned), source: None }),
    }
}

fn add(libraries: &[String], arguments: &LibFile, report: &Report) -> Result<u8> {
    let (path, name, mut text) = open(arguments)?;
    let core = Core::embedded(None)?;
    let mut said = Vec::new();
    for one in libraries {
        let library = wanted(&core, one, directory(&path))?;
        let is_there = |project: &Project| project.libraries.iter().any(|other| other.name.as_deref() == Some(&library.name));
        let verb = if is_there(&components(&name, &text)?) { "changed" } else { "added" };
        text = edit::add_library(&name, &text, &library)?;
        let is_elsewhere = library.source.as_ref().is_some_and(|source| source.contains("://") || source.starts_with("git@"));
        let what = match meaning(&core, &library.name).filter(|_| library.source.is_none() || is_elsewhere) {
            Some(what) => Some(format!(" ({what})")),
            None => is_elsewhere.then(|| " (`pith fetch` and `pith build` fetch it)".to_owned()),
        };
        said.push(format!("{verb} {}{}", library.name, what.unwrap_or_default()));
    }
    // What was written has to be a project.
    components(&name, &text)?;
    write(&path, &text)?;
    said.iter().for_each(|line| report.info(line));
    Ok(0)
}

fn remove(libraries: &[String], arguments: &LibFile, report: &Report) -> Result<u8> {
    let (path, name, mut text) = open(arguments)?;
    for library in libraries {
        text = edit::remove_library(&name, &text, library)?;
    }
    write(&path, &text)?;
    for library in libraries {
        // Its sources, where kraft has put them.
        let sources = directory(&path).join(".unikraft/libs").join(library);
        let is_one_step = Path::new(library).components().count() == 1;
        if is_one_step && sources.is_dir() {
            fs::remove_dir_all(&sources).map_err(|error| Error::new(format!("{}: {error}", sources.display())))?;
            report.info(&format!("removed {}", sources.display()));
        }
        report.info(&format!("removed {library}"));
    }
    Ok(0)
}

fn list(arguments: &LibFile, output: Output) -> Result<u8> {
    let (_, name, text) = open(arguments)?;
    let project = components(&name, &text)?;
    let core = Core::embedded(None)?;
    let mut listing = Listing::new(&["NAME", "VERSION", "SOURCE", "IN PITH"]);
    for library in &project.libraries {
        let name = library.name.clone().unwrap_or_default();
        let source = match &library.source {
            ComponentSource::Default => String::new(),
            ComponentSource::Path(text) | ComponentSource::Url(text) => text.clone(),
        };
        let version = library.version.clone().unwrap_or_default();
        let what = match &library.source {
            ComponentSource::Path(_) => "the project's own".to_owned(),
            ComponentSource::Url(_) if meaning(&core, &name).is_none() => "the project's own, fetched".to_owned(),
            _ => meaning(&core, &name).unwrap_or_else(|| "unknown".to_owned()),
        };
        let value = json!({ "name": name, "version": version, "source": source, "meaning": what, "line": library.line });
        listing.push(vec![name, version, source, what], value);
    }
    print!("{}", listing.show(output)?);
    Ok(0)
}
