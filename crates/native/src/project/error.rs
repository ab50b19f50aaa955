//! What can go wrong between a project's sources and its program.

use crate::layout::LayoutError;
use std::io;
use std::path::{Path, PathBuf};

/// A native project that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum NativeError {
    /// A program that is not installed.
    #[error("{program} is not installed; it {purpose}. Debian's package is {package}: `apt-get install {package}`")]
    Missing {
        /// The program.
        program: String,
        /// What it is for, as a verb.
        purpose: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// A program that cannot be run.
    #[error("{program} cannot be run: {error}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        error: io::Error,
    },
    /// make refuses the project's file.
    #[error("{} is refused by make:\n{said}", path.display())]
    Makefile {
        /// The file.
        path: PathBuf,
        /// What make said.
        said: String,
    },
    /// A directory that make would take for two.
    #[error("{}: there is a blank in this library's path, and make tells paths apart by blanks", path.display())]
    Blank {
        /// The directory.
        path: PathBuf,
    },
    /// Sources that cannot be had, unpacked or patched.
    #[error("Makefile.uk: sources of {library}: {error}")]
    Origin {
        /// The library that they are for.
        library: String,
        /// Why.
        error: pith_sources::Error,
    },
    /// A variable whose words cannot be told apart.
    #[error("Makefile.uk: {variable} has a quote that does not end: {value}")]
    Quoting {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// A compiler that the user names.
    #[error("{variable}={value}: there is no such program")]
    Compiler {
        /// `CC` or `CXX`.
        variable: String,
        /// What it was set to.
        value: String,
    },
    /// A source in no language that is known.
    #[error("{}: no compiler is known for it (listed in {variable}); expected a name that ends in .c, .cc, .cpp, .cxx, .s or .S", path.display())]
    UnknownKind {
        /// The file.
        path: PathBuf,
        /// Where it is listed.
        variable: String,
    },
    /// Nothing to compile.
    #[error("{}: lists no sources: expected `$(eval $(call addlib,appNAME))` and `APPNAME_SRCS-y += $(APPNAME_BASE)/main.c`", path.display())]
    NoSources {
        /// The Makefile.uk.
        path: PathBuf,
    },
    /// A compiler's, a linker's or cargo's complaint.
    #[error("{what} failed ({status}):\n{said}")]
    Failed {
        /// What was to be done.
        what: String,
        /// How the program ended.
        status: String,
        /// What it said.
        said: String,
    },
    /// A Cargo project without exactly one program.
    #[error("{}: {found}; expected one program: name it with `default-run` or keep one [[bin]]", path.display())]
    Programs {
        /// The Cargo.toml.
        path: PathBuf,
        /// What there is.
        found: String,
    },
    /// A file of ours.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A program that cannot go into an image.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl NativeError {
    /// What a user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Origin { error, .. } => error.help(),
            _ => None,
        }
    }

    /// An error about `path`, for `map_err`.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }
}
