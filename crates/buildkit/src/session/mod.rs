//! The session of a build: here this side is the server. It travels inside a call of the Control API: HTTP/2 in the messages of `Session`.

mod files;
mod output;
mod replies;
mod ssh;
mod walk;

pub(crate) use files::Directories;
pub(crate) use output::Output;
pub(crate) use replies::{Credentials, Secrets};
pub(crate) use ssh::Agents;

use bollard_buildkit_proto::health::health_server::HealthServer;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use bollard_buildkit_proto::moby::filesync::v1::file_send_server::FileSendServer;
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::SshServer;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tonic::codegen::tokio_stream::Stream;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Server};
use tonic::{Request, Status, Streaming};

/// Bytes on their way in one direction.
const IN_FLIGHT: usize = 256 << 10;
/// Bytes per message of the tunnel.
const CHUNK: usize = 32 << 10;

/// What a builder may call.
const METHODS: [&str; 7] = [
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.filesync.v1.FileSend/DiffCopy",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
    "/grpc.health.v1.Health/Check",
];

/// The receiving end of a channel as a stream of messages.
pub(crate) struct Receiver<T>(pub(crate) mpsc::Receiver<T>);

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}

/// What is served.
pub(crate) struct Services {
    pub(crate) directories: Directories,
    pub(crate) output: Output,
    pub(crate) secrets: Secrets,
    pub(crate) credentials: Credentials,
    pub(crate) agents: Agents,
}

/// Opens the session `id`, known to the builder as about the same files as earlier ones with the same `shared_key`, and serves it until the
/// connection ends.
pub(crate) async fn serve(client: &mut ControlClient<Channel>, id: &str, shared_key: &str, services: Services) -> Result<(), Status> {
    let (near, far) = tokio::io::duplex(IN_FLIGHT);
    let (reader, writer) = tokio::io::split(near);
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(pump_out(reader, sender));

    let mut request = Request::new(Receiver(receiver));
    let headers = request.metadata_mut();
    let text = |value: &str| value.parse::<MetadataValue<_>>().map_err(|_| Status::invalid_argument("a header that is none"));
    headers.insert("x-docker-expose-session-uuid", text(id)?);
    headers.insert("x-docker-expose-session-name", text("pith")?);
    headers.insert("x-docker-expose-session-sharedkey", text(shared_key)?);
    for method in METHODS {
        headers.append("x-docker-expose-session-grpc-method", text(method)?);
    }
    let incoming = client.session(request).await?.into_inner();
    tokio::spawn(pump_in(incoming, writer));

    let router = Server::builder()
        .add_service(HealthServer::new(replies::Healthy))
        .add_service(FileSyncServer::new(services.directories))
        .add_service(FileSendServer::new(services.output).max_decoding_message_size(64 << 20))
        .add_service(SecretsServer::new(services.secrets))
        .add_service(AuthServer::new(services.credentials))
        .add_service(SshServer::new(services.agents));
    let connection = tonic::codegen::tokio_stream::iter([Ok::<DuplexStream, io::Error>(far)]);
    // It ends with the connection; whether the build went well, the call of Solve tells.
    tokio::spawn(router.serve_with_incoming(connection));
    Ok(())
}

async fn pump_out(mut reader: ReadHalf<DuplexStream>, sender: mpsc::Sender<BytesMessage>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        let data = buffer.get(..count).unwrap_or_default().to_vec();
        if sender.send(BytesMessage { data }).await.is_err() {
            return;
        }
    }
}

async fn pump_in(mut incoming: Streaming<BytesMessage>, mut writer: WriteHalf<DuplexStream>) {
    while let Ok(Some(message)) = incoming.message().await {
        if writer.write_all(&message.data).await.is_err() {
            return;
        }
    }
    // The server sees the end.
    let _ = writer.shutdown().await;
}
