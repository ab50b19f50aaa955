//! BuildKit's API on a socket, as a BuildKit daemon has it, in front of the BuildKit in a Docker engine, which has it behind an upgrade of HTTP only.
//!
//! Calls go through as they are, and so do the builder's questions in the session. One thing is made up: an engine hands no archive of an image over, so it
//! keeps the image, which is then taken out of it (`docker save`) and sent to the client as a daemon sends it.

use super::Engine;
use super::daemon::{Boxed, Builder, Once, Received, in_background, port, pump, send_archive, service, services};
use bollard_buildkit_proto::health::health_server::HealthServer;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{BytesMessage, SolveRequest, SolveResponse, StatusRequest, StatusResponse};
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::SshServer;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::codegen::{Service, http, tokio_stream};
use tonic::server::NamedService;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status, Streaming};

/// Largest message, in bytes: the builder's own limit.
const MAX_MESSAGE: usize = 16 << 20;

/// Listens on a socket at this path until the test ends; the builder's address.
pub fn unix(engine: &Engine, path: &Path) -> String {
    let listener = std::os::unix::net::UnixListener::bind(path).expect("a socket");
    listener.set_nonblocking(true).expect("set");
    let host = engine.path("docker.sock");
    in_background(async move {
        let listener = UnixListener::from_std(listener).expect("a runtime");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(serve(stream, host.clone()));
        }
    });
    format!("unix://{}", path.display())
}

/// Listens on a port of 127.0.0.1 until the test ends; the builder's address.
pub fn tcp(engine: &Engine) -> String {
    let (listener, address) = port();
    let host = engine.path("docker.sock");
    in_background(async move {
        let listener = TcpListener::from_std(listener).expect("a runtime");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(serve(stream, host.clone()));
        }
    });
    address
}

/// One client, to its end.
async fn serve<S: AsyncRead + AsyncWrite + Connected + Send + Unpin + 'static>(stream: S, host: PathBuf) {
    let engine = upgraded(&host).await.expect("the engine speaks gRPC");
    let channel = Endpoint::from_static("http://engine").connect_with_connector(Once(Some(engine))).await.expect("HTTP/2");
    let control = ControlClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
    let bridge = Bridge { control, host, session: Mutex::default() };
    let connection = tokio_stream::iter([Ok::<S, io::Error>(stream)]);
    // A client that leaves is no failure.
    let _ = Server::builder().add_service(service(bridge)).serve_with_incoming(connection).await;
}

/// A connection to the engine on which it speaks gRPC.
async fn upgraded(host: &Path) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(host).await?;
    stream.write_all(b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n").await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    Ok(stream)
}

struct Bridge {
    control: ControlClient<Channel>,
    /// The engine's socket.
    host: PathBuf,
    /// To the client's services.
    session: Mutex<Option<Channel>>,
}

impl Bridge {
    /// Takes an image out of the engine.
    async fn taken_out(&self, name: &str) -> Result<Vec<u8>, Status> {
        let (host, name) = (self.host.clone(), name.to_owned());
        let save = move || {
            let docker = |words: &[&str]| super::run(super::client(&host).args(words));
            let archive = docker(&["save", &name]);
            docker(&["rmi", "--force", &name]);
            archive
        };
        tokio::task::spawn_blocking(save).await.map_err(|error| Status::internal(error.to_string()))
    }
}

#[tonic::async_trait]
impl Builder for Bridge {
    async fn session(&self, request: Request<Streaming<BytesMessage>>) -> Result<Received<Result<BytesMessage, Status>>, Status> {
        let (headers, _, incoming) = request.into_parts();
        // The client's end: what it sends are the answers of its services.
        let (services, to_client) = services(incoming);
        *self.session.lock().expect("not poisoned") = Some(services.clone());
        // The engine's end: here are those services, as far as it can see.
        let (engine, far) = tokio::io::duplex(1 << 18);
        let (sender, to_engine) = mpsc::channel(8);
        let mut asked = Request::new(Received(to_engine));
        for entry in headers.iter() {
            if let tonic::metadata::KeyAndValueRef::Ascii(key, value) = entry
                && key.as_str().starts_with("x-docker-")
            {
                asked.metadata_mut().append(key.clone(), value.clone());
            }
        }
        let answers = self.control.clone().session(asked).await?.into_inner();
        pump(engine, answers, sender, |message| message);
        let router = Server::builder()
            .add_service(Forward::<HealthServer<()>>::to(&services))
            .add_service(Forward::<FileSyncServer<()>>::to(&services))
            .add_service(Forward::<SecretsServer<()>>::to(&services))
            .add_service(Forward::<AuthServer<()>>::to(&services))
            .add_service(Forward::<SshServer<()>>::to(&services));
        tokio::spawn(router.serve_with_incoming(tokio_stream::iter([Ok::<DuplexStream, io::Error>(far)])));
        Ok(to_client)
    }

    async fn solve(&self, mut solve: SolveRequest) -> Result<SolveResponse, Status> {
        assert_eq!(solve.exporter_deprecated, "oci");
        let name = format!("bridge-{}", solve.r#ref);
        solve.exporter_deprecated = "moby".to_owned();
        solve.exporter_attrs_deprecated = HashMap::from([("name".to_owned(), name.clone())]);
        let response = self.control.clone().solve(solve).await?.into_inner();
        let archive = self.taken_out(&name).await?;
        let services = self.session.lock().expect("not poisoned").clone().ok_or_else(|| Status::failed_precondition("no session"))?;
        send_archive(services, &archive).await?;
        Ok(response)
    }

    async fn status(&self, request: StatusRequest) -> Result<Boxed<StatusResponse>, Status> {
        Ok(Box::pin(self.control.clone().status(request).await?.into_inner()))
    }
}

/// A service that is somewhere else: what it is asked is asked there. `N` has its name.
struct Forward<N> {
    to: Channel,
    name: PhantomData<fn() -> N>,
}

impl<N> Forward<N> {
    fn to(channel: &Channel) -> Self {
        Self { to: channel.clone(), name: PhantomData }
    }
}

impl<N> Clone for Forward<N> {
    fn clone(&self) -> Self {
        Self::to(&self.to)
    }
}

impl<N: NamedService> NamedService for Forward<N> {
    const NAME: &'static str = N::NAME;
}

impl<N> Service<http::Request<Body>> for Forward<N> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut to = self.to.clone();
        Box::pin(async move {
            let answer = match poll_fn(|context| to.poll_ready(context)).await {
                Ok(()) => to.call(request).await,
                Err(error) => Err(error),
            };
            Ok(answer.unwrap_or_else(|error| Status::unavailable(error.to_string()).into_http()))
        })
    }
}
