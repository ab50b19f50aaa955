//! Commands that are killed at a system call of theirs: `strace` delivers SIGKILL at the n-th call of a name.
#![allow(dead_code, reason = "not every test file uses every helper")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Which processes are of interest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Processes {
    /// The command's own, as far as its first thread.
    Own,
    /// Those that it starts, too; they are waited for.
    All,
}

/// A system call of a command.
#[derive(Clone, Debug)]
pub struct Call {
    name: String,
    /// Which one of that name in its process, from 1 on.
    number: usize,
}

/// A command under strace, with the command's own variables alone.
fn traced(plain: &Command, processes: Processes, options: &[&OsStr]) -> Output {
    let mut command = Command::new("strace");
    command.arg("-qq").args((processes == Processes::All).then_some("-f")).args(options).arg(plain.get_program()).args(plain.get_args());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    if let Some(directory) = plain.get_current_dir() {
        command.current_dir(directory);
    }
    command.output().expect("strace is installed (tools/setup.sh test)")
}

/// Runs a command undisturbed, with a list of its system calls in the file `list`.
pub fn calls(plain: &Command, processes: Processes, list: &Path) -> (Output, Vec<Call>) {
    let output = traced(plain, processes, &["-o".as_ref(), list.as_os_str()]);
    let list = fs::read(list).expect("strace's list");
    let text = String::from_utf8_lossy(&list);
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    let calls = text.lines().filter_map(|line| {
        let (process, call) = if processes == Processes::All { line.split_once(' ')? } else { ("", line) };
        let (name, _) = call.trim_start().split_once('(')?;
        // Not the second half of a call, not the end.
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with("exit");
        is_name.then(|| {
            let number = seen.entry((process.to_owned(), name.to_owned())).or_default();
            *number += 1;
            Call { name: name.to_owned(), number: *number }
        })
    });
    (output, calls.collect())
}

/// Runs a command and kills it at `call`, if it gets there.
pub fn killed_at(plain: &Command, processes: Processes, Call { name, number }: &Call) -> Output {
    let (trace, inject) = (format!("trace={name}"), format!("inject={name}:signal=SIGKILL:when={number}"));
    traced(plain, processes, &["-o", "/dev/null", "-e", &trace, "-e", &inject].map(OsStr::new))
}
