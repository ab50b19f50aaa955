//! One repository of one registry: its address, requests with authentication, and what refusals mean.

use super::auth::Challenge;
use super::credentials::{self, Credentials};
use super::tls::{Verify, agent};
use crate::error::{Error, Result};
use crate::progress::{Event, Reporter};
use crate::reference::{DEFAULT_REGISTRY, Reference};
use crate::settings::Settings;
use serde::Deserialize;
use std::fs::File;
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body, SendBody};

/// Where Docker's own registry answers.
const DOCKER_ENDPOINT: &str = "registry-1.docker.io";
/// How often a request or a transfer is tried that brings nothing forward.
pub(super) const ATTEMPTS: u32 = 4;
/// Longest wait, in seconds, that a registry may ask for before Pith gives up instead.
const LONGEST_WAIT: u64 = 20;

/// A connection, in the loose sense, to one repository.
pub(crate) struct Registry<'a> {
    host: String,
    repository: String,
    /// As the user named the image; for messages.
    shown: String,
    base: String,
    agent: Agent,
    actions: Actions,
    /// The last answer to a challenge; `None` before the first.
    authorization: Mutex<Option<String>>,
    credentials: OnceLock<Option<Credentials>>,
    settings: &'a Settings,
    pub(super) reporter: &'a dyn Reporter,
}

/// In a user's words; see [`may_pass`].
const UNRESOLVED: &str = "the host's name cannot be resolved";

/// What is going to be done at a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actions {
    /// Reading.
    Pull,
    /// Reading and writing.
    PullPush,
}

/// A body to send. Sent anew when the first answer is a challenge.
#[derive(Clone, Copy)]
pub(super) enum Payload<'p> {
    None,
    Bytes(&'p [u8]),
    File(&'p std::path::Path, u64),
}

/// Headers of a request.
pub(super) type Headers<'h> = &'h [(&'h str, &'h str)];

impl<'a> Registry<'a> {
    /// Finds out how to speak to the registry of `reference`; a registry on this machine or one that may be unverified is asked whether it speaks TLS.
    pub(crate) fn new(
        reference: &Reference,
        shown: &str,
        actions: Actions,
        settings: &'a Settings,
        reporter: &'a dyn Reporter,
    ) -> Result<Self> {
        let host = reference.registry().to_owned();
        let configured = settings.host(&host);
        let unverified = configured.and_then(|auth| auth.verify_ssl) == Some(false);
        let insecure = unverified || settings.insecure.contains(&host) || is_loopback(&host);
        let address = match configured.and_then(|auth| auth.endpoint.clone()) {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None if host == DEFAULT_REGISTRY => DOCKER_ENDPOINT.to_owned(),
            None => host.clone(),
        };
        let agent = agent(if insecure { Verify::No } else { Verify::Yes });
        let base = if address.contains("://") {
            address
        } else if insecure && !answers_tls(&agent, &address) {
            format!("http://{address}")
        } else {
            format!("https://{address}")
        };
        Ok(Self {
            host,
            repository: reference.repository().to_owned(),
            shown: shown.to_owned(),
            base,
            agent,
            actions,
            authorization: Mutex::new(None),
            credentials: OnceLock::new(),
            settings,
            reporter,
        })
    }

    pub(super) fn agent(&self) -> &Agent {
        &self.agent
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.base.starts_with("https://")
    }

    /// The address of something in this repository.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/v2/{}/{path}", self.base, self.repository)
    }

    /// An address as a header `Location` gives it.
    pub(super) fn locate(&self, location: &str) -> String {
        if location.contains("://") { location.to_owned() } else { format!("{}{location}", self.base) }
    }

    fn credentials(&self) -> Result<Option<&Credentials>> {
        if self.credentials.get().is_none() {
            let found = credentials::find(self.settings, &self.host, &self.repository)?;
            // Another thread that was quicker found the same.
            let _ = self.credentials.set(found);
        }
        Ok(self.credentials.get().and_then(Option::as_ref))
    }

    /// Sends a request, answering one challenge. Any status but 401 is the caller's to judge.
    pub(super) fn send(&self, method: &Method, url: &str, headers: Headers<'_>, payload: Payload<'_>) -> Result<Response<Body>> {
        // The answer to a challenge is for the registry alone, not for a storage service that an upload is sent on to.
        let own = url.starts_with(&format!("{}/", self.base));
        let authorization = self.stored_authorization().filter(|_| own);
        let response = self.send_once(method, url, headers, payload, authorization.as_deref())?;
        if response.status() != 401 || !own {
            return Ok(response);
        }
        let challenges = response.headers().get_all("www-authenticate");
        let Some(challenge) = challenges.iter().filter_map(|header| Challenge::parse(header.to_str().ok()?)).next() else {
            return Ok(response);
        };
        let scope = match self.actions {
            Actions::Pull => format!("repository:{}:pull", self.repository),
            Actions::PullPush => format!("repository:{}:pull,push", self.repository),
        };
        let Some(answer) = self.answer(&challenge, &scope, self.credentials()?)? else { return Ok(response) };
        if let Ok(mut stored) = self.authorization.lock() {
            *stored = Some(answer.clone());
        }
        self.send_once(method, url, headers, payload, Some(&answer))
    }

    fn stored_authorization(&self) -> Option<String> {
        self.authorization.lock().ok()?.clone()
    }

    fn send_once(
        &self,
        method: &Method,
        url: &str,
        headers: Headers<'_>,
        payload: Payload<'_>,
        authorization: Option<&str>,
    ) -> Result<Response<Body>> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        let bad = |error: ureq::http::Error| Error::malformed(url, error);
        let network = |error| Error::Network { reference: self.shown.clone(), address: url.to_owned(), problem: describe(&error) };
        match payload {
            Payload::None => self.agent.run(request.body(()).map_err(bad)?),
            Payload::Bytes(bytes) => self.agent.run(request.body(bytes).map_err(bad)?),
            Payload::File(path, size) => {
                let file = File::open(path).map_err(Error::io(path))?;
                let request = request.header("Content-Length", size).body(SendBody::from_owned_reader(file)).map_err(bad)?;
                self.agent.run(request)
            }
        }
        .map_err(network)
    }

    /// [`Self::send`] without a body, again after failures that may pass.
    pub(super) fn get(&self, method: &Method, url: &str, headers: Headers<'_>) -> Result<Response<Body>> {
        let mut attempt = 1;
        loop {
            let (problem, wait) = match self.send(method, url, headers, Payload::None) {
                Err(Error::Network { problem, .. }) if attempt < ATTEMPTS && may_pass(&problem) => (problem, None),
                Ok(response) if attempt < ATTEMPTS && matches!(response.status().as_u16(), 429 | 500 | 502..=504) => {
                    let Some(wait) = wait_asked_for(&response) else { return Ok(response) };
                    (format!("the registry answered {}", response.status()), Some(wait))
                }
                other => return other,
            };
            self.pause(url, &problem, attempt, wait);
            attempt += 1;
        }
    }

    /// Waits before the next attempt: as long as the registry asked for, but not less than is fair.
    pub(super) fn pause(&self, what: &str, problem: &str, attempt: u32, asked: Option<Duration>) {
        self.reporter.event(Event::Retry { what, problem });
        let fair = self.settings.retry_delay * 2_u32.saturating_pow(attempt - 1);
        std::thread::sleep(asked.unwrap_or_default().max(fair));
    }

    /// What a refusal means.
    pub(super) fn refusal(&self, what: &str, response: Response<Body>) -> Error {
        /// What registries say about errors.
        #[derive(Deserialize)]
        struct Errors {
            #[serde(default)]
            errors: Vec<Entry>,
            /// Token servers say it so.
            #[serde(default)]
            details: String,
        }
        #[derive(Deserialize)]
        struct Entry {
            #[serde(default)]
            code: String,
            #[serde(default)]
            message: String,
        }
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .map(|value| if value.bytes().all(|byte| byte.is_ascii_digit()) { format!("{value} s") } else { value.to_owned() });
        let body = response.into_body().with_config().limit(64 << 10).read_to_vec().unwrap_or_default();
        let message = match serde_json::from_slice::<Errors>(&body) {
            Ok(Errors { errors, .. }) if !errors.is_empty() => {
                let one = |entry: &Entry| if entry.message.is_empty() { entry.code.clone() } else { entry.message.clone() };
                errors.iter().map(one).collect::<Vec<_>>().join("; ")
            }
            Ok(Errors { details, .. }) => details,
            // A page for people says nothing here.
            Err(_) => String::new(),
        };
        let (registry, reference) = (self.host.clone(), self.shown.clone());
        match status {
            401 | 403 => {
                let with_credentials = matches!(self.credentials.get(), Some(Some(_)));
                Error::Unauthorized { reference, registry, message, with_credentials }
            }
            404 => Error::NotFound { reference, looked_up: self.looked_up(what), place: self.base.clone() },
            429 => Error::RateLimited { registry, message, retry_after },
            status => Error::Registry { what: what.to_owned(), status, message },
        }
    }

    /// The image that an address is about: the user's own name where that is what was asked for.
    fn looked_up(&self, url: &str) -> String {
        let version = url.rsplit('/').next().unwrap_or_default();
        let separator = if version.contains(':') { '@' } else { ':' };
        let name = format!("{}/{}{separator}{version}", self.host, self.repository);
        if self.shown.starts_with(&format!("{}/{}", self.host, self.repository)) { self.shown.clone() } else { name }
    }
}

/// How long a registry asks to be left alone, when that is bearable.
fn wait_asked_for(response: &Response<Body>) -> Option<Duration> {
    let Some(header) = response.headers().get("retry-after") else {
        // Too many requests without a word about when to come back: not now.
        return (response.status() != 429).then_some(Duration::ZERO);
    };
    let seconds: u64 = header.to_str().ok()?.parse().ok()?;
    (seconds <= LONGEST_WAIT).then(|| Duration::from_secs(seconds))
}

/// Whether trying again makes sense.
fn may_pass(problem: &str) -> bool {
    !["cannot be resolved", "refused", "certificate"].iter().any(|lasting| problem.contains(lasting))
}

/// An error of the connection in a user's words.
pub(crate) fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => UNRESOLVED.to_owned(),
        ureq::Error::Timeout(which) => format!("no answer in time ({which})"),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
        // The standard library gives such errors no kind of their own.
        ureq::Error::Io(error) if error.to_string().contains("lookup address") => UNRESOLVED.to_owned(),
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => describe_tls(error),
            None => error.to_string(),
        },
        ureq::Error::Rustls(error) => describe_tls(error),
        other => other.to_string(),
    }
}

fn describe_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            format!("its certificate is not trusted here ({why:?}); add its authority to this machine, or set `verify_ssl: false` for it")
        }
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS; list it under `registries.insecure` if that is how it should be".to_owned()
        }
        other => format!("TLS: {other}"),
    }
}

/// Whether a registry (host[:port]) is on this machine, so that nobody listens in.
fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => registry.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether TLS is spoken there at all. When nobody answers, the real request will say so.
fn answers_tls(agent: &Agent, address: &str) -> bool {
    match agent.get(format!("https://{address}/v2/")).call() {
        Ok(_) => true,
        Err(ureq::Error::Rustls(_) | ureq::Error::Tls(_)) => false,
        Err(ureq::Error::Io(error)) => {
            !error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
                && !matches!(
                    error.kind(),
                    std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::InvalidData
                )
        }
        Err(_) => true,
    }
}
