//! The documents of this directory.
#![allow(dead_code, reason = "not every test file looks at everything")]

use std::fs;
use std::path::Path;

/// One document.
pub struct Form {
    pub name: String,
    pub text: String,
    /// Line of the file on which it begins, counted from 1.
    pub line: usize,
    /// Whether a schema can tell that it is wrong.
    pub is_visible: bool,
}

/// Documents of a file, each behind its heading.
pub fn forms(file: &str) -> Vec<Form> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forms").join(file)).unwrap();
    let mut out: Vec<Form> = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if let Some(heading) = line.strip_prefix("### ") {
            let (name, is_visible) = heading.trim().strip_suffix(" (schema: no)").map_or((heading.trim(), true), |name| (name, false));
            assert!(!out.iter().any(|form| form.name == name), "{file}: {name} stands there twice");
            out.push(Form { name: name.to_owned(), text: String::new(), line: number + 2, is_visible });
        } else if let Some(last) = out.last_mut() {
            last.text += line;
        }
    }
    out
}
