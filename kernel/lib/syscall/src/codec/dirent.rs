//! Directory entries in an application's buffer (getdents(2), getdents64(2)).

use file::{DirEntry, UserMemory};
use uapi::types::Dirent64Header;
use uapi::{Errno, Result};
use zerocopy::IntoBytes;

/// Which of the two layouts is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `struct linux_dirent`: the type is in the entry's last byte.
    Old,
    /// `struct linux_dirent64`.
    New,
}

/// Longest entry: header, 255 bytes of name, NUL, type, padding.
const MAX_ENTRY: usize = 280;

/// Writes entries one behind the other until the buffer is full.
pub struct Writer<'a> {
    user: &'a dyn UserMemory,
    at: u64,
    room: u64,
    written: u64,
    layout: Layout,
    error: Option<Errno>,
}

impl<'a> Writer<'a> {
    /// A writer into the `room` bytes at `addr`.
    pub fn new(user: &'a dyn UserMemory, addr: u64, room: u64, layout: Layout) -> Self {
        Self { user, at: addr, room, written: 0, layout, error: None }
    }

    /// Puts one entry; `false` when it was not put (no room, or a fault), which ends the listing.
    pub fn put(&mut self, entry: &DirEntry) -> bool {
        let mut bytes = [0u8; MAX_ENTRY];
        let header = match self.layout {
            Layout::Old => 18,
            Layout::New => size_of::<Dirent64Header>(),
        };
        let tail = if self.layout == Layout::Old { 2 } else { 1 };
        let len = (header + entry.name.len() + tail).next_multiple_of(8);
        if len > MAX_ENTRY {
            self.error = Some(Errno::EOVERFLOW);
            return false;
        }
        if len as u64 > self.room {
            // Not even one entry fits: EINVAL (getdents(2)).
            self.error = (self.written == 0).then_some(Errno::EINVAL);
            return false;
        }
        let kind = entry.kind.dirent_type();
        let fixed = Dirent64Header { ino: entry.ino, off: entry.next_offset, reclen: len as u16, kind };
        bytes[..header].copy_from_slice(&fixed.as_bytes()[..header]);
        bytes[header..header + entry.name.len()].copy_from_slice(&entry.name);
        if self.layout == Layout::Old {
            bytes[len - 1] = kind;
        }
        if let Err(fault) = self.user.write_bytes(self.at, &bytes[..len]) {
            self.error = (self.written == 0).then_some(fault);
            return false;
        }
        self.at += len as u64;
        self.room -= len as u64;
        self.written += len as u64;
        true
    }

    /// The call's result: bytes written, 0 at the end of the directory. EINVAL: the buffer holds not even one entry.
    pub fn finish(self) -> Result<u64> {
        self.error.map_or(Ok(self.written), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use file::FileType;
    use usermem::testing::FakeMemory;

    fn entry(name: &[u8]) -> DirEntry {
        DirEntry { ino: 7, next_offset: 3, kind: FileType::Directory, name: name.to_vec() }
    }

    #[test]
    fn entries_are_laid_out_as_linux_lays_them_out() {
        let memory = FakeMemory::new(0x1000, 100);
        let user: &dyn UserMemory = &memory;
        let mut writer = Writer::new(user, 0x1000, 64, Layout::New);
        assert!(writer.put(&entry(b"abcd")));
        assert!(writer.put(&entry(b"abcde")));
        assert!(!writer.put(&entry(b"x")));
        assert_eq!(writer.finish(), Ok(56));
        let first: [u8; 24] = user.read(0x1000).unwrap();
        assert_eq!(first, [7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 24, 0, 4, b'a', b'b', b'c', b'd', 0]);
        let second: [u8; 3] = user.read(0x1018 + 16).unwrap();
        assert_eq!(second, [32, 0, 4]);
    }

    #[test]
    fn the_old_layout_has_the_type_last() {
        let memory = FakeMemory::new(0x1000, 100);
        let user: &dyn UserMemory = &memory;
        let mut writer = Writer::new(user, 0x1000, 64, Layout::Old);
        assert!(writer.put(&entry(b"ab")));
        assert_eq!(writer.finish(), Ok(24));
        let tail: [u8; 8] = user.read(0x1010).unwrap();
        assert_eq!(tail, [24, 0, b'a', b'b', 0, 0, 0, 4]);
    }

    #[test]
    fn too_small_a_buffer_is_einval_and_a_fault_is_efault() {
        let memory = FakeMemory::new(0x1000, 100);
        let mut writer = Writer::new(&memory, 0x1000, 20, Layout::New);
        assert!(!writer.put(&entry(b"abcdef")));
        assert_eq!(writer.finish(), Err(Errno::EINVAL));
        let mut writer = Writer::new(&memory, 0x9000, 200, Layout::New);
        assert!(!writer.put(&entry(b"abcdef")));
        assert_eq!(writer.finish(), Err(Errno::EFAULT));
    }
}
