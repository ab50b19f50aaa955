//! A 9P server that answers whatever it likes: errors or nonsense in the tree, never a panic, a hang or a loss of memory.
#![no_main]
use file::{OpenFlags, SliceSink};
use frame::PageAccess;
use ninep::{NineFs, Options, Size, Transport};
use std::sync::{Arc, Mutex, OnceLock};
use time::testing::ManualClock;
use uapi::Result;
use vfs::{Context, Follow, MountFlags, Namespace, OpenHow, RenameKind, Vfs};

/// Answers: one byte says how, the next bytes are its fields.
struct Liar(Mutex<Vec<u8>>);

impl Transport for Liar {
    fn max_message(&self) -> u32 {
        16 << 10
    }

    fn exchange(
        &self,
        _: Size,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<usize>,
        reply: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut request = vec![0; 16 << 10];
        let len = fill(&mut request)?;
        assert!(len >= 7 && len <= request.len());
        let mut left = self.0.lock().map_err(|_| uapi::Errno::EIO)?;
        let how = left.pop().unwrap_or(0);
        let count = usize::from(how & 0x7f).min(left.len());
        let at = left.len() - count;
        let fields = left.split_off(at);
        drop(left);
        // The two that every tree begins with are right, else nothing is ever mounted.
        let fields = match request[4] {
            100 => [&(16_u32 << 10).to_le_bytes()[..], &[8, 0], b"9P2000.L"].concat(),
            104 => vec![0x80; 13],
            _ => fields,
        };
        let mut message = Vec::new();
        message.extend((fields.len() as u32 + 7).to_le_bytes());
        message.push(if how & 0x80 == 0 { request[4].wrapping_add(1) } else { 7 });
        message.extend(&request[5..7]);
        message.extend(fields);
        reply(&message)
    }
}

fn use_it(context: &Context) {
    for path in [&b"/v/a"[..], b"/v/a/b", b"/v"] {
        let _ = context.stat(None, path, Follow::Yes);
        let _ = context.read_link(None, path);
        let Ok(opened) = context.open(None, path, &OpenHow::new(2, 0)) else { continue };
        let mut bytes = [0; 512];
        let _ = opened.read(&mut SliceSink::new(&mut bytes), OpenFlags::empty());
        let _ = opened.write(&mut &b"text"[..], OpenFlags::APPEND);
        let _ = opened.map_object().and_then(|object| object.page(0, PageAccess::Write).map(drop));
        let _ = opened.sync();
    }
    if let Ok(directory) = context.open(None, b"/v", &OpenHow::read()) {
        let mut left = 64;
        let _ = directory.read_dir(&mut |_| {
            left -= 1;
            left > 0
        });
    }
    let _ = context.statfs(None, b"/v");
    let _ = context.mkdir(None, b"/v/d", 0o755);
    let _ = context.symlink(b"to", None, b"/v/l");
    let _ = context.rename(None, b"/v/a", None, b"/v/b", RenameKind::Replace);
    let _ = context.unlink(None, b"/v/b");
    if let Ok(place) = context.resolve(None, b"/v/a", Follow::No) {
        let _ = place.inode().xattr_names();
        let _ = place.inode().xattr(b"user.x");
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static FRAMES: OnceLock<&frame::FrameAllocator> = OnceLock::new();
    let frames = *FRAMES.get_or_init(|| frame::testing::arena(16 << 20));
    let free = frames.free_bytes();
    {
        let vfs = Vfs::new(Arc::new(ManualClock::default()), frames, None);
        let context = Context::new(Namespace::new(vfs.clone(), ramfs::Ramfs::new(&vfs, 0o755), MountFlags::empty(), b"rootfs"));
        if context.mkdir(None, b"/v", 0o755).is_err() {
            return;
        }
        let server = Arc::new(Liar(Mutex::new(data.iter().rev().copied().collect())));
        let Ok(place) = context.resolve(None, b"/v", Follow::Yes) else { return };
        if let Ok(fs) = NineFs::new(&vfs, server, Options::default())
            && context.namespace.mount(fs, &place, MountFlags::empty(), b"fs1").is_ok()
        {
            use_it(&context);
        }
    }
    assert_eq!(frames.free_bytes(), free, "pages outlive their file");
});
