//! What a build made, for people and for programs.

use crate::cli::{LogType, Output};
use crate::error::Result;
use crate::listing::{Listing, bytes};
use crate::report::Report;
use crate::settings::Settings;
use serde_json::json;
use std::path::{Path, PathBuf};

/// A file that a build made.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// What it is: `program`, `kernel`, `debug`, `symbols`, `initramfs`.
    pub what: &'static str,
    /// What it is for: a target, or nothing when for all of them.
    pub target: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
}

/// Shows them: as a tree, or in the form that programs want.
///
/// # Errors
/// A path that JSON cannot express.
pub fn show(artifacts: &[Artifact], output: Output, settings: &Settings, report: &Report) -> Result<()> {
    if output == Output::Table && settings.log_type() != LogType::Json {
        if report.shows(crate::cli::LogLevel::Info) {
            print!("{}", tree(artifacts, std::env::current_dir().unwrap_or_default().as_path()));
        }
        return Ok(());
    }
    let mut listing = Listing::new(&["ARTIFACT", "TARGET", "SIZE", "PATH"]);
    for Artifact { what, target, path, size } in artifacts {
        let row = vec![(*what).to_owned(), target.clone(), size.to_string(), path.display().to_string()];
        listing.push(row, json!({ "artifact": what, "target": target, "size": size, "path": path.display().to_string() }));
    }
    print!("{}", listing.show(if output == Output::Table { Output::Json } else { output })?);
    Ok(())
}

/// Paths below `here` are shown from there.
fn tree(artifacts: &[Artifact], here: &Path) -> String {
    let mut out = "Build completed successfully!\n".to_owned();
    for (at, artifact) in artifacts.iter().enumerate() {
        let path = artifact.path.strip_prefix(here).unwrap_or(&artifact.path);
        let branch = if at + 1 == artifacts.len() { "└──" } else { "├──" };
        out += &format!("{branch} {}: {} ({})\n", artifact.what, path.display(), bytes(artifact.size));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_what_was_made() {
        let artifact = |what, path: &str, size| Artifact { what, target: String::new(), path: PathBuf::from(path), size };
        let shown = tree(&[artifact("kernel", "/here/a/k", 2048), artifact("initramfs", "a/i.cpio", 10)], Path::new("/here"));
        assert_eq!(shown, "Build completed successfully!\n├── kernel: a/k (2.0 KiB)\n└── initramfs: a/i.cpio (10 B)\n");
    }
}
