use crate::{SysSource, Sysfs};
use alloc::sync::Arc;
use file::{OpenFlags, SliceSink};
use uapi::Errno;
use uapi::general::O_RDWR;
use vfs::{Context, MountFlags, Namespace, OpenHow, Vfs};

struct Machine(u32);
impl SysSource for Machine {
    fn cpus(&self) -> u32 {
        self.0
    }
    fn memory(&self) -> (u64, u64) {
        (8 << 20, 3 << 20)
    }
    fn clock_source(&self) -> &str {
        "tsc"
    }
}

fn world(cpus: u32) -> Context {
    let vfs = Vfs::new(Arc::new(time::testing::ManualClock::default()), frame::testing::arena(1 << 20), None);
    let fs = Sysfs::new(&vfs, Arc::new(Machine(cpus)));
    Context::new(Namespace::new(vfs, fs, MountFlags::empty(), b"sysfs"))
}

fn read(ctx: &Context, path: &str) -> String {
    let file = ctx.open(None, path.as_bytes(), &OpenHow::read()).unwrap();
    let mut buf = [0; 1000];
    let mut sink = SliceSink::new(&mut buf);
    let n = file.read(&mut sink, OpenFlags::empty()).unwrap();
    String::from_utf8(buf[..n].to_vec()).unwrap()
}

#[test]
fn cpus_are_listed_as_linux_does() {
    let one = world(1);
    assert_eq!(
        (read(&one, "/devices/system/cpu/online"), read(&one, "/devices/system/node/node0/cpumap")),
        ("0\n".into(), "00000001\n".into())
    );
    let many = world(36);
    assert_eq!(read(&many, "/devices/system/cpu/possible"), "0-35\n");
    assert_eq!(read(&many, "/devices/system/cpu/cpu3/topology/core_id"), "3\n");
    assert_eq!(read(&many, "/devices/system/cpu/cpu33/topology/thread_siblings"), "00000002,00000000\n");
    assert_eq!(read(&many, "/devices/system/node/node0/cpumap"), "0000000f,ffffffff\n");
    let mut names = Vec::new();
    let dir = many.open(None, b"/devices/system/cpu", &OpenHow::read()).unwrap();
    dir.read_dir(&mut |e| {
        names.push(String::from_utf8(e.name.clone()).unwrap());
        true
    })
    .unwrap();
    assert_eq!((names.len(), names[2].as_str(), names[42].as_str()), (43, "kernel_max", "cpu35"));
}

#[test]
fn the_rest_is_there_and_read_only() {
    let ctx = world(2);
    assert_eq!(read(&ctx, "/kernel/mm/transparent_hugepage/hpage_pmd_size"), "2097152\n");
    assert_eq!(read(&ctx, "/devices/system/clocksource/clocksource0/current_clocksource"), "tsc\n");
    assert_eq!(read(&ctx, "/devices/system/node/node0/meminfo").lines().next(), Some("Node 0 MemTotal:          8192 kB"));
    assert_eq!(ctx.open(None, b"/devices/system/cpu/online", &OpenHow::new(O_RDWR, 0)).map(drop), Err(Errno::EACCES));
    assert_eq!(ctx.open(None, b"/fs/cgroup/cpu.max", &OpenHow::read()).map(drop), Err(Errno::ENOENT));
    assert_eq!(ctx.mkdir(None, b"/fs/x", 0o755), Err(Errno::EPERM));
}
