//! One file as the server has it: its fids, its attributes, reads and writes.

use crate::client::{Attr, Change, Fid, flags};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use file::{AccessMode, Sink, Source};
use spinlock::Mutex;
use uapi::{Errno, Result};

/// Fids of one file that are open. They stay until the file's last user lets go of the inode.
#[derive(Default)]
struct Opened {
    reader: Option<Arc<Fid>>,
    writer: Option<Arc<Fid>>,
    /// Opened with O_APPEND, so that the server puts bytes at the end whoever else writes.
    appender: Option<Arc<Fid>>,
}

/// One file on the server.
pub(crate) struct Node {
    /// The server's number.
    pub path: u64,
    /// Not open; follows the file's name.
    fid: Mutex<Arc<Fid>>,
    /// What was last heard.
    attr: Mutex<Attr>,
    opened: Mutex<Opened>,
    /// Its last name is gone: only open fids lead to it, and the server knows attributes by names.
    unlinked: AtomicBool,
}

impl Node {
    pub fn new(fid: Fid, attr: Attr) -> Self {
        Self {
            path: attr.path,
            fid: Mutex::new(Arc::new(fid)),
            attr: Mutex::new(attr),
            opened: Mutex::default(),
            unlinked: AtomicBool::new(false),
        }
    }

    pub fn fid(&self) -> Arc<Fid> {
        self.fid.lock().clone()
    }

    /// A fid that was just walked to: the one that was there may stand for a name that is no longer this file's.
    pub fn renew(&self, fid: Fid) {
        let old = core::mem::replace(&mut *self.fid.lock(), Arc::new(fid));
        drop(old);
    }

    /// What was last heard.
    pub fn known(&self) -> Attr {
        *self.attr.lock()
    }

    /// What the server says now.
    pub fn refresh(&self) -> Result<Attr> {
        if self.unlinked.load(Ordering::Relaxed) {
            return Ok(self.known());
        }
        match self.fid().attributes() {
            Ok(attr) if attr.path == self.path => {
                *self.attr.lock() = attr;
                Ok(attr)
            }
            // Its name is gone, or another file's: it lives on in what is open.
            Ok(_) | Err(Errno::ENOENT) => {
                self.lost_name(u32::MAX);
                Ok(self.known())
            }
            Err(error) => Err(error),
        }
    }

    /// `names` of its names are gone; true when no other is left.
    pub fn lost_name(&self, names: u32) -> bool {
        let mut attr = self.attr.lock();
        attr.nlink = attr.nlink.saturating_sub(names);
        let is_last = attr.nlink == 0;
        if is_last {
            self.unlinked.store(true, Ordering::Relaxed);
        }
        is_last
    }

    pub fn is_unlinked(&self) -> bool {
        self.unlinked.load(Ordering::Relaxed)
    }

    /// Readies the file for `access`: what the server says to that is what open(2) says.
    pub fn open(&self, access: AccessMode) -> Result<()> {
        let missing = {
            let opened = self.opened.lock();
            (access.readable() && opened.reader.is_none(), access.writable() && opened.writer.is_none())
        };
        let how = match missing {
            (false, false) => return Ok(()),
            (true, false) => flags::RDONLY,
            (false, true) => flags::WRONLY,
            (true, true) => flags::RDWR,
        };
        let fid = self.fid().opened(how)?;
        self.adopt(fid, missing);
        Ok(())
    }

    /// An open fid of this file, for reading, writing or both.
    pub fn adopt(&self, fid: Arc<Fid>, (reads, writes): (bool, bool)) {
        let mut opened = self.opened.lock();
        if reads {
            opened.reader.get_or_insert_with(|| fid.clone());
        }
        if writes {
            opened.writer.get_or_insert_with(|| fid.clone());
        }
        drop(opened);
        drop(fid);
    }

    fn reader(&self) -> Result<Arc<Fid>> {
        self.open(AccessMode::Read)?;
        self.opened.lock().reader.clone().ok_or(Errno::EIO)
    }

    fn writer(&self) -> Result<Arc<Fid>> {
        self.open(AccessMode::Write)?;
        self.opened.lock().writer.clone().ok_or(Errno::EIO)
    }

    /// The directory's fid for reading its entries.
    pub fn directory(&self) -> Result<Arc<Fid>> {
        if self.opened.lock().reader.is_none() {
            let fid = self.fid().opened(flags::RDONLY | flags::DIRECTORY)?;
            self.adopt(fid, (true, false));
        }
        self.reader()
    }

    pub fn read(&self, dst: &mut dyn Sink, offset: u64) -> Result<usize> {
        let fid = self.reader()?;
        let mut done = 0;
        while dst.remaining() > 0 {
            let want = dst.remaining().min(fid.unit());
            let at = offset.saturating_add(done as u64);
            let mut put = Ok(0);
            let count = fid.read(at, want, &mut |bytes| {
                if !bytes.is_empty() {
                    put = dst.put(bytes);
                }
                Ok(())
            });
            match count.and_then(|count| put.map(|put| (count, put))) {
                Ok((count, put)) => {
                    done += put;
                    if put < want || count < want {
                        break;
                    }
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Writes all of `src` at `offset`; how many bytes the server took.
    pub fn write(&self, src: &mut dyn Source, offset: u64) -> Result<usize> {
        let fid = self.writer()?;
        let done = send(&fid, src, offset)?;
        self.grew_to(offset + done as u64);
        Ok(done)
    }

    /// Writes all of `src` at the end, wherever that is by then; how many bytes, and the offset behind them.
    pub fn append(&self, src: &mut dyn Source) -> Result<(usize, u64)> {
        let appender = {
            let there = self.opened.lock().appender.clone();
            match there {
                Some(fid) => Some(fid),
                // A file without a name, or one whose mode does not allow to open it once more, is written by its other fid.
                None if self.is_unlinked() => None,
                None => match self.fid().opened(flags::WRONLY | flags::APPEND) {
                    Ok(fid) => {
                        self.opened.lock().appender = Some(fid.clone());
                        Some(fid)
                    }
                    Err(_) => None,
                },
            }
        };
        match appender {
            Some(fid) => {
                let done = send(&fid, src, self.known().size)?;
                let end = self.refresh()?.size;
                Ok((done, end))
            }
            None => {
                let at = self.refresh()?.size;
                let done = self.write(src, at)?;
                Ok((done, at + done as u64))
            }
        }
    }

    fn grew_to(&self, end: u64) {
        let mut attr = self.attr.lock();
        attr.size = attr.size.max(end);
    }

    pub fn change(&self, change: &Change) -> Result<()> {
        if self.is_unlinked() {
            return Err(Errno::ENOENT);
        }
        self.fid().change(change)?;
        if let Some(size) = change.size {
            self.attr.lock().size = size;
        }
        Ok(())
    }

    /// fsync(2) on what was written.
    pub fn sync(&self) -> Result<()> {
        let (writer, appender, reader) = {
            let opened = self.opened.lock();
            (opened.writer.clone(), opened.appender.clone(), opened.reader.clone())
        };
        // One of them is enough: it is the file that is made durable.
        match writer.or(appender).or(reader) {
            Some(fid) => fid.sync(),
            None => self.fid().opened(flags::RDONLY)?.sync(),
        }
    }

    /// `len` bytes of the file at `offset` to `take`, in one piece; fewer at the end.
    pub fn load(&self, offset: u64, len: usize, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<usize> {
        self.reader()?.read(offset, len, take)
    }

    /// Writes these bytes for the page cache.
    pub fn store(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        let fid = self.writer()?;
        let done = send(&fid, &mut rest, offset)?;
        if done == bytes.len() { Ok(()) } else { Err(Errno::EIO) }
    }
}

fn send(fid: &Fid, src: &mut dyn Source, offset: u64) -> Result<usize> {
    let mut done = 0;
    while src.remaining() > 0 {
        let at = offset.checked_add(done as u64).filter(|at| *at <= i64::MAX as u64).ok_or(Errno::EFBIG);
        let want = src.remaining().min(fid.unit());
        match at.and_then(|at| fid.write(at, want, &mut |buf| src.take(buf))) {
            Ok(count) => {
                done += count;
                if count < want {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}
