//! Cargo projects: built by cargo, static and at fixed addresses.

use super::error::NativeError;
use super::{Building, tools};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Against musl, when rustup has installed its standard library.
const MUSL: &str = "x86_64-unknown-linux-musl";
const GLIBC: &str = "x86_64-unknown-linux-gnu";

/// What cargo says of one thing that it made (`--message-format=json`); the rest of its messages is skipped.
#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
    fresh: Option<bool>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// A program that cargo built.
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was there already.
    pub is_fresh: bool,
    /// Warnings.
    pub said: String,
}

/// The target whose standard library is installed: musl's, whose programs are smaller, else glibc's.
fn target(rustc: &Path) -> &'static str {
    let output = Command::new(rustc).args(["--print", "sysroot"]).output();
    let sysroot = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if Path::new(&sysroot).join("lib/rustlib").join(MUSL).join("lib").is_dir() { MUSL } else { GLIBC }
}

/// Builds the program of the Cargo project.
///
/// # Errors
/// No cargo; what cargo says; no program or several.
pub fn build(order: &Building<'_>, directory: &Path) -> Result<Program, NativeError> {
    let cargo = tools::find("cargo", "cargo", "builds Rust projects (rustup.rs has newer ones)")?;
    let rustc = tools::find("rustc", "rustc", "compiles Rust (rustup.rs has newer ones)")?;
    let target = target(&rustc);
    let manifest = order.project.join("Cargo.toml");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--release", "--quiet", "--message-format=json-render-diagnostics", "--target", target, "--manifest-path"])
        .arg(&manifest);
    command.arg("--target-dir").arg(directory.join("cargo")).current_dir(order.project);
    command.arg("-j").arg(order.jobs.to_string());
    // The user's own flags stay, and so does the project's profile; these are about what the kernel can start.
    let flags = "-Ctarget-feature=+crt-static -Crelocation-model=static -Clink-arg=-Wl,--gc-sections -Clink-arg=-Wl,--build-id=none";
    let own = std::env::var("RUSTFLAGS").unwrap_or_default();
    command.env("RUSTFLAGS", format!("{own} {flags}").trim()).env_remove("CARGO_ENCODED_RUSTFLAGS");
    (order.told)("building with cargo");
    let failed = |error| NativeError::Run { program: "cargo".into(), error };
    let output = command.stdin(Stdio::null()).output().map_err(failed)?;
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    if !output.status.success() {
        return Err(NativeError::Failed { what: "cargo build".into(), status: output.status.to_string(), said });
    }
    let messages = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let made: Vec<Message> = messages.filter(|message| message.reason == "compiler-artifact" && message.executable.is_some()).collect();
    let is_program = |message: &&Message| message.target.as_ref().is_some_and(|target| target.kind.iter().any(|kind| kind == "bin"));
    let programs: Vec<&Message> = made.iter().filter(is_program).collect();
    match programs.as_slice() {
        [Message { executable: Some(path), fresh, .. }] => Ok(Program { path: path.clone(), is_fresh: fresh.unwrap_or(false), said }),
        others => {
            let names: Vec<&str> = others.iter().filter_map(|message| message.target.as_ref()).map(|target| target.name.as_str()).collect();
            let found = if names.is_empty() { "no program".to_owned() } else { format!("{} programs ({})", names.len(), names.join(", ")) };
            Err(NativeError::Programs { path: manifest, found })
        }
    }
}
