//! What to run: from PATH, flags and project files to a root file system and a command.

use super::elf;
use crate::cli::{CreateArgs, Runner};
use crate::error::{Error, Result};
use crate::project::{self, DEFAULT_TARGET, Opened};
use crate::report::Report;
use pith_kraftfile::{Project, Runtime, Target, find as project_files};
use pith_rootfs::{Format, SourceKind};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the files come from.
#[derive(Debug)]
pub enum Files {
    /// None: the kernel has all it needs.
    None,
    /// A directory, archive, image or file to make a root file system of.
    Rootfs {
        /// Where it is.
        path: PathBuf,
        /// What it is.
        kind: SourceKind,
        /// What the project wants it to become.
        format: Option<Format>,
    },
    /// One program of this host, to be completed with its libraries.
    Program(PathBuf),
    /// A Dockerfile to be built.
    Dockerfile {
        /// Where it is.
        path: PathBuf,
        /// What the project wants its files to become.
        format: Option<Format>,
    },
    /// An image to be got.
    Named {
        /// Its name, layout or archive.
        source: pith_image::Source,
        /// What the project wants its files to become.
        format: Option<Format>,
    },
    /// An image that is here.
    Image {
        /// The image.
        image: Box<pith_image::Image>,
        /// What the project wants its files to become.
        format: Option<Format>,
    },
}

impl Files {
    /// Whether the files may say themselves what to run.
    fn has_command(&self) -> bool {
        matches!(self, Self::Dockerfile { .. } | Self::Named { .. } | Self::Image { .. })
    }
}

/// What to run.
#[derive(Debug)]
pub struct Source {
    /// How to call it in listings.
    pub shown: String,
    /// Where the files come from.
    pub files: Files,
    /// A kernel other than the built-in one.
    pub kernel: Option<PathBuf>,
    /// Parameters for the kernel.
    pub kernel_args: Vec<String>,
    /// The application and its arguments.
    pub argv: Vec<String>,
    /// Working directory that the files ask for.
    pub workdir: Option<String>,
    /// Signal that the files want the application to be stopped with.
    pub stop_signal: Option<String>,
    /// Environment; `None` takes the host's value.
    pub environment: Vec<(String, Option<String>)>,
}

/// The user's words: `--entrypoint`, then the application's arguments.
fn words(arguments: &CreateArgs) -> Vec<String> {
    arguments.entrypoint.iter().chain(&arguments.words).chain(&arguments.rest).cloned().collect()
}

/// Finds out what to run.
///
/// # Errors
/// Nothing there, or nothing in it to run.
pub fn find(arguments: &CreateArgs, report: &Report) -> Result<Source> {
    let mut source = detect(arguments, report)?;
    if let Some(runtime) = &arguments.runtime {
        source.kernel = runtime_kernel(runtime, Path::new("."), report)?;
    }
    Ok(source)
}

/// The project's file and directory, when it is a project that is to be run.
fn project_file(arguments: &CreateArgs) -> Result<Option<(PathBuf, PathBuf)>> {
    if let Some(file) = &arguments.kraftfile {
        return Ok(Some((file.clone(), arguments.path.clone().unwrap_or_else(|| PathBuf::from(".")))));
    }
    match &arguments.path {
        Some(path) if path.is_dir() => Ok(project_files::find_in(path)?.map(|file| (file, path.clone()))),
        Some(_) => Ok(None),
        None if arguments.rootfs.is_some() => Ok(None),
        None => {
            let file = project_files::find(Path::new("."))?;
            let directory = file.parent().unwrap_or(Path::new(".")).to_owned();
            Ok(Some((file, directory)))
        }
    }
}

/// Refuses a target by name, where nothing has names.
fn refuse_named_target(arguments: &CreateArgs) -> Result<()> {
    let Some(target) = arguments.target.as_deref().filter(|target| !target.contains('/')) else { return Ok(()) };
    let message = format!("--target {target:?}: only a project that builds its own kernel has named targets");
    Err(Error::new(message).with_help("write it as platform/architecture: qemu/x86_64"))
}

fn detect(arguments: &CreateArgs, report: &Report) -> Result<Source> {
    if let Some((file, directory)) = project_file(arguments)? {
        return project(&file, &directory, arguments, report);
    }
    refuse_named_target(arguments)?;
    let Some(path) = &arguments.path else {
        let rootfs = arguments.rootfs.as_deref().unwrap_or(Path::new("."));
        return of_rootfs(rootfs, rootfs, arguments);
    };
    if let Some(Runner::KraftfileRuntime | Runner::KraftfileUnikraft) = arguments.runner {
        return Err(Error::new(format!("--as: there is no Kraftfile in {}", path.display())));
    }
    if let Some(rootfs) = &arguments.rootfs {
        // With a root file system given, PATH names the command inside it.
        let files = rootfs_files(rootfs, None)?;
        if let Files::Rootfs { path: root, kind: SourceKind::Directory, .. } = &files
            && path.is_absolute()
            && arguments.entrypoint.is_none()
            && fs::symlink_metadata(root.join(path.strip_prefix("/").unwrap_or(path))).is_err()
        {
            let message = format!("{} is not in the root file system {}", path.display(), root.display());
            return Err(Error::new(message).with_code(pith_abi::exit::NOT_FOUND));
        }
        let mut argv = words(arguments);
        argv.insert(arguments.entrypoint.iter().len(), utf8(path)?);
        return Ok(Source { argv, ..plain(rootfs, files) });
    }
    let metadata = fs::metadata(path).map_err(|error| {
        let error = Error::new(format!("{}: {error}", path.display()));
        error.with_help("PATH is an ELF program, a directory, a tar or cpio archive, an EROFS image or a project with a Kraftfile")
    })?;
    if metadata.is_dir() && path.join("Dockerfile").is_file() && arguments.runner.is_none() {
        return Ok(plain(path, rootfs_files(&path.join("Dockerfile"), None)?));
    }
    if metadata.is_dir() {
        return of_rootfs(path, path, arguments);
    }
    file(path, arguments)
}

fn plain(shown: &Path, files: Files) -> Source {
    Source {
        shown: shown.display().to_string(),
        files,
        kernel: None,
        kernel_args: Vec::new(),
        argv: Vec::new(),
        workdir: None,
        stop_signal: None,
        environment: Vec::new(),
    }
}

fn utf8(path: &Path) -> Result<String> {
    let text = path.to_str().map(ToOwned::to_owned);
    text.ok_or_else(|| Error::new(format!("{}: the name is not valid UTF-8", path.display())))
}

/// A root file system with the user's command; only images have one of their own.
fn of_rootfs(shown: &Path, rootfs: &Path, arguments: &CreateArgs) -> Result<Source> {
    let files = rootfs_files(rootfs, None)?;
    let argv = if files.has_command() { Vec::new() } else { command_in(rootfs, words(arguments))? };
    Ok(Source { argv, ..plain(shown, files) })
}

/// The command for a root file system; there is no default one.
fn command_in(rootfs: &Path, words: Vec<String>) -> Result<Vec<String>> {
    if words.is_empty() {
        let message = format!("{} has no Kraftfile and no command was given: there is nothing to run", rootfs.display());
        let help = format!("name a program inside it: `pith run {} /bin/my-program`", rootfs.display());
        return Err(Error::new(message).with_help(help));
    }
    Ok(words)
}

/// First bytes of a file.
fn magic(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(8).read_to_end(&mut bytes));
    read.map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
    Ok(bytes)
}

/// An image, when the text is one: `oci:PATH`, `docker-archive:FILE`, the archive of an image, or a name that is no file.
fn named(path: &Path) -> Result<Option<pith_image::Source>> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(pith_image::Source::detect(path)?);
    }
    let Some(text) = path.to_str() else { return Ok(None) };
    let is_path = text.starts_with(['/', '.', '~']) || text.ends_with('/');
    let text = text.strip_prefix("oci://").unwrap_or(text);
    if is_path { Ok(None) } else { Ok(pith_image::Source::parse(text).ok()) }
}

/// The root file system that a project names, and what it wants that to become.
///
/// # Errors
/// What is there cannot be read.
pub fn project_rootfs(project: &Project, directory: &Path) -> Result<Option<(PathBuf, Option<Format>)>> {
    let Some(rootfs) = &project.rootfs else { return Ok(None) };
    // The project's default is cpio, which says nothing about a source that is an image already.
    let format = (rootfs.format == "erofs").then_some(Format::Erofs);
    let path = Path::new(&rootfs.source);
    let there = directory.join(path);
    let is_image = named(&there)?.is_none() && fs::symlink_metadata(&there).is_err() && named(path)?.is_some();
    Ok(Some((if is_image { path.to_owned() } else { there }, format)))
}

/// What the root file system at `path` is.
///
/// # Errors
/// There is none.
pub fn rootfs_files(path: &Path, format: Option<Format>) -> Result<Files> {
    if let Some(source) = named(path)? {
        return Ok(Files::Named { source, format });
    }
    let kind = pith_rootfs::source::detect(path).map_err(|error| Error::new(format!("root file system {error}")))?;
    match kind {
        SourceKind::Dockerfile => Ok(Files::Dockerfile { path: path.to_owned(), format }),
        SourceKind::OciLayout => Ok(Files::Named { source: pith_image::Source::Layout { path: path.to_owned(), name: None }, format }),
        _ => Ok(Files::Rootfs { path: path.to_owned(), kind, format }),
    }
}

/// PATH is a file: what kind?
fn file(path: &Path, arguments: &CreateArgs) -> Result<Source> {
    let magic = magic(path)?;
    if !matches!(pith_rootfs::source::detect(path)?, SourceKind::File) {
        return of_rootfs(path, path, arguments);
    }
    if magic.starts_with(b"\x7fELF") {
        let is_kernel = elf::is_kernel(path)?;
        if arguments.runner == Some(Runner::Kernel) && !is_kernel {
            let message = format!("--as kernel: {} is no bootable kernel (it has no PVH note)", path.display());
            return Err(Error::new(message).with_code(pith_abi::exit::NOT_EXECUTABLE));
        }
        if is_kernel && arguments.runner != Some(Runner::Linuxu) {
            let kernel = Some(path.to_owned());
            return Ok(Source { kernel, argv: words(arguments), ..plain(path, Files::None) });
        }
        // Its own name is not resolved: a program may go by the name that it was called with.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = fs::canonicalize(directory).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
        let absolute = directory.join(path.file_name().unwrap_or_default());
        let mut argv = vec![utf8(&absolute)?];
        argv.extend(words(arguments));
        return Ok(Source { argv, ..plain(path, Files::Program(absolute)) });
    }
    if magic.starts_with(b"#!") {
        let message = format!("{} is a script, and its interpreter is not part of it", path.display());
        let help = "put it into a root file system with the interpreter: `pith run --rootfs DIR /script`";
        return Err(Error::new(message).with_help(help).with_code(pith_abi::exit::NOT_EXECUTABLE));
    }
    let message = format!("{} is no ELF program, no tar or cpio archive, no EROFS image and no directory", path.display());
    Err(Error::new(message).with_code(pith_abi::exit::NOT_EXECUTABLE))
}

/// The kernel that a runtime means; `None` is the built-in one.
fn runtime_kernel(runtime: &str, directory: &Path, report: &Report) -> Result<Option<PathBuf>> {
    if let Some(path) = runtime.strip_prefix("kernel://") {
        return Ok(Some(directory.join(path)));
    }
    if runtime.is_empty() {
        return Err(Error::new("--runtime \"\": expected kernel://PATH or a name, as in base:latest"));
    }
    report.debug(&format!("runtime {runtime}: using the built-in image"));
    Ok(None)
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

/// A project.
fn project(file: &Path, directory: &Path, arguments: &CreateArgs, report: &Report) -> Result<Source> {
    let opened = project::read(file, directory.to_owned(), report)?;
    let (name, project) = (&opened.file, &opened.project);
    if let Some(volume) = project.volumes.first() {
        let message = format!("{name}:{}:{}: volumes are not supported yet", volume.line, volume.column);
        return Err(Error::new(message).with_help("put the files into the root file system"));
    }
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
    let rootfs = match &arguments.rootfs {
        Some(path) => Some((path.clone(), None)),
        None => project_rootfs(project, directory)?,
    };
    let files = rootfs.map(|(path, format)| rootfs_files(&path, format)).transpose()?.unwrap_or(Files::None);
    let given = words(arguments);
    // What the user's words mean to an image, the image's own entry point decides.
    let argv = if given.is_empty() || files.has_command() { project.cmd.clone() } else { given };
    if argv.is_empty() && !files.has_command() {
        let message = format!("{name}: no 'cmd' and no command on the command line: there is nothing to run");
        return Err(Error::new(message).with_help("add for example `cmd: [\"/server\"]`"));
    }
    if matches!(files, Files::None) {
        let message = format!("{name}: no 'rootfs': there is no file to run {:?} from", argv.first().map_or("", |s| s));
        return Err(Error::new(message).with_help("add for example `rootfs: ./rootfs`"));
    }
    Ok(Source {
        kernel,
        kernel_args: project.kernel_args.clone(),
        argv,
        environment: project.env.iter().map(|entry| (entry.name.clone(), entry.value.clone())).collect(),
        ..plain(directory, files)
    })
}
