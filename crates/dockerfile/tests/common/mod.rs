//! A build in a directory of its own, and a look at what came out.
#![allow(dead_code, reason = "each test program uses a part")]

use pith_dockerfile::cache::Cache;
use pith_dockerfile::engine::report::{Event, Reporter};
use pith_dockerfile::engine::{BuildError, Cancel, Fetch, Fetched, Helpers, Images, Request, build};
use pith_dockerfile::plan::Inputs;
use pith_dockerfile::tree::{Node, Tree};
use pith_dockerfile::worker::Commands;
use pith_image::spec::ImageConfig;
use pith_image::{Compression, Digest, Image, Layer, Platform};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What was reported, in order.
#[derive(Default)]
pub struct Log {
    pub titles: Mutex<BTreeMap<usize, String>>,
    pub cached: Mutex<BTreeMap<String, bool>>,
    pub output: Mutex<Vec<String>>,
    pub warnings: Mutex<Vec<String>>,
}

impl Reporter for Log {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Warning(warning) => self.warnings.lock().unwrap().push(format!("{}: {}", warning.line, warning.message)),
            Event::Started { step, title } => drop(self.titles.lock().unwrap().insert(step, title.to_owned())),
            Event::Output { line, .. } => self.output.lock().unwrap().push(String::from_utf8_lossy(line).into_owned()),
            Event::Finished { step, cached } => {
                let title = self.titles.lock().unwrap()[&step].clone();
                self.cached.lock().unwrap().insert(title.split_once("] ").unwrap().1.to_owned(), cached);
            }
            Event::Failed { .. } => {}
        }
    }
}

/// Images by name.
#[derive(Default)]
pub struct Local(pub BTreeMap<String, Image>);

impl Images for Local {
    fn resolve(&self, name: &str, _platform: &Platform) -> Result<Image, (String, Option<String>)> {
        self.0.get(name).cloned().ok_or_else(|| (format!("the image {name} is not there"), None))
    }
}

/// Answers `http://test/NAME` with the file NAME of a directory.
pub struct Files(pub PathBuf);

impl Fetch for Files {
    fn fetch(&self, url: &str) -> Result<Fetched, String> {
        let name = url.strip_prefix("http://test/").ok_or("no such host")?;
        let file = File::open(self.0.join(name)).map_err(|error| error.to_string())?;
        Ok(Fetched { body: Box::new(file), modified_s: Some(1_000_000_000) })
    }
}

/// A project directory with a cache beside it.
pub struct Project {
    pub directory: tempfile::TempDir,
    pub images: Local,
    pub request: Request,
    pub commands: Commands,
}

pub fn inputs() -> Inputs {
    Inputs { build_args: Vec::new(), target: None, platform: Platform::host(), secrets: Vec::new(), ssh: Vec::new(), epoch_s: None }
}

impl Project {
    /// A Dockerfile and files of the context; a name that ends in a slash is a directory.
    pub fn new(dockerfile: &str, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let context = directory.path().join("context");
        fs::create_dir(&context).unwrap();
        let request = Request { dockerfile: context.join("Dockerfile"), context, inputs: inputs(), no_cache: false };
        let project =
            Self { directory, images: Local::default(), request, commands: Commands::new(env!("CARGO_BIN_EXE_pith-dockerfile").as_ref()) };
        project.write("Dockerfile", dockerfile);
        files.iter().for_each(|(name, text)| project.write(name, text));
        project
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.request.context.join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn cache(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    pub fn run(&self) -> (Result<Image, BuildError>, Log) {
        let log = Log::default();
        let cache = Cache::open(&self.cache()).unwrap();
        let fetch = Files(self.request.context.clone());
        let helpers = Helpers { images: &self.images, fetch: &fetch, commands: &self.commands, reporter: &log, cancel: &Cancel::default() };
        (build(&self.request, &cache, &helpers), log)
    }

    pub fn image(&self) -> Image {
        let (result, log) = self.run();
        result.unwrap_or_else(|error| panic!("{}{}", log.output.lock().unwrap().join("\n"), explain(&error)))
    }

    /// The complaint, as a user sees it, without this test's directory.
    pub fn error(&self) -> String {
        let text = explain(&self.run().0.expect_err("the build should fail"));
        text.replace(&self.directory.path().display().to_string(), "")
    }
}

pub fn explain(error: &BuildError) -> String {
    match error {
        BuildError::Problem(problem) => format!(
            "{}:{}: {problem}{}",
            problem.line,
            problem.column,
            problem.help_text().map(|help| format!(" ({help})")).unwrap_or_default()
        ),
        other => other.to_string(),
    }
}

/// The files of an image.
pub fn tree(image: &Image) -> Tree {
    let mut tree = Tree::default();
    image.layers.iter().for_each(|layer| tree.apply(&layer.blob).unwrap());
    tree
}

/// One line per file: mode, owner, name, and what is in it or where it points.
pub fn list(image: &Image) -> Vec<String> {
    let tree = tree(image);
    tree.below(b"")
        .map(|(name, entry)| {
            let what = match &entry.node {
                Node::Directory => "/".to_owned(),
                Node::Symlink(target) => format!(" -> {}", String::from_utf8_lossy(target)),
                Node::File { .. } => {
                    let mut text = String::new();
                    std::io::Read::read_to_string(&mut entry.open().unwrap(), &mut text).unwrap();
                    format!(" = {text:?}")
                }
                other => format!(" {other:?}"),
            };
            format!("{:o} {}:{} {}{what}", entry.mode, entry.uid, entry.gid, String::from_utf8_lossy(name))
        })
        .collect()
}

/// An image of one uncompressed layer.
pub fn image_of(tar: &Path, config: ImageConfig) -> Image {
    let (digest, size) = Digest::of_reader(pith_image::Algorithm::Sha256, File::open(tar).unwrap()).unwrap();
    let layer = Layer { blob: tar.to_owned(), digest: digest.clone(), diff_id: digest.clone(), compression: Compression::Plain, size };
    let mut config = config;
    config.rootfs.diff_ids = vec![digest];
    Image { config, layers: vec![layer] }
}

/// The Debian that `tests/fixtures/base.sh` makes, made now if it is not there: about 80 seconds, once.
pub fn debian() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let place = workspace.join("target/fixtures/base");
    let status = std::process::Command::new(workspace.join("tests/fixtures/base.sh")).arg(&place).status().unwrap();
    assert!(status.success(), "tests/fixtures/base.sh failed; tools/setup.sh installs what it needs");
    place.join("debian.tar").canonicalize().unwrap()
}

impl Project {
    /// A project whose Dockerfile may say `FROM debian:12`.
    pub fn on_debian(dockerfile: &str, files: &[(&str, &str)]) -> Self {
        static BASE: std::sync::OnceLock<Image> = std::sync::OnceLock::new();
        let image = BASE.get_or_init(|| image_of(&debian(), ImageConfig::scratch(Platform::host())));
        let mut project = Self::new(dockerfile, files);
        project.images.0.insert("debian:12".to_owned(), image.clone());
        // Layers of the base are unpacked once for all tests, on the file system that the projects are on: what a command changes is moved there.
        let user = fs::metadata("/proc/self").unwrap().uid();
        let shared = std::env::temp_dir().join(format!("pith-test-unpacked-{user}"));
        fs::create_dir_all(&shared).unwrap();
        fs::create_dir_all(project.cache()).unwrap();
        std::os::unix::fs::symlink(shared, project.cache().join("unpacked")).unwrap();
        project
    }
}
