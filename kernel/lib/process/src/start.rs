//! From a program in its address space to its first instruction: the stack with arguments and auxiliary vector, the registers.

use crate::arch::{UserRegs, sigframe};
use crate::{Arguments, Credentials, Process, ProgramInfo, Services, Thread};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use elf::stack::{self, aux};
use elf::{PAGE, StackKind};
use mm::{AddressSpace, FaultKind, Prot};
use signal::SignalSet;
use uapi::{Errno, Result};
use vfs::{Context, Location};

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
    #[cfg(feature = "messages")]
    #[cold]
    pub(crate) fn new(errno: Errno, path: &[u8], why: &str) -> Self {
        let mut reason = String::from_utf8_lossy(path).into_owned();
        reason.push_str(why);
        Self { errno, reason }
    }

    /// As [`failed`](Self::failed), with `what` before the path.
    pub(crate) fn of(what: &str, errno: Errno, path: &[u8], why: &str) -> Self {
        let mut error = Self::failed(errno, path, why);
        if cfg!(feature = "messages") {
            error.reason.insert_str(0, what);
        }
        error
    }

    /// As [`new`](Self::new), with the error's name at the end.
    #[cfg(feature = "messages")]
    #[cold]
    pub(crate) fn failed(errno: Errno, path: &[u8], why: &str) -> Self {
        use core::fmt::Write;
        let mut error = Self::new(errno, path, why);
        // Writing into memory cannot fail.
        let _ = write!(error.reason, "{errno}");
        error
    }

    /// Without words the error number is all there is; what would be said is dropped from the image.
    #[cfg(not(feature = "messages"))]
    #[inline(always)]
    pub(crate) fn new(errno: Errno, _path: &[u8], _why: &str) -> Self {
        Self { errno, reason: String::new() }
    }

    /// As [`new`](Self::new).
    #[cfg(not(feature = "messages"))]
    #[inline(always)]
    pub(crate) fn failed(errno: Errno, _path: &[u8], _why: &str) -> Self {
        Self { errno, reason: String::new() }
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

/// What is known of a program whose segments are mapped.
pub(crate) struct Start<'a> {
    /// The name it was found under.
    pub path: &'a [u8],
    /// Its file, when it has one.
    pub exe: Option<Location>,
    /// What it is given.
    pub arguments: &'a Arguments,
    /// Where to begin: in the dynamic loader, when there is one.
    pub entry: u64,
    /// Where the program itself begins (AT_ENTRY).
    pub own_entry: u64,
    /// Its program headers in memory (AT_PHDR).
    pub headers: Option<u64>,
    /// How many (AT_PHNUM).
    pub header_count: u64,
    /// The dynamic loader's place (AT_BASE); 0 when there is none.
    pub interpreter_base: u64,
    /// First byte of its code and behind the last.
    pub code: (u64, u64),
    /// What its stack must allow.
    pub stack: StackKind,
}

impl Start<'_> {
    /// Makes the program's stack in `space`, and its first registers. `stack_limit` is RLIMIT_STACK in bytes.
    pub fn begin(
        self,
        services: &Services,
        credentials: &Credentials,
        space: Arc<AddressSpace>,
        stack_limit: u64,
    ) -> Result<Program, LoadError> {
        let (path, arguments) = (self.path, self.arguments);
        let vdso = services.platform.map_vdso(&space)?;

        let mut rights = Prot::READ | Prot::WRITE;
        rights.set(Prot::EXEC, self.stack == StackKind::Executable);
        let top = space.map_stack(rights)? & !15;
        let (hwcap, hwcap2) = services.platform.hwcap();
        let mut vector = Vec::from([
            (aux::HWCAP, hwcap),
            (aux::PAGESZ, PAGE),
            (aux::CLKTCK, CLOCK_TICKS),
            (aux::PHENT, elf::PROGRAM_HEADER_BYTES),
            (aux::PHNUM, self.header_count),
            (aux::BASE, self.interpreter_base),
            (aux::FLAGS, 0),
            (aux::ENTRY, self.own_entry),
            (aux::UID, credentials.uid.real.into()),
            (aux::EUID, credentials.uid.effective.into()),
            (aux::GID, credentials.gid.real.into()),
            (aux::EGID, credentials.gid.effective.into()),
            (aux::SECURE, u64::from([credentials.uid, credentials.gid].iter().any(|ids| ids.real != ids.effective))),
            (aux::HWCAP2, hwcap2),
            (aux::MINSIGSTKSZ, least_signal_stack(services.platform.fpu_size())),
        ]);
        for (key, address) in [(aux::SYSINFO_EHDR, vdso), (aux::PHDR, self.headers)] {
            if let Some(address) = address {
                vector.push((key, address));
            }
        }
        let mut random = [0; 16];
        services.platform.random(&mut random);
        let limit = (stack_limit / 4).clamp(ARGUMENTS_MIN, ARGUMENTS_MAX);
        let request = stack::Request {
            argv: &arguments.argv,
            envp: &arguments.envp,
            exec_name: path,
            platform: PLATFORM_NAME,
            random,
            aux: &vector,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let stack = stack::build(top, &request).map_err(|errno| LoadError::of("arguments of ", errno, path, ": "))?;
        write_space(&space, stack.sp, &stack.bytes)?;

        let info = ProgramInfo {
            exe: self.exe,
            arguments: stack.arguments,
            environment: stack.environment,
            auxv: stack.aux,
            code: self.code,
            stack_start: stack.sp,
        };
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path).to_vec();
        Ok(Program { space, regs: UserRegs::program_start(self.entry, stack.sp), info, name })
    }
}

/// AT_MINSIGSTKSZ: the largest signal frame with its alignment.
fn least_signal_stack(fpu_bytes: usize) -> u64 {
    (sigframe::FRAME_BYTES + fpu_bytes + 4 + 63 + 24).next_multiple_of(16) as u64
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

impl Process {
    /// A new process with this program, whose address space becomes the active one, and its first thread.
    pub(crate) fn begin(services: &Arc<Services>, fs: Context, who: Credentials, program: Program) -> Result<Arc<Thread>, LoadError> {
        services.platform.activate(&program.space);
        let process = Process::new(services, program.space, fs)?;
        process.set_credentials(who);
        process.apply_memory_limits();
        process.set_program(program.info);
        let context = services.platform.spawn_context(&program.regs, 0)?;
        let pid = process.pid();
        let thread = Thread::create(process, context, pid, SignalSet::EMPTY);
        thread.set_name(&program.name);
        Ok(thread)
    }
}
