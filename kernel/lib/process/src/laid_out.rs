//! A first program whose pages lie in memory as they are mapped: no file, no headers to parse, nothing to relocate or copy.

use crate::start::Start;
use crate::{Arguments, Credentials, LoadError, Process, Resource, Rlimit, Services, Thread};
use alloc::sync::Arc;
use alloc::vec::Vec;
use elf::StackKind;
use frame::{FrameAllocator, StaticObject};
use mm::{FileMapping, Prot, Shown};
use uapi::Errno;
use vfs::Context;

/// One of its segments.
#[derive(Clone, Copy, Debug)]
pub struct LaidOutSegment {
    /// Its address in the program's address space, a page boundary.
    pub addr: u64,
    /// Bytes in memory, whole pages.
    pub bytes: u64,
    /// What it begins with, whole pages at a page boundary; zero behind.
    pub contents: &'static [u8],
    /// What the program may do with it.
    pub prot: Prot,
}

/// A laid-out program.
#[derive(Clone, Debug)]
pub struct LaidOut {
    /// What it is called.
    pub name: &'static [u8],
    /// Where it begins.
    pub entry: u64,
    /// Its program headers in its memory (AT_PHDR), which its start-up code reads.
    pub headers: u64,
    /// How many (AT_PHNUM).
    pub header_count: u64,
    /// Where its data end.
    pub data_end: u64,
    /// First byte of its code and behind the last.
    pub code: (u64, u64),
    /// Its segments.
    pub segments: Vec<LaidOutSegment>,
}

impl Process {
    /// As `prepare`, for a program that lies in memory already: contents are mapped from there, and copied page by page when they are written.
    pub fn prepare_laid_out(
        services: &Arc<Services>,
        frames: &'static FrameAllocator,
        mut fs: Context,
        who: Credentials,
        program: &LaidOut,
        arguments: &Arguments,
    ) -> Result<Arc<Thread>, LoadError> {
        (fs.uid, fs.gid, fs.groups) = (who.uid.fs, who.gid.fs, who.groups.clone());
        let space = services.platform.new_address_space()?;
        let stack_limit = Rlimit::at_start(Resource::Stack).current;
        space.set_limit(mm::Limit::Stack, stack_limit);
        for segment in &program.segments {
            let stored = segment.contents.len() as u64;
            if stored > 0 {
                let object = Arc::new(StaticObject::new(frames, segment.contents).ok_or(Errno::EINVAL)?);
                let file = FileMapping { object, offset: 0, may: Prot::all(), shown: Shown::new(|| program.name.to_vec(), 0, 0) };
                space.map_file(segment.addr, stored, segment.prot, file)?;
            }
            if segment.bytes > stored {
                space.map_anonymous(segment.addr + stored, segment.bytes - stored, segment.prot)?;
            }
        }
        space.set_program_end(program.data_end);
        let start = Start {
            path: program.name,
            exe: None,
            arguments,
            entry: program.entry,
            own_entry: program.entry,
            headers: Some(program.headers),
            header_count: program.header_count,
            interpreter_base: 0,
            code: program.code,
            stack: StackKind::Plain,
        };
        let program = start.begin(services, &who, space, stack_limit)?;
        Self::begin(services, fs, who, program)
    }
}
