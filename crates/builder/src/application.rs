//! A Rust program that becomes part of the kernel itself: a Cargo project that depends on `pith-app`, compiled together with the core's crates.
//!
//! Its sources are copied into the stage, as a member of the kernel's workspace: then what cargo makes of them does not depend on where the project lies, and the
//! image is the same everywhere.

use crate::error::{BuildError, Result};
use crate::toolchain::Toolchain;
use crate::tree;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crate that makes a Cargo project an application of this kind.
pub const LIBRARY: &str = "pith-app";

/// Features of [`LIBRARY`] that are options of the kernel.
pub const FEATURES: [&str; 10] =
    ["agent", "chunks", "erofs", "huge-pages", "initrd", "messages", "net", "panic-text", "small-code", "writable-files"];

/// Directories of a project that no program is made of.
const SKIPPED: [&str; 2] = ["target", "rootfs"];

/// Whether the Cargo project in `directory` is one: its dependencies name [`LIBRARY`].
#[must_use]
pub fn is_application(directory: &Path) -> bool {
    let text = fs::read_to_string(directory.join("Cargo.toml")).unwrap_or_default();
    let mut is_dependency = false;
    text.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            is_dependency = line == "[dependencies]";
            return line == "[dependencies.pith-app]";
        }
        is_dependency && line.strip_prefix(LIBRARY).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
    })
}

/// One that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its directory.
    pub(crate) root: PathBuf,
    /// Its files, below that.
    pub(crate) files: Vec<PathBuf>,
    /// SHA-256 over them.
    pub(crate) digest: String,
    /// Its package.
    pub(crate) package: String,
    /// Its program.
    pub(crate) program: String,
    /// Names of crates that it wants from crates.io, besides [`LIBRARY`].
    wanted: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    source: Option<String>,
    kind: Option<String>,
}

impl Application {
    /// Reads the project in `directory`.
    ///
    /// # Errors
    /// Those of the file system; what cargo says of its manifest; no program, or several.
    pub fn read(directory: &Path, toolchain: &Toolchain) -> Result<Self> {
        let root = fs::canonicalize(directory).map_err(BuildError::at(directory))?;
        let manifest = root.join("Cargo.toml");
        let wrong = |problem: String| BuildError::Application { path: manifest.clone(), problem };
        let mut cargo = Command::new(&toolchain.cargo);
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path"]).arg(&manifest).current_dir(&root);
        let output = cargo.output().map_err(|error| wrong(error.to_string()))?;
        if !output.status.success() {
            return Err(wrong(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| wrong(error.to_string()))?;
        let package = metadata.packages.into_iter().find(|package| package.manifest_path == manifest);
        let package = package.ok_or_else(|| wrong("it has no [package]".to_owned()))?;
        let programs: Vec<&Target> = package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bin")).collect();
        let [program] = programs.as_slice() else {
            return Err(wrong(format!("{} programs; expected one", programs.len())));
        };
        let program = program.name.clone();
        let is_wanted = |dependency: &Dependency| {
            dependency.source.is_some() && dependency.name != LIBRARY && dependency.kind.as_deref() != Some("dev")
        };
        let wanted = package.dependencies.into_iter().filter(is_wanted).map(|dependency| dependency.name).collect();
        let mut files = Vec::new();
        walk(&root, Path::new(""), &mut files).map_err(BuildError::at(&root))?;
        files.sort();
        let digest = tree::digest(&root, &files).map_err(BuildError::at(&root))?;
        Ok(Self { root, files, digest, package: package.name, program, wanted })
    }

    /// The project's lock file, empty when there is none.
    fn lock(&self) -> String {
        fs::read_to_string(self.root.join("Cargo.lock")).unwrap_or_default()
    }

    /// Whether all that it needs is among the crates that `kernel`, a lock file, names: then nothing is fetched.
    pub(crate) fn needs_only(&self, kernel: &str) -> bool {
        let has = |name: &str| kernel.lines().any(|line| line == format!("name = \"{name}\""));
        self.wanted.iter().all(|name| has(name)) && packages(&self.lock()).all(|package| is_in(kernel, package))
    }

    /// `kernel`, a lock file, with what the project's own locks besides.
    pub(crate) fn locked(&self, kernel: &str) -> String {
        let lock = self.lock();
        let more: Vec<&str> = packages(&lock).filter(|package| !is_in(kernel, package)).collect();
        let mut all = kernel.trim_end().to_owned();
        all.push('\n');
        for package in more {
            all.push_str("\n[[package]]\n");
            all.push_str(package.trim());
            all.push('\n');
        }
        all
    }
}

/// The packages of a lock file that come from a registry, each as its lines.
fn packages(lock: &str) -> impl Iterator<Item = &str> {
    let entry = |text| <str>::split_once(text, "\n[").map_or(text, |(entry, _)| entry);
    lock.split("[[package]]\n").skip(1).map(entry).filter(|package| package.contains("\nsource = \"registry+"))
}

/// Whether a lock file has this package, in this version.
fn is_in(lock: &str, package: &str) -> bool {
    let head: Vec<&str> = package.lines().take(2).collect();
    packages(lock).any(|other| other.lines().take(2).eq(head.iter().copied()))
}

fn walk(root: &Path, directory: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(root.join(directory))? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let text = name.to_string_lossy();
        if text.starts_with('.') {
            continue;
        }
        let path = directory.join(&name);
        if kind.is_dir() && !SKIPPED.contains(&text.as_ref()) {
            walk(root, &path, found)?;
        } else if kind.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_makes_a_project_an_application() {
        let directory = tempfile::tempdir().unwrap();
        let is_one = |text: &str| {
            fs::write(directory.path().join("Cargo.toml"), text).unwrap();
            is_application(directory.path())
        };
        assert!(is_one("[package]\nname = \"a\"\n\n[dependencies]\npith-app = \"0.1\"\n"));
        assert!(is_one("[dependencies]\npith-app.version = \"0.1\"\n"));
        assert!(is_one("[dependencies.pith-app]\nversion = \"0.1\"\n"));
        assert!(!is_one("[package]\nname = \"a\"\n\n[dependencies]\npith-application = \"0.1\"\n"));
        assert!(!is_one("[dev-dependencies]\npith-app = \"0.1\"\n"));
    }

    #[test]
    fn lock_files_are_joined() {
        let entry = |name: &str, version: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry+x\"\nchecksum = \"0\"\n\n")
        };
        let kernel = format!("version = 4\n\n{}{}", entry("bitflags", "2.1.0"), "[[package]]\nname = \"net\"\nversion = \"0.1.0\"\n");
        let own = format!(
            "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\n\n{}{}",
            entry("bitflags", "2.1.0"),
            entry("itoa", "1.0.0")
        );
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("Cargo.lock"), own).unwrap();
        let application = Application {
            root: directory.path().to_owned(),
            files: Vec::new(),
            digest: String::new(),
            package: "a".to_owned(),
            program: "a".to_owned(),
            wanted: vec!["bitflags".to_owned()],
        };
        assert!(!application.needs_only(&kernel));
        let joined = application.locked(&kernel);
        assert_eq!(joined.matches("name = \"bitflags\"").count(), 1);
        assert!(joined.contains("name = \"itoa\"") && !joined.contains("name = \"a\""));
        assert!(application.needs_only(&joined));
    }
}
