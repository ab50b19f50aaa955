//! A lone program of this host, and what the dynamic loader would open for it.
//!
//! The rules are those of ld.so(8): `DT_RPATH` (without `DT_RUNPATH`), `LD_LIBRARY_PATH`, `DT_RUNPATH`, then the configured
//! and the default directories. Every file goes to the same path in the guest, so that `$ORIGIN` means the same there.

use crate::error::{Error, Result};
use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use pith_abi::exit;
use pith_rootfs::FileSet;
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

type Header = FileHeader64<Endianness>;

/// Where glibc's and musl's loaders look last.
const GLIBC_DEFAULT: [&str; 6] = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
const MUSL_DEFAULT: [&str; 4] = ["/lib", "/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-musl"];

/// What glibc opens by itself, when a program first asks for one of [`UNWINDING`]; it ends the program when it is not there.
const UNWINDER: &[u8] = b"libgcc_s.so.1";
const UNWINDING: [&[u8]; 4] = [b"pthread_cancel", b"pthread_exit", b"thrd_exit", b"backtrace"];

/// What one ELF file wants from others.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wants {
    interpreter: Option<PathBuf>,
    needed: Vec<Vec<u8>>,
    /// It calls what makes glibc open [`UNWINDER`] while it runs.
    unwinds: bool,
    rpath: Vec<u8>,
    runpath: Vec<u8>,
}

fn bad(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::new(format!("{}: {problem}", path.display())).with_code(exit::NOT_EXECUTABLE)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::new(format!("{}: {error}", path.display())))
}

fn header<'data>(path: &Path, data: &'data [u8]) -> Result<(&'data Header, Endianness)> {
    let class = data.get(4).copied().unwrap_or_default();
    if class == elf::ELFCLASS32 {
        return Err(bad(path, "a 32-bit program; 64-bit ones are supported"));
    }
    let header = Header::parse(data).map_err(|error| bad(path, format!("damaged ELF file: {error}")))?;
    let endian = header.endian().map_err(|error| bad(path, format!("damaged ELF file: {error}")))?;
    let machine = header.e_machine(endian);
    if machine != elf::EM_X86_64 {
        let name = match machine {
            elf::EM_AARCH64 => "arm64".to_owned(),
            elf::EM_RISCV => "RISC-V".to_owned(),
            other => format!("machine type {other}"),
        };
        return Err(bad(path, format!("a program for {name}; x86_64 is supported")));
    }
    Ok((header, endian))
}

/// Whether this is a bootable kernel: it has a PVH entry note (type 18, name "Xen").
///
/// # Errors
/// An unreadable or damaged file, or one for another machine.
pub fn is_kernel(path: &Path) -> Result<bool> {
    let data = read(path)?;
    let (header, endian) = header(path, &data)?;
    let broken = |error| bad(path, format!("damaged ELF file: {error}"));
    for segment in header.program_headers(endian, data.as_slice()).map_err(broken)? {
        let Ok(Some(mut notes)) = segment.notes(endian, data.as_slice()) else { continue };
        while let Ok(Some(note)) = notes.next() {
            if note.name() == b"Xen" && note.n_type(endian) == 18 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn wants(path: &Path, data: &[u8]) -> Result<Wants> {
    let (header, endian) = header(path, data)?;
    let broken = |error| bad(path, format!("damaged ELF file: {error}"));
    let kind = header.e_type(endian);
    if kind != elf::ET_EXEC && kind != elf::ET_DYN {
        return Err(bad(path, "an ELF file, but no program (it has not been linked)"));
    }
    let segments = header.program_headers(endian, data).map_err(broken)?;
    let mut wants = Wants::default();
    // An address of the loaded file to a position in it.
    let locate = |address: u64| {
        segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(|segment| {
            let inside = address.checked_sub(segment.p_vaddr(endian))?;
            let offset = segment.p_offset(endian).checked_add(inside)?;
            (inside < segment.p_filesz(endian)).then(|| usize::try_from(offset).ok())?
        })
    };
    let mut strings = None;
    let mut strings_len = 0;
    let mut names = Vec::new();
    for segment in segments {
        if let Some(interpreter) = segment.interpreter(endian, data).map_err(broken)? {
            wants.interpreter = Some(PathBuf::from(OsStr::from_bytes(interpreter)));
        }
        for entry in segment.dynamic(endian, data).map_err(broken)?.unwrap_or_default() {
            let tag = entry.d_tag(endian);
            let value = entry.d_val(endian);
            if tag == u64::from(elf::DT_STRTAB) {
                strings = locate(value);
            } else if tag == u64::from(elf::DT_STRSZ) {
                strings_len = usize::try_from(value).unwrap_or(0);
            } else if [elf::DT_NEEDED, elf::DT_RPATH, elf::DT_RUNPATH].into_iter().any(|known| tag == u64::from(known)) {
                names.push((tag, value));
            } else if tag == u64::from(elf::DT_NULL) {
                break;
            }
        }
    }
    for (tag, value) in names {
        let start = strings.and_then(|table| table.checked_add(usize::try_from(value).ok()?));
        let name = start.and_then(|start| data.get(start..)).and_then(|rest| rest.split(|b| *b == 0).next());
        let name = name.ok_or_else(|| bad(path, "damaged ELF file: a library name outside the file"))?.to_vec();
        if tag == u64::from(elf::DT_NEEDED) {
            wants.needed.push(name);
        } else if tag == u64::from(elf::DT_RPATH) {
            wants.rpath = name;
        } else {
            wants.runpath = name;
        }
    }
    // The C library has the names because it defines them.
    let is_libc = path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"libc.") || name.as_bytes().starts_with(b"libpthread."));
    let table = strings.and_then(|start| data.get(start..start.checked_add(strings_len)?));
    wants.unwinds = !is_libc && table.is_some_and(|table| table.split(|b| *b == 0).any(|name| UNWINDING.contains(&name)));
    Ok(wants)
}

/// Directories of a colon-separated list, `$ORIGIN` filled in.
fn directories(list: &[u8], origin: &Path) -> Vec<PathBuf> {
    let text = String::from_utf8_lossy(list);
    let origin = origin.display().to_string();
    let parts = text.split(':').filter(|part| !part.is_empty());
    parts.map(|part| PathBuf::from(part.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin))).collect()
}

/// Directories from `/etc/ld.so.conf` and what it includes.
fn configured() -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut files = VecDeque::from([PathBuf::from("/etc/ld.so.conf")]);
    // Included files rarely include more; the limit ends a circle.
    for _ in 0..64 {
        let Some(file) = files.pop_front() else { break };
        for line in fs::read_to_string(&file).unwrap_or_default().lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(pattern) = line.strip_prefix("include ") {
                let pattern = Path::new(pattern.trim());
                let directory = pattern.parent().unwrap_or(Path::new("/etc"));
                let suffix = pattern.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix('*'));
                let listed = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
                let mut found: Vec<PathBuf> = match suffix {
                    Some(suffix) => listed.filter(|path| path.display().to_string().ends_with(suffix)).collect(),
                    None => vec![pattern.to_owned()],
                };
                found.sort();
                files.extend(found);
            } else if line.starts_with('/') {
                out.push(PathBuf::from(line));
            }
        }
    }
    out
}

/// A program and everything its loader will open.
#[derive(Debug)]
pub struct Program {
    /// All files, at their paths on this host.
    pub files: FileSet,
    /// Number of libraries, the loader included.
    pub libraries: usize,
}

/// Collects a program and its libraries.
///
/// # Errors
/// A damaged file, another machine's, or a library that is not on this host, by name.
pub fn gather(program: &Path) -> Result<Program> {
    let mut files = FileSet::default();
    files.add_directory(Path::new("/tmp"));
    let first = wants(program, &read(program)?)?;
    // `$ORIGIN` is where the program really is.
    let real = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    files.add_file(&real, &real);
    if real != program {
        files.add_link(program, &real);
    }
    let program = real.as_path();
    let Some(interpreter) = first.interpreter.clone() else {
        return Ok(Program { files, libraries: 0 });
    };
    if !interpreter.exists() {
        let message = format!("its loader {} is not on this host", interpreter.display());
        return Err(bad(program, message).with_help("run it from a root file system that has it: `pith run --rootfs DIR …`"));
    }
    files.add_file(&interpreter, &interpreter);
    let is_musl = interpreter.file_name().is_some_and(|name| name.as_bytes().starts_with(b"ld-musl"));
    let defaults = if is_musl { MUSL_DEFAULT.as_slice() } else { GLIBC_DEFAULT.as_slice() };
    let defaults: Vec<PathBuf> = defaults.iter().map(PathBuf::from).collect();
    let configured = if is_musl { Vec::new() } else { configured() };
    let environment = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();

    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut needs_cache = false;
    let mut libraries = 1;
    let program_rpath = directories(&first.rpath, program.parent().unwrap_or(Path::new("/")));
    let mut queue = VecDeque::from([(program.to_owned(), first)]);
    while let Some((user, wants)) = queue.pop_front() {
        let origin = user.parent().unwrap_or(Path::new("/")).to_owned();
        let mut search = Vec::new();
        if wants.runpath.is_empty() {
            search.extend(directories(&wants.rpath, &origin));
            search.extend(program_rpath.iter().cloned());
        }
        search.extend(directories(environment.as_bytes(), &origin));
        search.extend(directories(&wants.runpath, &origin));
        let needs_no_cache = search.len();
        search.extend(defaults.iter().cloned());
        let default_end = search.len();
        search.extend(configured.iter().cloned());
        let unwinder = (wants.unwinds && !is_musl).then_some(UNWINDER);
        for name in wants.needed.iter().map(Vec::as_slice).chain(unwinder) {
            // musl's loader is its C library.
            if !seen.insert(name.to_vec()) || (is_musl && name.starts_with(b"libc.")) {
                continue;
            }
            let name = OsStr::from_bytes(name);
            if interpreter.file_name() == Some(name) {
                continue;
            }
            let is_ours = |path: &PathBuf| read(path).is_ok_and(|data| self::wants(path, &data).is_ok());
            let candidates: Vec<PathBuf> = match Path::new(name).components().count() {
                1 => search.iter().map(|directory| directory.join(name)).collect(),
                _ => vec![origin.join(name)],
            };
            let found = candidates.iter().position(is_ours);
            let Some((at, found)) = found.and_then(|at| Some((at, candidates.get(at)?.clone()))) else {
                if name.as_bytes() == UNWINDER && !wants.needed.iter().any(|needed| needed == UNWINDER) {
                    continue;
                }
                let message = format!("needs {}, which is not on this host", Path::new(name).display());
                return Err(bad(&user, message).with_code(exit::NOT_FOUND));
            };
            needs_cache |= at >= default_end && needs_no_cache <= default_end;
            let more = self::wants(&found, &read(&found)?)?;
            files.add_file(&found, &found);
            libraries += 1;
            queue.push_back((found, more));
        }
    }
    let cache = Path::new("/etc/ld.so.cache");
    if needs_cache && cache.exists() {
        // The guest's loader finds libraries in configured directories only through its cache.
        files.add_file(cache, cache);
    }
    Ok(Program { files, libraries })
}
