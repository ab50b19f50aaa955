//! A Docker engine of our own: in namespaces of its own, so that nothing of this machine's network changes, and nothing of it stays when the test ends, however
//! that is.
#![allow(dead_code, reason = "not every test file uses every helper")]

pub mod bridge;
pub mod daemon;

use pith_buildkit::Request;
use pith_image::{Platform, Settings};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Debian's client; others on this machine may lack BuildKit.
const CLIENT: &str = "/usr/bin/docker";

/// Ended when dropped.
pub struct Engine {
    process: Child,
    pub directory: TempDir,
}

impl Engine {
    /// `None`, with a word on standard error, where there is no Docker engine or no right to start one.
    pub fn start() -> Option<Self> {
        if !Path::new("/usr/sbin/dockerd").exists() || !Path::new("/proc/self/ns/net").exists() || !is_root() {
            eprintln!("skipped: needs root and Debian's docker.io");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name).display().to_string();
        fs::write(path("daemon.json"), "{}").expect("written");
        let log = fs::File::create(path("log")).expect("a file");
        let notices = UnixDatagram::bind(path("notices")).expect("a socket");
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"])
            .args(["sh", "-c", "ip link set lo up; exec dockerd \"$@\"", "sh", "--config-file", &path("daemon.json")])
            .args(["--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")])
            .args(["-H", &format!("unix://{}", path("docker.sock"))])
            .env("NOTIFY_SOCKET", path("notices"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("setpriv");
        let engine = Self { process, directory };
        engine.until_ready(&notices);
        Some(engine)
    }

    /// It says `READY=1`, as services do (sd_notify(3)).
    fn until_ready(&self, notices: &UnixDatagram) {
        let end = self.process.stdout.as_ref().expect("piped");
        let limit = Timespec { tv_sec: 300, tv_nsec: 0 };
        let mut notice = [0; 4096];
        loop {
            let mut waited = [PollFd::new(notices, PollFlags::IN), PollFd::new(end, PollFlags::empty())];
            let found = poll(&mut waited, Some(&limit));
            if waited[0].revents().contains(PollFlags::IN) {
                let len = notices.recv(&mut notice).expect("a notice");
                if String::from_utf8_lossy(&notice[..len]).lines().any(|line| line == "READY=1") {
                    return;
                }
            } else if found != Err(Errno::INTR) {
                panic!("dockerd is not ready: {found:?}\n{}", fs::read_to_string(self.path("log")).expect("readable"));
            }
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    pub fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = client(&self.path("docker.sock"));
        command.args(arguments).env("DOCKER_CONFIG", self.path("client"));
        command
    }

    /// Makes the image `local/busybox` of Debian's static busybox.
    pub fn add_busybox(&self) {
        let busybox = fs::read("/bin/busybox").expect("busybox-static is installed");
        let mut archive = tar::Builder::new(Vec::new());
        for (name, mode, content) in
            [("bin/busybox", 0o755, &busybox[..]), ("etc/passwd", 0o644, b"root:x:0:0::/:/bin/sh\nuser:x:7:8::/:/bin/sh\n")]
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(mode);
            header.set_uid(0);
            header.set_gid(0);
            archive.append_data(&mut header, name, content).expect("memory");
        }
        for applet in ["sh", "cat", "echo", "ls", "mkdir", "chmod", "chown", "ln", "touch", "false", "id", "seq", "wc", "cp"] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            header.set_uid(0);
            header.set_gid(0);
            archive.append_link(&mut header, format!("bin/{applet}"), "busybox").expect("memory");
        }
        let archive = archive.into_inner().expect("memory");
        let mut import =
            self.docker(&["import", "-", "local/busybox"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("docker");
        import.stdin.take().expect("piped").write_all(&archive).expect("written");
        assert!(import.wait().expect("a child").success());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // With the first process of its namespaces goes everything in them; it has the other end of this pipe.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = self.process.stdout.take().map(|mut end| end.read_to_end(&mut Vec::new()));
    }
}

/// The Dockerfile of this directory, as it is.
pub fn request(context: &Path) -> Request {
    Request {
        context: context.to_owned(),
        dockerfile: context.join("Dockerfile"),
        build_args: BTreeMap::new(),
        target: None,
        secrets: Vec::new(),
        ssh_agents: BTreeMap::new(),
        platform: Platform::new("linux", "amd64"),
        use_cache: true,
        pull: false,
        settings: Settings::default(),
    }
}

/// Debian's client, for the engine at this socket.
pub fn client(socket: &Path) -> Command {
    let mut command = Command::new(CLIENT);
    command.env("DOCKER_HOST", format!("unix://{}", socket.display())).env("DOCKER_BUILDKIT", "1");
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

#[track_caller]
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
