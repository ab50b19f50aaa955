//! A byte stream to a builder, and HTTP/2 over it.

use crate::address::Address;
use crate::error::{Error, Result};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Mutex;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};

/// Any byte stream.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection over which gRPC is spoken.
pub(crate) async fn connect(address: &Address) -> Result<Channel> {
    let unreachable = |problem: String| Error::Unreachable { address: address.to_string(), problem };
    let stream = open(address).await.map_err(|error| unreachable(error.to_string()))?;
    let once = Once(Mutex::new(Some(stream)));
    // Nobody looks the name up: the stream is there already.
    let endpoint = Endpoint::from_static("http://builder");
    endpoint.connect_with_connector(once).await.map_err(|error| unreachable(with_causes(&error)))
}

/// An error with what is behind it; tonic's own words are just "transport error".
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}

async fn open(address: &Address) -> io::Result<Box<dyn Stream>> {
    match address {
        Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp(host) => Ok(Box::new(TcpStream::connect(host).await?)),
        Address::Container(name) => {
            let mut child = Command::new("docker")
                .args(["exec", "-i", name, "buildctl", "dial-stdio"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .kill_on_drop(true)
                .spawn()
                .map_err(|error| io::Error::new(error.kind(), format!("docker exec: {error}")))?;
            let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
                return Err(io::ErrorKind::BrokenPipe.into());
            };
            Ok(Box::new(Pipes { _child: child, stdin, stdout }))
        }
        Address::Docker(address) => match address.strip_prefix("unix://") {
            Some(path) => upgrade(UnixStream::connect(path).await?).await,
            None => upgrade(TcpStream::connect(address.split_once("://").map_or("", |(_, host)| host)).await?).await,
        },
    }
}

/// Asks a Docker engine to speak gRPC from here on (`POST /grpc`, RFC 9110, section 7.8).
async fn upgrade<S: Stream + 'static>(mut stream: S) -> io::Result<Box<dyn Stream>> {
    stream.write_all(b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n").await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to the other protocol.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 8192 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer without end"));
        }
        head.push(stream.read_u8().await?);
    }
    if head.starts_with(b"HTTP/1.1 101 ") {
        return Ok(Box::new(stream));
    }
    let text = String::from_utf8_lossy(&head);
    let status = text.lines().next().unwrap_or_default().to_owned();
    Err(io::Error::other(format!("the engine does not offer BuildKit (it answered {status:?}); Docker 20.10 or later does")))
}

/// Hands out one stream that is there already.
struct Once(Mutex<Option<Box<dyn Stream>>>);

impl Service<Uri> for Once {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.lock().ok().and_then(|mut stream| stream.take());
        Box::pin(async move { stream.map(TokioIo::new).ok_or_else(|| io::ErrorKind::NotConnected.into()) })
    }
}

/// A program's standard input and output.
struct Pipes {
    /// Ended when dropped.
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl AsyncRead for Pipes {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(context)
    }
}
