//! The place where a kernel is compiled: a copy of the core in which everything lies below one directory.
//!
//! What cargo makes of a crate outside its workspace depends on where that lies on this machine, and so would the image. In the copy `pith-abi`, which
//! host and kernel share, is inside.

use crate::application::Application;
use crate::configuration::Configuration;
use crate::core::Core;
use crate::error::{BuildError, Result};
use crate::tree;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where an application lies in the copy.
pub(crate) const APPLICATION: &str = "application";

/// How the kernel's workspace names `pith-abi`, and how the copy does.
const OUTSIDE: &str = "path = \"../crates/pith-abi\"";
const INSIDE: &str = "path = \"pith-abi\"";

/// A place to compile in; whoever has it holds its lock.
#[derive(Debug)]
pub struct Stage {
    sources: PathBuf,
    target: PathBuf,
    config: PathBuf,
}

impl Stage {
    /// Copies what has changed in the core since the last time, and writes the constants.
    ///
    /// # Errors
    /// Those of the file system; a core whose manifest is not as expected.
    pub fn new(core: &Core, configuration: &Configuration, directory: &Path) -> Result<Self> {
        let stage = Self { sources: directory.join("src"), target: directory.join("target"), config: directory.join("config.rs") };
        let mut kept = BTreeSet::new();
        for file in tree::files(core.root()).map_err(BuildError::at(core.root()))? {
            let from = core.root().join(&file);
            let mut content = fs::read(&from).map_err(BuildError::at(&from))?;
            let Some(to) = file.strip_prefix("kernel").ok().or_else(|| file.strip_prefix("crates").ok()) else { continue };
            if to == Path::new("Cargo.toml") {
                content = edited(
                    &from,
                    &content,
                    |text| text.contains(OUTSIDE).then(|| text.replace(OUTSIDE, INSIDE)),
                    "no line with `path = \"../crates/pith-abi\"`",
                )?;
            } else if to == Path::new("pith-abi/Cargo.toml") {
                // What its tests need is not in the kernel's lock file.
                content = edited(&from, &content, |text| Some(without(text, &["[[test]]", "[dev-dependencies]"])), "not UTF-8")?;
            } else if to.file_name().is_some_and(|name| name == "Cargo.toml") {
                content = edited(&from, &content, |text| Some(without(text, &["[[test]]"])), "not UTF-8")?;
            }
            put(&stage.sources.join(to), &content)?;
            kept.insert(to.to_owned());
        }
        if let Some(application) = &configuration.application {
            stage.add(application, &mut kept)?;
        }
        remove_others(&stage.sources, Path::new(""), &kept)?;
        put(&stage.config, configuration.source().as_bytes())?;
        Ok(stage)
    }

    /// Makes an application a member of the workspace, which has `pith-app` with the features that are asked for and no others.
    fn add(&self, application: &Application, kept: &mut BTreeSet<PathBuf>) -> Result<()> {
        let manifest = self.sources.join("Cargo.toml");
        let joins = |text: &str| {
            let joined = text.replacen("members = [", &format!("members = [\"{APPLICATION}\", "), 1);
            (joined != text).then(|| format!("{joined}\n[patch.crates-io]\npith-app = {{ path = \"lib/app\" }}\n"))
        };
        self.edit(&manifest, joins, "no line with `members = [`")?;
        self.edit(&self.sources.join("Cargo.lock"), |text| Some(application.locked(text)), "not UTF-8")?;
        let own_features = |text: &str| {
            let line = text.lines().find(|line| line.starts_with("default = ["))?;
            Some(text.replacen(line, "default = [\"machine\"]", 1))
        };
        self.edit(&self.sources.join("lib/app/Cargo.toml"), own_features, "no line with `default = [`")?;
        for file in &application.files {
            let from = application.root.join(file);
            let mut content = fs::read(&from).map_err(BuildError::at(&from))?;
            if file == Path::new("Cargo.toml") {
                // Those of the workspace count.
                let sections = ["[workspace", "[profile", "[patch", "[[test]]", "[dev-dependencies"];
                content = edited(&from, &content, |text| Some(without(text, &sections)), "not UTF-8")?;
            }
            let to = Path::new(APPLICATION).join(file);
            put(&self.sources.join(&to), &content)?;
            kept.insert(to);
        }
        Ok(())
    }

    fn edit(&self, path: &Path, edit: impl Fn(&str) -> Option<String>, problem: &str) -> Result<()> {
        let content = fs::read(path).map_err(BuildError::at(path))?;
        put(path, &edited(path, &content, edit, problem)?)
    }

    /// The copy: the kernel's workspace.
    pub fn sources(&self) -> &Path {
        &self.sources
    }

    /// Where cargo puts what it makes.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The file with constants.
    pub fn config(&self) -> &Path {
        &self.config
    }
}

fn edited(path: &Path, content: &[u8], edit: impl Fn(&str) -> Option<String>, problem: &str) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(content).ok().and_then(edit);
    let wrong = || BuildError::BadImage { path: path.to_owned(), problem: problem.to_owned() };
    Ok(text.ok_or_else(wrong)?.into_bytes())
}

/// A manifest without these sections: no tests are copied.
fn without(manifest: &str, sections: &[&str]) -> String {
    let mut is_dropped = false;
    let kept = manifest.split_inclusive('\n').filter(|line| {
        if line.starts_with('[') {
            is_dropped = sections.iter().any(|section| line.starts_with(section));
        }
        !is_dropped
    });
    kept.collect()
}

/// Writes a file unless that is what it holds: cargo compiles again what was written to.
fn put(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(BuildError::at(parent))?;
    }
    fs::write(path, content).map_err(BuildError::at(path))
}

/// Removes files that are not in the core any more.
fn remove_others(root: &Path, directory: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    let here = root.join(directory);
    for entry in fs::read_dir(&here).map_err(BuildError::at(&here))? {
        let entry = entry.map_err(BuildError::at(&here))?;
        let path = directory.join(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_others(root, &path, kept)?;
            // Goes when nothing is left in it.
            let _ = fs::remove_dir(entry.path());
        } else if !kept.contains(&path) {
            fs::remove_file(entry.path()).map_err(BuildError::at(&entry.path()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_loses_what_its_tests_need() {
        let manifest = "[package]\nname = \"a\"\n\n[dev-dependencies]\nproptest = \"1\"\n\n[lints]\nworkspace = true\n";
        assert_eq!(without(manifest, &["[dev-dependencies]"]), "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n");
    }
}
