//! A BuildKit daemon as far as a build sees it: asks for the Dockerfile, the context and a secret through the session, and sends an archive back. Debian has
//! no BuildKit daemon; the real thing is asked in `docker.rs`, which differs in how the image comes back.

mod common;

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::GetSecretRequest;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_client::SecretsClient;
use bollard_buildkit_proto::moby::buildkit::v1::{BytesMessage, SolveRequest, SolveResponse, StatusRequest, StatusResponse, Vertex};
use bollard_buildkit_proto::moby::filesync::v1::CredentialsRequest;
use bollard_buildkit_proto::moby::filesync::v1::auth_client::AuthClient;
use bollard_buildkit_proto::moby::filesync::v1::file_sync_client::FileSyncClient;
use common::daemon::{Boxed, Builder, Received, in_background, port, send_archive, service, services};
use pith_buildkit::{Address, Error, Event, Progress, Request as Build, Secret, SecretSource, Silent, build};
use pith_image::{HostAuth, Platform, Settings, Store};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tonic::codegen::tokio_stream;
use tonic::transport::{Channel, Server};
use tonic::{Request, Status, Streaming};

/// What the daemon has been told, and what it makes of it.
#[derive(Default)]
struct Seen {
    session: Mutex<Option<Channel>>,
    solve: Mutex<Option<SolveRequest>>,
    files: Mutex<BTreeMap<String, Vec<String>>>,
    content: Mutex<Vec<u8>>,
    secret: Mutex<Vec<u8>>,
    user: Mutex<String>,
    archive: Vec<u8>,
    refuse: bool,
}

struct Daemon(Arc<Seen>);

/// The names that a directory of the session has, and the bytes of the last file.
async fn sync(channel: Channel, directory: &str, patterns: &[(&'static str, &str)]) -> Result<(Vec<String>, Vec<u8>), Status> {
    let (questions, receiver) = mpsc::channel(16);
    let mut request = Request::new(Received(receiver));
    request.metadata_mut().insert("dir-name", directory.parse().expect("ASCII"));
    for (key, value) in patterns {
        request.metadata_mut().append(*key, value.parse().expect("ASCII"));
    }
    let mut packets = FileSyncClient::new(channel).diff_copy(request).await?.into_inner();
    let (mut names, mut last, mut content) = (Vec::new(), None, Vec::new());
    let ask = |kind: PacketType, id| Packet { r#type: kind.into(), id, ..Packet::default() };
    while let Some(packet) = packets.message().await? {
        match PacketType::try_from(packet.r#type).expect("known") {
            PacketType::PacketStat => match packet.stat {
                Some(stat) => {
                    // A file that is no link has bytes to ask for.
                    if stat.mode & !0o777 == 0 && stat.linkname.is_empty() {
                        last = Some(u32::try_from(names.len()).expect("few"));
                    }
                    names.push(format!("{} {:o} {}:{} {} {}", stat.path, stat.mode & 0o777, stat.uid, stat.gid, stat.size, stat.linkname));
                }
                None => match last {
                    Some(id) => questions.send(ask(PacketType::PacketReq, id)).await.expect("open"),
                    None => questions.send(ask(PacketType::PacketFin, 0)).await.expect("open"),
                },
            },
            PacketType::PacketData if packet.data.is_empty() => questions.send(ask(PacketType::PacketFin, 0)).await.expect("open"),
            PacketType::PacketData => content.extend(packet.data),
            PacketType::PacketFin => break,
            other => panic!("{other:?}"),
        }
    }
    Ok((names, content))
}

#[tonic::async_trait]
impl Builder for Daemon {
    async fn session(&self, request: Request<Streaming<BytesMessage>>) -> Result<Received<Result<BytesMessage, Status>>, Status> {
        assert!(request.metadata().contains_key("x-docker-expose-session-uuid"));
        assert!(request.metadata().get_all("x-docker-expose-session-grpc-method").iter().count() >= 4);
        let (services, to_client) = services(request.into_inner());
        *self.0.session.lock().expect("not poisoned") = Some(services);
        Ok(to_client)
    }

    async fn solve(&self, request: SolveRequest) -> Result<SolveResponse, Status> {
        let seen = &self.0;
        if seen.refuse {
            return Err(Status::unknown("failed to solve with frontend dockerfile.v0: Dockerfile:1: no"));
        }
        *seen.solve.lock().expect("not poisoned") = Some(request);
        let channel = loop {
            let found = seen.session.lock().expect("not poisoned").clone();
            match found {
                Some(channel) => break channel,
                None => tokio::task::yield_now().await,
            }
        };
        for (key, directory, patterns) in [
            ("dockerfile", "dockerfile", &[][..]),
            ("ignore", "context", &[("include-patterns", ".dockerignore")][..]),
            (
                "context",
                "context",
                &[("exclude-patterns", "left"), ("exclude-patterns", "!left/keep%20me"), ("exclude-patterns-encoded", "1")][..],
            ),
        ] {
            let (names, content) = sync(channel.clone(), directory, patterns).await?;
            seen.files.lock().expect("not poisoned").insert(key.to_owned(), names);
            *seen.content.lock().expect("not poisoned") = content;
        }
        let mut secrets = SecretsClient::new(channel.clone());
        let ask = |id: &str| GetSecretRequest { id: id.to_owned(), ..GetSecretRequest::default() };
        *seen.secret.lock().expect("not poisoned") = secrets.get_secret(ask("key")).await?.into_inner().data;
        assert_eq!(secrets.get_secret(ask("other")).await.expect_err("not given").code(), tonic::Code::NotFound);
        let credentials =
            AuthClient::new(channel.clone()).credentials(CredentialsRequest { host: "registry-1.docker.io".to_owned() }).await?;
        *seen.user.lock().expect("not poisoned") = credentials.into_inner().username;
        send_archive(channel, &seen.archive).await?;
        Ok(SolveResponse::default())
    }

    async fn status(&self, _: StatusRequest) -> Result<Boxed<StatusResponse>, Status> {
        let vertex = Vertex {
            digest: "sha256:1".to_owned(),
            name: "[1/1] COPY".to_owned(),
            started: Some(Default::default()),
            completed: Some(Default::default()),
            ..Vertex::default()
        };
        Ok(Box::pin(tokio_stream::iter([Ok(StatusResponse { vertexes: vec![vertex], ..StatusResponse::default() })])))
    }
}

/// Serves on a port of this machine until the test ends.
fn start(seen: Arc<Seen>) -> String {
    let (listener, address) = port();
    in_background(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                sender.send(Ok::<_, std::io::Error>(stream)).await.expect("open");
            }
        });
        Server::builder().add_service(service(Daemon(seen))).serve_with_incoming(Received(receiver)).await.expect("served");
    });
    address
}

#[derive(Default)]
struct Names(Mutex<Vec<String>>);

impl Progress for Names {
    fn event(&self, event: Event<'_>) {
        if let Event::Ended { name, .. } = event {
            self.0.lock().expect("not poisoned").push(name.to_owned());
        }
    }
}

#[test]
fn a_daemon_gets_what_it_asks_for_and_sends_the_image_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let store = Store::open(&path("store")).expect("a store");
    let context = path("context");
    fs::create_dir_all(context.join("left/out")).expect("a directory");
    fs::create_dir_all(context.join("empty")).expect("a directory");
    let big = vec![b'x'; 100_000];
    for (name, content) in
        [("Dockerfile", &b"FROM scratch\n"[..]), (".dockerignore", b"left\n"), ("left/keep me", b"k"), ("left/out/x", b"x"), ("z", &big)]
    {
        fs::write(context.join(name), content).expect("written");
        fs::set_permissions(context.join(name), fs::Permissions::from_mode(0o640)).expect("changed");
    }
    std::os::unix::fs::symlink("z", context.join("link")).expect("linked");
    fs::hard_link(context.join("Dockerfile"), context.join("same")).expect("linked");
    fs::write(path("key"), "open sesame").expect("written");

    // An image to send back, as an archive of a layout.
    let layer = fs::read(context.join("z")).expect("readable");
    fs::write(path("layer"), &layer).expect("written");
    let mut config = pith_image::spec::ImageConfig::scratch(Platform::new("linux", "amd64"));
    let digest = pith_image::Digest::of(&layer);
    config.rootfs.diff_ids = vec![digest.clone()];
    let layers = vec![pith_image::Layer {
        blob: path("layer"),
        digest: digest.clone(),
        diff_id: digest,
        compression: pith_image::Compression::Plain,
        size: 100_000,
    }];
    let name = "built".parse().expect("a name");
    store.add(&name, &pith_image::Image { config: config.clone(), layers }).expect("added");
    let mut archive = Vec::new();
    pith_image::Images::new(store.clone(), Settings::default(), Arc::new(pith_image::Silent))
        .export(&[name], &mut archive)
        .expect("exported");

    let seen = Arc::new(Seen { archive, ..Seen::default() });
    let address = Address::parse(&start(seen.clone())).expect("an address");
    let auth = HostAuth { user: "me".to_owned(), token: "t".to_owned(), ..HostAuth::default() };
    let request = Build {
        context: context.clone(),
        dockerfile: context.join("Dockerfile"),
        build_args: BTreeMap::from([("A".to_owned(), "b c".to_owned())]),
        target: Some("last".to_owned()),
        secrets: vec![Secret { id: "key".to_owned(), source: SecretSource::File(path("key")) }],
        ssh_agents: BTreeMap::new(),
        platform: Platform::new("linux", "amd64"),
        use_cache: false,
        pull: true,
        settings: Settings { auth: BTreeMap::from([("docker.io".to_owned(), auth)]), ..Settings::default() },
    };
    let fresh = Store::open(&path("fresh")).expect("a store");
    let names = Names::default();
    let image = build(&address, &request, &fresh, &names).expect("built");
    assert_eq!(image.config, config);
    assert_eq!(fs::read(&image.layers[0].blob).expect("readable"), layer);
    assert_eq!(*names.0.lock().expect("not poisoned"), ["[1/1] COPY"]);

    let solve = seen.solve.lock().expect("not poisoned").clone().expect("asked");
    assert_eq!((solve.frontend.as_str(), solve.exporter_deprecated.as_str()), ("dockerfile.v0", "oci"));
    let attributes: BTreeMap<_, _> = solve.frontend_attrs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("filename", "Dockerfile"),
        ("platform", "linux/amd64"),
        ("target", "last"),
        ("build-arg:A", "b c"),
        ("no-cache", ""),
        ("image-resolve-mode", "pull"),
    ];
    assert_eq!(attributes, BTreeMap::from(expected));
    let files = seen.files.lock().expect("not poisoned").clone();
    assert_eq!(files["dockerfile"], [".dockerignore 640 0:0 5 ", "Dockerfile 640 0:0 13 "]);
    assert_eq!(files["ignore"], [".dockerignore 640 0:0 5 "]);
    let directory_mode = format!("{:o}", fs::metadata(context.join("empty")).expect("there").permissions().mode() & 0o777);
    assert_eq!(
        files["context"],
        [
            ".dockerignore 640 0:0 5 ",
            "Dockerfile 640 0:0 13 ",
            &format!("empty {directory_mode} 0:0 0 "),
            &format!("left {directory_mode} 0:0 0 "),
            "left/keep me 640 0:0 1 ",
            "link 777 0:0 0 z",
            "same 640 0:0 13 Dockerfile",
            "z 640 0:0 100000 ",
        ]
    );
    assert!(*seen.content.lock().expect("not poisoned") == big);
    assert_eq!(*seen.secret.lock().expect("not poisoned"), b"open sesame");
    assert_eq!(*seen.user.lock().expect("not poisoned"), "me");

    let address = Address::parse(&start(Arc::new(Seen { refuse: true, ..Seen::default() }))).expect("an address");
    let error = build(&address, &request, &fresh, &Silent).expect_err("refused");
    assert!(matches!(error, Error::Failed { .. }), "{error:?}");
    assert_eq!(error.to_string(), "Dockerfile:1: no");
}

/// Run by [`a_daemon_in_a_container_is_reached_through_docker`] as a process of its own, in which `docker` is a script.
#[test]
fn container_child() {
    let Ok(directory) = std::env::var("PITH_BUILDKIT_TEST_CONTEXT") else { return };
    let directory = std::path::Path::new(&directory);
    let store = Store::open(&directory.join("store")).expect("a store");
    let address = Address::parse("docker-container://buildx_0").expect("an address");
    let error = build(&address, &common::request(directory), &store, &Silent).expect_err("refused");
    assert_eq!(error.to_string(), "Dockerfile:1: no");
}

#[test]
fn a_daemon_in_a_container_is_reached_through_docker() {
    let address = start(Arc::new(Seen { refuse: true, ..Seen::default() }));
    let (host, port) = address.strip_prefix("tcp://").and_then(|address| address.split_once(':')).expect("an address");
    let directory = tempfile::tempdir().expect("a directory");
    let script = format!("#!/bin/sh\n[ \"$*\" = 'exec -i buildx_0 buildctl dial-stdio' ] || exit 9\nexec busybox nc {host} {port}\n");
    fs::write(directory.path().join("docker"), script).expect("written");
    fs::set_permissions(directory.path().join("docker"), fs::Permissions::from_mode(0o755)).expect("changed");
    fs::write(directory.path().join("Dockerfile"), "FROM scratch\n").expect("written");
    let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").expect("set"));
    let child = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "container_child"])
        .env("PATH", path)
        .env("PITH_BUILDKIT_TEST_CONTEXT", directory.path())
        .output()
        .expect("started");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}
