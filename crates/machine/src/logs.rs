//! Reading a machine's logs, and following them while it runs.

use crate::state::Status;
use crate::store::{Machine, Store, StoreError};
use std::fs::File;
use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

/// How often a followed log is looked at.
const STEP: Duration = Duration::from_millis(50);

/// Whether to stay until the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// What is there now.
    No,
    /// Until the machine ends.
    Yes,
}

/// Copies the application's output and errors to `out` and `err`.
///
/// # Errors
/// Those of the files and of the outputs.
pub fn copy(store: &Store, machine: &Machine, follow: Follow, out: &mut impl Write, err: &mut impl Write) -> Result<(), StoreError> {
    let open = |name: &str| match File::open(machine.path(name)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Io { path: machine.path(name), source }),
    };
    let (mut output, mut errors) = (open("output.log")?, open("error.log")?);
    let failed = |source| StoreError::Io { path: machine.path("output.log"), source };
    loop {
        // Asked before reading: what was written before the end is then read for certain.
        let goes_on = follow == Follow::Yes
            && store.get(&machine.record.name).is_ok_and(|now| matches!(now.status(), Status::Running | Status::Created));
        drain(&mut output, out).and_then(|()| drain(&mut errors, err)).map_err(failed)?;
        if !goes_on {
            return Ok(());
        }
        thread::sleep(STEP);
    }
}

fn drain(from: &mut Option<File>, to: &mut impl Write) -> io::Result<()> {
    let Some(file) = from else { return Ok(()) };
    let mut buffer = [0; 65536];
    loop {
        let got = file.read(&mut buffer)?;
        if got == 0 {
            return to.flush();
        }
        to.write_all(buffer.get(..got).unwrap_or_default())?;
    }
}
