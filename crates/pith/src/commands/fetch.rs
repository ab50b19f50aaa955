//! `pith fetch`: gets everything that a build needs, so that it needs no network.

use super::build::choice::{Asked, choose};
use super::build::{kernel, native};
use super::project::{Basis, Loaded};
use crate::build::Build;
use crate::cli::FetchArgs;
use crate::components::{self, Network};
use crate::error::Result;
use crate::project::{self, Opened};
use crate::report::Report;
use crate::run::{self, source::Origin};
use crate::settings::Settings;
use crate::variables::Part;
use std::collections::BTreeSet;

/// Carries out `pith fetch`: fetches libraries and the template, says in one list what became of them, fetches what their sources are made from, unpacks the kernel's sources, and gets the image that the root file system is.
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
        sources(&opened, arguments, network, report)?;
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

/// What a Makefile.uk has fetched, with the options of each target.
fn sources(opened: &Opened, arguments: &FetchArgs, network: Network, report: &Report) -> Result<()> {
    let loaded = Loaded::of(opened)?;
    let outdir = opened.outdir(None);
    let asked = Asked { basis: Basis::default(), validate: false, may_lack_libraries: false, env: &[], report };
    let mut names = BTreeSet::new();
    for target in opened.filtered(&arguments.project)? {
        let chosen = choose(&asked, &loaded, &target)?;
        names.extend(native::fetch(opened, &chosen, &outdir, network, report)?);
    }
    names.iter().for_each(|name| report.info(&format!("sources of {name}: {}", outdir.join("native").join(name).display())));
    Ok(())
}
