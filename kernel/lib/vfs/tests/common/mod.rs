//! A tree in memory to test on.
#![allow(dead_code, clippy::unwrap_used)]

use file::{File, OpenFlags, SliceSink};
use ramfs::Ramfs;
use std::sync::Arc;
use time::testing::ManualClock;
use uapi::Result;
use uapi::general::{O_CREAT, O_RDWR, O_TRUNC};
use vfs::{Context, MountFlags, Namespace, OpenHow, Vfs};

pub struct World {
    pub clock: Arc<ManualClock>,
    pub vfs: Arc<Vfs>,
    pub ctx: Context,
}

pub fn world() -> World {
    let clock = Arc::new(ManualClock::default());
    let vfs = Vfs::new(clock.clone(), frame::testing::arena(4 << 20), None);
    let ctx = Context::new(Namespace::new(vfs.clone(), Ramfs::new(&vfs, 0o755), MountFlags::empty(), b"rootfs"));
    World { clock, vfs, ctx }
}

impl World {
    pub fn user(&self, uid: u32) -> Context {
        Context { uid, gid: uid, ..self.ctx.clone() }
    }
    pub fn write(&self, path: &str, text: &[u8]) {
        put(&self.ctx, path, text).unwrap();
    }
    pub fn read(&self, path: &str) -> Vec<u8> {
        get(&*self.ctx.open(None, path.as_bytes(), &OpenHow::read()).unwrap()).unwrap()
    }
    pub fn dir(&self, path: &str) {
        self.ctx.mkdir(None, path.as_bytes(), 0o755).unwrap();
    }
    pub fn link(&self, target: &str, path: &str) {
        self.ctx.symlink(target.as_bytes(), None, path.as_bytes()).unwrap();
    }
}

pub fn put(ctx: &Context, path: &str, text: &[u8]) -> Result<()> {
    let file = ctx.open(None, path.as_bytes(), &OpenHow::new(O_RDWR | O_CREAT | O_TRUNC, 0o666))?;
    assert_eq!(file.write(&mut &*text, OpenFlags::empty())?, text.len());
    Ok(())
}

pub fn get(file: &dyn File) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buf = vec![0; 1000];
    loop {
        let mut sink = SliceSink::new(&mut buf);
        file.read(&mut sink, OpenFlags::empty())?;
        let n = sink.filled();
        if n == 0 {
            return Ok(all);
        }
        all.extend_from_slice(&buf[..n]);
    }
}

pub fn names(file: &dyn File) -> Vec<String> {
    let mut names = Vec::new();
    file.read_dir(&mut |entry| {
        names.push(String::from_utf8(entry.name.clone()).unwrap());
        true
    })
    .unwrap();
    names
}
