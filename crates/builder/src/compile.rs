//! cargo, as the kernel needs it called.

use crate::application::LIBRARY;
use crate::configuration::Configuration;
use crate::core::Core;
use crate::error::{BuildError, Result};
use crate::library::{self, Library};
use crate::llvm;
use crate::stage::{APPLICATION, Stage};
use crate::toolchain::{TARGET, Toolchain};
use serde::Deserialize;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};

/// The feature that asks for code as small as can be, and what it comes to besides in an image without a network: the machine outliner, and size also where
/// every request passes.
const SMALL_CODE: &str = "small-code";
const OUTLINER: &str = "-Cllvm-args=-enable-machine-outliner=always";
const FAST_CRATES: [&str; 10] = ["net", "virtqueue", "virtio-net", "wait", "usermem", "sched", "frame", "sortedmap", "futex", "pipe"];

/// Variables of the user's that would make another image of the same sources.
const FOREIGN: [&str; 8] = [
    "RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_DIR",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
];

/// How many lines of an error are shown, and how many of a failure without one.
const ERROR_LINES: usize = 60;
const LAST_LINES: usize = 12;

/// How a build goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Another build is at work in the same place; this one waits for it.
    Waiting,
    /// The compiler has begun.
    Started {
        /// About how many crates there are.
        crates: usize,
    },
    /// A crate is compiled.
    Compiled {
        /// Its name.
        name: &'a str,
    },
    /// The compiler has no such option of LLVM's, and the kernel is built without.
    WithoutOption {
        /// The option.
        name: &'a str,
    },
    /// The compiler is done.
    Finished,
    /// The compiler warns of something in the application; the image was made.
    Warning {
        /// What it says.
        text: &'a str,
    },
}

/// Told how a build goes on.
pub type Reporter<'a> = &'a dyn Fn(Progress<'_>);

/// What to compile, and how.
pub(crate) struct Compile<'a> {
    pub core: &'a Core,
    pub configuration: &'a Configuration,
    pub toolchain: &'a Toolchain,
    pub stage: &'a Stage,
    /// Options of LLVM's that the compiler knows.
    pub llvm: &'a [&'static str],
    /// As [`is_small`] says.
    pub is_small: bool,
    /// How many compilers at a time; as many as there are processors when `None`.
    pub jobs: Option<u32>,
    /// Gets all that the compiler says.
    pub log: Option<&'a Path>,
    pub reporter: Reporter<'a>,
}

/// What the compiler made.
pub(crate) struct Compiled {
    pub executable: PathBuf,
    pub libraries: Vec<Library>,
}

/// Flags that say what code is made; those that say where it was made are not among them.
pub(crate) fn code_flags(llvm: &[&str], is_small: bool) -> Vec<String> {
    let mut flags = vec!["-Crelocation-model=static".to_owned(), "-Ccode-model=kernel".to_owned()];
    flags.extend(llvm.iter().map(|option| llvm::flag(option)));
    if is_small {
        flags.push(OUTLINER.to_owned());
    }
    flags
}

/// Whether small code goes before fast code everywhere: a choice of the configuration's, which a preset may have made.
pub(crate) fn is_small(core: &Core, configuration: &Configuration) -> Result<bool> {
    let path = core.root().join("kernel/image/Cargo.toml");
    let chosen = configuration.chosen_features(&fs::read_to_string(&path).map_err(BuildError::at(&path))?);
    Ok(chosen.contains(SMALL_CODE) && !chosen.contains("net"))
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    manifest_path: Option<PathBuf>,
    message: Option<Diagnostic>,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// One complaint of the compiler's.
#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

/// What cargo tells programs, read to its end.
#[derive(Default)]
struct Told {
    executable: Option<PathBuf>,
    /// The packages that are linked into it.
    ids: Vec<String>,
    /// All that the compiler complains of, in lines.
    lines: Vec<String>,
    /// Of that, warnings of the application's own code.
    warnings: Vec<String>,
}

impl Compile<'_> {
    /// Paths in messages and debug information without where things were unpacked: that says nothing and would be in the image.
    fn flags(&self) -> OsString {
        let mut flags: Vec<OsString> = code_flags(self.llvm, self.is_small).into_iter().map(OsString::from).collect();
        let mut forget = |place: &Path| {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(place);
            flag.push("/=");
            flags.push(flag);
        };
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
        let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
        let mut unpacked: Vec<PathBuf> = registries.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        unpacked.sort();
        unpacked.iter().for_each(|registry| forget(registry));
        if self.configuration.application.is_some() {
            // Its messages name its files as its own directory does.
            forget(Path::new(APPLICATION));
        }
        forget(self.stage.target());
        forget(self.stage.sources());
        if let Some(vendor) = self.core.vendor() {
            forget(vendor);
        }
        // The unit separator is how cargo wants flags that may have blanks in them.
        flags.join(&OsString::from("\u{1f}"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.toolchain.cargo);
        command.current_dir(self.stage.sources());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if FOREIGN.contains(&text.as_ref())
                || text.starts_with("CARGO_PROFILE_")
                || text.starts_with("CARGO_TARGET_")
                || text.starts_with("CARGO_ENCODED_")
            {
                command.env_remove(&name);
            }
        }
        if let Some(vendor) = self.core.vendor().filter(|_| self.is_vendored()) {
            command.args(["--offline", "--config", "source.crates-io.replace-with=\"pith-vendor\"", "--config"]);
            command.arg(format!("source.pith-vendor.directory={:?}", vendor.display().to_string()));
        }
        command.env("CARGO_TERM_COLOR", "never");
        if let Some(rustc) = &self.toolchain.rustc {
            command.env("RUSTC", rustc);
        }
        command
    }

    /// Runs cargo to its end.
    ///
    /// # Errors
    /// Whatever the compiler complained of.
    pub fn run(&self) -> Result<Compiled> {
        let mut command = self.command();
        // Before the command's name: cargo forgets settings from there when others follow behind it.
        if self.is_small {
            for name in FAST_CRATES {
                command.args(["--config", &format!("profile.release.package.{name}.opt-level=\"z\"")]);
            }
        }
        let features = self.configuration.sorted_features();
        match &self.configuration.application {
            None => command.args(["build", "--locked", "-p", "image", "--no-default-features", "--features", &features.join(",")]),
            // The lock file gets the application's own package.
            Some(application) => {
                let features: Vec<String> = features.iter().map(|feature| format!("{LIBRARY}/{feature}")).collect();
                command.args(["rustc", "-p", &application.package, "--bin", &application.program, "--features", &features.join(",")])
            }
        };
        command.args(["--release", "--target", TARGET, "--message-format", "json"]);
        if let Some(jobs) = self.jobs {
            command.arg(format!("--jobs={jobs}"));
        }
        if self.configuration.application.is_some() {
            command.arg("--").args(self.link_arguments()?);
        }
        command.env("CARGO_ENCODED_RUSTFLAGS", self.flags());
        command.env("CARGO_TARGET_DIR", self.stage.target());
        command.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", &self.toolchain.linker);
        command.env("PITH_CONFIG", self.stage.config());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut log = self.log.map(|path| File::create(path).map_err(BuildError::at(path))).transpose()?;
        if let Some(log) = &mut log {
            // The rest of the log is the compiler's; a log that cannot be written to shows there.
            let _ = writeln!(log, "{command:?}");
        }
        let broken = |error: std::io::Error| BuildError::BrokenProgram {
            program: self.toolchain.cargo.display().to_string(),
            problem: error.to_string(),
        };
        llvm::missing(self.llvm).for_each(|name| (self.reporter)(Progress::WithoutOption { name }));
        let mut child = command.spawn().map_err(broken)?;
        (self.reporter)(Progress::Started { crates: self.crates() });
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // Both write behind what the other has written.
        let second = log.as_ref().and_then(|log| log.try_clone().ok());
        let (said, mut told) = std::thread::scope(|scope| {
            let said = scope.spawn(move || keep(stderr, log));
            let stdout = stdout.into_iter().next().map_or_else(empty, |stdout| Box::new(stdout) as Box<dyn std::io::Read>);
            let told = self.listen(BufReader::new(stdout), second);
            (said.join().unwrap_or_default(), told)
        });
        let status = child.wait().map_err(broken)?;
        (self.reporter)(Progress::Finished);
        if !status.success() {
            told.lines.extend(said);
            return Err(BuildError::Compile { lines: relevant(&told.lines), log: self.log.map(Path::to_owned) });
        }
        told.warnings.iter().for_each(|text| (self.reporter)(Progress::Warning { text }));
        let executable = told.executable.ok_or_else(|| BuildError::Compile {
            lines: "cargo ended well and made no image".to_owned(),
            log: self.log.map(Path::to_owned),
        })?;
        Ok(Compiled { executable, libraries: library::of(&told.ids, self.command(), self.stage.sources())? })
    }

    /// Whether all that is to be compiled came with the core.
    fn is_vendored(&self) -> bool {
        let lock = || fs::read_to_string(self.core.root().join("kernel/Cargo.lock")).unwrap_or_default();
        self.configuration.application.as_ref().is_none_or(|application| application.needs_only(&lock()))
    }

    /// How `image` has itself linked (its build script), for an application in its place.
    fn link_arguments(&self) -> Result<Vec<OsString>> {
        let machine = self.stage.sources().join("machine");
        let list = machine.join("link.args");
        let text = fs::read_to_string(&list).map_err(BuildError::at(&list))?;
        let listed = text.lines().filter(|line| line.starts_with('-')).map(|argument| format!("-Clink-arg={argument}").into());
        let mut script = OsString::from("-Clink-arg=-T");
        script.push(machine.join("linker.ld"));
        Ok(listed.chain([script]).collect())
    }

    /// About how many crates there are to compile.
    fn crates(&self) -> usize {
        fs::read_to_string(self.stage.sources().join("Cargo.lock")).map_or(0, |lock| lock.matches("[[package]]").count())
    }

    /// Reads what cargo tells programs; what the compiler complains of goes into the log, too.
    fn listen(&self, messages: impl BufRead, mut log: Option<File>) -> Told {
        let mut told = Told::default();
        let application = self.stage.sources().join(APPLICATION);
        for line in messages.lines().map_while(std::io::Result::ok) {
            let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
            if let Some(Diagnostic { level, rendered: Some(text) }) = message.message {
                if let Some(file) = &mut log
                    && file.write_all(text.as_bytes()).is_err()
                {
                    log = None;
                }
                told.lines.extend(text.lines().map(ToOwned::to_owned));
                if level == "warning" && message.manifest_path.is_some_and(|path| path.starts_with(&application)) {
                    told.warnings.push(text.trim_end().to_owned());
                }
                continue;
            }
            let (Some(id), Some(target)) = (message.package_id, message.target) else { continue };
            if message.reason != "compiler-artifact" || target.kind.iter().any(|kind| kind == "custom-build" || kind == "proc-macro") {
                continue;
            }
            (self.reporter)(Progress::Compiled { name: &target.name });
            told.executable = message.executable.or(told.executable);
            told.ids.push(id);
        }
        told
    }
}

fn empty() -> Box<dyn std::io::Read> {
    Box::new(std::io::empty())
}

/// All that cargo says, copied into the log as it comes.
fn keep(stderr: Option<ChildStderr>, mut log: Option<File>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in
        BufReader::new(stderr.into_iter().next().map_or_else(empty, |stderr| Box::new(stderr))).lines().map_while(std::io::Result::ok)
    {
        if let Some(file) = &mut log
            && writeln!(file, "{line}").is_err()
        {
            log = None;
        }
        lines.push(line);
    }
    lines
}

/// The lines from the first error on, without the list of what was compiled; the last ones when there is no error among them.
fn relevant(said: &[String]) -> String {
    let is_progress = |line: &&String| {
        ["Compiling ", "Finished ", "Fresh ", "Blocking ", "Locking ", "Updating "].iter().any(|word| line.trim_start().starts_with(word))
    };
    let lines: Vec<&String> = said.iter().filter(|line| !is_progress(line)).collect();
    let start = lines.iter().position(|line| line.starts_with("error")).unwrap_or(lines.len().saturating_sub(LAST_LINES));
    let shown: Vec<&str> = lines.iter().skip(start).take(ERROR_LINES).map(|line| line.as_str()).collect();
    if shown.is_empty() { "cargo failed and said nothing".to_owned() } else { shown.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failure_the_errors_are_shown() {
        let said = |text: &str| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
        let all = said(
            "   Compiling net v0.1.0\nwarning: odd\nerror[E0308]: mismatched types\n --> lib/net/src/lib.rs:1:1\n   Compiling vfs v0.1.0\nerror: could not compile",
        );
        assert_eq!(relevant(&all), "error[E0308]: mismatched types\n --> lib/net/src/lib.rs:1:1\nerror: could not compile");
        assert_eq!(relevant(&said("   Compiling net v0.1.0\nout of room")), "out of room");
        assert_eq!(relevant(&[]), "cargo failed and said nothing");
    }
}
