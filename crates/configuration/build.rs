//! Puts the options of this tree's core, Kconfig files and tables, into the program: `pith menu` and `pith set` need no sources.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn collect(root: &Path, directory: &Path, out: &mut Vec<String>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", directory.display());
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let is_table = relative.starts_with("configs/");
        if path.is_dir() && !["target", "src", "tests"].iter().any(|skipped| path.ends_with(skipped)) {
            collect(root, &path, out)?;
        } else if path.is_file() && (is_table || path.ends_with("Kconfig")) {
            out.push(relative);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../kernel").canonicalize()?;
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    files.sort();
    let mut code = String::from("pub(crate) const FILES: &[(&str, &str)] = &[\n");
    for file in &files {
        let path = root.join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        writeln!(code, "    ({file:?}, include_str!({:?})),", path.display().to_string())?;
    }
    code += "];\n";
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("files.rs"), code)?;
    Ok(())
}
