//! Names of images: `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`, by the grammar and the defaults of Docker's `distribution/reference`.

use crate::digest::{Digest, DigestError};
use std::fmt;
use std::str::FromStr;

/// The registry that a name without one means; Docker's.
pub const DEFAULT_REGISTRY: &str = "docker.io";
/// Another name of it.
const DEFAULT_REGISTRY_ALIAS: &str = "index.docker.io";
/// Where names of one word live there.
const OFFICIAL: &str = "library/";
/// The tag that a name with neither tag nor digest means.
pub const DEFAULT_TAG: &str = "latest";

/// The name of an image, complete: registry, repository, and a tag, a digest, or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no image reference: {problem}")]
pub struct ReferenceError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub problem: ReferenceProblem,
}

/// What is wrong with an image's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceProblem {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// The registry's host or port.
    #[error("the registry {0:?} is no host[:port]")]
    Registry(String),
    /// Capital letters.
    #[error("the repository {0:?} has capital letters; names of images are lower case")]
    UpperCase(String),
    /// Anything else in the path.
    #[error(
        "the repository {0:?} has to consist of parts separated by '/', each of lower-case letters and digits, with '.', '_', '__' or '-' between them"
    )]
    Repository(String),
    /// More than 255 bytes.
    #[error("the name is longer than 255 characters")]
    TooLong,
    /// The tag.
    #[error("the tag {0:?} has to be letters, digits, '_', '.' and '-', at most 128, and not to start with '.' or '-'")]
    Tag(String),
    /// The digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// It would be taken for an image's id.
    #[error("64 hexadecimal digits are an image's id, not a name")]
    Id,
}

impl Reference {
    /// Parses a name in which the registry may be left out, meaning `default_registry`. One-word names get `library/` only on
    /// Docker's own registry.
    ///
    /// # Errors
    /// [`ReferenceError`] says which part is wrong.
    pub fn parse_with_default(text: &str, default_registry: &str) -> Result<Self, ReferenceError> {
        parse(text, default_registry).map_err(|problem| ReferenceError { text: text.to_owned(), problem })
    }

    /// The registry's host and, where given, port: `docker.io`, `127.0.0.1:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path at the registry: `library/python`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `None` only when there is a digest.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that pins the content.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Registry and repository: `docker.io/library/python`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// What a registry is asked for: the digest where there is one, else the tag.
    #[must_use]
    pub fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => DEFAULT_TAG.to_owned(),
        }
    }

    /// The same name with this digest.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// The name as Docker shows it: without what it would add by itself.
    #[must_use]
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        match full.strip_prefix(DEFAULT_REGISTRY).and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) => match rest.strip_prefix(OFFICIAL) {
                Some(word) if !word.contains('/') => word.to_owned(),
                _ => rest.to_owned(),
            },
            None => full,
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse_with_default(text, DEFAULT_REGISTRY)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

fn parse(text: &str, default_registry: &str) -> Result<Reference, ReferenceProblem> {
    if text.is_empty() {
        return Err(ReferenceProblem::Empty);
    }
    if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(ReferenceProblem::Id);
    }
    let (named, digest) = match text.split_once('@') {
        Some((named, digest)) => (named, Some(digest.parse()?)),
        None => (text, None),
    };
    let (registry, rest) = match named.split_once('/') {
        Some((first, rest)) if is_registry(first) => (first, rest),
        _ => (default_registry, named),
    };
    let registry = if registry == DEFAULT_REGISTRY_ALIAS { DEFAULT_REGISTRY } else { registry };
    if !registry_is_valid(registry) {
        return Err(ReferenceProblem::Registry(registry.to_owned()));
    }
    // A colon after the last slash starts the tag: the registry, which may have a port, is gone already.
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    if !path_is_valid(path) {
        let lower = path.to_ascii_lowercase();
        return Err(if path != lower && path_is_valid(&lower) {
            ReferenceProblem::UpperCase(path.to_owned())
        } else {
            ReferenceProblem::Repository(path.to_owned())
        });
    }
    let official = registry == DEFAULT_REGISTRY && !path.contains('/');
    let repository = if official { format!("{OFFICIAL}{path}") } else { path.to_owned() };
    if registry.len() + 1 + repository.len() > 255 {
        return Err(ReferenceProblem::TooLong);
    }
    if let Some(tag) = tag.filter(|tag| !tag_is_valid(tag)) {
        return Err(ReferenceProblem::Tag(tag.to_owned()));
    }
    let tag = match (tag, &digest) {
        (Some(tag), _) => Some(tag.to_owned()),
        (None, Some(_)) => None,
        (None, None) => Some(DEFAULT_TAG.to_owned()),
    };
    Ok(Reference { registry: registry.to_owned(), repository, tag, digest })
}

/// Whether the first part of a name is a registry: it has a dot, a port or capital letters, or is `localhost`.
fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn registry_is_valid(registry: &str) -> bool {
    let (host, port) = if let Some(rest) = registry.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return false;
        }
        return port.is_empty() || port.strip_prefix(':').is_some_and(port_is_valid);
    } else {
        match registry.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (registry, None),
        }
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(port_is_valid)
}

fn port_is_valid(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

fn path_is_valid(path: &str) -> bool {
    path.split('/').all(part_is_valid)
}

/// `[a-z0-9]+` groups with one of `.`, `_`, `__`, `-+` between two of them.
fn part_is_valid(part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    if !word(*first) || !word(*last) {
        return false;
    }
    part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

fn tag_is_valid(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128 && tag.bytes().next().is_some_and(word) && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}
