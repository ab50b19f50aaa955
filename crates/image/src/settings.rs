//! What the user has configured about registries. The caller reads it from its own configuration file (`config.yaml`):
//!
//! ```yaml
//! registries:
//!   map:                                        # the longest name that fits wins
//!     docker.io: mirror.example.com/hub         # a whole registry, or any part of it, lives elsewhere
//!     docker.io/library/python: oci:/srv/python # ... or in a layout, or an archive (`docker-archive:`, `oci-archive:`)
//!     docker.io/library/node:22: docker.io/library/node:22-slim
//!   insecure: [registry.example.com:5000]       # plain HTTP, or TLS that is not verified
//! auth:
//!   registry.example.com: { user: me, token: secret, endpoint: "https://other.example.com", verify_ssl: false }
//! ```

use crate::error::{Error, Result};
use crate::reference::Reference;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The environment variable that adds to `registries.map`: `NAME=TARGET;NAME=TARGET`.
pub const MAP_VARIABLE: &str = "PITH_IMAGE_MAP";

/// See the module's example.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `registries.map`: names, or beginnings of names, and what to look up instead.
    pub map: BTreeMap<String, String>,
    /// `registries.insecure`: registries (host[:port]) that may be spoken to unverified. Loopback addresses are always among them.
    pub insecure: Vec<String>,
    /// `auth`: by host[:port].
    pub auth: BTreeMap<String, HostAuth>,
    /// Where other tools keep credentials.
    pub credential_files: CredentialFiles,
    /// How long to wait before the first retry; each further one waits twice as long.
    pub retry_delay: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            map: BTreeMap::new(),
            insecure: Vec::new(),
            auth: BTreeMap::new(),
            credential_files: CredentialFiles::default(),
            retry_delay: Duration::from_millis(500),
        }
    }
}

/// What is known about one registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HostAuth {
    /// User name.
    pub user: String,
    /// Password or token.
    pub token: String,
    /// Address to use instead of the host: `https://host[:port]`.
    pub endpoint: Option<String>,
    /// `false`: TLS is not verified.
    pub verify_ssl: Option<bool>,
}

/// Without the secret.
impl fmt::Debug for HostAuth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, token: _, endpoint, verify_ssl } = self;
        formatter
            .debug_struct("HostAuth")
            .field("user", user)
            .field("endpoint", endpoint)
            .field("verify_ssl", verify_ssl)
            .finish_non_exhaustive()
    }
}

/// Files in which Docker and Podman keep credentials; they need not exist.
#[derive(Clone, Debug, Default)]
pub struct CredentialFiles {
    /// In the order in which they are asked.
    pub paths: Vec<PathBuf>,
}

impl CredentialFiles {
    /// `$DOCKER_CONFIG/config.json` (else `~/.docker/config.json`), then `$XDG_RUNTIME_DIR/containers/auth.json`.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let docker = variable("DOCKER_CONFIG").or_else(|| Some(variable("HOME")?.join(".docker")));
        let containers = variable("XDG_RUNTIME_DIR");
        let paths = [docker.map(|path| path.join("config.json")), containers.map(|path| path.join("containers/auth.json"))];
        Self { paths: paths.into_iter().flatten().collect() }
    }
}

/// What an image's name is mapped to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// A name, or a source such as `oci:PATH`.
    pub target: String,
    /// The target is a layout or an archive of many images, in which this one has its own name.
    pub by_own_name: bool,
}

impl Settings {
    /// What holds without a configuration file: other tools' credentials and [`MAP_VARIABLE`].
    ///
    /// # Errors
    /// The variable is malformed.
    pub fn from_environment() -> Result<Self> {
        let mut settings = Self { credential_files: CredentialFiles::from_environment(), ..Self::default() };
        if let Some(text) = std::env::var_os(MAP_VARIABLE) {
            let text = text.into_string().map_err(|text| bad_map(&text.to_string_lossy(), "it is not UTF-8"))?;
            settings.add_map(&text)?;
        }
        Ok(settings)
    }

    /// Adds `NAME=TARGET;NAME=TARGET`.
    ///
    /// # Errors
    /// A part has no `=`, or nothing before or behind it.
    pub fn add_map(&mut self, text: &str) -> Result<()> {
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (name, target) = part
                .split_once('=')
                .filter(|(name, target)| !name.is_empty() && !target.is_empty())
                .ok_or_else(|| bad_map(part, "expected NAME=TARGET[;NAME=TARGET]"))?;
            self.map.insert(name.to_owned(), target.to_owned());
        }
        Ok(())
    }

    /// Where to look up `reference`, when not under its own name. The longest name in the table that fits wins; it fits when it is
    /// the reference itself or ends where a part of it ends.
    #[must_use]
    pub fn mapped(&self, reference: &Reference) -> Option<Mapped> {
        let full = reference.to_string();
        let fits = |name: &str| {
            let rest = full.strip_prefix(name)?;
            (rest.is_empty() || rest.starts_with(['/', ':', '@'])).then(|| rest.to_owned())
        };
        let spelled = |name: &str| {
            // `python:3.12` in the table means what it means in a Dockerfile.
            fits(name).or_else(|| (name.parse::<Reference>().ok()?.to_string() == full).then(String::new))
        };
        let (_, target, rest) =
            self.map.iter().filter_map(|(name, target)| Some((name, target, spelled(name)?))).min_by_key(|(_, _, rest)| rest.len())?;
        // A layout or an archive is asked for the image by its own name.
        let to_file = crate::source::is_file(target);
        let target = if to_file { target.clone() } else { format!("{target}{rest}") };
        Some(Mapped { target, by_own_name: to_file && !rest.is_empty() })
    }

    pub(crate) fn host(&self, registry: &str) -> Option<&HostAuth> {
        self.auth.get(registry)
    }
}

fn bad_map(part: &str, problem: &str) -> Error {
    Error::Setting { setting: format!("{MAP_VARIABLE}: {part:?}"), problem: problem.to_owned() }
}
