//! Opening a project: its file, where it lies, what it is called.

use crate::cli::ProjectArgs;
use crate::components;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::variables::{self, Choice, Part};
use pith_configuration::Application;
use pith_kraftfile::{ComponentSource, Project, Target, Variables, Warning, architecture, find as project_files, platform};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where results go when nobody says.
const OUTDIR: &str = ".unikraft/build";

/// What a target is when a project has none.
pub const DEFAULT_TARGET: (&str, &str) = ("qemu", "x86_64");

/// A project that has been read.
#[derive(Debug)]
pub struct Opened {
    /// What its file says, over its template; components that were fetched are directories here.
    pub project: Project,
    /// The same, with components as they are written.
    pub declared: Project,
    /// Its file, for messages.
    pub file: String,
    /// Where its file is; none where it came from standard input.
    pub path: Option<PathBuf>,
    /// Its file's text, for complaints that show a line.
    pub text: String,
    /// Its directory; relative paths in the file begin here.
    pub directory: PathBuf,
    /// How much of the file was read.
    part: Part,
    /// Whose options its variables are.
    choice: Choice,
}

/// Finds and reads a project's file: the one named, or the one in `directory` or the nearest above it.
///
/// # Errors
/// There is none, or it is wrong.
pub fn open(directory: Option<&Path>, part: Part, choice: Choice, report: &Report) -> Result<Opened> {
    let kraftfile = choice.targets.kraftfile.clone();
    let here = directory.unwrap_or(Path::new("."));
    if !here.is_dir() {
        let problem = fs::metadata(here).map_or_else(|error| error.to_string(), |_| "expected the directory of a project".to_owned());
        return Err(Error::new(format!("{}: {problem}", here.display())));
    }
    match kraftfile {
        Some(file) if directory.is_some() || file == Path::new("-") => read(&file, here.to_owned(), part, choice, report),
        Some(file) => read(&file, directory_of(&file), part, choice, report),
        None => {
            let file = project_files::find(here)?;
            let directory = directory_of(&file);
            read(&file, directory, part, choice, report)
        }
    }
}

fn directory_of(file: &Path) -> PathBuf {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Reads a project's file; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is wrong.
pub fn read(file: &Path, directory: PathBuf, part: Part, choice: Choice, report: &Report) -> Result<Opened> {
    let (name, text) = if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Error::new(format!("reading a Kraftfile from standard input: {error}")))?;
        ("(standard input)".to_owned(), text)
    } else {
        let text = fs::read_to_string(file).map_err(|error| Error::new(format!("{}: {error}", file.display())))?;
        (file.display().to_string(), text)
    };
    let path = Some(file.to_owned()).filter(|file| file != Path::new("-"));
    let place = Place { file: name, path, text, directory };
    interpret(place, part, choice, &|warning| report.warn(warning))
}

/// A project's file, not yet read.
#[derive(Clone)]
struct Place {
    file: String,
    path: Option<PathBuf>,
    text: String,
    directory: PathBuf,
}

fn interpret(place: Place, part: Part, choice: Choice, warn: &dyn Fn(&str)) -> Result<Opened> {
    let read = |part: Part, variables: &Variables<'_>| understood(place.clone(), part, choice.clone(), variables);
    let opened = variables::settle(&place.file, part, &choice, &read)?;
    for warning in &opened.project.warnings {
        warn(&format!("{}:{}:{}: {}", opened.file, warning.line, warning.column, warning.message));
    }
    if !opened.project.roms.is_empty() {
        warn(&format!("{}: `roms` are ignored: machines have none, put the files into the root file system", opened.file));
    }
    Ok(opened)
}

fn parse(file: &str, text: &str, part: Part, variables: &Variables<'_>) -> Result<Project> {
    Ok(match part {
        Part::All => Project::parse_with(file, text, variables)?,
        Part::Configuration => Project::parse_configuration(file, text, variables)?,
    })
}

/// A project with these values of its variables, over its template.
fn understood(place: Place, part: Part, choice: Choice, variables: &Variables<'_>) -> Result<Opened> {
    let Place { file, path, text, directory } = place;
    let mut project = parse(&file, &text, part, variables)?;
    project.take_paths(&|path| directory.join(path).exists());
    let template = project.template.clone();
    components::resolve_template(&mut project, &directory)?;
    let mut project = over_template(project, &directory, part, variables)?;
    let declared = Project { template, ..project.clone() };
    components::resolve_libraries(&mut project, &directory)?;
    Ok(Opened { project, declared, file, path, text, directory, part, choice })
}

/// A project's targets; the usual one when it names none.
pub fn targets(project: &Project) -> Vec<Target> {
    if !project.targets.is_empty() {
        return project.targets.clone();
    }
    let (platform, architecture) = DEFAULT_TARGET;
    let (platform, architecture) = (platform.to_owned(), architecture.to_owned());
    vec![Target { name: None, platform, architecture, kconfig: Vec::new(), output: None, line: 1 }]
}

/// A project's targets that fit the user's filters: all that are given must hold, in any combination.
///
/// # Errors
/// None of them does.
pub fn filtered(project: &Project, file: &str, arguments: &ProjectArgs) -> Result<Vec<Target>> {
    let fits = |target: &Target| {
        let plat = arguments.plat.as_ref().is_none_or(|plat| platform(plat) == target.platform);
        let arch = arguments.arch.as_ref().is_none_or(|arch| architecture(arch) == target.architecture);
        let own = arguments.target.as_ref().is_none_or(|wanted| {
            let both = wanted.split_once('/').map(|(plat, arch)| format!("{}/{}", platform(plat), architecture(arch)));
            target.name.as_deref() == Some(wanted.as_str()) || both.as_deref() == Some(target.shown().as_str())
        });
        plat && arch && own
    };
    let all = targets(project);
    let left: Vec<Target> = all.iter().filter(|target| fits(target)).cloned().collect();
    if left.is_empty() {
        let known: Vec<String> = all.iter().map(Target::shown).collect();
        return Err(Error::new("no targets selected").with_help(format!("{file} has {}", known.join(", "))));
    }
    Ok(left)
}

/// Where a template is that is a path.
fn template_place(project: &Project, directory: &Path) -> Option<PathBuf> {
    match &project.template.as_ref()?.source {
        ComponentSource::Path(path) => Some(directory.join(path)),
        _ => None,
    }
}

/// The project over the Kraftfile of a template that is a directory here.
fn over_template(mut project: Project, directory: &Path, part: Part, variables: &Variables<'_>) -> Result<Project> {
    let Some(place) = template_place(&project, directory) else { return Ok(project) };
    let line = project.template.as_ref().map_or(0, |template| template.line);
    // An archive has to be unpacked first.
    if place.is_file() {
        return Ok(project);
    }
    if !place.is_dir() {
        return Err(Error::new(format!("template, line {line}: there is no directory {}", place.display())));
    }
    let is_here = |place: &Path| matches!((fs::canonicalize(place), fs::canonicalize(directory)), (Ok(one), Ok(other)) if one == other);
    if is_here(&place) {
        return Err(Error::new(format!("template, line {line}: {} is this project itself", place.display())));
    }
    let Some(file) = project_files::find_in(&place)? else { return Ok(project) };
    let text = fs::read_to_string(&file).map_err(|error| Error::new(format!("{}: {error}", file.display())))?;
    let mut template = parse(&file.display().to_string(), &text, part, variables)?;
    template.take_paths(&|path| place.join(path).exists());
    if template_place(&template, &place).is_some_and(|own| is_here(&own)) {
        let message = format!("template, line {line}: templates go round in a circle: that of {} is this project", file.display());
        return Err(Error::new(message).with_help("one of them has to do without the other"));
    }
    if template.template.is_some() {
        project.warnings.push(Warning {
            message: format!("{} has a template of its own, which is not followed", file.display()),
            line,
            column: 1,
        });
    }
    Ok(project.over(template))
}

/// Sources that a project's program is built from, into the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    /// Where they are: the project's directory, or its template's.
    pub directory: PathBuf,
    /// How they say what they are.
    pub kind: pith_native::project::Kind,
}

/// The sources that a project's program is built from. A Cargo.toml beside a template or a root file system that brings an ELF loader belongs to what is in there.
pub fn native(project: &Project, directory: &Path) -> Option<Native> {
    if !project.builds_kernel() || in_kernel(project, directory) {
        return None;
    }
    let loads = project.template.is_some() || project.libraries.iter().any(|library| library.name.as_deref().is_some_and(is_loader));
    let own = pith_native::project::kind(directory).filter(|kind| *kind == pith_native::project::Kind::Make || !loads);
    let template = || match &project.template.as_ref()?.source {
        ComponentSource::Path(path) => Some(directory.join(path)),
        _ => None,
    };
    match own {
        Some(kind) => Some(Native { directory: directory.to_owned(), kind }),
        None => template().and_then(|directory| pith_native::project::kind(&directory).map(|kind| Native { directory, kind })),
    }
}

fn is_loader(library: &str) -> bool {
    pith_configuration::library_option(library) == "LIBELF"
}

/// Whether the project's program is compiled together with the kernel: a Cargo project that depends on `pith-app`.
pub fn in_kernel(project: &Project, directory: &Path) -> bool {
    project.builds_kernel()
        && pith_native::project::kind(directory) == Some(pith_native::project::Kind::Cargo)
        && pith_builder::is_application(directory)
}

/// Where the project's application is.
pub fn application(project: &Project, directory: &Path) -> Application {
    if in_kernel(project, directory) {
        return Application::InKernel;
    }
    native(project, directory).map_or(Application::InFiles, |_| Application::InImage)
}

impl Opened {
    /// The same file, after something was fetched; what it is warned of has been said.
    ///
    /// # Errors
    /// A template that is wrong.
    pub fn again(self, report: &Report) -> Result<Self> {
        let place = Place { file: self.file, path: self.path, text: self.text, directory: self.directory };
        interpret(place, self.part, self.choice, &|warning| report.debug(warning))
    }

    /// Its name: its own, or its directory's.
    pub fn name(&self) -> String {
        Some(self.project.name_in(&self.directory)).filter(|name| !name.is_empty()).unwrap_or_else(|| "app".to_owned())
    }

    /// Where results go.
    pub fn outdir(&self, asked: Option<&Path>) -> PathBuf {
        match asked {
            Some(path) => path.to_owned(),
            None => self.directory.join(self.project.outdir.as_deref().unwrap_or(OUTDIR)),
        }
    }

    /// Its targets; the usual one when it names none.
    pub fn targets(&self) -> Vec<Target> {
        targets(&self.project)
    }

    /// The targets that fit the user's filters.
    ///
    /// # Errors
    /// None of them does.
    pub fn filtered(&self, arguments: &ProjectArgs) -> Result<Vec<Target>> {
        filtered(&self.project, &self.file, arguments)
    }

    /// Where the kernel for a target goes.
    pub fn kernel(&self, target: &Target, outdir: &Path) -> PathBuf {
        match &target.output {
            Some(output) => self.directory.join(output),
            None => {
                let name = target.name.clone().unwrap_or_else(|| self.name());
                outdir.join(format!("{name}_{}-{}", target.platform, target.architecture))
            }
        }
    }
}
