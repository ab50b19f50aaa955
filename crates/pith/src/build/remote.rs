//! Builds by a BuildKit daemon or a Docker engine.

use super::inputs::{SecretSource, build_args, secrets, ssh_agents};
use super::steps::Steps;
use super::{Build, images};
use crate::error::{Error, Result};
use pith_buildkit::{Address, Request, Secret, build};
use pith_image::{Image, PullPolicy};
use std::path::Path;

impl Build<'_> {
    /// Builds at `address`.
    pub(super) fn build_there(&self, address: &Address, dockerfile: &Path, context: &Path) -> Result<Image> {
        let pull = self.arguments.pull.parse::<PullPolicy>()?;
        if pull == PullPolicy::Never {
            let error =
                Error::new(format!("--pull never: {address} asks registries for what it does not have, and cannot be kept from it"));
            return Err(error.with_help("leave it out, or give --builder builtin"));
        }
        let secret = |secret: super::inputs::Secret| Secret {
            id: secret.id,
            source: match secret.source {
                SecretSource::File(path) => pith_buildkit::SecretSource::File(path),
                SecretSource::Variable(name) => pith_buildkit::SecretSource::Value(std::env::var_os(name).unwrap_or_default()),
            },
        };
        let request = Request {
            context: context.to_owned(),
            dockerfile: dockerfile.to_owned(),
            build_args: build_args(self.arguments)?.into_iter().collect(),
            target: self.arguments.build_target.clone(),
            secrets: secrets(self.arguments)?.into_iter().map(secret).collect(),
            ssh_agents: ssh_agents(self.arguments)?.into_iter().collect(),
            platform: images::platform(),
            use_cache: !self.arguments.no_cache,
            pull: pull == PullPolicy::Always,
            settings: images::registries(self.settings)?,
        };
        let images = images::open(self.settings, self.store, self.report)?;
        let steps = Steps::new(self.report);
        build(address, &request, images.store(), &steps).map_err(|error| Error::new(error.to_string()))
    }
}
