//! Processes on a host: real address spaces in an arena, a machine that never really switches, a platform that writes down what it is told.

mod deliver;
mod load;
mod tables;
mod threads;

use crate::*;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use futex::FutexTable;
use mm::{AddressSpace, Domain, FaultKind, KernelSpace, Mmu, USER_END};
use sched::{Context, Machine, Scheduler};
use std::string::String;
use std::sync::Mutex;
use time::TimerQueue;
use time::testing::ManualClock;
use uapi::{Errno, Result};
use usermem::UserMemory;
use vfs::{MountFlags, Namespace, OpenHow, Vfs};

/// O_WRONLY | O_CREAT.
const CREATE: u32 = 0o101;
const PAGE: u64 = 4096;
/// The size of an XSAVE area with AVX.
const FPU: usize = 832;

struct NoMmu;

impl Mmu for NoMmu {
    fn load_root(&self, _: u64) {}
    fn flush_pages(&self, _: &[u64]) {}
    fn flush_all(&self) {}
}

#[derive(Default)]
struct NoSwitch {
    running: AtomicUsize,
}

impl Machine for NoSwitch {
    fn now_ns(&self) -> u64 {
        0
    }
    fn cpu_id(&self) -> usize {
        0
    }
    fn cpu_count(&self) -> usize {
        1
    }
    fn switch(&self, _: usize, next: usize) {
        self.running.store(next, Ordering::SeqCst);
    }
    fn idle(&self) {
        panic!("nothing to run");
    }
    fn set_deadline(&self, _: Option<u64>) {}
    fn kick(&self, _: usize) {}
}

struct Number(usize);

impl Context for Number {
    fn raw(&self) -> usize {
        self.0
    }
}

/// The active address space as the application sees it.
#[derive(Default)]
struct Active(Mutex<Option<Arc<AddressSpace>>>);

impl Active {
    fn walk(&self, addr: u64, len: usize, kind: FaultKind, mut each: impl FnMut(&mm::Page, usize, core::ops::Range<usize>)) -> usize {
        let Some(space) = self.0.lock().unwrap().clone() else { return 0 };
        let mut done = 0;
        while done < len {
            let at = addr.wrapping_add(done as u64);
            if at >= USER_END {
                break;
            }
            let step = (PAGE - at % PAGE).min((len - done) as u64) as usize;
            let Ok(page) = space.resolve(at, kind) else { break };
            each(&page, (at % PAGE) as usize, done..done + step);
            done += step;
        }
        done
    }
}

impl UserMemory for Active {
    fn copy_in(&self, addr: u64, buf: &mut [u8]) -> usize {
        let len = buf.len();
        self.walk(addr, len, FaultKind::Read, |page, at, range| assert_eq!(page.read(at, &mut buf[range.clone()]), range.len()))
    }
    fn copy_out(&self, addr: u64, bytes: &[u8]) -> usize {
        self.walk(addr, bytes.len(), FaultKind::Write, |page, at, range| assert_eq!(page.write(at, &bytes[range.clone()]), range.len()))
    }
    fn compare_exchange_u32(&self, addr: u64, old: u32, new: u32) -> Result<u32> {
        let held = self.load_u32(addr)?;
        if held == old {
            self.copy_out(addr, &new.to_le_bytes());
        }
        Ok(held)
    }
    fn load_u32(&self, addr: u64) -> Result<u32> {
        let user: &dyn UserMemory = self;
        user.read(addr)
    }
}

pub struct Recorder {
    active: &'static Active,
    kernel: &'static KernelSpace,
    contexts: AtomicUsize,
    fs_base: AtomicU64,
    fpu: Mutex<Vec<u8>>,
    log: Mutex<Vec<String>>,
    spawned: Mutex<Vec<UserRegs>>,
}

impl Platform for Recorder {
    fn user(&self) -> &'static dyn UserMemory {
        self.active
    }
    fn spawn_context(&self, regs: &UserRegs, _: u64) -> Result<Box<dyn Context>> {
        self.spawned.lock().unwrap().push(*regs);
        Ok(Box::new(Number(self.contexts.fetch_add(1, Ordering::SeqCst) + 1)))
    }
    fn bind(&self, _: &dyn Context, _: &Arc<Thread>) {}
    fn fs_base(&self) -> u64 {
        self.fs_base.load(Ordering::SeqCst)
    }
    fn set_fs_base(&self, base: u64) {
        self.fs_base.store(base, Ordering::SeqCst);
    }
    fn gs_base(&self) -> u64 {
        0
    }
    fn set_gs_base(&self, _: u64) {}
    fn fpu_size(&self) -> usize {
        FPU
    }
    fn fpu_features(&self) -> u64 {
        7
    }
    fn fpu_save(&self, area: &mut [u8]) -> usize {
        area[..FPU].copy_from_slice(&self.fpu.lock().unwrap());
        FPU
    }
    fn fpu_restore(&self, area: &[u8]) -> Result<()> {
        self.fpu.lock().unwrap().copy_from_slice(area);
        Ok(())
    }
    fn fpu_reset(&self) {
        self.fpu.lock().unwrap().fill(0);
    }
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
        (1, 2)
    }
    fn random(&self, out: &mut [u8]) {
        out.fill(0x5a);
    }
    fn end_machine(&self, end: End) -> ! {
        std::panic::panic_any(end);
    }
    fn log(&self, _: Level, message: fmt::Arguments<'_>) {
        self.log.lock().unwrap().push(std::format!("{message}"));
    }
    fn log_absent_call(&self, number: u64) {
        self.log.lock().unwrap().push(std::format!("system call {number}: ENOSYS"));
    }
}

pub struct World {
    pub platform: Arc<Recorder>,
    pub services: Arc<Services>,
    pub fs: vfs::Context,
    frames: &'static frame::FrameAllocator,
}

impl World {
    pub fn new() -> Self {
        let frames = frame::testing::arena(32 << 20);
        let root = frames.alloc_zeroed().unwrap();
        let kernel = Box::leak(Box::new(KernelSpace::new(frames, &NoMmu, root).unwrap()));
        let platform = Arc::new(Recorder {
            active: Box::leak(Box::default()),
            kernel,
            contexts: AtomicUsize::new(0),
            fs_base: AtomicU64::new(0),
            fpu: Mutex::new(std::vec![0; FPU]),
            log: Mutex::default(),
            spawned: Mutex::default(),
        });
        let clock = Arc::new(ManualClock::default());
        let scheduler = Scheduler::new(Arc::new(NoSwitch::default()), TimerQueue::new());
        scheduler.adopt(Box::new(Number(0)));
        let services = Services::new(platform.clone(), scheduler, clock.clone(), FutexTable::new());
        let shared = Vfs::new(clock.clone(), frames, None);
        let disk = ramfs::Ramfs::new(&shared, 0o755);
        let namespace = Namespace::new(shared, disk, MountFlags::empty(), b"ramfs");
        Self { platform, services, fs: vfs::Context::new(namespace), frames }
    }

    pub fn file(&self, path: &str, mode: u32, bytes: &[u8]) {
        let mut dir = String::new();
        for part in path.split('/').filter(|p| !p.is_empty()) {
            if !dir.is_empty() {
                let _ = self.fs.mkdir(None, dir.as_bytes(), 0o755);
            }
            dir = std::format!("{dir}/{part}");
        }
        let file = self.fs.open(None, path.as_bytes(), &OpenHow::new(CREATE, mode)).unwrap();
        let mut rest = bytes;
        while !rest.is_empty() {
            file.write(&mut rest, file::OpenFlags::empty()).unwrap();
        }
    }

    pub fn start(&self, path: &str, argv: &[&str]) -> Result<Arc<Thread>, LoadError> {
        let arguments = Arguments { argv: argv.iter().map(|a| a.as_bytes().to_vec()).collect(), envp: Vec::from([b"HOME=/".to_vec()]) };
        Process::prepare(&self.services, self.fs.clone(), Credentials::default(), path.as_bytes(), arguments)
    }

    pub fn start_laid_out(&self, program: &LaidOut, argv: &[&str]) -> Result<Arc<Thread>, LoadError> {
        let arguments = Arguments { argv: argv.iter().map(|a| a.as_bytes().to_vec()).collect(), envp: Vec::new() };
        Process::prepare_laid_out(&self.services, self.frames, self.fs.clone(), Credentials::default(), program, &arguments)
    }

    /// A running process with the sample program.
    pub fn process(&self) -> Arc<Thread> {
        self.file("/prog", 0o755, &load::sample(None));
        let thread = self.start("/prog", &["prog"]).unwrap();
        thread.start();
        self.services.scheduler.rest();
        thread
    }

    pub fn regs(&self) -> UserRegs {
        *self.platform.spawned.lock().unwrap().last().unwrap()
    }

    pub fn user(&self) -> &'static dyn UserMemory {
        self.platform.active
    }
}

/// How the machine ended in `run`; `None`: it did not.
pub fn end_of(run: impl FnOnce()) -> Option<End> {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    match result {
        Ok(()) => None,
        Err(payload) => match payload.downcast::<End>() {
            Ok(end) => Some(*end),
            Err(other) => std::panic::resume_unwind(other),
        },
    }
}

#[test]
fn a_first_process_is_number_one() {
    let world = World::new();
    let thread = world.process();
    assert_eq!((thread.tid(), thread.process().pid(), thread.process().ppid()), (1, 1, 0));
    assert!(Arc::ptr_eq(&world.services.thread(1).unwrap(), &thread));
    assert_eq!(world.services.thread(2).err(), Some(Errno::ESRCH));
    assert!(Arc::ptr_eq(&world.services.current().unwrap(), &thread));
}
