//! One build: a call of `Solve`, with `Status` beside it.

use crate::address::Address;
use crate::connect::{connect, with_causes};
use crate::error::{Error, Result};
use crate::progress::{Event, Progress};
use crate::request::Request;
use crate::session::{self, Agents, Credentials, Directories, Output, Secrets, Services};
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{SolveRequest, StatusRequest, StatusResponse};
use pith_image::{Digest, Engine, Image, Reference, Store};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::io::Seek;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Lines of a failed step that an error repeats.
const REPEATED_LINES: usize = 20;
/// How long a builder may take to end its account of a build that has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Largest message from the builder, in bytes: its own limit.
const MAX_MESSAGE: usize = 16 << 20;

/// Has `request` built at `address`. The image's blobs are in the store afterwards, unnamed.
///
/// # Errors
/// Nobody is there; the Dockerfile does not build; the result cannot be stored.
pub fn build(address: &Address, request: &Request, store: &Store, progress: &dyn Progress) -> Result<Image> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Error::Machine(error.to_string()))?;
    let mut archive = tempfile::tempfile().map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    let id = random_name()?;
    // A Docker engine keeps what it builds; the others hand it over.
    let kept: Option<Reference> = match address {
        Address::Docker(_) => Some(format!("pith-build-{id}").parse().map_err(pith_image::Error::from)?),
        _ => None,
    };
    let output = archive.try_clone().map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    let solved = runtime.block_on(solve(address, request, &id, kept.as_ref(), output, progress));
    // A connection that hangs must not keep this side.
    runtime.shutdown_background();
    solved?;
    let what = format!("the image built by {address}");
    match (address, kept) {
        (Address::Docker(host), Some(name)) => {
            let engine = Engine::new(Some(host))?;
            let image =
                engine.export(&name).and_then(|mut reader| pith_image::load_archive(store, &what, &mut reader, None, &request.platform));
            engine.remove(&name)?;
            Ok(image?)
        }
        _ => {
            archive.rewind().map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
            Ok(pith_image::load_archive(store, &what, &mut archive, None, &request.platform)?)
        }
    }
}

/// What this build and its image are called at the builder.
fn random_name() -> Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|error| Error::Machine(error.to_string()))?;
    Ok(Digest::of(&bytes).hex().chars().take(25).collect())
}

async fn solve(
    address: &Address,
    request: &Request,
    id: &str,
    kept: Option<&Reference>,
    output: File,
    progress: &dyn Progress,
) -> Result<()> {
    let dockerfile = request.dockerfile.canonicalize().map_err(|source| Error::Io { path: request.dockerfile.clone(), source })?;
    let context = request.context.canonicalize().map_err(|source| Error::Io { path: request.context.clone(), source })?;
    let mut client = ControlClient::new(connect(address).await?).max_decoding_message_size(MAX_MESSAGE);
    // Builds of the same directory send only what has changed.
    let shared_key = Digest::of(context.as_os_str().as_bytes()).hex().to_owned();
    let services = Services {
        directories: Directories { context, dockerfile: dockerfile.clone() },
        output: Output::new(output),
        secrets: Secrets::read(&request.secrets)?,
        credentials: Credentials(request.settings.clone()),
        agents: Agents(request.ssh_agents.clone()),
    };
    let refused = |status: Status| Error::Unreachable { address: address.to_string(), problem: describe(&status) };
    session::serve(&mut client, id, &shared_key, services).await.map_err(refused)?;

    let file = dockerfile.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (exporter, exporter_attrs) = match kept {
        Some(name) => ("moby", HashMap::from([("name".to_owned(), name.to_string())])),
        None => ("oci", HashMap::new()),
    };
    let solve = SolveRequest {
        r#ref: id.to_owned(),
        session: id.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: frontend_attributes(request, file),
        exporter_deprecated: exporter.to_owned(),
        exporter_attrs_deprecated: exporter_attrs,
        ..SolveRequest::default()
    };
    let (sender, mut updates) = mpsc::channel(64);
    // The builder answers once it knows the build; so this must not be waited for.
    tokio::spawn(watch(client.clone(), id.to_owned(), sender));
    let mut steps = Steps::default();
    let solved = client.solve(solve);
    tokio::pin!(solved);
    let result = loop {
        tokio::select! {
            result = &mut solved => break result,
            Some(update) = updates.recv() => steps.take(&update, progress),
        }
    };
    // What is said until the end of the build; a build that never began has none.
    while let Ok(Some(update)) = tokio::time::timeout(LAST_WORDS, updates.recv()).await {
        steps.take(&update, progress);
    }
    result.map(|_| ()).map_err(|status| match status.code() {
        Code::Unavailable => refused(status),
        _ => Error::Failed { message: describe(&status), log: steps.failed_log() },
    })
}

/// Passes on what the builder says about the build, as long as somebody listens.
async fn watch(mut client: ControlClient<Channel>, id: String, updates: mpsc::Sender<StatusResponse>) {
    let Ok(response) = client.status(StatusRequest { r#ref: id }).await else { return };
    let mut incoming = response.into_inner();
    while let Ok(Some(update)) = incoming.message().await {
        if updates.send(update).await.is_err() {
            return;
        }
    }
}

/// The options of `dockerfile.v0`.
fn frontend_attributes(request: &Request, filename: String) -> HashMap<String, String> {
    let mut attributes = HashMap::from([("filename".to_owned(), filename), ("platform".to_owned(), request.platform.to_string())]);
    attributes.extend(request.target.iter().map(|target| ("target".to_owned(), target.clone())));
    attributes.extend(request.build_args.iter().map(|(name, value)| (format!("build-arg:{name}"), value.clone())));
    if !request.use_cache {
        // The stages that the cache is not to be used for; empty means all.
        attributes.insert("no-cache".to_owned(), String::new());
    }
    if request.pull {
        attributes.insert("image-resolve-mode".to_owned(), "pull".to_owned());
    }
    attributes
}

/// The words that a user needs.
fn describe(status: &Status) -> String {
    let message = if status.message().is_empty() { with_causes(status) } else { status.message().to_owned() };
    message.strip_prefix("failed to solve with frontend dockerfile.v0: ").unwrap_or(&message).to_owned()
}

/// What is known about the steps of a build.
#[derive(Default)]
struct Steps {
    started: BTreeSet<String>,
    ended: BTreeSet<String>,
    /// The last lines of each step.
    output: BTreeMap<String, VecDeque<String>>,
    failed: Option<String>,
}

impl Steps {
    fn take(&mut self, update: &StatusResponse, progress: &dyn Progress) {
        for vertex in &update.vertexes {
            let (step, name) = (vertex.digest.as_str(), vertex.name.as_str());
            if vertex.started.is_some() && self.started.insert(step.to_owned()) {
                progress.event(Event::Started { step, name });
            }
            if vertex.completed.is_some() && self.ended.insert(step.to_owned()) {
                progress.event(Event::Ended { step, name, cached: vertex.cached, error: &vertex.error });
            }
            // What was interrupted because of another failure has not failed by itself.
            if !vertex.error.is_empty() && !vertex.error.contains("context canceled") {
                self.failed = Some(step.to_owned());
            }
        }
        for log in &update.logs {
            progress.event(Event::Output { step: &log.vertex, bytes: &log.msg });
            let lines = self.output.entry(log.vertex.clone()).or_default();
            lines.extend(String::from_utf8_lossy(&log.msg).lines().map(ToOwned::to_owned));
            while lines.len() > REPEATED_LINES {
                lines.pop_front();
            }
        }
    }

    fn failed_log(mut self) -> Vec<String> {
        self.failed.and_then(|step| self.output.remove(&step)).unwrap_or_default().into()
    }
}
