//! What can go wrong with images, and what was looked for.

use crate::digest::Digest;
use crate::platform::Platform;
use crate::reference::ReferenceError;
use std::io;
use std::path::{Path, PathBuf};

/// A result about images.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No image's name.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that should be a document, an archive or a layout is not.
    #[error("{what}: {problem}")]
    Malformed {
        /// The file, blob or address.
        what: String,
        /// What is wrong.
        problem: String,
    },
    /// Bytes are not those that were promised.
    #[error("{what}: the content's digest is {found}, expected {expected}; the source is damaged or was changed")]
    DigestMismatch {
        /// The file or address.
        what: String,
        /// Promised.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// More or fewer bytes than were promised.
    #[error("{what}: {found} bytes, expected {expected}")]
    SizeMismatch {
        /// The file or address.
        what: String,
        /// Promised, in bytes.
        expected: u64,
        /// Found, in bytes.
        found: u64,
    },
    /// The transfer ended early, again and again.
    #[error("{what}: the transfer ended after {found} of {expected} bytes, {attempts} times; last error: {last}")]
    Truncated {
        /// The address.
        what: String,
        /// Promised, in bytes.
        expected: u64,
        /// Received, in bytes.
        found: u64,
        /// Attempts made.
        attempts: u32,
        /// Why the last one ended.
        last: String,
    },
    /// Nobody has the image.
    #[error("no image {reference}{}: {place} has none of that name; check name and tag", mapped_note(reference, looked_up))]
    NotFound {
        /// What was asked for.
        reference: String,
        /// What was looked up, after mapping.
        looked_up: String,
        /// Where it was looked for.
        place: String,
    },
    /// The registry wants to know who asks, or does not like the answer.
    #[error("{reference}: {registry} refuses access{}: {}", detail(message), if *with_credentials { format!("the stored credentials for {registry} are wrong or lack the right") } else { format!("no credentials are stored for {registry}; log in first (`docker login {registry}` or the table `auth` in config.yaml), or check the name: registries hide what they do not have") })]
    Unauthorized {
        /// What was asked for.
        reference: String,
        /// Who refused.
        registry: String,
        /// What it said.
        message: String,
        /// Whether it was asked with credentials.
        with_credentials: bool,
    },
    /// Asked too often.
    #[error("{registry} limits how often it may be asked{}{}; wait, log in, or map the image to a mirror", retry_after.as_ref().map(|value| format!(" (again after {value})")).unwrap_or_default(), detail(message))]
    RateLimited {
        /// Who refused.
        registry: String,
        /// What it said.
        message: String,
        /// Its header `Retry-After`.
        retry_after: Option<String>,
    },
    /// The registry cannot be reached.
    #[error("{reference}: asking {}: {problem}; is there a network, and is the name right?", host(address))]
    Network {
        /// What was asked for, as the user wrote it.
        reference: String,
        /// The address.
        address: String,
        /// Why.
        problem: String,
    },
    /// The Docker engine cannot be reached.
    #[error("{address}: the Docker engine cannot be reached ({problem}); is it running, and may this user speak to it?")]
    Engine {
        /// Its address.
        address: String,
        /// Why.
        problem: String,
    },
    /// Any other answer of a registry.
    #[error("{what}: the registry answered {status}{}", detail(message))]
    Registry {
        /// The address.
        what: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The image is not made for this.
    #[error("{reference} has nothing for {wanted}; it is there for {}", list(available))]
    PlatformMissing {
        /// The image.
        reference: String,
        /// What was asked for.
        wanted: Box<Platform>,
        /// What there is.
        available: Vec<Platform>,
    },
    /// Pulling was forbidden.
    #[error("no image {0} on this machine, and the pull policy is `never`")]
    NotPresent(String),
    /// The image has something that no root file system can be made of.
    #[error("{reference}: {problem}")]
    Unsupported {
        /// The image.
        reference: String,
        /// What it is.
        problem: String,
    },
    /// The user's credentials cannot be read.
    #[error("credentials for {registry}: {problem}")]
    Credentials {
        /// For whom.
        registry: String,
        /// Which file or helper, and why not.
        problem: String,
    },
    /// A setting makes no sense.
    #[error("{setting}: {problem}")]
    Setting {
        /// Its name, and where it was set.
        setting: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The collection of garbage has to wait.
    #[error("another process uses images of {}; try again when it is done", .0.display())]
    InUse(PathBuf),
}

fn detail(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({message})") }
}

fn mapped_note(reference: &str, looked_up: &str) -> String {
    if reference == looked_up { String::new() } else { format!(" (mapped to {looked_up})") }
}

/// Whom an address asks.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn list(platforms: &[Platform]) -> String {
    if platforms.is_empty() {
        return "no platform at all".to_owned();
    }
    let mut names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    names.dedup();
    names.join(", ")
}

impl Error {
    /// For `map_err`: an error of the file system at `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn malformed(what: impl Into<String>, problem: impl ToString) -> Self {
        Self::Malformed { what: what.into(), problem: problem.to_string() }
    }
}
