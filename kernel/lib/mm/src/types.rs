//! The words in which an address space is talked to.

use alloc::sync::Arc;
use alloc::vec::Vec;
use arch_x86_64::paging;
use frame::MapObject;
use uapi::Errno;

bitflags::bitflags! {
    /// PROT_* (mmap(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Prot: u32 {
        /// PROT_READ.
        const READ = 1;
        /// PROT_WRITE.
        const WRITE = 2;
        /// PROT_EXEC.
        const EXEC = 4;
    }
}

impl Prot {
    /// From mmap(2)'s argument. Linux ignores unknown bits there (and PROT_SEM everywhere).
    pub fn from_mmap(bits: u32) -> Prot {
        Prot::from_bits_truncate(bits)
    }

    pub(crate) fn rights(self) -> u8 {
        // A CPU that lets a page be written or executed lets it be read.
        if self.is_empty() { 0 } else { self.bits() as u8 | paging::READ }
    }
}

bitflags::bitflags! {
    /// MAP_* (mmap(2)), without the type in the low four bits.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct MapFlags: u32 {
        /// MAP_SHARED.
        const SHARED = 0x1;
        /// MAP_PRIVATE.
        const PRIVATE = 0x2;
        /// MAP_FIXED.
        const FIXED = 0x10;
        /// MAP_ANONYMOUS.
        const ANONYMOUS = 0x20;
        /// MAP_32BIT: below 2 GiB.
        const LOW_2G = 0x40;
        /// MAP_GROWSDOWN.
        const GROWSDOWN = 0x100;
        /// MAP_DENYWRITE, ignored as on Linux.
        const DENYWRITE = 0x800;
        /// MAP_EXECUTABLE, ignored as on Linux.
        const EXECUTABLE = 0x1000;
        /// MAP_LOCKED.
        const LOCKED = 0x2000;
        /// MAP_NORESERVE. Nothing is ever reserved here.
        const NORESERVE = 0x4000;
        /// MAP_POPULATE.
        const POPULATE = 0x8000;
        /// MAP_NONBLOCK.
        const NONBLOCK = 0x1_0000;
        /// MAP_STACK, a no-op as on Linux.
        const STACK = 0x2_0000;
        /// MAP_HUGETLB: ENOMEM, there is no pool of huge pages.
        const HUGETLB = 0x4_0000;
        /// MAP_SYNC (only with MAP_SHARED_VALIDATE): EOPNOTSUPP.
        const SYNC = 0x8_0000;
        /// MAP_FIXED_NOREPLACE.
        const FIXED_NOREPLACE = 0x10_0000;
    }
}

impl MapFlags {
    /// From mmap(2)'s argument: the map type must be one of three (EINVAL); MAP_SHARED_VALIDATE refuses unknown flags (EOPNOTSUPP), the others ignore them.
    pub fn from_mmap(bits: u32) -> Result<MapFlags, Errno> {
        let flags = MapFlags::from_bits_truncate(bits);
        match bits & 0xf {
            1 | 2 => Ok(flags),
            3 => {
                let known = MapFlags::from_bits(bits).ok_or(Errno::EOPNOTSUPP)?;
                if known.contains(MapFlags::SYNC) { Err(Errno::EOPNOTSUPP) } else { Ok(flags.difference(MapFlags::PRIVATE)) }
            }
            _ => Err(Errno::EINVAL),
        }
    }
}

/// What /proc/self/maps shows of a mapped file: asked each time, because files are renamed and removed while mapped.
pub trait MappedName: Send + Sync {
    /// The path now. Asked with the address space's lock held: must not call back into it.
    fn path(&self) -> Vec<u8>;
}

/// A name that never changes.
impl MappedName for Vec<u8> {
    fn path(&self) -> Vec<u8> {
        self.clone()
    }
}

/// What mmap(2) maps when it is not anonymous memory.
#[derive(Clone)]
pub struct FileMapping {
    /// The pages: what `File::map_object` gave.
    pub object: Arc<dyn MapObject>,
    /// Offset of the first page in bytes; a multiple of 4096 (EINVAL).
    pub offset: u64,
    /// The rights that the descriptor allows, now or by a later mprotect(2): no EXEC on noexec mounts, no WRITE for a shared mapping of a file
    /// that is not open for writing. The caller checks that the file is open for reading (EACCES).
    pub may: Prot,
    /// Which file it is.
    pub shown: Shown,
}

/// What /proc/self/maps shows of a mapping's file; nothing in a kernel that does not.
#[derive(Clone)]
pub struct Shown {
    /// Its path.
    #[cfg(feature = "names")]
    name: Arc<dyn MappedName>,
    /// Device number of its inode.
    #[cfg(feature = "names")]
    dev: u64,
    /// Its inode number.
    #[cfg(feature = "names")]
    ino: u64,
}

impl Shown {
    /// The file called `name`, with inode number `ino` on device `dev`.
    pub fn new<N: MappedName + 'static>(name: impl FnOnce() -> N, dev: u64, ino: u64) -> Self {
        #[cfg(feature = "names")]
        return Self { name: Arc::new(name()), dev, ino };
        #[cfg(not(feature = "names"))]
        {
            let _ = (name, dev, ino);
            Self {}
        }
    }

    pub(crate) fn path(&self) -> Vec<u8> {
        #[cfg(feature = "names")]
        return self.name.path();
        #[cfg(not(feature = "names"))]
        Vec::new()
    }

    /// Device and inode number.
    pub(crate) fn inode(&self) -> (u64, u64) {
        #[cfg(feature = "names")]
        return (self.dev, self.ino);
        #[cfg(not(feature = "names"))]
        (0, 0)
    }
}

/// The arguments of mmap(2).
#[derive(Clone)]
pub struct MapRequest {
    /// Where, or a hint, or 0.
    pub addr: u64,
    /// Length in bytes; rounded up to pages. 0 is EINVAL.
    pub len: u64,
    /// Rights.
    pub prot: Prot,
    /// How.
    pub flags: MapFlags,
    /// The file; ignored with MAP_ANONYMOUS, required without.
    pub file: Option<FileMapping>,
}

/// What the application (or a user copy for it) tried when the CPU refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Exec,
}

impl FaultKind {
    pub(crate) fn needs(self) -> Prot {
        match self {
            FaultKind::Read => Prot::READ,
            FaultKind::Write => Prot::WRITE,
            FaultKind::Exec => Prot::EXEC,
        }
    }
}

/// si_code of a SIGSEGV.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegvCode {
    /// SEGV_MAPERR: nothing is mapped there.
    MapErr,
    /// SEGV_ACCERR: the mapping does not allow it.
    AccErr,
}

/// A fault that cannot be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// SIGSEGV.
    Segv(SegvCode),
    /// SIGBUS (BUS_ADRERR): past the end of the mapped file, or it cannot be read.
    Bus,
    /// No frame is left.
    OutOfMemory,
}

impl From<Fault> for Errno {
    /// What a system call answers whose argument faults.
    fn from(fault: Fault) -> Errno {
        match fault {
            Fault::Segv(_) | Fault::Bus => Errno::EFAULT,
            Fault::OutOfMemory => Errno::ENOMEM,
        }
    }
}

/// What the machine does. Flushes reach every CPU that runs the address space.
pub trait Mmu: Send + Sync {
    /// Makes the tables at physical address `root` the current ones.
    fn load_root(&self, root: u64);
    /// Forgets the cached translations of the pages at these addresses: all of them the application's, or all of them the kernel's.
    fn flush_pages(&self, pages: &[u64]);
    /// Forgets all cached translations of the application's half.
    fn flush_all(&self);
}

/// Resource limits that memory calls look at (getrlimit(2)), in bytes; `u64::MAX` is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// RLIMIT_AS.
    AddressSpace,
    /// RLIMIT_DATA.
    Data,
    /// RLIMIT_STACK.
    Stack,
    /// RLIMIT_MEMLOCK.
    Locked,
}
