//! Reading, writing, errors, and the three standard streams, as in `std::io`.

mod error;
#[cfg(feature = "machine")]
mod stdio;

pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "machine")]
pub use stdio::{_print, Stderr, Stdin, Stdout, stderr, stdin, stdout};

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What can be read from.
pub trait Read {
    /// Moves what is there into `buf`; 0 at the end.
    ///
    /// # Errors
    /// What keeps it from reading.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize>;

    /// Fills `buf`.
    ///
    /// # Errors
    /// The end came first ([`ErrorKind::UnexpectedEof`]).
    fn read_exact(&mut self, mut buf: &mut [u8]) -> Result<()> {
        while !buf.is_empty() {
            match self.read(buf)? {
                0 => return Err(Error::UNEXPECTED_EOF),
                count => buf = &mut buf[count..],
            }
        }
        Ok(())
    }

    /// Adds all up to the end to `out`; how many bytes that were.
    ///
    /// # Errors
    /// What keeps it from reading.
    fn read_to_end(&mut self, out: &mut Vec<u8>) -> Result<usize> {
        let before = out.len();
        let mut buf = [0; 2048];
        loop {
            match self.read(&mut buf)? {
                0 => return Ok(out.len() - before),
                count => out.extend_from_slice(&buf[..count]),
            }
        }
    }

    /// Adds all up to the end to `out`, which must be UTF-8.
    ///
    /// # Errors
    /// What keeps it from reading; [`ErrorKind::InvalidData`].
    fn read_to_string(&mut self, out: &mut String) -> Result<usize> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        out.push_str(core::str::from_utf8(&bytes).map_err(|_| Error::NOT_UTF8)?);
        Ok(bytes.len())
    }
}

/// What can be written to.
pub trait Write {
    /// Takes some of `buf`; how much.
    ///
    /// # Errors
    /// What keeps it from writing.
    fn write(&mut self, buf: &[u8]) -> Result<usize>;

    /// Writes what was kept back. Nothing here keeps anything back.
    ///
    /// # Errors
    /// What keeps it from writing.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    /// What keeps it from writing.
    fn write_all(&mut self, mut buf: &[u8]) -> Result<()> {
        while !buf.is_empty() {
            match self.write(buf)? {
                0 => return Err(Error::WRITE_ZERO),
                count => buf = &buf[count..],
            }
        }
        Ok(())
    }

    /// For `write!`.
    ///
    /// # Errors
    /// What keeps it from writing.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> Result<()> {
        struct Adapter<'a, W: ?Sized> {
            to: &'a mut W,
            result: Result<()>,
        }
        impl<W: Write + ?Sized> fmt::Write for Adapter<'_, W> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.result = self.to.write_all(text.as_bytes());
                self.result.map_err(|_| fmt::Error)
            }
        }
        let mut adapter = Adapter { to: self, result: Ok(()) };
        let _ = fmt::write(&mut adapter, text);
        adapter.result
    }
}

impl Write for Vec<u8> {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        self.extend_from_slice(buf);
        Ok(buf.len())
    }
}

impl Read for &[u8] {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let count = buf.len().min(self.len());
        buf[..count].copy_from_slice(&self[..count]);
        *self = &self[count..];
        Ok(count)
    }
}

/// Where to go on in a file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekFrom {
    /// From its start.
    Start(u64),
    /// From its end.
    End(i64),
    /// From where it is.
    Current(i64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_buffers_are_filled_or_the_end_is_an_error() {
        let mut source: &[u8] = b"abcdef";
        let mut buf = [0; 4];
        source.read_exact(&mut buf).expect("there is enough");
        assert_eq!(&buf, b"abcd");
        assert_eq!(source.read_exact(&mut buf).map_err(|error| error.kind()), Err(ErrorKind::UnexpectedEof));
        let mut text = String::new();
        assert_eq!((&b"h\xc3\xa9"[..]).read_to_string(&mut text), Ok(3));
        assert_eq!((&b"\xff"[..]).read_to_string(&mut text).map_err(|error| error.kind()), Err(ErrorKind::InvalidData));
        assert_eq!(text, "h\u{e9}");
    }

    #[test]
    fn formatted_text_is_written() {
        let mut out = Vec::new();
        write!(out, "a-{:02}", 7).expect("memory takes all");
        assert_eq!(out, b"a-07");
    }
}
