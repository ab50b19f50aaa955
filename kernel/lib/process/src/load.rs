//! From a path to a program in a new address space: execve(2)'s first half. Nothing of the running program is touched.

use crate::start::{LoadError, Program, Start};
use crate::{Arguments, Credentials, MappedPlace, Services};
use alloc::sync::Arc;
use alloc::vec::Vec;
use elf::{Elf, Kind, PAGE, ReadAt, SCRIPT_BYTES, Script, Segment};
use file::{File, FileType};
use mm::{AddressSpace, FaultKind, FileMapping, MapFlags, MapRequest, Prot, Shown, USER_END};
use uapi::{Errno, Result};
use usermem::SliceSink;
use vfs::{Context, Follow, Location, OpenHow};

/// How many scripts may run each other before it is ELOOP.
const MAX_SCRIPTS: usize = 4;
#[cfg(target_arch = "x86_64")]
const MACHINE: elf::Machine = elf::Machine::X86_64;

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

    #[cfg(feature = "dynamic")]
    fn find(fs: &Context, path: &[u8], of: &[u8]) -> Result<Self, LoadError> {
        let location = fs.resolve(None, path, Follow::Yes).map_err(|errno| {
            if cfg!(not(feature = "messages")) {
                return LoadError::new(errno, path, "");
            }
            let both = [b"interpreter ", path, b" of ", of].concat();
            match errno {
                Errno::ENOENT => LoadError::new(errno, &both, " is not in the image"),
                _ => LoadError::failed(errno, &both, ": "),
            }
        })?;
        Self::open(fs, location, path)
    }

    /// The program that runs in the end, when some are scripts, and what it is given.
    #[cfg(feature = "dynamic")]
    fn behind_scripts(fs: &Context, location: Location, path: &[u8], arguments: Arguments) -> Result<(Self, Arguments), LoadError> {
        let Arguments { mut argv, envp } = arguments;
        let mut program = Self::open(fs, location, path)?;
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
            program = Self::find(fs, &script.interpreter, &program.path)?;
        }
        Ok((program, Arguments { argv, envp }))
    }

    fn bytes(&self) -> Bytes<'_> {
        Bytes(&*self.file, self.size)
    }

    fn parse(&self) -> Result<Elf, LoadError> {
        Elf::parse(&self.bytes(), MACHINE, USER_END).map_err(|e| {
            let mut error = LoadError::new(e.errno, &self.path, " ");
            if cfg!(feature = "messages") {
                error.reason.push_str(e.reason);
            }
            error
        })
    }

    fn mapping(&self, fs: &Context) -> Result<FileMapping> {
        let stat = self.file.stat()?;
        let place = || MappedPlace { location: self.location.clone(), root: fs.root.clone() };
        Ok(FileMapping { object: self.file.map_object()?, offset: 0, may: Prot::all(), shown: Shown::new(place, stat.dev, stat.ino) })
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
    #[cfg(feature = "dynamic")]
    let (program, arguments) = Executable::behind_scripts(fs, location, path, arguments)?;
    #[cfg(not(feature = "dynamic"))]
    let program = Executable::open(fs, location, path)?;
    let elf = program.parse()?;
    #[cfg(feature = "dynamic")]
    let interpreter = match &elf.interpreter {
        Some(path) => {
            let file = Executable::find(fs, path, &program.path)?;
            let elf = file.parse()?;
            Some((file, elf))
        }
        None => None,
    };
    #[cfg(not(feature = "dynamic"))]
    if elf.interpreter.is_some() {
        return Err(LoadError::new(
            Errno::ENOEXEC,
            &program.path,
            " needs a dynamic loader, which this image was built without (CONFIG_LIBELF_DYNAMIC)",
        ));
    }

    let space = services.platform.new_address_space()?;
    space.set_limit(mm::Limit::Stack, stack_limit);
    let bias = map_program(&space, fs, &program, &elf)?;
    #[cfg(not(feature = "dynamic"))]
    let (interpreter_base, entry) = (0, elf.entry.wrapping_add(bias));
    #[cfg(feature = "dynamic")]
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
    let code = elf.code();
    let start = Start {
        path,
        exe: Some(program.location.clone()),
        arguments: &arguments,
        entry,
        own_entry: elf.entry.wrapping_add(bias),
        headers: elf.headers.map(|headers| headers.wrapping_add(bias)),
        header_count: elf.header_count.into(),
        interpreter_base,
        code: (code.0.wrapping_add(bias), code.1.wrapping_add(bias)),
        stack: elf.stack,
    };
    start.begin(services, credentials, space, stack_limit)
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
#[cfg(feature = "dynamic")]
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
