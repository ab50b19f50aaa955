//! The documents of the OCI image specification 1.1, and of Docker's schema 2, which are the same but for their media types.
//!
//! Maps are ordered, so that the same document is always the same bytes; members that Pith does not know are kept.

mod config;
mod manifest;

pub use config::{History, ImageConfig, RootFs, RunConfig};
pub use manifest::{Descriptor, Index, LAYOUT_VERSION, Manifest, SCHEMA_VERSION};

use serde::{Deserialize, Deserializer};

/// Names of media types.
pub mod media {
    /// Index: one manifest per platform.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Manifest: configuration and layers.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// Configuration.
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// Layer, uncompressed.
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// Layer, gzip.
    pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// Layer, zstd.
    pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// Docker's index.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker's layer, gzip.
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker's layer, zstd (never specified, but written by some tools).
    pub const DOCKER_LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
    /// Docker's layer, uncompressed.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

    /// Whether this is an index, of either kind.
    #[must_use]
    pub fn is_index(name: &str) -> bool {
        name == INDEX || name == DOCKER_LIST
    }

    /// Whether this is a manifest, of either kind.
    #[must_use]
    pub fn is_manifest(name: &str) -> bool {
        name == MANIFEST || name == DOCKER_MANIFEST
    }

    /// The OCI name of what Docker names otherwise.
    #[must_use]
    pub fn oci(name: &str) -> &str {
        match name {
            DOCKER_LIST => INDEX,
            DOCKER_MANIFEST => MANIFEST,
            DOCKER_CONFIG => CONFIG,
            DOCKER_LAYER => LAYER,
            DOCKER_LAYER_GZIP => LAYER_GZIP,
            DOCKER_LAYER_ZSTD => LAYER_ZSTD,
            other => other,
        }
    }
}

/// Go writes an empty slice or map as `null`.
pub(crate) fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
