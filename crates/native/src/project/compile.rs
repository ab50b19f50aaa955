//! Objects and programs: compiled when something changed, as many at a time as there are processors.

use super::error::NativeError;
use super::makefile::{Language, Source};
use super::tools;
use std::collections::hash_map::DefaultHasher;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::{Hash, Hasher};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// A program with its first arguments.
#[derive(Clone, Debug)]
pub struct Tool {
    program: PathBuf,
    first: Vec<String>,
}

impl Tool {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.first);
        command
    }
}

/// The compilers of one project.
#[derive(Clone, Debug)]
pub struct Compilers {
    c: Tool,
    cxx: Option<Tool>,
}

/// A C library whose programs are small when static, and g++ with glibc where there is C++: there is no libstdc++ over musl in Debian.
const MUSL: (&str, &str, &str) = ("musl-gcc", "musl-tools", "compiles C against musl, whose static programs are small");
const GCC: (&str, &str, &str) = ("gcc", "gcc", "compiles the C sources of a project with C++");
const GXX: (&str, &str, &str) = ("g++", "g++", "compiles C++");

impl Compilers {
    /// Compilers for these sources. `named` has what the user says instead (`CC=...`, `CXX=...`).
    ///
    /// # Errors
    /// One is not installed.
    pub fn choose(sources: &[Source], named: &[(String, String)]) -> Result<Self, NativeError> {
        let has_cxx = sources.iter().any(|source| source.language == Language::Cxx);
        let tool = |variable: &str, (name, package, purpose): (&'static str, &'static str, &'static str)| {
            let said = named.iter().rev().find(|(name, _)| name == variable).map(|(_, value)| value.as_str());
            let Some(text) = said else {
                return Ok(Tool { program: tools::find(name, package, purpose)?, first: Vec::new() });
            };
            let wrong = || NativeError::Compiler { variable: variable.to_owned(), value: text.to_owned() };
            let mut words = shlex::split(text).unwrap_or_default().into_iter();
            let program = words.next().and_then(|word| tools::program(&word)).ok_or_else(wrong)?;
            Ok::<_, NativeError>(Tool { program, first: words.collect() })
        };
        let c = tool("CC", if has_cxx { GCC } else { MUSL })?;
        let cxx = has_cxx.then(|| tool("CXX", GXX)).transpose()?;
        Ok(Self { c, cxx })
    }

    fn of(&self, language: Language) -> &Tool {
        match (language, &self.cxx) {
            (Language::Cxx, Some(cxx)) => cxx,
            _ => &self.c,
        }
    }

    fn linker(&self) -> &Tool {
        self.cxx.as_ref().unwrap_or(&self.c)
    }
}

/// For every file: small, in sections that the linker can leave out, at fixed addresses.
const FLAGS: [&str; 5] = ["-Os", "-ffunction-sections", "-fdata-sections", "-fno-pie", "-fno-strict-aliasing"];
/// What only C can do without: tables for unwinding.
const C_FLAGS: [&str; 2] = ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"];
const LINK_FLAGS: [&str; 6] =
    ["-static", "-no-pie", "-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-z,norelro", "-Wl,-z,max-page-size=4096"];

/// One program to run to make one file.
struct Step {
    output: PathBuf,
    command: Command,
    /// What the output depends on besides the command, as far as it is known before.
    inputs: Vec<PathBuf>,
    /// What it is, for messages.
    what: String,
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// The files that a compiler's dependency file names.
fn dependencies(text: &[u8]) -> Vec<PathBuf> {
    let mut words: Vec<Vec<u8>> = vec![Vec::new()];
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek().copied()) {
            (b'\\', Some(b'\n')) => {
                bytes.next();
                words.push(Vec::new());
            }
            (b'\\', Some(escaped @ (b' ' | b'#'))) => {
                bytes.next();
                words.last_mut().expect("there is one").push(escaped);
            }
            (b' ' | b'\n' | b'\t', _) => words.push(Vec::new()),
            (other, _) => words.last_mut().expect("there is one").push(other),
        }
    }
    let files = words.into_iter().filter(|word| !word.is_empty() && !word.ends_with(b":"));
    files.map(|word| PathBuf::from(OsString::from_vec(word))).collect()
}

impl Step {
    /// The command in one line, to see whether it is the one that made the output.
    fn line(&self) -> Vec<u8> {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(OsStr::as_bytes).collect::<Vec<_>>().join(&0)
    }

    fn is_done(&self) -> bool {
        let Some(made) = modified(&self.output) else { return false };
        let named = fs::read(beside(&self.output, "d")).map(|text| dependencies(&text)).unwrap_or_default();
        let older = |path: &PathBuf| modified(path).is_some_and(|time| time <= made);
        fs::read(beside(&self.output, "cmd")).is_ok_and(|line| line == self.line()) && self.inputs.iter().chain(&named).all(older)
    }

    /// Carries it out; what the program had to say when it succeeded.
    fn run(&mut self) -> Result<String, NativeError> {
        let line = beside(&self.output, "cmd");
        // An output that is half made must not look finished.
        let _ = fs::remove_file(&line);
        let output = self.command.output();
        let failed = |error| NativeError::Run { program: self.command.get_program().to_string_lossy().into_owned(), error };
        let output = output.map_err(failed)?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim_end().to_owned();
        if !output.status.success() {
            return Err(NativeError::Failed { what: self.what.clone(), status: output.status.to_string(), said });
        }
        fs::write(&line, self.line()).map_err(NativeError::at(&line))?;
        Ok(said)
    }
}

/// What became of a number of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// How many were carried out; the others' outputs were there.
    pub run: usize,
    /// What the programs had to say: warnings.
    pub said: Vec<String>,
}

/// Carries out what is not done, `jobs` at a time.
fn run(steps: Vec<Step>, jobs: usize, told: &(dyn Fn(&str) + Sync)) -> Result<Made, NativeError> {
    let steps: Vec<Mutex<Step>> = steps.into_iter().filter(|step| !step.is_done()).map(Mutex::new).collect();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, steps.len().max(1)) {
            scope.spawn(|| {
                while let Some(step) = steps.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut step = step.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    told(&step.what);
                    let result = step.run();
                    if result.is_err() {
                        // Nobody begins another one.
                        next.store(steps.len(), Ordering::Relaxed);
                    }
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let said = results.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Made { run: said.len(), said: said.into_iter().filter(|text| !text.is_empty()).collect() })
}

/// Where a source's object goes: the same place for the same source, different ones for different sources.
fn object(source: &Source, directory: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (&source.path, &source.variant).hash(&mut hasher);
    let stem = source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    directory.join(&source.library).join(format!("{stem}-{:016x}.o", hasher.finish()))
}

/// Where and how.
pub struct Place<'a> {
    /// The project's directory, in which the compilers run.
    pub project: &'a Path,
    /// Where objects and the program go.
    pub directory: &'a Path,
    /// How many compilers at a time.
    pub jobs: usize,
    /// Told of each file before it is made.
    pub told: &'a (dyn Fn(&str) + Sync),
}

impl Place<'_> {
    /// Compiles `sources` and links them to `program`.
    ///
    /// # Errors
    /// What a compiler or the linker says.
    pub fn build(&self, compilers: &Compilers, sources: &[Source], link_flags: &[String], program: &Path) -> Result<Made, NativeError> {
        let mut steps = Vec::new();
        let mut objects = Vec::new();
        for source in sources {
            let output = object(source, self.directory);
            let parent = output.parent().unwrap_or(self.directory);
            fs::create_dir_all(parent).map_err(NativeError::at(parent))?;
            let mut command = compilers.of(source.language).command();
            command.args(FLAGS).current_dir(self.project);
            if source.language == Language::C {
                command.args(C_FLAGS);
            }
            command.args(&source.flags).arg("-MMD").arg("-MF").arg(beside(&output, "d")).arg("-c").arg("-o").arg(&output).arg(&source.path);
            let shown = source.path.strip_prefix(self.project).unwrap_or(&source.path).display();
            steps.push(Step { output: output.clone(), command, inputs: vec![source.path.clone()], what: format!("compiling {shown}") });
            objects.push(output);
        }
        let mut made = run(steps, self.jobs, self.told)?;
        let mut command = compilers.linker().command();
        command.args(LINK_FLAGS).current_dir(self.project).arg("-o").arg(program).args(&objects).args(link_flags);
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let link = Step { output: program.to_owned(), command, inputs: objects, what: format!("linking {name}") };
        let linked = run(vec![link], 1, self.told)?;
        made.run += linked.run;
        made.said.extend(linked.said);
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependency_files_are_read_as_compilers_write_them() {
        let text = b"/out/a.o: /src/a.c \\\n /src/with\\ space.h \\\n  /src/b.h\n\n/src/b.h:\n";
        let expected = ["/src/a.c", "/src/with space.h", "/src/b.h"].map(PathBuf::from);
        assert_eq!(dependencies(text), expected);
        assert!(dependencies(b"").is_empty());
    }
}
