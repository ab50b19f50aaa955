//! The file system and its inodes.

use crate::descriptors;
use crate::source::{Ask, ProcSource};
use crate::sysctl;
use crate::tree::{Entry, Node, PROCESS, TOP, number};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::{AccessMode, DirEntry, File, FileType, OpenFlags, Stat};
use uapi::{Errno, Result};
use vfs::{FileSystem, Generated, GeneratedFile, Inode, LinkTarget, NewNode, StatFs, Vfs, name_hash};

/// PROC_SUPER_MAGIC.
const MAGIC: u64 = 0x9fa0;
/// Inode number of the top directory.
const ROOT_INO: u64 = 1;

struct Shared {
    source: Arc<dyn ProcSource>,
    vfs: Arc<Vfs>,
    dev: u64,
}

/// The /proc file system.
pub struct Procfs {
    shared: Arc<Shared>,
}

impl Procfs {
    /// A /proc over `source`.
    pub fn new(vfs: &Arc<Vfs>, source: Arc<dyn ProcSource>) -> Arc<Procfs> {
        Arc::new(Procfs { shared: Arc::new(Shared { source, vfs: vfs.clone(), dev: vfs.new_dev() }) })
    }
}

impl FileSystem for Procfs {
    fn root(&self) -> Arc<dyn Inode> {
        Arc::new(ProcInode { fs: self.shared.clone(), node: Node::Top, who: None, ino: ROOT_INO })
    }

    fn type_name(&self) -> &'static str {
        "proc"
    }

    fn statfs(&self) -> StatFs {
        StatFs::of(MAGIC, self.shared.dev)
    }

    fn dev(&self) -> u64 {
        self.shared.dev
    }
}

/// Anything in /proc. Made at each look-up; who it is about is a number, so a process may be gone when it is asked.
#[derive(Clone)]
struct ProcInode {
    fs: Arc<Shared>,
    node: Node,
    /// Process (or a thread's process) and thread.
    who: Option<(i32, i32)>,
    ino: u64,
}

/// A decimal number without leading zeros.
fn parse(name: &[u8]) -> Option<i32> {
    if name.len() > 1 && name[0] == b'0' || name.iter().any(|b| !b.is_ascii_digit()) {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}

impl ProcInode {
    fn ask(&self) -> Ask<'_> {
        let source = &*self.fs.source;
        let process = self.who.and_then(|(pid, _)| source.process(pid));
        Ask { source, process, tid: self.who.map_or(0, |(_, tid)| tid) }
    }

    fn child(&self, name: &[u8], node: Node) -> ProcInode {
        self.child_of(name, node, self.who)
    }

    fn child_of(&self, name: &[u8], node: Node, who: Option<(i32, i32)>) -> ProcInode {
        // Stable for one path, different for different ones.
        let ino = (self.ino.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ name_hash(name)) >> 16 | 2;
        ProcInode { fs: self.fs.clone(), node, who, ino }
    }

    fn is_dir(&self) -> bool {
        self.kind() == FileType::Directory
    }

    /// All entries, names included; `each` returns false to stop.
    fn entries(&self, each: &mut dyn FnMut(&[u8], ProcInode) -> bool) -> Result<()> {
        let table = |table: &'static [Entry], each: &mut dyn FnMut(&[u8], ProcInode) -> bool| {
            table.iter().all(|e| each(e.name.as_bytes(), self.child(e.name.as_bytes(), e.node)))
        };
        let ask = self.ask();
        match self.node {
            Node::Dir(entries) => {
                table(entries, each);
            }
            Node::Top => {
                if table(TOP, each) {
                    for pid in ask.source.pids() {
                        let name = number(pid);
                        if !each(&name, self.child_of(&name, Node::Process, Some((pid, pid)))) {
                            break;
                        }
                    }
                }
            }
            Node::Process => {
                let (pid, tid) = self.who.ok_or(Errno::ENOENT)?;
                ask.process().map_err(|_| Errno::ENOENT)?;
                if table(PROCESS, each) && pid == tid {
                    each(b"task", self.child(b"task", Node::Task));
                }
            }
            Node::Task => {
                let (pid, _) = self.who.ok_or(Errno::ENOENT)?;
                for tid in ask.process().map_err(|_| Errno::ENOENT)?.threads() {
                    let name = number(tid);
                    let inode = self.child_of(&name, Node::Process, Some((pid, tid)));
                    if !each(&name, inode) {
                        break;
                    }
                }
            }
            Node::Descriptors | Node::DescriptorInfo => {
                for fd in ask.process().map_err(|_| Errno::ENOENT)?.descriptors() {
                    let name = number(fd);
                    if !each(&name, self.child(&name, self.descriptor(fd))) {
                        break;
                    }
                }
            }
            Node::SysctlDir(prefix) => {
                for (name, what) in sysctl::children(prefix) {
                    let node = match what {
                        Ok(setting) => Node::Sysctl(setting),
                        Err(prefix) => Node::SysctlDir(prefix),
                    };
                    if !each(name.as_bytes(), self.child(name.as_bytes(), node)) {
                        break;
                    }
                }
            }
            _ => return Err(Errno::ENOTDIR),
        }
        Ok(())
    }

    fn descriptor(&self, fd: i32) -> Node {
        if matches!(self.node, Node::Descriptors) { Node::Descriptor(fd) } else { Node::DescriptorText(fd) }
    }

    /// A numbered entry, found without listing the others; `None` when the directory has no numbered entries.
    fn numbered(&self, name: &[u8]) -> Option<Result<ProcInode>> {
        let id = parse(name)?;
        let ask = self.ask();
        let found = match self.node {
            Node::Top => ask.source.process(id).map(|process| (Node::Process, Some((process.status().pid, id)))),
            Node::Task => {
                let known = ask.process.as_ref().is_some_and(|process| process.thread(id).is_some());
                self.who.filter(|_| known).map(|(pid, _)| (Node::Process, Some((pid, id))))
            }
            Node::Descriptors | Node::DescriptorInfo => {
                let known = ask.process.as_ref().is_some_and(|process| process.descriptor(id).is_some());
                known.then(|| (self.descriptor(id), self.who))
            }
            _ => return None,
        };
        Some(found.map(|(node, who)| self.child_of(name, node, who)).ok_or(Errno::ENOENT))
    }
}

impl Inode for ProcInode {
    fn kind(&self) -> FileType {
        match self.node {
            Node::Dir(_) | Node::Top | Node::Process | Node::Task | Node::Descriptors | Node::DescriptorInfo | Node::SysctlDir(_) => {
                FileType::Directory
            }
            Node::Link(_) | Node::Descriptor(_) => FileType::Symlink,
            Node::Text(_) | Node::Private(_) | Node::Setting(..) | Node::Sysctl(_) | Node::DescriptorText(_) => FileType::Regular,
        }
    }

    fn stat(&self) -> Stat {
        let now = self.fs.vfs.clock.now();
        let mode = match self.node {
            Node::Private(_) => 0o400,
            Node::Setting(..) | Node::Sysctl(_) => 0o644,
            Node::Text(_) | Node::DescriptorText(_) => 0o444,
            Node::Descriptors | Node::DescriptorInfo => 0o500,
            Node::Descriptor(_) => 0o700,
            Node::Link(_) => 0o777,
            _ => 0o555,
        };
        let (mut uid, mut gid) = (0, 0);
        if self.who.is_some()
            && let Some(process) = self.ask().process
        {
            let status = process.status();
            (uid, gid) = (status.uid[1], status.gid[1]);
        }
        Stat {
            dev: self.fs.dev,
            ino: self.ino,
            kind: self.kind(),
            mode,
            nlink: if self.is_dir() { 2 } else { 1 },
            uid,
            gid,
            size: 0,
            block_size: 1024,
            atime: now,
            mtime: now,
            ctime: now,
            ..Stat::default()
        }
    }

    fn keeps_entries(&self) -> bool {
        // Settings are always the same; whatever is about a process comes and goes with it.
        matches!(self.node, Node::SysctlDir(_))
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        if let Some(found) = self.numbered(name) {
            return Ok(Arc::new(found?));
        }
        let mut found = None;
        self.entries(&mut |entry, inode| {
            if entry == name {
                found = Some(inode);
            }
            found.is_none()
        })?;
        Ok(Arc::new(found.ok_or(Errno::ENOENT)?))
    }

    fn create(&self, _: &[u8], _: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        // As on Linux: names that are not there cannot be made to be.
        Err(Errno::ENOENT)
    }

    fn read_dir(&self, offset: i64, each: &mut dyn FnMut(&DirEntry) -> bool) -> Result<()> {
        // Numbered entries have offsets made of their numbers, so that listing goes on right when some come or go.
        let base = i64::try_from(PROCESS.len().max(TOP.len()).max(sysctl::SETTINGS.len()) + 16).map_err(|_| Errno::EIO)?;
        let mut index = 1;
        // `each` may fault in application memory; entries only hold references, no locks.
        self.entries(&mut |name, inode| {
            index += 1;
            let at = match parse(name) {
                Some(number) => base + i64::from(number),
                None => index,
            };
            at < offset || each(&DirEntry { ino: inode.ino, next_offset: at + 1, kind: inode.kind(), name: name.to_vec() })
        })
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        let ask = self.ask();
        match self.node {
            Node::Descriptor(fd) => descriptors::link_text(&ask, fd),
            Node::Link(target) => match target(&ask)? {
                LinkTarget::Path(path) => Ok(path),
                LinkTarget::Location(place) => Ok(place.display_path(&ask.process()?.context().root)),
            },
            _ => Err(Errno::EINVAL),
        }
    }

    fn follow(&self) -> Result<LinkTarget> {
        let ask = self.ask();
        match self.node {
            Node::Descriptor(fd) => descriptors::link_target(&ask, fd),
            Node::Link(target) => target(&ask),
            _ => Err(Errno::EINVAL),
        }
    }

    fn open(&self, access: AccessMode, _: OpenFlags) -> Result<Option<Arc<dyn File>>> {
        let writable = matches!(self.node, Node::Setting(..) | Node::Sysctl(_));
        if access.writable() && !writable {
            return Err(Errno::EACCES);
        }
        Ok(Some(Arc::new(GeneratedFile::new(Box::new(self.clone())))))
    }

    fn set_size(&self, _: u64) -> Result<()> {
        // Shells open settings with O_TRUNC.
        Ok(())
    }
}

impl Generated for ProcInode {
    fn generate(&self, out: &mut Vec<u8>) -> Result<()> {
        let ask = self.ask();
        match self.node {
            Node::Text(make) | Node::Private(make) | Node::Setting(make, _) => make(&ask, out),
            Node::DescriptorText(fd) => descriptors::info(&ask, fd, out),
            Node::Sysctl(setting) => {
                setting.make(&ask, out);
                Ok(())
            }
            _ => Err(Errno::EISDIR),
        }
    }

    fn store(&self, text: &[u8]) -> Result<()> {
        let ask = self.ask();
        match self.node {
            Node::Setting(_, store) => store(&ask, text),
            Node::Sysctl(setting) => setting.store(&ask, text),
            _ => Err(Errno::EACCES),
        }
    }
}
