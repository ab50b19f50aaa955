//! What to run: from PATH and flags to a root file system and a command; [`project`] does so for projects.

use super::volumes::Wanted;
use super::{elf, project};
use crate::cli::{CreateArgs, Runner};
use crate::error::{Error, Result};
use crate::report::Report;
use pith_kraftfile::find as kraftfiles;
use pith_rootfs::{Format, SourceKind};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the files come from.
#[derive(Debug)]
pub enum Origin {
    /// They are here.
    Here(Files),
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
}

impl Origin {
    /// Whether the files may say themselves what to run.
    pub fn has_command(&self) -> bool {
        matches!(self, Self::Dockerfile { .. } | Self::Named { .. })
    }
}

/// Files that are on this host.
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
    /// An image in the store.
    Image {
        /// The image.
        image: Box<pith_image::Image>,
        /// What the project wants its files to become.
        format: Option<Format>,
    },
}

/// What to run, with files that are still to be had (an [`Origin`]) or are here ([`Files`]).
#[derive(Debug)]
pub struct Source<F = Origin> {
    /// How to call it in listings.
    pub shown: String,
    /// Where the files come from.
    pub files: F,
    /// A kernel other than the built-in one.
    pub kernel: Option<PathBuf>,
    /// Parameters for the kernel.
    pub kernel_args: Vec<String>,
    /// The application and its arguments, as far as an image does not say them.
    pub argv: Vec<String>,
    /// The user's words for an image: arguments of its entry point, or a command instead of its own.
    pub words: Vec<String>,
    /// Working directory that the files ask for.
    pub workdir: Option<String>,
    /// User that the files want the application to run as, by name or number.
    pub user: Option<String>,
    /// Signal that the files want the application to be stopped with.
    pub stop_signal: Option<String>,
    /// Directories of the host that the project wants, with where it says so.
    pub volumes: Vec<Wanted>,
    /// Environment; `None` takes the host's value.
    pub environment: Vec<(String, Option<String>)>,
}

impl Source {
    /// The same with files that are here.
    pub fn with_files(self, files: Files) -> Source<Files> {
        let Self { shown, files: _, kernel, kernel_args, argv, words, workdir, user, stop_signal, volumes, environment } = self;
        Source { shown, files, kernel, kernel_args, argv, words, workdir, user, stop_signal, volumes, environment }
    }
}

/// The user's words: `--entrypoint`, then the application's arguments.
pub fn words(arguments: &CreateArgs) -> Vec<String> {
    arguments.entrypoint.iter().chain(&arguments.words).chain(&arguments.rest).cloned().collect()
}

/// Finds out what to run.
///
/// # Errors
/// Nothing there, or nothing in it to run.
pub fn find(arguments: &CreateArgs, report: &Report) -> Result<Source> {
    let mut source = detect(arguments, report)?;
    if source.words.is_empty() {
        source.words = arguments.words.iter().chain(&arguments.rest).cloned().collect();
    }
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
        Some(path) if path.is_dir() => Ok(kraftfiles::find_in(path)?.map(|file| (file, path.clone()))),
        Some(_) => Ok(None),
        None if arguments.rootfs.is_some() => Ok(None),
        None => {
            let file = kraftfiles::find(Path::new("."))?;
            let directory = file.parent().unwrap_or(Path::new(".")).to_owned();
            Ok(Some((file, directory)))
        }
    }
}

/// Refuses a target by name, where nothing has names.
pub fn refuse_named_target(arguments: &CreateArgs) -> Result<()> {
    let Some(target) = arguments.target.as_deref().filter(|target| !target.contains('/')) else { return Ok(()) };
    let message = format!("--target {target:?}: only a project that builds its own kernel has named targets");
    Err(Error::new(message).with_help("write it as platform/architecture: qemu/x86_64"))
}

fn detect(arguments: &CreateArgs, report: &Report) -> Result<Source> {
    if let Some((file, directory)) = project_file(arguments)? {
        return project::of(&file, &directory, arguments, report);
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
        if let Origin::Here(Files::Rootfs { path: root, kind: SourceKind::Directory, .. }) = &files
            && path.is_absolute()
            && arguments.entrypoint.is_none()
            && fs::symlink_metadata(root.join(path.strip_prefix("/").unwrap_or(path))).is_err()
        {
            let message = format!("{} is not in the root file system {}", path.display(), root.display());
            return Err(Error::new(message).with_code(pith_abi::exit::NOT_FOUND));
        }
        let mut argv = words(arguments);
        argv.insert(arguments.entrypoint.iter().len(), utf8(path)?);
        if files.has_command() {
            argv.drain(..arguments.entrypoint.iter().len());
            return Ok(Source { words: argv, ..plain(rootfs, files) });
        }
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

pub fn plain(shown: &Path, files: Origin) -> Source {
    Source {
        shown: shown.display().to_string(),
        files,
        kernel: None,
        kernel_args: Vec::new(),
        argv: Vec::new(),
        words: Vec::new(),
        workdir: None,
        user: None,
        stop_signal: None,
        volumes: Vec::new(),
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

pub fn rootfs_files(path: &Path, format: Option<Format>) -> Result<Origin> {
    if let Some(source) = named(path)? {
        return Ok(Origin::Named { source, format });
    }
    let kind = pith_rootfs::source::detect(path).map_err(|error| Error::new(format!("root file system {error}")))?;
    match kind {
        SourceKind::Dockerfile => Ok(Origin::Dockerfile { path: path.to_owned(), format }),
        SourceKind::OciLayout => Ok(Origin::Named { source: pith_image::Source::Layout { path: path.to_owned(), name: None }, format }),
        _ => Ok(Origin::Here(Files::Rootfs { path: path.to_owned(), kind, format })),
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
            return Ok(Source { kernel, argv: words(arguments), ..plain(path, Origin::Here(Files::None)) });
        }
        // Its own name is not resolved: a program may go by the name that it was called with.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = fs::canonicalize(directory).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
        let absolute = directory.join(path.file_name().unwrap_or_default());
        let mut argv = vec![utf8(&absolute)?];
        argv.extend(words(arguments));
        return Ok(Source { argv, ..plain(path, Origin::Here(Files::Program(absolute))) });
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
pub fn runtime_kernel(runtime: &str, directory: &Path, report: &Report) -> Result<Option<PathBuf>> {
    if let Some(path) = runtime.strip_prefix("kernel://") {
        return Ok(Some(directory.join(path)));
    }
    if runtime.is_empty() {
        return Err(Error::new("--runtime \"\": expected kernel://PATH or a name, as in base:latest"));
    }
    report.debug(&format!("runtime {runtime}: using the built-in image"));
    Ok(None)
}
