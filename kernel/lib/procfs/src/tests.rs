use crate::*;
use alloc::sync::Arc;
use file::{AccessMode, File, FileType, OpenFlags, SliceSink, Stat};
use ramfs::Ramfs;
use std::sync::Mutex;
use uapi::general::{O_RDWR, O_TRUNC, O_WRONLY};
use uapi::{Errno, Result};
use vfs::{Context, Follow, MountFlags, Namespace, OpenHow, StandardMount, Vfs, mount_standard, opened};

/// A process 1 with threads 1 and 2 and descriptors 0 (a file), 1 (a pipe), 7 (a socket).
struct One {
    ctx: Context,
    name: Mutex<Vec<u8>>,
    open: Vec<(i32, Arc<dyn File>)>,
}

struct Other(FileType);
impl File for Other {
    fn stat(&self) -> Result<Stat> {
        Ok(Stat { kind: self.0, ino: 99, ..Stat::default() })
    }
    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

impl ProcessView for One {
    fn status(&self) -> ProcessStatus {
        ProcessStatus {
            pid: 1,
            pgid: 1,
            sid: 1,
            uid: [5; 4],
            groups: vec![5, 6],
            umask: 0o22,
            vm_size: (9 << 20, 8 << 20),
            rss: [4096, 8192, 0],
            signals: [0, 1 << 12, 1 << 14],
            ..ProcessStatus::default()
        }
    }
    fn threads(&self) -> Vec<i32> {
        vec![1, 2]
    }
    fn thread(&self, tid: i32) -> Option<ThreadInfo> {
        let name = if tid == 1 { self.name.lock().unwrap().clone() } else { b"worker (2)".to_vec() };
        (tid == 1 || tid == 2).then_some(ThreadInfo {
            tid,
            name,
            state: ThreadState::Sleeping,
            cpu_ns: (1_500_000_000, 0),
            nice: 0,
            cpu: 0,
            switches: (3, 4),
            started_ns: 2_000_000_000,
            pending: 0,
            blocked: 0,
            affinity: 0b1011,
        })
    }
    fn set_name(&self, _: i32, name: &[u8]) -> Result<()> {
        *self.name.lock().unwrap() = name.to_vec();
        Ok(())
    }
    fn arguments(&self) -> Vec<u8> {
        b"/bin/app\0-x\0".to_vec()
    }
    fn environment(&self) -> Vec<u8> {
        b"A=b\0".to_vec()
    }
    fn auxv(&self) -> Vec<(u64, u64)> {
        vec![(6, 4096), (0, 0)]
    }
    fn exe(&self) -> Option<vfs::Location> {
        self.ctx.resolve(None, b"/bin/app", Follow::Yes).ok()
    }
    fn context(&self) -> Arc<Context> {
        Arc::new(self.ctx.clone())
    }
    fn mappings(&self, each: &mut dyn FnMut(Mapping)) {
        each(Mapping {
            start: 0x400000,
            end: 0x401000,
            read: true,
            exec: true,
            dev: 0x801,
            ino: 12,
            name: b"/bin/a\npp".to_vec(),
            ..Mapping::default()
        });
        each(Mapping {
            start: 0x7fff_f000_0000,
            end: 0x7fff_f002_1000,
            read: true,
            write: true,
            name: b"[stack]".to_vec(),
            ..Mapping::default()
        });
        each(Mapping { start: 0x7fff_f800_0000, end: 0x7fff_f800_1000, shared: true, ..Mapping::default() });
    }
    fn descriptors(&self) -> Vec<i32> {
        self.open.iter().map(|(fd, _)| *fd).collect()
    }
    fn descriptor(&self, fd: i32) -> Option<Descriptor> {
        let file = self.open.iter().find(|(n, _)| *n == fd)?.1.clone();
        Some(Descriptor { file, access: AccessMode::ReadWrite, flags: OpenFlags::NONBLOCK, close_on_exec: true })
    }
    fn limits(&self) -> [(u64, u64); 16] {
        let mut limits = [(u64::MAX, u64::MAX); 16];
        limits[7] = (1024, 4096);
        limits
    }
}

struct Machine(Mutex<Option<Arc<One>>>);
impl ProcSource for Machine {
    fn current(&self) -> (i32, i32) {
        (1, 2)
    }
    fn pids(&self) -> Vec<i32> {
        vec![1]
    }
    fn process(&self, id: i32) -> Option<Arc<dyn ProcessView>> {
        let one = self.0.lock().unwrap().clone()?;
        if id == 1 || id == 2 { Some(one) } else { None }
    }
    fn machine(&self) -> MachineInfo {
        MachineInfo {
            uptime_ns: 12_345_000_000,
            cpus: vec![[1_000_000_000, 0, 5_000_000_000]],
            memory_total: 64 << 20,
            load: [5, 110, 0],
            threads: 2,
            ..MachineInfo::default()
        }
    }
    fn cpu_info(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"processor\t: 0\n");
    }
    fn release(&self) -> &str {
        "6.1.0-pith"
    }
    fn version(&self) -> &str {
        "#1"
    }
    fn host_name(&self) -> Vec<u8> {
        b"box".to_vec()
    }
    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(0xff);
    }
    fn boot_id(&self) -> [u8; 16] {
        [0x11; 16]
    }
    fn network(&self, table: NetTable, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{table:?}").as_bytes());
    }
    fn sysctl(&self, name: &str) -> Option<Vec<u8>> {
        (name == "net/core/somaxconn").then(|| b"128".to_vec())
    }
    fn set_sysctl(&self, name: &str, value: &[u8]) -> Result<()> {
        if (name, value) == ("kernel/hostname", b"new") { Ok(()) } else { Err(Errno::EROFS) }
    }
}

fn world() -> (Context, Arc<Machine>) {
    let vfs = Vfs::new(Arc::new(time::testing::ManualClock::default()), frame::testing::arena(1 << 20), None);
    let ctx = Context::new(Namespace::new(vfs.clone(), Ramfs::new(&vfs, 0o755), MountFlags::empty(), b"rootfs"));
    let machine = Arc::new(Machine(Mutex::new(None)));
    let proc = StandardMount {
        path: b"/proc",
        fs: Procfs::new(&vfs, machine.clone()),
        flags: MountFlags::NOSUID | MountFlags::NODEV,
        source: b"proc",
    };
    mount_standard(&ctx, &[proc]).unwrap();
    ctx.mkdir(None, b"/bin", 0o755).unwrap();
    ctx.mknod(None, b"/bin/app", 0o100755, 0).unwrap();
    let file = ctx.open(None, b"/bin/app", &OpenHow::new(O_RDWR, 0)).unwrap();
    let open: Vec<(i32, Arc<dyn File>)> = vec![(0, file), (1, Arc::new(Other(FileType::Fifo))), (7, Arc::new(Other(FileType::Socket)))];
    *machine.0.lock().unwrap() = Some(Arc::new(One { ctx: ctx.clone(), name: Mutex::new(b"app".to_vec()), open }));
    (ctx, machine)
}

fn read(ctx: &Context, path: &str) -> String {
    let file = ctx.open(None, path.as_bytes(), &OpenHow::read()).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut buf = vec![0; 8192];
    let n = file.read(&mut SliceSink::new(&mut buf), OpenFlags::empty()).unwrap();
    String::from_utf8(buf[..n].to_vec()).unwrap()
}

fn list(ctx: &Context, path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let dir = ctx.open(None, path.as_bytes(), &OpenHow::read()).unwrap();
    dir.read_dir(&mut |entry| {
        names.push(String::from_utf8(entry.name.clone()).unwrap());
        true
    })
    .unwrap();
    names
}

#[test]
fn links_lead_to_the_process_that_asks() {
    let (ctx, _) = world();
    let link = |path: &str| String::from_utf8(ctx.read_link(None, path.as_bytes()).unwrap()).unwrap();
    assert_eq!((link("/proc/self"), link("/proc/thread-self")), ("1".into(), "1/task/2".into()));
    assert_eq!(
        (link("/proc/self/exe"), link("/proc/self/cwd"), link("/proc/mounts")),
        ("/bin/app".into(), "/".into(), "self/mounts".into())
    );
    assert_eq!(
        (link("/proc/self/fd/0"), link("/proc/self/fd/1"), link("/proc/self/fd/7")),
        ("/bin/app".into(), "pipe:[99]".into(), "socket:[99]".into())
    );
    assert_eq!(read(&ctx, "/proc/thread-self/comm"), "worker (2)\n");
    assert_eq!(list(&ctx, "/proc/self/fd"), [".", "..", "0", "1", "7"]);
    assert_eq!(list(&ctx, "/proc/self/task"), [".", "..", "1", "2"]);
    assert!(list(&ctx, "/proc").contains(&"1".to_string()));
    assert_eq!(ctx.resolve(None, b"/proc/3", Follow::Yes).err(), Some(Errno::ENOENT));
    assert_eq!(ctx.resolve(None, b"/proc/01", Follow::Yes).err(), Some(Errno::ENOENT));
    assert_eq!(ctx.resolve(None, b"/proc/self/fd/3", Follow::Yes).err(), Some(Errno::ENOENT));
}

#[test]
fn descriptor_links_reopen_what_is_behind_them() {
    let (ctx, _) = world();
    let open = |path: &str, flags| ctx.open(None, path.as_bytes(), &OpenHow::new(flags, 0));
    let again = open("/proc/self/fd/0", O_WRONLY).unwrap();
    assert_eq!(opened(&*again).unwrap().location().display_path(&ctx.root), b"/bin/app");
    ctx.unlink(None, b"/bin/app").unwrap();
    assert!(open("/proc/self/fd/0", O_WRONLY | O_TRUNC).is_ok());
    assert_eq!(ctx.read_link(None, b"/proc/self/fd/0").unwrap(), b"/bin/app (deleted)");
    assert!(open("/proc/self/fd/1", O_WRONLY).unwrap().as_any().is::<Other>());
    assert_eq!(open("/proc/self/fd/7", O_RDWR).map(drop), Err(Errno::ENXIO));
    assert_eq!(ctx.stat(None, b"/proc/self/fd/1", Follow::Yes).unwrap().kind, FileType::Fifo);
    assert_eq!(read(&ctx, "/proc/self/fdinfo/0"), format!("pos:\t0\nflags:\t02004002\nmnt_id:\t0\nino:\t{}\n", again.stat().unwrap().ino));
}

#[test]
fn process_texts_have_linux_formats() {
    let (ctx, _) = world();
    assert_eq!(read(&ctx, "/proc/1/cmdline"), "/bin/app\0-x\0");
    let maps = read(&ctx, "/proc/self/maps");
    let lines: Vec<_> = maps.lines().collect();
    assert_eq!(lines[0], "00400000-00401000 r-xp 00000000 08:01 12                                 /bin/a\\012pp");
    assert_eq!(lines[1], "7ffff0000000-7ffff0021000 rw-p 00000000 00:00 0                          [stack]");
    assert_eq!(lines[2], "7ffff8000000-7ffff8001000 ---s 00000000 00:00 0 ");
    let stat = read(&ctx, "/proc/self/task/2/stat");
    assert!(stat.starts_with("2 (worker (2)) S 0 1 1 0 -1 0 "), "{stat}");
    assert_eq!(stat[stat.rfind(") ").unwrap() + 2..].split_whitespace().count(), 50);
    assert_eq!(read(&ctx, "/proc/self/statm"), "2048 3 2 0 0 0 0\n");
    let status = read(&ctx, "/proc/self/status");
    for line in [
        "Name:\tapp",
        "State:\tS (sleeping)",
        "Uid:\t5\t5\t5\t5",
        "VmSize:\t    8192 kB",
        "Threads:\t2",
        "SigIgn:\t0000000000001000",
        "Cpus_allowed_list:\t0-1,3",
        "Groups:\t5 6 ",
    ] {
        assert!(status.lines().any(|l| l == line), "{line}\n{status}");
    }
    let limits = read(&ctx, "/proc/self/limits");
    assert!(limits.contains("Max open files            1024                 4096                 files     \n"), "{limits}");
    assert_eq!(read(&ctx, "/proc/self/mounts"), "rootfs / tmpfs rw,relatime 0 0\nproc /proc proc rw,nosuid,nodev,relatime 0 0\n");
    assert_eq!(read(&ctx, "/proc/self/mountinfo").lines().nth(1), Some("2 1 0:2 / /proc rw,nosuid,nodev,relatime - proc proc rw"));
    assert_eq!(ctx.stat(None, b"/proc/self/environ", Follow::Yes).unwrap().uid, 5);
    let user = Context { uid: 9, gid: 9, ..ctx.clone() };
    assert_eq!(user.open(None, b"/proc/1/environ", &OpenHow::read()).map(drop), Err(Errno::EACCES));
    assert!(user.open(None, b"/proc/1/maps", &OpenHow::read()).is_ok());
}

#[test]
fn machine_texts_and_settings() {
    let (ctx, _) = world();
    assert_eq!(read(&ctx, "/proc/uptime"), "12.34 5.00\n");
    assert_eq!(read(&ctx, "/proc/loadavg"), "0.05 1.10 0.00 0/2 0\n");
    assert_eq!(read(&ctx, "/proc/meminfo").lines().next(), Some("MemTotal:          65536 kB"));
    assert!(read(&ctx, "/proc/stat").starts_with("cpu  100 0 0 500 0 0 0 0 0 0\ncpu0 100 "));
    assert_eq!((read(&ctx, "/proc/net/dev"), read(&ctx, "/proc/self/net/tcp6")), ("Dev".into(), "Tcp6".into()));
    assert_eq!(read(&ctx, "/proc/sys/net/core/somaxconn"), "128\n");
    assert_eq!(read(&ctx, "/proc/sys/kernel/osrelease"), "6.1.0-pith\n");
    assert_eq!(read(&ctx, "/proc/sys/kernel/random/uuid"), "ffffffff-ffff-4fff-bfff-ffffffffffff\n");
    assert_eq!(list(&ctx, "/proc/sys/net"), [".", "..", "core", "ipv4", "ipv6", "unix"]);
    assert_eq!(list(&ctx, "/proc/sys/kernel/random"), [".", "..", "boot_id", "entropy_avail", "poolsize", "uuid"]);
    let write = |path: &str, text: &[u8]| {
        ctx.open(None, path.as_bytes(), &OpenHow::new(O_WRONLY | O_TRUNC, 0)).and_then(|f| f.write(&mut &*text, OpenFlags::empty()))
    };
    assert_eq!(write("/proc/sys/kernel/hostname", b"new\n"), Ok(4));
    assert_eq!(write("/proc/sys/vm/overcommit_memory", b"2"), Err(Errno::EROFS));
    assert_eq!(write("/proc/meminfo", b"2"), Err(Errno::EACCES));
    assert_eq!(write("/proc/self/comm", b"a very long thread name\n"), Ok(24));
    assert_eq!(read(&ctx, "/proc/self/comm"), "a very long thr\n");
    assert_eq!(write("/proc/self/oom_score_adj", b"2000"), Err(Errno::EINVAL));
}

#[test]
fn a_kept_file_is_made_anew_at_offset_zero_and_an_ended_process_is_esrch() {
    let (ctx, machine) = world();
    let file = ctx.open(None, b"/proc/self/comm", &OpenHow::read()).unwrap();
    let get = |offset| {
        let mut buf = [0; 20];
        file.read_at(&mut SliceSink::new(&mut buf), offset).map(|n| buf[..n].to_vec())
    };
    assert_eq!(get(0), Ok(b"app\n".to_vec()));
    machine.process(1).unwrap().set_name(1, b"changed").unwrap();
    assert_eq!((get(1), get(0), get(3)), (Ok(b"pp\n".to_vec()), Ok(b"changed\n".to_vec()), Ok(b"nged\n".to_vec())));
    *machine.0.lock().unwrap() = None;
    assert_eq!(get(0), Err(Errno::ESRCH));
    assert_eq!(ctx.resolve(None, b"/proc/self/comm", Follow::Yes).err(), Some(Errno::ENOENT));
}

#[test]
fn the_table_of_settings_is_in_order() {
    let names: Vec<_> = sysctl::SETTINGS.iter().map(|s| s.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted);
}
