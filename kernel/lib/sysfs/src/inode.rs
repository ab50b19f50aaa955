//! The file system and its inodes.

use crate::SysSource;
use crate::tree::{CPU, CPUS, Entry, Node, TOP, Text};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;
use file::{AccessMode, DirEntry, File, FileType, OpenFlags, Stat};
use uapi::{Errno, Result};
use vfs::{FileSystem, Generated, GeneratedFile, Inode, StatFs, Vfs, name_hash};

/// SYSFS_MAGIC.
const MAGIC: u64 = 0x6265_6572;

struct Shared {
    source: Arc<dyn SysSource>,
    vfs: Arc<Vfs>,
    dev: u64,
}

/// The /sys file system.
pub struct Sysfs {
    shared: Arc<Shared>,
}

impl Sysfs {
    /// A /sys over `source`.
    pub fn new(vfs: &Arc<Vfs>, source: Arc<dyn SysSource>) -> Arc<Sysfs> {
        Arc::new(Sysfs { shared: Arc::new(Shared { source, vfs: vfs.clone(), dev: vfs.new_dev() }) })
    }
}

impl FileSystem for Sysfs {
    fn root(&self) -> Arc<dyn Inode> {
        Arc::new(SysInode { fs: self.shared.clone(), node: Node::Dir(TOP), cpu: 0, ino: 1 })
    }

    fn type_name(&self) -> &'static str {
        "sysfs"
    }

    fn statfs(&self) -> StatFs {
        StatFs::of(MAGIC, self.shared.dev)
    }

    fn dev(&self) -> u64 {
        self.shared.dev
    }
}

#[derive(Clone)]
struct SysInode {
    fs: Arc<Shared>,
    node: Node,
    /// The CPU whose directory this is in.
    cpu: u32,
    ino: u64,
}

impl SysInode {
    fn child(&self, name: &[u8], node: Node) -> SysInode {
        let ino = (self.ino.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ name_hash(name)) >> 16 | 2;
        let cpu = if let Node::Cpu(cpu) = node { cpu } else { self.cpu };
        SysInode { fs: self.fs.clone(), node, cpu, ino }
    }

    /// The entries that stand in the table, and how many CPUs come after them.
    fn entries(&self) -> Result<(&'static [Entry], u32)> {
        match self.node {
            Node::Dir(entries) => Ok((entries, 0)),
            Node::Cpus => Ok((CPUS, self.fs.source.cpus())),
            Node::Cpu(_) => Ok((CPU, 0)),
            Node::Text(_) => Err(Errno::ENOTDIR),
        }
    }
}

fn cpu_name(cpu: u32) -> Vec<u8> {
    let mut name = Vec::new();
    // Writing into memory cannot fail.
    let _ = write!(Text(&mut name), "cpu{cpu}");
    name
}

impl Inode for SysInode {
    fn kind(&self) -> FileType {
        if matches!(self.node, Node::Text(_)) { FileType::Regular } else { FileType::Directory }
    }

    fn stat(&self) -> Stat {
        let now = self.fs.vfs.clock.now();
        let (mode, nlink, size) = if matches!(self.node, Node::Text(_)) { (0o444, 1, 4096) } else { (0o555, 2, 0) };
        let (dev, ino, kind) = (self.fs.dev, self.ino, self.kind());
        Stat { dev, ino, kind, mode, nlink, size, block_size: 4096, atime: now, mtime: now, ctime: now, ..Stat::default() }
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let (entries, cpus) = self.entries()?;
        if let Some(entry) = entries.iter().find(|entry| entry.name.as_bytes() == name) {
            return Ok(Arc::new(self.child(name, entry.node)));
        }
        let cpu = (0..cpus).find(|cpu| cpu_name(*cpu) == name).ok_or(Errno::ENOENT)?;
        Ok(Arc::new(self.child(name, Node::Cpu(cpu))))
    }

    fn read_dir(&self, offset: i64, each: &mut dyn FnMut(&DirEntry) -> bool) -> Result<()> {
        let (entries, cpus) = self.entries()?;
        let named = entries.iter().map(|entry| (entry.name.as_bytes().to_vec(), entry.node));
        let all = named.chain((0..cpus).map(|cpu| (cpu_name(cpu), Node::Cpu(cpu))));
        for (at, (name, node)) in (2i64..).zip(all) {
            if at < offset {
                continue;
            }
            let child = self.child(&name, node);
            if !each(&DirEntry { ino: child.ino, next_offset: at + 1, kind: child.kind(), name }) {
                break;
            }
        }
        Ok(())
    }

    fn open(&self, access: AccessMode, _: OpenFlags) -> Result<Option<Arc<dyn File>>> {
        if access.writable() {
            return Err(Errno::EACCES);
        }
        Ok(Some(Arc::new(GeneratedFile::new(Box::new(self.clone())))))
    }
}

impl Generated for SysInode {
    fn generate(&self, out: &mut Vec<u8>) -> Result<()> {
        match self.node {
            Node::Text(make) => make(&*self.fs.source, self.cpu, &mut Text(out)).map_err(|_| Errno::EIO),
            _ => Err(Errno::EISDIR),
        }
    }
}
