//! `RUN` with its variables filled in.

use super::scope::{PROXIES, Scope};
use super::stage::Planner;
use super::{Origin, RunStep};
use crate::lang::MountType;
use crate::lang::ast::{Command, Run};
use crate::tree::path;
use pith_diagnostic::Problem;
use pith_image::Platform;
use pith_image::spec::RunConfig;
use std::path::Path;

/// Where the script of a heredoc with `#!` is put.
pub(crate) const SCRIPTS: &str = "/dev/pipes";

/// The shell of the shell form.
pub(super) fn shell(config: &RunConfig) -> Vec<String> {
    config.shell.clone().unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()])
}

/// Whether this machine runs programs of a platform, by itself or through binfmt_misc.
fn runs_here(platform: &Platform) -> bool {
    let interpreter = match platform.architecture.as_str() {
        "arm64" => "qemu-aarch64",
        "amd64" => "qemu-x86_64",
        "386" => "qemu-i386",
        other => other,
    };
    platform.fits(&Platform::host()) || Path::new("/proc/sys/fs/binfmt_misc").join(interpreter).exists()
}

impl Planner<'_> {
    /// Plans a `RUN`.
    pub(super) fn run(&mut self, run: &Run, scope: &Scope, config: &RunConfig, platform: &Platform) -> Result<RunStep, Problem> {
        let place = self.place;
        if !runs_here(platform) {
            let problem = self.source.problem(place, format!("this machine cannot run programs for {platform}"), "would run one");
            return Err(problem.with_help("install qemu-user-static with binfmt support, or build for this machine's platform"));
        }
        let mut script = None;
        let mut args = match &run.command {
            Command::Exec(words) => {
                if let Some(heredoc) = run.heredocs.first() {
                    return Err(self
                        .source
                        .problem(heredoc.word, "a heredoc in a JSON array has no meaning", "here")
                        .with_help("use the shell form"));
                }
                words.clone()
            }
            Command::Shell(line) => match run.heredocs.as_slice() {
                // The heredoc is all there is: its text is the script.
                [heredoc] if line.split_whitespace().count() == 1 && line.trim_start().starts_with("<<") => {
                    let text = heredoc.text();
                    if text.starts_with("#!") {
                        script = Some((heredoc.name.clone(), text));
                        vec![format!("{SCRIPTS}/{}", heredoc.name)]
                    } else {
                        vec![text]
                    }
                }
                // The shell reads them itself.
                heredocs => {
                    let mut full = line.clone();
                    for heredoc in heredocs {
                        full.push('\n');
                        full.push_str(&heredoc.content);
                        full.push_str(&heredoc.name);
                    }
                    vec![full]
                }
            },
        };
        if matches!(run.command, Command::Shell(_)) && script.is_none() {
            args.splice(0..0, shell(config));
        }
        let mut env = config.env.clone();
        env.extend(scope.visible_args());
        let given = |name: &&'static str| self.inputs.build_args.iter().rev().find(|(key, _)| key == *name && !scope.declared(name));
        let uncounted_env = PROXIES.iter().filter_map(given).map(|(name, value)| format!("{name}={value}")).collect();
        let cwd = if config.working_dir.is_empty() { "/".to_owned() } else { config.working_dir.clone() };
        let mut mounts = Vec::new();
        for flag in &run.mounts {
            let source = self.source.clone();
            let mut mount = flag.resolve(&source, &mut |word| self.expand(word, scope))?;
            if !mount.target.is_empty() {
                mount.target = path::absolute(&cwd, &mount.target);
            }
            if mount.target == "/" {
                return Err(source.problem(mount.place, "a mount cannot hide the whole root", "here").with_help("use another target"));
            }
            let origin = mount.from.as_ref().map_or(Ok(Origin::Context), |word| self.origin(word))?;
            if mount.kind == MountType::Ssh {
                mount.id.get_or_insert_with(|| "default".to_owned());
            }
            let ssh_owned = mount.kind == MountType::Ssh && (mount.mode.is_some() || mount.uid != 0 || mount.gid != 0);
            if ssh_owned {
                let problem = source.problem(mount.place, "an SSH agent's socket keeps its owner and mode", "here");
                return Err(problem.with_help("remove mode, uid and gid"));
            }
            if mount.kind == MountType::Cache && (mount.from.is_some() || mount.source != "/") {
                let problem = source.problem(mount.place, "a cache cannot start with files of a stage", "here");
                return Err(problem.with_help("remove from and source; copy the files in the command if the cache is empty"));
            }
            let wanted = |name: &String| Some(name) == mount.id.as_ref();
            let (what, flag_name, value, there) = match mount.kind {
                MountType::Secret => {
                    ("secret", "--build-secret id=", ",src=FILE", self.inputs.secrets.iter().any(|secret| wanted(&secret.id)))
                }
                MountType::Ssh => ("SSH agent", "--build-ssh ", "=SOCKET", self.inputs.ssh.iter().any(|(name, _)| wanted(name))),
                _ => ("", "", "", true),
            };
            if !there && mount.required {
                let name = mount.id.as_deref().unwrap_or_default();
                let problem = source.problem(mount.place, format!("the {what} {name:?} is required, but not given"), "here");
                return Err(problem.with_help(format!("give it with {flag_name}{name}{value}")));
            }
            if there {
                mounts.push((mount, origin));
            }
        }
        Ok(RunStep { args, env, uncounted_env, cwd, user: config.user.clone(), mounts, network: run.network, script })
    }
}
