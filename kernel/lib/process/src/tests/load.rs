//! Programs, scripts, dynamic loaders, exec.

use super::*;
use elf::stack::aux;

fn put(bytes: &mut [u8], at: usize, value: u64, len: usize) {
    bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
}

/// A program at 0x400000 with code, data and zeroed data; with a dynamic loader if one is named.
pub fn sample(interpreter: Option<&str>) -> Vec<u8> {
    let mut file = std::vec![0x90u8; 0x3000];
    file[..0x400].fill(0);
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    for (at, value, len) in [(16, 2, 2), (18, 62, 2), (24, 0x401000, 8), (32, 64, 8), (54, 56, 2), (56, 3, 2)] {
        put(&mut file, at, value, len);
    }
    let name = interpreter.unwrap_or_default().as_bytes();
    let mut header = |i: usize, fields: [u64; 7]| {
        let at = 64 + 56 * i;
        for (field, (offset, len)) in fields.iter().zip([(0, 4), (4, 4), (8, 8), (16, 8), (32, 8), (40, 8), (48, 8)]) {
            put(&mut file, at + offset, *field, len);
        }
    };
    header(0, [1, 5, 0, 0x400000, 0x1800, 0x1800, 4096]);
    header(1, [1, 6, 0x1e10, 0x402e10, 0x300, 0x2000, 4096]);
    let kind = if interpreter.is_some() { 3 } else { 0 };
    header(2, [kind, 4, 0x300, 0, name.len() as u64 + 1, name.len() as u64 + 1, 1]);
    file[0x300..0x300 + name.len()].copy_from_slice(name);
    file
}

fn reason(result: Result<Arc<Thread>, LoadError>) -> (Errno, String) {
    let error = result.err().unwrap();
    (error.errno, error.reason)
}

#[test]
fn memory_and_stack_of_a_static_program() {
    let world = World::new();
    world.file("/prog", 0o755, &sample(None));
    let thread = world.start("/prog", &["prog", "two"]).unwrap();
    let user = world.user();
    assert_eq!(user.read::<u32>(0x401000), Ok(0x9090_9090));
    assert_eq!(user.read::<u32>(0x402e10), Ok(0x9090_9090));
    // The file goes on behind the segment, its memory does not.
    assert_eq!(user.read::<u64>(0x403110), Ok(0));
    assert_eq!(user.read::<u64>(0x404e00), Ok(0));
    assert_eq!(user.read::<u8>(0x405000), Err(Errno::EFAULT));
    assert_eq!(user.write(0x401000, &0u8), Err(Errno::EFAULT));
    let regs = world.regs();
    assert_eq!((regs.rip, regs.rsp % 16), (0x401000, 0));
    assert_eq!(user.read::<u64>(regs.rsp), Ok(2));
    let argv1: u64 = user.read(regs.rsp + 16).unwrap();
    assert_eq!(user.read_cstr(argv1, 100, Errno::E2BIG).unwrap(), b"two");
    let program = thread.process().program();
    let find = |key| program.auxv.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
    assert_eq!((find(aux::ENTRY), find(aux::PHDR), find(aux::BASE)), (Some(0x401000), Some(0x400040), Some(0)));
    assert_eq!(find(aux::SYSINFO_EHDR), None);
    assert_eq!(program.exe.unwrap().display_path(&world.fs.root), b"/prog");
    assert_eq!(&thread.name()[..5], b"prog\0");
    let mut arguments = [0; 9];
    user.read_bytes(program.arguments.0, &mut arguments).unwrap();
    assert_eq!(&arguments, b"prog\0two\0");
}

#[test]
fn a_laid_out_program_is_mapped_where_it_lies() {
    let world = World::new();
    // Two pages of memory that are there from the start, as the boot loader leaves them.
    #[repr(align(4096))]
    struct Pages([u8; 0x2000]);
    static PAGES: Pages = Pages([0x90; 0x2000]);
    let (code, data) = PAGES.0.split_at(0x1000);
    let segment = |addr, bytes, contents, prot| LaidOutSegment { addr, bytes, contents, prot };
    let segments = std::vec![
        segment(0x400000, 0x1000, code, mm::Prot::READ | mm::Prot::EXEC),
        segment(0x402000, 0x2000, data, mm::Prot::READ | mm::Prot::WRITE),
        segment(0x500000, 0x1000, &[], mm::Prot::READ | mm::Prot::WRITE),
    ];
    let program = LaidOut {
        name: b"app",
        entry: 0x400010,
        headers: 0x400040,
        header_count: 3,
        data_end: 0x500010,
        code: (0x400000, 0x401000),
        segments,
    };
    let thread = world.start_laid_out(&program, &["app", "two"]).unwrap();
    let user = world.user();
    assert_eq!(user.read::<u32>(0x400010), Ok(0x9090_9090));
    assert_eq!(user.write(0x400010, &0u8), Err(Errno::EFAULT));
    assert_eq!(user.write(0x402000, &1u32), Ok(()));
    assert_eq!((user.read::<u32>(0x402000), data[0]), (Ok(1), 0x90), "a private copy");
    assert_eq!((user.read::<u64>(0x403000), user.read::<u64>(0x500000)), (Ok(0), Ok(0)));
    let regs = world.regs();
    assert_eq!((regs.rip, user.read::<u64>(regs.rsp)), (0x400010, Ok(2)));
    let info = thread.process().program();
    let find = |key| info.auxv.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
    assert_eq!((find(aux::ENTRY), find(aux::PHDR), find(aux::PHNUM)), (Some(0x400010), Some(0x400040), Some(3)));
    assert!(info.exe.is_none());
    assert_eq!(&thread.name()[..4], b"app\0");
    assert!(thread.process().mm().brk_range().0 >= 0x500010);
}

#[test]
fn this_test_loads_with_its_dynamic_loader() {
    let world = World::new();
    let exe = std::fs::read("/proc/self/exe").unwrap();
    let elf = elf::Elf::parse(&exe[..], elf::Machine::X86_64, USER_END).unwrap();
    let loader = String::from_utf8(elf.interpreter.clone().unwrap()).unwrap();
    world.file("/bin/test", 0o755, &exe);
    assert_eq!(
        reason(world.start("/bin/test", &["test"])),
        (Errno::ENOENT, std::format!("interpreter {loader} of /bin/test is not in the image"))
    );
    let bytes = std::fs::read(&loader).unwrap();
    let loader_entry = elf::Elf::parse(&bytes[..], elf::Machine::X86_64, USER_END).unwrap().entry;
    world.file(&loader, 0o755, &bytes);
    let thread = world.start("/bin/test", &["test"]).unwrap();
    let auxv = thread.process().program().auxv;
    let find = |key| auxv.iter().find(|(k, _)| *k == key).unwrap().1;
    let user = world.user();
    assert_eq!(world.regs().rip, find(aux::BASE) + loader_entry);
    assert_eq!(user.read::<u32>(find(aux::BASE)), Ok(u32::from_le_bytes(*b"\x7fELF")));
    // The program headers are where the vector says: the first one is the table's own (PT_PHDR).
    assert_eq!(user.read::<u32>(find(aux::PHDR)), Ok(6));
    let (start, _) = thread.process().mm().brk_range();
    assert!(start >= elf.data_end());
}

#[test]
fn scripts_run_their_interpreter() {
    let world = World::new();
    world.file("/bin/sh", 0o755, &sample(None));
    world.file("/run.sh", 0o755, b"#! /bin/sh -e  \nexit\n");
    let thread = world.start("/run.sh", &["run", "arg"]).unwrap();
    let user = world.user();
    let sp = world.regs().rsp;
    let string = |i: u64| {
        let addr: u64 = user.read(sp + 8 + 8 * i).unwrap();
        String::from_utf8(user.read_cstr(addr, 100, Errno::E2BIG).unwrap()).unwrap()
    };
    assert_eq!(user.read::<u64>(sp), Ok(4));
    assert_eq!([string(0), string(1), string(2), string(3)], ["/bin/sh", "-e", "/run.sh", "arg"]);
    assert_eq!(&thread.name()[..7], b"run.sh\0");
}

#[test]
fn what_cannot_be_started_says_why() {
    let world = World::new();
    world.file("/plain", 0o644, &sample(None));
    world.file("/text", 0o755, b"hello\n");
    world.file("/empty", 0o755, b"");
    world.file("/loop", 0o755, b"#!/loop\n");
    world.file("/orphan", 0o755, b"#!/usr/bin/python3\n");
    world.file("/dynamic", 0o755, &sample(Some("/lib64/ld.so")));
    let start = |path| reason(world.start(path, &["x"]));
    assert_eq!(start("/none"), (Errno::ENOENT, "/none is not in the image".into()));
    assert_eq!(start("/plain"), (Errno::EACCES, "/plain has no permission to be executed (chmod +x)".into()));
    assert_eq!(start("/"), (Errno::EACCES, "/ is a directory".into()));
    assert_eq!(start("/text"), (Errno::ENOEXEC, "/text is too short for an ELF header".into()));
    assert_eq!(start("/empty").0, Errno::ENOEXEC);
    assert_eq!(start("/loop").0, Errno::ELOOP);
    assert_eq!(start("/orphan"), (Errno::ENOENT, "interpreter /usr/bin/python3 of /orphan is not in the image".into()));
    assert_eq!(start("/dynamic"), (Errno::ENOENT, "interpreter /lib64/ld.so of /dynamic is not in the image".into()));
    let long = "x".repeat(200_000);
    assert_eq!(reason(world.start("/text", &[&long])).0, Errno::ENOEXEC);
    world.file("/good", 0o755, &sample(None));
    assert_eq!(reason(world.start("/good", &[&long])).0, Errno::E2BIG);
}

#[test]
fn exec_replaces_memory_files_and_handlers() {
    let world = World::new();
    let thread = world.process();
    let process = thread.process();
    let location = world.fs.resolve(None, b"/prog", vfs::Follow::Yes).unwrap();
    let file = world.fs.open(None, b"/prog", &OpenHow::read()).unwrap();
    let description = Description::new(file, file::AccessMode::Read, file::OpenFlags::empty());
    let kept = process.files().insert(description.clone(), OnExec::Keep, 0).unwrap();
    let closed = process.files().insert(description, OnExec::Close, 0).unwrap();
    let action = signal::Action { handler: 0x1000, ..Default::default() };
    process.signals().set_action(signal::Signal::USR1, action).unwrap();
    world.user().write(0x402e10, &1u64).unwrap();
    let old = process.mm();
    let mut regs = UserRegs { rax: 59, rbx: 7, rip: 0x401234, ..UserRegs::default() };
    // A failure leaves everything alone.
    let missing = Arguments { argv: std::vec![std::vec![b'x'; 200_000]], ..Arguments::default() };
    assert_eq!(exec(&thread, &mut regs, location.clone(), b"/prog", missing).unwrap_err().errno, Errno::E2BIG);
    assert_eq!(regs.rip, 0x401234);
    exec(&thread, &mut regs, location, b"/prog", Arguments { argv: std::vec![b"new".to_vec()], ..Arguments::default() }).unwrap();
    assert_eq!((regs.rip, regs.rbx, regs.is_syscall()), (0x401000, 0, false));
    assert!(!Arc::ptr_eq(&old, &process.mm()));
    assert_eq!(world.user().read::<u32>(0x402e10), Ok(0x9090_9090));
    assert!(process.files().get(kept).is_ok() && process.files().get(closed).is_err());
    assert!(!process.signals().action(signal::Signal::USR1).is_handler());
}

#[cfg(feature = "procfs")]
#[test]
fn proc_shows_the_process() {
    use procfs::ProcessView;
    let world = World::new();
    let thread = world.process();
    let view: &dyn ProcessView = &**thread.process();
    assert_eq!((view.threads(), view.arguments(), view.environment()), (std::vec![1], b"prog\0".to_vec(), b"HOME=/\0".to_vec()));
    let mut names = Vec::new();
    view.mappings(&mut |m| names.push((m.start, String::from_utf8(m.name).unwrap())));
    assert_eq!(names[0], (0x400000, "/prog".into()));
    assert_eq!(names.last().unwrap().1, "[stack]");
    assert_eq!(view.auxv().last(), Some(&(0, 0)));
    assert_eq!(view.thread(1).unwrap().name, b"prog");
    assert_eq!(view.status().pid, 1);
}
