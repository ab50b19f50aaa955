//! What can go wrong.

use core::fmt;
use uapi::Errno;

/// A result with an [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

/// An error: Linux's number for it, and what it means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error {
    errno: Errno,
    kind: ErrorKind,
}

/// What an error means, as far as programs go different ways by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such file.
    NotFound,
    /// It is not allowed.
    PermissionDenied,
    /// Nobody listens there.
    ConnectionRefused,
    /// The other side has gone away.
    ConnectionReset,
    /// The connection was given up.
    ConnectionAborted,
    /// It is not connected.
    NotConnected,
    /// Somebody else has the address.
    AddrInUse,
    /// The machine has no such address.
    AddrNotAvailable,
    /// No way leads there.
    HostUnreachable,
    /// Nobody reads what is written.
    BrokenPipe,
    /// It is there already.
    AlreadyExists,
    /// Nothing can be done now.
    WouldBlock,
    /// It is no directory.
    NotADirectory,
    /// It is a directory.
    IsADirectory,
    /// The directory has something in it.
    DirectoryNotEmpty,
    /// The file system cannot be written to.
    ReadOnlyFilesystem,
    /// An argument makes no sense.
    InvalidInput,
    /// It is not what it should be.
    InvalidData,
    /// Time is over.
    TimedOut,
    /// Nothing more was taken.
    WriteZero,
    /// The end came too early.
    UnexpectedEof,
    /// Memory is used up.
    OutOfMemory,
    /// It is not supported.
    Unsupported,
    /// Anything else.
    Other,
}

/// Number, meaning and words of the errors that programs meet.
const KNOWN: [(Errno, ErrorKind, &str); 29] = [
    (Errno::ENOENT, ErrorKind::NotFound, "no such file or directory"),
    (Errno::EACCES, ErrorKind::PermissionDenied, "permission denied"),
    (Errno::EPERM, ErrorKind::PermissionDenied, "operation not permitted"),
    (Errno::ECONNREFUSED, ErrorKind::ConnectionRefused, "connection refused"),
    (Errno::ECONNRESET, ErrorKind::ConnectionReset, "connection reset by peer"),
    (Errno::ECONNABORTED, ErrorKind::ConnectionAborted, "connection aborted"),
    (Errno::ENOTCONN, ErrorKind::NotConnected, "not connected"),
    (Errno::EADDRINUSE, ErrorKind::AddrInUse, "address in use"),
    (Errno::EADDRNOTAVAIL, ErrorKind::AddrNotAvailable, "address not available"),
    (Errno::EHOSTUNREACH, ErrorKind::HostUnreachable, "host unreachable"),
    (Errno::ENETUNREACH, ErrorKind::HostUnreachable, "network unreachable"),
    (Errno::EPIPE, ErrorKind::BrokenPipe, "broken pipe"),
    (Errno::EEXIST, ErrorKind::AlreadyExists, "file exists"),
    (Errno::EAGAIN, ErrorKind::WouldBlock, "would have to wait"),
    (Errno::EINPROGRESS, ErrorKind::WouldBlock, "in progress"),
    (Errno::ENOTDIR, ErrorKind::NotADirectory, "not a directory"),
    (Errno::EISDIR, ErrorKind::IsADirectory, "is a directory"),
    (Errno::ENOTEMPTY, ErrorKind::DirectoryNotEmpty, "directory not empty"),
    (Errno::EROFS, ErrorKind::ReadOnlyFilesystem, "read-only file system"),
    (Errno::EINVAL, ErrorKind::InvalidInput, "invalid argument"),
    (Errno::ETIMEDOUT, ErrorKind::TimedOut, "timed out"),
    (Errno::ENOMEM, ErrorKind::OutOfMemory, "out of memory"),
    (Errno::EOPNOTSUPP, ErrorKind::Unsupported, "not supported"),
    (Errno::ENOSYS, ErrorKind::Unsupported, "not supported"),
    (Errno::EBADF, ErrorKind::InvalidInput, "not opened for this"),
    (Errno::EMSGSIZE, ErrorKind::InvalidInput, "message too long"),
    (Errno::ENAMETOOLONG, ErrorKind::InvalidInput, "name too long"),
    (Errno::ELOOP, ErrorKind::InvalidInput, "too many symbolic links"),
    (Errno::ENOBUFS, ErrorKind::OutOfMemory, "no room for buffers"),
];

impl Error {
    pub(crate) const UNEXPECTED_EOF: Self = Self { errno: Errno::ENODATA, kind: ErrorKind::UnexpectedEof };
    pub(crate) const WRITE_ZERO: Self = Self { errno: Errno::EIO, kind: ErrorKind::WriteZero };
    pub(crate) const NOT_UTF8: Self = Self { errno: Errno::EILSEQ, kind: ErrorKind::InvalidData };

    /// The error of this number.
    pub fn from_raw_os_error(code: i32) -> Self {
        u16::try_from(code).ok().and_then(Errno::from_code).unwrap_or(Errno::EINVAL).into()
    }

    /// Linux's number (errno(3)).
    pub fn raw_os_error(&self) -> i32 {
        self.errno.code().into()
    }

    /// What it means.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        let kind = KNOWN.iter().find(|known| known.0 == errno).map_or(ErrorKind::Other, |known| known.1);
        Self { errno, kind }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.kind {
            ErrorKind::UnexpectedEof => "the end came too early",
            ErrorKind::WriteZero => "nothing more was taken",
            ErrorKind::InvalidData => "not UTF-8",
            _ => KNOWN.iter().find(|known| known.0 == self.errno).map_or("error", |known| known.2),
        };
        write!(f, "{words} ({})", self.errno)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn errors_have_linux_numbers_and_words() {
        let error = Error::from(Errno::ECONNREFUSED);
        assert_eq!((error.raw_os_error(), error.kind()), (111, ErrorKind::ConnectionRefused));
        assert_eq!(error.to_string(), "connection refused (ECONNREFUSED)");
        assert_eq!(Error::from(Errno::EXDEV).to_string(), "error (EXDEV)");
        assert_eq!(Error::from_raw_os_error(2).kind(), ErrorKind::NotFound);
        assert_eq!(Error::UNEXPECTED_EOF.to_string(), "the end came too early (ENODATA)");
    }
}
