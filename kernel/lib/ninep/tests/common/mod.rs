//! A server in memory: files by number, names in directories, fids. As a real one it knows files by number once a fid stands for them.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

use ninep::{NineFs, Options, Size, Transport};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use time::testing::ManualClock;
use uapi::{Errno, Result};
use vfs::{Context, Follow, MountFlags, Namespace, Vfs};

#[derive(Clone, Default)]
pub struct File {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub nlink: u64,
    pub data: Vec<u8>,
    pub target: Vec<u8>,
    pub entries: BTreeMap<Vec<u8>, u64>,
    pub mtime: u64,
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

enum Fid {
    File {
        number: u64,
        append: bool,
    },
    /// A list or value of attributes being read.
    Value(Vec<u8>),
    /// One being written.
    NewValue {
        number: u64,
        name: Vec<u8>,
        value: Vec<u8>,
    },
}

#[derive(Default)]
pub struct Tree {
    pub files: BTreeMap<u64, File>,
    fids: BTreeMap<u32, Fid>,
    next: u64,
    clock: u64,
    /// Types of requests, in order.
    pub asked: Vec<u8>,
}

pub struct Server {
    pub tree: Mutex<Tree>,
    /// What is done to each answer on its way.
    pub damage: Mutex<Option<Damage>>,
}

pub type Damage = Box<dyn FnMut(&mut Vec<u8>) + Send>;

struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(len);
        self.0 = rest;
        front
    }
    fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }
    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take(2).try_into().unwrap())
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }
    fn string(&mut self) -> Vec<u8> {
        let len = self.u16();
        self.take(len.into()).to_vec()
    }
}

#[derive(Default)]
struct Out(Vec<u8>);

impl Out {
    fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }
    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn string(self, text: &[u8]) -> Self {
        let mut out = self.u16(text.len() as u16);
        out.0.extend(text);
        out
    }
    fn qid(self, number: u64, file: &File) -> Self {
        let kind = match file.mode & 0o170_000 {
            0o040_000 => 0x80,
            0o120_000 => 2,
            _ => 0,
        };
        self.u8(kind).u32(file.mtime as u32).u64(number)
    }
}

const DIR: u32 = 0o040_000;

impl Tree {
    fn number(&self, fid: u32) -> Result<u64> {
        match self.fids.get(&fid) {
            Some(Fid::File { number, .. }) => Ok(*number),
            Some(_) => Err(Errno::EBADF),
            None => Err(Errno::EINVAL),
        }
    }

    fn file(&mut self, fid: u32) -> Result<&mut File> {
        let number = self.number(fid)?;
        self.files.get_mut(&number).ok_or(Errno::ENOENT)
    }

    pub fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn make(&mut self, dir: u32, name: Vec<u8>, file: File) -> Result<u64> {
        if self.file(dir)?.entries.contains_key(&name) {
            return Err(Errno::EEXIST);
        }
        self.next += 1;
        let number = self.next;
        let mtime = self.tick();
        self.file(dir)?.entries.insert(name, number);
        self.files.insert(number, File { nlink: 1, mtime, ..file });
        Ok(number)
    }

    /// The number of a path from the top.
    pub fn find(&self, path: &str) -> u64 {
        path.split('/').filter(|name| !name.is_empty()).fold(1, |at, name| self.files[&at].entries[name.as_bytes()])
    }

    /// What the host does behind the guest's back.
    pub fn host_write(&mut self, path: &str, data: &[u8]) {
        let number = self.find(path);
        let mtime = self.tick();
        let file = self.files.get_mut(&number).unwrap();
        file.data = data.to_vec();
        file.mtime = mtime;
    }

    /// Puts a new file where another may be, as editors do.
    pub fn host_replace(&mut self, dir: &str, name: &str, data: &[u8]) {
        self.next += 1;
        let (number, dir, mtime) = (self.next, self.find(dir), self.tick());
        self.files.insert(number, File { mode: 0o100_644, nlink: 1, mtime, data: data.to_vec(), ..File::default() });
        self.files.get_mut(&dir).unwrap().entries.insert(name.as_bytes().to_vec(), number);
    }

    fn unlink(&mut self, dir: u32, name: &[u8]) -> Result<()> {
        let number = self.file(dir)?.entries.remove(name).ok_or(Errno::ENOENT)?;
        self.files.get_mut(&number).unwrap().nlink -= 1;
        Ok(())
    }

    fn answer(&mut self, kind: u8, mut r: In<'_>) -> Result<Out> {
        let out = Out::default();
        Ok(match kind {
            100 => out.u32(r.u32()).string(b"9P2000.L"),
            104 => {
                self.fids.insert(r.u32(), Fid::File { number: 1, append: false });
                out.qid(1, &self.files[&1])
            }
            110 => {
                let (mut number, newfid, count) = (self.number(r.u32())?, r.u32(), r.u16());
                let mut qids = Out::default();
                for _ in 0..count {
                    number = *self.files[&number].entries.get(&r.string()).ok_or(Errno::ENOENT)?;
                    qids = qids.qid(number, &self.files[&number]);
                }
                assert!(self.fids.insert(newfid, Fid::File { number, append: false }).is_none(), "fid {newfid} is taken");
                let mut out = out.u16(count);
                out.0.extend(qids.0);
                out
            }
            120 => {
                if let Fid::NewValue { number, name, value } = self.fids.remove(&r.u32()).expect("clunk of a live fid") {
                    let xattrs = &mut self.files.get_mut(&number).unwrap().xattrs;
                    if value.is_empty() {
                        xattrs.remove(&name).ok_or(Errno::ENODATA)?;
                    } else {
                        xattrs.insert(name, value);
                    }
                }
                out
            }
            12 => {
                let (fid, flags) = (r.u32(), r.u32());
                let number = self.number(fid)?;
                self.fids.insert(fid, Fid::File { number, append: flags & 0o2000 != 0 });
                out.qid(number, &self.files[&number]).u32(0)
            }
            14 => {
                let (fid, name, _flags, mode, gid) = (r.u32(), r.string(), r.u32(), r.u32(), r.u32());
                let number = self.make(fid, name, File { mode: 0o100_000 | mode, gid, ..File::default() })?;
                self.fids.insert(fid, Fid::File { number, append: false });
                out.qid(number, &self.files[&number]).u32(0)
            }
            24 => {
                let number = self.number(r.u32())?;
                let file = &self.files[&number];
                let size = if file.target.is_empty() { file.data.len() } else { file.target.len() };
                let out = out.u64(0x7ff).qid(number, file).u32(file.mode).u32(file.uid).u32(file.gid).u64(file.nlink).u64(0);
                let mut out = out.u64(size as u64).u64(4096).u64(size.div_ceil(512) as u64);
                for time in [file.mtime, file.mtime, file.mtime, 0] {
                    out = out.u64(time).u64(0);
                }
                out.u64(0).u64(0)
            }
            26 => {
                let (fid, valid, mode, uid, gid, size) = (r.u32(), r.u32(), r.u32(), r.u32(), r.u32(), r.u64());
                let _atime = (r.u64(), r.u64());
                let mtime = r.u64();
                let now = self.tick();
                let file = self.file(fid)?;
                if valid & 1 != 0 {
                    file.mode = file.mode & !0o7777 | mode;
                }
                if valid & 2 != 0 {
                    file.uid = uid;
                }
                if valid & 4 != 0 {
                    file.gid = gid;
                }
                if valid & 8 != 0 {
                    file.data.resize(size as usize, 0);
                    file.mtime = now;
                }
                if valid & 0x20 != 0 {
                    file.mtime = mtime;
                }
                out
            }
            116 => {
                let (fid, offset, count) = (r.u32(), r.u64() as usize, r.u32() as usize);
                let data: &[u8] = match self.fids.get(&fid) {
                    Some(Fid::Value(value)) => value,
                    _ => &self.file(fid)?.data,
                };
                let rest = data.get(offset..).unwrap_or(&[]);
                let part = &rest[..rest.len().min(count)];
                let mut out = out.u32(part.len() as u32);
                out.0.extend(part);
                out
            }
            118 => {
                let (fid, offset, count) = (r.u32(), r.u64() as usize, r.u32() as usize);
                let bytes = r.take(count).to_vec();
                let now = self.tick();
                let appends = matches!(self.fids.get(&fid), Some(Fid::File { append: true, .. }));
                if let Some(Fid::NewValue { value, .. }) = self.fids.get_mut(&fid) {
                    value.extend(bytes);
                } else {
                    let file = self.file(fid)?;
                    let at = if appends { file.data.len() } else { offset };
                    file.data.resize(file.data.len().max(at + count), 0);
                    file.data[at..at + count].copy_from_slice(&bytes);
                    file.mtime = now;
                }
                out.u32(count as u32)
            }
            40 => {
                let (fid, offset, count) = (r.u32(), r.u64(), r.u32() as usize);
                let number = self.number(fid)?;
                let dots = [(b".".to_vec(), number), (b"..".to_vec(), number)];
                let mut entries = Out::default();
                for (at, (name, number)) in dots.into_iter().chain(self.files[&number].entries.clone()).enumerate().skip(offset as usize) {
                    let file = &self.files[&number];
                    let with = Out(entries.0.clone()).qid(number, file).u64(at as u64 + 1).u8((file.mode >> 12) as u8).string(&name);
                    if with.0.len() > count {
                        break;
                    }
                    entries = with;
                }
                let mut out = out.u32(entries.0.len() as u32);
                out.0.extend(entries.0);
                out
            }
            72 => {
                let (fid, name, mode, gid) = (r.u32(), r.string(), r.u32(), r.u32());
                let number = self.make(fid, name, File { mode: DIR | mode, gid, ..File::default() })?;
                out.qid(number, &self.files[&number])
            }
            16 => {
                let (fid, name, target, gid) = (r.u32(), r.string(), r.string(), r.u32());
                let number = self.make(fid, name, File { mode: 0o120_777, target, gid, ..File::default() })?;
                out.qid(number, &self.files[&number])
            }
            18 => {
                let (fid, name, mode) = (r.u32(), r.string(), r.u32());
                let number = self.make(fid, name, File { mode, ..File::default() })?;
                out.qid(number, &self.files[&number])
            }
            22 => out.string(&self.file(r.u32())?.target.clone()),
            70 => {
                let (dir, target, name) = (r.u32(), r.u32(), r.string());
                let number = self.number(target)?;
                self.file(target)?.nlink += 1;
                self.file(dir)?.entries.insert(name, number);
                out
            }
            74 => {
                let (from_dir, from, to_dir, to) = (r.u32(), r.string(), r.u32(), r.string());
                let number = self.file(from_dir)?.entries.remove(&from).ok_or(Errno::ENOENT)?;
                let _ = self.unlink(to_dir, &to);
                self.file(to_dir)?.entries.insert(to, number);
                out
            }
            76 => {
                let (dir, name, flags) = (r.u32(), r.string(), r.u32());
                let number = *self.file(dir)?.entries.get(&name).ok_or(Errno::ENOENT)?;
                let file = &self.files[&number];
                match (file.mode & 0o170_000 == DIR, flags & 0x200 != 0) {
                    (true, false) => return Err(Errno::EISDIR),
                    (false, true) => return Err(Errno::ENOTDIR),
                    (true, true) if !file.entries.is_empty() => return Err(Errno::ENOTEMPTY),
                    _ => {}
                }
                self.unlink(dir, &name)?;
                out
            }
            50 => out,
            8 => out.u32(0xef53).u32(4096).u64(100).u64(50).u64(40).u64(10).u64(5).u64(77).u32(255),
            30 => {
                let (fid, newfid, name) = (r.u32(), r.u32(), r.string());
                let file = self.file(fid)?;
                let value = match name.as_slice() {
                    [] => file.xattrs.keys().flat_map(|name| [name.as_slice(), b"\0"].concat()).collect(),
                    name => file.xattrs.get(name).ok_or(Errno::ENODATA)?.clone(),
                };
                let len = value.len() as u64;
                self.fids.insert(newfid, Fid::Value(value));
                out.u64(len)
            }
            32 => {
                let (fid, name) = (r.u32(), r.string());
                let number = self.number(fid)?;
                self.fids.insert(fid, Fid::NewValue { number, name, value: Vec::new() });
                out
            }
            _ => return Err(Errno::EOPNOTSUPP),
        })
    }

    pub fn fids(&self) -> usize {
        self.fids.len()
    }
}

impl Transport for Server {
    fn max_message(&self) -> u32 {
        16 << 10
    }

    fn exchange(
        &self,
        size: Size,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<usize>,
        reply: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut buf = vec![0; if size == Size::LongRequest { 16 << 10 } else { 4096 }];
        let len = fill(&mut buf)?;
        let mut message = In(&buf[..len]);
        let (said, kind, tag) = (message.u32(), message.u8(), message.u16());
        assert_eq!(said as usize, len);
        let mut tree = self.tree.lock().unwrap();
        tree.asked.push(kind);
        let (kind, fields) = match tree.answer(kind, message) {
            Ok(out) => (kind + 1, out),
            Err(errno) => (7, Out::default().u32(errno.code().into())),
        };
        drop(tree);
        let mut answer = Out::default().u32(fields.0.len() as u32 + 7).u8(kind).u16(tag).0;
        answer.extend(fields.0);
        assert!(answer.len() <= if size == Size::LongReply { 16 << 10 } else { 4096 });
        if let Some(damage) = &mut *self.damage.lock().unwrap() {
            damage(&mut answer);
        }
        reply(&answer)
    }
}

/// A machine with the server's tree at /v.
pub struct World {
    pub server: Arc<Server>,
    pub fs: Arc<NineFs>,
    pub ctx: Context,
}

pub fn server() -> Arc<Server> {
    let mut tree = Tree { next: 1, ..Tree::default() };
    tree.files.insert(1, File { mode: DIR | 0o755, nlink: 2, uid: 1000, gid: 100, ..File::default() });
    Arc::new(Server { tree: Mutex::new(tree), damage: Mutex::default() })
}

pub fn world_with(options: Options, flags: MountFlags) -> World {
    let server = server();
    let vfs = Vfs::new(Arc::new(ManualClock::default()), frame::testing::arena(8 << 20), None);
    let ctx = Context::new(Namespace::new(vfs.clone(), ramfs::Ramfs::new(&vfs, 0o755), MountFlags::empty(), b"rootfs"));
    ctx.mkdir(None, b"/v", 0o755).unwrap();
    let place = ctx.resolve(None, b"/v", Follow::Yes).unwrap();
    let fs = NineFs::new(&vfs, server.clone(), options).unwrap();
    ctx.namespace.mount(fs.clone(), &place, flags, b"fs1").unwrap();
    World { server, fs, ctx }
}

pub fn world() -> World {
    world_with(Options::default(), MountFlags::empty())
}

impl World {
    pub fn tree(&self) -> std::sync::MutexGuard<'_, Tree> {
        self.server.tree.lock().unwrap()
    }
    pub fn fids(&self) -> usize {
        self.tree().fids()
    }
    /// Types of requests since this was asked last.
    pub fn asked(&self) -> Vec<u8> {
        std::mem::take(&mut self.tree().asked)
    }
}
