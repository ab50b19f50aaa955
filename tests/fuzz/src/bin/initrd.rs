//! The guest's look at an archive that nobody checked: an error, or a tree that can be walked and read; all memory comes back.
#![no_main]
#[path = "../walk.rs"]
mod walk;

use ramfs::Ramfs;
use std::sync::{Arc, OnceLock};
use time::testing::ManualClock;
use vfs::{Context, MountFlags, Namespace, Vfs};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static FRAMES: OnceLock<&frame::FrameAllocator> = OnceLock::new();
    let frames = *FRAMES.get_or_init(|| frame::testing::arena(16 << 20));
    let copy = Box::into_raw(data.to_vec().into_boxed_slice());
    // SAFETY: freed below, once nothing is left that points into it.
    let archive: &'static [u8] = unsafe { &*copy };
    let alive = {
        let machine = Vfs::new(Arc::new(ManualClock::default()), frames, None);
        let root = Ramfs::new(&machine, 0o755);
        if initrd::load(archive, &root).is_ok() {
            let context = Context::new(Namespace::new(machine, root.clone(), MountFlags::empty(), b"rootfs"));
            walk::walk(&context, b"", &mut 256, &|_, stat| assert!(stat.is_some(), "what a directory lists is there"));
        }
        Arc::downgrade(&root)
    };
    assert_eq!(alive.strong_count(), 0, "the file system outlives its users");
    // SAFETY: made by `into_raw` above; the file system that borrowed it is gone.
    drop(unsafe { Box::from_raw(copy) });
});
