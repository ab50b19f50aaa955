//! `#!` lines (execve(2), "Interpreter scripts").

use alloc::vec::Vec;

/// How much of a file's start is looked at; the line may be one byte shorter.
pub const SCRIPT_BYTES: usize = 256;

/// What a `#!` line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Path of the program that runs the script.
    pub interpreter: Vec<u8>,
    /// Everything behind it on the line, as one argument.
    pub argument: Option<Vec<u8>>,
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|b| !is_blank(b)).unwrap_or(line.len());
    let end = line.iter().rposition(|b| !is_blank(b)).map_or(start, |at| at + 1);
    &line[start..end]
}

impl Script {
    /// Whether a file that starts with `start` is a script at all.
    pub fn is_script(start: &[u8]) -> bool {
        start.starts_with(b"#!")
    }

    /// Reads the line from a file's first [`SCRIPT_BYTES`] (or all of it, when shorter). `None` where Linux answers ENOEXEC: no `#!`, no
    /// interpreter, or one whose path is cut off by the limit. An argument is cut silently, as there.
    pub fn parse(start: &[u8]) -> Option<Script> {
        let text = start.get(..start.len().min(SCRIPT_BYTES))?.strip_prefix(b"#!")?;
        let end = text.iter().position(|b| matches!(b, b'\n' | 0));
        let whole = end.is_some() || start.len() < SCRIPT_BYTES;
        let text = &text[..end.unwrap_or(text.len().min(SCRIPT_BYTES - 3))];
        let start = text.iter().position(|b| !is_blank(b))?;
        let text = &text[start..];
        let split = text.iter().position(is_blank);
        if split.is_none() && !whole {
            return None;
        }
        let (interpreter, rest) = text.split_at(split.unwrap_or(text.len()));
        let argument = trim(rest);
        Some(Script { interpreter: interpreter.to_vec(), argument: (!argument.is_empty()).then(|| argument.to_vec()) })
    }
}
