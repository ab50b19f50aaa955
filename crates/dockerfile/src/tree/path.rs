//! Paths inside a root file system, as bytes.

/// Makes a path relative to the root: no leading or trailing slash, no `.`; `..` goes up but never out.
#[must_use]
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// A name in a directory.
#[must_use]
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match (directory, name) {
        (b"", _) => name.to_vec(),
        (_, b"") => directory.to_vec(),
        _ => [directory, b"/", name].concat(),
    }
}

/// What stands before the last slash; the root has no parent.
#[must_use]
pub fn parent(name: &[u8]) -> Option<&[u8]> {
    if name.is_empty() {
        return None;
    }
    Some(name.iter().rposition(|byte| *byte == b'/').and_then(|at| name.get(..at)).unwrap_or_default())
}

/// What stands after the last slash.
#[must_use]
pub fn base(name: &[u8]) -> &[u8] {
    name.iter().rposition(|byte| *byte == b'/').and_then(|at| name.get(at + 1..)).unwrap_or(name)
}

/// Whether a destination says that it is a directory: it ends in a slash, or in `.`.
#[must_use]
pub fn is_directory_form(path: &str) -> bool {
    path.ends_with('/') || path.ends_with("/.") || path == "."
}

/// For messages.
#[must_use]
pub fn show(name: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(name))
}

/// For host paths and errors.
#[must_use]
pub fn absolute(directory: &str, path: &str) -> String {
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    show(&clean(joined.as_bytes()))
}
