//! The programs that a kernel is built with: cargo, its compiler, a linker.

use crate::error::{BuildError, Result};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the kernel is compiled for.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The least version of the compiler, as in the kernel's `rust-version`.
const NEEDED: (&str, u32, u32) = ("1.95", 1, 95);

const GET_RUST: &str = "install Rust, with rustup, or your distribution's cargo if it is 1.95 or later";
const GET_LINKER: &str = "install a C toolchain: `apt install gcc`, `dnf install gcc`, `apk add gcc musl-dev`";

/// Programs that the user prefers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// cargo; that in `PATH` when `None`.
    pub cargo: Option<OsString>,
    /// The compiler; cargo's own when `None`.
    pub rustc: Option<OsString>,
    /// What links: a C compiler; `cc` when `None`.
    pub linker: Option<OsString>,
}

impl Choice {
    /// Takes `NAME=VALUE` as kraft's `--toolchain` has it.
    ///
    /// # Errors
    /// A sentence: no such name, or no value.
    pub fn set(&mut self, text: &str) -> std::result::Result<(), String> {
        let (name, value) =
            text.split_once('=').filter(|(_, value)| !value.is_empty()).ok_or_else(|| format!("{text:?}: expected NAME=VALUE"))?;
        let value = OsString::from(value);
        match name {
            "CARGO" => self.cargo = Some(value),
            "RUSTC" => self.rustc = Some(value),
            "CC" | "LD" => self.linker = Some(value),
            "CROSS_COMPILE" => {
                let mut linker = value;
                linker.push("gcc");
                self.linker = Some(linker);
            }
            _ => return Err(format!("{name} is no variable of a build here; expected CARGO, RUSTC, CC (which links) or CROSS_COMPILE")),
        }
        Ok(())
    }
}

/// Programs that are there and do.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// cargo.
    pub cargo: OsString,
    /// The compiler, when it is not cargo's own.
    pub rustc: Option<OsString>,
    /// The compiler, whoever chose it.
    compiler: OsString,
    /// What links.
    pub linker: OsString,
    /// What `rustc -vV` says.
    pub rustc_version: String,
    /// The first line of what the linker says about itself.
    pub linker_version: String,
}

/// What a program answers.
fn ask(program: &OsStr, arguments: &[&str], directory: &Path, help: &'static str) -> Result<String> {
    let name = || Path::new(program).display().to_string();
    let output = Command::new(program).args(arguments).current_dir(directory).output();
    let output = output.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => BuildError::MissingProgram { program: name(), help },
        _ => BuildError::BrokenProgram { program: name(), problem: error.to_string() },
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let problem = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing and fails").trim().to_owned();
        return Err(BuildError::BrokenProgram { program: format!("{} {}", name(), arguments.join(" ")), problem });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Toolchain {
    /// Finds the programs and looks whether they will do. `directory` is where they will run: a `rust-toolchain.toml` above it counts.
    ///
    /// # Errors
    /// One that is missing or too old, with how to get it.
    pub fn find(choice: &Choice, directory: &Path) -> Result<Self> {
        let cargo = choice.cargo.clone().unwrap_or_else(cargo_here);
        // What cargo would take: the variable, or what lies beside it.
        let rustc = choice.rustc.clone().or_else(|| std::env::var_os("RUSTC").filter(|name| !name.is_empty()));
        let compiler = rustc.clone().unwrap_or_else(|| beside(&cargo, "rustc"));
        if choice.cargo.is_some() || !Path::new(&cargo).is_absolute() {
            ask(&cargo, &["--version"], directory, GET_RUST)?;
        }
        let rustc_version = ask(&compiler, &["-vV"], directory, GET_RUST)?;
        let release = rustc_version.lines().find_map(|line| line.strip_prefix("release: ")).unwrap_or_default();
        if version(release) < (NEEDED.1, NEEDED.2) {
            return Err(BuildError::OldCompiler {
                rustc: Path::new(&compiler).display().to_string(),
                found: release.to_owned(),
                needed: NEEDED.0,
            });
        }
        let linker = choice.linker.clone().unwrap_or_else(|| "cc".into());
        let linker_version = ask(&linker, &["--version"], directory, GET_LINKER)?.lines().next().unwrap_or_default().to_owned();
        Ok(Self { cargo, rustc, compiler, linker, rustc_version, linker_version })
    }

    /// Looks whether the compiler has a library for [`TARGET`]: asked before something is compiled only, because it takes a while.
    ///
    /// # Errors
    /// It has none.
    pub fn check_target(&self, directory: &Path) -> Result<()> {
        let library = ask(&self.compiler, &["--print=target-libdir", "--target", TARGET], directory, GET_RUST)?;
        if Path::new(&library).is_dir() {
            return Ok(());
        }
        Err(BuildError::MissingTarget { rustc: Path::new(&self.compiler).display().to_string(), target: TARGET })
    }
}

impl Toolchain {
    /// Whether the compiler takes these flags. It looks at them before it does anything.
    pub(crate) fn takes(&self, flags: &[String], directory: &Path) -> bool {
        let mut command = Command::new(&self.compiler);
        command.args(["--print=target-libdir", "--target", TARGET]).args(flags).current_dir(directory);
        command.output().is_ok_and(|output| output.status.success())
    }
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// cargo in `PATH`, else where rustup puts it.
fn cargo_here() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join("cargo")).find(|path| path.is_file());
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let rustup = home.map(|home| home.join("bin/cargo")).filter(|path| path.is_file());
    found.or(rustup).map_or_else(|| "cargo".into(), PathBuf::into_os_string)
}

fn beside(program: &OsStr, name: &str) -> OsString {
    let path = Path::new(program).with_file_name(name);
    if path.is_file() { path.into_os_string() } else { name.into() }
}
