//! Memory for host tests: an allocator over an arena, as the machine's is over RAM.

use crate::allocator::FrameAllocator;
use alloc::alloc::{Layout, alloc};
use alloc::boxed::Box;

/// An allocator that owns `bytes` bytes, leaked. Physical addresses are host addresses, so that [`crate::Page::foreign`] works on any static slice. The arena is
/// filled with 0xa5, so that nobody can rely on fresh memory being zero.
pub fn arena(bytes: usize) -> &'static FrameAllocator {
    let frames = Box::leak(Box::new(FrameAllocator::new()));
    let layout = Layout::from_size_align(bytes, 4 << 20).expect("an arena's size fits");
    // SAFETY: the layout has a size; the block is leaked, so it is the allocator's for ever, and "physical" is "virtual" here.
    unsafe {
        let start = alloc(layout);
        assert!(!start.is_null(), "no memory for the test arena");
        start.write_bytes(0xa5, bytes);
        let start = start.expose_provenance() as u64;
        frames.init(0, &[(start, start + bytes as u64)]);
    }
    frames
}
