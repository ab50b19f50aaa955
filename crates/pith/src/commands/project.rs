//! A project, its core and its targets, for commands that look at a kernel's options.

use crate::cli::ProjectArgs;
use crate::components;
use crate::error::{Error, Result};
use crate::project::{self, Opened, application};
use crate::report::Report;
use crate::settings::Settings;
use crate::variables::Part;
use pith_configuration::saved::Age;
use pith_configuration::{Configured, Core, Request, Saved, configure, extras, saved};
use pith_kraftfile::{ComponentSource, Project, Runtime, Target, find};
use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// The project file that a user means.
///
/// # Errors
/// None there, or several.
pub fn file(kraftfile: Option<&Path>, directory: Option<&Path>) -> Result<PathBuf> {
    match kraftfile {
        Some(file) => Ok(file.to_owned()),
        None => Ok(find(directory.unwrap_or(Path::new(".")))?),
    }
}

/// What a kernel's options are made of, beside the project.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    /// A configuration instead of the one that was saved (`--config`).
    pub config: Option<PathBuf>,
    /// The configuration alone counts, whatever the project asks for (`--no-configure`).
    pub is_alone: bool,
}

/// What a saved configuration says about the project at the time; without it, every line counts.
const HEADING: [&str; 2] = ["#: CONFIG_", "# Options of the core: "];

/// A project that asks for nothing.
fn without_options(project: &Project) -> Project {
    let mut bare = project.clone();
    (bare.preset, bare.template) = (None, None);
    bare.kconfig.clear();
    bare.libraries.clear();
    if let Some(core) = &mut bare.unikraft {
        core.kconfig.clear();
    }
    for target in &mut bare.targets {
        target.kconfig.clear();
    }
    bare
}

/// A project that builds its own kernel.
#[derive(Debug)]
pub struct Loaded {
    /// Its directory.
    pub directory: PathBuf,
    /// Its file; none where it came from standard input.
    pub file: Option<PathBuf>,
    /// Its file's name, for messages.
    pub shown: String,
    /// The project, over its template.
    pub project: Project,
    /// The core that it is built from.
    pub core: Core,
}

/// A configuration of which every line counts, whatever the project asked for when it was saved.
fn every_line(path: &Path) -> Result<Saved> {
    if !path.is_file() {
        let error = Error::new(format!("{}: there is no such configuration", path.display()));
        return Err(error.with_help("`pith set` and `pith menu` save one"));
    }
    let text = fs::read_to_string(path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
    let lines: String = text.split_inclusive('\n').filter(|line| !HEADING.iter().any(|heading| line.starts_with(heading))).collect();
    Ok(Saved::parse(&path.display().to_string(), &lines, Age::Newer))
}

/// Reads a project, its template and its core.
///
/// # Errors
/// No project, or one that is broken or builds no kernel; a core or template that is not there.
pub fn load(arguments: &ProjectArgs, directory: Option<&Path>, report: &Report) -> Result<Loaded> {
    let opened = project::open(directory, Part::Configuration, arguments.into(), report)?;
    for name in components::lacking(&opened)? {
        report.warn(&format!("{name} was not fetched yet, so its options are not known here: `pith fetch` fetches it"));
    }
    Loaded::of(&opened)
}

impl Loaded {
    /// A project that has been read, with its core.
    ///
    /// # Errors
    /// It builds no kernel; its core is not there.
    pub fn of(opened: &Opened) -> Result<Self> {
        let file = opened.path.as_ref().and_then(|path| path.file_name());
        let shown = file.map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned());
        let project = opened.project.clone();
        if !project.builds_kernel() {
            let runtime = match &project.runtime {
                Some(Runtime::Image(name)) => name.clone(),
                Some(Runtime::Kernel(path)) => format!("kernel://{path}"),
                None => "no runtime".to_owned(),
            };
            let error =
                Error::new(format!("{shown}: this project builds no kernel that could have options: it uses the runtime {runtime}"));
            return Err(error.with_help("a project with `unikraft:` or `template:` builds its own"));
        }
        let own = extras(&opened.directory, &project);
        let core = match project.unikraft.as_ref().map(|core| &core.source) {
            Some(ComponentSource::Path(path)) => Core::open_with(&opened.directory.join(path), &own)?,
            _ => Core::embedded_with(&own)?,
        };
        Ok(Self { directory: opened.directory.clone(), file: opened.path.clone(), shown, project, core })
    }

    /// The project's targets that fit the user's filters.
    ///
    /// # Errors
    /// None of them does.
    pub fn targets(&self, arguments: &ProjectArgs) -> Result<Vec<Target>> {
        project::filtered(&self.project, &self.shown, arguments)
    }

    /// Where a target's configuration is kept.
    pub fn saved_path(&self, target: &Target) -> PathBuf {
        saved::path(&self.directory, &self.project.name_in(&self.directory), target)
    }

    /// What was saved for a target.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn saved(&self, target: &Target) -> Result<Option<Saved>> {
        let path = self.saved_path(target);
        Saved::read(&path, self.file.as_deref()).map_err(|error| Error::new(format!("{}: {error}", path.display())))
    }

    /// The configuration of a target.
    ///
    /// # Errors
    /// [`pith_configuration::Error`].
    pub fn configure(
        &self,
        target: &Target,
        saved: Option<&Saved>,
        forgotten: &[String],
        overrides: &[(String, String)],
    ) -> Result<Configured<'_>> {
        let application = application(&self.project, &self.directory);
        let request = Request { project: &self.project, file: &self.shown, target, application, saved, forgotten, overrides };
        Ok(configure(&self.core, &request)?)
    }

    /// The configuration of a target as a kernel is built with it.
    ///
    /// # Errors
    /// A configuration that is not there or cannot be read; [`pith_configuration::Error`].
    pub fn chosen(&self, target: &Target, basis: &Basis) -> Result<Configured<'_>> {
        let saved = match basis {
            Basis { config: None, is_alone: false } => self.saved(target)?,
            Basis { config, .. } => Some(every_line(&config.clone().unwrap_or_else(|| self.saved_path(target)))?),
        };
        let bare = basis.is_alone.then(|| without_options(&self.project));
        let application = application(&self.project, &self.directory);
        let project = bare.as_ref().unwrap_or(&self.project);
        let request = Request { saved: saved.as_ref(), application, ..Request::new(project, &self.shown, target) };
        Ok(configure(&self.core, &request)?)
    }

    /// Keeps a target's configuration; returns where.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, target: &Target, text: &str) -> Result<PathBuf> {
        let path = self.saved_path(target);
        let failed = |error: io::Error| Error::new(format!("{}: {error}", path.display()));
        // All of it or nothing.
        let mut file = tempfile::NamedTempFile::new_in(&self.directory).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(file.path(), mode).map_err(failed)?;
        pith_machine::paths::give_to_user(file.path());
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(path)
    }

    /// One target: the only one that is left, or the one that the user picks.
    ///
    /// # Errors
    /// Nobody can be asked and the first cannot be configured; the user picks none.
    pub fn pick(&self, settings: &Settings, targets: Vec<Target>, report: &Report) -> Result<Target> {
        let can_ask = settings.may_prompt() && io::stdin().is_terminal() && io::stderr().is_terminal();
        if let ([_], _) | (_, false) = (targets.as_slice(), can_ask) {
            let several = targets.len() > 1;
            let usable = |target: &Target| self.configure(target, None, &[], &[]).is_ok();
            let first = targets.iter().find(|target| usable(target)).or(targets.first()).cloned();
            let target = first.ok_or_else(|| Error::new("no targets selected"))?;
            if several {
                report.info(&format!("{} it is; choose another target with -t", target.shown()));
            }
            return Ok(target);
        }
        let mut question = String::from("Which target?\n");
        for (number, target) in targets.iter().enumerate() {
            let name = target.name.as_ref().map(|name| format!("{name}  ")).unwrap_or_default();
            question += &format!("  {}  {name}{}\n", number + 1, target.shown());
        }
        // Nobody to tell: nothing to do.
        let _ = write!(io::stderr(), "{question}Number: ");
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map_err(|error| Error::new(format!("standard input: {error}")))?;
        let number: Option<usize> = answer.trim().parse().ok();
        let picked = number.and_then(|number| targets.get(number.checked_sub(1)?)).cloned();
        picked.ok_or_else(|| Error::new(format!("{:?} is none of the targets", answer.trim())))
    }
}
