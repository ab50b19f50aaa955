//! What an image is for. Container images say `linux/amd64`; unikernel packages put the monitor where the operating system stands (`qemu/x86_64`).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Operating system (or monitor), architecture and what narrows them (OCI image specification, image-index.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`, ...; as written in the document.
    pub architecture: String,
    /// `linux`; `qemu`, `fc`, `xen` in unikernel packages.
    pub os: String,
    /// `os.version`: of the kernel, in unikernel packages.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// `os.features`: configuration options, in unikernel packages.
    #[serde(rename = "os.features", default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::spec::null_as_default")]
    pub os_features: Vec<String>,
    /// `v8` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A text that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no platform: expected os/architecture[/variant], for example linux/amd64")]
pub struct PlatformError(pub String);

impl Platform {
    /// `os/architecture`, with the architecture's name as images have it.
    #[must_use]
    pub fn new(os: &str, architecture: &str) -> Self {
        Self { architecture: normal_architecture(architecture).to_owned(), os: os.to_owned(), ..Self::default() }
    }

    /// Linux on this machine's processor: what a runtime image runs.
    #[must_use]
    pub fn host() -> Self {
        Self::new("linux", std::env::consts::ARCH)
    }

    /// Whether an image for `self` is one for `wanted`. Names of one architecture are equal (`x86_64`, `amd64`), a variant
    /// that only one of them names does not matter, version and features have to be there only where wanted.
    #[must_use]
    pub fn fits(&self, wanted: &Self) -> bool {
        let variant = |platform: &Self| match (normal_architecture(&platform.architecture), platform.variant.as_deref()) {
            // The only variant there is.
            ("arm64", Some("v8")) => None,
            (_, variant) => variant.map(ToOwned::to_owned),
        };
        let (mine, theirs) = (variant(self), variant(wanted));
        self.os == wanted.os
            && normal_architecture(&self.architecture) == normal_architecture(&wanted.architecture)
            && (mine == theirs || mine.is_none() || theirs.is_none())
            && (wanted.os_version.is_none() || self.os_version == wanted.os_version)
            && wanted.os_features.iter().all(|feature| self.os_features.contains(feature))
    }
}

/// Go's name of an architecture, which images use.
fn normal_architecture(name: &str) -> &str {
    match name {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "i686" | "x86" => "386",
        "armhf" | "armel" => "arm",
        other => other,
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let bad = || PlatformError(text.to_owned());
        let parts: Vec<&str> = text.split('/').collect();
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !parts.iter().all(word) {
            return Err(bad());
        }
        match parts.as_slice() {
            [os, architecture] => Ok(Self::new(os, architecture)),
            [os, architecture, variant] => Ok(Self { variant: Some((*variant).to_owned()), ..Self::new(os, architecture) }),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}
