//! Where images are kept, and what the user has settled about registries.

use super::steps::Transfers;
use crate::error::Result;
use crate::report::Report;
use crate::settings::Settings;
use pith_image::{Images, Platform, Settings as Registries, Store as ImageStore};
use pith_machine::Store;
use std::sync::Arc;

/// What Pith's machines run: programs for Linux on x86_64.
pub fn platform() -> Platform {
    Platform::new("linux", "amd64")
}

/// Settings about registries: the environment's and the configuration file's.
pub fn registries(settings: &Settings) -> Result<Registries> {
    let mut registries = Registries::from_environment()?;
    settings.registries(&mut registries)?;
    Ok(registries)
}

/// The user's images.
pub fn open(settings: &Settings, store: &Store, report: &Report) -> Result<Images> {
    let kept = ImageStore::open(&store.data().join("oci"))?;
    Ok(Images::new(kept, registries(settings)?, Arc::new(Transfers::new(report))))
}
