//! Carries a plan out.
//!
//! [`build`] reads the Dockerfile, plans, and builds the needed stages side by side, each on a thread that waits for the stages it needs.
//! A stage is a chain of layers; `COPY`, `ADD` and `WORKDIR` make layers out of trees ([`copy`]) and need neither privileges nor a runtime,
//! `RUN` asks the worker.

mod archive;
mod copy;
mod error;
pub mod report;
mod run;
mod stage;

pub use error::BuildError;

use crate::cache::{Cache, Scratch};
use crate::lang;
use crate::plan::{self, Inputs};
use crate::tree::Tree;
use crate::tree::context::{self, HostError};
use crate::tree::ignore::Ignore;
use crate::worker::Commands;
use pith_image::{Image, Platform};
use report::{Event, Reporter};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Where base images come from.
pub trait Images: Sync {
    /// The image that a name means, for a platform, complete on this machine.
    ///
    /// # Errors
    /// What to tell the user, and what to do.
    fn resolve(&self, name: &str, platform: &Platform) -> Result<Image, (String, Option<String>)>;
}

/// A file from a server.
pub struct Fetched {
    /// Its bytes.
    pub body: Box<dyn Read + Send>,
    /// `Last-Modified`, in seconds since 1970.
    pub modified_s: Option<u64>,
}

/// Who fetches what `ADD` names by address.
pub trait Fetch: Sync {
    /// Gets a file.
    ///
    /// # Errors
    /// What to tell the user.
    fn fetch(&self, url: &str) -> Result<Fetched, String>;
}

/// What to build.
#[derive(Clone, Debug)]
pub struct Request {
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// The directory that `COPY` copies from.
    pub context: PathBuf,
    /// Arguments, target, platform, secrets.
    pub inputs: Inputs,
    /// What earlier builds made is not used (but what this one makes is kept).
    pub no_cache: bool,
}

/// Who helps with it.
pub struct Helpers<'h> {
    /// Base images.
    pub images: &'h dyn Images,
    /// Files from servers.
    pub fetch: &'h dyn Fetch,
    /// Commands.
    pub commands: &'h Commands,
    /// Progress.
    pub reporter: &'h dyn Reporter,
    /// How to stop it.
    pub cancel: &'h Cancel,
}

/// Stops a build from another thread: a signal handler's, for instance.
#[derive(Debug, Default)]
pub struct Cancel {
    stopped: AtomicBool,
    running: Mutex<BTreeMap<u32, rustix::process::Pid>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cancel {
    /// Asks the build to stop; commands that run are killed.
    pub fn cancel(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        for pid in lock(&self.running).values() {
            // One that has ended by itself is fine too.
            let _ = rustix::process::kill_process(*pid, rustix::process::Signal::KILL);
        }
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Notes a child that [`Cancel::cancel`] kills; it must be forgotten before it is waited for.
    pub(crate) fn running(&self, child: u32) {
        if let Some(pid) = i32::try_from(child).ok().and_then(rustix::process::Pid::from_raw) {
            lock(&self.running).insert(child, pid);
            if self.is_cancelled() {
                self.cancel();
            }
        }
    }

    pub(crate) fn forget(&self, child: u32) {
        lock(&self.running).remove(&child);
    }
}

/// What all stages of a build share.
struct Build<'b> {
    request: &'b Request,
    cache: &'b Cache,
    helpers: &'b Helpers<'b>,
    scratch: &'b Scratch,
    steps: AtomicUsize,
    context: Mutex<Option<Arc<Tree>>>,
    built: Mutex<BTreeMap<usize, Arc<stage::Built>>>,
    changed: Condvar,
    failed: AtomicBool,
}

/// The `.dockerignore` that counts: the Dockerfile's own, else the context's.
fn ignore(request: &Request) -> Result<Ignore, BuildError> {
    let mut own = request.dockerfile.clone().into_os_string();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), request.context.join(".dockerignore")] {
        match fs::read_to_string(&path) {
            Ok(text) => return Ignore::parse(&text).map_err(|error| BuildError::Ignore { path, error }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(BuildError::Read { path, source }),
        }
    }
    Ok(Ignore::default())
}

impl Build<'_> {
    /// The context, read when it is first needed.
    fn context(&self) -> Result<Arc<Tree>, BuildError> {
        let mut slot = lock(&self.context);
        if let Some(tree) = &*slot {
            return Ok(Arc::clone(tree));
        }
        let tree = Arc::new(context::read(&self.request.context, &ignore(self.request)?)?);
        *slot = Some(Arc::clone(&tree));
        Ok(tree)
    }

    /// Waits for a stage. `None`: it failed, or another one did.
    fn stage(&self, number: usize) -> Option<Arc<stage::Built>> {
        let mut built = lock(&self.built);
        loop {
            if let Some(stage) = built.get(&number) {
                return Some(Arc::clone(stage));
            }
            if self.failed.load(Ordering::SeqCst) {
                return None;
            }
            built = self.changed.wait(built).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, number: usize, result: Option<Arc<stage::Built>>) {
        let mut built = lock(&self.built);
        match result {
            Some(stage) => drop(built.insert(number, stage)),
            None => self.failed.store(true, Ordering::SeqCst),
        }
        self.changed.notify_all();
    }

    fn stopped(&self) -> bool {
        self.failed.load(Ordering::SeqCst) || self.helpers.cancel.is_cancelled()
    }
}

fn read(path: &Path) -> Result<String, BuildError> {
    let failed = |source| BuildError::Read { path: path.to_owned(), source };
    let bytes = fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count() + 1;
        failed(io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is not valid UTF-8; save the Dockerfile as UTF-8")))
    })
}

/// Builds an image. Its layers stay in the cache; nothing else is left behind.
///
/// # Errors
/// [`BuildError`]. What cannot be carried out is refused before anything runs.
pub fn build(request: &Request, cache: &Cache, helpers: &Helpers<'_>) -> Result<Image, BuildError> {
    let name = request.dockerfile.display().to_string();
    let mut file = lang::parse(&name, &read(&request.dockerfile)?)?;
    if !request.context.is_dir() {
        return Err(HostError { path: request.context.clone(), source: io::Error::from(io::ErrorKind::NotADirectory) }.into());
    }
    let needed = plan::needed(&file, &name, &request.inputs)?;
    let mut warnings = std::mem::take(&mut file.warnings);
    let resolve = |name: &str, platform: &Platform| helpers.images.resolve(name, platform).map(Arc::new);
    let stages = plan::plan_stages(&file, &needed, &request.inputs, &resolve, &mut warnings)?;
    for warning in &warnings {
        helpers.reporter.event(Event::Warning(warning));
    }
    cache.sweep(&|path| helpers.commands.remove(path))?;
    let scratch = cache.scratch()?;
    let shared = Build {
        request,
        cache,
        helpers,
        scratch: &scratch,
        steps: AtomicUsize::new(0),
        context: Mutex::new(None),
        built: Mutex::new(BTreeMap::new()),
        changed: Condvar::new(),
        failed: AtomicBool::new(false),
    };
    run::refuse(&stages, &shared)?;
    let mut errors = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = stages
            .iter()
            .map(|planned| {
                let shared = &shared;
                scope.spawn(move || {
                    let result = stage::build(shared, planned);
                    match result {
                        Ok(built) => {
                            shared.put(planned.number, built.map(Arc::new));
                            None
                        }
                        Err(error) => {
                            shared.put(planned.number, None);
                            Some(error)
                        }
                    }
                })
            })
            .collect();
        // A thread does not panic; should one, the build has failed without a reason to tell.
        errors.extend(threads.into_iter().filter_map(|thread| thread.join().ok().flatten()));
    });
    if helpers.cancel.is_cancelled() {
        return Err(BuildError::Cancelled);
    }
    if let Some(error) = errors.into_iter().next() {
        return Err(error);
    }
    let target = lock(&shared.built).remove(&needed.target);
    target.map(|stage| stage.image()).ok_or(BuildError::Cancelled)
}
