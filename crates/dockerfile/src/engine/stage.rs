//! One stage, step by step.

use super::copy::{self, CopyProblem, Placer};
use super::report::Event;
use super::{Build, BuildError, archive, lock};
use crate::cache::{CacheError, Key};
use crate::plan::{Action, Base, CopyFrom, CopyStep, Origin, PlannedStage, Step};
use crate::tree::glob::Stars;
use crate::tree::ignore::Ignore;
use crate::tree::layer::{self, Changes};
use crate::tree::{Data, Entry, Node, Tree, path};
use crate::users::Accounts;
use pith_diagnostic::Problem;
use pith_image::spec::{History, ImageConfig};
use pith_image::{Digest, Image, Layer};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// A finished stage.
pub struct Built {
    config: ImageConfig,
    layers: Vec<Layer>,
    tree: Mutex<Option<Arc<Tree>>>,
}

impl Built {
    /// The stage as an image.
    pub fn image(&self) -> Image {
        Image { config: self.config.clone(), layers: self.layers.clone() }
    }

    /// Its layers.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }
}

/// A stage while it is being built.
pub(super) struct Stage<'s> {
    pub build: &'s Build<'s>,
    pub planned: &'s PlannedStage,
    pub layers: Vec<Layer>,
    tree: Arc<Tree>,
    /// How many layers the tree has.
    applied: usize,
}

/// An error about an instruction as a whole.
pub(super) fn at(step: &Step, message: impl Into<String>) -> Problem {
    step.source.problem(step.place, message, "this step")
}

fn io_error(step: &Step, error: &io::Error) -> BuildError {
    at(step, format!("files could not be copied: {error}")).into()
}

/// All files of a chain of layers.
pub(super) fn tree_of(build: &Build<'_>, layers: &[Layer]) -> Result<Arc<Tree>, BuildError> {
    let mut tree = Tree::default();
    for layer in layers {
        apply(build, &mut tree, layer)?;
    }
    Ok(Arc::new(tree))
}

fn apply(build: &Build<'_>, tree: &mut Tree, layer: &Layer) -> Result<(), BuildError> {
    let plain = build.cache.plain(layer, build.scratch)?;
    tree.apply(&plain).map_err(|source| CacheError { path: plain, source }.into())
}

impl Stage<'_> {
    /// The stage's files so far.
    pub(super) fn tree(&mut self) -> Result<Arc<Tree>, BuildError> {
        if self.applied < self.layers.len() {
            let tree = Arc::make_mut(&mut self.tree);
            for layer in self.layers.iter().skip(self.applied) {
                apply(self.build, tree, layer)?;
            }
            self.applied = self.layers.len();
        }
        Ok(Arc::clone(&self.tree))
    }

    fn made_s(&self) -> u64 {
        self.build.request.inputs.epoch_s.unwrap_or(0)
    }

    /// Makes a layer of changes, or finds it in the cache. Returns whether it was there.
    fn commit(&mut self, step: &Step, changes: &Changes) -> Result<bool, BuildError> {
        let (build, epoch_s) = (self.build, self.build.request.inputs.epoch_s);
        let mut key = Key::new("files 1");
        key.number(epoch_s.map_or(u64::MAX, |epoch| epoch));
        key.changes(changes).map_err(|error| io_error(step, &error))?;
        let key = key.finish();
        if let (false, Some(found)) = (build.request.no_cache, build.cache.lookup(&key)) {
            self.layers.extend(found);
            return Ok(true);
        }
        let temporary = build.scratch.path().join(format!("layer-{}-{}", self.planned.number, self.layers.len()));
        let written = layer::write(&temporary, changes, epoch_s).map_err(|error| io_error(step, &error))?;
        let layer = build.cache.record(&key, Some((&temporary, written.digest, written.size)), build.scratch)?;
        self.layers.extend(layer);
        Ok(false)
    }

    fn workdir(&mut self, step: &Step, directory: &str, user: &str) -> Result<bool, BuildError> {
        let tree = self.tree()?;
        let exclude = Ignore::default();
        let nothing = CopyStep::directory(directory);
        let mut placer = Placer::new((*tree).clone(), &nothing, None, &exclude, self.made_s());
        let target = placer.target(directory.as_bytes()).map_err(|problem| copy_error(step, problem))?;
        if tree.get(&target).is_some_and(Entry::is_directory) {
            return Ok(true);
        }
        let owner = if user.is_empty() {
            None
        } else {
            Some(Accounts::of(&tree).owner(user).map_err(|message| at(step, format!("USER {user}: {message}")))?)
        };
        placer.directory(&target, owner).map_err(|problem| copy_error(step, problem))?;
        self.commit(step, &placer.finish())
    }

    /// The files that a step copies or mounts from.
    pub(super) fn origin(&self, origin: &Origin) -> Result<Option<Arc<Tree>>, BuildError> {
        match origin {
            Origin::Context => self.build.context().map(Some),
            Origin::Image(image) => tree_of(self.build, &image.layers).map(Some),
            Origin::Stage(number) => {
                let Some(stage) = self.build.stage(*number) else { return Ok(None) };
                let mut slot = lock(&stage.tree);
                if let Some(tree) = &*slot {
                    return Ok(Some(Arc::clone(tree)));
                }
                let tree = tree_of(self.build, &stage.layers)?;
                *slot = Some(Arc::clone(&tree));
                Ok(Some(tree))
            }
        }
    }

    /// Says why a path of the context is not there.
    fn explain(&self, mut problem: CopyProblem, copy: &CopyStep, text: &str) -> CopyProblem {
        if problem.help.is_none() {
            let host = self.build.request.context.join(String::from_utf8_lossy(&path::clean(text.as_bytes())).as_ref());
            problem.help = Some(match &copy.origin {
                Origin::Context if host.symlink_metadata().is_ok() => {
                    "it is in the build context, but .dockerignore leaves it out".to_owned()
                }
                Origin::Context => format!("paths are relative to the build context, {}", self.build.request.context.display()),
                Origin::Stage(_) | Origin::Image(_) => "paths are looked up in what --from names".to_owned(),
            });
        }
        problem
    }

    fn copy(&mut self, step: &Step, copy: &CopyStep) -> Result<bool, BuildError> {
        let failed = |problem| copy_error(step, problem);
        let owner = match &copy.chown {
            None => None,
            Some(text) => {
                let tree = self.tree()?;
                let owner = Accounts::of(&tree).owner(text);
                Some(owner.map_err(|message| {
                    at(step, format!("--chown={text}: {message}")).with_help("use numbers, or make the user in an earlier step")
                })?)
            }
        };
        let tree = if copy.link { Tree::default() } else { (*self.tree()?).clone() };
        let exclude = Ignore::new(copy.exclude.iter().map(|pattern| (1, pattern.as_str())))
            .map_err(|error| at(step, format!("--exclude: {error}")))?;
        let mut placer = Placer::new(tree, copy, owner, &exclude, self.made_s());
        let destination = copy.destination.as_bytes();
        for (index, source) in copy.sources.iter().enumerate() {
            match source {
                CopyFrom::Text { name, text } => {
                    let bytes: Arc<[u8]> = text.as_bytes().into();
                    let entry = placer.new_file(Data::Bytes(Arc::clone(&bytes)), bytes.len() as u64, 0o644, self.made_s());
                    placer.file(name, &entry, destination, copy.into_directory).map_err(failed)?;
                }
                CopyFrom::Url(url, place) => {
                    let (file, modified_s) = self
                        .download(step, copy, url, index)
                        .map_err(|problem| copy_error(step, CopyProblem { place: Some(*place), ..problem }))?;
                    let size = file.metadata().map_err(|error| io_error(step, &error))?.len();
                    self.add_file(&mut placer, step, copy, (url, &file, size, modified_s), index)?;
                }
                CopyFrom::Path(text, place) => {
                    let Some(from) = self.origin(&copy.origin)? else { return Err(BuildError::Cancelled) };
                    let stars = if copy.parents { Stars::Deep } else { Stars::Shallow };
                    let found = copy::matches(&from, text, *place, stars).map_err(|problem| failed(self.explain(problem, copy, text)))?;
                    let pivot = text.split_once("/./").map(|(before, _)| path::clean(before.as_bytes())).unwrap_or_default();
                    for one in &found {
                        let target = from.get(&one.target);
                        if copy.unpack_local && self.unpack(&mut placer, step, target, destination, (index, &one.name))? {
                            continue;
                        }
                        let done = if copy.parents {
                            placer.copy_with_parents(&from, &one.target, &pivot, destination)
                        } else {
                            placer.copy(&from, one, destination, copy.into_directory)
                        };
                        done.map_err(|problem| failed(CopyProblem { place: problem.place.or(Some(*place)), ..problem }))?;
                    }
                }
            }
        }
        self.commit(step, &placer.finish())
    }

    /// Unpacks a file if it is an archive.
    fn unpack(
        &self,
        placer: &mut Placer<'_>,
        step: &Step,
        entry: Option<&Entry>,
        destination: &[u8],
        (index, name): (usize, &[u8]),
    ) -> Result<bool, BuildError> {
        let Some(Entry { node: Node::File { data: Data::Host(host), .. }, .. }) = entry else { return Ok(false) };
        let unpacked = self.scratch_file(&format!("add-{index}-{}", Digest::of(name).short()));
        let opened = File::open(&**host).and_then(|file| archive::unpack(file, &unpacked));
        if !opened.map_err(|error| at(step, format!("{}: the archive cannot be read: {error}", path::show(name))))? {
            return Ok(false);
        }
        placer.unpack(&unpacked, destination).map_err(|problem| copy_error(step, problem))?;
        Ok(true)
    }

    fn scratch_file(&self, name: &str) -> PathBuf {
        self.build.scratch.path().join(format!("{name}-{}-{}", self.planned.number, self.layers.len()))
    }

    /// Fetches a file and checks it.
    fn download(&self, step: &Step, copy: &CopyStep, url: &str, index: usize) -> Result<(File, Option<u64>), CopyProblem> {
        let failed = |message: String| CopyProblem { message: format!("{url}: {message}"), place: Some(step.place), help: None };
        let mut fetched = self.build.helpers.fetch.fetch(url).map_err(failed)?;
        let path = self.scratch_file(&format!("url-{index}"));
        let mut file = File::create(&path).map_err(|error| failed(error.to_string()))?;
        io::copy(&mut fetched.body, &mut file).map_err(|error| failed(error.to_string()))?;
        if let Some(wanted) = &copy.checksum {
            let reader = File::open(&path).map_err(|error| failed(error.to_string()))?;
            let (found, _) = Digest::of_reader(wanted.algorithm(), reader).map_err(|error| failed(error.to_string()))?;
            if found != *wanted {
                let help = "compare it with what the author publishes; if the file was meant to change, change --checksum".to_owned();
                return Err(CopyProblem { help: Some(help), ..failed(format!("the file's digest is {found}, --checksum says {wanted}")) });
            }
        }
        let file = File::open(&path).map_err(|error| failed(error.to_string()))?;
        Ok((file, fetched.modified_s))
    }

    /// Puts a fetched file, or what is in it.
    fn add_file(
        &self,
        placer: &mut Placer<'_>,
        step: &Step,
        copy: &CopyStep,
        (url, file, size, modified_s): (&str, &File, u64, Option<u64>),
        index: usize,
    ) -> Result<(), BuildError> {
        let failed = |problem| copy_error(step, problem);
        let path = self.scratch_file(&format!("url-{index}"));
        if copy.unpack_remote {
            let unpacked = self.scratch_file(&format!("add-{index}"));
            let opened = file.try_clone().and_then(|file| archive::unpack(file, &unpacked));
            if opened.map_err(|error| io_error(step, &error))? {
                return placer.unpack(&unpacked, copy.destination.as_bytes()).map_err(failed);
            }
        }
        let without_query = url.split(['?', '#']).next().unwrap_or_default();
        let name = without_query
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'))
            .map(|(_, path)| path.rsplit('/').next().unwrap_or_default());
        let name = name.unwrap_or_default();
        if name.is_empty() && copy.into_directory {
            return Err(at(step, format!("{url} has no file name")).with_help("give the destination in full, with the file's name").into());
        }
        let entry = placer.new_file(Data::Host(Arc::new(path)), size, 0o600, modified_s.unwrap_or(self.made_s()));
        placer.file(name, &entry, copy.destination.as_bytes(), copy.into_directory).map_err(failed)
    }

    /// Carries one step out; says whether it was cached.
    fn step(&mut self, step: &Step, number: usize) -> Result<bool, BuildError> {
        match &step.action {
            Action::Configure => Ok(true),
            Action::Workdir { path, user } => self.workdir(step, path, user),
            Action::Copy(copy) => self.copy(step, copy),
            Action::Run(run) => self.run(step, run, number),
        }
    }
}

/// A problem of copying as one of the Dockerfile.
pub(super) fn copy_error(step: &Step, problem: CopyProblem) -> BuildError {
    let place = problem.place.unwrap_or(step.place);
    let found = step.source.problem(place, problem.message, "here");
    match problem.help {
        Some(help) => found.with_help(help).into(),
        None => found.into(),
    }
}

/// Builds one stage. `Ok(None)`: another one failed, or the build was stopped.
pub(super) fn build<'b>(build: &'b Build<'b>, planned: &'b PlannedStage) -> Result<Option<Built>, BuildError> {
    let (layers, mut history): (Vec<Layer>, Vec<History>) = match &planned.base {
        Base::Scratch => (Vec::new(), Vec::new()),
        Base::Image(image) => (image.layers.clone(), image.config.history.clone()),
        Base::Stage(number) => {
            let Some(stage) = build.stage(*number) else { return Ok(None) };
            (stage.layers.clone(), stage.config.history.clone())
        }
    };
    let mut stage = Stage { build, planned, layers, tree: Arc::new(Tree::default()), applied: 0 };
    let count = 1 + planned.steps.iter().filter(|step| !matches!(step.action, Action::Configure)).count();
    let started = |title: &str| {
        let number = build.steps.fetch_add(1, Ordering::SeqCst) + 1;
        build.helpers.reporter.event(Event::Started { step: number, title });
        number
    };
    let number = started(&format!("[{} 1/{count}] FROM {}", planned.name, planned.base_name));
    build.helpers.reporter.event(Event::Finished { step: number, cached: true });
    let mut index = 1;
    for step in &planned.steps {
        if build.stopped() {
            return Ok(None);
        }
        let before = stage.layers.len();
        if !matches!(step.action, Action::Configure) {
            index += 1;
            let number = started(&format!("[{} {index}/{count}] {}", planned.name, step.text));
            match stage.step(step, number) {
                Ok(cached) => build.helpers.reporter.event(Event::Finished { step: number, cached }),
                Err(error) => {
                    build.helpers.reporter.event(Event::Failed { step: number });
                    return if build.stopped() { Ok(None) } else { Err(error) };
                }
            }
        }
        history.push(History { empty_layer: stage.layers.len() == before, ..step.history.clone() });
    }
    let mut config = planned.config.clone();
    config.rootfs.diff_ids = stage.layers.iter().map(|layer| layer.diff_id.clone()).collect();
    config.history = history;
    Ok(Some(Built { config, layers: stage.layers, tree: Mutex::new(None) }))
}
