//! The guest's look at an image that nobody checked: an error, or a tree that can be walked, read and changed; all memory comes back.
#![no_main]
#[path = "../walk.rs"]
mod walk;

use std::sync::{Arc, OnceLock};
use time::testing::ManualClock;
use vfs::{Context, MountFlags, Namespace, Vfs};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static FRAMES: OnceLock<&frame::FrameAllocator> = OnceLock::new();
    let frames = *FRAMES.get_or_init(|| frame::testing::arena(16 << 20));
    // What comes before the superblock means nothing; its first field would be guessed in vain.
    let mut copy = vec![0; 1024];
    copy.extend_from_slice(&0xe0f5_e1e2_u32.to_le_bytes());
    copy.extend_from_slice(data);
    let copy = Box::into_raw(copy.into_boxed_slice());
    // SAFETY: freed below, once nothing is left that points into it.
    let image: &'static [u8] = unsafe { &*copy };
    let alive = {
        let machine = Vfs::new(Arc::new(ManualClock::default()), frames, None);
        let mounted = erofs::mount(&machine, image);
        mounted.ok().map(|root| {
            let context = Context::new(Namespace::new(machine, root.clone(), MountFlags::empty(), b"rootfs"));
            walk::walk(&context, b"", &mut 256, &|path, stat| {
                if stat.is_some_and(|stat| stat.kind != file::FileType::Directory) {
                    let _ = context.unlink(None, path);
                }
            });
            Arc::downgrade(&root)
        })
    };
    assert!(alive.is_none_or(|root| root.strong_count() == 0), "the file system outlives its users");
    // SAFETY: made by `into_raw` above; the file system that borrowed it is gone.
    drop(unsafe { Box::from_raw(copy) });
});
