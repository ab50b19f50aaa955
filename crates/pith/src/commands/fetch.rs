//! `pith fetch`: gets everything that a build needs, so that it needs no network.

use super::build::kernel;
use crate::build::Build;
use crate::cli::FetchArgs;
use crate::components::{self, Network};
use crate::error::Result;
use crate::project;
use crate::report::Report;
use crate::run::{self, source::Origin};
use crate::settings::Settings;
use crate::variables::Part;

/// Carries out `pith fetch`: fetches libraries and the template, says in one list what became of them, unpacks the kernel's sources, and gets the image that the root file system is.
///
/// # Errors
/// What cannot be had.
pub fn fetch(settings: &Settings, arguments: &FetchArgs, report: &Report) -> Result<u8> {
    let opened = project::open(arguments.path.as_deref(), Part::All, (&arguments.project).into(), report)?;
    opened.filtered(&arguments.project)?;
    let network = if arguments.build.no_cache { Network::Again } else { Network::Missing };
    let (opened, components) = components::complete(opened, network, report)?;
    components.iter().for_each(|(name, what)| report.info(&format!("{name}: {what}")));
    let store = settings.store()?;
    if opened.project.builds_kernel() {
        let core = kernel::core(&opened, &store, report)?;
        report.info(&format!("the kernel's sources are in {}", core.root().display()));
    }
    if arguments.no_pull {
        return Ok(0);
    }
    let build = Build { settings, store: &store, arguments: &arguments.build, report };
    match run::project::rootfs(&opened)? {
        // Base images are got on the way, and the result is kept.
        Some(Origin::Dockerfile { path, .. }) => drop(build.dockerfile(&path)?),
        Some(Origin::Named { source, .. }) => drop(build.image(&source)?),
        Some(Origin::Here(_)) | None => {}
    }
    Ok(0)
}
