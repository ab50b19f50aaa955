//! newc and crc cpio archives, read in place. Several archives may follow each other, as Linux allows for an initial RAM disk.

use crate::check::Survey;
use crate::content::Content;
use crate::error::{EntryError, Problem};
use crate::newc::{self, Header, HeaderError};
use crate::tree::{Device, Kind, Meta, NodeId, Timestamp, Tree, shown};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Reads an archive. It has passed [`crate::check`] or is judged here: what either refuses, the other does.
pub(super) fn read(archive: &Arc<File>) -> Result<Tree, EntryError> {
    let mut reader = Reader { archive, tree: Tree::default(), links: HashMap::new(), sockets: 0 };
    let survey = survey(archive)?;
    let mut at = 0;
    while at < survey.bytes {
        let mut name = None;
        at = reader.next(at, &mut name).map_err(|problem| EntryError { offset: at, name: name.as_deref().map(shown), problem })?;
    }
    if reader.sockets > 0 {
        reader.tree.notes.push(format!("{} sockets are left out of the root file system", reader.sockets));
    }
    Ok(reader.tree)
}

/// Reads everything once and finds what is cut off or malformed.
pub(super) fn survey(archive: &File) -> Result<Survey, EntryError> {
    crate::check(io::BufReader::with_capacity(1 << 17, ReadAt { archive, at: 0 }))
}

/// Reads a file from its beginning without moving its position, which a file just written has at its end.
struct ReadAt<'a> {
    archive: &'a File,
    at: u64,
}

impl io::Read for ReadAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.archive.read_at(buffer, self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

struct Reader<'a> {
    archive: &'a Arc<File>,
    tree: Tree,
    /// Files with several names, by device and inode number.
    links: HashMap<(u32, u32, u32), NodeId>,
    sockets: u64,
}

impl Reader<'_> {
    /// Enters what is at `at`; returns where the next header is.
    fn next(&mut self, at: u64, shown_name: &mut Option<Vec<u8>>) -> Result<u64, Problem> {
        let mut bytes = [0; 110];
        self.archive.read_exact_at(&mut bytes, at)?;
        if bytes[..4] == [0; 4] {
            // NULs between two archives.
            return Ok(at + 4);
        }
        let header = Header::parse(&bytes).map_err(|error| match error {
            HeaderError::Magic(_) => Problem::NotNewc { found: None },
            HeaderError::Field(name) => Problem::BadField(name),
        })?;
        let mut name = vec![0; usize::try_from(header.name_size).map_err(|_| Problem::NameLength(header.name_size.into()))?];
        self.archive.read_exact_at(&mut name, at + newc::HEADER_LEN)?;
        name.truncate(name.iter().position(|b| *b == 0).unwrap_or(name.len()));
        let data = newc::align4(at + newc::HEADER_LEN + u64::from(header.name_size));
        let end = newc::align4(data + u64::from(header.size));
        if name == newc::TRAILER {
            self.links.clear();
            return Ok(end);
        }
        *shown_name = Some(name.clone());
        self.enter(&name, &header, data)?;
        Ok(end)
    }

    fn enter(&mut self, name: &[u8], header: &Header, data: u64) -> Result<(), Problem> {
        let meta = Meta {
            mode: u16::try_from(header.mode & 0o7777).unwrap_or_default(),
            uid: header.uid,
            gid: header.gid,
            mtime: Timestamp { seconds: header.mtime.into(), nanos: 0 },
            ..Meta::default()
        };
        let device = Device { major: header.rdev.0, minor: header.rdev.1 };
        let kind = match header.mode & newc::TYPE_MASK {
            newc::REGULAR => {
                let content = Content::range(self.archive, data, header.size.into());
                let key = (header.dev.0, header.dev.1, header.ino);
                if header.nlink > 1
                    && let Some(id) = self.links.get(&key)
                {
                    if header.size > 0 {
                        self.tree.set_content(*id, content);
                    }
                    return self.tree.link_node(name, *id);
                }
                let id = self.tree.insert(name, meta, Kind::File(content))?;
                if header.nlink > 1 {
                    self.links.insert(key, id);
                }
                return Ok(());
            }
            newc::DIRECTORY => Kind::directory(),
            newc::SYMLINK => {
                let mut target = vec![0; usize::try_from(header.size).map_err(|_| Problem::BadSymlink(header.size.into()))?];
                self.archive.read_exact_at(&mut target, data)?;
                target.truncate(target.iter().position(|b| *b == 0).unwrap_or(target.len()));
                Kind::Symlink(target.into())
            }
            newc::CHAR_DEVICE => Kind::CharDevice(device),
            newc::BLOCK_DEVICE => Kind::BlockDevice(device),
            newc::FIFO => Kind::Fifo,
            newc::SOCKET => {
                self.sockets += 1;
                return Ok(());
            }
            _ => return Err(Problem::BadMode(header.mode)),
        };
        self.tree.insert(name, meta, kind).map(drop)
    }
}
