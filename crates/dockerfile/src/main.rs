//! The engine alone, for its tests and benchmarks; users have `pith`.
//!
//! `pith-dockerfile CACHE CONTEXT [IMAGE=TAR]...` builds `CONTEXT/Dockerfile` for this machine, tells its steps on standard error, and prints one
//! line per layer: digest, archive. `SOURCE_DATE_EPOCH` counts.
#![forbid(unsafe_code)]

use pith_dockerfile::cache::Cache;
use pith_dockerfile::engine::report::{Event, Reporter};
use pith_dockerfile::engine::{BuildError, Cancel, Fetch, Fetched, Helpers, Images, Request, build};
use pith_dockerfile::plan::Inputs;
use pith_dockerfile::worker::{Commands, run_if_asked};
use pith_image::spec::ImageConfig;
use pith_image::{Algorithm, Compression, Digest, Image, Layer, Platform};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Images of one uncompressed layer, by name.
struct Archives(Vec<(String, PathBuf)>);

impl Images for Archives {
    fn resolve(&self, name: &str, platform: &Platform) -> Result<Image, (String, Option<String>)> {
        let failed = |error: io::Error| (format!("{name}: {error}"), None);
        let (_, blob) =
            self.0.iter().find(|(known, _)| known == name).ok_or_else(|| (format!("{name} is not among the arguments"), None))?;
        // The digest of a large archive takes a while; it is kept beside it.
        let note = blob.with_extension("digest");
        let noted = std::fs::read_to_string(&note).ok().and_then(|text| text.trim().parse::<Digest>().ok());
        let diff_id = match noted {
            Some(digest) => digest,
            None => Digest::of_reader(Algorithm::Sha256, File::open(blob).map_err(failed)?).map_err(failed)?.0,
        };
        // A directory that cannot be written to only costs time.
        let _ = std::fs::write(&note, diff_id.to_string());
        let size = blob.metadata().map_err(failed)?.len();
        let mut config = ImageConfig::scratch(platform.clone());
        config.rootfs.diff_ids = vec![diff_id.clone()];
        Ok(Image {
            config,
            layers: vec![Layer { blob: blob.clone(), digest: diff_id.clone(), diff_id, compression: Compression::Plain, size }],
        })
    }
}

/// No server is asked.
struct Offline;

impl Fetch for Offline {
    fn fetch(&self, _url: &str) -> Result<Fetched, String> {
        Err("this program fetches nothing".to_owned())
    }
}

/// One line per event.
struct Lines;

impl Reporter for Lines {
    fn event(&self, event: Event<'_>) {
        let text = match event {
            Event::Warning(warning) => format!("warning: {}:{}: {}", warning.line, warning.column, warning.message),
            Event::Started { step, title } => format!("#{step} {title}"),
            Event::Output { step, line, .. } => format!("#{step} {}", String::from_utf8_lossy(line)),
            Event::Finished { step, cached } => format!("#{step} {}", if cached { "CACHED" } else { "DONE" }),
            Event::Failed { step } => format!("#{step} ERROR"),
        };
        // Whoever closed standard error does not want to know.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let [cache, context, images @ ..] = args else { return Err("usage: pith-dockerfile CACHE CONTEXT [IMAGE=TAR]...".to_owned()) };
    let images = images.iter().filter_map(|arg| arg.split_once('=')).map(|(name, path)| (name.to_owned(), path.into())).collect();
    let context = PathBuf::from(context);
    let epoch_s = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let inputs = Inputs { build_args: Vec::new(), target: None, platform: Platform::host(), secrets: Vec::new(), ssh: Vec::new(), epoch_s };
    let request = Request { dockerfile: context.join("Dockerfile"), context, inputs, no_cache: false };
    let commands = Commands::new("/proc/self/exe".as_ref());
    let helpers = Helpers { images: &Archives(images), fetch: &Offline, commands: &commands, reporter: &Lines, cancel: &Cancel::default() };
    let cache = Cache::open(cache.as_ref()).map_err(|error| error.to_string())?;
    let image = build(&request, &cache, &helpers).map_err(|error| match error {
        BuildError::Problem(problem) => {
            format!("{}:{}: {problem}\n{}", problem.line, problem.column, problem.help_text().unwrap_or_default())
        }
        other => other.to_string(),
    })?;
    let mut out = io::stdout().lock();
    image.layers.iter().try_for_each(|layer| writeln!(out, "{} {}", layer.diff_id, layer.blob.display())).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = run_if_asked(&args) {
        return code;
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}
