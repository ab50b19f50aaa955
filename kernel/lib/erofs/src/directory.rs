//! Directories: blocks of records and names, sorted by name across all of them.

use crate::inode::Inode;
use crate::{BLOCK, Image, u16_at, u64_at};
use ramfs::Entry;
use uapi::{Errno, Result};

/// Length of a record: inode number, offset of the name in the block, type.
const RECORD: usize = 12;
const NAME_MAX: usize = 255;

/// A directory of the image.
pub(crate) struct Directory<'a> {
    image: &'a Image,
    inode: Inode,
}

/// One of its blocks.
struct Block {
    bytes: &'static [u8],
    count: usize,
}

impl Block {
    /// Name and inode number of a record.
    fn entry(&self, index: usize) -> Result<Entry> {
        let at = RECORD * index;
        let start = usize::from(u16_at(self.bytes, at + 8)?);
        let is_last = index + 1 == self.count;
        let end = if is_last { self.bytes.len() } else { usize::from(u16_at(self.bytes, at + RECORD + 8)?) };
        let mut name = self.bytes.get(start..end).ok_or(Errno::EUCLEAN)?;
        if is_last {
            // Zeros fill the block.
            name = &name[..name.iter().position(|b| *b == 0).unwrap_or(name.len())];
        }
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(Errno::EUCLEAN);
        }
        Ok((name, u64_at(self.bytes, at)?))
    }
}

/// The last of `0 .. count` whose name is not behind `name`, by halving; 0 when there is none.
fn last_up_to(count: u64, name: &[u8], name_at: &dyn Fn(u64) -> Result<Entry>) -> Result<u64> {
    let (mut low, mut high) = (0, count);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if name_at(middle)?.0 <= name { low = middle } else { high = middle }
    }
    Ok(low)
}

impl Image {
    /// ENOTDIR.
    pub(crate) fn directory(&self, number: u64) -> Result<Directory<'_>> {
        let inode = self.read_inode(number)?;
        if inode.is_directory() { Ok(Directory { image: self, inode }) } else { Err(Errno::ENOTDIR) }
    }
}

impl Directory<'_> {
    fn blocks(&self) -> u64 {
        self.inode.size.div_ceil(BLOCK)
    }

    fn block(&self, index: u64) -> Result<Block> {
        let start = index * BLOCK;
        let bytes = self.image.slice(&self.inode, start, self.inode.size.min(start + BLOCK))?;
        // The first name follows the last record.
        let records = usize::from(u16_at(bytes, 8)?);
        if records < RECORD || records % RECORD != 0 || records > bytes.len() {
            return Err(Errno::EUCLEAN);
        }
        Ok(Block { bytes, count: records / RECORD })
    }

    /// The entry `name`.
    pub(crate) fn find(&self, name: &[u8]) -> Result<Option<Entry>> {
        if self.inode.size == 0 {
            return Ok(None);
        }
        let block = self.block(last_up_to(self.blocks(), name, &|index| self.block(index)?.entry(0))?)?;
        let index = last_up_to(block.count as u64, name, &|index| block.entry(index as usize))?;
        let entry = block.entry(index as usize)?;
        Ok(Some(entry).filter(|entry| entry.0 == name))
    }

    /// All entries but `.` and `..`.
    pub(crate) fn list(&self, each: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
        for index in 0..self.blocks() {
            let block = self.block(index)?;
            for index in 0..block.count {
                let entry = block.entry(index)?;
                if entry.0.contains(&b'/') || entry.0.contains(&0) {
                    return Err(Errno::EUCLEAN);
                }
                if entry.0 != b"." && entry.0 != b".." {
                    each(entry)?;
                }
            }
        }
        Ok(())
    }
}
