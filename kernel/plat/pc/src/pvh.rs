//! What a PVH hypervisor hands over (Xen `public/arch-x86/hvm/start_info.h`): memory map, modules, command line.

use arch_x86_64::DIRECT_MAP;

const MAGIC: u32 = 0x336e_c578;
/// E820 type of usable memory.
const RAM: u32 = 1;

#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_entries: u32,
    reserved: u32,
}

#[repr(C)]
struct Module {
    start: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

#[repr(C)]
struct MemoryEntry {
    start: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

/// The boot information, checked; all slices lie in the direct map and stay valid as long as nobody hands their memory out.
#[derive(Clone, Copy)]
pub struct BootInfo {
    info: &'static StartInfo,
}

/// Why the hand-over could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootError {
    /// The magic number is wrong: not started by a PVH hypervisor.
    NotPvh,
    /// Version 0 has no memory map.
    NoMemoryMap,
}

impl BootInfo {
    /// Reads the start info at physical address `start_info`.
    ///
    /// # Safety
    /// `start_info` must be what the boot protocol passed, and memory below 4 GiB be in the direct map.
    pub unsafe fn new(start_info: u64) -> Result<Self, BootError> {
        // SAFETY: the caller says a start info is there; it is never written.
        let info = unsafe { &*((start_info + DIRECT_MAP) as *const StartInfo) };
        if info.magic != MAGIC {
            return Err(BootError::NotPvh);
        }
        if info.version == 0 || info.memory_entries == 0 {
            return Err(BootError::NoMemoryMap);
        }
        Ok(Self { info })
    }

    /// Usable memory as (start, end) physical addresses, in the order given.
    pub fn memory(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let count = self.info.memory_entries.min(128) as usize;
        // SAFETY: the hypervisor says that many entries are there.
        let entries = unsafe { core::slice::from_raw_parts((self.info.memory_map + DIRECT_MAP) as *const MemoryEntry, count) };
        entries.iter().filter(|e| e.kind == RAM).map(|e| (e.start, e.start.saturating_add(e.size)))
    }

    /// The first module: the initrd. Physical start address and bytes.
    pub fn initrd(&self) -> Option<(u64, &'static [u8])> {
        if self.info.modules == 0 {
            return None;
        }
        // SAFETY: the hypervisor says a module list is there; the module's memory is kept from the frame allocator.
        unsafe {
            let module = &*((self.info.module_list + DIRECT_MAP) as *const Module);
            Some((module.start, core::slice::from_raw_parts((module.start + DIRECT_MAP) as *const u8, module.size as usize)))
        }
    }

    /// The command line's bytes without the NUL, at most 1 MiB.
    pub fn command_line(&self) -> &'static [u8] {
        if self.info.command_line == 0 {
            return &[];
        }
        let base = (self.info.command_line + DIRECT_MAP) as *const u8;
        // SAFETY: the hypervisor says a NUL-terminated string is there.
        unsafe {
            let len = (0..1 << 20).position(|i| *base.add(i) == 0).unwrap_or(0);
            core::slice::from_raw_parts(base, len)
        }
    }

    /// Physical ranges of the hand-over itself that must survive until they have been read: (start, end).
    pub fn own_ranges(&self) -> [(u64, u64); 4] {
        let range = |start: u64, len: u64| if start == 0 { (0, 0) } else { (start, start + len) };
        [
            range(self.info as *const StartInfo as u64 - DIRECT_MAP, size_of::<StartInfo>() as u64),
            range(self.info.memory_map, u64::from(self.info.memory_entries) * size_of::<MemoryEntry>() as u64),
            range(self.info.module_list, u64::from(self.info.modules) * size_of::<Module>() as u64),
            range(self.info.command_line, self.command_line().len() as u64 + 1),
        ]
    }
}
