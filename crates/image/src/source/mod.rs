//! Where an image comes from, as a user says it.

mod archive;
mod daemon;

pub use archive::{load, looks_like_image};
pub(crate) use daemon::export as export_from_daemon;

use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::reference::Reference;
use std::path::{Path, PathBuf};

/// A source of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// By name: the local store, then the registry.
    Named(Reference),
    /// A layout: `oci:PATH[:NAME]`.
    Layout {
        /// The directory.
        path: PathBuf,
        /// Which image in it.
        name: Option<String>,
    },
    /// A tar archive of a layout, or what `docker save` writes: `oci-archive:PATH[:NAME]`, `docker-archive:PATH[:NAME]`.
    Archive {
        /// The file, perhaps compressed with gzip or zstd.
        path: PathBuf,
        /// Which image in it.
        name: Option<String>,
    },
    /// The images of a Docker engine: `docker-daemon:NAME`.
    Daemon(Reference),
}

impl Source {
    /// Reads what a user wrote: a name with or without `docker://`, one of the forms above, or a path that starts with `/`, `./` or `../`.
    ///
    /// # Errors
    /// A name that is none; a scheme that Pith does not have.
    pub fn parse(text: &str) -> Result<Self> {
        for prefix in ["docker://", "oci://", "https://", "http://"] {
            if let Some(name) = text.strip_prefix(prefix) {
                return Ok(Self::Named(name.parse()?));
            }
        }
        if ["/", "./", "../"].iter().any(|start| text.starts_with(start)) {
            return Ok(Self::from_path(PathBuf::from(text), None));
        }
        match text.split_once(':') {
            Some(("oci", rest)) => {
                let (path, name) = split_path(rest);
                Ok(Self::Layout { path, name })
            }
            Some(("oci-archive" | "docker-archive", rest)) => {
                let (path, name) = split_path(rest);
                Ok(Self::Archive { path, name })
            }
            Some(("docker-daemon", name)) => Ok(Self::Daemon(name.parse()?)),
            Some((scheme @ ("containers-storage" | "dir" | "ostree" | "sif" | "tarball"), _)) => Err(Error::Unsupported {
                reference: text.to_owned(),
                problem: format!("images from `{scheme}:` are not supported; copy it to `oci:PATH` with skopeo first"),
            }),
            _ => Ok(Self::Named(text.parse()?)),
        }
    }

    fn from_path(path: PathBuf, name: Option<String>) -> Self {
        if path.is_dir() { Self::Layout { path, name } } else { Self::Archive { path, name } }
    }

    /// The source that a file or directory is by its content: a layout, or an archive of one or from `docker save`. `None` for everything else.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn detect(path: &Path) -> Result<Option<Self>> {
        let is_image = if path.is_dir() { Layout::is_layout(path) } else { looks_like_image(path)? };
        Ok(is_image.then(|| Self::from_path(path.to_owned(), None)))
    }
}

/// Whether a source is a file or directory by its scheme.
pub(crate) fn is_file(text: &str) -> bool {
    matches!(text.split_once(':'), Some(("oci", rest)) if !rest.starts_with("//"))
        || matches!(text.split_once(':'), Some(("oci-archive" | "docker-archive", _)))
        || text.starts_with(['/', '.'])
}

/// `PATH[:NAME]`. A colon may be part of the path, if that is there; else the first one ends it.
fn split_path(text: &str) -> (PathBuf, Option<String>) {
    if Path::new(text).exists() {
        return (PathBuf::from(text), None);
    }
    let splits = || text.match_indices(':').filter_map(|(at, _)| Some((text.get(..at)?, text.get(at + 1..)?)));
    match splits().find(|(path, _)| Path::new(path).exists()).or_else(|| splits().next()) {
        Some((path, name)) => (PathBuf::from(path), Some(name.to_owned()).filter(|name| !name.is_empty())),
        None => (PathBuf::from(text), None),
    }
}
