//! A Docker engine of our own: in a network namespace of its own, so that nothing of this machine's network changes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Debian's client; others on this machine may lack BuildKit.
const CLIENT: &str = "/usr/bin/docker";

/// Ended when dropped.
pub struct Engine {
    process: Child,
    namespace: String,
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
        let namespace = format!("pith-test-{}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &namespace]));
        run(Command::new("ip").args(["netns", "exec", &namespace, "ip", "link", "set", "lo", "up"]));
        let path = |name: &str| directory.path().join(name).display().to_string();
        fs::write(path("daemon.json"), "{}").expect("written");
        let log = fs::File::create(path("log")).expect("a file");
        // `ip netns exec` would also mount /sys anew, and dockerd misses its control groups then.
        let process = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{namespace}"))
            .args(["dockerd", "--config-file", &path("daemon.json"), "--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(["--pidfile", &path("pid"), "-H", &format!("unix://{}", path("docker.sock"))])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nsenter");
        let mut engine = Self { process, namespace, directory };
        // It has no way to tell when it is ready; asking is the documented way.
        while !engine.docker(&["version"]).output().expect("docker").status.success() {
            if let Some(status) = engine.process.try_wait().expect("a child") {
                let log = fs::read_to_string(engine.path("log")).expect("readable");
                panic!("dockerd: {status}\n{log}");
            }
            std::thread::yield_now();
        }
        Some(engine)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    pub fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CLIENT);
        command.args(arguments).env("DOCKER_HOST", self.host()).env("DOCKER_BUILDKIT", "1").env("DOCKER_CONFIG", self.path("client"));
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
        // Asked to end, it unmounts what it has mounted and ends containerd.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
        let _ = Command::new("ip").args(["netns", "delete", &self.namespace]).status();
    }
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
