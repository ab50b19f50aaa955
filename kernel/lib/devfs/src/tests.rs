use crate::{Console, RandomSource, TerminalSignal, WindowSize, new, register};
use alloc::sync::Arc;
use file::{Events, File, OpenFlags, SliceSink, WaitQueue};
use ramfs::Ramfs;
use std::sync::Mutex;
use uapi::Errno;
use uapi::general::{O_RDWR, O_WRONLY};
use uapi::ioctl::{FIONREAD, TCGETS, TCSETS, TIOCGWINSZ};
use usermem::UserMemory;
use usermem::testing::FakeMemory;
use vfs::{Context, MountFlags, Namespace, OpenHow, StandardMount, Vfs, mount_standard};

#[derive(Default)]
struct Line {
    size: Option<WindowSize>,
    typed: Mutex<(Vec<u8>, bool)>,
    shown: Mutex<Vec<u8>>,
    signals: Mutex<Vec<TerminalSignal>>,
    queue: WaitQueue,
    /// Bytes that are taken from here on; no limit when `None`.
    room: Mutex<Option<usize>>,
}

impl Line {
    fn types(&self, text: &[u8]) {
        self.typed.lock().unwrap().0.extend_from_slice(text);
    }
    fn shown(&self) -> String {
        String::from_utf8(core::mem::take(&mut *self.shown.lock().unwrap())).unwrap()
    }
}

impl Console for Line {
    fn write_some(&self, bytes: &[u8]) -> uapi::Result<usize> {
        let mut room = self.room.lock().unwrap();
        let count = bytes.len().min(room.unwrap_or(usize::MAX));
        if count == 0 {
            return Err(Errno::EAGAIN);
        }
        *room = room.map(|room| room - count);
        self.shown.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }
    fn read(&self, buf: &mut [u8]) -> uapi::Result<usize> {
        let mut typed = self.typed.lock().unwrap();
        if typed.0.is_empty() {
            return if typed.1 { Ok(0) } else { Err(Errno::EAGAIN) };
        }
        let n = buf.len().min(typed.0.len());
        buf[..n].copy_from_slice(&typed.0[..n]);
        typed.0.drain(..n);
        Ok(n)
    }
    fn pending(&self) -> Option<usize> {
        let typed = self.typed.lock().unwrap();
        if typed.0.is_empty() && typed.1 { None } else { Some(typed.0.len()) }
    }
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
    fn window_size(&self) -> Option<WindowSize> {
        self.size
    }
    fn signal(&self, signal: TerminalSignal) {
        self.signals.lock().unwrap().push(signal);
    }
}

struct Sevens;
impl RandomSource for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
    fn mix(&self, _: &[u8]) {}
}

fn world(size: Option<WindowSize>) -> (Context, Arc<Line>) {
    let vfs = Vfs::new(Arc::new(time::testing::ManualClock::default()), frame::testing::arena(1 << 20), None);
    let line = Arc::new(Line { size, ..Line::default() });
    register(&vfs, Arc::new(Sevens), line.clone());
    let ctx = Context::new(Namespace::new(vfs.clone(), Ramfs::new(&vfs, 0o755), MountFlags::empty(), b"rootfs"));
    let dev = StandardMount { path: b"/dev", fs: new(&vfs).unwrap(), flags: MountFlags::NOSUID, source: b"devtmpfs" };
    mount_standard(&ctx, &[dev]).unwrap();
    (ctx, line)
}

fn open(ctx: &Context, path: &str, flags: u32) -> uapi::Result<Arc<dyn File>> {
    ctx.open(None, path.as_bytes(), &OpenHow::new(flags, 0))
}

fn read(file: &dyn File, len: usize) -> uapi::Result<Vec<u8>> {
    let mut buf = vec![0xee; len];
    let mut sink = SliceSink::new(&mut buf);
    let n = file.read(&mut sink, OpenFlags::empty())?;
    buf.truncate(n);
    Ok(buf)
}

#[test]
fn memory_devices_do_what_null_4_says() {
    let (ctx, _) = world(None);
    let none = OpenFlags::empty();
    let dev = |name: &str| open(&ctx, &format!("/dev/{name}"), O_RDWR).unwrap();
    assert_eq!((read(&*dev("null"), 9), dev("null").write(&mut &b"gone"[..], none)), (Ok(vec![]), Ok(4)));
    assert_eq!((read(&*dev("zero"), 1000), dev("full").write(&mut &b"x"[..], none)), (Ok(vec![0; 1000]), Err(Errno::ENOSPC)));
    assert_eq!(read(&*dev("urandom"), 600), Ok(vec![7; 600]));
    assert!(dev("zero").map_object().is_ok() && dev("null").map_object().is_err());
    assert_eq!(dev("null").stat().unwrap().rdev, 0x103);
    assert_eq!(ctx.read_link(None, b"/dev/stdout").unwrap(), b"/proc/self/fd/1");
    assert_eq!(ctx.stat(None, b"/dev/shm", vfs::Follow::No).unwrap().mode, 0o1777);
    assert_eq!(ctx.stat(None, b"/tmp", vfs::Follow::No).unwrap().mode, 0o1777);
    ctx.mknod(None, b"/odd", 0o020666, vfs::make_dev(200, 1)).unwrap();
    assert_eq!(open(&ctx, "/odd", O_RDWR).map(drop), Err(Errno::ENXIO));
}

#[test]
fn a_console_that_is_no_terminal_is_a_byte_stream() {
    let (ctx, line) = world(None);
    assert_eq!(open(&ctx, "/dev/tty", O_RDWR).map(drop), Err(Errno::ENXIO));
    let console = open(&ctx, "/dev/console", O_RDWR).unwrap();
    let long = vec![b'x'; 1000];
    assert_eq!(console.write(&mut &[long.as_slice(), b"\n\r"].concat()[..], OpenFlags::empty()), Ok(1002));
    assert!(line.shown().ends_with("xx\n\r"));
    let memory = FakeMemory::new(0x1000, 64);
    assert_eq!(console.ioctl(TCGETS, 0x1000, &memory), Err(Errno::ENOTTY));
    assert_eq!(console.ioctl(TIOCGWINSZ, 0x1000, &memory), Err(Errno::ENOTTY));
    assert_eq!((read(&*console, 10), console.poll()), (Err(Errno::EAGAIN), Events::WRITABLE));
    line.types(b"ab\rc");
    assert!(console.poll().contains(Events::IN));
    assert_eq!(console.ioctl(FIONREAD, 0x1000, &memory), Ok(0));
    assert_eq!((&memory as &dyn UserMemory).read::<i32>(0x1000), Ok(4));
    assert_eq!((read(&*console, 3), read(&*console, 3)), (Ok(b"ab\r".to_vec()), Ok(b"c".to_vec())));
    line.typed.lock().unwrap().1 = true;
    assert_eq!((read(&*console, 3), console.poll().contains(Events::IN)), (Ok(vec![]), true));
}

#[test]
fn a_terminal_edits_lines_echoes_and_signals() {
    let (ctx, line) = world(Some(WindowSize { rows: 24, columns: 80, width: 0, height: 0 }));
    let tty = open(&ctx, "/dev/tty", O_RDWR).unwrap();
    line.types(b"hellp\x7fo");
    assert_eq!((read(&*tty, 99), tty.poll()), (Err(Errno::EAGAIN), Events::WRITABLE));
    line.types(b"\rnext");
    assert_eq!(read(&*tty, 3), Ok(b"hel".to_vec()));
    assert_eq!(read(&*tty, 99), Ok(b"lo\n".to_vec()));
    assert_eq!(line.shown(), "hellp\x08 \x08o\r\nnext");
    line.types(b"\x03");
    assert_eq!(read(&*tty, 9), Err(Errno::EAGAIN));
    assert_eq!((line.shown().as_str(), line.signals.lock().unwrap().as_slice()), ("^C", &[TerminalSignal::Interrupt][..]));
    line.types(b"x\x04\x04");
    assert_eq!((read(&*tty, 9), read(&*tty, 9), read(&*tty, 9)), (Ok(b"x".to_vec()), Ok(vec![]), Err(Errno::EAGAIN)));
    line.shown();
    tty.write(&mut &b"a\nb"[..], OpenFlags::empty()).unwrap();
    assert_eq!(line.shown(), "a\r\nb");
    // Raw mode: bytes as they come, none shown.
    let memory = FakeMemory::new(0x1000, 64);
    tty.ioctl(TCGETS, 0x1000, &memory).unwrap();
    for offset in [0, 4, 12] {
        (&memory as &dyn UserMemory).write(0x1000 + offset, &0u32).unwrap();
    }
    tty.ioctl(TCSETS, 0x1000, &memory).unwrap();
    line.types(b"\x03\r");
    assert_eq!((read(&*tty, 9), line.shown().as_str()), (Ok(b"\x03\r".to_vec()), ""));
    assert_eq!(tty.ioctl(TIOCGWINSZ, 0x1000, &memory), Ok(0));
    assert_eq!((&memory as &dyn UserMemory).read::<[u16; 2]>(0x1000), Ok([24, 80]));
    let other = open(&ctx, "/dev/console", O_WRONLY).unwrap();
    assert_eq!(other.write(&mut &b"\n"[..], OpenFlags::empty()), Ok(1));
    assert_eq!(line.shown(), "\n");
}

#[test]
fn a_terminal_whose_other_end_is_slow_loses_nothing_and_never_spins() {
    let (ctx, line) = world(Some(WindowSize::default()));
    let tty = open(&ctx, "/dev/tty", O_RDWR).unwrap();
    let room = |bytes| *line.room.lock().unwrap() = Some(bytes);
    let text = "one\ntwo\n\nthree\n";
    for step in 1..6 {
        let mut source = text.as_bytes();
        while !source.is_empty() {
            room(step);
            match tty.write(&mut source, OpenFlags::empty()) {
                Ok(1..) | Err(Errno::EAGAIN) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(line.shown(), text.replace('\n', "\r\n"), "{step} bytes at a time");
    }
    // Echo that nobody takes is not shown; the characters are there all the same.
    room(2);
    line.types(b"abc\r");
    assert_eq!((read(&*tty, 9), line.shown().as_str()), (Ok(b"abc\n".to_vec()), "ab"));
    // A line longer than a terminal holds is cut and still ends.
    line.types(&[b'x'; 10_000]);
    assert_eq!(read(&*tty, 9), Err(Errno::EAGAIN));
    line.types(b"\r");
    assert_eq!(read(&*tty, 9999), Ok([&[b'x'; 4096][..], b"\n"].concat()));
    line.types(b"next\r");
    assert_eq!(read(&*tty, 9999), Ok(b"next\n".to_vec()));
}
