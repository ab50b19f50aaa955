//! Image configuration (OCI image specification, config.md), with the members that Docker adds.

use super::null_as_default;
use crate::digest::Digest;
use crate::platform::Platform;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What an image is, apart from its files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When it was made (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Architecture, operating system and what narrows them.
    #[serde(flatten)]
    pub platform: Platform,
    /// How to run it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub config: RunConfig,
    /// Its layers.
    pub rootfs: RootFs,
    /// How the layers came to be, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub history: Vec<History>,
    /// Members that Pith does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ImageConfig {
    /// Nothing in it yet: `FROM scratch`.
    #[must_use]
    pub fn scratch(platform: Platform) -> Self {
        Self { platform, ..Self::default() }
    }
}

/// How to run an image: the member `config`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunConfig {
    /// `USER`: `name|uid[:group|gid]`; empty means root.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "null_as_default")]
    pub user: String,
    /// `EXPOSE`: `8080/tcp`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "keys")]
    pub exposed_ports: BTreeSet<String>,
    /// `ENV`: `NAME=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub env: Vec<String>,
    /// `ENTRYPOINT`; an empty list resets the base's.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "words")]
    pub entrypoint: Option<Vec<String>>,
    /// `CMD`: the program without entry point, its arguments with one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "words")]
    pub cmd: Option<Vec<String>>,
    /// `VOLUME`: absolute paths.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "keys")]
    pub volumes: BTreeSet<String>,
    /// `WORKDIR`; empty means `/`.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "null_as_default")]
    pub working_dir: String,
    /// `LABEL`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// `STOPSIGNAL`: `SIGTERM` or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// `HEALTHCHECK`, Docker's extension, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Value>,
    /// `ONBUILD`, Docker's extension: instructions for whoever builds on this image.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub on_build: Vec<String>,
    /// `SHELL`, Docker's extension.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "words")]
    pub shell: Option<Vec<String>>,
    /// Members that Pith does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The layers' identities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digest of each uncompressed layer, bottom first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub diff_ids: Vec<Digest>,
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: "layers".to_owned(), diff_ids: Vec::new() }
    }
}

/// One step of how an image came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What they had to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The step made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// A list of words; very old images have one string instead.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Many(Vec<String>),
        One(String),
    }
    Ok(Option::<Words>::deserialize(deserializer)?.map(|words| match words {
        Words::Many(many) => many,
        Words::One(one) => vec![one],
    }))
}

/// A set, which Go writes as a map to empty objects.
mod keys {
    use super::{BTreeSet, Deserialize, Deserializer, Serializer};
    use serde::de::IgnoredAny;
    use std::collections::BTreeMap;

    pub fn serialize<S: Serializer>(set: &BTreeSet<String>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(set.iter().map(|key| (key, BTreeMap::<(), ()>::new())))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
        let map = Option::<BTreeMap<String, IgnoredAny>>::deserialize(deserializer)?;
        Ok(map.unwrap_or_default().into_keys().collect())
    }
}
