//! What a kernel was put together from.

use crate::error::{BuildError, Result};
use crate::stage::APPLICATION;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One crate in a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, PartialOrd, Ord)]
pub struct Library {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as an SPDX expression.
    pub license: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a library comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Pith's own.
    Pith,
    /// The application's, which is compiled together with the kernel.
    Application,
    /// crates.io.
    Registry,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    #[serde(default)]
    manifest_path: PathBuf,
}

/// The libraries with these of cargo's package ids, sorted by name. `cargo` is ready to be given a subcommand, and runs in `directory`, the stage.
pub(crate) fn of(ids: &[String], mut cargo: Command, directory: &Path) -> Result<Vec<Library>> {
    let broken = |problem: String| BuildError::BrokenProgram { program: "cargo metadata".to_owned(), problem };
    let output = cargo.args(["metadata", "--format-version=1", "--locked"]).current_dir(directory).output();
    let output = output.map_err(|error| broken(error.to_string()))?;
    if !output.status.success() {
        return Err(broken(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| broken(error.to_string()))?;
    let application = directory.join(APPLICATION);
    let library = |package: Package| Library {
        origin: match package.source {
            Some(_) => Origin::Registry,
            None if package.manifest_path.starts_with(&application) => Origin::Application,
            None => Origin::Pith,
        },
        name: package.name,
        version: package.version,
        license: package.license.unwrap_or_else(|| "unknown".to_owned()),
    };
    let mut libraries: Vec<Library> = metadata.packages.into_iter().filter(|package| ids.contains(&package.id)).map(library).collect();
    libraries.sort();
    libraries.dedup();
    Ok(libraries)
}
