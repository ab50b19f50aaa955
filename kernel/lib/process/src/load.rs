//! From a path to a program in a new address space: execve(2)'s first half. Nothing of the running program is touched.

use crate::arch::{UserRegs, sigframe};
use crate::{Arguments, Credentials, ProgramInfo, Services};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;
use elf::stack::{self, aux};
use elf::{Elf, Kind, PAGE, ReadAt, SCRIPT_BYTES, Script, Segment, StackKind};
use file::{File, FileType};
use mm::{AddressSpace, FaultKind, FileMapping, MapFlags, MapRequest, Prot, USER_END};
use uapi::{Errno, Result};
use usermem::SliceSink;
use vfs::{Context, Follow, Location, OpenHow};

/// How many scripts may run each other before it is ELOOP.
const MAX_SCRIPTS: usize = 4;
#[cfg(target_arch = "x86_64")]
const MACHINE: elf::Machine = elf::Machine::X86_64;
#[cfg(target_arch = "x86_64")]
const PLATFORM_NAME: &[u8] = b"x86_64";
/// Arguments and environment may take a quarter of the stack, but 128 KiB always and 6 MiB at most (execve(2), "Limits on size").
const ARGUMENTS_MIN: u64 = 128 << 10;
const ARGUMENTS_MAX: u64 = 6 << 20;
/// AT_CLKTCK: what times(2) counts in.
const CLOCK_TICKS: u64 = 100;

/// Why a program cannot be started: what execve(2) returns, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The error number.
    pub errno: Errno,
    /// What is wrong with which file.
    pub reason: String,
}

impl From<Errno> for LoadError {
    fn from(errno: Errno) -> Self {
        Self::failed(errno, b"", "")
    }
}

impl LoadError {
    /// What is wrong with the file at `path`: `why` follows its name.
    #[cold]
    fn new(errno: Errno, path: &[u8], why: &str) -> Self {
        let mut reason = String::from_utf8_lossy(path).into_owned();
        reason.push_str(why);
        Self { errno, reason }
    }

    /// As [`new`](Self::new), with the error's name at the end.
    #[cold]
    fn failed(errno: Errno, path: &[u8], why: &str) -> Self {
        let mut error = Self::new(errno, path, why);
        // Writing into memory cannot fail.
        let _ = write!(error.reason, "{errno}");
        error
    }
}

/// A loaded program that has not begun.
pub struct Program {
    /// Its memory.
    pub space: Arc<AddressSpace>,
    /// Its first registers.
    pub regs: UserRegs,
    /// What /proc tells about it.
    pub info: ProgramInfo,
    /// Its first thread's name.
    pub name: Vec<u8>,
}

/// A file as the ELF parser wants it.
struct Bytes<'a>(&'a dyn File, u64);

impl ReadAt for Bytes<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let got = self.0.read_at(&mut SliceSink::new(&mut buf[done..]), offset + done as u64)?;
            if got == 0 {
                break;
            }
            done += got;
        }
        Ok(done)
    }
    fn size(&self) -> u64 {
        self.1
    }
}

/// An opened executable.
struct Executable {
    location: Location,
    file: Arc<dyn File>,
    size: u64,
    path: Vec<u8>,
}

impl Executable {
    fn open(fs: &Context, location: Location, path: &[u8]) -> Result<Self, LoadError> {
        let fail = |errno: Errno| LoadError::failed(errno, path, " cannot be executed: ");
        fs.may_execute(&location).map_err(|errno| match (errno, location.inode().kind()) {
            (Errno::EACCES, FileType::Directory) => LoadError::new(errno, path, " is a directory"),
            (Errno::EACCES, FileType::Regular) => LoadError::new(errno, path, " has no permission to be executed (chmod +x)"),
            _ => fail(errno),
        })?;
        let file = fs.open_location(&location, &OpenHow::read()).map_err(fail)?;
        let size = file.stat().map_err(fail)?.size;
        Ok(Self { location, file, size, path: path.to_vec() })
    }

    fn find(fs: &Context, path: &[u8], of: &[u8]) -> Result<Self, LoadError> {
        let location = fs.resolve(None, path, Follow::Yes).map_err(|errno| {
            let both = [b"interpreter ", path, b" of ", of].concat();
            match errno {
                Errno::ENOENT => LoadError::new(errno, &both, " is not in the image"),
                _ => LoadError::failed(errno, &both, ": "),
            }
        })?;
        Self::open(fs, location, path)
    }

    fn bytes(&self) -> Bytes<'_> {
        Bytes(&*self.file, self.size)
    }

    fn parse(&self) -> Result<Elf, LoadError> {
        Elf::parse(&self.bytes(), MACHINE, USER_END).map_err(|e| {
            let mut error = LoadError::new(e.errno, &self.path, " ");
            error.reason.push_str(e.reason);
            error
        })
    }

    fn mapping(&self, fs: &Context) -> Result<FileMapping> {
        let stat = self.file.stat()?;
        let name = Arc::new(MappedPlace { location: self.location.clone(), root: fs.root.clone() });
        Ok(FileMapping { object: self.file.map_object()?, offset: 0, may: Prot::all(), name, dev: stat.dev, ino: stat.ino })
    }
}

/// The name of a mapping of the file at `location`, as seen from `root`.
pub struct MappedPlace {
    /// Where the file was opened; follows renames.
    pub location: Location,
    /// The root directory of whoever mapped it.
    pub root: Location,
}

impl mm::MappedName for MappedPlace {
    fn path(&self) -> Vec<u8> {
        self.location.display_path(&self.root)
    }
}

/// Loads the program at `location`, which the caller found under the name `path`, into a new address space, following `#!` lines and loading
/// the dynamic loader it asks for. `stack_limit` is RLIMIT_STACK in bytes.
pub fn load(
    services: &Services,
    fs: &Context,
    credentials: &Credentials,
    location: Location,
    path: &[u8],
    arguments: Arguments,
    stack_limit: u64,
) -> Result<Program, LoadError> {
    let Arguments { mut argv, envp } = arguments;
    let mut program = Executable::open(fs, location, path)?;
    for depth in 0.. {
        let mut start = [0; SCRIPT_BYTES];
        let len = program.bytes().read_at(0, &mut start)?;
        if !Script::is_script(&start[..len]) {
            break;
        }
        if depth == MAX_SCRIPTS {
            return Err(LoadError::new(Errno::ELOOP, path, " is run by too many scripts in turn"));
        }
        let script = Script::parse(&start[..len])
            .ok_or_else(|| LoadError::new(Errno::ENOEXEC, &program.path, ": its #! line names no interpreter"))?;
        // The script's name takes the place of the name it was called by.
        let mut new = Vec::from([script.interpreter.clone()]);
        new.extend(script.argument);
        new.push(program.path.clone());
        new.extend(argv.into_iter().skip(1));
        argv = new;
        program = Executable::find(fs, &script.interpreter, &program.path)?;
    }
    let elf = program.parse()?;
    let interpreter = match &elf.interpreter {
        Some(path) => {
            let file = Executable::find(fs, path, &program.path)?;
            let elf = file.parse()?;
            Some((file, elf))
        }
        None => None,
    };

    let space = services.platform.new_address_space()?;
    space.set_limit(mm::Limit::Stack, stack_limit);
    let bias = map_program(&space, fs, &program, &elf)?;
    let (interpreter_base, entry) = match &interpreter {
        Some((file, elf)) => {
            let bias = map_interpreter(&space, fs, file, elf)?;
            (bias, elf.entry.wrapping_add(bias))
        }
        None => (0, elf.entry.wrapping_add(bias)),
    };
    if entry >= USER_END {
        return Err(LoadError::new(Errno::ENOEXEC, &program.path, " begins outside the address space"));
    }
    space.set_program_end(elf.data_end().wrapping_add(bias));
    let vdso = services.platform.map_vdso(&space)?;

    let mut rights = Prot::READ | Prot::WRITE;
    rights.set(Prot::EXEC, elf.stack == StackKind::Executable);
    let top = space.map_stack(rights)? & !15;
    let mut vector = Vec::new();
    vector.extend(vdso.map(|addr| (aux::SYSINFO_EHDR, addr)));
    let (hwcap, hwcap2) = services.platform.hwcap();
    vector.extend([(aux::HWCAP, hwcap), (aux::PAGESZ, PAGE), (aux::CLKTCK, CLOCK_TICKS)]);
    if let Some(headers) = elf.headers {
        vector.push((aux::PHDR, headers.wrapping_add(bias)));
    }
    vector.extend([
        (aux::PHENT, elf::PROGRAM_HEADER_BYTES),
        (aux::PHNUM, elf.header_count.into()),
        (aux::BASE, interpreter_base),
        (aux::FLAGS, 0),
        (aux::ENTRY, elf.entry.wrapping_add(bias)),
        (aux::UID, credentials.uid.real.into()),
        (aux::EUID, credentials.uid.effective.into()),
        (aux::GID, credentials.gid.real.into()),
        (aux::EGID, credentials.gid.effective.into()),
        (aux::SECURE, u64::from([credentials.uid, credentials.gid].iter().any(|ids| ids.real != ids.effective))),
        (aux::HWCAP2, hwcap2),
        (aux::MINSIGSTKSZ, least_signal_stack(services.platform.fpu_size())),
    ]);
    let mut random = [0; 16];
    services.platform.random(&mut random);
    let limit = (stack_limit / 4).clamp(ARGUMENTS_MIN, ARGUMENTS_MAX);
    let request = stack::Request {
        argv: &argv,
        envp: &envp,
        exec_name: path,
        platform: PLATFORM_NAME,
        random,
        aux: &vector,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let stack = stack::build(top, &request).map_err(|errno| LoadError::failed(errno, &[b"arguments of ", path].concat(), ": "))?;
    write_space(&space, stack.sp, &stack.bytes)?;

    let code = elf.code();
    let info = ProgramInfo {
        exe: Some(program.location.clone()),
        arguments: stack.arguments,
        environment: stack.environment,
        auxv: stack.aux,
        code: (code.0.wrapping_add(bias), code.1.wrapping_add(bias)),
        stack_start: stack.sp,
    };
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path).to_vec();
    Ok(Program { space, regs: UserRegs::program_start(entry, stack.sp), info, name })
}

/// AT_MINSIGSTKSZ: the largest signal frame with its alignment.
fn least_signal_stack(fpu_bytes: usize) -> u64 {
    (sigframe::FRAME_BYTES + fpu_bytes + 4 + 63 + 24).next_multiple_of(16) as u64
}

/// Maps the program itself; returns its bias.
fn map_program(space: &AddressSpace, fs: &Context, program: &Executable, elf: &Elf) -> Result<u64, LoadError> {
    let bias = match elf.kind {
        Kind::Fixed => 0,
        Kind::Relocatable => {
            let (start, end) = elf.span();
            let bias = (space.pie_base() & !(elf.align - 1)).wrapping_sub(start & !(elf.align - 1));
            end.checked_add(bias).filter(|end| *end < USER_END).ok_or(Errno::ENOMEM)?;
            bias
        }
    };
    map_segments(space, elf, bias, &program.mapping(fs)?)?;
    Ok(bias)
}

/// Maps the dynamic loader where there is room; returns its bias.
fn map_interpreter(space: &AddressSpace, fs: &Context, file: &Executable, elf: &Elf) -> Result<u64, LoadError> {
    let bias = match elf.kind {
        Kind::Fixed => 0,
        Kind::Relocatable => {
            let (start, end) = elf.span();
            let start = start & !(elf.align - 1);
            let slack = elf.align - PAGE;
            let len = (end - start).checked_add(slack).ok_or(Errno::ENOMEM)?;
            let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::NORESERVE;
            let found = space.mmap(MapRequest { addr: 0, len, prot: Prot::empty(), flags, file: None })?;
            // Only the place was wanted; nobody else maps anything before it is used.
            space.munmap(found, len)?;
            ((found + slack) & !(elf.align - 1)).wrapping_sub(start)
        }
    };
    map_segments(space, elf, bias, &file.mapping(fs)?)?;
    Ok(bias)
}

fn rights(segment: &Segment) -> Prot {
    let mut prot = Prot::empty();
    prot.set(Prot::READ, segment.rights.read);
    prot.set(Prot::WRITE, segment.rights.write);
    prot.set(Prot::EXEC, segment.rights.execute);
    prot
}

fn map_segments(space: &AddressSpace, elf: &Elf, bias: u64, file: &FileMapping) -> Result<()> {
    for segment in &elf.segments {
        let prot = rights(segment);
        if let Some((addr, offset, len)) = segment.file_pages() {
            space.map_file(addr.wrapping_add(bias), len, prot, FileMapping { offset, ..file.clone() })?;
        }
        if let Some((addr, len)) = segment.zero_pages() {
            space.map_anonymous(addr.wrapping_add(bias), len, prot)?;
        }
        // A tail that the program may not write holds nothing that it would take for its data; Linux leaves it too.
        if let Some((addr, len)) = segment.tail().filter(|_| segment.rights.write) {
            let addr = addr.wrapping_add(bias);
            let page = space.resolve(addr, FaultKind::Write)?;
            page.fill_zero((addr % PAGE) as usize, len as usize);
        }
    }
    Ok(())
}

/// Writes to an address space that need not be the active one.
fn write_space(space: &AddressSpace, addr: u64, bytes: &[u8]) -> Result<()> {
    // From the top down, so that a stack grows page by page.
    let mut end = addr + bytes.len() as u64;
    while end > addr {
        let start = ((end - 1) & !(PAGE - 1)).max(addr);
        let page = space.resolve(start, FaultKind::Write)?;
        page.write((start % PAGE) as usize, &bytes[(start - addr) as usize..(end - addr) as usize]);
        end = start;
    }
    Ok(())
}
