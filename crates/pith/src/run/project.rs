//! What to run of a project.

use super::source::{Files, Origin, Source, plain, refuse_named_target, rootfs_files, runtime_kernel, words};
use super::volumes;
use crate::cli::{CreateArgs, ProjectArgs, Runner};
use crate::error::{Error, Result};
use crate::project::{self, DEFAULT_TARGET, Opened};
use crate::report::Report;
use crate::variables::Part;
use pith_kraftfile::{RootfsSource, Runtime, Target};
use pith_rootfs::{Format, SourceKind};
use std::fs;
use std::path::{Path, PathBuf};

/// What a project's `rootfs` means. Only a text that no path looks like is an image's name: a directory that was not made yet is no image.
fn rootfs_of(rootfs: &RootfsSource, directory: &Path, file: &pith_kraftfile::Source) -> Result<Origin> {
    // The project's default is cpio, which says nothing about a source that is an image already.
    let format = (rootfs.format == "erofs").then_some(Format::Erofs);
    let text = rootfs.source.as_str();
    let path = directory.join(text);
    let kind = rootfs.kind.as_deref().map(str::parse::<SourceKind>).transpose().map_err(Error::new)?;
    let is_there = fs::symlink_metadata(&path).is_ok();
    let has_tag = !text.starts_with(['/', '.', '~']) && text.contains([':', '@']);
    if !is_there && (has_tag || kind == Some(SourceKind::OciLayout)) {
        let told = |error: pith_image::Error| file.problem(rootfs.place, error.to_string(), "this image");
        return Ok(Origin::Named { source: beside(directory, pith_image::Source::parse(text).map_err(told)?), format });
    }
    if !is_there {
        let problem = file.problem(rootfs.place, format!("{} is not there", path.display()), "this root file system");
        return Err(problem
            .with_help("paths begin at the directory of the project; to mean an image, write its tag, as in nginx:latest")
            .into());
    }
    match kind {
        None | Some(SourceKind::OciLayout) => rootfs_files(&path, format),
        Some(SourceKind::Dockerfile) => Ok(Origin::Dockerfile { path, format }),
        Some(kind) => Ok(Origin::Here(Files::Rootfs { path, kind, format })),
    }
}

/// An image whose path, if it has one, begins at `directory`.
fn beside(directory: &Path, source: pith_image::Source) -> pith_image::Source {
    use pith_image::Source;
    match source {
        Source::Layout { path, name } => Source::Layout { path: directory.join(path), name },
        Source::Archive { path, name } => Source::Archive { path: directory.join(path), name },
        other => other,
    }
}

/// The root file system that a project names.
///
/// # Errors
/// It is not there.
pub fn rootfs(opened: &Opened) -> Result<Option<Origin>> {
    let source = pith_kraftfile::Source::new(&opened.file, &opened.text, "yaml");
    opened.project.rootfs.as_ref().map(|rootfs| rootfs_of(rootfs, &opened.directory, &source)).transpose()
}

/// The kernel that was built for a project: of the targets that have one, the one that was asked for, or the usual one.
fn built_kernel(opened: &Opened, arguments: &CreateArgs) -> Result<PathBuf> {
    let outdir = opened.outdir(None);
    let is_wanted = |target: &Target| match arguments.target.as_deref() {
        None => true,
        Some(wanted) => target.name.as_deref() == Some(wanted) || wanted == target.shown() || wanted == opened.name(),
    };
    let targets = opened.targets();
    let wanted: Vec<(String, PathBuf)> =
        targets.iter().filter(|target| is_wanted(target)).map(|target| (target.shown(), opened.kernel(target, &outdir))).collect();
    if wanted.is_empty() {
        let there: Vec<String> = targets.iter().map(Target::shown).collect();
        let message = format!("{}: there is no target {:?}", opened.file, arguments.target.as_deref().unwrap_or_default());
        return Err(Error::new(message).with_help(format!("it has {}", there.join(", "))));
    }
    let built: Vec<&(String, PathBuf)> = wanted.iter().filter(|(_, kernel)| kernel.is_file()).collect();
    let usual = format!("{}/{}", DEFAULT_TARGET.0, DEFAULT_TARGET.1);
    match built.as_slice() {
        [] => {
            let names: Vec<String> = wanted.iter().map(|(_, kernel)| kernel.display().to_string()).collect();
            let message = format!("{}: no kernel was built for this project yet: there is no {}", opened.file, names.join(", no "));
            Err(Error::new(message).with_help("`pith build` builds it"))
        }
        [(_, one)] => Ok(one.clone()),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            let usual = several.iter().find(|(name, _)| *name == usual).map(|(_, kernel)| kernel.clone());
            usual.ok_or_else(|| {
                Error::new(format!("{}: several kernels were built: {}", opened.file, names.join(", ")))
                    .with_help("choose one with --target")
            })
        }
    }
}

/// What a project is run with: its own kernel or a runtime, its files, its command.
///
/// # Errors
/// A project that is wrong, or has nothing to run.
pub fn of(file: &Path, directory: &Path, arguments: &CreateArgs, report: &Report) -> Result<Source> {
    let targets = ProjectArgs { target: arguments.target.clone(), ..ProjectArgs::default() };
    let opened = project::read(file, directory.to_owned(), Part::All, (&targets).into(), report)?;
    let (name, project) = (&opened.file, &opened.project);
    let wrong = |kind: &str, key: &str| Error::new(format!("--as {kind}: {name} has no `{key}`"));
    let kernel = match (arguments.runner, &project.runtime) {
        (Some(Runner::KraftfileUnikraft), _) if !project.builds_kernel() => return Err(wrong("kraftfile-unikraft", "unikraft")),
        (Some(Runner::KraftfileRuntime), None) => return Err(wrong("kraftfile-runtime", "runtime")),
        (Some(Runner::KraftfileRuntime), Some(runtime)) | (_, Some(runtime))
            if arguments.runner == Some(Runner::KraftfileRuntime) || !project.builds_kernel() =>
        {
            refuse_named_target(arguments)?;
            match runtime {
                Runtime::Kernel(path) => Some(directory.join(path)),
                Runtime::Image(image) => runtime_kernel(image, directory, report)?,
            }
        }
        // The user's own kernel needs none that was built.
        _ if arguments.runtime.is_some() => None,
        _ => Some(built_kernel(&opened, arguments)?),
    };
    // What the kernel carries needs no files and perhaps no command.
    let info = match &kernel {
        Some(path) if project.builds_kernel() => pith_builder::info(path)?,
        _ => None,
    };
    let embeds = info.as_ref().is_some_and(|info| info.embeds_rootfs) && arguments.rootfs.is_none();
    let carries = embeds || info.is_some_and(|info| info.carries_program);
    let files = match &arguments.rootfs {
        Some(path) => rootfs_files(path, None)?,
        None if embeds => Origin::Here(Files::None),
        None => rootfs(&opened)?.unwrap_or(Origin::Here(Files::None)),
    };
    let given = words(arguments);
    // What the user's words mean to an image, the image's own entry point decides.
    let argv = if given.is_empty() || files.has_command() { project.cmd.clone() } else { given };
    if argv.is_empty() && !files.has_command() && !carries {
        let message = format!("{name}: no 'cmd' and no command on the command line: there is nothing to run");
        return Err(Error::new(message).with_help("add for example `cmd: [\"/server\"]`"));
    }
    if matches!(files, Origin::Here(Files::None)) && !carries {
        let message = format!("{name}: no 'rootfs': there is no file to run {:?} from", argv.first().map_or("", |s| s));
        return Err(Error::new(message).with_help("add for example `rootfs: ./rootfs`"));
    }
    Ok(Source {
        kernel,
        kernel_args: project.kernel_args.clone(),
        volumes: volumes::of_project(name, project, directory),
        argv,
        environment: project.env.iter().map(|entry| (entry.name.clone(), entry.value.clone())).collect(),
        ..plain(directory, files)
    })
}
