//! What to run: from PATH, flags and project files to a root file system and a command.

use super::elf;
use crate::cli::{CreateArgs, Runner};
use crate::error::{Error, Result};
use crate::report::Report;
use pith_kraftfile::{Project, RootfsSource, Runtime, find as kraftfiles};
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
    fn has_command(&self) -> bool {
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
    /// Environment; `None` takes the host's value.
    pub environment: Vec<(String, Option<String>)>,
}

impl Source {
    /// The same with files that are here.
    pub fn with_files(self, files: Files) -> Source<Files> {
        let Self { shown, files: _, kernel, kernel_args, argv, words, workdir, user, stop_signal, environment } = self;
        Source { shown, files, kernel, kernel_args, argv, words, workdir, user, stop_signal, environment }
    }
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
    if source.words.is_empty() {
        source.words = arguments.words.iter().chain(&arguments.rest).cloned().collect();
    }
    if let Some(runtime) = &arguments.runtime {
        source.kernel = runtime_kernel(runtime, Path::new("."), report)?;
    }
    Ok(source)
}

fn detect(arguments: &CreateArgs, report: &Report) -> Result<Source> {
    if let Some(file) = &arguments.kraftfile {
        let directory = arguments.path.clone().unwrap_or_else(|| PathBuf::from("."));
        return project(file, &directory, arguments, report);
    }
    let Some(path) = &arguments.path else {
        if let Some(rootfs) = &arguments.rootfs {
            return of_rootfs(rootfs, rootfs, arguments);
        }
        let file = kraftfiles::find(Path::new("."))?;
        let directory = file.parent().unwrap_or(Path::new(".")).to_owned();
        return project(&file, &directory, arguments, report);
    };
    if path.is_dir()
        && let Some(file) = kraftfiles::find_in(path)?
    {
        return project(&file, path, arguments, report);
    }
    if arguments.runner == Some(Runner::KraftfileRuntime) {
        return Err(Error::new(format!("--as kraftfile-runtime: there is no Kraftfile in {}", path.display())));
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

fn plain(shown: &Path, files: Origin) -> Source {
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

fn rootfs_files(path: &Path, format: Option<Format>) -> Result<Origin> {
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

/// What a project's `rootfs` means. Only a text that no path looks like is an image's name: a directory that was not made yet is no image.
fn project_files(rootfs: &RootfsSource, directory: &Path, file: &pith_kraftfile::Source) -> Result<Origin> {
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

/// A project of the `runtime:` kind.
fn project(file: &Path, directory: &Path, arguments: &CreateArgs, report: &Report) -> Result<Source> {
    let (name, text) = if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Error::new(format!("reading a Kraftfile from standard input: {error}")))?;
        ("(standard input)".to_owned(), text)
    } else {
        let text = fs::read_to_string(file).map_err(|error| Error::new(format!("{}: {error}", file.display())))?;
        (file.display().to_string(), text)
    };
    let project = Project::parse(&name, &text, &|variable| std::env::var(variable).ok())?;
    for warning in &project.warnings {
        report.warn(&format!("{name}:{}:{}: {}", warning.line, warning.column, warning.message));
    }
    if let Some(volume) = project.volumes.first() {
        let message = format!("{name}:{}:{}: volumes are not supported yet", volume.line, volume.column);
        return Err(Error::new(message).with_help("put the files into the root file system"));
    }
    let runtime = project.runtime.as_ref().filter(|_| !project.builds_kernel()).ok_or_else(|| {
        let message = format!("{name}: this project builds its own kernel, which is not supported yet");
        Error::new(message).with_help("replace `unikraft:`/`template:` by `runtime: base:latest`")
    })?;
    let kernel = match runtime {
        Runtime::Kernel(path) => Some(directory.join(path)),
        Runtime::Image(image) => runtime_kernel(image, directory, report)?,
    };
    let files = match (&arguments.rootfs, &project.rootfs) {
        (Some(path), _) => rootfs_files(path, None)?,
        (None, Some(rootfs)) => project_files(rootfs, directory, &pith_kraftfile::Source::new(&name, &text, "yaml"))?,
        (None, None) => Origin::Here(Files::None),
    };
    let given = words(arguments);
    // What the user's words mean to an image, the image's own entry point decides.
    let argv = if given.is_empty() || files.has_command() { project.cmd.clone() } else { given };
    if argv.is_empty() && !files.has_command() {
        let message = format!("{name}: no 'cmd' and no command on the command line: there is nothing to run");
        return Err(Error::new(message).with_help("add for example `cmd: [\"/server\"]`"));
    }
    if matches!(files, Origin::Here(Files::None)) {
        let message = format!("{name}: no 'rootfs': there is no file to run {:?} from", argv.first().map_or("", |s| s));
        return Err(Error::new(message).with_help("add for example `rootfs: ./rootfs`"));
    }
    Ok(Source {
        kernel,
        kernel_args: project.kernel_args,
        argv,
        environment: project.env.into_iter().map(|entry| (entry.name, entry.value)).collect(),
        ..plain(directory, files)
    })
}
