//! tar archives: v7, ustar, pax (POSIX.1-2024 `pax`, section "Extended Description") and GNU.
//!
//! Headers are decoded by the `tar` crate; going from one to the next is done here, because files stay where they are in the archive: a sink reads them from there by offset, sparse
//! files included, which a streaming reader cannot offer. Nothing in the archive is trusted: sizes are compared with what is there, names are judged by the [`Tree`].

mod pax;
mod sparse;

use crate::content::Content;
use crate::error::{EntryError, Problem};
use crate::tree::{Device, Kind, Meta, Timestamp, Tree, shown};
use ::tar::Header;
use pax::Extended;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const BLOCK: u64 = 512;
/// Most bytes of extended headers or a long name: attributes of 128 KiB and two paths are less.
const MAX_EXTENDED: u64 = 1 << 20;
/// `system.posix_acl_*` and the like in pax headers: known, and not kept.
const ACL: &[u8] = b"SCHILY.acl.";

/// What an entry says to do.
pub(super) enum Action {
    /// Make this.
    Make(Meta, Kind),
    /// Give the file with this path another name.
    Link(Vec<u8>),
}

/// One entry.
pub(super) struct Entry {
    pub path: Vec<u8>,
    pub action: Action,
    /// Where its header is.
    pub offset: u64,
}

/// An archive's entries in order, and what was left out.
#[derive(Default)]
pub(super) struct Entries {
    pub list: Vec<Entry>,
    pub notes: Vec<String>,
}

/// Whether a block of 512 bytes is a tar header: its checksum is right.
pub(super) fn is_header(block: &[u8]) -> bool {
    block.len() == 512 && block.iter().any(|b| *b != 0) && checksum_fits(Header::from_byte_slice(block))
}

/// The checksum counts its own field as blanks.
fn checksum_fits(header: &Header) -> bool {
    let bytes = header.as_bytes();
    let sum = |bytes: &[u8]| bytes.iter().map(|b| u32::from(*b)).sum::<u32>();
    let expected = sum(&bytes[..148]) + 8 * u32::from(b' ') + sum(&bytes[156..]);
    header.cksum().is_ok_and(|found| found == expected)
}

/// Reads an archive as one layer on nothing.
pub(super) fn read(archive: &Arc<File>) -> Result<Tree, EntryError> {
    let mut tree = Tree::default();
    let entries = entries(archive)?;
    tree.notes = entries.notes;
    for entry in entries.list {
        enter(&mut tree, entry)?;
    }
    Ok(tree)
}

/// Carries out what an entry says.
pub(super) fn enter(tree: &mut Tree, entry: Entry) -> Result<(), EntryError> {
    let done = match entry.action {
        Action::Make(meta, kind) => tree.insert(&entry.path, meta, kind),
        Action::Link(target) => tree.link(&entry.path, &target),
    };
    done.map(drop).map_err(|problem| EntryError { offset: entry.offset, name: Some(shown(&entry.path)), problem })
}

/// Lists an archive.
pub(super) fn entries(archive: &Arc<File>) -> Result<Entries, EntryError> {
    let plain = |problem: Problem| EntryError { offset: 0, name: None, problem };
    let len = archive.metadata().map_err(|error| plain(error.into()))?.len();
    let mut reader = Reader { archive, len, global: BTreeMap::new(), acls: 0 };
    let mut entries = Entries::default();
    let mut at = 0;
    // An archive may end without its two blocks of zeros, but not inside an entry.
    while at < len {
        let mut name = None;
        let next = reader.next(at, &mut name).map_err(|problem| EntryError { offset: at, name: name.as_deref().map(shown), problem })?;
        let Some((entry, end)) = next else { break };
        entries.list.extend(entry);
        at = end;
    }
    if reader.acls > 0 {
        entries.notes.push(format!("{} files have access control lists, which are left out", reader.acls));
    }
    Ok(entries)
}

struct Reader<'a> {
    archive: &'a Arc<File>,
    len: u64,
    /// Records of global extended headers.
    global: BTreeMap<Vec<u8>, Vec<u8>>,
    acls: u64,
}

impl Reader<'_> {
    fn block(&self, at: u64) -> Result<[u8; 512], Problem> {
        let mut block = [0; 512];
        self.archive.read_exact_at(&mut block, at).map_err(cut_off)?;
        Ok(block)
    }

    /// The data of a header that describes the next one.
    fn text(&self, at: u64, size: u64) -> Result<Vec<u8>, Problem> {
        if size > MAX_EXTENDED {
            return Err(Problem::BadPax("longer than 1 MiB"));
        }
        let mut text = vec![0; usize::try_from(size).map_err(|_| Problem::BadPax("too long"))?];
        self.archive.read_exact_at(&mut text, at).map_err(cut_off)?;
        Ok(text)
    }

    /// The entry at `at`, with the headers that belong to it, and where the next one starts; `None` at the end.
    fn next(&mut self, mut at: u64, name: &mut Option<Vec<u8>>) -> Result<Option<(Option<Entry>, u64)>, Problem> {
        let offset = at;
        let mut extended = Extended::default();
        let (mut long_name, mut long_link) = (None, None);
        loop {
            if at == self.len {
                return Err(Problem::Truncated("an extended header without its entry"));
            }
            let block = self.block(at)?;
            if block.iter().all(|b| *b == 0) {
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            if !checksum_fits(header) {
                return Err(Problem::NotTar);
            }
            let size = header.entry_size().map_err(|_| Problem::BadField("size"))?;
            let data = at + BLOCK;
            let end = data.checked_add(size).and_then(|end| end.checked_next_multiple_of(BLOCK)).ok_or(Problem::BadField("size"))?;
            match block[156] {
                b'x' => extended = Extended::parse(&self.text(data, size)?)?,
                b'g' => self.global.extend(Extended::parse(&self.text(data, size)?)?.records),
                b'L' => long_name = Some(until_nul(self.text(data, size)?)),
                b'K' => long_link = Some(until_nul(self.text(data, size)?)),
                // A volume's label names no file.
                b'V' => {}
                _ => {
                    extended.add_global(&self.global);
                    let path = extended.path().or(long_name).unwrap_or_else(|| header.path_bytes().into_owned());
                    *name = Some(path.clone());
                    let link = extended.link_path().or(long_link).or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
                    return self.entry(at, &block, path, link.unwrap_or_default(), &extended, offset).map(Some);
                }
            }
            at = end;
        }
    }

    fn entry(
        &mut self,
        at: u64,
        block: &[u8; 512],
        path: Vec<u8>,
        link: Vec<u8>,
        extended: &Extended,
        offset: u64,
    ) -> Result<(Option<Entry>, u64), Problem> {
        let header = Header::from_byte_slice(block);
        let mut size = match extended.number(b"size", "size")? {
            Some(size) => size,
            None => header.entry_size().map_err(|_| Problem::BadField("size"))?,
        };
        let mut data = at + BLOCK;
        let has_data = matches!(block[156], b'0' | 0 | b'7' | b'S');
        if !has_data {
            // Some writers note the size of a hard link's file; no data follows.
            size = 0;
        }
        let meta = self.meta(header, extended)?;
        let device = || -> Result<Device, Problem> {
            let major = header.device_major().map_err(|_| Problem::BadField("devmajor"))?.unwrap_or_default();
            let minor = header.device_minor().map_err(|_| Problem::BadField("devminor"))?.unwrap_or_default();
            Ok(Device { major, minor })
        };
        let action = match block[156] {
            // In archives older than types, a directory is a file whose name ends in a slash.
            0 if path.ends_with(b"/") => Action::Make(meta, Kind::directory()),
            b'0' | 0 | b'7' => match sparse::from_pax(self.archive, self.len, data, size, extended)? {
                Some(content) => Action::Make(meta, Kind::File(content)),
                None => Action::Make(meta, Kind::File(self.content(data, size)?)),
            },
            b'S' => {
                let (content, start) = sparse::from_gnu(self.archive, self.len, header, data, size)?;
                data = start;
                Action::Make(meta, Kind::File(content))
            }
            b'1' => Action::Link(link),
            b'2' => Action::Make(meta, Kind::Symlink(link.into())),
            b'3' => Action::Make(meta, Kind::CharDevice(device()?)),
            b'4' => Action::Make(meta, Kind::BlockDevice(device()?)),
            b'5' => Action::Make(meta, Kind::directory()),
            b'6' => Action::Make(meta, Kind::Fifo),
            other => return Err(Problem::EntryType(char::from(other))),
        };
        let end = data.checked_add(size).and_then(|end| end.checked_next_multiple_of(BLOCK)).ok_or(Problem::BadField("size"))?;
        // The last entry's padding may be missing.
        if data + size > self.len {
            return Err(Problem::Truncated("the data is shorter than its header says"));
        }
        Ok((Some(Entry { path, action, offset }), end.min(self.len)))
    }

    fn content(&self, data: u64, size: u64) -> Result<Content, Problem> {
        if data.checked_add(size).is_none_or(|end| end > self.len) {
            return Err(Problem::Truncated("the data is shorter than its header says"));
        }
        Ok(Content::range(self.archive, data, size))
    }

    fn meta(&mut self, header: &Header, extended: &Extended) -> Result<Meta, Problem> {
        let id = |key: &[u8], name, from: io::Result<u64>| -> Result<u32, Problem> {
            let number = match extended.number(key, name)? {
                Some(number) => number,
                None => from.map_err(|_| Problem::BadField(name))?,
            };
            u32::try_from(number).map_err(|_| Problem::BadField(name))
        };
        let mode = header.mode().map_err(|_| Problem::BadField("mode"))? & 0o7777;
        let mtime = match extended.time(b"mtime")? {
            Some(time) => time,
            None => {
                let seconds = header.mtime().map_err(|_| Problem::BadField("mtime"))?;
                Timestamp { seconds: seconds.cast_signed(), nanos: 0 }
            }
        };
        self.acls += u64::from(extended.records.keys().any(|key| key.starts_with(ACL)));
        Ok(Meta {
            mode: u16::try_from(mode).map_err(|_| Problem::BadField("mode"))?,
            uid: id(b"uid", "uid", header.uid())?,
            gid: id(b"gid", "gid", header.gid())?,
            mtime,
            xattrs: extended.xattrs()?,
        })
    }
}

fn cut_off(error: io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Problem::Truncated("inside a header"),
        _ => error.into(),
    }
}

fn until_nul(mut text: Vec<u8>) -> Vec<u8> {
    text.truncate(text.iter().position(|b| *b == 0).unwrap_or(text.len()));
    text
}
