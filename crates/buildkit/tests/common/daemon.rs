//! What the tests' BuildKit daemons have in common: the part of the API that a build uses, and the ends of a session's bytes.

use bollard_buildkit_proto::moby::buildkit::v1::control_server::{Control, ControlServer};
use bollard_buildkit_proto::moby::buildkit::v1::{self as api, BytesMessage, SolveRequest, SolveResponse, StatusRequest, StatusResponse};
use bollard_buildkit_proto::moby::filesync::v1::BytesMessage as FileBytes;
use bollard_buildkit_proto::moby::filesync::v1::file_send_client::FileSendClient;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tonic::codegen::tokio_stream::{self, Empty, Stream};
use tonic::codegen::{Service, http};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

pub type Boxed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What a build asks of a daemon.
#[tonic::async_trait]
pub trait Builder: Send + Sync + 'static {
    async fn session(&self, request: Request<Streaming<BytesMessage>>) -> Result<Received<Result<BytesMessage, Status>>, Status>;
    async fn solve(&self, request: SolveRequest) -> Result<SolveResponse, Status>;
    async fn status(&self, request: StatusRequest) -> Result<Boxed<StatusResponse>, Status>;
}

/// A daemon that does nothing else.
pub struct Daemon<B>(B);

pub fn service<B: Builder>(builder: B) -> ControlServer<Daemon<B>> {
    ControlServer::new(Daemon(builder))
}

#[tonic::async_trait]
impl<B: Builder> Control for Daemon<B> {
    type SessionStream = Received<Result<BytesMessage, Status>>;
    type StatusStream = Boxed<StatusResponse>;
    type PruneStream = Empty<Result<api::UsageRecord, Status>>;
    type ListenBuildHistoryStream = Empty<Result<api::BuildHistoryEvent, Status>>;

    async fn session(&self, request: Request<Streaming<BytesMessage>>) -> Result<Response<Self::SessionStream>, Status> {
        self.0.session(request).await.map(Response::new)
    }

    async fn solve(&self, request: Request<SolveRequest>) -> Result<Response<SolveResponse>, Status> {
        self.0.solve(request.into_inner()).await.map(Response::new)
    }

    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<Self::StatusStream>, Status> {
        self.0.status(request.into_inner()).await.map(Response::new)
    }

    async fn disk_usage(&self, _: Request<api::DiskUsageRequest>) -> Result<Response<api::DiskUsageResponse>, Status> {
        Err(Status::unimplemented("disk_usage"))
    }

    async fn prune(&self, _: Request<api::PruneRequest>) -> Result<Response<Self::PruneStream>, Status> {
        Err(Status::unimplemented("prune"))
    }

    async fn list_workers(&self, _: Request<api::ListWorkersRequest>) -> Result<Response<api::ListWorkersResponse>, Status> {
        Err(Status::unimplemented("list_workers"))
    }

    async fn info(&self, _: Request<api::InfoRequest>) -> Result<Response<api::InfoResponse>, Status> {
        Err(Status::unimplemented("info"))
    }

    async fn listen_build_history(&self, _: Request<api::BuildHistoryRequest>) -> Result<Response<Self::ListenBuildHistoryStream>, Status> {
        Err(Status::unimplemented("listen_build_history"))
    }

    async fn update_build_history(
        &self,
        _: Request<api::UpdateBuildHistoryRequest>,
    ) -> Result<Response<api::UpdateBuildHistoryResponse>, Status> {
        Err(Status::unimplemented("update_build_history"))
    }
}

/// Takes up a client's session: a channel to the client's services, and what the client is to be sent.
pub fn services(incoming: Streaming<BytesMessage>) -> (Channel, Received<Result<BytesMessage, Status>>) {
    let (near, far) = tokio::io::duplex(1 << 18);
    let (sender, receiver) = mpsc::channel(8);
    pump(near, incoming, sender, Ok);
    (Endpoint::from_static("http://session").connect_with_connector_lazy(Once(Some(far))), Received(receiver))
}

/// Sends a client the archive that it asked for, in pieces.
pub async fn send_archive(services: Channel, archive: &[u8]) -> Result<(), Status> {
    let chunks: Vec<FileBytes> = archive.chunks(10_000).map(|chunk| FileBytes { data: chunk.to_vec() }).collect();
    let mut answer = FileSendClient::new(services).diff_copy(tokio_stream::iter(chunks)).await?.into_inner();
    while answer.message().await?.is_some() {}
    Ok(())
}

/// Carries the bytes of a session: those that come in to `end`, those that come from there out.
pub fn pump<T: Send + 'static>(
    end: DuplexStream,
    mut incoming: Streaming<BytesMessage>,
    out: mpsc::Sender<T>,
    wrapped: fn(BytesMessage) -> T,
) {
    let (mut reader, mut writer) = tokio::io::split(end);
    tokio::spawn(async move {
        while let Ok(Some(message)) = incoming.message().await {
            if writer.write_all(&message.data).await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    });
    tokio::spawn(async move {
        let mut buffer = vec![0; 32 << 10];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            if out.send(wrapped(BytesMessage { data: buffer[..count].to_vec() })).await.is_err() {
                return;
            }
        }
    });
}

/// A port of this machine, and its address as a builder's.
pub fn port() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let address = format!("tcp://{}", listener.local_addr().expect("an address"));
    (listener, address)
}

/// Works until the test ends.
pub fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work);
    });
}

/// A channel's receiver as a stream.
pub struct Received<T>(pub mpsc::Receiver<T>);

impl<T> Stream for Received<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}

/// Hands out one stream that is there already.
pub struct Once<S>(pub Option<S>);

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Service<http::Uri> for Once<S> {
    type Response = TokioIo<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let stream = self.0.take();
        Box::pin(async move { stream.map(TokioIo::new).ok_or_else(|| io::ErrorKind::NotConnected.into()) })
    }
}
