//! One machine's directory.

use super::error::{StoreError, io_error};
use super::lock::{self, StoreLock};
use crate::paths;
use crate::state::{MachineRecord, Phase, Status};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One machine's directory.
#[derive(Debug)]
pub struct Machine {
    pub(super) directory: PathBuf,
    pub(super) store_lock: PathBuf,
    /// What is known about it.
    pub record: MachineRecord,
    /// Held by the supervisor, or by a command that is about to become or start one.
    pub(super) lock: Option<File>,
}

pub(super) fn write_record(directory: &Path, record: &MachineRecord) -> Result<(), StoreError> {
    let path = directory.join("machine.json");
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(io_error(&path))?;
    let text = serde_json::to_vec_pretty(record).map_err(|source| StoreError::Corrupt { path: path.clone(), source })?;
    file.write_all(&text).map_err(io_error(&path))?;
    paths::give_to_user(file.path());
    file.persist(&path).map_err(|error| io_error(&path)(error.error))?;
    Ok(())
}

pub(super) fn read_record(directory: &Path) -> Result<MachineRecord, StoreError> {
    let path = directory.join("machine.json");
    let bytes = fs::read(&path).map_err(io_error(&path))?;
    serde_json::from_slice(&bytes).map_err(|source| StoreError::Corrupt { path, source })
}

impl Machine {
    /// The directory itself.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A file of this machine.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// Creates or empties one of its files.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create_file(&self, name: &str) -> Result<File, StoreError> {
        let path = self.path(name);
        let file = File::create(&path).map_err(io_error(&path))?;
        paths::give_to_user(&path);
        Ok(file)
    }

    /// Opens one of its files for appending.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn append_file(&self, name: &str) -> Result<File, StoreError> {
        let path = self.path(name);
        let file = fs::OpenOptions::new().create(true).append(true).open(&path).map_err(io_error(&path))?;
        paths::give_to_user(&path);
        Ok(file)
    }

    /// Whether this process holds its lock.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.lock.is_some()
    }

    /// A copy of the lock's descriptor, for the process that takes the machine over.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn lock_copy(&self) -> std::io::Result<Option<File>> {
        self.lock.as_ref().map(File::try_clone).transpose()
    }

    /// Changes the record on disk, and this copy of it. What others changed in the meantime, such as the name, is kept.
    ///
    /// # Errors
    /// Those of the file system; a machine that was removed is not made again.
    pub fn update(&mut self, change: impl FnOnce(&mut MachineRecord)) -> Result<(), StoreError> {
        let _lock = StoreLock::take(&self.store_lock)?;
        let mut record = read_record(&self.directory)?;
        change(&mut record);
        write_record(&self.directory, &record)?;
        self.record = record;
        Ok(())
    }

    /// Reads the record again.
    ///
    /// # Errors
    /// When it is gone or damaged.
    pub fn reload(&mut self) -> Result<(), StoreError> {
        self.record = read_record(&self.directory)?;
        Ok(())
    }

    /// What it is doing, now.
    #[must_use]
    pub fn status(&self) -> Status {
        let live = |phase| match phase {
            Phase::Preparing | Phase::Created => Status::Created,
            Phase::Running => Status::Running,
            Phase::Paused => Status::Paused,
            Phase::Restarting => Status::Restarting,
            Phase::Exited => Status::Exited,
        };
        match self.record.phase {
            phase @ (Phase::Created | Phase::Exited) => live(phase),
            phase if self.is_ours() || lock::is_held(&self.directory) => live(phase),
            // Looked at in this order, a machine that is ready or ends in between is never shown as failed: who has the lock
            // writes `created` or `exited` before letting go of it.
            _ => match read_record(&self.directory) {
                Ok(again) if matches!(again.phase, Phase::Created | Phase::Exited) => live(again.phase),
                _ => Status::Failed,
            },
        }
    }
}
