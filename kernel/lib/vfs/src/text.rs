//! Files whose text is made when they are read (/proc, /sys).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use file::{File, OpenFlags, SeekFrom, Sink, Source, Stat};
use spinlock::Mutex;
use uapi::{Errno, Result};

/// Longest text that a write to a generated file may bring, in bytes.
const MAX_WRITE: usize = 4096;

/// Makes the text of a file.
pub trait Generated: Send + Sync {
    /// Appends the text to `out`.
    fn generate(&self, out: &mut Vec<u8>) -> Result<()>;
    /// Takes what was written to the file. EACCES when it is not for writing.
    fn store(&self, text: &[u8]) -> Result<()> {
        let _ = text;
        Err(Errno::EACCES)
    }
}

/// An open file over a [`Generated`] text. The text is made anew by every read at offset 0, so that a program can keep the file open
/// and read it again and again, and stays the same for a sequence of reads.
pub struct GeneratedFile {
    source: Box<dyn Generated>,
    state: Mutex<Snapshot>,
}

#[derive(Default)]
struct Snapshot {
    text: Vec<u8>,
    made: bool,
    position: u64,
}

impl GeneratedFile {
    /// A file over `source`; nothing is made yet.
    pub fn new(source: Box<dyn Generated>) -> Self {
        Self { source, state: Mutex::default() }
    }

    fn refresh(&self, state: &mut Snapshot, offset: u64) -> Result<()> {
        if offset == 0 || !state.made {
            state.text.clear();
            state.made = true;
            self.source.generate(&mut state.text)?;
        }
        Ok(())
    }

    fn copy(&self, dst: &mut dyn Sink, offset: u64) -> Result<usize> {
        // Generating may ask anything of the kernel and copying may fault: neither is done with the lock held.
        let mut state = core::mem::take(&mut *self.state.lock());
        let result = self.refresh(&mut state, offset).and_then(|()| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(state.text.len());
            dst.put(&state.text[start..])
        });
        *self.state.lock() = state;
        result
    }
}

impl File for GeneratedFile {
    fn read(&self, dst: &mut dyn Sink, _: OpenFlags) -> Result<usize> {
        let position = self.state.lock().position;
        let n = self.copy(dst, position)?;
        self.state.lock().position = position + n as u64;
        Ok(n)
    }

    fn read_at(&self, dst: &mut dyn Sink, offset: u64) -> Result<usize> {
        self.copy(dst, offset)
    }

    fn write(&self, src: &mut dyn Source, _: OpenFlags) -> Result<usize> {
        if src.remaining() > MAX_WRITE {
            return Err(Errno::EINVAL);
        }
        let mut text = alloc::vec![0; src.remaining()];
        let n = src.take(&mut text)?;
        self.source.store(&text[..n])?;
        Ok(n)
    }

    fn write_at(&self, src: &mut dyn Source, _: u64) -> Result<usize> {
        self.write(src, OpenFlags::empty())
    }

    fn seek(&self, to: SeekFrom) -> Result<u64> {
        let mut state = self.state.lock();
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => i64::try_from(state.position).ok().and_then(|p| p.checked_add(offset)),
            _ => None,
        };
        state.position = target.and_then(|t| u64::try_from(t).ok()).ok_or(Errno::EINVAL)?;
        Ok(state.position)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat::default())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
