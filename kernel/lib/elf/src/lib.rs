//! The ELF loader: parsing, segments, the initial stack, `#!` scripts (elf(5), execve(2)).
//!
//! Pure data in, pure data out; nothing is mapped here. [`Elf::parse`] turns a file of unknown origin into a plan that can only be sensible:
//! every offset and address in it has been checked, so that whoever carries it out (`process`) adds a load bias and maps. [`stack::build`] makes
//! the bytes that a program finds on its stack, [`Script::parse`] reads a `#!` line.
//!
//! Neighbours: `process` (exec), `vfs` (the files, through [`ReadAt`]).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod image;
mod script;
pub mod stack;

pub use image::{Elf, Error, Kind, Machine, ProgramHeader, Segment, SegmentRights, StackKind};
pub use script::{SCRIPT_BYTES, Script};

use uapi::Result;

/// A page, in bytes.
pub const PAGE: u64 = 4096;

/// A file to be parsed.
pub trait ReadAt {
    /// Bytes from `offset` on into `buf`; fewer only at the end of the file.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize>;
    /// Length in bytes.
    fn size(&self) -> u64;
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
    fn size(&self) -> u64 {
        self.len() as u64
    }
}

/// Bytes of a program header.
pub const PROGRAM_HEADER_BYTES: u64 = 56;

#[cfg(test)]
mod tests;
