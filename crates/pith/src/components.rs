//! Components of a project (libraries, a template) that are not directories here: fetched into `.unikraft`, and then used as if they were.
//!
//! What Pith knows by name is not fetched: a library that is an option of the kernel, or nothing to choose, the loader of Linux programs, the core itself.

use crate::error::{Error, Result};
use crate::project::Opened;
use crate::report::Report;
use pith_configuration::{Core, Meaning, is_loader, library_option};
use pith_kraftfile::{Component, ComponentSource, Project};
pub use pith_sources::Network;
use pith_sources::{Address, Made, Note, Reuse};
use std::path::{Path, PathBuf};

/// What a component is, which says where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Library,
    Template,
}

impl Role {
    /// Where components of this kind go, from the project's directory.
    fn home(self) -> &'static str {
        match self {
            Self::Library => ".unikraft/libs",
            Self::Template => ".unikraft/apps",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Library => "library",
            Self::Template => "template",
        }
    }
}

/// Whether something has to be fetched, and how.
enum Plan {
    /// It is here, or in Pith.
    Nothing(String),
    Fetch {
        address: Address,
        name: String,
    },
}

/// The address of what lies elsewhere, or is packed.
fn address(component: &Component, directory: &Path) -> Option<String> {
    match &component.source {
        ComponentSource::Url(text) => Some(text.clone()),
        ComponentSource::Path(path) => directory.join(path).is_file().then(|| path.clone()),
        ComponentSource::Default => None,
    }
}

/// What Pith has by a library's name.
fn counterpart(core: &Core, name: &str) -> Option<String> {
    let option = library_option(name);
    if core.kconfig().find(&option).is_some() {
        return Some(format!("CONFIG_{option} of the kernel"));
    }
    Some(match core.meaning(&option)? {
        Meaning::Option(options) => {
            let names: Vec<String> = options.iter().map(|option| format!("CONFIG_{option}")).collect();
            format!("{} of the kernel", names.join(", "))
        }
        Meaning::BuiltIn(why) => format!("built in: {why}"),
        Meaning::Setting(why) => format!("not needed: {why}"),
        Meaning::Unsupported(why) => format!("not supported: {why}"),
        Meaning::Environment => "the environment".to_owned(),
    })
}

fn plan(core: &Core, component: &Component, role: Role, directory: &Path) -> Result<Plan> {
    let name = component.name.clone().unwrap_or_default();
    if role == Role::Template && is_loader(component) {
        return Ok(Plan::Nothing("CONFIG_LIBELF of the kernel".to_owned()));
    }
    let Some(text) = address(component, directory) else {
        let what = match &component.source {
            ComponentSource::Path(path) => format!("in {path}"),
            _ if role == Role::Library => {
                counterpart(core, &name).unwrap_or_else(|| "not known; it has no source that could be fetched".to_owned())
            }
            _ => "not known; it has no source that could be fetched".to_owned(),
        };
        return Ok(Plan::Nothing(what));
    };
    if let (Role::Library, ComponentSource::Url(_), Some(what)) = (role, &component.source, counterpart(core, &name)) {
        return Ok(Plan::Nothing(what));
    }
    let address = Address::parse(&text, component.version.as_deref()).map_err(|error| at(component, role, &error))?;
    let name = Some(name).filter(|name| !name.is_empty()).unwrap_or_else(|| stem(&text));
    Ok(Plan::Fetch { address, name })
}

/// What an archive without a name is called.
fn stem(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split(".tar").next().unwrap_or(file).trim_end_matches(".tgz").trim_end_matches(".zip").trim_start_matches('.').to_owned()
}

fn at(component: &Component, role: Role, error: &pith_sources::Error) -> Error {
    let name = component.name.as_deref().unwrap_or_default();
    let told = Error::new(format!("{} {name}, line {}: {error}", role.word(), component.line));
    match error.help() {
        Some(help) => told.with_help(help),
        None => told,
    }
}

/// Puts the directory of what was fetched in the place of a component's address.
fn resolve(core: &Core, component: &mut Component, role: Role, directory: &Path) {
    // An address that is none is an error where it is to be fetched.
    let Ok(Plan::Fetch { address, name }) = plan(core, component, role, directory) else { return };
    let place = Path::new(role.home()).join(&name);
    if pith_sources::noted(&directory.join(&place), &address).is_some() {
        component.name.get_or_insert(name);
        component.source = ComponentSource::Path(place.display().to_string());
    }
}

/// Whether a project has components for which [`resolve_template`] or [`resolve_libraries`] would have to look.
fn is_elsewhere(component: &Component, directory: &Path) -> bool {
    address(component, directory).is_some()
}

/// The template, if it was fetched, becomes a directory here.
///
/// # Errors
/// The core's options cannot be read.
pub fn resolve_template(project: &mut Project, directory: &Path) -> Result<()> {
    if let Some(template) = project.template.as_mut().filter(|template| is_elsewhere(template, directory)) {
        resolve(&Core::embedded(None)?, template, Role::Template, directory);
    }
    Ok(())
}

/// Libraries that were fetched become directories here.
///
/// # Errors
/// The core's options cannot be read.
pub fn resolve_libraries(project: &mut Project, directory: &Path) -> Result<()> {
    if project.libraries.iter().any(|library| is_elsewhere(library, directory)) {
        let core = Core::embedded(None)?;
        project.libraries.iter_mut().for_each(|library| resolve(&core, library, Role::Library, directory));
    }
    Ok(())
}

/// Names of components that would have to be fetched first, for commands that fetch nothing.
///
/// # Errors
/// An address that is none; the core's options cannot be read.
pub fn lacking(opened: &Opened) -> Result<Vec<String>> {
    let components = opened.project.template.iter().map(|template| (template, Role::Template));
    let components: Vec<_> = components.chain(opened.project.libraries.iter().map(|library| (library, Role::Library))).collect();
    if !components.iter().any(|(component, _)| is_elsewhere(component, &opened.directory)) {
        return Ok(Vec::new());
    }
    let core = Core::embedded(None)?;
    let mut names = Vec::new();
    for (component, role) in components {
        if let Plan::Fetch { name, .. } = plan(&core, component, role, &opened.directory)? {
            names.push(format!("{} {name}", role.word()));
        }
    }
    Ok(names)
}

/// What became of one component: its name, and where it is.
pub type Became = (String, String);

/// Fetches what a project lacks, and reads the project again where that changes it.
///
/// # Errors
/// What cannot be had; what may not be fetched.
pub fn complete(mut opened: Opened, network: Network, report: &Report) -> Result<(Opened, Vec<Became>)> {
    if opened.declared.template.is_none() && opened.declared.libraries.is_empty() {
        return Ok((opened, Vec::new()));
    }
    let core = Core::embedded(None)?;
    let mut list = Vec::new();
    if let Some(template) = opened.declared.template.clone() {
        list.push(one(&core, &template, Role::Template, &opened, network, report)?);
        opened = opened.again(report)?;
    }
    for library in opened.declared.libraries.clone() {
        list.push(one(&core, &library, Role::Library, &opened, network, report)?);
    }
    Ok((opened.again(report)?, list))
}

fn one(core: &Core, component: &Component, role: Role, opened: &Opened, network: Network, report: &Report) -> Result<Became> {
    let (address, name) = match plan(core, component, role, &opened.directory)? {
        Plan::Nothing(what) => return Ok((component.name.clone().unwrap_or_else(|| role.word().to_owned()), what)),
        Plan::Fetch { address, name } => (address, name),
    };
    let home = opened.directory.join(role.home());
    let is_there = pith_sources::noted(&home.join(&name), &address).is_some();
    if network == Network::Never && !is_there {
        let error = Error::new(format!("{} {name}, line {}: {} was not fetched yet", role.word(), component.line, address.location));
        return Err(error.with_help("`pith fetch` fetches it; --no-fetch forbids `pith build` to"));
    }
    if !is_there || network == Network::Again {
        report.info(&format!("fetching {} {name} from {}", role.word(), address.location));
    }
    let reuse = if network == Network::Again { Reuse::Nothing } else { Reuse::Fetched };
    let (note, made) =
        pith_sources::fetch(&address, &opened.directory, &home, &name, reuse).map_err(|error| at(component, role, &error))?;
    if made == Made::Now {
        give(&home);
    }
    Ok((name, format!("{}, in {}/{}", said(&note), role.home(), component_name(&note, component))))
}

fn component_name(note: &Note, component: &Component) -> String {
    component.name.clone().unwrap_or_else(|| stem(&note.address))
}

fn said(note: &Note) -> String {
    match (&note.commit, &note.sha256) {
        (Some(commit), _) => format!("commit {commit} of {}", note.address),
        (None, Some(sha256)) => format!("{} (SHA-256 {sha256})", note.address),
        (None, None) => note.address.clone(),
    }
}

/// What was made by root for the user behind sudo is the user's.
fn give(place: &Path) {
    pith_machine::paths::give_to_user(place);
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            give(&entry.path());
        } else {
            pith_machine::paths::give_to_user(&entry.path());
        }
    }
}

/// Directories of a project's libraries that have sources of their own. What Pith knows by name is not built from a directory either.
///
/// # Errors
/// The core's options cannot be read.
pub fn library_directories(project: &Project, directory: &Path) -> Result<Vec<PathBuf>> {
    if project.libraries.is_empty() {
        return Ok(Vec::new());
    }
    let core = Core::embedded(None)?;
    let places = project.libraries.iter().filter_map(|library| match &library.source {
        ComponentSource::Path(path) if counterpart(&core, library.name.as_deref().unwrap_or_default()).is_none() => {
            Some(directory.join(path))
        }
        _ => None,
    });
    Ok(places.filter(|place| place.join("Makefile.uk").is_file()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_with_a_counterpart_are_not_built_from_their_directories() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["lwip", "own"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
            std::fs::write(directory.path().join(name).join("Makefile.uk"), "").unwrap();
        }
        let text = "spec: v0.6\nunikraft: stable\nlibraries: {lwip: ./lwip, own: ./own, none: ./none, musl: stable}\n";
        let project = Project::parse("Kraftfile", text, &|_| None).unwrap();
        assert_eq!(library_directories(&project, directory.path()).unwrap(), [directory.path().join("./own")]);
    }
}
