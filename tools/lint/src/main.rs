//! The rules that no compiler checks: `lint` says what is against them, one line each; `lint features` lists the builds in which every library
//! feature of the kernel stands alone.
//!
//! * [`layers`]: no kernel crate depends on a higher one, and the two workspaces share `pith-abi` only.
//! * [`unsafety`]: every crate outside unsafe's homes forbids it.
//! * [`libraries`]: each micro-library has a README that says what it does not do, and a Kconfig file that holds together.
//! * [`licences`]: what is linked in has a licence that `deny.toml` allows.
//! * [`texts`]: files stay readable, and nothing in them points into somebody's machine.
//!
//! Neighbour: `tools/check.sh` runs it beside rustfmt and clippy.

mod layers;
mod libraries;
mod licences;
mod metadata;
mod texts;
mod unsafety;

use metadata::Workspace;
use std::path::Path;
use std::process::ExitCode;

/// What is wrong, or merely worth a look.
#[derive(Default)]
pub struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Findings {
    /// Something against the rules.
    pub fn error(&mut self, text: impl Into<String>) {
        self.errors.push(text.into());
    }
    /// Something worth a look.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }
}

fn run() -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().map_err(|error| error.to_string())?;
    let kernel = Workspace::load(&root.join("kernel/Cargo.toml"))?;
    if std::env::args().nth(1).as_deref() == Some("features") {
        layers::print_feature_builds(&kernel);
        return Ok(true);
    }
    let host = Workspace::load(&root.join("Cargo.toml"))?;
    let mut findings = Findings::default();
    layers::check(&kernel, &host, &mut findings);
    unsafety::check(&kernel, &host, &mut findings);
    libraries::check(&root, &kernel, &mut findings);
    licences::check(&root, &[&host, &kernel], &mut findings)?;
    texts::check(&root, &mut findings)?;
    for text in &findings.warnings {
        println!("warning: {text}");
    }
    for text in &findings.errors {
        println!("error: {text}");
    }
    println!("lint: {} errors, {} warnings", findings.errors.len(), findings.warnings.len());
    Ok(findings.errors.is_empty())
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("lint: {problem}");
            ExitCode::FAILURE
        }
    }
}
