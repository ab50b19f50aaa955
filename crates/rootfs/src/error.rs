//! What can go wrong, with the file it went wrong at.

use std::io;
use std::path::PathBuf;

/// A root file system that cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum RootfsError {
    /// Something on the host could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An archive or image has something wrong in it.
    #[error("{}: {error}", path.display())]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// What, and where.
        error: Box<EntryError>,
    },
    /// A compressed file could not be decompressed.
    #[error("{}: decompressing {format}: {source}", path.display())]
    Decompress {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What a compressed file holds does not fit on the disk.
    #[error("{}: unpacks to more than {limit} bytes, which is what {} has room for", path.display(), directory.display())]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Where it would be unpacked.
        directory: PathBuf,
        /// How much may be taken there, in bytes.
        limit: u64,
    },
    /// The file is nothing that files can be taken from.
    #[error("{}: {found}; expected {expected}", path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// A file does not fit cpio's 32-bit size.
    #[error("{path}: {size} bytes; a cpio archive holds files up to 4 GiB - 1 byte. EROFS has no such limit: use `--rootfs-type erofs`")]
    TooLargeForCpio {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// The files do not fit EROFS' block numbers, or an attribute its fields.
    #[error("{path}: {what}; more than EROFS can hold")]
    TooLargeForErofs {
        /// The file.
        path: String,
        /// What is too large.
        what: String,
    },
    /// A path that the format cannot hold.
    #[error("{path}: the path is longer than 4095 bytes")]
    NameTooLong {
        /// The path in the root file system.
        path: String,
    },
    /// A directory's entry that no machine should get.
    #[error("{path}: {problem}")]
    BadEntry {
        /// The path in the root file system.
        path: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// More files than the format can number.
    #[error("more files than the format can number (2^32 - 1)")]
    TooMany,
    /// A file got shorter between listing and reading.
    #[error("{path}: the file shrank while it was being packed")]
    Changed {
        /// The file.
        path: String,
    },
    /// The result could not be written.
    #[error("writing the root file system: {0}")]
    Write(#[source] io::Error),
    /// `SOURCE_DATE_EPOCH` is no number of seconds that the formats can hold.
    #[error("SOURCE_DATE_EPOCH is {0:?}; expected seconds since 1970, at most 4294967295")]
    BadEpoch(String),
}

/// What is wrong in an archive or image, and where.
#[derive(Debug, thiserror::Error)]
#[error("byte {offset}{}: {problem}", name.as_ref().map(|name| format!(", entry {name:?}")).unwrap_or_default())]
pub struct EntryError {
    /// Where the entry's header starts, in the archive as it is uncompressed.
    pub offset: u64,
    /// The entry's name, when it could be read.
    pub name: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with an entry.
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
    /// The bytes are no tar header.
    #[error("this is no tar header (its checksum does not match)")]
    NotTar,
    /// Not a field that can be understood.
    #[error("header field {0} is no number")]
    BadField(&'static str),
    /// A pax extended header that cannot be read.
    #[error("the extended header is malformed: {0}")]
    BadPax(&'static str),
    /// A sparse file's map that cannot be right.
    #[error("the map of a sparse file is malformed")]
    BadSparse,
    /// The archive has a kind of entry that is no file.
    #[error("entries of type {0:?} are not supported")]
    EntryType(char),
    /// The archive ends too early.
    #[error("the archive is cut off: {0}")]
    Truncated(&'static str),
    /// The name's length is out of range.
    #[error("name of {0} bytes; expected 1 to 4096")]
    NameLength(u64),
    /// The name does not end in a NUL byte.
    #[error("the name does not end in a NUL byte")]
    Unterminated,
    /// A NUL byte inside a name.
    #[error("the name has a NUL byte in it")]
    NulInName,
    /// The name is absolute.
    #[error("absolute name; expected a path relative to the root")]
    Absolute,
    /// The name leaves the root.
    #[error("the name has a '..' component")]
    DotDot,
    /// A component of the name is too long.
    #[error("a component of the name is longer than 255 bytes")]
    ComponentTooLong,
    /// The whole name is too long.
    #[error("the name is longer than 4095 bytes")]
    PathTooLong,
    /// The file type is unknown.
    #[error("unknown file type in mode {0:o}")]
    BadMode(u32),
    /// A symbolic link without, or with an endless, target.
    #[error("symbolic link with a target of {0} bytes; expected 1 to 4095, none of them NUL")]
    BadSymlink(u64),
    /// The parent is a file or a link.
    #[error("its parent {0:?} is not a directory")]
    ParentNotDirectory(String),
    /// Symbolic links lead in a circle.
    #[error("more than 40 symbolic links on the way, the last of them {0:?}")]
    LinkLoop(String),
    /// A hard link to nothing.
    #[error("hard link to {0:?}, which is not there")]
    LinkTarget(String),
    /// A hard link to a directory.
    #[error("hard link to the directory {0:?}")]
    LinkToDirectory(String),
    /// The root is something else than a directory.
    #[error("the root of the tree is not a directory")]
    RootNotDirectory,
    /// A whiteout of nothing that can be named.
    #[error("a whiteout that names no file")]
    BadWhiteout,
    /// Extended attributes that do not fit.
    #[error("extended attributes of more than 128 KiB, or a name of more than 255 bytes")]
    BadXattrs,
    /// Bytes after the trailer.
    #[error("something that is no archive follows the trailer")]
    JunkAfterTrailer,
    /// An EROFS image that uses something we do not read.
    #[error("the EROFS image uses {0}, which is not supported")]
    ErofsFeature(String),
    /// An EROFS image that contradicts itself.
    #[error("the EROFS image is damaged: {0}")]
    ErofsDamaged(&'static str),
}
