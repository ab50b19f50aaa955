//! What can be wrong with an archive.

use core::fmt;

/// Where and why loading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Offset in the archive, in bytes, of the header concerned.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Ends inside a header, name or contents, or without the trailer.
    Truncated,
    /// No newc header where one should be.
    BadMagic,
    /// Compressed (the name of the format).
    Compressed(&'static str),
    /// The old portable or binary cpio format.
    OtherCpio,
    /// A header field is not eight hexadecimal digits.
    BadNumber,
    /// The name is empty, has no NUL at its end or is longer than a path may be.
    BadName,
    /// A part of the name is longer than 255 bytes.
    LongComponent,
    /// The name has a `..` in it.
    DotDot,
    /// The type bits of the mode are none that Linux knows.
    BadType,
    /// A symbolic link without a target, or with one longer than a path may be.
    BadTarget,
    /// What should be the parent directory is something else.
    ParentNotDirectory,
    /// Takes the place of a directory that is not empty.
    ReplacesDirectory,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.reason {
            Reason::Truncated => "the archive ends in the middle of an entry or without its trailer",
            Reason::BadMagic => "no cpio header (expected 070701)",
            Reason::Compressed(format) => {
                return write!(f, "initrd offset {}: compressed with {format}, expected a plain newc cpio archive", self.offset);
            }
            Reason::OtherCpio => "an old cpio format, expected newc (cpio -H newc)",
            Reason::BadNumber => "a header field is not hexadecimal",
            Reason::BadName => "a name is empty, not terminated or too long",
            Reason::LongComponent => "a part of a name is longer than 255 bytes",
            Reason::DotDot => "a name contains '..'",
            Reason::BadType => "unknown file type in the mode",
            Reason::BadTarget => "a symbolic link's target is empty or too long",
            Reason::ParentNotDirectory => "the parent of an entry is not a directory",
            Reason::ReplacesDirectory => "an entry takes the place of a directory that is not empty",
        };
        write!(f, "initrd offset {}: {text}", self.offset)
    }
}
