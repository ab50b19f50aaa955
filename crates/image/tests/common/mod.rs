//! Images to test with, made from nothing, and a real registry to keep them in.
#![allow(dead_code)]

use pith_image::spec::{History, ImageConfig};
use pith_image::{Compression, CredentialFiles, Digest, Event, Image, Images, Layer, Platform, Reference, Reporter, Settings, Store};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A directory with a store in it.
pub struct Place {
    pub directory: TempDir,
    pub store: Store,
}

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("store")).expect("a store");
        Self { directory, store }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Images without any configuration of this machine's user.
    pub fn images(&self, settings: Settings) -> (Images, Arc<Log>) {
        let log = Arc::new(Log::default());
        (Images::new(self.store.clone(), settings, log.clone()), log)
    }
}

/// Without credentials, and impatient.
pub fn settings() -> Settings {
    Settings { credential_files: CredentialFiles::default(), retry_delay: Duration::from_millis(1), ..Settings::default() }
}

/// What was reported, in short.
#[derive(Default)]
pub struct Log(Mutex<Vec<String>>);

impl Reporter for Log {
    fn event(&self, event: Event<'_>) {
        let line = match event {
            Event::Resolving { reference, mapped_to } => format!("resolving {reference} {}", mapped_to.unwrap_or_default()),
            Event::Present { .. } => "present".to_owned(),
            Event::Transfer { done, total, .. } => format!("transfer {done}/{total}"),
            Event::Done { .. } => "done".to_owned(),
            Event::Retry { problem, .. } => format!("retry {problem}"),
        };
        self.0.lock().expect("not poisoned").push(line);
    }
}

impl Log {
    pub fn count(&self, start: &str) -> usize {
        self.0.lock().expect("not poisoned").iter().filter(|line| line.starts_with(start)).count()
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").clone()
    }
}

pub fn reference(text: &str) -> Reference {
    text.parse().expect("a name")
}

pub fn amd64() -> Platform {
    Platform::new("linux", "amd64")
}

/// A tar archive with these files.
pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content).expect("memory");
    }
    archive.into_inner().expect("memory")
}

pub fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Plain => bytes.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).expect("memory");
            encoder.finish().expect("memory")
        }
        Compression::Zstd => ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest),
    }
}

/// Bytes that do not compress, the same each time.
pub fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(size).collect()
}

/// An image of two layers, the upper one of `size` bytes, whose files lie in `directory`.
pub fn make_image(directory: &Path, platform: Platform, size: usize, compression: Compression) -> Image {
    fs::create_dir_all(directory).expect("a directory");
    let mut config = ImageConfig::scratch(platform);
    config.config.env = vec!["PATH=/bin".to_owned()];
    config.config.cmd = Some(vec!["/hello".to_owned()]);
    let seed = size as u64 + compression as u64;
    let contents = [tar_of(&[("etc/name", b"base\n")]), tar_of(&[("hello", &noise(size, seed))])];
    let mut layers = Vec::new();
    for content in contents {
        let bytes = compress(compression, &content);
        let (digest, diff_id) = (Digest::of(&bytes), Digest::of(&content));
        let blob = directory.join(digest.hex());
        fs::write(&blob, &bytes).expect("written");
        config.rootfs.diff_ids.push(diff_id.clone());
        config.history.push(History { created_by: Some("test".to_owned()), ..History::default() });
        layers.push(Layer { blob, digest, diff_id, compression, size: bytes.len() as u64 });
    }
    Image { config, layers }
}

/// Both images have the same configuration and the same bytes in their layers' files.
#[track_caller]
pub fn assert_same(one: &Image, other: &Image) {
    assert_eq!(one.config, other.config);
    assert_eq!(one.layers.len(), other.layers.len());
    for (one, other) in one.layers.iter().zip(&other.layers) {
        assert_eq!((&one.digest, &one.diff_id, one.size, one.compression), (&other.digest, &other.diff_id, other.size, other.compression));
        assert_eq!(fs::read(&one.blob).expect("readable"), fs::read(&other.blob).expect("readable"));
    }
}

/// Debian's registry on a free port of this machine. Ended when dropped.
pub struct Registry {
    process: Child,
    pub address: String,
    directory: TempDir,
}

/// What it wants to know from whoever asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    Open,
    /// `user` and `secret`.
    Password,
    /// A certificate that it signed itself.
    Tls,
}

impl Registry {
    pub fn start(guard: Guard) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name).display().to_string();
        let mut config =
            format!("version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {:?}}}\nhttp:\n  addr: 127.0.0.1:0\n", path("data"));
        match guard {
            Guard::Open => {}
            Guard::Password => {
                fs::write(path("users"), output(Command::new("htpasswd").args(["-Bbn", "user", "secret"]))).expect("written");
                config.push_str(&format!("auth:\n  htpasswd: {{realm: test, path: {:?}}}\n", path("users")));
            }
            Guard::Tls => {
                let (key, certificate) = (path("key"), path("certificate"));
                let arguments =
                    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test"];
                output(Command::new("openssl").args(arguments).args(["-keyout", &key, "-out", &certificate]));
                config.push_str(&format!("  tls: {{certificate: {certificate:?}, key: {key:?}}}\n"));
            }
        }
        fs::write(path("config.yml"), config).expect("written");
        // Killed with the test's thread, however that ends.
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "docker-registry", "serve", &path("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("setpriv");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let address = lines.by_ref().map(|line| line.expect("text")).find_map(|line| {
            let start = line.find("listening on ")? + "listening on ".len();
            line.get(start..)?.split(['"', ',', ' ']).next().map(ToOwned::to_owned)
        });
        // It must not stop at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address: address.expect("docker-registry is installed, and says where it listens"), directory }
    }

    pub fn image(&self, name: &str) -> Reference {
        reference(&format!("{}/{name}", self.address))
    }

    /// Where a blob lies.
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.directory.path().join("data/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a command prints, which has to succeed.
#[track_caller]
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
pub fn skopeo(arguments: &[&str]) -> String {
    output(Command::new("skopeo").arg("--insecure-policy").args(arguments))
}
