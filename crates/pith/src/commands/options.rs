//! A project, its core and its targets, for commands that look at a kernel's options.

use super::build::targets::filtered;
use crate::cli::TargetArgs;
use crate::error::{Error, Result};
use crate::project::{Opened, open};
use crate::report::Report;
use pith_configuration::{Configured, Core, Request, Saved, configure, extras, saved};
use pith_kraftfile::{ComponentSource, Runtime, Target};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A project that builds its own kernel, and the options that this has.
#[derive(Debug)]
pub struct Options {
    /// The project.
    pub opened: Opened,
    /// Its core's options, and its own.
    pub core: Core,
}

/// Reads a project and the options of its core.
///
/// # Errors
/// No project, or one that is broken or builds no kernel; a core that is not there.
pub fn load(arguments: &TargetArgs, report: &Report) -> Result<Options> {
    let opened = open(arguments, report)?;
    if !opened.project.builds_kernel() {
        let runtime = match &opened.project.runtime {
            Some(Runtime::Image(name)) => name.clone(),
            Some(Runtime::Kernel(path)) => format!("kernel://{path}"),
            None => "no runtime".to_owned(),
        };
        let message = format!("{}: this project builds no kernel that could have options: it uses the runtime {runtime}", opened.file);
        return Err(Error::new(message).with_help("a project with `unikraft:`, `pith:` or `template:` builds its own"));
    }
    let own = extras(&opened.directory, &opened.project);
    let core = match opened.project.unikraft.as_ref().map(|core| &core.source) {
        Some(ComponentSource::Path(path)) => Core::open_with(&opened.directory.join(path), &own)?,
        _ => Core::embedded_with(&own)?,
    };
    Ok(Options { opened, core })
}

impl Options {
    /// The project's targets that fit the user's filters.
    ///
    /// # Errors
    /// None of them does.
    pub fn targets(&self, arguments: &TargetArgs) -> Result<Vec<Target>> {
        filtered(&self.opened, arguments)
    }

    /// Where a target's configuration is kept.
    pub fn saved_path(&self, target: &Target) -> PathBuf {
        saved::path(&self.opened.directory, &self.opened.name(), target)
    }

    /// What was saved for a target.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn saved(&self, target: &Target) -> Result<Option<Saved>> {
        let path = self.saved_path(target);
        let project = Path::new(&self.opened.file);
        Saved::read(&path, Some(project)).map_err(|error| Error::new(format!("{}: {error}", path.display())))
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
        let base = Request::new(&self.opened.project, &self.opened.file, target);
        Ok(configure(&self.core, &Request { saved, forgotten, overrides, ..base })?)
    }

    /// Keeps a target's configuration; returns where.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, target: &Target, text: &str) -> Result<PathBuf> {
        let path = self.saved_path(target);
        let failed = |error: io::Error| Error::new(format!("{}: {error}", path.display()));
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // All of it or nothing.
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(file.path(), mode).map_err(failed)?;
        pith_machine::paths::give_to_user(file.path());
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(path)
    }
}
