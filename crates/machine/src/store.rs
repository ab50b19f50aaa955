//! The directory of machines: `<data>/machines/<name>/`.
//!
//! | file | what |
//! |---|---|
//! | `machine.json` | [`MachineRecord`], replaced atomically |
//! | `lock` | locked by the supervisor while it lives |
//! | `output.log`, `output.index` | what the application wrote, and when ([`logs`](crate::logs)) |
//! | `control.sock` | where the supervisor takes requests while the machine runs ([`control`](crate::control)) |
//! | `kernel.log` | the kernel's records |
//! | `vmm.log` | what the monitor itself said |
//! | `initrd.cpio` | the root file system, when it was packed for this machine |
//!
//! A machine is made under a name starting with `.new-` and renamed when complete, so an interrupted start leaves nothing
//! that looks like a machine; such leftovers are swept.

use crate::names;
use crate::paths;
use crate::state::{MachineRecord, Phase, Status};
use rustix::fs::FlockOperation;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How old a half-made directory must be to be swept.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);

/// What can go wrong with stored machines.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No place to keep machines.
    #[error("no home directory: set PITH_DATA_DIR")]
    NoHome,
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The name cannot be used.
    #[error("{0:?} is no machine name: letters, digits, '_', '.' and '-', at most 63")]
    BadName(String),
    /// The name is taken.
    #[error("there is already a machine named {0:?}")]
    NameTaken(String),
    /// No such machine.
    #[error("no machine is named {0:?}")]
    NotFound(String),
    /// It runs.
    #[error("{0:?} is running: stop it first, or use `pith rm -f`")]
    StillRunning(String),
    /// `machine.json` cannot be read.
    #[error("{}: {source}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |source| StoreError::Io { path: path.to_owned(), source }
}

/// A machine's name, and the machine or what is wrong with its record.
pub type Listed = (String, Result<Machine, StoreError>);

/// All machines of a user.
#[derive(Clone, Debug)]
pub struct Store {
    data: PathBuf,
    machines: PathBuf,
}

impl Store {
    /// Opens (and makes) the store in `data`, or in the user's data directory.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn open(data: Option<PathBuf>) -> Result<Self, StoreError> {
        let data = data.or_else(paths::data_dir).ok_or(StoreError::NoHome)?;
        let machines = data.join("machines");
        paths::create_dir(&machines).map_err(io_error(&machines))?;
        Ok(Self { data, machines })
    }

    /// The directory for what belongs to no machine, such as caches.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Makes a machine with the given or a random name. The returned handle holds its lock: this process is the
    /// supervisor.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::NameTaken`] and those of the file system.
    pub fn create(&self, name: Option<&str>, mut record: MachineRecord) -> Result<Machine, StoreError> {
        if let Some(name) = name.filter(|name| !names::is_valid(name)) {
            return Err(StoreError::BadName(name.to_owned()));
        }
        self.sweep();
        let new = tempfile::Builder::new().prefix(".new-").tempdir_in(&self.machines).map_err(io_error(&self.machines))?;
        paths::give_to_user(new.path());
        let lock_path = new.path().join("lock");
        let lock = OpenOptions::new().create(true).append(true).open(&lock_path).map_err(io_error(&lock_path))?;
        paths::give_to_user(&lock_path);
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| io_error(&lock_path)(error.into()))?;
        // Twenty collisions in a thousand names mean a store full of machines; a number then makes the difference.
        for attempt in 0..40_u32 {
            record.name = match name {
                Some(name) => name.to_owned(),
                None => {
                    let drawn = names::random().map_err(|error| io_error(&self.machines)(io::Error::other(error)))?;
                    if attempt < 20 { drawn } else { format!("{drawn}_{attempt}") }
                }
            };
            write_record(new.path(), &record)?;
            let directory = self.machines.join(&record.name);
            // An empty directory of that name would be replaced; a machine's is never empty.
            match fs::rename(new.path(), &directory) {
                Ok(()) => {
                    // Its path is gone, so there is nothing to clean up.
                    let _ = new.keep();
                    return Ok(Machine { directory, record, lock: Some(lock) });
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
                    if let Some(name) = name {
                        return Err(StoreError::NameTaken(name.to_owned()));
                    }
                }
                Err(error) => return Err(io_error(&directory)(error)),
            }
        }
        Err(StoreError::NameTaken("(every random name)".to_owned()))
    }

    /// One machine.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Corrupt`].
    pub fn get(&self, name: &str) -> Result<Machine, StoreError> {
        let directory = self.machines.join(name);
        if !names::is_valid(name) || !directory.is_dir() {
            return Err(StoreError::NotFound(name.to_owned()));
        }
        Machine::read(directory)
    }

    /// All machines, oldest first. A damaged one comes as its error, with its name.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.sweep();
        let mut found = Vec::new();
        for item in fs::read_dir(&self.machines).map_err(io_error(&self.machines))? {
            let item = item.map_err(io_error(&self.machines))?;
            let name = item.file_name().to_string_lossy().into_owned();
            if names::is_valid(&name) && item.path().is_dir() {
                found.push((name, Machine::read(item.path())));
            }
        }
        found.sort_by_key(|(name, machine)| (machine.as_ref().map_or(0, |m| m.record.created_ms), name.clone()));
        Ok(found)
    }

    /// Removes what interrupted starts and removals left.
    fn sweep(&self) {
        for item in fs::read_dir(&self.machines).into_iter().flatten().flatten() {
            let name = item.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with(".new-") && !name.starts_with(".old-") {
                continue;
            }
            let modified = item.metadata().and_then(|metadata| metadata.modified());
            let is_old = modified.is_ok_and(|time| SystemTime::now().duration_since(time).unwrap_or_default() > LEFTOVER_AGE);
            if is_old && !is_locked(&item.path()) {
                // Best effort: what cannot be removed now is tried again next time.
                let _ = fs::remove_dir_all(item.path());
            }
        }
    }

    /// Removes a machine that does not run.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::StillRunning`], those of the file system.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let directory = self.machines.join(name);
        if !names::is_valid(name) || !directory.is_dir() {
            return Err(StoreError::NotFound(name.to_owned()));
        }
        if is_locked(&directory) {
            return Err(StoreError::StillRunning(name.to_owned()));
        }
        self.remove_directory(name, &directory)
    }

    /// Removes the machine whose supervisor this is.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove_own(&self, machine: Machine) -> Result<(), StoreError> {
        self.remove_directory(&machine.record.name, &machine.directory)
    }

    fn remove_directory(&self, name: &str, directory: &Path) -> Result<(), StoreError> {
        // Renamed first: from here on nobody sees half a machine.
        let old = self.machines.join(format!(".old-{name}-{}", std::process::id()));
        fs::rename(directory, &old).map_err(io_error(directory))?;
        fs::remove_dir_all(&old).map_err(io_error(&old))
    }
}

/// Whether some process holds the machine's lock.
fn is_locked(directory: &Path) -> bool {
    let Ok(file) = File::open(directory.join("lock")) else { return false };
    matches!(rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK))
}

fn write_record(directory: &Path, record: &MachineRecord) -> Result<(), StoreError> {
    let path = directory.join("machine.json");
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(io_error(&path))?;
    let text = serde_json::to_vec_pretty(record).map_err(|source| StoreError::Corrupt { path: path.clone(), source })?;
    file.write_all(&text).map_err(io_error(&path))?;
    paths::give_to_user(file.path());
    file.persist(&path).map_err(|error| io_error(&path)(error.error))?;
    Ok(())
}

/// One machine's directory.
#[derive(Debug)]
pub struct Machine {
    directory: PathBuf,
    /// What is known about it.
    pub record: MachineRecord,
    /// Held by the supervisor only.
    lock: Option<File>,
}

impl Machine {
    fn read(directory: PathBuf) -> Result<Self, StoreError> {
        let path = directory.join("machine.json");
        let bytes = fs::read(&path).map_err(io_error(&path))?;
        let record = serde_json::from_slice(&bytes).map_err(|source| StoreError::Corrupt { path, source })?;
        Ok(Self { directory, record, lock: None })
    }

    /// Where its files are.
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

    /// Whether this process is its supervisor.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.lock.is_some()
    }

    /// Writes the record down.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn save(&self) -> Result<(), StoreError> {
        write_record(&self.directory, &self.record)
    }

    /// What it is doing, now.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.record.phase {
            Phase::Exited => Status::Exited,
            // Looked at in this order, a machine that ends in between is never shown as failed for long: its supervisor
            // writes `exited` before it lets go of the lock.
            _ if self.is_ours() || is_locked(&self.directory) => match self.record.phase {
                Phase::Created => Status::Created,
                _ => Status::Running,
            },
            _ => match Self::read(self.directory.clone()) {
                Ok(again) if again.record.phase == Phase::Exited => Status::Exited,
                _ => Status::Failed,
            },
        }
    }
}
