//! Typed access to application memory: readers, writers, strings, vectors.
//!
//! [`UserMemory`] is the one door: two methods that copy bytes and answer `EFAULT`. The machine implements it with fault-safe copies;
//! tests implement it over a byte array. All else here is built on it without `unsafe`. [`Sink`] and [`Source`] are what files read
//! into and write from, so that a page-cache page or a received packet is copied once, straight to the application's buffer.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use uapi::types::Iovec;
use uapi::{Errno, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Where a file's bytes go: an application buffer, or a kernel slice in tests.
pub trait Sink {
    /// Copies from the front of `bytes`, at most [`remaining`](Self::remaining); returns how many were copied. `EFAULT` only when none could be.
    fn put(&mut self, bytes: &[u8]) -> Result<usize>;
    /// Bytes that still fit.
    fn remaining(&self) -> usize;
    /// Puts `count` zero bytes (holes in sparse files); returns how many were put.
    fn put_zeros(&mut self, count: usize) -> Result<usize> {
        const ZEROS: [u8; 512] = [0; 512];
        let mut done = 0;
        while done < count {
            let step = (count - done).min(ZEROS.len());
            match self.put(&ZEROS[..step]) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(done)
    }
}

/// Where a file's bytes come from.
pub trait Source {
    /// Fills the front of `buf`, at most [`remaining`](Self::remaining); returns how many were taken. `EFAULT` only when none could be.
    fn take(&mut self, buf: &mut [u8]) -> Result<usize>;
    /// As [`take`](Self::take), and leaves the bytes to be taken: for a file that must see what it may have to turn away (EAGAIN).
    fn peek(&self, buf: &mut [u8]) -> Result<usize>;
    /// Passes over the next `count` bytes, which [`peek`](Self::peek) has shown; at most [`remaining`](Self::remaining).
    fn skip(&mut self, count: usize);
    /// Bytes not yet taken.
    fn remaining(&self) -> usize;
}

/// A kernel slice as a [`Sink`]: what was put is in front of [`SliceSink::filled`].
pub struct SliceSink<'a> {
    buf: &'a mut [u8],
    at: usize,
}

impl<'a> SliceSink<'a> {
    /// Fills `buf` from its start.
    pub fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, at: 0 }
    }
    /// Bytes put so far.
    pub fn filled(&self) -> usize {
        self.at
    }
}

impl Sink for SliceSink<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let n = bytes.len().min(self.remaining());
        self.buf[self.at..self.at + n].copy_from_slice(&bytes[..n]);
        self.at += n;
        Ok(n)
    }
    fn remaining(&self) -> usize {
        self.buf.len() - self.at
    }
}

/// A kernel slice as a [`Source`].
impl Source for &[u8] {
    fn peek(&self, buf: &mut [u8]) -> Result<usize> {
        let mut copy = *self;
        copy.take(buf)
    }
    fn skip(&mut self, count: usize) {
        *self = &self[count.min(self.len())..];
    }
    fn take(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = buf.len().min(self.len());
        buf[..n].copy_from_slice(&self[..n]);
        *self = &self[n..];
        Ok(n)
    }
    fn remaining(&self) -> usize {
        self.len()
    }
}

/// Application memory. Addresses are the application's; every method checks them.
pub trait UserMemory {
    /// Copies from the application; returns the number of bytes copied before the first unreadable one (all, when all is well).
    fn copy_in(&self, addr: u64, buf: &mut [u8]) -> usize;
    /// Copies to the application; returns the number of bytes copied before the first unwritable one.
    fn copy_out(&self, addr: u64, bytes: &[u8]) -> usize;
    /// Atomically replaces the 32-bit word at `addr` (4-byte aligned, else EINVAL) by `new` when it holds `old`; returns what it held.
    fn compare_exchange_u32(&self, addr: u64, old: u32, new: u32) -> Result<u32>;
    /// Atomically reads the 32-bit word at `addr` (4-byte aligned, else EINVAL).
    fn load_u32(&self, addr: u64) -> Result<u32>;
}

/// Conveniences on top of [`UserMemory`]; `cx.user().read::<Timespec>(addr)?` is how system calls read arguments.
impl dyn UserMemory + '_ {
    /// All of `buf`, or `EFAULT`.
    #[inline(never)]
    pub fn read_bytes(&self, addr: u64, buf: &mut [u8]) -> Result<()> {
        if self.copy_in(addr, buf) == buf.len() { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// All of `bytes`, or `EFAULT`.
    #[inline(never)]
    pub fn write_bytes(&self, addr: u64, bytes: &[u8]) -> Result<()> {
        if self.copy_out(addr, bytes) == bytes.len() { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// One value.
    pub fn read<T: FromBytes + IntoBytes>(&self, addr: u64) -> Result<T> {
        let mut value = T::new_zeroed();
        self.read_bytes(addr, value.as_mut_bytes())?;
        Ok(value)
    }

    /// One value.
    pub fn write<T: IntoBytes + Immutable>(&self, addr: u64, value: &T) -> Result<()> {
        self.write_bytes(addr, value.as_bytes())
    }

    /// `None` for a null address, else one value.
    pub fn read_optional<T: FromBytes + IntoBytes>(&self, addr: u64) -> Result<Option<T>> {
        if addr == 0 { Ok(None) } else { self.read(addr).map(Some) }
    }

    /// Nothing for a null address, else one value.
    pub fn write_optional<T: IntoBytes + Immutable>(&self, addr: u64, value: &T) -> Result<()> {
        if addr == 0 { Ok(()) } else { self.write(addr, value) }
    }

    /// `count` values; the caller bounds `count` first.
    pub fn read_vec<T: FromBytes + IntoBytes + Clone>(&self, addr: u64, count: usize) -> Result<Vec<T>> {
        let mut values = Vec::with_capacity(count);
        let size = size_of::<T>() as u64;
        for i in 0..count as u64 {
            values.push(self.read::<T>(addr.wrapping_add(i * size))?);
        }
        Ok(values)
    }

    /// A NUL-terminated string of at most `max` bytes without its NUL; `too_long` when none is found in that many.
    pub fn read_cstr(&self, addr: u64, max: usize, too_long: Errno) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut chunk = [0u8; 128];
        while out.len() <= max {
            let at = addr.wrapping_add(out.len() as u64);
            // Never read across a page boundary past what may be the string's end.
            let to_page_end = 4096 - (at % 4096) as usize;
            let want = chunk.len().min(to_page_end).min(max + 1 - out.len());
            let got = self.copy_in(at, &mut chunk[..want]);
            if let Some(nul) = chunk[..got].iter().position(|b| *b == 0) {
                out.extend_from_slice(&chunk[..nul]);
                return Ok(out);
            }
            if got < want {
                return Err(Errno::EFAULT);
            }
            if want == 0 {
                break;
            }
            out.extend_from_slice(&chunk[..got]);
        }
        Err(too_long)
    }

    /// A path argument: at most 4095 bytes (PATH_MAX with its NUL), else ENAMETOOLONG.
    pub fn read_path(&self, addr: u64) -> Result<Vec<u8>> {
        self.read_cstr(addr, 4095, Errno::ENAMETOOLONG)
    }
}

/// A scatter/gather list of application buffers, read into or written from in order. `vec` is what readv(2) gives; one buffer is
/// [`UserBuf::single`].
pub struct UserBuf<'a> {
    memory: &'a dyn UserMemory,
    parts: Parts,
    at: Position,
}

/// How far a [`UserBuf`] has been used.
#[derive(Clone, Copy)]
struct Position {
    index: usize,
    offset: u64,
    remaining: usize,
}

enum Parts {
    One(Iovec),
    Many(Vec<Iovec>),
}

impl Parts {
    fn get(&self, index: usize) -> Option<Iovec> {
        match self {
            Parts::One(part) => (index == 0).then_some(*part),
            Parts::Many(parts) => parts.get(index).copied(),
        }
    }
}

/// Linux's limit on one transfer: MAX_RW_COUNT, INT_MAX rounded down to a page (read(2)).
pub const MAX_TRANSFER: usize = 0x7fff_f000;

impl<'a> UserBuf<'a> {
    /// One buffer; lengths beyond [`MAX_TRANSFER`] are cut to it.
    pub fn single(memory: &'a dyn UserMemory, base: u64, len: u64) -> Self {
        let len = len.min(MAX_TRANSFER as u64);
        Self { memory, parts: Parts::One(Iovec { base, len }), at: Position { index: 0, offset: 0, remaining: len as usize } }
    }

    /// The buffers of a readv(2)/writev(2)-style call: at most 1024 (EINVAL), total at most `isize::MAX` (EINVAL), cut to [`MAX_TRANSFER`].
    pub fn vectored(memory: &'a dyn UserMemory, iov: u64, count: u64) -> Result<Self> {
        if count > 1024 {
            return Err(Errno::EINVAL);
        }
        let parts: Vec<Iovec> = memory.read_vec(iov, count as usize)?;
        let mut total = 0i64;
        for part in &parts {
            let len = i64::try_from(part.len).map_err(|_| Errno::EINVAL)?;
            total = total.checked_add(len).ok_or(Errno::EINVAL)?;
        }
        let remaining = (total as usize).min(MAX_TRANSFER);
        Ok(Self { memory, parts: Parts::Many(parts), at: Position { index: 0, offset: 0, remaining } })
    }

    /// Moves bytes piece by piece until `want` is used up, the buffers end, or one cannot be touched (EFAULT when that is the first byte).
    fn transfer(&mut self, want: usize, copy: impl FnMut(&dyn UserMemory, u64, core::ops::Range<usize>) -> usize) -> Result<usize> {
        let mut at = self.at;
        let result = at.transfer(self.memory, &self.parts, want, copy);
        self.at = at;
        result
    }
}

impl Position {
    /// The next contiguous piece, at most `want` bytes; `None` at the end.
    fn next_piece(&mut self, parts: &Parts, want: usize) -> Option<(u64, usize)> {
        if self.remaining == 0 || want == 0 {
            return None;
        }
        loop {
            let part = parts.get(self.index)?;
            let left = part.len - self.offset;
            if left == 0 {
                self.index += 1;
                self.offset = 0;
                continue;
            }
            let len = left.min(want as u64).min(self.remaining as u64);
            return Some((part.base.wrapping_add(self.offset), len as usize));
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u64;
        self.remaining -= bytes;
    }

    fn transfer(
        &mut self,
        memory: &dyn UserMemory,
        parts: &Parts,
        want: usize,
        mut copy: impl FnMut(&dyn UserMemory, u64, core::ops::Range<usize>) -> usize,
    ) -> Result<usize> {
        let mut done = 0;
        while let Some((addr, len)) = self.next_piece(parts, want - done) {
            let got = copy(memory, addr, done..done + len);
            self.advance(got);
            done += got;
            if got < len {
                return if done == 0 { Err(Errno::EFAULT) } else { Ok(done) };
            }
            if done == want {
                break;
            }
        }
        Ok(done)
    }
}

impl Sink for UserBuf<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        self.transfer(bytes.len(), |memory, addr, range| memory.copy_out(addr, &bytes[range]))
    }
    fn remaining(&self) -> usize {
        self.at.remaining
    }
}

impl Source for UserBuf<'_> {
    fn take(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.transfer(buf.len(), |memory, addr, range| memory.copy_in(addr, &mut buf[range]))
    }
    fn peek(&self, buf: &mut [u8]) -> Result<usize> {
        let mut at = self.at;
        at.transfer(self.memory, &self.parts, buf.len(), |memory, addr, range| memory.copy_in(addr, &mut buf[range]))
    }
    fn skip(&mut self, count: usize) {
        let mut left = count;
        while let Some((_, len)) = self.at.next_piece(&self.parts, left) {
            self.at.advance(len);
            left -= len;
        }
    }
    fn remaining(&self) -> usize {
        self.at.remaining
    }
}

pub mod testing;

#[cfg(test)]
mod tests;
