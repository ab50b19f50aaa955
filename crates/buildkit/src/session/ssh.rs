//! SSH agents of this machine, lent to `RUN --mount=type=ssh`: one connection to the agent's socket for each call.

use super::Receiver;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::Ssh;
use bollard_buildkit_proto::moby::sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

/// The header that says which agent is meant.
const ID: &str = "buildkit.ssh.id";
/// The agent of a mount that names none.
const DEFAULT: &str = "default";
/// Bytes of an answer in one message.
const CHUNK: usize = 32 << 10;

/// The agents' sockets by name.
pub(crate) struct Agents(pub(crate) BTreeMap<String, PathBuf>);

impl Agents {
    fn find(&self, id: &str) -> Result<&PathBuf, Status> {
        let id = if id.is_empty() { DEFAULT } else { id };
        self.0.get(id).ok_or_else(|| Status::not_found(format!("no SSH agent {id:?} is lent to this build")))
    }
}

fn id(metadata: &MetadataMap) -> Result<&str, Status> {
    metadata.get(ID).map_or(Ok(""), |value| value.to_str().map_err(|_| Status::invalid_argument(format!("{ID} is no text"))))
}

#[tonic::async_trait]
impl Ssh for Agents {
    type ForwardAgentStream = Receiver<Result<BytesMessage, Status>>;

    async fn check_agent(&self, request: Request<CheckAgentRequest>) -> Result<Response<CheckAgentResponse>, Status> {
        self.find(&request.get_ref().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    async fn forward_agent(&self, request: Request<Streaming<BytesMessage>>) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let path = self.find(id(request.metadata())?)?;
        let agent = UnixStream::connect(path).await.map_err(|error| Status::unavailable(format!("{}: {error}", path.display())))?;
        let (mut answers, mut questions) = agent.into_split();
        let mut incoming = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(message)) = incoming.message().await {
                if questions.write_all(&message.data).await.is_err() {
                    return;
                }
            }
            // The agent sees the end.
            let _ = questions.shutdown().await;
        });
        let (sender, receiver) = mpsc::channel(8);
        tokio::spawn(async move {
            let mut buffer = vec![0; CHUNK];
            while let Ok(count @ 1..) = answers.read(&mut buffer).await {
                let data = buffer.get(..count).unwrap_or_default().to_vec();
                if sender.send(Ok(BytesMessage { data })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Receiver(receiver)))
    }
}
