//! Executables: whatever the bytes, an error or a plan whose mappings are whole pages inside the address space.
#![no_main]
use elf::{Elf, Machine, Script};

const LIMIT: u64 = 0x7fff_ffff_f000;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = Script::parse(data);
    let Ok(elf) = Elf::parse(data, Machine::X86_64, LIMIT) else { return };
    let (low, high) = elf.span();
    assert!(low < high && high <= LIMIT);
    for segment in &elf.segments {
        if let Some((addr, offset, len)) = segment.file_pages() {
            assert!(addr % 4096 == 0 && offset % 4096 == 0 && len % 4096 == 0 && len > 0);
        }
        if let Some((addr, len)) = segment.zero_pages() {
            assert!(addr % 4096 == 0 && len % 4096 == 0 && len > 0);
        }
        assert!(segment.tail().is_none_or(|(_, len)| len < 4096));
    }
});
