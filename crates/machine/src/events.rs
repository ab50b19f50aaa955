//! What happened to machines, as one line of JSON each, appended by whoever made it happen. There is no daemon to ask.

use crate::paths;
use crate::state::{MachineRecord, now_ms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Size at which the log is put aside; one older log is kept.
const LOG_LIMIT: u64 = 1 << 20;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// What, in Docker's words: `create`, `start`, `die`, `stop`, `kill`, `pause`, `unpause`, `rename`, `destroy`.
    pub what: String,
    /// The machine's id.
    pub id: String,
    /// Its name at that time.
    pub name: String,
    /// More about it, such as `exitCode`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl Happening {
    /// Something that happens to this machine now.
    #[must_use]
    pub fn now(what: &str, record: &MachineRecord) -> Self {
        let (id, name) = (record.id.clone(), record.name.clone());
        Self { time_ms: now_ms(), what: what.to_owned(), id, name, details: BTreeMap::new() }
    }

    /// With one more detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.details.insert(name.to_owned(), value.to_string());
        self
    }
}

fn log_path(data: &Path) -> PathBuf {
    data.join("events.log")
}

/// Writes it down. Nothing depends on it, so a full disk is nobody's error.
pub fn note(data: &Path, happening: &Happening) {
    let path = log_path(data);
    let Ok(mut line) = serde_json::to_string(happening) else { return };
    line.push('\n');
    if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LOG_LIMIT) {
        let _ = fs::rename(&path, path.with_extension("log.1"));
    }
    let is_new = !path.exists();
    let Ok(mut file) = OpenOptions::new().create(true).append(true).open(&path) else { return };
    if is_new {
        paths::give_to_user(&path);
    }
    // One write: lines of several processes do not mix.
    let _ = file.write_all(line.as_bytes());
}

/// Reads the log as it grows.
#[derive(Debug)]
pub struct EventReader {
    path: PathBuf,
    file: Option<File>,
    rest: Vec<u8>,
}

impl EventReader {
    /// Reads from the beginning of what is kept.
    #[must_use]
    pub fn from_start(data: &Path) -> Self {
        let path = log_path(data);
        let mut reader = Self { file: None, rest: Vec::new(), path };
        if let Ok(mut older) = File::open(reader.path.with_extension("log.1")) {
            // What cannot be read is not there.
            let _ = older.read_to_end(&mut reader.rest);
        }
        reader
    }

    /// Reads what comes from now on.
    #[must_use]
    pub fn from_now(data: &Path) -> Self {
        let path = log_path(data);
        let file = File::open(&path).ok().and_then(|mut file| file.seek(SeekFrom::End(0)).is_ok().then_some(file));
        Self { file, rest: Vec::new(), path }
    }

    /// What has come since the last call.
    ///
    /// # Errors
    /// Those of the file.
    pub fn poll(&mut self) -> io::Result<Vec<Happening>> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            file.read_to_end(&mut self.rest)?;
            // Put aside in the meantime: go on with its successor.
            let (here, there) = (file.metadata()?, fs::metadata(&self.path).ok());
            if there.is_none_or(|there| there.ino() != here.ino()) {
                self.file = File::open(&self.path).ok();
                if let Some(file) = &mut self.file {
                    file.read_to_end(&mut self.rest)?;
                }
            }
        }
        let complete = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..complete).collect();
        Ok(lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_come_and_across_logs() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path();
        let record = MachineRecord { id: "abc".to_owned(), name: "web".to_owned(), ..MachineRecord::new("", "") };
        let mut from_now = EventReader::from_now(data);
        assert_eq!(from_now.poll().unwrap(), []);
        let died = Happening::now("die", &record).with("exitCode", 3);
        note(data, &died);
        assert_eq!(from_now.poll().unwrap(), vec![died.clone()]);
        fs::write(data.join("events.log"), vec![b'\n'; 2 << 20]).unwrap();
        note(data, &died);
        note(data, &died);
        assert_eq!(from_now.poll().unwrap().len(), 2);
        assert_eq!(EventReader::from_start(data).poll().unwrap().len(), 2);
    }
}
