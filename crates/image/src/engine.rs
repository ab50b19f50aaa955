//! Images of a running Docker engine, through its API (Docker Engine API 1.24 and later, "Images").

use crate::error::{Error, Result};
use crate::reference::Reference;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use ureq::Agent;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};

/// Where Docker listens when nothing is said.
const DEFAULT_SOCKET: &str = "unix:///var/run/docker.sock";

/// A Docker engine.
#[derive(Debug)]
pub struct Engine {
    address: String,
    agent: Agent,
    base: String,
}

impl Engine {
    /// The engine at `docker_host` (the form of `$DOCKER_HOST`); `None` or empty for the usual socket.
    ///
    /// # Errors
    /// An address that is none. Whether anybody is there shows later.
    pub fn new(docker_host: Option<&str>) -> Result<Self> {
        let address = docker_host.filter(|host| !host.is_empty()).unwrap_or(DEFAULT_SOCKET).to_owned();
        let (agent, base) = connect(&address)?;
        Ok(Self { address, agent, base })
    }

    /// Where it is: `unix://PATH` or `tcp://HOST:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The image of this name as `docker save` would write it.
    ///
    /// # Errors
    /// The engine cannot be reached, or has no such image.
    pub fn export(&self, reference: &Reference) -> Result<impl Read + 'static> {
        // The version of the API is left out: this has not changed since its first.
        let url = format!("{}/images/{}/get", self.base, reference.familiar());
        let response = self.agent.get(&url).call().map_err(|error| self.unreachable(&error))?;
        match response.status().as_u16() {
            200 => Ok(response.into_body().into_with_config().limit(u64::MAX).reader()),
            status => Err(self.refusal(reference, status, response.into_body())),
        }
    }

    /// Takes the name away from its image, and the image if that was its last.
    ///
    /// # Errors
    /// The engine cannot be reached, or has no such image, or needs it.
    pub fn remove(&self, reference: &Reference) -> Result<()> {
        let url = format!("{}/images/{}", self.base, reference.familiar());
        let response = self.agent.delete(&url).call().map_err(|error| self.unreachable(&error))?;
        match response.status().as_u16() {
            200 => Ok(()),
            status => Err(self.refusal(reference, status, response.into_body())),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Error {
        Error::Engine { address: self.address.clone(), problem: error.to_string() }
    }

    fn refusal(&self, reference: &Reference, status: u16, body: ureq::Body) -> Error {
        if status == 404 {
            let place = format!("the Docker engine at {}", self.address);
            return Error::NotFound { reference: reference.to_string(), looked_up: reference.to_string(), place };
        }
        let message = body.into_with_config().limit(64 << 10).read_to_string().unwrap_or_default();
        Error::Registry { what: self.address.clone(), status, message: message.trim().to_owned() }
    }
}

fn connect(address: &str) -> Result<(Agent, String)> {
    // No limit on silence: an engine thinks before it exports a large image.
    let config = Agent::config_builder().http_status_as_error(false).proxy(None).build();
    if let Some(path) = address.strip_prefix("unix://") {
        let connector = UnixConnector { path: PathBuf::from(path) };
        return Ok((Agent::with_parts(config, connector, DefaultResolver::default()), "http://localhost".to_owned()));
    }
    match address.strip_prefix("tcp://").or_else(|| address.strip_prefix("http://")) {
        Some(host) => Ok((config.new_agent(), format!("http://{host}"))),
        None => Err(Error::Setting {
            setting: format!("DOCKER_HOST={address:?}"),
            problem: "expected unix://PATH or tcp://HOST:PORT".to_owned(),
        }),
    }
}

/// Connects to one socket, whatever the address says.
#[derive(Debug)]
struct UnixConnector {
    path: PathBuf,
}

impl Connector<()> for UnixConnector {
    type Out = UnixTransport;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> std::result::Result<Option<UnixTransport>, ureq::Error> {
        let stream = UnixStream::connect(&self.path)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(UnixTransport { stream, buffers }))
    }
}

#[derive(Debug)]
struct UnixTransport {
    stream: UnixStream,
    buffers: LazyBuffers,
}

impl Transport for UnixTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> std::result::Result<(), ureq::Error> {
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, _: NextTimeout) -> std::result::Result<bool, ureq::Error> {
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        // One request a connection.
        false
    }
}
