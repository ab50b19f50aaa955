//! Inode metadata in our own terms (inode(7)).

use uapi::types::Timespec;

/// The type of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FileType {
    /// Regular file.
    #[default]
    Regular,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named or anonymous pipe.
    Fifo,
    /// Socket.
    Socket,
    /// An anonymous inode (epoll, eventfd, ...): no type bits, as on Linux.
    Anonymous,
}

impl FileType {
    /// The S_IFMT bits of `st_mode`.
    pub fn mode_bits(self) -> u32 {
        match self {
            FileType::Regular => 0o100000,
            FileType::Directory => 0o040000,
            FileType::Symlink => 0o120000,
            FileType::CharDevice => 0o020000,
            FileType::BlockDevice => 0o060000,
            FileType::Fifo => 0o010000,
            FileType::Socket => 0o140000,
            FileType::Anonymous => 0,
        }
    }

    /// From `st_mode`; `None` for bits that are no type.
    pub fn from_mode(mode: u32) -> Option<FileType> {
        Some(match mode & 0o170000 {
            0o100000 => FileType::Regular,
            0o040000 => FileType::Directory,
            0o120000 => FileType::Symlink,
            0o020000 => FileType::CharDevice,
            0o060000 => FileType::BlockDevice,
            0o010000 => FileType::Fifo,
            0o140000 => FileType::Socket,
            0 => FileType::Anonymous,
            _ => return None,
        })
    }

    /// getdents64(2)'s `d_type`.
    pub fn dirent_type(self) -> u8 {
        (self.mode_bits() >> 12) as u8
    }
}

/// What stat(2) and statx(2) tell about an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stat {
    /// Device that holds the inode (makedev encoding).
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Type.
    pub kind: FileType,
    /// Permission bits, set-id and sticky bits (12 bits, no type).
    pub mode: u32,
    /// Hard links.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device that a device inode stands for (makedev encoding).
    pub rdev: u64,
    /// Size in bytes.
    pub size: u64,
    /// Preferred block size for transfers, in bytes.
    pub block_size: u32,
    /// Blocks of 512 bytes in use.
    pub blocks: u64,
    /// Last access.
    pub atime: Timespec,
    /// Last change of contents.
    pub mtime: Timespec,
    /// Last change of the inode.
    pub ctime: Timespec,
    /// Creation.
    pub btime: Timespec,
}

impl Stat {
    /// Of a socket without a place in a file system.
    pub fn socket(ino: u64) -> Self {
        Self { ino, kind: FileType::Socket, mode: 0o777, nlink: 1, block_size: 4096, ..Self::default() }
    }
}
