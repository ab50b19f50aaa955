//! A process on the host: a real address space in an arena, a machine that never really switches, a clock that moves when looked at.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use frame::FrameAllocator;
use futex::FutexTable;
use mm::{AddressSpace, Domain, FaultKind, KernelSpace, Mmu, USER_END};
use process::{Arguments, Credentials, End, Level, Platform, Process, Services, Thread};
use sched::{Context, Machine, Scheduler};
use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use syscall::{Cx, MachineInfo, Memory, Names, System, UserRegs, dispatch};
use time::{Clock, TimerQueue};
use uapi::{Errno, Result};
use usermem::UserMemory;
use vfs::{MountFlags, Namespace, OpenHow, Vfs};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Where the tests' program has a megabyte of zeros.
pub const SCRATCH: u64 = 0x60_0000;

struct NoMmu;
impl Mmu for NoMmu {
    fn load_root(&self, _: u64) {}
    fn flush_pages(&self, _: &[u64]) {}
    fn flush_all(&self) {}
}

struct OneCpu;
impl Machine for OneCpu {
    fn now_ns(&self) -> u64 {
        0
    }
    fn cpu_id(&self) -> usize {
        0
    }
    fn cpu_count(&self) -> usize {
        1
    }
    fn switch(&self, _: usize, _: usize) {}
    fn idle(&self) {}
    fn set_deadline(&self, _: Option<u64>) {}
    fn kick(&self, _: usize) {}
}

struct Number;
impl Context for Number {
    fn raw(&self) -> usize {
        1
    }
}

/// Each look takes a millisecond.
pub struct SteppingClock(AtomicU64);
impl Clock for SteppingClock {
    fn monotonic_ns(&self) -> u64 {
        self.0.fetch_add(1_000_000, Ordering::SeqCst)
    }
    fn realtime_ns(&self) -> u64 {
        1_700_000_000_000_000_000 + self.monotonic_ns()
    }
    fn set_realtime_ns(&self, _: u64) {}
}

#[derive(Default)]
struct Active(Mutex<Option<Arc<AddressSpace>>>);

impl Active {
    fn walk(&self, addr: u64, len: usize, kind: FaultKind, mut each: impl FnMut(&mm::Page, usize, std::ops::Range<usize>)) -> usize {
        let Some(space) = self.0.lock().unwrap().clone() else { return 0 };
        let mut done = 0;
        while done < len {
            let at = addr.wrapping_add(done as u64);
            if at >= USER_END {
                break;
            }
            let step = (4096 - at % 4096).min((len - done) as u64) as usize;
            let Ok(page) = space.resolve(at, kind) else { break };
            each(&page, (at % 4096) as usize, done..done + step);
            done += step;
        }
        done
    }
}

impl UserMemory for Active {
    fn copy_in(&self, addr: u64, buf: &mut [u8]) -> usize {
        let len = buf.len();
        self.walk(addr, len, FaultKind::Read, |page, at, range| {
            page.read(at, &mut buf[range]);
        })
    }
    fn copy_out(&self, addr: u64, bytes: &[u8]) -> usize {
        self.walk(addr, bytes.len(), FaultKind::Write, |page, at, range| {
            page.write(at, &bytes[range]);
        })
    }
    fn compare_exchange_u32(&self, addr: u64, old: u32, new: u32) -> Result<u32> {
        let held = self.load_u32(addr)?;
        if held == old {
            self.copy_out(addr, &new.to_ne_bytes());
        }
        Ok(held)
    }
    fn load_u32(&self, addr: u64) -> Result<u32> {
        let user: &dyn UserMemory = self;
        user.read(addr)
    }
}

pub struct Host {
    active: &'static Active,
    kernel: &'static KernelSpace,
    pub log: Mutex<Vec<String>>,
}

impl Platform for Host {
    fn user(&self) -> &'static dyn UserMemory {
        self.active
    }
    fn spawn_context(&self, _: &UserRegs, _: u64) -> Result<Box<dyn Context>> {
        Ok(Box::new(Number))
    }
    fn bind(&self, _: &dyn Context, _: &Arc<Thread>) {}
    fn fs_base(&self) -> u64 {
        0x1234
    }
    fn set_fs_base(&self, _: u64) {}
    fn gs_base(&self) -> u64 {
        0
    }
    fn set_gs_base(&self, _: u64) {}
    fn fpu_size(&self) -> usize {
        512
    }
    fn fpu_features(&self) -> u64 {
        0
    }
    fn fpu_save(&self, _: &mut [u8]) -> usize {
        512
    }
    fn fpu_restore(&self, _: &[u8]) -> Result<()> {
        Ok(())
    }
    fn fpu_reset(&self) {}
    fn new_address_space(&self) -> Result<Arc<AddressSpace>> {
        AddressSpace::new(self.kernel, Domain::Ring0, 7)
    }
    fn activate(&self, space: &Arc<AddressSpace>) {
        *self.active.0.lock().unwrap() = Some(space.clone());
    }
    fn map_vdso(&self, _: &Arc<AddressSpace>) -> Result<Option<u64>> {
        Ok(None)
    }
    fn hwcap(&self) -> (u64, u64) {
        (0, 0)
    }
    fn random(&self, out: &mut [u8]) {
        out.fill(0x5a);
    }
    fn end_machine(&self, end: End) -> ! {
        std::panic::panic_any(end);
    }
    fn log(&self, _: Level, message: fmt::Arguments<'_>) {
        self.log.lock().unwrap().push(message.to_string());
    }
    fn log_absent_call(&self, number: u64) {
        self.log.lock().unwrap().push(format!("system call {number}: ENOSYS"));
    }
}

struct Info(&'static FrameAllocator);
impl MachineInfo for Info {
    fn memory(&self) -> Memory {
        Memory { total_bytes: self.0.total_bytes(), free_bytes: self.0.free_bytes() }
    }
    fn barrier_on_all_cpus(&self) {}
}

struct NoNames;
impl unix::SocketNames for NoNames {
    fn credentials(&self) -> file::Credentials {
        file::Credentials { pid: 1, uid: 0, gid: 0 }
    }
    fn bind(&self, _: &[u8], _: Weak<dyn Any + Send + Sync>) -> Result<()> {
        Err(Errno::EADDRINUSE)
    }
    fn lookup(&self, _: &[u8]) -> Result<Arc<dyn Any + Send + Sync>> {
        Err(Errno::ENOENT)
    }
}

/// The families of the tests' machine: unix, with abstract names.
struct UnixOnly(Arc<unix::Family>);
impl syscall::Sockets for UnixOnly {
    fn socket(&self, domain: u16, kind: u32, protocol: u32) -> Result<Arc<dyn file::File>> {
        if domain != unix::AF_UNIX {
            return Err(Errno::EAFNOSUPPORT);
        }
        Ok(self.0.socket(kind, protocol)?)
    }
    fn pair(&self, domain: u16, kind: u32, protocol: u32) -> Result<(Arc<dyn file::File>, Arc<dyn file::File>)> {
        if domain != unix::AF_UNIX {
            return Err(Errno::EAFNOSUPPORT);
        }
        let (first, second) = self.0.pair(kind, protocol)?;
        Ok((first, second))
    }
}

/// The smallest program: one page of code, a megabyte of zeros at [`SCRATCH`].
fn program() -> Vec<u8> {
    let mut elf = vec![0u8; 64 + 2 * 56];
    elf[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let mut put = |at: usize, bytes: &[u8]| elf[at..at + bytes.len()].copy_from_slice(bytes);
    put(16, &2u16.to_le_bytes());
    put(18, &62u16.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(24, &0x40_0000u64.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    for (at, value) in [(52, 64u16), (54, 56), (56, 2), (58, 64)] {
        put(at, &value.to_le_bytes());
    }
    for (header, flags, addr, file_size, memory_size) in [(64, 5u32, 0x40_0000u64, 176u64, 176u64), (120, 6, SCRATCH, 0, 1 << 20)] {
        put(header, &1u32.to_le_bytes());
        put(header + 4, &flags.to_le_bytes());
        for (at, value) in [(8, 0), (16, addr), (24, addr), (32, file_size), (40, memory_size), (48, 4096)] {
            put(header + at, &u64::to_le_bytes(value));
        }
    }
    elf
}

/// A machine with one process.
pub struct World {
    pub thread: Arc<Thread>,
    pub system: System,
    pub platform: Arc<Host>,
    pub fs: vfs::Context,
    next: std::cell::Cell<u64>,
}

impl World {
    pub fn new() -> Self {
        let frames = frame::testing::arena(32 << 20);
        let root = frames.alloc_zeroed().unwrap();
        let kernel = Box::leak(Box::new(KernelSpace::new(frames, &NoMmu, root).unwrap()));
        let platform = Arc::new(Host { active: Box::leak(Box::default()), kernel, log: Mutex::default() });
        let clock = Arc::new(SteppingClock(AtomicU64::new(1_000_000_000)));
        let scheduler = Scheduler::new(Arc::new(OneCpu), TimerQueue::new());
        let services = Services::new(platform.clone(), scheduler, clock.clone(), FutexTable::new());
        let shared = Vfs::new(clock, frames, None);
        let files = ramfs::Unnamed::new(&shared);
        let namespace = Namespace::new(shared.clone(), ramfs::Ramfs::new(&shared, 0o755), MountFlags::empty(), b"ramfs");
        let fs = vfs::Context::new(namespace);
        let file = fs.open(None, b"/prog", &OpenHow::new(0o101, 0o755)).unwrap();
        file.write(&mut &program()[..], file::OpenFlags::empty()).unwrap();
        drop(file);
        let arguments = Arguments { argv: vec![b"prog".to_vec()], envp: Vec::new() };
        let thread = match Process::prepare(&services, fs.clone(), Credentials::default(), b"/prog", arguments) {
            Ok(thread) => thread,
            Err(error) => panic!("{}", error.reason),
        };
        thread.start();
        let system = System::new(Arc::new(Info(frames)), Arc::new(Names::new(b"host")))
            .with_memory_files(files)
            .with_sockets(Arc::new(UnixOnly(unix::Family::new(Arc::new(NoNames)))));
        Self { thread, system, platform, fs, next: std::cell::Cell::new(SCRATCH) }
    }

    /// The raw result of system call `number`.
    pub fn raw(&self, number: i64, args: &[u64]) -> u64 {
        let mut all = [0; 6];
        all[..args.len()].copy_from_slice(args);
        let mut regs = UserRegs { rsp: SCRATCH + 0x8_0000, orig_rax: number as u64, ..UserRegs::default() };
        let process = self.thread.process();
        let mut cx = Cx { thread: &self.thread, process, regs: &mut regs, system: &self.system };
        dispatch(&mut cx, number as u64, &all)
    }

    /// The result of system call `number`, errors told apart.
    pub fn call(&self, number: i64, args: &[u64]) -> Result<u64> {
        let raw = self.raw(number, args);
        let error = u16::try_from(raw.wrapping_neg()).ok().and_then(Errno::from_code);
        error.map_or(Ok(raw), Err)
    }

    pub fn user(&self) -> &'static dyn UserMemory {
        self.platform.active
    }

    /// Room for `len` bytes in the application's memory.
    pub fn room(&self, len: usize) -> u64 {
        let at = self.next.get();
        self.next.set(at + (len as u64).next_multiple_of(16) + 16);
        assert!(self.next.get() < SCRATCH + 0x7_0000);
        at
    }

    /// `bytes` in the application's memory.
    pub fn bytes(&self, bytes: &[u8]) -> u64 {
        let at = self.room(bytes.len());
        self.user().write_bytes(at, bytes).unwrap();
        at
    }

    /// A NUL-terminated string there.
    pub fn text(&self, text: &str) -> u64 {
        self.bytes(format!("{text}\0").as_bytes())
    }

    /// A value there.
    pub fn value<T: IntoBytes + Immutable>(&self, value: &T) -> u64 {
        self.bytes(value.as_bytes())
    }

    pub fn read<T: FromBytes + IntoBytes>(&self, at: u64) -> T {
        self.user().read(at).unwrap()
    }

    pub fn read_bytes(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.user().read_bytes(at, &mut bytes).unwrap();
        bytes
    }

    /// Opens (and makes, when `flags` say so) a file.
    pub fn open(&self, path: &str, flags: i32) -> u64 {
        self.call(libc::SYS_open, &[self.text(path), flags as u64, 0o644]).unwrap()
    }
}
