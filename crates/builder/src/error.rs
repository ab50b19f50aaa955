//! What keeps a kernel from being built, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A build that failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A project whose program cannot become part of the kernel.
    #[error("{}: {problem}", path.display())]
    Application {
        /// Its Cargo.toml.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file or directory that cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory that is not the core's sources.
    #[error("{} is no checkout of Pith's core: it has no {missing}", .path.display())]
    NotACore {
        /// Which.
        path: PathBuf,
        /// What every core has.
        missing: &'static str,
    },
    /// This program has no sources in it.
    #[error("built without the kernel's sources")]
    NotEmbedded,
    /// The embedded sources cannot be unpacked.
    #[error("the kernel's sources in this program are damaged: {0}")]
    BadArchive(String),
    /// A program that is not there.
    #[error("{program} was not found, and a kernel is built with it")]
    MissingProgram {
        /// Its name.
        program: String,
        /// How to get it.
        help: &'static str,
    },
    /// A program that does not do what it is for.
    #[error("{program} does not work: {problem}")]
    BrokenProgram {
        /// Its name and arguments.
        program: String,
        /// What it said.
        problem: String,
    },
    /// A compiler that is too old.
    #[error("{rustc} is version {found}, and the kernel needs {needed} or later")]
    OldCompiler {
        /// Where it is.
        rustc: String,
        /// Its version.
        found: String,
        /// The least that will do.
        needed: &'static str,
    },
    /// The compiler has no standard library for the kernel's target.
    #[error("{rustc} has no library for {target}")]
    MissingTarget {
        /// Where it is.
        rustc: String,
        /// What is missing.
        target: &'static str,
    },
    /// The compiler refused.
    #[error("the kernel does not compile:\n{lines}")]
    Compile {
        /// What it said, as far as it matters.
        lines: String,
        /// Where all of it is.
        log: Option<PathBuf>,
    },
    /// What the compiler made is not what was expected of it.
    #[error("{}: {problem}", .path.display())]
    BadImage {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl BuildError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Io { source, path }
                if source.kind() == io::ErrorKind::PermissionDenied || source.kind() == io::ErrorKind::ReadOnlyFilesystem =>
            {
                let place = path.parent().unwrap_or(Path::new("/")).display();
                format!("make {place} writable, or choose another place with --output")
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "a build needs about 300 MB for what the compiler makes".to_owned()
            }
            Self::NotEmbedded => "name a checkout of Pith in the Kraftfile: `pith: {source: /path/to/pith}`".to_owned(),
            Self::NotACore { .. } => "expected the directory that has kernel/ and crates/pith-abi/ in it".to_owned(),
            Self::MissingProgram { help, .. } => (*help).to_owned(),
            Self::OldCompiler { .. } => "`rustup update stable`".to_owned(),
            Self::MissingTarget { target, .. } => format!("`rustup target add {target}`"),
            Self::Compile { log: Some(log), .. } => format!("all of it is in {}", log.display()),
            Self::Compile { log: None, .. } => "--build-log FILE keeps all that the compiler says".to_owned(),
            _ => return None,
        })
    }

    /// For `map_err`: an input or output error with its path.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, BuildError>;
