//! The same Dockerfiles built by the built-in engine and by the BuildKit in Debian's Docker engine, spoken to as a BuildKit daemon: machines with the same
//! files and the same words.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../dockerfile/tests/common/cases.rs"]
mod cases;
mod common;
#[path = "../../buildkit/tests/common/mod.rs"]
mod engine;

use cases::{CASES, CONTEXT};
use common::Home;
use engine::{Engine, bridge, run};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every case ends with: something to run, whoever the image is for. The cases themselves are about files and the rest of the configuration.
const RUNNABLE: &str = "USER 0\nCOPY run.sh /runnable\nENTRYPOINT []\nCMD [\"/runnable\"]\n";

/// `debian:12` as files (`docker import` reads them) and as a layout.
fn debian() -> (PathBuf, PathBuf) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let place = workspace.join("target/fixtures/base");
    let made = Command::new(workspace.join("tests/fixtures/base.sh")).arg(&place).status().unwrap();
    assert!(made.success(), "tests/fixtures/base.sh failed; tools/setup.sh installs what it needs");
    let place = place.canonicalize().unwrap();
    (place.join("debian.tar"), place.join("debian"))
}

/// A home and an engine that know `debian:12`; `None` where no engine can be started.
fn start() -> Option<(Home, Engine)> {
    let engine = Engine::start()?;
    run(&mut engine.docker(&["import", debian().0.to_str().unwrap(), "debian:12"]));
    Some((Home::new(), engine))
}

/// `pith create` with these flags for the project, with the outside world it needs.
fn create(home: &Home, name: &str, flags: &[&str]) -> Command {
    let words = [&["create", "-W", "--name", name], flags, &["project"]].concat();
    let mut command = home.command(&words);
    command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("PITH_IMAGE_MAP", format!("debian:12=oci:{}:12", debian().1.display()));
    command
}

#[track_caller]
fn created(home: &Home, mut command: Command, what: &str) {
    let done = home.finish(command.output().unwrap());
    assert_eq!(done.code, 0, "{what}: {}", done.err);
}

/// The files of a machine's archive: mode, owner, links, device and content. Times are the builder's own.
fn files(home: &Home, name: &str) -> BTreeMap<String, String> {
    let archive = fs::read(home.path(&format!("data/names/{name}/initrd.cpio"))).unwrap();
    let mut files = BTreeMap::new();
    // Several names of a file are told by the first of them.
    let mut first: BTreeMap<u64, String> = BTreeMap::new();
    let mut at = 0;
    loop {
        let field = |number: usize| {
            let start = at + 6 + 8 * number;
            u64::from_str_radix(std::str::from_utf8(&archive[start..start + 8]).unwrap(), 16).unwrap()
        };
        let (size, length) = (usize::try_from(field(6)).unwrap(), usize::try_from(field(11)).unwrap());
        let path = String::from_utf8_lossy(&archive[at + 110..at + 110 + length]).trim_end_matches('\0').to_owned();
        let data = (at + 110 + length).next_multiple_of(4);
        if path == "TRAILER!!!" {
            return files;
        }
        let content = &archive[data..data + size];
        let shown =
            if size < 200 { format!("{:?}", String::from_utf8_lossy(content)) } else { pith_image::Digest::of(content).to_string() };
        let links =
            if field(4) > 1 && field(1) & 0o170_000 == 0o100_000 { first.entry(field(0)).or_insert_with(|| path.clone()) } else { "" };
        // The last of a file's names carries its content.
        let content = if links.is_empty() { format!("{size} {shown}") } else { format!("same as {links}") };
        files.insert(path, format!("{:o} {}:{} {}:{} {content}", field(1), field(2), field(3), field(9), field(10)));
        at = (data + size).next_multiple_of(4);
    }
}

/// What the machine is, without what belongs to its name and its builder.
fn config(home: &Home, name: &str) -> serde_json::Value {
    let mut config = home.record(name)["config"].clone();
    config.as_object_mut().unwrap().remove("hostname");
    config
}

#[test]
fn a_buildkit_daemon_builds_what_the_built_in_engine_builds() {
    let Some((home, engine)) = start() else { return };
    let addresses = [bridge::unix(&engine, &home.path("buildkitd.sock")), bridge::tcp(&engine)];
    let project = home.path("project");
    fs::create_dir(&project).unwrap();
    assert!(Command::new("sh").args(["-ec", CONTEXT]).current_dir(&project).status().unwrap().success());
    let mut failed = Vec::new();
    for (index, (name, dockerfile)) in CASES.iter().enumerate() {
        fs::write(project.join("Dockerfile"), format!("{dockerfile}{RUNNABLE}")).unwrap();
        created(&home, create(&home, "ours", &["--builder", "builtin"]), name);
        created(&home, create(&home, "theirs", &["--buildkit-host", &addresses[index % 2]]), name);
        let (ours, theirs) = (files(&home, "ours"), files(&home, "theirs"));
        assert!(ours.contains_key("runnable") || ours.contains_key("./runnable"), "{name}: {:?}", ours.keys());
        for path in ours.keys().chain(theirs.keys()) {
            let (our, their) = (ours.get(path), theirs.get(path));
            if our != their {
                failed.push(format!("{name}: {path}: ours {our:?}, BuildKit's {their:?}"));
            }
        }
        let (ours, theirs) = (config(&home, "ours"), config(&home, "theirs"));
        if ours != theirs {
            failed.push(format!("{name}: ours {ours:#}, BuildKit's {theirs:#}"));
        }
        assert_eq!(home.pith(&["rm", "ours", "theirs"]).code, 0);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    // What it built is ours now: it keeps nothing.
    let images = String::from_utf8(run(&mut engine.docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]))).unwrap();
    assert_eq!(images, "debian:12\n");
}

#[test]
fn flags_reach_the_daemon_whatever_the_way_to_it() {
    let Some((home, engine)) = start() else { return };
    let port = bridge::tcp(&engine);
    let (host, number) = port.strip_prefix("tcp://").unwrap().split_once(':').unwrap();
    // `docker exec -i NAME buildctl dial-stdio` is how a daemon in a container is reached.
    let script = format!("#!/bin/sh\n[ \"$*\" = 'exec -i builder_0 buildctl dial-stdio' ] || exit 9\nexec busybox nc {host} {number}\n");
    fs::create_dir_all(home.path("bin")).unwrap();
    fs::write(home.path("bin/docker"), script).unwrap();
    fs::set_permissions(home.path("bin/docker"), fs::Permissions::from_mode(0o755)).unwrap();

    let agent = UnixListener::bind(home.path("agent")).unwrap();
    std::thread::spawn(move || {
        // Answers each question with its length, as an agent answers each with something.
        for stream in agent.incoming().flatten() {
            let mut question = String::new();
            BufReader::new(&stream).read_line(&mut question).unwrap();
            writeln!(&stream, "{} bytes", question.len()).unwrap();
        }
    });
    fs::write(home.path("key"), "open sesame").unwrap();
    fs::create_dir(home.path("project")).unwrap();
    let ask = "perl -MIO::Socket::UNIX -e '$a = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}) or die \"$!\"; print $a \"who\\n\"; print $a->getline'";
    let dockerfile = format!(
        "FROM debian:12 AS base\nARG WORD\nRUN echo $WORD >/word\nRUN --mount=type=secret,id=key cp /run/secrets/key /key\n\
         FROM base AS wanted\nRUN --mount=type=ssh {ask} >/agent\nRUN --mount=type=ssh,id=work {ask} >/work\nCMD [\"/bin/cat\"]\nFROM scratch\nCOPY nothing /\n"
    );
    fs::write(home.path("project/Dockerfile"), dockerfile).unwrap();
    let (default, work) = (format!("default={}", home.path("agent").display()), format!("work={}", home.path("agent").display()));
    let key = format!("id=key,src={}", home.path("key").display());
    let flags =
        ["--build-arg", "WORD=wood", "--build-secret", &key, "--build-ssh", &default, "--build-ssh", &work, "--build-target", "wanted"];
    let docker = engine.host();
    let ways: [(&str, Vec<&str>); 5] = [
        ("engine", vec!["--builder", "docker"]),
        ("tcp", vec!["--buildkit-host", &port]),
        ("container", vec!["--buildkit-host", "docker-container://builder_0"]),
        ("named", vec!["--builder", "buildkit"]),
        ("builtin", vec!["--builder", "builtin"]),
    ];
    for (name, way) in &ways {
        let mut command = create(&home, name, &[way.as_slice(), &flags, &["--no-cache"]].concat());
        command.env("PATH", format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", home.path("bin").display())).env("DOCKER_HOST", &docker);
        if *name == "named" {
            command.env("KRAFTKIT_BUILDKIT_HOST", &port);
        }
        created(&home, command, name);
        let files = files(&home, name);
        let content = |path: &str| files.iter().find(|(name, _)| name.trim_start_matches("./") == path).map(|(_, file)| file.clone());
        assert_eq!(content("word").unwrap(), "100644 0:0 0:0 5 \"wood\\n\"", "{name}");
        assert_eq!(content("key").unwrap().split_once(' ').unwrap().1, "0:0 0:0 11 \"open sesame\"", "{name}");
        for agent in ["agent", "work"] {
            assert_eq!(content(agent).unwrap(), "100644 0:0 0:0 8 \"4 bytes\\n\"", "{name}");
        }
    }
    // An agent that is needed and not lent is missed by name.
    fs::write(home.path("project/Dockerfile"), "FROM debian:12\nRUN --mount=type=ssh,required true\n").unwrap();
    let mut command = create(&home, "refused", &["--buildkit-host", &port]);
    let done = home.finish(command.output().unwrap());
    assert_eq!((done.code, done.out.as_str()), (125, ""));
    assert!(done.err.contains("no SSH agent \"default\" is lent to this build"), "{}", done.err);
}
