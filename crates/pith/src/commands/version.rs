//! `pith version`.

use crate::cli::{Output, VersionArgs};
use crate::embedded;
use crate::error::Result;
use crate::listing::{json, yaml};
use crate::settings::Settings;
use serde_json::json;

/// Shows the version: `pith 0.1.0`, or called as kraft `kraft 0.1.0 (COMMIT) COMPILER DATE`, in kraft's shape.
///
/// # Errors
/// Never in practice.
pub fn version(settings: &Settings, arguments: &VersionArgs) -> Result<u8> {
    let (version, commit, compiler, date) = (env!("CARGO_PKG_VERSION"), env!("PITH_COMMIT"), env!("PITH_COMPILER"), env!("PITH_DATE"));
    let value = json!({ "version": version, "commit": commit, "compiler": compiler, "date": date, "runtime": embedded::description() });
    match arguments.output {
        Output::Table if settings.is_kraft => println!("kraft {version} ({commit}) {compiler} {date}"),
        Output::Table => println!("pith {version} ({commit})"),
        Output::Json => print!("{}", json(&value)?),
        Output::Yaml => print!("{}", yaml(&value)),
        Output::List => {
            for (name, value) in value.as_object().into_iter().flatten() {
                println!("{name}: {}", value.as_str().unwrap_or_default());
            }
        }
    }
    Ok(0)
}
