//! The vDSO in an application's memory: what tells it the time without a system call.

use alloc::sync::Arc;
use alloc::vec::Vec;
use arch_x86_64::vdso;
use frame::Page;
use machine::{memory, pc};
use mm::{AddressSpace, Prot};
use spin::Once;
use uapi::{Errno, Result};

const PAGE: usize = 4096;

/// The vDSO's pages, made once: its data, then its code.
fn pages() -> Option<&'static [Page]> {
    static PAGES: Once<Vec<Page>> = Once::new();
    let pages = PAGES.try_call_once(|| {
        let mut pages = Vec::new();
        pages.push(Page::zeroed(&memory::FRAMES).ok_or(())?);
        for chunk in vdso::IMAGE.chunks(PAGE) {
            let page = Page::zeroed(&memory::FRAMES).ok_or(())?;
            page.write(0, chunk);
            pages.push(page);
        }
        // SAFETY: the frame is never freed (`PAGES` is static), zeroes are a valid `Data`, and all access is by its atomics.
        let shared = unsafe { &*memory::FRAMES.virt(pages[0].phys()).cast::<vdso::Data>() };
        pc::get().feed_vdso(shared);
        Ok::<_, ()>(pages)
    });
    pages.ok().map(Vec::as_slice)
}

/// Maps them; where the code is.
pub fn map(space: &Arc<AddressSpace>) -> Result<u64> {
    let Some(pages) = pages() else { return Err(Errno::ENOMEM) };
    let (data, code) = pages.split_at(1);
    let base = space.find_special((PAGE * pages.len()) as u64)?;
    space.map_special(base, data, Prot::READ, b"[vvar]")?;
    space.map_special(base + PAGE as u64, code, Prot::READ | Prot::EXEC, b"[vdso]")?;
    Ok(base + PAGE as u64)
}
