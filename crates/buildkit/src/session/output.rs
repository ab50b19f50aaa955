//! The result, as a tar archive.

use bollard_buildkit_proto::moby::filesync::v1::BytesMessage;
use bollard_buildkit_proto::moby::filesync::v1::file_send_server::FileSend;
use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use tonic::codegen::tokio_stream::Empty;
use tonic::{Request, Response, Status, Streaming};

/// Where the archive goes; once.
pub(crate) struct Output(Mutex<Option<File>>);

impl Output {
    pub(crate) fn new(file: File) -> Self {
        Self(Mutex::new(Some(file)))
    }
}

#[tonic::async_trait]
impl FileSend for Output {
    type DiffCopyStream = Empty<Result<BytesMessage, Status>>;

    async fn diff_copy(&self, request: Request<Streaming<BytesMessage>>) -> Result<Response<Self::DiffCopyStream>, Status> {
        let file = self.0.lock().ok().and_then(|mut file| file.take());
        let mut file = file.ok_or_else(|| Status::failed_precondition("there is one result"))?;
        let mut incoming = request.into_inner();
        while let Some(message) = incoming.message().await? {
            // To a file of this machine: quick enough not to have a thread of its own.
            file.write_all(&message.data).map_err(|error| Status::internal(format!("the result cannot be stored: {error}")))?;
        }
        Ok(Response::new(tonic::codegen::tokio_stream::empty()))
    }
}
