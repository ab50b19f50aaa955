//! `RUN`: key, mounts, and the request to the worker.

use super::report::{Event, Stream};
use super::stage::Stage;
use super::{Build, BuildError, stage};
use crate::cache::Key;
use crate::lang::ast::Network;
use crate::lang::{Mount, MountType, Sharing};
use crate::plan::{Action, Origin, PlannedStage, RunStep, SecretSource, Step};
use crate::tree::layer::{Change, Changes, write};
use crate::tree::{Last, Tree, path};
use crate::users::Accounts;
use crate::worker::Channel;
use crate::worker::job::{Answer, CacheSharing, JobLayer, JobMount, RunJob, Runtime, RuntimeKind};
use pith_image::{Digest, Layer};
use std::fs;
use std::path::PathBuf;

/// Where an SSH agent's socket is when nothing else is asked for.
const AGENT: &str = "/run/buildkit/ssh_agent";
/// Lines of a failed command's output that the error repeats.
const LAST_LINES: usize = 10;

/// Refuses commands when nothing can run them, before anything else is done.
pub(super) fn refuse(stages: &[PlannedStage], build: &Build<'_>) -> Result<(), BuildError> {
    let first = stages.iter().flat_map(|stage| &stage.steps).find(|step| matches!(step.action, Action::Run(_)));
    let Some(step) = first else { return Ok(()) };
    let ready = build.helpers.commands.ready(build.cache.root(), build.scratch.path());
    ready
        .map(drop)
        .map_err(|reason| step.source.problem(step.place, "RUN cannot be carried out here", "this command").with_help(reason).into())
}

/// A mount's part of the key, and what the worker is told.
struct Prepared {
    mounts: Vec<JobMount>,
    env: Vec<String>,
}

fn job_layers(build: &Build<'_>, layers: &[Layer]) -> Result<Vec<JobLayer>, BuildError> {
    let plain = |layer: &Layer| Ok(JobLayer { diff_id: layer.diff_id.clone(), path: build.cache.plain(layer, build.scratch)? });
    layers.iter().map(plain).collect()
}

/// All that is at and below a path, as if it were the root of everything.
fn subtree(tree: &Tree, name: &[u8]) -> Changes {
    let mut changes = Changes::new();
    let all = tree.get(name).into_iter().map(|entry| (name, entry)).chain(tree.below(name));
    for (below, entry) in all {
        changes.insert(below.to_vec(), Change::Put(entry.clone()));
    }
    changes
}

impl Stage<'_> {
    /// A bind mount: its key is what is in it.
    fn bind(&self, step: &Step, (mount, origin): (&Mount, &Origin), key: &mut Key, index: usize) -> Result<Option<JobMount>, BuildError> {
        let build = self.build;
        let at = |message: String| step.source.problem(mount.place, message, "this mount");
        let Some(tree) = self.origin(origin)? else { return Ok(None) };
        let found = tree.resolve(mount.source.as_bytes(), Last::Follow).filter(|name| tree.get(name).is_some());
        let source = found.ok_or_else(|| at(format!("{} is not there", path::show(&path::clean(mount.source.as_bytes())))))?;
        let changes = subtree(&tree, &source);
        let failed = |error: std::io::Error| at(format!("its files cannot be read: {error}"));
        key.changes(&changes).map_err(failed)?;
        let layers = match origin {
            Origin::Image(image) => image.layers.clone(),
            Origin::Stage(number) => match build.stage(*number) {
                Some(stage) => stage.layers().to_vec(),
                None => return Ok(None),
            },
            Origin::Context => {
                let mut content = Key::new("context 1");
                content.changes(&changes).map_err(failed)?;
                let content = content.finish();
                let cached = build.cache.lookup(&content).flatten();
                let layer = match cached {
                    Some(layer) => Some(layer),
                    None => {
                        let temporary = build.scratch.path().join(format!("context-{}-{}-{index}", self.planned.number, self.layers.len()));
                        let written = write(&temporary, &changes, None).map_err(failed)?;
                        build.cache.record(&content, Some((&temporary, written.digest, written.size)), build.scratch)?
                    }
                };
                layer.into_iter().collect()
            }
        };
        Ok(Some(JobMount::Layers {
            target: mount.target.clone(),
            layers: job_layers(build, &layers)?,
            source: path::show(&source),
            writable: mount.writable,
        }))
    }

    fn secret(&self, step: &Step, mount: &Mount, prepared: &mut Prepared) -> Result<(), BuildError> {
        let at = |message: String| step.source.problem(mount.place, message, "this secret");
        let Some(secret) = self.build.request.inputs.secrets.iter().find(|secret| Some(&secret.id) == mount.id.as_ref()) else {
            return Ok(());
        };
        let bytes = match &secret.source {
            SecretSource::File(path) => fs::read(path).map_err(|error| at(format!("{}: {error}", path.display())))?,
            SecretSource::Variable(name) => {
                std::env::var_os(name).ok_or_else(|| at(format!("the variable {name} is not set")))?.into_encoded_bytes()
            }
        };
        if let Some(name) = &mount.env {
            let text = String::from_utf8(bytes.clone()).map_err(|_| at("a secret for a variable must be text".to_owned()))?;
            prepared.env.push(format!("{name}={text}"));
        }
        if !mount.target.is_empty() {
            let mode = mount.mode.unwrap_or(0o400);
            prepared.mounts.push(JobMount::File { target: mount.target.clone(), bytes, mode, owner: (mount.uid, mount.gid) });
        }
        Ok(())
    }

    /// Goes through the mounts. Secrets and caches count by name only: what is in them does not decide what comes out.
    fn prepare(&self, step: &Step, run: &RunStep, key: &mut Key) -> Result<Option<Prepared>, BuildError> {
        let mut prepared = Prepared { mounts: Vec::new(), env: Vec::new() };
        key.number(run.mounts.len() as u64);
        let mut agents = 0;
        for (index, (mount, origin)) in run.mounts.iter().enumerate() {
            key.text(&format!("{:?} {:?} {:?}", mount.kind, mount.id, mount.env));
            key.text(&format!("{} {} {} {:?} {:?}", mount.target, mount.source, mount.writable, mount.mode, mount.size_bytes));
            match mount.kind {
                MountType::Bind => match self.bind(step, (mount, origin), key, index)? {
                    Some(bind) => prepared.mounts.push(bind),
                    None => return Ok(None),
                },
                MountType::Cache => {
                    let name = Digest::of(mount.id.as_ref().unwrap_or(&mount.target).as_bytes());
                    let rights = self.build.helpers.commands.rights().directory();
                    let directory = self.build.cache.root().join("mounts").join(rights).join(name.short());
                    let sharing = match mount.sharing {
                        Sharing::Shared => CacheSharing::Shared,
                        Sharing::Private => CacheSharing::Private,
                        Sharing::Locked => CacheSharing::Locked,
                    };
                    let (target, owner) = (mount.target.clone(), (mount.uid, mount.gid));
                    prepared.mounts.push(JobMount::Cache {
                        target,
                        directory,
                        sharing,
                        mode: mount.mode.unwrap_or(0o755),
                        owner,
                        writable: mount.writable,
                    });
                }
                MountType::Tmpfs => prepared.mounts.push(JobMount::Tmpfs { target: mount.target.clone(), size_bytes: mount.size_bytes }),
                MountType::Secret => self.secret(step, mount, &mut prepared)?,
                MountType::Ssh => {
                    let agent = self.build.request.inputs.ssh.iter().find(|(name, _)| Some(name) == mount.id.as_ref());
                    let Some((_, socket)) = agent else { continue };
                    let target = if mount.target.is_empty() { format!("{AGENT}.{agents}") } else { mount.target.clone() };
                    if agents == 0 {
                        prepared.env.push(format!("SSH_AUTH_SOCK={target}"));
                    }
                    agents += 1;
                    prepared.mounts.push(JobMount::Host { target, path: socket.clone() });
                }
            }
        }
        if let Some((name, text)) = &run.script {
            key.text(text);
            let target = format!("{}/{name}", crate::plan::SCRIPTS);
            prepared.mounts.push(JobMount::File { target, bytes: text.clone().into_bytes(), mode: 0o755, owner: (0, 0) });
        }
        Ok(Some(prepared))
    }

    /// Runs a command, or finds what it made in the cache.
    pub(super) fn run(&mut self, step: &Step, run: &RunStep, number: usize) -> Result<bool, BuildError> {
        let build = self.build;
        let mut key = Key::new("run 1");
        key.texts(self.layers.iter().map(|layer| layer.diff_id.hex()));
        key.texts(run.args.iter().map(String::as_str));
        key.texts(run.env.iter().map(String::as_str));
        key.texts([run.cwd.as_str(), run.user.as_str()]);
        key.text(&format!("{:?} {:?}", run.network == Network::None, build.request.inputs.epoch_s));
        let Some(prepared) = self.prepare(step, run, &mut key)? else { return Err(BuildError::Cancelled) };
        let key = key.finish();
        if let (false, Some(found)) = (build.request.no_cache, build.cache.lookup(&key)) {
            self.layers.extend(found);
            return Ok(true);
        }
        let tree = self.tree()?;
        let identity = Accounts::of(&tree).identity(&run.user);
        let identity = identity.map_err(|message| {
            stage::at(step, format!("USER {}: {message}", run.user)).with_help("make the user in an earlier step, or use numbers")
        })?;
        let mut env: Vec<String> = run.env.iter().chain(&run.uncounted_env).chain(&prepared.env).cloned().collect();
        if !env.iter().any(|entry| entry.starts_with("HOME=")) {
            env.push(format!("HOME={}", identity.home.as_deref().unwrap_or("/")));
        }
        let scratch = build.scratch.path().join(format!("run-{}-{number}", self.planned.number));
        fs::create_dir_all(&scratch).map_err(|error| stage::at(step, format!("{}: {error}", scratch.display())))?;
        let job = RunJob {
            layers: job_layers(build, &self.layers)?,
            args: run.args.clone(),
            env,
            cwd: run.cwd.clone(),
            user: (identity.uid, identity.gid, identity.groups),
            mounts: prepared.mounts,
            host_network: run.network != Network::None,
            runtime: Runtime { kind: RuntimeKind::Crun, path: PathBuf::from("crun") },
            epoch_s: build.request.inputs.epoch_s,
        };
        let last = std::sync::Mutex::new(Vec::<String>::new());
        let output = |channel: Channel, line: &[u8]| {
            let stream = if channel == Channel::Out { Stream::Out } else { Stream::Err };
            build.helpers.reporter.event(Event::Output { step: number, stream, line });
            let mut last = super::lock(&last);
            if last.len() == LAST_LINES {
                last.remove(0);
            }
            last.push(String::from_utf8_lossy(line).into_owned());
        };
        let answer = build.helpers.commands.run(build.cache.root(), &scratch, job, build.helpers.cancel, &output);
        if build.stopped() {
            return Err(BuildError::Cancelled);
        }
        match answer {
            Ok(Answer::Unchanged) => drop(build.cache.record(&key, None, build.scratch)?),
            Ok(Answer::Layer { path, digest, size }) => {
                self.layers.extend(build.cache.record(&key, Some((&path, digest, size)), build.scratch)?)
            }
            Ok(Answer::Exited(status)) => {
                let lines = super::lock(&last).join("\n");
                let help = if lines.is_empty() { "it wrote nothing".to_owned() } else { format!("its last output:\n{lines}") };
                return Err(stage::at(step, format!("the command ended with status {status}")).with_help(help).into());
            }
            Ok(Answer::Failed(reason)) | Err(reason) => {
                return Err(stage::at(step, format!("the command could not be run: {reason}")).into());
            }
            Ok(other) => return Err(stage::at(step, format!("the worker answered {other:?}")).into()),
        }
        Ok(false)
    }
}
