//! Reading an archive that came from elsewhere, before a machine gets it.

use crate::error::{EntryError, Problem};
use crate::newc::{self, Header, HeaderError};
use std::collections::HashMap;
use std::io::{self, Read};

/// What an archive holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Entries, without trailers.
    pub entries: u64,
    /// Bytes up to and with the last trailer.
    pub bytes: u64,
    /// Bytes of file data in it.
    pub data_bytes: u64,
    /// Regular files of [`crate::ALIGN_THRESHOLD`] bytes or more whose data starts on no page boundary: the guest will
    /// have to copy their pages.
    pub unaligned: u64,
}

/// Reads all of `archive` and judges it. Nothing but names is kept in memory.
///
/// # Errors
/// The first thing wrong, with its place.
pub fn check(archive: impl Read) -> Result<Survey, EntryError> {
    let mut reader = Reader { input: archive, offset: 0 };
    let mut survey = Survey::default();
    let mut kinds: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut after_trailer = false;
    loop {
        let ended = after_trailer.then(|| reader.at_padding_end());
        let start = reader.offset - if after_trailer { reader.offset.min(4) } else { 0 };
        let fail = |name: Option<&[u8]>, problem| EntryError {
            offset: start,
            name: name.map(|name| String::from_utf8_lossy(name).into_owned()),
            problem,
        };
        if ended.transpose().map_err(|problem| fail(None, problem))? == Some(true) {
            return Ok(survey);
        }
        let header = reader.header(after_trailer).map_err(|problem| fail(None, problem))?;
        let name = reader.name(&header).map_err(|problem| fail(None, problem))?;
        if name == newc::TRAILER {
            survey.bytes = reader.offset;
            after_trailer = true;
            // Hard links and parents do not reach across archives.
            kinds.clear();
            continue;
        }
        after_trailer = false;
        let kind = header.mode & newc::TYPE_MASK;
        judge(&name, &header, &kinds).map_err(|problem| fail(Some(&name), problem))?;
        if kind == newc::REGULAR && u64::from(header.size) >= crate::ALIGN_THRESHOLD && reader.offset % crate::PAGE != 0 {
            survey.unaligned += 1;
        }
        reader.skip(u64::from(header.size)).map_err(|problem| fail(Some(&name), problem))?;
        survey.entries += 1;
        survey.data_bytes += u64::from(header.size);
        kinds.insert(normal(&name), kind);
    }
}

/// The name without `.` components and doubled slashes.
fn normal(name: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = name.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    parts.join(&b'/')
}

fn judge(name: &[u8], header: &Header, kinds: &HashMap<Vec<u8>, u32>) -> Result<(), Problem> {
    if name.starts_with(b"/") {
        return Err(Problem::Absolute);
    }
    for part in name.split(|b| *b == b'/') {
        if part == b".." {
            return Err(Problem::DotDot);
        }
        if part.len() > 255 {
            return Err(Problem::ComponentTooLong);
        }
    }
    match header.mode & newc::TYPE_MASK {
        newc::SYMLINK if header.size == 0 || header.size > 4095 => return Err(Problem::BadSymlink(header.size.into())),
        newc::SYMLINK | newc::REGULAR | newc::DIRECTORY | newc::CHAR_DEVICE | newc::BLOCK_DEVICE | newc::FIFO | newc::SOCKET => {}
        _ => return Err(Problem::BadMode(header.mode)),
    }
    let name = normal(name);
    for (at, _) in name.iter().enumerate().filter(|(_, b)| **b == b'/') {
        let parent = name.get(..at).unwrap_or_default();
        if kinds.get(parent).is_some_and(|kind| *kind != newc::DIRECTORY) {
            return Err(Problem::ParentNotDirectory(String::from_utf8_lossy(parent).into_owned()));
        }
    }
    Ok(())
}

struct Reader<R> {
    input: R,
    offset: u64,
}

impl<R: Read> Reader<R> {
    /// Fills `buffer`; the number of bytes that were there.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Problem> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(got) => filled += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.offset += filled as u64;
        Ok(filled)
    }

    /// After a trailer: skips zeros in steps of 4 (archives are padded to blocks). `true` at the end of the input.
    /// Leaves the position at a word that is not zero by keeping that word for the next header.
    fn at_padding_end(&mut self) -> Result<bool, Problem> {
        // A following archive starts with "0707"; nothing else may stand here. Peeking is not possible on a stream, so
        // zeros are consumed word by word and the first other word decides.
        loop {
            let mut word = [0; 4];
            match self.fill(&mut word)? {
                0 => return Ok(true),
                4 if word == [0; 4] => {}
                4 if &word == b"0707" => return Ok(false),
                got if word.get(..got).is_some_and(|word| word.iter().all(|b| *b == 0)) => return Ok(true),
                _ => return Err(Problem::JunkAfterTrailer),
            }
        }
    }

    fn header(&mut self, has_magic_start: bool) -> Result<Header, Problem> {
        let mut bytes = [0; 110];
        let from = if has_magic_start { 4 } else { 0 };
        if has_magic_start {
            bytes[..4].copy_from_slice(b"0707");
        }
        let got = self.fill(bytes.get_mut(from..).unwrap_or_default())? + from;
        if got == 0 || (got < bytes.len() && bytes.starts_with(b"0707")) {
            return Err(Problem::Truncated("expected a header or the trailer"));
        }
        Header::parse(&bytes).map_err(|error| match error {
            HeaderError::Magic(magic) => Problem::NotNewc { found: guess(&magic) },
            HeaderError::Field(name) => Problem::BadField(name),
        })
    }

    fn name(&mut self, header: &Header) -> Result<Vec<u8>, Problem> {
        let size = header.name_size;
        if size == 0 || u64::from(size) > newc::NAME_FIELD_MAX {
            return Err(Problem::NameLength(size.into()));
        }
        let mut name = vec![0; usize::try_from(size).map_err(|_| Problem::NameLength(size.into()))?];
        if self.fill(&mut name)? < name.len() {
            return Err(Problem::Truncated("inside a name"));
        }
        let end = name.iter().position(|b| *b == 0).ok_or(Problem::Unterminated)?;
        name.truncate(end);
        if name.is_empty() {
            return Err(Problem::NameLength(0));
        }
        self.align()?;
        Ok(name)
    }

    fn align(&mut self) -> Result<(), Problem> {
        let missing = usize::try_from(newc::align4(self.offset) - self.offset).unwrap_or_default();
        let mut padding = [0; 3];
        if self.fill(padding.get_mut(..missing).unwrap_or_default())? < missing {
            return Err(Problem::Truncated("inside padding"));
        }
        Ok(())
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Problem> {
        let skipped = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        self.offset += skipped;
        if skipped < bytes {
            return Err(Problem::Truncated("the data is shorter than its header says"));
        }
        self.align()
    }
}

/// What else the first bytes could be, for the error message.
fn guess(magic: &[u8; 6]) -> Option<&'static str> {
    match magic {
        b"070707" => Some("an old character format (use `cpio -H newc`)"),
        [0xc7, 0x71, ..] | [0x71, 0xc7, ..] => Some("an old binary format (use `cpio -H newc`)"),
        [0x1f, 0x8b, ..] => Some("a gzip file; decompress it first"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("a zstd file; decompress it first"),
        [0xfd, b'7', b'z', b'X', b'Z', _] => Some("an xz file; decompress it first"),
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some("an lz4 file; decompress it first"),
        [0x7f, b'E', b'L', b'F', ..] => Some("an ELF file"),
        _ => None,
    }
}
