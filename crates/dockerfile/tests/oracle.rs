//! The same Dockerfiles built by this engine and by Docker's BuildKit: the same files, the same configuration.
//!
//! Docker runs in namespaces of its own and with its own data, so nothing of it is left. Compared are path, type, mode, owner, link target, content,
//! capabilities (of extended attributes, `docker save` keeps no others), which names are one file, and the image's configuration; not times, and not
//! `ArgsEscaped`, which Docker sets for Windows' sake. Mount points that a command needs are made first: this old BuildKit leaves them behind, newer ones and we do not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Project, debian};
use pith_dockerfile::tree::{Entry, Node, Tree};
use pith_image::spec::ImageConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What every Dockerfile here copies from.
const CONTEXT: &str = r#"
mkdir -p dir/sub/deep empty secret "odd names" links
echo a > a.txt; echo b > b.txt; echo c > dir/c.txt; echo d > dir/sub/d.txt; echo e > dir/sub/deep/e.md; echo s > secret/key
echo 'odd' > "odd names/with blank"; echo 'odd' > "odd names/$(printf '\303\251')"
chmod 600 a.txt; chmod 4755 b.txt; chmod 700 dir/sub; chmod 1777 empty
ln -s ../a.txt links/file; ln -s ../dir links/dir; ln -s nowhere links/dangling; ln -s /etc/passwd links/absolute
echo h > links/h1; ln links/h1 links/h2; truncate -s 1M sparse; : > zero
mkdir -p t/in; echo x > t/in/f; chmod 2755 t/in; ln -s f t/in/s; ln t/in/f t/in/h
tar -C t --owner=5 --group=6 -cf t.tar in; gzip -k t.tar; bzip2 -k t.tar; xz -k t.tar; rm -r t
head -c 100 t.tar.gz > cut.gz; echo plain | gzip > plain.gz
mkdir -p -m 711 kept/in; chmod 711 kept; echo k > kept/in/k; echo n > kept/n
printf 'secret\n**/*.md\n!dir/sub/deep/e.md\nkept\n!kept/in/k\n' > .dockerignore
echo '#!/bin/sh' > run.sh; chmod 755 run.sh
cp run.sh caps; setcap cap_net_raw+ep caps
"#;

/// Name, Dockerfile.
const CASES: [(&str, &str); 37] = [
    ("file", "FROM scratch\nCOPY a.txt /x\nCOPY a.txt /d/\nCOPY a.txt b.txt /e/\n"),
    ("directory", "FROM scratch\nCOPY dir /x\nCOPY dir/ /y/\nCOPY dir/sub /x/new\n"),
    ("merge", "FROM scratch\nCOPY dir /x\nCOPY dir/sub /x\nCOPY odd* /x/\n"),
    ("whole context", "FROM scratch\nCOPY . /\n"),
    ("whole context in a directory", "FROM scratch\nCOPY . /app\nCOPY . .\n"),
    ("odd names", "FROM scratch\nCOPY [\"odd names\", \"/odd names\"]\nCOPY [\"odd names/with blank\", \"/b l/\"]\n"),
    ("wildcards", "FROM scratch\nCOPY *.txt /w/\nCOPY d?r/[a-c].txt /v/\nCOPY dir/* /u/\nCOPY nothing* /t/\n"),
    ("links", "FROM scratch\nCOPY links /l\nCOPY links/file /f\nCOPY links/dir /d\n"),
    ("chown", "FROM scratch\nCOPY --chown=1:2 dir /x/y\nCOPY --chown=3 a.txt /z/a\nADD --chown=4:5 t.tar /t\n"),
    ("chmod", "FROM scratch\nCOPY --chmod=640 dir /x\nCOPY --chmod=0755 a.txt /a\n"),
    ("attributes and sizes", "FROM scratch\nCOPY sparse zero /\nCOPY caps /a/\nCOPY --chown=1:1 caps /b/\n"),
    ("add archives", "FROM scratch\nADD t.tar /a\nADD t.tar.gz /b/\nADD t.tar.bz2 t.tar.xz /c/\nADD plain.gz a.txt /d/\nCOPY t.tar /e/\n"),
    ("add directory", "FROM scratch\nADD dir /x\nADD . /y/\n"),
    ("workdir", "FROM scratch\nWORKDIR /a/b\nCOPY a.txt .\nWORKDIR c\nCOPY a.txt ./x\nCOPY a.txt ../y\n"),
    (
        "stages",
        "FROM scratch AS one\nCOPY dir /d\nFROM scratch AS two\nCOPY --from=one /d/c.txt /c\nCOPY --from=0 /d/sub/ /s/\nFROM two\nCOPY a.txt /\n",
    ),
    (
        "from debian",
        "FROM debian:12 AS b\nFROM scratch\nCOPY --from=b /etc/passwd /usr/bin/passwd /x/\nCOPY --from=b /bin/sh /lib64 /y/\nCOPY --from=b /usr/share/base-files /z\nCOPY --from=debian:12 /etc/os-release /\n",
    ),
    (
        "into debian",
        "FROM debian:12\nCOPY a.txt /bin/\nCOPY dir /lib\nCOPY a.txt /tmp/x\nCOPY dir /root/d\nCOPY --chown=daemon:games a.txt /var/tmp/\nCOPY --chown=www-data b.txt /b\n",
    ),
    (
        "environment",
        "FROM scratch\nENV A=1 B=\"x y\" C=a\\ b\nENV A=2 D=$A E=${A}x F=${N:-def} G=${A:+alt} H='$A' I=\\$A\nENV old some  text $A\nLABEL k=$A \"q\"='s' m=\"a\\\nb\"\nCOPY zero /\n",
    ),
    (
        "arguments",
        "ARG V=12\nARG U\nFROM debian:$V\nARG V\nARG L=l$V\nARG U=u\nENV R=$V-$L-$U-$TARGETARCH\nARG TARGETARCH\nENV S=$TARGETARCH\nCOPY ${L:+a.txt} /$L\n",
    ),
    ("commands", "FROM scratch\nENTRYPOINT [\"/x\", \"$A\"]\nCMD [\"y\"]\nCOPY zero /\n"),
    ("shell commands", "FROM debian:12\nCMD echo $HOME && x\nENTRYPOINT exec  y\n"),
    ("entrypoint clears", "FROM debian:12 AS a\nCMD [\"x\"]\nFROM a\nENTRYPOINT [\"y\"]\n"),
    ("shell", "FROM debian:12\nSHELL [\"/bin/bash\", \"-ec\"]\nRUN [[ a == a ]] && echo $0 > /shell\nCMD x y\n"),
    (
        "configuration",
        "FROM scratch\nUSER me:you\nEXPOSE 80 443/tcp 53/udp 9000-9002\nVOLUME /a /b c\nVOLUME [\"/d e\"]\nSTOPSIGNAL SIGINT\nHEALTHCHECK --interval=30s --timeout=5s --start-period=1m --retries=4 CMD [\"x\", \"y\"]\nONBUILD COPY . /x\nCOPY zero /\n",
    ),
    ("health check", "FROM scratch\nHEALTHCHECK CMD curl x || exit 1\nMAINTAINER me <me@example.com>\nCOPY zero /\n"),
    ("no health check", "FROM scratch AS a\nHEALTHCHECK CMD x\nFROM a\nHEALTHCHECK NONE\nCOPY zero /\n"),
    ("onbuild", "FROM scratch AS a\nONBUILD COPY a.txt /a\nONBUILD ENV X=1\nFROM a\nENV Y=$X\nWORKDIR /z\n"),
    (
        "run",
        "FROM debian:12\nRUN echo x > /x && mkdir -m 750 /d && chown 7:8 /d && ln /x /d/y && ln -s x /z && mkfifo /p && chmod 6755 /x\n",
    ),
    (
        "run and remove",
        "FROM debian:12\nCOPY dir /d\nRUN rm -r /d/sub /etc/debian_version && rm -r /usr/share/base-files && mkdir /usr/share/base-files && touch /usr/share/base-files/new && mv /d/c.txt /d/moved\nRUN mv /d /e\n",
    ),
    (
        "run as user",
        "FROM debian:12\nRUN mkdir -m 777 /w\nWORKDIR /w\nUSER games\nRUN id > id; echo $HOME > home; pwd > pwd; umask > umask; env | grep -v ^SHLVL | sort > env\nWORKDIR /w/new\nUSER 1234\nRUN id -u > /w/number; id -g >> /w/number; id -G >> /w/number\nUSER 1:2\nRUN id -G > /w/both\nWORKDIR /w/mine/deep\nUSER 77\nWORKDIR /w/seven\n",
    ),
    (
        "run environment",
        "FROM debian:12\nARG A=arg\nARG B=arg\nENV B=env C=\"x y\"\nRUN echo \"$A $B $C $D\" > /out; hostname > /host; cat /proc/1/comm >> /host\nRUN env | grep -v ^SHLVL= | sort > /env\n",
    ),
    ("run exec form", "FROM debian:12\nRUN [\"/bin/sh\", \"-c\", \"echo '$HOME' \\\"$HOME\\\" > /x\"]\nRUN [\"touch\", \"/a b\"]\n"),
    (
        "run mounts",
        "# syntax is built in\nFROM debian:12 AS a\nRUN echo tool > /tool\nFROM debian:12\nRUN mkdir -p /c/d /m /ctx /t && touch /t/tool\nRUN --mount=type=bind,target=/ctx --mount=from=a,src=/tool,target=/t/tool cat /ctx/a.txt /t/tool > /seen; ls /ctx /ctx/dir/sub >> /seen; stat -c '%a %u' /ctx/b.txt /ctx/dir/sub >> /seen\nRUN --mount=type=cache,target=/c/d,mode=0711,uid=5,gid=6 stat -c '%a %u %g' /c/d > /cache\nRUN --mount=type=tmpfs,target=/m touch /m/x\n",
    ),
    (
        "capabilities",
        "FROM debian:12 AS a\nRUN cp /bin/true /t && perl -e 'my ($p, $n, $c) = (\"/t\", \"security.capability\", pack(\"V5\", 0x02000001, 1<<13, 0, 0, 0)); syscall(188, $p, $n, $c, 20, 0) == 0 or die $!'\nFROM scratch\nCOPY --from=a /t /copied\nFROM a\nCOPY --from=1 /copied /again\n",
    ),
    (
        "run over links",
        "FROM debian:12\nRUN ln -s /usr/share /s && mkdir /usr/share/q\nCOPY a.txt /s/q/\nCOPY dir /s\nRUN cat /usr/share/q/a.txt > /s/q/b && rm /s/c.txt\n",
    ),
    (
        "continuation and comments",
        "FROM debian:12\n# comment\nRUN echo a \\\n  # inner\n  b \\\n\n  c > /x\nENV A=1 \\\n    B=2\nCOPY \\\n  a.txt \\\n  /y\n",
    ),
    (
        "platform and escape",
        "# escape=`\nFROM --platform=$BUILDPLATFORM debian:12\nRUN echo one `\n two > /x; echo 'C:\\d' >> /x\nENV P=C:\\x `\n Q=a\n",
    ),
];

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
        let mut daemon = Command::new("unshare")
            .args([
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
