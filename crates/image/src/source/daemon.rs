//! Images of a running Docker engine, through its API (`GET /images/NAME/get`).

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

/// Asks the engine at `docker_host` (the form of `$DOCKER_HOST`; `None` for the usual socket) for an image as `docker save` would write it.
pub(crate) fn export(reference: &Reference, docker_host: Option<&str>) -> Result<impl Read + 'static> {
    let address = docker_host.filter(|host| !host.is_empty()).unwrap_or(DEFAULT_SOCKET);
    let (agent, base) = connect(address)?;
    // The version of the API is left out: exporting has not changed since its first.
    let url = format!("{base}/images/{}/get", reference.familiar());
    let network = |error: ureq::Error| {
        let problem = format!("the Docker engine cannot be reached ({error}); is it running, and may this user speak to it?");
        Error::Network { what: address.to_owned(), problem }
    };
    let response = agent.get(&url).call().map_err(network)?;
    match response.status().as_u16() {
        200 => Ok(response.into_body().into_with_config().limit(u64::MAX).reader()),
        404 => {
            let place = format!("the Docker engine at {address}");
            Err(Error::NotFound { reference: reference.to_string(), looked_up: reference.to_string(), place })
        }
        status => {
            let message = response.into_body().into_with_config().limit(64 << 10).read_to_string().unwrap_or_default();
            Err(Error::Registry { what: address.to_owned(), status, message: message.trim().to_owned() })
        }
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
