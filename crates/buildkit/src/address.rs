//! Where a builder is.

use crate::error::{Error, Result};
use std::fmt;
use std::path::PathBuf;

/// A builder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A BuildKit daemon's socket: `unix:///run/buildkit/buildkitd.sock`.
    Unix(PathBuf),
    /// A BuildKit daemon's port, unencrypted: `tcp://127.0.0.1:1234`.
    Tcp(String),
    /// A BuildKit daemon in a container of a Docker engine: `docker-container://NAME`, reached by `docker exec`.
    Container(String),
    /// The BuildKit in a Docker engine (20.10 or later), in the form of `$DOCKER_HOST`.
    Docker(String),
}

impl Address {
    /// Reads what `--buildkit-host` says.
    ///
    /// # Errors
    /// A form that Pith does not have.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |problem: &str| Error::Address { address: text.to_owned(), problem: problem.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| bad(EXPECTED))?;
        if rest.is_empty() {
            return Err(bad(EXPECTED));
        }
        match scheme {
            "unix" => Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" if rest.contains(':') => Ok(Self::Tcp(rest.to_owned())),
            "tcp" => Err(bad("a port is missing: tcp://HOST:PORT")),
            // A name that cannot be taken for an option or for part of a command.
            "docker-container"
                if rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) && !rest.starts_with('-') =>
            {
                Ok(Self::Container(rest.to_owned()))
            }
            "docker-container" => Err(bad("no name of a container")),
            _ => Err(bad(EXPECTED)),
        }
    }

    /// The engine that `$DOCKER_HOST` (`None` or empty: the usual socket) names.
    ///
    /// # Errors
    /// A form that Pith does not have.
    pub fn docker(docker_host: Option<&str>) -> Result<Self> {
        let engine = pith_image::Engine::new(docker_host)
            .map_err(|error| Error::Address { address: docker_host.unwrap_or_default().to_owned(), problem: error.to_string() })?;
        Ok(Self::Docker(engine.address().to_owned()))
    }
}

const EXPECTED: &str = "expected unix://PATH, tcp://HOST:PORT or docker-container://NAME";

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp(host) => write!(formatter, "tcp://{host}"),
            Self::Container(name) => write!(formatter, "docker-container://{name}"),
            Self::Docker(address) => write!(formatter, "the Docker engine at {address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_documented() {
        for (text, expected) in [
            ("unix:///run/b.sock", Address::Unix("/run/b.sock".into())),
            ("tcp://127.0.0.1:1234", Address::Tcp("127.0.0.1:1234".to_owned())),
            ("docker-container://buildx_0", Address::Container("buildx_0".to_owned())),
        ] {
            let parsed = Address::parse(text).expect(text);
            assert_eq!(parsed, expected);
            assert_eq!(parsed.to_string(), text);
        }
        for bad in ["", "unix", "unix://", "tcp://host", "docker-container://--rm", "docker-container://a b", "kube-pod://x", "ssh://x"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Address::docker(None).expect("usual").to_string(), "the Docker engine at unix:///var/run/docker.sock");
        assert!(Address::docker(Some("ssh://me@host")).is_err());
    }
}
