//! Host tests: real tables in an arena, looked at through `translate`; a recording MMU.

mod advise;
mod fork;
mod map;
mod model;
mod objects;
mod pages;
mod special;

use crate::*;
use alloc::sync::Arc;
use frame::{FrameAllocator, PAGE_BYTES};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub const RW: Prot = Prot::READ.union(Prot::WRITE);
pub const PRIVATE: MapFlags = MapFlags::PRIVATE.union(MapFlags::ANONYMOUS);
pub const SHARED: MapFlags = MapFlags::SHARED.union(MapFlags::ANONYMOUS);
pub const PAGE: u64 = PAGE_BYTES;
pub const MAPERR: Fault = Fault::Segv(SegvCode::MapErr);
pub const ACCERR: Fault = Fault::Segv(SegvCode::AccErr);

#[derive(Default)]
pub struct FakeMmu {
    pub pages: Mutex<Vec<u64>>,
    pub all: AtomicUsize,
}

impl Mmu for FakeMmu {
    fn load_root(&self, _: u64) {}
    fn flush_pages(&self, pages: &[u64]) {
        self.pages.lock().unwrap().extend(pages);
    }
    fn flush_all(&self) {
        self.all.fetch_add(1, Ordering::SeqCst);
    }
}

pub struct World {
    pub frames: &'static FrameAllocator,
    pub mmu: &'static FakeMmu,
    pub kernel: &'static KernelSpace,
    pub space: Arc<AddressSpace>,
}

/// A machine with `mebibytes` of memory and one empty space.
pub fn world(mebibytes: usize) -> World {
    let frames = frame::testing::arena(mebibytes << 20);
    let mmu: &'static FakeMmu = Box::leak(Box::default());
    let root = frames.alloc_zeroed().unwrap();
    let kernel: &'static KernelSpace = Box::leak(Box::new(KernelSpace::new(frames, mmu, root).unwrap()));
    let space = AddressSpace::new(kernel, Domain::Ring0, 1).unwrap();
    World { frames, mmu, kernel, space }
}

impl World {
    pub fn anon(&self, len: u64, prot: Prot) -> u64 {
        self.space.mmap(MapRequest { addr: 0, len, prot, flags: PRIVATE, file: None }).unwrap()
    }

    pub fn fixed(&self, addr: u64, len: u64, prot: Prot) -> u64 {
        self.space.map_anonymous(addr, len, prot).unwrap()
    }

    /// Writes as the application would: faults until the entry allows it.
    pub fn poke(&self, addr: u64, byte: u8) {
        poke(&self.space, addr, byte);
    }

    pub fn peek(&self, addr: u64) -> u8 {
        peek(&self.space, addr)
    }

    /// Page flushes since the last call, and whole flushes.
    pub fn flushes(&self) -> (usize, usize) {
        (std::mem::take(&mut *self.mmu.pages.lock().unwrap()).len(), self.mmu.all.swap(0, Ordering::SeqCst))
    }

    pub fn used(&self) -> u64 {
        self.frames.total_bytes() - self.frames.free_bytes()
    }
}

/// As the CPU would: only when the tables do not allow the access is the fault handler asked.
fn touch(space: &AddressSpace, addr: u64, kind: FaultKind) -> Result<u64, Fault> {
    for _ in 0..2 {
        if let Some((phys, prot)) = space.translate(addr)
            && prot.contains(kind.needs())
        {
            return Ok(phys);
        }
        space.handle_fault(addr, kind)?;
    }
    panic!("a fault was served and the access at {addr:#x} still fails");
}

pub fn poke(space: &AddressSpace, addr: u64, byte: u8) {
    let phys = touch(space, addr, FaultKind::Write).unwrap();
    // SAFETY: the tables map the address to this byte of the arena, where physical is virtual.
    unsafe { std::ptr::with_exposed_provenance_mut::<u8>(phys as usize).write(byte) };
}

pub fn peek(space: &AddressSpace, addr: u64) -> u8 {
    let phys = touch(space, addr, FaultKind::Read).unwrap();
    // SAFETY: as in `poke`.
    unsafe { std::ptr::with_exposed_provenance::<u8>(phys as usize).read() }
}

/// The mappings as /proc/self/maps would list them: (start, end, prot).
pub fn maps(space: &AddressSpace) -> Vec<(u64, u64, Prot)> {
    let mut list = Vec::new();
    let mut at = 0;
    while let Some(vma) = space.vma_from(at) {
        at = vma.end;
        list.push((vma.start, vma.end, vma.prot));
    }
    list
}
