//! /dev/null, zero, full, random, urandom (null(4), full(4), random(4)).

use alloc::sync::Arc;
use core::any::Any;
use file::{AccessMode, File, OpenFlags, SeekFrom, Sink, Source, Stat};
use frame::{AnonObject, FrameAllocator, MapObject};
use uapi::{Errno, Result};
use vfs::Device;

/// The random number generator.
pub trait RandomSource: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
    /// Mixes in what a program wrote to /dev/random; it counts as no entropy.
    fn mix(&self, bytes: &[u8]);
}

/// Which of them.
#[derive(Clone)]
pub(crate) enum MemoryDevice {
    Null,
    Zero(&'static FrameAllocator),
    Full,
    Random(Arc<dyn RandomSource>),
}

impl Device for MemoryDevice {
    fn open(&self, _: AccessMode, _: OpenFlags) -> Result<Arc<dyn File>> {
        Ok(Arc::new(self.clone()))
    }
}

/// Bytes moved at a time.
const CHUNK: usize = 256;

impl File for MemoryDevice {
    fn read(&self, dst: &mut dyn Sink, _: OpenFlags) -> Result<usize> {
        match self {
            MemoryDevice::Null => Ok(0),
            MemoryDevice::Zero(_) | MemoryDevice::Full => dst.put_zeros(dst.remaining()),
            MemoryDevice::Random(random) => {
                let mut done = 0;
                let mut chunk = [0; CHUNK];
                while dst.remaining() > 0 {
                    let want = dst.remaining().min(CHUNK);
                    random.fill(&mut chunk[..want]);
                    match dst.put(&chunk[..want]) {
                        Ok(n) => done += n,
                        Err(e) if done == 0 => return Err(e),
                        Err(_) => break,
                    }
                    if done % CHUNK != 0 {
                        break;
                    }
                }
                // What was handed out must not lie around on the stack.
                chunk.fill(0);
                Ok(done)
            }
        }
    }

    fn write(&self, src: &mut dyn Source, _: OpenFlags) -> Result<usize> {
        match self {
            // Not even looked at: a bad address is no error here, as on Linux.
            MemoryDevice::Null | MemoryDevice::Zero(_) => Ok(src.remaining()),
            MemoryDevice::Full => Err(Errno::ENOSPC),
            MemoryDevice::Random(random) => {
                let mut done = 0;
                let mut chunk = [0; CHUNK];
                while src.remaining() > 0 {
                    let n = match src.take(&mut chunk) {
                        Ok(0) => break,
                        Ok(n) => n,
                        Err(e) if done == 0 => return Err(e),
                        Err(_) => break,
                    };
                    random.mix(&chunk[..n]);
                    done += n;
                }
                Ok(done)
            }
        }
    }

    fn read_at(&self, dst: &mut dyn Sink, _: u64) -> Result<usize> {
        self.read(dst, OpenFlags::empty())
    }

    fn write_at(&self, src: &mut dyn Source, _: u64) -> Result<usize> {
        self.write(src, OpenFlags::empty())
    }

    fn seek(&self, _: SeekFrom) -> Result<u64> {
        Ok(0)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat::default())
    }

    fn map_object(&self) -> Result<Arc<dyn MapObject>> {
        match self {
            // Each mapping of /dev/zero is memory of its own.
            MemoryDevice::Zero(frames) => Ok(Arc::new(AnonObject::new(frames, i64::MAX as u64))),
            _ => Err(Errno::ENODEV),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
