//! Opening a project: its file, where it lies, what it is called.

use crate::cli::TargetArgs;
use crate::error::{Error, Result};
use crate::report::Report;
use pith_kraftfile::{ComponentSource, Project, Target, find as project_files};
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
    /// What its file says.
    pub project: Project,
    /// Its file, for messages.
    pub file: String,
    /// Its file's text, for complaints that show a line.
    pub text: String,
    /// Its directory; relative paths in the file begin here.
    pub directory: PathBuf,
}

/// Finds and reads a project's file.
///
/// # Errors
/// There is none, or it is wrong.
pub fn open(arguments: &TargetArgs, report: &Report) -> Result<Opened> {
    let named = arguments.path.clone();
    if let Some(path) = &named
        && !path.is_dir()
    {
        let problem = fs::metadata(path).map_or_else(|error| error.to_string(), |_| "expected the directory of a project".to_owned());
        return Err(Error::new(format!("{}: {problem}", path.display())));
    }
    let here = || named.clone().unwrap_or_else(|| PathBuf::from("."));
    let (file, directory) = match &arguments.kraftfile {
        Some(file) => (file.clone(), here()),
        None => {
            let file = match &named {
                Some(path) => project_files::find_in(path)?.map_or_else(|| project_files::find(path), Ok)?,
                None => project_files::find(Path::new("."))?,
            };
            let directory = file.parent().map_or_else(here, Path::to_owned);
            (file, directory)
        }
    };
    read(&file, directory, report)
}

/// Reads a project's file; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is wrong.
pub fn read(file: &Path, directory: PathBuf, report: &Report) -> Result<Opened> {
    let (name, text) = if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Error::new(format!("reading a Kraftfile from standard input: {error}")))?;
        ("(standard input)".to_owned(), text)
    } else {
        let text = fs::read_to_string(file).map_err(|error| Error::new(format!("{}: {error}", file.display())))?;
        (file.display().to_string(), text)
    };
    let project = Project::parse(&name, &text, &|variable| std::env::var(variable).ok())?;
    for warning in &project.warnings {
        report.warn(&format!("{name}:{}:{}: {}", warning.line, warning.column, warning.message));
    }
    let project = over_template(project, &directory)?;
    Ok(Opened { project, file: name, text, directory })
}

/// The project over the Kraftfile of a template that is a directory here.
fn over_template(project: Project, directory: &Path) -> Result<Project> {
    let Some(template) = &project.template else { return Ok(project) };
    let ComponentSource::Path(path) = &template.source else { return Ok(project) };
    let place = directory.join(path);
    if !place.is_dir() {
        return Err(Error::new(format!("line {}: the template {} is no directory", template.line, place.display())));
    }
    let Some(file) = project_files::find_in(&place)? else { return Ok(project) };
    let text = fs::read_to_string(&file).map_err(|error| Error::new(format!("{}: {error}", file.display())))?;
    Ok(project.over(Project::parse(&file.display().to_string(), &text, &|variable| std::env::var(variable).ok())?))
}

impl Opened {
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
        if !self.project.targets.is_empty() {
            return self.project.targets.clone();
        }
        let (platform, architecture) = DEFAULT_TARGET;
        let (platform, architecture) = (platform.to_owned(), architecture.to_owned());
        vec![Target { name: None, platform, architecture, kconfig: Vec::new(), output: None, line: 0 }]
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
