//! The guest's look at an image that nobody checked: an error, or a tree that can be walked, read and changed; all memory comes back.
#![no_main]
use file::{OpenFlags, SliceSink};
use std::sync::{Arc, OnceLock};
use time::testing::ManualClock;
use vfs::{Context, Follow, MountFlags, Namespace, OpenHow, Vfs};

/// Looks at all below `path`, at most `left` entries.
fn walk(context: &Context, path: &[u8], left: &mut usize) {
    let Ok(location) = context.resolve(None, path, Follow::No) else { return };
    let mut names = Vec::new();
    let _ = location.inode().read_dir(0, &mut |entry| {
        names.push(entry.name.to_vec());
        names.len() < 64
    });
    for name in names.iter().filter(|name| *name != b"." && *name != b"..") {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let below = [path, b"/", name].concat();
        let Ok(stat) = context.stat(None, &below, Follow::No) else { continue };
        let _ = context.read_link(None, &below);
        if stat.kind == file::FileType::Regular
            && let Ok(opened) = context.open(None, &below, &OpenHow::read())
        {
            let mut bytes = [0; 512];
            let mut sink = SliceSink::new(&mut bytes);
            let _ = opened.read(&mut sink, OpenFlags::empty());
            assert_eq!(sink.filled() as u64, stat.size.min(512));
        }
        if stat.kind == file::FileType::Directory {
            walk(context, &below, left);
        } else {
            let _ = context.unlink(None, &below);
        }
    }
}

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
            walk(&context, b"", &mut 256);
            Arc::downgrade(&root)
        })
    };
    assert!(alive.is_none_or(|root| root.strong_count() == 0), "the file system outlives its users");
    // SAFETY: made by `into_raw` above; the file system that borrowed it is gone.
    drop(unsafe { Box::from_raw(copy) });
});
