//! Against the BuildKit in Debian's Docker engine: what it builds for us is what it builds for `docker build`.
mod common;

use common::{Engine, request, run};
use pith_buildkit::{Address, Error, Event, Progress, Request, Secret, SecretSource, Silent, build};
use pith_image::{Image, Store};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Mutex;

/// One line per entry of each layer: kind, mode, owner, name, link, content.
fn files(image: &Image) -> Vec<Vec<String>> {
    let layer = |layer: &pith_image::Layer| {
        let mut archive = tar::Archive::new(layer.open().expect("open"));
        let line = |entry: std::io::Result<tar::Entry<'_, pith_image::LayerReader>>| {
            let mut entry = entry.expect("an entry");
            let mut content = String::new();
            let name = entry.path().expect("a name").display().to_string();
            let link = entry.link_name().expect("a name").map(|link| link.display().to_string());
            if name.starts_with("out") || name.starts_with("src") {
                entry.read_to_string(&mut content).expect("text");
            }
            let header = entry.header();
            let (mode, uid, gid) = (header.mode().expect("a mode"), header.uid().expect("an owner"), header.gid().expect("a group"));
            format!("{:?} {mode:o} {uid}:{gid} {name} {link:?} {content:?}", header.entry_type())
        };
        archive.entries().expect("entries").map(line).collect()
    };
    image.layers.iter().map(layer).collect()
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Progress for Log {
    fn event(&self, event: Event<'_>) {
        let line = match event {
            Event::Started { name, .. } => format!("started {name}"),
            Event::Ended { name, cached, error, .. } => format!("ended {name} {cached} {error}"),
            Event::Output { bytes, .. } => format!("output {}", String::from_utf8_lossy(bytes)),
        };
        self.0.lock().expect("not poisoned").push(line);
    }
}

impl Log {
    fn has(&self, start: &str) -> bool {
        self.0.lock().expect("not poisoned").iter().any(|line| line.starts_with(start))
    }
}

fn context(directory: &Path) {
    fs::create_dir_all(directory.join("src/deep")).expect("a directory");
    fs::create_dir_all(directory.join("left/out")).expect("a directory");
    for (name, content) in [
        ("src/a.txt", "a"),
        ("src/deep/b", "b"),
        ("src-b", "x"),
        ("left/out/c", "c"),
        ("left/keep", "k"),
        ("big", &"0123456789".repeat(20_000)),
    ] {
        fs::write(directory.join(name), content).expect("written");
    }
    fs::write(directory.join("src/run.sh"), "#!/bin/sh\n").expect("written");
    fs::set_permissions(directory.join("src/run.sh"), fs::Permissions::from_mode(0o4755)).expect("changed");
    symlink("a.txt", directory.join("src/link")).expect("linked");
    fs::hard_link(directory.join("src/a.txt"), directory.join("src/same")).expect("linked");
    fs::write(directory.join(".dockerignore"), "left\n!left/keep\nDockerfile*\n").expect("written");
}

const DOCKERFILES: [&str; 6] = [
    "FROM scratch\nCOPY . /\nENV A=b\nCMD [\"/src/run.sh\"]\n",
    "FROM local/busybox AS one\nWORKDIR /out\nCOPY src/a.txt src/deep/ ./\nRUN echo built > made && chmod 640 made && chown 7:8 made\n",
    "FROM local/busybox AS one\nRUN mkdir /out && seq 5 > /out/numbers\nFROM scratch AS two\nCOPY --from=one /out /out\nCOPY --chown=7:8 big /big\nEXPOSE 80 443/udp\nUSER 7:8\n",
    "ARG VERSION=1\nFROM local/busybox\nARG VERSION\nARG OTHER=x\nRUN mkdir out; echo $VERSION $OTHER > out/version\nLABEL v=$VERSION\nENTRYPOINT [\"/bin/sh\", \"-c\"]\nVOLUME /data\nSTOPSIGNAL SIGINT\n",
    "FROM local/busybox\nRUN --mount=type=secret,id=key mkdir out; wc -c < /run/secrets/key > out/length\nHEALTHCHECK CMD true\nONBUILD RUN echo\nSHELL [\"/bin/sh\", \"-e\", \"-c\"]\n",
    "FROM local/busybox AS base\nRUN mkdir out; touch out/base\nFROM base AS wanted\nRUN touch out/wanted\nFROM base AS not-wanted\nRUN false\n",
];

#[test]
fn the_engine_builds_for_us_what_it_builds_for_docker() {
    let Some(engine) = Engine::start() else { return };
    engine.add_busybox();
    let directory = engine.path("context");
    context(&directory);
    let secret = engine.path("secret");
    fs::write(&secret, "open sesame").expect("written");
    let store = Store::open(&engine.path("store")).expect("a store");
    let address = Address::docker(Some(&engine.host())).expect("an address");

    for (number, dockerfile) in DOCKERFILES.iter().enumerate() {
        fs::write(directory.join("Dockerfile"), dockerfile).expect("written");
        let mut request = request(&directory);
        request.build_args = BTreeMap::from([("VERSION".to_owned(), "2".to_owned())]);
        request.secrets = vec![Secret { id: "key".to_owned(), source: SecretSource::File(secret.clone()) }];
        request.target = dockerfile.contains("AS wanted").then(|| "wanted".to_owned());
        let mut arguments = vec!["build", "-q", "-t", "theirs", "--build-arg", "VERSION=2", "--secret"];
        let secret = format!("id=key,src={}", secret.display());
        arguments.push(&secret);
        if let Some(target) = &request.target {
            arguments.extend(["--target", target]);
        }
        let path = directory.display().to_string();
        arguments.push(&path);
        // Ours first, so that nothing of theirs is just reused.
        let log = Log::default();
        let ours = build(&address, &request, &store, &log).unwrap_or_else(|error| panic!("Dockerfile {number}: {error}"));
        run(&mut engine.docker(&arguments));
        let mut theirs = &run(&mut engine.docker(&["save", "theirs"]))[..];
        let theirs = pith_image::load_archive(&store, "theirs", &mut theirs, None, &request.platform).expect("an image");
        assert_eq!(files(&ours), files(&theirs), "Dockerfile {number}");
        assert_eq!(ours.config.config, theirs.config.config, "Dockerfile {number}");
        assert_eq!(ours.config.rootfs, theirs.config.rootfs, "Dockerfile {number}: the same layers, from the same cache");
        assert!(log.has("started [internal] load build definition from Dockerfile"), "{:?}", log.0);
    }
    // Nothing is left at the engine but what was there.
    let images = String::from_utf8(run(&mut engine.docker(&["images", "--format", "{{.Repository}}"]))).expect("text");
    let mut images: Vec<&str> = images.lines().filter(|name| *name != "<none>").collect();
    images.sort_unstable();
    assert_eq!(images, ["local/busybox", "theirs"]);

    contexts_and_caches(&engine, &address, &store);
    failures(&engine, &address, &store);
}

/// A Dockerfile elsewhere, an own ignore file, a change that is seen, results that are there already.
fn contexts_and_caches(engine: &Engine, address: &Address, store: &Store) {
    let directory = engine.path("context");
    fs::remove_file(directory.join("Dockerfile")).expect("removed");
    let elsewhere = engine.path("elsewhere");
    fs::create_dir(&elsewhere).expect("a directory");
    fs::write(elsewhere.join("My.Dockerfile"), "FROM local/busybox\nCOPY . /out\nRUN ls -A /out > /out-list\n").expect("written");
    let request = Request { dockerfile: elsewhere.join("My.Dockerfile"), ..request(&directory) };
    let list = |image: &Image| {
        let all = files(image);
        let line = all.last().and_then(|layer| layer.iter().find(|line| line.contains("out-list"))).expect("there").clone();
        line.split('"').nth(1).expect("content").replace("\\n", " ")
    };
    let image = build(address, &request, store, &Silent).expect("built");
    assert_eq!(list(&image), ".dockerignore big left src src-b ");
    let log = Log::default();
    build(address, &request, store, &log).expect("built");
    assert!(log.has("ended [3/3] RUN ls -A /out > /out-list true"), "{:?}", log.0);

    fs::write(directory.join("new"), "n").expect("written");
    assert_eq!(list(&build(address, &request, store, &Silent).expect("built")), ".dockerignore big left new src src-b ");
    fs::write(elsewhere.join("My.Dockerfile.dockerignore"), "src\nbig\n").expect("written");
    assert_eq!(list(&build(address, &request, store, &Silent).expect("built")), ".dockerignore left new src-b ");
    let log = Log::default();
    build(address, &Request { use_cache: false, ..request }, store, &log).expect("built");
    assert!(log.has("ended [3/3] RUN ls -A /out > /out-list false"), "{:?}", log.0);
}

fn failures(engine: &Engine, address: &Address, store: &Store) {
    let directory = engine.path("context");
    let failing = |dockerfile: &str| {
        fs::write(directory.join("Dockerfile"), dockerfile).expect("written");
        build(address, &request(&directory), store, &Silent).expect_err(dockerfile).to_string()
    };
    let error = failing("FROM local/busybox\nRUN echo one two three; false\n");
    assert!(error.contains("exit code: 1") && error.ends_with("\n  one two three"), "{error}");
    let error = failing("FROM local/busybox\nCOPY nothing /\n");
    assert!(error.contains("nothing"), "{error}");
    let error = failing("FROM local/busybox\nBAKE cake\n");
    assert!(error.contains("unknown instruction: BAKE"), "{error}");
    let error = failing("FROM local/busybox\nRUN --mount=type=secret,id=other,required=true true\n");
    assert!(error.contains("other"), "{error}");
    let missing = Request { dockerfile: directory.join("nowhere"), ..request(&directory) };
    let error = build(address, &missing, store, &Silent).expect_err("no such file");
    assert!(error.to_string().ends_with("context/nowhere: No such file or directory (os error 2)"), "{error}");
    let secrets = vec![Secret { id: "key".to_owned(), source: SecretSource::File("/nowhere".into()) }];
    let error = build(address, &Request { secrets, ..request(&directory) }, store, &Silent).expect_err("no such file");
    assert!(matches!(error, Error::Secret { .. }), "{error}");
}

#[test]
fn nobody_there_is_said_so() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("Dockerfile"), "FROM scratch\n").expect("written");
    let store = Store::open(&directory.path().join("store")).expect("a store");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = listener.local_addr().expect("an address");
    // Answers, but does not speak gRPC.
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|mut stream| drop(std::io::Write::write_all(&mut stream, b"HTTP/1.1 404 Not Found\r\n\r\n")))
    });
    let socket = directory.path().join("none.sock").display().to_string();
    for address in [
        Address::parse(&format!("unix://{socket}")).expect("an address"),
        Address::parse(&format!("tcp://{busy}")).expect("an address"),
        Address::docker(Some(&format!("unix://{socket}"))).expect("an address"),
        Address::docker(Some(&format!("tcp://{busy}"))).expect("an address"),
    ] {
        let error = build(&address, &request(directory.path()), &store, &Silent).expect_err("nobody");
        assert!(matches!(error, Error::Unreachable { .. }) && error.to_string().contains(&address.to_string()), "{error}");
    }
}
