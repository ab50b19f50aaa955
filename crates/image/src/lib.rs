//! OCI images on the host: what `FROM`, `--rootfs IMAGE` and packages stand on.
//!
//! * [`Reference`]: names of images, with Docker's rules for what is left out.
//! * [`Platform`]: what an image is for, and which of several manifests fits.
//! * [`spec`]: the documents of the OCI image specification (descriptor, manifest, index, configuration).
//! * [`Image`]: a resolved image: its configuration and its layers as files of this machine.
//!
//! Neighbours: `pith-rootfs` packs an [`Image`] into a root file system; `pith-dockerfile` starts stages from one and makes new ones.
#![forbid(unsafe_code)]

mod digest;
mod image;
mod platform;
mod reference;
pub mod spec;
mod zstd;

pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use image::{Compression, Image, Layer, LayerReader};
pub use platform::{Platform, PlatformError};
pub use reference::{DEFAULT_REGISTRY, Reference, ReferenceError, ReferenceProblem};
