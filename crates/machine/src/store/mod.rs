//! The directory of machines.
//!
//! | path | what |
//! |---|---|
//! | `<data>/machines/<id>/` | one machine |
//! | `<data>/names/<name>` | symbolic link to the machine's directory; it counts only if the record says the same name |
//! | `<data>/store.lock` | held while names are given or taken and records change |
//! | `<data>/events.log` | what happened ([`crate::events`]) |
//!
//! | file of a machine | what |
//! |---|---|
//! | `machine.json` | [`MachineRecord`], replaced atomically |
//! | `lock` | locked by the supervisor while it lives |
//! | `output.log`, `error.log` | what the application wrote |
//! | `kernel.log` | the kernel's records |
//! | `vmm.log` | what the monitor itself said |
//! | `initrd.cpio` | the root file system, when it was packed for this machine |
//!
//! A machine is made under a name starting with `.new-` and renamed when complete; one that is removed is renamed to
//! `.old-` first. Both happen under the store's lock, so what has such a name while the lock is free was left by a
//! process that was killed, and is swept. So is a machine whose preparation nobody finishes.

mod error;
mod lock;
mod machine;

pub use error::StoreError;
pub use machine::Machine;

use crate::paths;
use crate::state::{MachineRecord, Phase};
use crate::{cgroup, names};
use error::io_error;
use lock::StoreLock;
use machine::{read_record, write_record};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How a machine is called, and the machine or what is wrong with its record.
pub type Listed = (String, Result<Machine, StoreError>);

/// All machines of a user.
#[derive(Clone, Debug)]
pub struct Store {
    data: PathBuf,
    machines: PathBuf,
    names: PathBuf,
    lock: PathBuf,
}

impl Store {
    /// Opens (and makes) the store in `data`, or in the user's data directory.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn open(data: Option<PathBuf>) -> Result<Self, StoreError> {
        let data = data.or_else(paths::data_dir).ok_or(StoreError::NoHome)?;
        let store = Self { machines: data.join("machines"), names: data.join("names"), lock: data.join("store.lock"), data };
        for directory in [&store.machines, &store.names] {
            paths::create_dir(directory).map_err(io_error(directory))?;
        }
        Ok(store)
    }

    /// The directory for what belongs to no machine, such as caches.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Makes a machine with the given or a random name. The returned handle holds its lock.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::NameTaken`] and those of the file system.
    pub fn create(&self, name: Option<&str>, mut record: MachineRecord) -> Result<Machine, StoreError> {
        if let Some(name) = name.filter(|name| !names::is_valid(name)) {
            return Err(StoreError::BadName(name.to_owned()));
        }
        let no_randomness = |error| io_error(&self.machines)(io::Error::other(error));
        let _lock = StoreLock::take(&self.lock)?;
        self.sweep_locked();
        record.id = loop {
            let id = names::random_id().map_err(no_randomness)?;
            if !self.machines.join(&id).exists() {
                break id;
            }
        };
        record.name = match name {
            Some(name) if self.is_name_taken(name) => return Err(StoreError::NameTaken(name.to_owned())),
            Some(name) => name.to_owned(),
            None => self.free_name().map_err(no_randomness)?,
        };
        let new = self.machines.join(format!(".new-{}", record.id));
        let made = self.fill(&new, &record);
        if made.is_err() {
            // The error says what is wrong; the rest is tidying.
            let _ = fs::remove_dir_all(&new);
        }
        let lock = made?;
        let directory = self.machines.join(&record.id);
        // The name first: a link that leads nowhere is nobody's, a machine without its link would not be found.
        self.point(&record.name, &record.id)?;
        fs::rename(&new, &directory).map_err(io_error(&directory))?;
        Ok(Machine { directory, store_lock: self.lock.clone(), record, lock: Some(lock) })
    }

    /// Makes the directory of a new machine and locks it.
    fn fill(&self, new: &Path, record: &MachineRecord) -> Result<fs::File, StoreError> {
        fs::create_dir(new).map_err(io_error(new))?;
        paths::give_to_user(new);
        drop(lock::open(&new.join("lock"))?);
        let lock = lock::take_machine(new)?.ok_or_else(|| StoreError::Busy(record.name.clone()))?;
        write_record(new, record)?;
        Ok(lock)
    }

    /// Makes `name` lead to the machine, whatever it led to before.
    fn point(&self, name: &str, id: &str) -> Result<(), StoreError> {
        let link = self.names.join(name);
        let temporary = self.names.join(format!(".{id}"));
        let made = match std::os::unix::fs::symlink(Path::new("../machines").join(id), &temporary) {
            // Left by a command that was killed here.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        };
        made.map_err(io_error(&temporary))?;
        paths::give_to_user(&temporary);
        fs::rename(&temporary, &link).map_err(io_error(&link))
    }

    /// The machine that a name leads to, if it says so itself.
    fn by_name(&self, name: &str) -> Option<PathBuf> {
        let target = fs::read_link(self.names.join(name)).ok()?;
        let directory = self.machines.join(target.file_name()?);
        match read_record(&directory) {
            Ok(record) => (record.name == name).then_some(directory),
            // A damaged record cannot contradict.
            Err(_) => directory.is_dir().then_some(directory),
        }
    }

    fn is_name_taken(&self, name: &str) -> bool {
        self.by_name(name).is_some()
    }

    /// A free name in Docker's manner. Twenty collisions mean a store full of machines; a number then makes the difference.
    fn free_name(&self) -> Result<String, getrandom::Error> {
        for attempt in 0_u32.. {
            let drawn = names::random()?;
            let name = if attempt < 20 { drawn } else { format!("{drawn}_{attempt}") };
            if !self.is_name_taken(&name) {
                return Ok(name);
            }
        }
        names::random_id()
    }

    /// The directory of the machine that `word` means: a name, an id, or the only id that begins so.
    fn resolve(&self, word: &str) -> Result<PathBuf, StoreError> {
        if !names::is_valid(word) {
            return Err(StoreError::NotFound(word.to_owned()));
        }
        if let Some(directory) = self.by_name(word) {
            return Ok(directory);
        }
        let directory = self.machines.join(word);
        if directory.is_dir() {
            return Ok(directory);
        }
        if !word.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(StoreError::NotFound(word.to_owned()));
        }
        let mut found = None;
        for item in fs::read_dir(&self.machines).map_err(io_error(&self.machines))?.flatten() {
            if item.file_name().to_string_lossy().starts_with(word) && found.replace(item.path()).is_some() {
                return Err(StoreError::Ambiguous(word.to_owned()));
            }
        }
        found.ok_or_else(|| StoreError::NotFound(word.to_owned()))
    }

    fn open_machine(&self, directory: PathBuf) -> Result<Machine, StoreError> {
        let record = read_record(&directory)?;
        Ok(Machine { directory, store_lock: self.lock.clone(), record, lock: None })
    }

    /// One machine, by name, id or the beginning of its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Ambiguous`], [`StoreError::Corrupt`].
    pub fn get(&self, word: &str) -> Result<Machine, StoreError> {
        self.open_machine(self.resolve(word)?)
    }

    /// The same with its lock: nobody else starts, supervises or removes it now.
    ///
    /// # Errors
    /// Those of [`Store::get`], and [`StoreError::Busy`].
    pub fn get_locked(&self, word: &str) -> Result<Machine, StoreError> {
        let directory = self.resolve(word)?;
        let lock = lock::take_machine(&directory)?.ok_or_else(|| StoreError::Busy(word.to_owned()))?;
        Ok(Machine { lock: Some(lock), ..self.open_machine(directory)? })
    }

    /// Takes over a machine whose lock was handed to this process as `lock`.
    ///
    /// # Errors
    /// Those of [`Store::get`].
    pub fn take_over(&self, id: &str, lock: fs::File) -> Result<Machine, StoreError> {
        Ok(Machine { lock: Some(lock), ..self.open_machine(self.resolve(id)?)? })
    }

    /// All machines, oldest first. A damaged one comes as its error, with its id.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn list(&self) -> Result<Vec<Listed>, StoreError> {
        self.sweep();
        let mut found = Vec::new();
        for item in fs::read_dir(&self.machines).map_err(io_error(&self.machines))? {
            let item = item.map_err(io_error(&self.machines))?;
            let id = item.file_name().to_string_lossy().into_owned();
            if !names::is_valid(&id) {
                continue;
            }
            match self.open_machine(item.path()) {
                Ok(machine) => found.push((machine.record.name.clone(), Ok(machine))),
                // Removed since the directory was read.
                Err(_) if !item.path().is_dir() => {}
                Err(error) => found.push((id, Err(error))),
            }
        }
        found.sort_by_key(|(name, machine)| (machine.as_ref().map_or(0, |m| m.record.created_ms), name.clone()));
        Ok(found)
    }

    /// Gives a machine another name.
    ///
    /// # Errors
    /// [`StoreError::BadName`], [`StoreError::NameTaken`] and those of [`Store::get`].
    pub fn rename(&self, word: &str, name: &str) -> Result<(), StoreError> {
        if !names::is_valid(name) {
            return Err(StoreError::BadName(name.to_owned()));
        }
        let _lock = StoreLock::take(&self.lock)?;
        let mut machine = self.get(word)?;
        if machine.record.name == name {
            return Ok(());
        }
        if self.is_name_taken(name) {
            return Err(StoreError::NameTaken(name.to_owned()));
        }
        let old = std::mem::replace(&mut machine.record.name, name.to_owned());
        // Until the record says so, the new link does not count; from then on the old one does not.
        self.point(name, &machine.record.id)?;
        write_record(&machine.directory, &machine.record)?;
        let _ = fs::remove_file(self.names.join(old));
        Ok(())
    }

    /// Removes what killed commands left.
    fn sweep(&self) {
        let (mut machines, mut has_leftover) = (0, false);
        for item in fs::read_dir(&self.machines).into_iter().flatten().flatten() {
            let name = item.file_name();
            let name = name.to_string_lossy();
            machines += 1;
            has_leftover |= name.starts_with(".new-") || name.starts_with(".old-") || is_abandoned(&item.path());
        }
        let names = fs::read_dir(&self.names).into_iter().flatten().count();
        if (has_leftover || names != machines)
            && let Ok(_lock) = StoreLock::take(&self.lock)
        {
            self.sweep_locked();
        }
    }

    fn sweep_locked(&self) {
        for item in fs::read_dir(&self.machines).into_iter().flatten().flatten() {
            let name = item.file_name();
            let name = name.to_string_lossy();
            // Best effort: what cannot be removed now is tried again next time.
            if name.starts_with(".new-") || name.starts_with(".old-") {
                let _ = fs::remove_dir_all(item.path());
            } else if is_abandoned(&item.path())
                && let Ok(machine) = self.open_machine(item.path())
            {
                let _ = self.bury(&machine.record, &machine.directory);
                let _ = fs::remove_dir_all(self.machines.join(format!(".old-{}", machine.record.id)));
            }
        }
        for link in fs::read_dir(&self.names).into_iter().flatten().flatten() {
            let name = link.file_name();
            // A damaged machine cannot say what it is called, so its links stay.
            if self.by_name(&name.to_string_lossy()).is_none() {
                let _ = fs::remove_file(link.path());
            }
        }
    }

    /// Removes a machine that does not run.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::StillRunning`], those of the file system.
    pub fn remove(&self, word: &str) -> Result<(), StoreError> {
        let directory = self.resolve(word)?;
        // A damaged machine may lack even its lock.
        let held = match directory.join("lock").exists() {
            true => Some(lock::take_machine(&directory)?.ok_or_else(|| StoreError::StillRunning(word.to_owned()))?),
            false => None,
        };
        let record = read_record(&directory).unwrap_or_else(|_| {
            let id = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
            MachineRecord { id, ..MachineRecord::new("", "") }
        });
        self.discard(&record, &directory)?;
        drop(held);
        Ok(())
    }

    /// Removes the machine whose lock this process holds.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove_own(&self, machine: Machine) -> Result<(), StoreError> {
        self.discard(&machine.record, &machine.directory)
    }

    fn discard(&self, record: &MachineRecord, directory: &Path) -> Result<(), StoreError> {
        let old = {
            let _lock = StoreLock::take(&self.lock)?;
            self.bury(record, directory)?
        };
        match fs::remove_dir_all(&old) {
            // Someone swept it at the same time.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&old)(error)),
            _ => Ok(()),
        }
    }

    /// Takes a machine out of sight: from here on nobody sees half of it.
    fn bury(&self, record: &MachineRecord, directory: &Path) -> Result<PathBuf, StoreError> {
        if let Some(cgroup) = &record.cgroup {
            // Gone already when its supervisor could clean up. What stays in there against all expectation keeps no machine from being removed.
            let _ = cgroup::remove(cgroup);
        }
        let old = self.machines.join(format!(".old-{}", record.id));
        match fs::rename(directory, &old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::NotFound(record.name.clone())),
            other => other.map_err(io_error(directory))?,
        }
        for link in fs::read_dir(&self.names).into_iter().flatten().flatten() {
            let leads_here = fs::read_link(link.path()).is_ok_and(|target| target.file_name().is_some_and(|id| *id == *record.id));
            if leads_here {
                let _ = fs::remove_file(link.path());
            }
        }
        Ok(old)
    }
}

/// Whether the machine's preparation was given up: the process that made it is gone.
fn is_abandoned(directory: &Path) -> bool {
    matches!(read_record(directory), Ok(record) if record.phase == Phase::Preparing)
        && !lock::is_held(directory)
        && matches!(read_record(directory), Ok(record) if record.phase == Phase::Preparing)
}
