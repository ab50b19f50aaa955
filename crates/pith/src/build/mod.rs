//! Images: from a Dockerfile, by the built-in engine or somebody else's, or as they are, from a registry, layout or archive.
//!
//! [`images`] is what the user has settled about images, [`engine`] runs the built-in engine, [`remote`] asks a BuildKit daemon or Docker
//! engine, [`steps`] shows how it goes on, [`inputs`] reads the flags.

mod engine;
mod images;
mod inputs;
mod remote;
mod steps;

use crate::cli::{BuildArgs, Builder};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;
use pith_image::{Image, Source};
use pith_machine::Store;
use std::path::Path;

/// What a build has to know besides what to build.
pub struct Build<'a> {
    pub settings: &'a Settings,
    pub store: &'a Store,
    pub arguments: &'a BuildArgs,
    pub report: &'a Report,
}

impl Build<'_> {
    /// Builds a Dockerfile; the context is its directory.
    ///
    /// # Errors
    /// What is wrong in the Dockerfile, or went wrong while it was built.
    pub fn dockerfile(&self, dockerfile: &Path) -> Result<Image> {
        let context = dockerfile.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let host = self.settings.get("buildkit_host");
        match self.arguments.builder {
            Builder::Builtin => self.build_here(dockerfile, context),
            Builder::Auto if host.is_empty() => self.build_here(dockerfile, context),
            Builder::Buildkit if host.is_empty() => {
                let error = Error::new("--builder buildkit: no address of a BuildKit daemon is given");
                Err(error.with_help("give --buildkit-host unix://PATH, tcp://HOST:PORT or docker-container://NAME"))
            }
            Builder::Auto | Builder::Buildkit => {
                let address = pith_buildkit::Address::parse(host).map_err(|error| Error::new(error.to_string()))?;
                self.build_there(&address, dockerfile, context)
            }
            Builder::Docker => {
                let host = std::env::var("DOCKER_HOST").ok();
                let address = pith_buildkit::Address::docker(host.as_deref()).map_err(|error| Error::new(error.to_string()))?;
                self.build_there(&address, dockerfile, context)
            }
        }
    }

    /// Gets an image.
    ///
    /// # Errors
    /// It is not there, or cannot be had.
    pub fn image(&self, source: &Source) -> Result<Image> {
        let images = images::open(self.settings, self.store, self.report)?;
        Ok(images.get(source, &images::platform(), self.arguments.pull.parse()?)?)
    }
}
