//! `cargo metadata`, as far as the rules need it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One package, of the workspace or from a registry.
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// SPDX expression, empty when it says none.
    pub licence: String,
    /// Its directory.
    pub directory: PathBuf,
    /// Whether it belongs to the workspace.
    pub member: bool,
    /// Names of the packages that it links (no tests, no build scripts).
    pub links: Vec<String>,
    /// Cargo features.
    pub features: Vec<String>,
}

/// A workspace with everything that it resolves to.
pub struct Workspace {
    /// All packages.
    pub packages: Vec<Package>,
}

impl Workspace {
    /// Asks cargo about the workspace of `manifest`.
    ///
    /// # Errors
    /// Cargo's own words, or that its answer made no sense.
    pub fn load(manifest: &Path) -> Result<Self, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let arguments = ["metadata", "--format-version=1", "--locked", "--filter-platform=x86_64-unknown-linux-gnu", "--manifest-path"];
        let output = Command::new(cargo).args(arguments).arg(manifest).output().map_err(|error| format!("cargo: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let value: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
        let members: Vec<&Value> = list(&value["workspace_members"]).collect();
        let packages = list(&value["packages"]).map(|package| Package {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: text(&package["license"]),
            directory: Path::new(&text(&package["manifest_path"])).parent().unwrap_or(Path::new("/")).to_owned(),
            member: members.contains(&&package["id"]),
            links: list(&package["dependencies"]).filter(|dependency| dependency["kind"].is_null()).map(|d| text(&d["name"])).collect(),
            features: package["features"].as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default(),
        });
        Ok(Self { packages: packages.collect() })
    }

    /// The packages that are ours.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.member)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
