//! Named pipes: what is behind a FIFO's inode (fifo(7)).

use crate::end::{Pipe, PipeEnd};
use alloc::sync::Arc;
#[cfg(feature = "vfs")]
use file::File;
use file::{AccessMode, FileType, OpenFlags, Stat};
use uapi::{Errno, Result};

/// The pipe of one FIFO.
pub struct FifoPipe {
    pipe: Arc<Pipe>,
}

impl Default for FifoPipe {
    fn default() -> Self {
        Self { pipe: Pipe::new() }
    }
}

impl FifoPipe {
    /// open(2) on the FIFO. ENXIO: for writing only, with O_NONBLOCK, and nobody reads. Never waits: without O_NONBLOCK the caller waits
    /// on the end's queue while [`PipeEnd::awaits_peer`], and drops the end when interrupted.
    pub fn open_end(&self, access: AccessMode, flags: OpenFlags) -> Result<Arc<PipeEnd>> {
        if access == AccessMode::None {
            return Err(Errno::EINVAL);
        }
        if access == AccessMode::Write && flags.contains(OpenFlags::NONBLOCK) && !self.pipe.has_readers() {
            return Err(Errno::ENXIO);
        }
        // The inode's own metadata is with the file system, which answers fstat(2) itself.
        let stat = Stat { kind: FileType::Fifo, block_size: 4096, ..Stat::default() };
        Ok(PipeEnd::attach(&self.pipe, access, stat))
    }
}

#[cfg(feature = "vfs")]
impl vfs::Fifo for FifoPipe {
    fn open(&self, access: AccessMode, flags: OpenFlags) -> Result<Arc<dyn File>> {
        Ok(self.open_end(access, flags)?)
    }
}

#[cfg(feature = "vfs")]
/// Gives `vfs` a pipe for each FIFO that is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifos;

#[cfg(feature = "vfs")]
impl vfs::FifoFactory for Fifos {
    fn create(&self) -> Arc<dyn vfs::Fifo> {
        Arc::new(FifoPipe::default())
    }
}
