//! Application memory for tests: a byte array at a chosen address.

use crate::UserMemory;
use alloc::vec::Vec;
use core::cell::RefCell;
use uapi::{Errno, Result};

/// `len` zero bytes that the tested code sees at address `base`.
pub struct FakeMemory {
    base: u64,
    bytes: RefCell<Vec<u8>>,
}

impl FakeMemory {
    /// Memory of `len` bytes at `base`; everything else faults.
    pub fn new(base: u64, len: usize) -> Self {
        Self { base, bytes: RefCell::new(alloc::vec![0; len]) }
    }

    fn range(&self, addr: u64, len: usize) -> core::ops::Range<usize> {
        let size = self.bytes.borrow().len();
        match addr.checked_sub(self.base) {
            Some(start) if start < size as u64 => start as usize..(start as usize + len).min(size),
            _ => 0..0,
        }
    }

    fn word(&self, addr: u64) -> Result<core::ops::Range<usize>> {
        if !addr.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        let range = self.range(addr, 4);
        if range.len() == 4 { Ok(range) } else { Err(Errno::EFAULT) }
    }
}

impl UserMemory for FakeMemory {
    fn copy_in(&self, addr: u64, buf: &mut [u8]) -> usize {
        let range = self.range(addr, buf.len());
        buf[..range.len()].copy_from_slice(&self.bytes.borrow()[range.clone()]);
        range.len()
    }
    fn copy_out(&self, addr: u64, bytes: &[u8]) -> usize {
        let range = self.range(addr, bytes.len());
        let len = range.len();
        self.bytes.borrow_mut()[range].copy_from_slice(&bytes[..len]);
        len
    }
    fn compare_exchange_u32(&self, addr: u64, old: u32, new: u32) -> Result<u32> {
        let held = self.load_u32(addr)?;
        if held == old {
            self.copy_out(addr, &new.to_ne_bytes());
        }
        Ok(held)
    }
    fn load_u32(&self, addr: u64) -> Result<u32> {
        let range = self.word(addr)?;
        let mut word = [0; 4];
        word.copy_from_slice(&self.bytes.borrow()[range]);
        Ok(u32::from_ne_bytes(word))
    }
}
