//! The files of a build, sent as fsutil does: first the names of all, then the bytes of those that the builder does not have yet.

use super::Receiver;
use super::walk::{Selection, walk};
use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSync;
use pith_dockerfile::tree::ignore::Ignore;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use tokio::sync::mpsc;
use tonic::codegen::tokio_stream::Empty;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

/// Bytes of a file in one packet.
const CHUNK: usize = 32 << 10;

/// The directories that a builder may read.
#[derive(Clone)]
pub(crate) struct Directories {
    /// By the name `context`.
    pub(crate) context: PathBuf,
    /// By the name `dockerfile`: just the Dockerfile and what belongs to it.
    pub(crate) dockerfile: PathBuf,
}

type Packets = mpsc::Sender<Result<Packet, Status>>;

#[tonic::async_trait]
impl FileSync for Directories {
    type DiffCopyStream = Receiver<Result<Packet, Status>>;
    type TarStreamStream = Empty<Result<Packet, Status>>;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Self::DiffCopyStream>, Status> {
        let (root, selection) = self.selection(request.metadata())?;
        let (sender, receiver) = mpsc::channel(16);
        let (asked, questions) = mpsc::channel(1024);
        let mut incoming = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(packet)) = incoming.message().await {
                if asked.send(packet).await.is_err() {
                    return;
                }
            }
        });
        // Files are read by a thread that may block.
        tokio::task::spawn_blocking(move || {
            if let Err(problem) = send(&root, &selection, &sender, questions) {
                // Nobody may be listening any more.
                let _ = sender.blocking_send(Err(Status::internal(problem)));
            }
        });
        Ok(Response::new(Receiver(receiver)))
    }

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("tar_stream"))
    }
}

impl Directories {
    /// What the builder asks for.
    fn selection(&self, metadata: &MetadataMap) -> Result<(PathBuf, Selection), Status> {
        let name = values(metadata, "dir-name")?.into_iter().next().unwrap_or_default();
        let rules = |patterns: Vec<String>| {
            let numbered = patterns.iter().enumerate().map(|(index, pattern)| (index + 1, pattern.as_str()));
            Ignore::new(numbered).map_err(|error| Status::invalid_argument(error.to_string()))
        };
        match name.as_str() {
            "context" => {
                let exclude = rules(values(metadata, "exclude-patterns")?)?;
                let include = rules(values(metadata, "include-patterns")?)?;
                Ok((self.context.clone(), Selection::Patterns { exclude, include }))
            }
            "dockerfile" => {
                let directory = self.dockerfile.parent().map(PathBuf::from).unwrap_or_default();
                let file = self.dockerfile.file_name().unwrap_or_default().to_os_string();
                let mut ignore = file.clone();
                ignore.push(".dockerignore");
                Ok((directory, Selection::Files(vec![".dockerignore".into(), file, ignore])))
            }
            other => Err(Status::not_found(format!("there is no directory {other:?} in this build"))),
        }
    }
}

/// The values of a header, which are escaped where they are not ASCII.
fn values(metadata: &MetadataMap, key: &str) -> Result<Vec<String>, Status> {
    let escaped = metadata.get(format!("{key}-encoded")).is_some_and(|value| value == "1");
    let text = |value: &tonic::metadata::MetadataValue<_>| {
        let value = value.to_str().map_err(|_| Status::invalid_argument(format!("{key} is no text")))?;
        Ok(if escaped { unescape(value) } else { value.to_owned() })
    };
    metadata.get_all(key).iter().map(text).collect()
}

/// Undoes the escaping of queries (`+`, `%41`).
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = behind;
            }
            (other, _) => {
                bytes.push(*other);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn packet(kind: PacketType, stat: Option<Stat>, id: u32, data: Vec<u8>) -> Packet {
    Packet { r#type: kind.into(), stat, id, data }
}

fn send(root: &std::path::Path, selection: &Selection, packets: &Packets, mut questions: mpsc::Receiver<Packet>) -> Result<(), String> {
    let gone = |_| "the builder has hung up".to_owned();
    let entries = walk(root, selection)?;
    for entry in &entries {
        packets.blocking_send(Ok(packet(PacketType::PacketStat, Some(entry.stat.clone()), 0, Vec::new()))).map_err(gone)?;
    }
    // An empty one ends the list.
    packets.blocking_send(Ok(packet(PacketType::PacketStat, None, 0, Vec::new()))).map_err(gone)?;
    while let Some(question) = questions.blocking_recv() {
        match PacketType::try_from(question.r#type) {
            Ok(PacketType::PacketReq) => {
                let index = usize::try_from(question.id).unwrap_or(usize::MAX);
                let entry = entries.get(index).ok_or("the builder asks for a file that there is not")?;
                send_file(&entry.path, question.id, packets)?;
            }
            Ok(PacketType::PacketFin) => {
                // The builder may close at once.
                let _ = packets.blocking_send(Ok(packet(PacketType::PacketFin, None, 0, Vec::new())));
                return Ok(());
            }
            Ok(PacketType::PacketErr) => return Err(String::from_utf8_lossy(&question.data).into_owned()),
            _ => {}
        }
    }
    Ok(())
}

fn send_file(path: &std::path::Path, id: u32, packets: &Packets) -> Result<(), String> {
    let problem = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = File::open(path).map_err(problem)?;
    loop {
        let mut data = vec![0; CHUNK];
        let count = file.read(&mut data).map_err(problem)?;
        data.truncate(count);
        // An empty one ends the file.
        packets.blocking_send(Ok(packet(PacketType::PacketData, None, id, data))).map_err(|_| "the builder has hung up".to_owned())?;
        if count == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn escapes_are_undone() {
        for (text, plain) in [("a+b%2Fc", "a b/c"), ("%C3%A9", "\u{e9}"), ("100%", "100%"), ("%zz", "%zz"), ("", "")] {
            assert_eq!(super::unescape(text), plain);
        }
    }
}
