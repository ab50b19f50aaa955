//! The kernel's own mappings: stacks with guard pages, device windows.

use crate::{end, memory};
use arch_x86_64::boot;
#[cfg(not(feature = "smp"))]
use arch_x86_64::cpu;
use mm::{KernelSpace, Mmu};
use spin::Once;

/// Bytes of kernel stack for each thread, and for each CPU while it runs none.
pub const STACK_BYTES: u64 = 16 * 1024;

struct Cpus;

#[cfg(feature = "smp")]
impl Mmu for Cpus {
    fn load_root(&self, root: u64) {
        crate::cpus::load_root(root);
    }
    fn flush_pages(&self, pages: &[u64]) {
        crate::cpus::flush_pages(pages);
    }
    fn flush_all(&self) {
        crate::cpus::flush_all();
    }
}

#[cfg(not(feature = "smp"))]
impl Mmu for Cpus {
    fn load_root(&self, root: u64) {
        if cpu::page_table_root() != root {
            // SAFETY: every address space shares the kernel's upper half.
            unsafe { cpu::load_page_table_root(root) };
        }
    }
    fn flush_pages(&self, pages: &[u64]) {
        pages.iter().for_each(|page| cpu::flush_page(*page));
    }
    fn flush_all(&self) {
        // SAFETY: the same tables again.
        unsafe { cpu::load_page_table_root(cpu::page_table_root()) };
    }
}

/// The kernel's own mappings.
pub fn kernel_space() -> &'static KernelSpace {
    static SPACE: Once<KernelSpace> = Once::new();
    SPACE.call_once(|| match KernelSpace::new(&memory::FRAMES, &Cpus, boot::root()) {
        Ok(space) => space,
        Err(_) => end::out_of_memory(format_args!("no frame left for the kernel's page tables")),
    })
}
