//! `pith build`: a project's kernel, its root file system, or both.
//!
//! [`choice`] says what is in the kernel, [`needs`] whether that will do, [`kernel`] has the kernel built or finds it, [`rootfs`] packs the files,
//! [`native`] builds the program of a project with sources, [`carried`] puts either into the kernel where that is wanted, [`artifacts`] shows what was made, [`stats`] what
//! the kernel consists of.

pub mod artifacts;
mod carried;
pub mod choice;
pub mod kernel;
pub mod native;
mod needs;
pub mod rootfs;
mod stats;

use super::project::Loaded;
use crate::cli::{BuildArgs, BuildProjectArgs};
use crate::components::{self, Network};
use crate::error::{Error, Result};
use crate::lease::Lease;
use crate::project::{self, Opened};
use crate::report::Report;
use crate::settings::Settings;
use crate::variables::{Choice, Part};
use artifacts::Artifact;
use choice::Chosen;
use pith_builder::{Info, Kernel};
use pith_kraftfile::Target;
use pith_machine::{Store, paths};
use rootfs::Built;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// One call of `pith build`.
pub struct Job<'a> {
    pub settings: &'a Settings,
    pub store: &'a Store,
    pub arguments: &'a BuildProjectArgs,
    pub report: &'a Report,
    pub opened: &'a Opened,
    /// Flags for Dockerfiles and images.
    pub dockerfile: BuildArgs,
}

/// Carries out `pith build`.
///
/// # Errors
/// Whatever keeps something from being built.
pub fn build(settings: &Settings, arguments: &BuildProjectArgs, report: &Report) -> Result<u8> {
    if let Some((flag, why)) = arguments.refused() {
        return Err(Error::new(format!("--{flag} is not supported: {why}")));
    }
    let choice = Choice { targets: arguments.project.clone(), basis: arguments.basis() };
    let opened = project::open(arguments.path.as_deref(), Part::All, choice, report)?;
    let network = if arguments.no_fetch { Network::Never } else { Network::Missing };
    let (opened, _) = components::complete(opened, network, report)?;
    let store = settings.store()?;
    let job = Job { settings, store: &store, arguments, report, opened: &opened, dockerfile: dockerfile(arguments) };
    let outdir = opened.outdir(arguments.output.as_deref());
    // The flags must fit even where the kernel is built already.
    let mut targets = opened.filtered(&arguments.project)?;
    let loaded = opened.project.builds_kernel().then(|| Loaded::of(&opened)).transpose()?;
    match &loaded {
        None => targets.clear(),
        Some(loaded) if !arguments.all => targets = vec![loaded.pick(settings, targets, report)?],
        Some(_) => {}
    }
    if arguments.kernel.is_some() && targets.len() > 1 {
        return Err(Error::new("--kernel names one file, and several targets are to be built").with_help("choose one with --target"));
    }
    if arguments.explain {
        return job.explain(loaded.as_ref(), &targets);
    }
    // What is found in the caches must be there until it was copied.
    let _lease = Lease::shared(&store)?;
    let mut made = Vec::new();
    let rootfs = rootfs::build(&job, &outdir)?;
    for (loaded, target) in loaded.iter().flat_map(|loaded| targets.iter().map(move |target| (loaded, target))) {
        made.extend(job.kernel(loaded, target, &outdir, rootfs.as_ref())?);
    }
    made.extend(rootfs.map(|built| Artifact { what: "initramfs", target: String::new(), path: built.path, size: built.size }));
    if made.is_empty() {
        return Err(Error::new(format!("{}: nothing to build: it has no kernel and no root file system of its own", opened.file)));
    }
    artifacts::show(&made, arguments.format, settings, report)?;
    Ok(0)
}

/// Flags for Dockerfiles, with what kraft calls by other names.
fn dockerfile(arguments: &BuildProjectArgs) -> BuildArgs {
    let pull = match (arguments.force_pull, arguments.no_fetch) {
        (true, _) => "always".to_owned(),
        (false, true) => "never".to_owned(),
        (false, false) => arguments.build.pull.clone(),
    };
    BuildArgs { pull, ..arguments.build.clone() }
}

impl Job<'_> {
    /// Shows what would be in the kernels, and why.
    fn explain(&self, loaded: Option<&Loaded>, targets: &[Target]) -> Result<u8> {
        let Some(loaded) = loaded else {
            return Err(Error::new(format!("--explain: {} builds no kernel: its runtime is built already", self.opened.file)));
        };
        for target in targets {
            print!("target: {}\n{}", target.shown(), choice::choose(&self.into(), loaded, target)?.explanation);
        }
        Ok(0)
    }

    /// Builds the kernel for one target and puts its files in their place.
    fn kernel(&self, loaded: &Loaded, target: &Target, outdir: &Path, rootfs: Option<&Built>) -> Result<Vec<Artifact>> {
        let core = kernel::core(self.opened, self.store, self.report)?;
        let chosen = choice::choose(&self.into(), loaded, target)?;
        needs::check(&chosen, rootfs, &self.opened.file)?;
        // Before the kernel, which takes longer and is the same whatever is wrong here.
        let program = native::build(self, &chosen, &kernel::compilers(self.arguments), outdir)?;
        let application = chosen.is_application().then_some(self.opened.directory.as_path());
        if application.is_some() {
            show_sources(&core, &self.opened.directory)?;
        }
        let kernel = kernel::build(self, &core, &chosen.configuration, application, &target.shown())?;
        let to = self.arguments.kernel.clone().unwrap_or_else(|| self.opened.kernel(target, outdir));
        let debug = read(&kernel.debug())?;
        let bare = if self.arguments.dbg { debug.clone() } else { read(&kernel.image())? };
        let plain = pith_builder::describe(&bare, &self.info(target, &kernel, &chosen));
        let image = carried::add(self, plain, &chosen, rootfs, program.as_ref().map(|built| &built.laid_out))?;
        let mut made: Vec<Artifact> = program.iter().map(|built| native::artifact(built, target)).collect();
        let files = [("kernel", image, ""), ("debug", debug, ".dbg"), ("symbols", read(&kernel.symbols())?, ".sym")];
        for (what, content, suffix) in files {
            let path = suffixed(&to, suffix);
            put(&path, &content).map_err(cannot_write(&path))?;
            made.push(Artifact { what, target: target.shown(), path, size: content.len() as u64 });
        }
        if self.arguments.print_stats {
            stats::show(&pith_builder::sizes(&to, &kernel.debug(), &kernel.record.libraries)?, self.arguments.format)?;
        }
        Ok(made)
    }

    /// What the kernel will say about itself.
    fn info(&self, target: &Target, kernel: &Kernel, chosen: &Chosen) -> Info {
        let record = &kernel.record;
        Info {
            name: self.opened.name(),
            target: target.shown(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            preset: chosen.preset.clone(),
            core: record.core.clone(),
            compiler: record.compiler.lines().next().unwrap_or_default().to_owned(),
            linker: record.linker.clone(),
            flags: record.flags.clone(),
            features: record.features.clone(),
            libraries: record.libraries.clone(),
            configuration: chosen.values.clone(),
            embeds_rootfs: chosen.embeds_rootfs,
            carries_program: chosen.carries_program(),
        }
    }
}

/// Where a project finds the core's sources, for `cargo check` and editors: `.cargo/config.toml` has the path of `pith-app` below it.
const SOURCES: &str = ".unikraft/pith";

/// Makes [`SOURCES`] a link to the core.
fn show_sources(core: &pith_builder::Core, directory: &Path) -> Result<()> {
    let link = directory.join(SOURCES);
    if fs::read_link(&link).is_ok_and(|target| target == core.root()) {
        return Ok(());
    }
    let made = link.parent().map_or(Ok(()), create_dir).and_then(|()| match fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => std::os::unix::fs::symlink(core.root(), &link),
    });
    made.map_err(|error| Error::new(format!("{}: {error}", link.display())))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::new(format!("{}: {error}", path.display())))
}

/// A path with something after its name.
pub fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// For results that cannot be put where they are wanted.
fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::new(format!("{}: {error}", path.display())).with_help("choose another place for results with --output")
}

/// What names of files begin with that are not complete yet.
pub const HALF_WRITTEN: &str = ".pith-";

/// Writes a file in one step, unless that is what it holds already.
///
/// # Errors
/// Those of the file system.
pub fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() == content.len() as u64) && fs::read(path)? == content {
        return Ok(());
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir(directory)?;
    let mode = fs::Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new().prefix(HALF_WRITTEN).permissions(mode).tempfile_in(directory)?;
    file.write_all(content)?;
    paths::give_to_user(file.path());
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Makes a directory of a project, with its parents; what is new belongs to the user behind sudo.
pub fn create_dir(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_dir(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    paths::give_to_user(path);
    Ok(())
}
