//! OCI images on the host: what `FROM`, `--rootfs IMAGE` and packages stand on.
//!
//! * [`Reference`]: names of images, with Docker's rules for what is left out.
//! * [`Platform`]: what an image is for, and which of several manifests fits.
//! * [`spec`]: the documents of the OCI image specification (descriptor, manifest, index, configuration).
//! * [`Image`]: a resolved image: its configuration and its layers as files of this machine.
//! * [`Source`]: where an image comes from, as a user says it; [`Settings`]: what the user has configured about registries.
//! * [`Store`]: the local store, an OCI image layout that several processes share; [`Layout`]: anybody's layout, to read from.
//! * [`Images`]: all of it together: a source becomes an image.
//!
//! Everything blocks; transfers run in a few threads. Nothing is global but the connections that are kept.
//!
//! Neighbours: `pith-rootfs` packs an [`Image`] into a root file system; `pith-dockerfile` starts stages from one and makes new ones.
#![forbid(unsafe_code)]

mod digest;
mod download;
mod engine;
mod error;
mod image;
mod images;
mod layout;
mod platform;
mod progress;
mod reference;
pub mod registry;
mod resolve;
mod settings;
mod source;
pub mod spec;
mod store;
mod zstd;

pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use download::{Download, download};
pub use engine::Engine;
pub use error::{Error, Result};
pub use image::{Compression, Image, Layer, LayerReader};
pub use images::{Images, PullPolicy};
pub use layout::{CONTAINERD_NAME, Layout, REF_NAME};
pub use platform::{Platform, PlatformError};
pub use progress::{Event, Reporter, Silent};
pub use reference::{DEFAULT_REGISTRY, Reference, ReferenceError, ReferenceProblem};
pub use settings::{CredentialFiles, HostAuth, MAP_VARIABLE, Mapped, Settings};
pub use source::{Source, load as load_archive, looks_like_image};
pub use store::{Copied, Reclaimed, Store, Stored, StoredManifest};
