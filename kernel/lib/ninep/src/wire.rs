//! Messages of 9P2000.L as bytes: little-endian numbers, strings behind a 16-bit length, in front of all `size[4] type[1] tag[2]`.
//!
//! Formats: the 9P2000 manual (intro(5)) and Linux's `include/net/9p/9p.h` for the `.L` messages.

use uapi::{Errno, Result};

/// Bytes in front of every message's fields.
pub(crate) const HEADER: usize = 7;

/// Types of requests; the reply's is one more.
pub(crate) mod kind {
    pub const RLERROR: u8 = 7;
    pub const STATFS: u8 = 8;
    pub const LOPEN: u8 = 12;
    pub const LCREATE: u8 = 14;
    pub const SYMLINK: u8 = 16;
    pub const MKNOD: u8 = 18;
    pub const READLINK: u8 = 22;
    pub const GETATTR: u8 = 24;
    pub const SETATTR: u8 = 26;
    pub const XATTRWALK: u8 = 30;
    pub const XATTRCREATE: u8 = 32;
    pub const READDIR: u8 = 40;
    pub const FSYNC: u8 = 50;
    pub const LINK: u8 = 70;
    pub const MKDIR: u8 = 72;
    pub const RENAMEAT: u8 = 74;
    pub const UNLINKAT: u8 = 76;
    pub const VERSION: u8 = 100;
    pub const ATTACH: u8 = 104;
    pub const WALK: u8 = 110;
    pub const READ: u8 = 116;
    pub const WRITE: u8 = 118;
    pub const CLUNK: u8 = 120;
}

/// Puts a message together in a buffer that may turn out too small.
pub(crate) struct Writer<'a> {
    buf: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    /// Behind the header, which [`finish`](Self::finish) fills in.
    pub fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, at: HEADER }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.at + bytes.len();
        self.buf.get_mut(self.at..end).ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    pub fn u16(&mut self, value: u16) -> Result<()> {
        self.bytes(&value.to_le_bytes())
    }

    pub fn u32(&mut self, value: u32) -> Result<()> {
        self.bytes(&value.to_le_bytes())
    }

    pub fn u64(&mut self, value: u64) -> Result<()> {
        self.bytes(&value.to_le_bytes())
    }

    pub fn string(&mut self, text: &[u8]) -> Result<()> {
        self.u16(u16::try_from(text.len()).map_err(|_| Errno::ENAMETOOLONG)?)?;
        self.bytes(text)
    }

    /// Bytes that `fill` puts straight into the message, behind their number; it may use `most` and says how many it used.
    pub fn data(&mut self, most: usize, fill: &mut dyn FnMut(&mut [u8]) -> Result<usize>) -> Result<()> {
        let at = self.at + 4;
        let room = self.buf.get_mut(at..).ok_or(Errno::EIO)?;
        let most = most.min(room.len());
        let used = fill(&mut room[..most])?.min(most);
        self.u32(used as u32)?;
        self.at += used;
        Ok(())
    }

    /// Fills in the header; the length of the message.
    pub fn finish(self, kind: u8, tag: u16) -> Result<usize> {
        let head = self.buf.get_mut(..HEADER).ok_or(Errno::EIO)?;
        head[..4].copy_from_slice(&(self.at as u32).to_le_bytes());
        head[4] = kind;
        head[5..].copy_from_slice(&tag.to_le_bytes());
        Ok(self.at)
    }
}

/// Takes a reply apart. What is not there is EIO.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The fields of the reply to a request of type `kind`: EIO for anything else, and the server's errno for its error.
    pub fn reply(message: &'a [u8], kind: u8, tag: u16) -> Result<Self> {
        let mut all = Reader(message);
        let (size, found, its_tag) = (all.u32()?, all.u8()?, all.u16()?);
        let len = (size as usize).checked_sub(HEADER).ok_or(Errno::EIO)?;
        let mut fields = Reader(all.0.get(..len).ok_or(Errno::EIO)?);
        if its_tag != tag {
            return Err(Errno::EIO);
        }
        if found == kind::RLERROR {
            let code = u16::try_from(fields.u32()?).ok().and_then(Errno::from_code);
            return Err(code.unwrap_or(Errno::EIO));
        }
        if found == kind + 1 { Ok(fields) } else { Err(Errno::EIO) }
    }

    /// Fields without a header.
    pub fn fields(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(len).ok_or(Errno::EIO)?;
        self.0 = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk().ok_or(Errno::EIO)?;
        self.0 = rest;
        Ok(*front)
    }

    pub fn u8(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn string(&mut self) -> Result<&'a [u8]> {
        let len = self.u16()?;
        self.bytes(len.into())
    }

    pub fn qid(&mut self) -> Result<Qid> {
        Ok(Qid { kind: self.u8()?, version: self.u32()?, path: self.u64()? })
    }
}

/// The server's name for a file: the same for all its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qid {
    /// QTDIR 0x80, QTSYMLINK 0x02, 0 for anything else.
    pub kind: u8,
    /// Changes with the contents, as far as the server can tell.
    pub version: u32,
    /// Unlike any other file's on the server.
    pub path: u64,
}
