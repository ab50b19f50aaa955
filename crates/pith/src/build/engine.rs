//! The built-in engine, with everything it needs from the rest of the program.

use super::inputs::{SecretSource, build_args, secrets, ssh_agents};
use super::steps::Steps;
use super::{Build, images};
use crate::error::{Error, Result};
use pith_dockerfile::cache::Cache;
use pith_dockerfile::engine::{Cancel, Fetch, Fetched, Helpers, Images, Request, build};
use pith_dockerfile::plan::{self, Inputs};
use pith_dockerfile::worker::Commands;
use pith_image::{Image, Platform, PullPolicy, Source};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// How often a build looks whether it was asked to stop.
const TICK: Duration = Duration::from_millis(50);

/// Base images.
struct Bases {
    images: pith_image::Images,
    policy: PullPolicy,
}

impl Images for Bases {
    fn resolve(&self, name: &str, platform: &Platform) -> std::result::Result<Image, (String, Option<String>)> {
        let told = |error: pith_image::Error| {
            let error = Error::from(error);
            (error.message().to_owned(), error.help().map(ToOwned::to_owned))
        };
        let reference = name.parse().map_err(|error: pith_image::ReferenceError| (error.to_string(), None))?;
        self.images.get(&Source::Named(reference), platform, self.policy).map_err(told)
    }
}

/// Files from servers.
struct Downloads;

impl Fetch for Downloads {
    fn fetch(&self, url: &str) -> std::result::Result<Fetched, String> {
        let download = pith_image::download(url)?;
        let modified = download.modified.and_then(|text| httpdate::parse_http_date(&text).ok());
        let modified_s = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs());
        Ok(Fetched { body: download.body, modified_s })
    }
}

/// Passes Ctrl-C and SIGTERM on to a build, until it is dropped.
struct Interrupts {
    ids: Vec<signal_hook::SigId>,
    asked: Arc<AtomicBool>,
}

impl Interrupts {
    fn new() -> std::io::Result<Self> {
        let mut interrupts = Self { ids: Vec::new(), asked: Arc::default() };
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
            interrupts.ids.push(signal_hook::flag::register(signal, Arc::clone(&interrupts.asked))?);
        }
        Ok(interrupts)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

impl Build<'_> {
    /// Builds with the built-in engine.
    pub(super) fn build_here(&self, dockerfile: &Path, context: &Path) -> Result<Image> {
        let bases = Bases { images: images::open(self.settings, self.store, self.report)?, policy: self.arguments.pull.parse()? };
        let secret = |secret: super::inputs::Secret| plan::Secret {
            id: secret.id,
            source: match secret.source {
                SecretSource::File(path) => plan::SecretSource::File(path),
                SecretSource::Variable(name) => plan::SecretSource::Variable(name),
            },
        };
        let inputs = Inputs {
            build_args: build_args(self.arguments)?,
            target: self.arguments.build_target.clone(),
            platform: images::platform(),
            secrets: secrets(self.arguments)?.into_iter().map(secret).collect(),
            ssh: ssh_agents(self.arguments)?,
            epoch_s: std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok()),
        };
        let request = Request { dockerfile: dockerfile.to_owned(), context: context.to_owned(), inputs, no_cache: self.arguments.no_cache };
        let cache = Cache::open(&self.store.data().join("build")).map_err(|error| Error::new(error.to_string()))?;
        let commands = Commands::new(Path::new("/proc/self/exe"));
        let steps = Steps::new(self.report);
        let cancel = Cancel::default();
        let helpers = Helpers { images: &bases, fetch: &Downloads, commands: &commands, reporter: &steps, cancel: &cancel };
        let interrupts = Interrupts::new().map_err(|error| Error::new(format!("handling signals: {error}")))?;
        let done = AtomicBool::new(false);
        let built = std::thread::scope(|scope| {
            let (asked, cancel, done) = (&interrupts.asked, &cancel, &done);
            let watcher = scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    if asked.load(Ordering::SeqCst) {
                        cancel.cancel();
                        return;
                    }
                    std::thread::park_timeout(TICK);
                }
            });
            let built = build(&request, &cache, &helpers);
            done.store(true, Ordering::SeqCst);
            watcher.thread().unpark();
            built
        });
        Ok(built?)
    }
}
