//! The same Dockerfiles built by this engine and by Docker's BuildKit: the same files, the same configuration.
//!
//! Docker runs in namespaces of its own and with its own data, so nothing of it is left. Compared are path, type, mode, owner, link target, content,
//! capabilities (of extended attributes, `docker save` keeps no others), which names are one file, and the image's configuration; not times, and not
//! `ArgsEscaped`, which Docker sets for Windows' sake. Mount points that a command needs are made first: this old BuildKit leaves them behind, newer ones and we do not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/cases.rs"]
mod cases;
mod common;

use cases::{CASES, CONTEXT};
use common::{Project, debian};
use pith_dockerfile::tree::{Entry, Node, Tree};
use pith_image::spec::ImageConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A Docker of this test's own.
struct Docker {
    daemon: Child,
    directory: tempfile::TempDir,
}

impl Docker {
    fn start() -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test starts a Docker daemon: run it as root");
        // On a disk: Docker stacks its layers there.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        // A socket's path is short.
        let socket = format!("/run/pith-oracle-{}.sock", std::process::id());
        let script = "ip link set lo up; exec dockerd \"$@\"";
        let mut daemon = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--net",
                "--pid",
                "--mount-proc",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                script,
                "sh",
                "--bridge=none",
                "--iptables=false",
            ])
            .args([
                "--data-root",
                &path("data"),
                "--exec-root",
                &path("exec"),
                "--pidfile",
                &path("pid"),
                "-H",
                &format!("unix://{socket}"),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = Vec::new();
        let mut lines = BufReader::new(daemon.stderr.take().unwrap()).lines();
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("dockerd ended:\n{}", log.join("\n"))).unwrap();
            if line.contains("API listen on") {
                break;
            }
            log.push(line);
        }
        std::thread::spawn(move || lines.for_each(drop));
        let docker = Self { daemon, directory };
        let imported = docker.client(&["import", &debian().display().to_string(), "debian:12"]).output().unwrap();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        docker
    }

    fn client(&self, args: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/docker");
        command
            .env("DOCKER_BUILDKIT", "1")
            .env("DOCKER_CONFIG", self.directory.path())
            .env("DOCKER_HOST", format!("unix:///run/pith-oracle-{}.sock", std::process::id()));
        command.args(args);
        command
    }

    /// Builds a context; the image's configuration and files.
    fn build(&self, context: &Path, name: &str) -> (ImageConfig, Tree, PathBuf) {
        let output = self.client(&["build", "--network=host", "--progress=plain", "-t", name]).arg(context).output().unwrap();
        assert!(output.status.success(), "docker build {name}: {}", String::from_utf8_lossy(&output.stderr));
        let saved = self.directory.path().join(name);
        fs::create_dir(&saved).unwrap();
        let mut save = self.client(&["save", name]).stdout(Stdio::piped()).spawn().unwrap();
        assert!(Command::new("tar").arg("-xC").arg(&saved).stdin(save.stdout.take().unwrap()).status().unwrap().success());
        assert!(save.wait().unwrap().success());
        let manifest: serde_json::Value = serde_json::from_slice(&fs::read(saved.join("manifest.json")).unwrap()).unwrap();
        let config = serde_json::from_slice(&fs::read(saved.join(manifest[0]["Config"].as_str().unwrap())).unwrap()).unwrap();
        let mut tree = Tree::default();
        for layer in manifest[0]["Layers"].as_array().unwrap() {
            tree.apply(&saved.join(layer.as_str().unwrap())).unwrap();
        }
        (config, tree, saved)
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = fs::remove_file(format!("/run/pith-oracle-{}.sock", std::process::id()));
    }
}

fn describe(entry: &Entry) -> String {
    let what = match &entry.node {
        Node::Directory => "directory".to_owned(),
        Node::Symlink(target) => format!("link to {}", String::from_utf8_lossy(target)),
        Node::File { size, .. } => {
            let (digest, _) = pith_image::Digest::of_reader(pith_image::Algorithm::Sha256, entry.open().unwrap()).unwrap();
            let mut text = String::new();
            if *size < 2000 {
                // Only to be read by who looks at a difference.
                let _ = std::io::Read::read_to_string(&mut entry.open().unwrap(), &mut text);
            }
            format!("file {size} {} {text:?}", digest.short())
        }
        other => format!("{other:?}"),
    };
    // A link's mode means nothing.
    let mode = if matches!(entry.node, Node::Symlink(_)) { 0o777 } else { entry.mode };
    format!("{what} {mode:o} {}:{} {:?}", entry.uid, entry.gid, entry.xattrs.get(b"security.capability".as_slice()))
}

/// Names that are one file, for each file with several.
fn groups(tree: &Tree) -> BTreeSet<Vec<String>> {
    let mut groups: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (name, entry) in tree.below(b"") {
        if let Node::File { inode, .. } = entry.node {
            groups.entry(inode).or_default().push(String::from_utf8_lossy(name).into_owned());
        }
    }
    groups.into_values().filter(|names| names.len() > 1).collect()
}

fn differences(ours: &Tree, theirs: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let names: BTreeSet<&[u8]> = ours.below(b"").chain(theirs.below(b"")).map(|(name, _)| name).collect();
    for name in names {
        let (our, their) = (ours.get(name).map(describe), theirs.get(name).map(describe));
        if our != their {
            found.push(format!("{}: ours {our:?}, Docker's {their:?}", String::from_utf8_lossy(name)));
        }
    }
    let (our, their) = (groups(ours), groups(theirs));
    found.extend(our.symmetric_difference(&their).map(|names| format!("hard links differ: {names:?}")));
    found
}

#[test]
fn docker_builds_the_same() {
    let docker = Docker::start();
    let mut failed = Vec::new();
    for (index, (name, dockerfile)) in CASES.iter().enumerate() {
        let project = Project::on_debian(dockerfile, &[]);
        let context = &project.request.context;
        assert!(Command::new("sh").args(["-ec", CONTEXT]).current_dir(context).status().unwrap().success());
        let image = project.image();
        let (mut config, theirs, saved) = docker.build(context, &format!("case{index}"));
        config.config.extra.remove("ArgsEscaped");
        let mut found = differences(&common::tree(&image), &theirs);
        if image.config.config != config.config {
            found.push(format!("configuration: ours {:#?}\nDocker's {:#?}", image.config.config, config.config));
        }
        if image.config.author.as_deref().unwrap_or_default() != config.author.as_deref().unwrap_or_default() {
            found.push(format!("author: ours {:?}, Docker's {:?}", image.config.author, config.author));
        }
        if !found.is_empty() {
            failed.push(format!("== {name}\n{}", found.join("\n")));
        }
        fs::remove_dir_all(saved).unwrap();
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
