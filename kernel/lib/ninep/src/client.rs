//! Requests: each a method that sends one message and takes its reply apart.

use crate::wire::{HEADER, Qid, Reader, Writer, kind};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use file::FileType;
use uapi::types::Timespec;
use uapi::{Errno, Result};
use vfs::StatFs;

/// The way to a server.
///
/// The two closures run with no lock of the transport held: what they copy from and to may be an application's memory, and a fault there may ask
/// the same server.
pub trait Transport: Send + Sync {
    /// Bytes in the longest message, either way; at least 8 KiB.
    fn max_message(&self) -> u32;

    /// Sends what `fill` puts into its buffer (it says how many bytes), waits, and shows the answer to `reply`. EIO when the server is gone, ENOMEM.
    fn exchange(
        &self,
        size: Size,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<usize>,
        reply: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()>;
}

/// Which half of an exchange may be as long as [`Transport::max_message`]; the other has at most 4 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The request.
    LongRequest,
    /// The reply.
    LongReply,
}

const NOTAG: u16 = u16::MAX;
const NOFID: u32 = u32::MAX;
const VERSION: &[u8] = b"9P2000.L";
/// Bytes around the data of reads and writes (P9_IOHDRSZ).
const IO_HEADER: u32 = 24;

/// What [`Client::open`] opens a file for: Linux's O_* values.
pub(crate) mod flags {
    pub const RDONLY: u32 = 0;
    pub const WRONLY: u32 = 1;
    pub const RDWR: u32 = 2;
    pub const EXCL: u32 = 0o200;
    pub const APPEND: u32 = 0o2000;
    pub const DIRECTORY: u32 = 0o200_000;
}

/// AT_REMOVEDIR.
pub(crate) const REMOVE_DIRECTORY: u32 = 0x200;

/// What Tgetattr tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Attr {
    pub path: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub nlink: u32,
    pub rdev: u64,
    pub size: u64,
    pub blocks: u64,
    pub atime: Timespec,
    pub mtime: Timespec,
    pub ctime: Timespec,
}

impl Attr {
    pub fn kind(&self) -> Option<FileType> {
        FileType::from_mode(self.mode).filter(|kind| *kind != FileType::Anonymous)
    }
}

/// One entry of a directory.
pub(crate) struct Entry<'a> {
    /// The file's number.
    pub path: u64,
    /// The server's offset behind it.
    pub next: u64,
    /// Its type, as getdents64(2) has it.
    pub kind: u8,
    pub name: &'a [u8],
}

/// What Tsetattr changes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub size: Option<u64>,
    pub atime: Option<Timespec>,
    pub mtime: Option<Timespec>,
}

/// One connection to a server.
pub(crate) struct Client {
    transport: Arc<dyn Transport>,
    /// Most bytes of data in one read or write.
    unit: u32,
    tag: AtomicU16,
    fid: AtomicU32,
}

/// A file that the server keeps for us until this is dropped.
pub(crate) struct Fid {
    client: Arc<Client>,
    number: u32,
}

impl Drop for Fid {
    fn drop(&mut self) {
        if self.number != NOFID {
            // The number is not used again whatever the server says.
            let _ = self.ask(kind::CLUNK, &mut |_| Ok(()));
        }
    }
}

fn time(r: &mut Reader<'_>) -> Result<Timespec> {
    let (seconds, nanoseconds) = (r.u64()?.cast_signed(), r.u64()?);
    Ok(Timespec { sec: seconds, nsec: nanoseconds.min(999_999_999).cast_signed() })
}

impl Client {
    /// Agrees on version and message size and asks for the tree's top: EPROTONOSUPPORT when the server speaks something else.
    pub fn connect(transport: Arc<dyn Transport>) -> Result<Fid> {
        let most = transport.max_message();
        let mut client = Client { transport, unit: 0, tag: AtomicU16::new(0), fid: AtomicU32::new(0) };
        let mut size = 0;
        let mut speaks = false;
        client.send(
            kind::VERSION,
            NOTAG,
            Size::LongReply,
            &mut |w| {
                w.u32(most)?;
                w.string(VERSION)
            },
            &mut |r| {
                size = r.u32()?;
                speaks = r.string()? == VERSION;
                Ok(())
            },
        )?;
        if !speaks || size < 4096 || size > most {
            return Err(Errno::EPROTONOSUPPORT);
        }
        // Whole pages, so that a page's bytes never come in two messages.
        client.unit = (size - IO_HEADER) & !4095;
        if client.unit == 0 {
            return Err(Errno::EPROTONOSUPPORT);
        }
        let client = Arc::new(client);
        let root = client.new_fid();
        let attached = client.call(
            kind::ATTACH,
            &mut |w| {
                w.u32(root)?;
                w.u32(NOFID)?;
                w.string(b"")?;
                w.string(b"")?;
                w.u32(u32::MAX)
            },
            &mut |r| r.qid().map(drop),
        );
        attached?;
        Ok(Fid { client, number: root })
    }

    fn new_fid(&self) -> u32 {
        self.fid.fetch_add(1, Ordering::Relaxed)
    }

    fn call(
        &self,
        kind: u8,
        fill: &mut dyn FnMut(&mut Writer<'_>) -> Result<()>,
        parse: &mut dyn FnMut(&mut Reader<'_>) -> Result<()>,
    ) -> Result<()> {
        self.call_sized(kind, Size::LongReply, fill, parse)
    }

    fn call_sized(
        &self,
        kind: u8,
        size: Size,
        fill: &mut dyn FnMut(&mut Writer<'_>) -> Result<()>,
        parse: &mut dyn FnMut(&mut Reader<'_>) -> Result<()>,
    ) -> Result<()> {
        let tag = self.tag.fetch_add(1, Ordering::Relaxed) & 0x7fff;
        self.send(kind, tag, size, fill, parse)
    }

    fn send(
        &self,
        kind: u8,
        tag: u16,
        size: Size,
        fill: &mut dyn FnMut(&mut Writer<'_>) -> Result<()>,
        parse: &mut dyn FnMut(&mut Reader<'_>) -> Result<()>,
    ) -> Result<()> {
        self.transport.exchange(
            size,
            &mut |buf| {
                let mut writer = Writer::new(buf);
                fill(&mut writer)?;
                writer.finish(kind, tag)
            },
            &mut |message| parse(&mut Reader::reply(message, kind, tag)?),
        )
    }
}

impl Fid {
    /// Most bytes of data in one message.
    pub fn unit(&self) -> usize {
        self.client.unit as usize
    }

    fn ask(&self, kind: u8, fill: &mut dyn FnMut(&mut Writer<'_>) -> Result<()>) -> Result<()> {
        self.client.call(
            kind,
            &mut |w| {
                w.u32(self.number)?;
                fill(w)
            },
            &mut |_| Ok(()),
        )
    }

    /// The same file under another fid, or with a name the entry of that name.
    pub fn walk(&self, name: Option<&[u8]>) -> Result<(Fid, Option<Qid>)> {
        let number = self.client.new_fid();
        let mut qid = None;
        self.client.call(
            kind::WALK,
            &mut |w| {
                w.u32(self.number)?;
                w.u32(number)?;
                w.u16(name.is_some().into())?;
                name.map_or(Ok(()), |name| w.string(name))
            },
            &mut |r| {
                if r.u16()? != u16::from(name.is_some()) {
                    return Err(Errno::ENOENT);
                }
                qid = name.map(|_| r.qid()).transpose()?;
                Ok(())
            },
        )?;
        Ok((Fid { client: self.client.clone(), number }, qid))
    }

    /// Readies this fid for reads and writes.
    pub fn open(&self, flags: u32) -> Result<()> {
        self.ask(kind::LOPEN, &mut |w| w.u32(flags))
    }

    /// The same file under a fid of its own, opened.
    pub fn opened(&self, flags: u32) -> Result<Arc<Fid>> {
        let (fid, _) = self.walk(None)?;
        fid.open(flags)?;
        Ok(Arc::new(fid))
    }

    /// Makes and opens the file `name` in the directory that this fid is, which becomes the file.
    pub fn create(&self, name: &[u8], flags: u32, mode: u32, gid: u32) -> Result<()> {
        self.ask(kind::LCREATE, &mut |w| {
            w.string(name)?;
            w.u32(flags)?;
            w.u32(mode)?;
            w.u32(gid)
        })
    }

    pub fn attributes(&self) -> Result<Attr> {
        /// P9_GETATTR_BASIC.
        const BASIC: u64 = 0x7ff;
        let mut attr = Attr::default();
        self.client.call(
            kind::GETATTR,
            &mut |w| {
                w.u32(self.number)?;
                w.u64(BASIC)
            },
            &mut |r| {
                let _valid = r.u64()?;
                attr.path = r.qid()?.path;
                (attr.mode, attr.uid, attr.gid) = (r.u32()?, r.u32()?, r.u32()?);
                attr.nlink = u32::try_from(r.u64()?).unwrap_or(u32::MAX);
                (attr.rdev, attr.size) = (r.u64()?, r.u64()?);
                let _block_size = r.u64()?;
                attr.blocks = r.u64()?;
                (attr.atime, attr.mtime, attr.ctime) = (time(r)?, time(r)?, time(r)?);
                Ok(())
            },
        )?;
        // Sizes beyond what an offset can say are a server's mistake.
        if attr.size > i64::MAX as u64 { Err(Errno::EIO) } else { Ok(attr) }
    }

    pub fn change(&self, change: &Change) -> Result<()> {
        let mut valid = 0;
        let bits = [
            (change.mode.is_some(), 1),
            (change.uid.is_some(), 2),
            (change.gid.is_some(), 4),
            (change.size.is_some(), 8),
            // With the time to set, not the server's.
            (change.atime.is_some(), 0x10 | 0x80),
            (change.mtime.is_some(), 0x20 | 0x100),
        ];
        for (is_set, bit) in bits {
            valid |= if is_set { bit } else { 0 };
        }
        self.ask(kind::SETATTR, &mut |w| {
            w.u32(valid)?;
            w.u32(change.mode.unwrap_or(0))?;
            w.u32(change.uid.unwrap_or(u32::MAX))?;
            w.u32(change.gid.unwrap_or(u32::MAX))?;
            w.u64(change.size.unwrap_or(0))?;
            for time in [change.atime, change.mtime] {
                let time = time.unwrap_or(Timespec { sec: 0, nsec: 0 });
                w.u64(time.sec.cast_unsigned())?;
                w.u64(time.nsec.cast_unsigned())?;
            }
            Ok(())
        })
    }

    /// Shows up to `len` bytes at `offset` to `take`, once; how many there were.
    pub fn read(&self, offset: u64, len: usize, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<usize> {
        let len = (len.min(self.unit())) as u32;
        let mut count = 0;
        self.client.call(
            kind::READ,
            &mut |w| {
                w.u32(self.number)?;
                w.u64(offset)?;
                w.u32(len)
            },
            &mut |r| {
                count = r.u32()?;
                if count > len {
                    return Err(Errno::EIO);
                }
                take(r.bytes(count as usize)?)
            },
        )?;
        Ok(count as usize)
    }

    /// Writes at `offset` what `fill` puts into its buffer of at most `len` bytes; how many bytes the server took.
    pub fn write(&self, offset: u64, len: usize, fill: &mut dyn FnMut(&mut [u8]) -> Result<usize>) -> Result<usize> {
        let len = len.min(self.unit());
        let (mut sent, mut count) = (0, 0);
        self.client.call_sized(
            kind::WRITE,
            Size::LongRequest,
            &mut |w| {
                w.u32(self.number)?;
                w.u64(offset)?;
                w.data(len, &mut |buf| {
                    sent = fill(buf)?;
                    Ok(sent)
                })
            },
            &mut |r| {
                count = r.u32()? as usize;
                Ok(())
            },
        )?;
        if count > sent { Err(Errno::EIO) } else { Ok(count) }
    }

    /// Shows entries from the server's `offset` on to `each` until it returns false. Whether there was any.
    pub fn read_dir(&self, offset: u64, each: &mut dyn FnMut(&Entry<'_>) -> bool) -> Result<bool> {
        /// As much as programs read at a time.
        const CHUNK: u32 = 32 << 10;
        let most = CHUNK.min(self.client.unit);
        let mut any = false;
        self.client.call(
            kind::READDIR,
            &mut |w| {
                w.u32(self.number)?;
                w.u64(offset)?;
                w.u32(most)
            },
            &mut |r| {
                let len = r.u32()?;
                let mut entries = Reader::fields(r.bytes(len as usize)?);
                while !entries.is_empty() {
                    any = true;
                    let (path, next, kind, name) = (entries.qid()?.path, entries.u64()?, entries.u8()?, entries.string()?);
                    if !each(&Entry { path, next, kind, name }) {
                        break;
                    }
                }
                Ok(())
            },
        )?;
        Ok(any)
    }

    pub fn make_dir(&self, name: &[u8], mode: u32, gid: u32) -> Result<()> {
        self.ask(kind::MKDIR, &mut |w| {
            w.string(name)?;
            w.u32(mode)?;
            w.u32(gid)
        })
    }

    pub fn make_node(&self, name: &[u8], mode: u32, (major, minor): (u32, u32), gid: u32) -> Result<()> {
        self.ask(kind::MKNOD, &mut |w| {
            w.string(name)?;
            w.u32(mode)?;
            w.u32(major)?;
            w.u32(minor)?;
            w.u32(gid)
        })
    }

    pub fn make_symlink(&self, name: &[u8], target: &[u8], gid: u32) -> Result<()> {
        self.client.call_sized(
            kind::SYMLINK,
            Size::LongRequest,
            &mut |w| {
                w.u32(self.number)?;
                w.string(name)?;
                w.string(target)?;
                w.u32(gid)
            },
            &mut |_| Ok(()),
        )
    }

    /// Gives `target` the name `name` in this directory.
    pub fn link(&self, target: &Fid, name: &[u8]) -> Result<()> {
        self.ask(kind::LINK, &mut |w| {
            w.u32(target.number)?;
            w.string(name)
        })
    }

    pub fn unlink(&self, name: &[u8], flags: u32) -> Result<()> {
        self.ask(kind::UNLINKAT, &mut |w| {
            w.string(name)?;
            w.u32(flags)
        })
    }

    pub fn rename(&self, from: &[u8], to_dir: &Fid, to: &[u8]) -> Result<()> {
        self.ask(kind::RENAMEAT, &mut |w| {
            w.string(from)?;
            w.u32(to_dir.number)?;
            w.string(to)
        })
    }

    pub fn read_link(&self) -> Result<Vec<u8>> {
        let mut target = Vec::new();
        self.client.call(kind::READLINK, &mut |w| w.u32(self.number), &mut |r| {
            target = r.string()?.to_vec();
            Ok(())
        })?;
        Ok(target)
    }

    pub fn sync(&self) -> Result<()> {
        self.ask(kind::FSYNC, &mut |w| w.u32(0))
    }

    pub fn statfs(&self) -> Result<StatFs> {
        let mut found = None;
        self.client.call(kind::STATFS, &mut |w| w.u32(self.number), &mut |r| {
            let (magic, block_size) = (r.u32()?, r.u32()?);
            let (blocks, _free, available) = (r.u64()?, r.u64()?, r.u64()?);
            let (files, files_free, fsid, name_max) = (r.u64()?, r.u64()?, r.u64()?, r.u32()?);
            found = Some(StatFs {
                magic: magic.into(),
                block_size: block_size.into(),
                blocks,
                blocks_free: available,
                files,
                files_free,
                fsid,
                name_max: name_max.into(),
                flags: 0,
            });
            Ok(())
        })?;
        found.ok_or(Errno::EIO)
    }

    /// The value of an extended attribute; with no name, all names, a NUL behind each.
    pub fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        /// XATTR_SIZE_MAX and XATTR_LIST_MAX.
        const MOST: u64 = 64 << 10;
        let number = self.client.new_fid();
        let mut size = 0;
        self.client.call(
            kind::XATTRWALK,
            &mut |w| {
                w.u32(self.number)?;
                w.u32(number)?;
                w.string(name)
            },
            &mut |r| {
                size = r.u64()?;
                Ok(())
            },
        )?;
        let value = Fid { client: self.client.clone(), number };
        if size > MOST {
            return Err(Errno::EIO);
        }
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            let left = size as usize - bytes.len();
            let count = value.read(bytes.len() as u64, left, &mut |data| {
                bytes.extend_from_slice(data);
                Ok(())
            })?;
            if count == 0 {
                break;
            }
        }
        Ok(bytes)
    }

    /// Sets an extended attribute; `flags` are setxattr(2)'s. An empty value takes it away, as the protocol has it.
    pub fn set_xattr(&self, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        let (mut fid, _) = self.walk(None)?;
        fid.ask(kind::XATTRCREATE, &mut |w| {
            w.string(name)?;
            w.u64(value.len() as u64)?;
            w.u32(flags)
        })?;
        let mut done = 0;
        while done < value.len() {
            let rest = &value[done..];
            let count = fid.write(done as u64, rest.len(), &mut |buf| {
                let len = buf.len().min(rest.len());
                buf[..len].copy_from_slice(&rest[..len]);
                Ok(len)
            })?;
            if count == 0 {
                return Err(Errno::EIO);
            }
            done += count;
        }
        // The server sets it when the fid goes, and that is when it says what was wrong.
        let asked = fid.ask(kind::CLUNK, &mut |_| Ok(()));
        fid.number = NOFID;
        asked
    }
}

const _: () = assert!(HEADER as u32 <= IO_HEADER);
