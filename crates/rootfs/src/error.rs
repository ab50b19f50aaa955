//! What can go wrong, with the file it went wrong at.

use std::io;
use std::path::PathBuf;

/// A directory that cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Something on the host could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not fit the format's 32-bit size.
    #[error("{}: {size} bytes; a cpio archive holds files up to 4 GiB - 1 byte. Put it on a volume", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// A path longer than any guest can open.
    #[error("{}: the path is longer than 4095 bytes", path.display())]
    NameTooLong {
        /// The path, relative to the packed directory.
        path: PathBuf,
    },
    /// More than 2^32 - 1 entries.
    #[error("more files than a cpio archive can number")]
    TooMany,
    /// A file got shorter between listing and reading.
    #[error("{}: the file shrank while it was being packed", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The archive could not be written.
    #[error("writing the archive: {0}")]
    Write(#[source] io::Error),
    /// `SOURCE_DATE_EPOCH` is no number of seconds that the format can hold.
    #[error("SOURCE_DATE_EPOCH is {0:?}; expected seconds since 1970, at most 4294967295")]
    BadEpoch(String),
}

/// An archive that no guest should get.
#[derive(Debug, thiserror::Error)]
#[error("byte {offset}{}: {problem}", name.as_ref().map(|name| format!(", entry {name:?}")).unwrap_or_default())]
pub struct CheckError {
    /// Where the entry's header starts in the archive.
    pub offset: u64,
    /// The entry's name, when it could be read.
    pub name: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Reading failed.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// The bytes are no newc header.
    #[error("this is no newc cpio archive{}", found.map(|what| format!(" but {what}")).unwrap_or_default())]
    NotNewc {
        /// The format that the bytes look like.
        found: Option<&'static str>,
    },
    /// A header field is no hexadecimal number.
    #[error("header field {0} is no hexadecimal number")]
    BadField(&'static str),
    /// The archive ends too early.
    #[error("the archive is cut off: {0}")]
    Truncated(&'static str),
    /// The name's length is out of range.
    #[error("name of {0} bytes; expected 1 to 4096")]
    NameLength(u32),
    /// The name does not end in a NUL byte.
    #[error("the name does not end in a NUL byte")]
    Unterminated,
    /// The name is absolute.
    #[error("absolute name; expected a path relative to the root")]
    Absolute,
    /// The name leaves the root.
    #[error("the name has a '..' component")]
    DotDot,
    /// A component of the name is too long.
    #[error("a component of the name is longer than 255 bytes")]
    ComponentTooLong,
    /// The file type is unknown.
    #[error("unknown file type in mode {0:o}")]
    BadMode(u32),
    /// A symbolic link without, or with an endless, target.
    #[error("symbolic link with a target of {0} bytes; expected 1 to 4095")]
    BadSymlink(u32),
    /// The parent is a file or a link.
    #[error("its parent {0:?} is not a directory")]
    ParentNotDirectory(String),
    /// Bytes after the trailer.
    #[error("something that is no archive follows the trailer")]
    JunkAfterTrailer,
}
