//! The root file system of a project, as one file.
//!
//! What it was made from is noted in a file beside it: nothing is packed again that has not changed.

use super::{Job, put};
use crate::build::Build;
use crate::cli::RootfsType;
use crate::error::{Error, Result};
use crate::run::project;
use crate::run::source::{self, Files, Origin};
use pith_image::Image;
use pith_image::spec::RunConfig;
use pith_rootfs::source::{Loaded, Owners, Request};
use pith_rootfs::{Format, Plan, SourceKind, SourceOptions, Tree};
use serde::{Deserialize, Serialize};
use std::fs::{self, Metadata};
use std::io::{self, BufWriter};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Name of the file, without what its format adds.
const NAME: &str = "initramfs-x86_64";

/// A root file system that is ready.
#[derive(Debug)]
pub struct Built {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// What it is; `None` for a file as it is, whatever it is.
    pub format: Option<Format>,
    /// What the image that it comes from says about its program.
    pub config: RunConfig,
}

/// What is noted about a root file system.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    /// Digest of everything that it depends on.
    key: String,
    /// Name of the file that was made.
    file: String,
    /// Its length in bytes.
    size: u64,
}

/// Where the files come from, after images were built or got.
enum Input {
    Here { path: PathBuf, kind: SourceKind },
    Image(Box<Image>),
}

/// Makes a project's root file system, if it has one.
///
/// # Errors
/// Whatever keeps it from being built or packed.
pub fn build(job: &Job<'_>, outdir: &Path) -> Result<Option<Built>> {
    let arguments = job.arguments;
    if arguments.no_rootfs {
        return Ok(None);
    }
    let origin = match &arguments.rootfs {
        Some(path) if arguments.rootfs_type == RootfsType::File => return copy(job, path, outdir).map(Some),
        Some(path) => Some(source::rootfs_files(path, None)?),
        None => project::rootfs(job.opened)?,
    };
    let Some(origin) = origin else { return Ok(None) };
    let asked = |format: Option<Format>| match arguments.rootfs_type {
        RootfsType::Auto | RootfsType::File => format,
        RootfsType::Cpio => Some(Format::Cpio),
        RootfsType::Erofs => Some(Format::Erofs),
    };
    let make = Build { settings: job.settings, store: job.store, arguments: &job.dockerfile, report: job.report };
    let (input, asked) = match origin {
        Origin::Dockerfile { path, format } => (Input::Image(Box::new(make.dockerfile(&path)?)), asked(format)),
        Origin::Named { source, format } => (Input::Image(Box::new(make.image(&source)?)), asked(format)),
        Origin::Here(Files::Rootfs { path, .. }) if arguments.rootfs_type == RootfsType::File => return copy(job, &path, outdir).map(Some),
        Origin::Here(Files::Rootfs { path, kind, format }) => (Input::Here { path, kind }, asked(format)),
        Origin::Here(Files::None | Files::Program(_) | Files::Image { .. }) => return Ok(None),
    };
    let owners = if arguments.keep_file_owners { Owners::Keep } else { Owners::Root };
    let mut built = pack(job, &input, asked, owners, outdir)?;
    if let Input::Image(image) = input {
        built.config = image.config.config;
    }
    Ok(Some(built))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error {
    move |error| Error::new(format!("{}: {error}", path.display()))
}

/// A file as it is, whatever it is.
fn copy(job: &Job<'_>, path: &Path, outdir: &Path) -> Result<Built> {
    let content = fs::read(path).map_err(failed(path))?;
    let to = outdir.join(NAME);
    put(&to, &content).map_err(failed(&to))?;
    job.report.debug(&format!("{}: used as it is", path.display()));
    Ok(Built { path: to, size: content.len() as u64, format: None, config: RunConfig::default() })
}

fn pack(job: &Job<'_>, input: &Input, asked: Option<Format>, owners: Owners, outdir: &Path) -> Result<Built> {
    let epoch_text = std::env::var("SOURCE_DATE_EPOCH").ok();
    let epoch = pith_rootfs::sink::epoch(epoch_text.as_deref())?;
    let mut key = format!("{} {asked:?} {owners:?} {epoch_text:?}\n", env!("CARGO_PKG_VERSION"));
    match input {
        Input::Here { path, kind } => {
            key += &format!("{kind:?} {}\n", fs::canonicalize(path).unwrap_or_else(|_| path.clone()).display());
            state(path, Path::new(""), &mut key).map_err(failed(path))?;
        }
        Input::Image(image) => key += &serde_json::to_string(&image.config).map_err(|error| Error::new(error.to_string()))?,
    }
    let key = pith_builder::digest(key.as_bytes());
    let note = outdir.join(format!("{NAME}.stamp"));
    if let Some(built) = unchanged(&note, &key, outdir)
        && !job.arguments.build.no_cache
    {
        job.report.debug(&format!("{}: nothing has changed", built.path.display()));
        return Ok(built);
    }
    let options = SourceOptions { scratch: Some(outdir.to_owned()) };
    super::create_dir(outdir).map_err(super::cannot_write(outdir))?;
    let (tree, format) = match input {
        Input::Here { path, kind } => {
            job.report.info(&format!("packing the root file system from {}", path.display()));
            match pith_rootfs::source::load(path, *kind, &Request { format: asked, owners, epoch, options })? {
                Loaded::Tree { tree, format } => (tree, format),
                Loaded::Ready { format, .. } => {
                    let content = fs::read(path).map_err(failed(path))?;
                    let to = outdir.join(file_name(format));
                    put(&to, &content).map_err(failed(&to))?;
                    return noted(&note, key, format, content.len() as u64, outdir);
                }
            }
        }
        Input::Image(image) => {
            job.report.info("packing the root file system");
            // Its owners are part of the image, as its user is.
            let mut tree = Tree::from_image(image, &options)?;
            if let Some(epoch) = epoch {
                tree.set_times(epoch);
            }
            (tree, asked.unwrap_or_default())
        }
    };
    let plan = Plan::new(&tree, format)?;
    tree.notes.iter().chain(&plan.packed().notes).for_each(|note| job.report.warn(note));
    let to = outdir.join(file_name(format));
    let permissions = fs::Permissions::from_mode(0o644);
    let file = tempfile::Builder::new().prefix(".pith-").permissions(permissions).tempfile_in(outdir).map_err(failed(outdir))?;
    plan.write(BufWriter::with_capacity(1 << 18, file.as_file()))?;
    pith_machine::paths::give_to_user(file.path());
    file.persist(&to).map_err(|error| failed(&to)(error.error))?;
    noted(&note, key, format, plan.packed().bytes, outdir)
}

fn file_name(format: Format) -> &'static str {
    match format {
        Format::Cpio => "initramfs-x86_64.cpio",
        Format::Erofs => "initramfs-x86_64.erofs",
    }
}

/// The root file system that was made before from the same.
fn unchanged(note: &Path, key: &str, outdir: &Path) -> Option<Built> {
    let stamp: Stamp = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    let path = outdir.join(&stamp.file);
    let is_same = stamp.key == key && fs::metadata(&path).is_ok_and(|metadata| metadata.len() == stamp.size);
    let format = [Format::Cpio, Format::Erofs].into_iter().find(|format| file_name(*format) == stamp.file);
    is_same.then_some(Built { path, size: stamp.size, format, config: RunConfig::default() })
}

/// Notes what was made. The other format's file, if there is one, is not this project's any more.
fn noted(note: &Path, key: String, format: Format, size: u64, outdir: &Path) -> Result<Built> {
    let name = file_name(format);
    let stamp = Stamp { key, file: name.to_owned(), size };
    let text = serde_json::to_vec(&stamp).map_err(|error| Error::new(error.to_string()))?;
    put(note, &text).map_err(failed(note))?;
    for other in [Format::Cpio, Format::Erofs].map(file_name).into_iter().filter(|other| *other != name) {
        match fs::remove_file(outdir.join(other)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&outdir.join(other))(error)),
            _ => {}
        }
    }
    Ok(Built { path: outdir.join(name), size, format: Some(format), config: RunConfig::default() })
}

/// What tells a changed file from an unchanged one, for everything at `path`.
fn state(root: &Path, inside: &Path, out: &mut String) -> io::Result<()> {
    // The root itself may be a link, or a single file, to whose name nothing can be added, not even an empty one.
    let is_root = inside.as_os_str().is_empty();
    let path = if is_root { root.to_owned() } else { root.join(inside) };
    let metadata = if is_root { fs::metadata(&path)? } else { fs::symlink_metadata(&path)? };
    out.push_str(&line(inside, &metadata));
    if metadata.is_dir() {
        let mut names: Vec<_> = fs::read_dir(&path)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<_>>()?;
        names.sort();
        names.iter().try_for_each(|name| state(root, &inside.join(name), out))?;
    }
    Ok(())
}

fn line(inside: &Path, metadata: &Metadata) -> String {
    // A directory's own time changes with what is in it, which is listed anyway.
    let (size, changed) = if metadata.is_dir() { (0, (0, 0)) } else { (metadata.len(), (metadata.ctime(), metadata.ctime_nsec())) };
    let (mode, uid, gid, ino) = (metadata.mode(), metadata.uid(), metadata.gid(), metadata.ino());
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    format!("{:?} {mode:o} {uid} {gid} {ino} {size} {modified:?} {changed:?}\n", inside.as_os_str())
}
